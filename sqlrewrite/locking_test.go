package sqlrewrite

import "testing"

func TestSplitLocking(t *testing.T) {
	for sql, want := range map[string]struct {
		plain string
		how   Locking
	}{
		"SELECT * FROM t WHERE id = 1 FOR UPDATE":                       {"SELECT * FROM t WHERE id = 1 ", Locking{Clause: "FOR UPDATE"}},
		"select a from t where id=? for update;":                        {"select a from t where id=? ", Locking{Clause: "FOR UPDATE"}},
		"SELECT a FROM t WHERE s = 'FOR UPDATE' FOR UPDATE NOWAIT":      {"SELECT a FROM t WHERE s = 'FOR UPDATE' ", Locking{Wait: LockNoWait, Clause: "FOR UPDATE NOWAIT"}},
		"SELECT a FROM t WHERE id IN (1,2) FOR UPDATE SKIP LOCKED -- x": {"SELECT a FROM t WHERE id IN (1,2) ", Locking{Wait: LockSkips, Clause: "FOR UPDATE SKIP LOCKED"}},
		"SELECT a FROM t WHERE id = 1 FOR SHARE":                        {"SELECT a FROM t WHERE id = 1 ", Locking{Shared: true, Clause: "FOR SHARE"}},
		"SELECT a FROM t WHERE id = 1 for share nowait;":                {"SELECT a FROM t WHERE id = 1 ", Locking{Shared: true, Wait: LockNoWait, Clause: "FOR SHARE NOWAIT"}},
		"SELECT a FROM t WHERE id = 1 LOCK IN SHARE MODE":               {"SELECT a FROM t WHERE id = 1 ", Locking{Shared: true, Clause: "LOCK IN SHARE MODE"}},
		"SELECT a FROM t WHERE id = 1 lock in share mode skip locked":   {"SELECT a FROM t WHERE id = 1 ", Locking{Shared: true, Wait: LockSkips, Clause: "LOCK IN SHARE MODE SKIP LOCKED"}},
	} {
		plain, how, ok := SplitLocking([]byte(sql), 0)
		if !ok || string(plain) != want.plain || how != want.how {
			t.Errorf("%s: %q, %+v, %v", sql, plain, how, ok)
		}
	}
	for _, sql := range []string{
		"", "FOR UPDATE", "SELECT 1", "FOR SHARE", "LOCK IN SHARE MODE", "SELECT a FROM t WHERE id = 1 FOR SHARE OF t", "SELECT a FROM t WHERE id = 1 IN SHARE MODE", "SELECT a FROM t WHERE id = 1 FOR SHARE UPDATE",
		"SELECT a FROM t WHERE id = 1 FOR UPDATE OF t", "SELECT a FROM t WHERE id = 1 FOR UPDATE WAIT 5", "SELECT a FROM t WHERE id = 1 FOR UPDATE; SELECT 1",
		"SELECT a FROM t WHERE id = 1 /*! FOR UPDATE */", "SELECT a FROM t WHERE s = 'FOR UPDATE'", "DELETE FROM t WHERE id = 1 FOR UPDATE", "SELECT a FROM t WHERE id = 1 SKIP LOCKED",
	} {
		if plain, _, ok := SplitLocking([]byte(sql), 0); ok {
			t.Errorf("%s was divided: %q", sql, plain)
		}
	}
}
