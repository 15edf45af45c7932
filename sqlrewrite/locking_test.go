package sqlrewrite

import "testing"

func TestSplitLocking(t *testing.T) {
	for sql, want := range map[string]struct {
		plain string
		how   Locking
	}{
		"SELECT * FROM t WHERE id = 1 FOR UPDATE":                       {"SELECT * FROM t WHERE id = 1 ", LockWaits},
		"select a from t where id=? for update;":                        {"select a from t where id=? ", LockWaits},
		"SELECT a FROM t WHERE s = 'FOR UPDATE' FOR UPDATE NOWAIT":      {"SELECT a FROM t WHERE s = 'FOR UPDATE' ", LockNoWait},
		"SELECT a FROM t WHERE id IN (1,2) FOR UPDATE SKIP LOCKED -- x": {"SELECT a FROM t WHERE id IN (1,2) ", LockSkips},
	} {
		plain, how, ok := SplitLocking([]byte(sql), 0)
		if !ok || string(plain) != want.plain || how != want.how {
			t.Errorf("%s: %q, %d, %v", sql, plain, how, ok)
		}
	}
	for _, sql := range []string{
		"", "FOR UPDATE", "SELECT 1", "SELECT a FROM t WHERE id = 1 FOR SHARE", "SELECT a FROM t WHERE id = 1 LOCK IN SHARE MODE",
		"SELECT a FROM t WHERE id = 1 FOR UPDATE OF t", "SELECT a FROM t WHERE id = 1 FOR UPDATE WAIT 5", "SELECT a FROM t WHERE id = 1 FOR UPDATE; SELECT 1",
		"SELECT a FROM t WHERE id = 1 /*! FOR UPDATE */", "SELECT a FROM t WHERE s = 'FOR UPDATE'", "DELETE FROM t WHERE id = 1 FOR UPDATE", "SELECT a FROM t WHERE id = 1 SKIP LOCKED",
	} {
		if plain, _, ok := SplitLocking([]byte(sql), 0); ok {
			t.Errorf("%s was divided: %q", sql, plain)
		}
	}
}
