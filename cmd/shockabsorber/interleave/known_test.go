package interleave

import (
	"os"
	"strings"
	"testing"
	"time"
)

// part is a statement of a known difference, and what each side does with it: the
// beginning of its answer, "waits", or "-" for a statement that is not played on
// that side. Without either both sides must answer alike. A statement "" is the
// answer to the one that has waited.
type part struct {
	who             int
	sql             string
	direct, proxied string
}

// known are the differences between sessions that go directly to the database and
// such that go through the proxies, with what proxy/DESIGN.md says of each. The
// scripts avoid them, or end with them: play_test.go names them by these names.
var known = map[string]struct {
	design string
	parts  []part
}{
	"snapshot": {"two rows read one after the other may be of different times", []part{
		{who: 0, sql: "BEGIN"}, {who: 0, sql: "SELECT n FROM acct WHERE id = 1"},
		{who: 1, sql: "UPDATE acct SET n = 99 WHERE id = 2"},
		{0, "SELECT n FROM acct WHERE id = 2", "(20)", "(99)"},
		{who: 1, sql: "UPDATE acct SET n = 98 WHERE id = 2"},
		{0, "SELECT n FROM acct WHERE id = 2", "(20)", "(99)"}, {who: 0, sql: "COMMIT"},
		{who: 0, sql: "SELECT n FROM acct WHERE id = 2"},
	}},
	"a row that was read has changed": {"or one it has read before it spilled", []part{
		{who: 0, sql: "BEGIN"}, {who: 0, sql: "SELECT n FROM acct WHERE id = 1"},
		{who: 1, sql: "UPDATE acct SET n = 99 WHERE id = 1"},
		{0, "SELECT COUNT(*) FROM acct", "(12)", "error 1213 (40001)"}, {who: 0, sql: "COMMIT"},
	}},
	"locks are not seen in MySQL": {"statements that are not absorbed do not see its locks", []part{
		{who: 0, sql: "BEGIN"}, {who: 0, sql: "UPDATE acct SET n = 11 WHERE id = 1"},
		{1, "UPDATE acct SET note = 'wide' WHERE n BETWEEN 5 AND (SELECT 15)", "waits", "ok, 1 rows"},
		{0, "COMMIT", "ok, 0 rows", "error 1213 (40001)"}, {1, "", "ok, 1 rows", "-"},
	}},
	"locks are not seen by locking reads outside of transactions": {"statements that are not absorbed do not see its locks", []part{
		{who: 0, sql: "BEGIN"}, {who: 0, sql: "UPDATE acct SET n = 11 WHERE id = 1"},
		{1, "SELECT n FROM acct WHERE id = 1 FOR UPDATE", "waits", "(10)"},
		{who: 0, sql: "COMMIT"}, {1, "", "(11)", "-"}, {who: 1, sql: "SELECT n FROM acct WHERE id = 1 FOR UPDATE"},
	}},
	"a definition changes under a transaction": {"and when a table got another definition", []part{
		{who: 0, sql: "BEGIN"}, {who: 0, sql: "UPDATE acct SET n = 11 WHERE id = 1"},
		{1, "ALTER TABLE acct ADD COLUMN z INT NULL", "waits", "ok, 0 rows"},
		{0, "COMMIT", "ok, 0 rows", "error 1213 (40001)"}, {1, "", "ok, 0 rows", "-"},
		{who: 1, sql: "ALTER TABLE acct DROP COLUMN z"},
	}},
	"gaps are not locked": {"does not keep other keys of the gap from being inserted", []part{
		{who: 0, sql: "BEGIN"}, {who: 0, sql: "UPDATE acct SET n = 1 WHERE id = 50"},
		{1, "INSERT INTO acct (id, n) VALUES (51, 1)", "waits", "ok, 1 rows"},
		{who: 0, sql: "COMMIT"}, {1, "", "ok, 1 rows", "-"}, {who: 1, sql: "SELECT n FROM acct WHERE id = 51"},
	}},
	"keys without a row are locked": {"locks the key, where InnoDB locks the gap", []part{
		{who: 0, sql: "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"},
		{who: 0, sql: "BEGIN"}, {who: 0, sql: "UPDATE acct SET n = 1 WHERE id = 50"},
		{1, "INSERT INTO acct (id, n) VALUES (50, 1)", "ok, 1 rows", "waits"},
		{who: 0, sql: "COMMIT"}, {1, "", "-", "ok, 1 rows"}, {who: 1, sql: "SELECT n FROM acct WHERE id = 50"},
	}},
	"rows that do not match stay locked": {"stays locked under READ COMMITTED also if the statement's further conditions do not hold", []part{
		{who: 0, sql: "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"},
		{who: 0, sql: "BEGIN"}, {who: 0, sql: "UPDATE acct SET n = 1 WHERE id = 1 AND n > 50"},
		{1, "UPDATE acct SET n = 2 WHERE id = 1", "ok, 1 rows", "waits"},
		{who: 0, sql: "COMMIT"}, {1, "", "-", "ok, 1 rows"}, {who: 1, sql: "SELECT n FROM acct WHERE id = 1"},
	}},
	"victim": {"InnoDB's victim of a deadlock is the smaller transaction, here it is who closes the circle", []part{
		{who: 0, sql: "BEGIN"}, {who: 1, sql: "BEGIN"},
		{who: 0, sql: "UPDATE acct SET n = 1 WHERE id = 1"}, {who: 0, sql: "UPDATE acct SET n = 1 WHERE id = 2"}, {who: 0, sql: "UPDATE acct SET n = 1 WHERE id = 3"},
		{who: 0, sql: "UPDATE acct SET n = 1 WHERE id = 5"}, {who: 0, sql: "UPDATE acct SET n = 1 WHERE id = 6"},
		{who: 1, sql: "UPDATE acct SET n = 2 WHERE id = 4"}, {1, "UPDATE acct SET n = 2 WHERE id = 1", "waits", "waits"},
		{0, "UPDATE acct SET n = 1 WHERE id = 4", "ok, 1 rows", "error 1213 (40001)"},
		{1, "", "error 1213 (40001)", "ok, 1 rows"}, {who: 0, sql: "ROLLBACK"}, {who: 1, sql: "ROLLBACK"},
	}},
	"queue": {"get it in no particular order", []part{
		{who: 0, sql: "BEGIN"}, {who: 0, sql: "UPDATE acct SET n = 100 WHERE id = 1"},
		{1, "UPDATE acct SET n = n + 1 WHERE id = 1", "waits", "waits"}, {2, "UPDATE acct SET n = n + 2 WHERE id = 1", "waits", "waits"},
		{who: 0, sql: "COMMIT"}, {1, "", "ok, 1 rows", "ok, 1 rows"}, {2, "", "ok, 1 rows", "ok, 1 rows"},
		{who: 0, sql: "SELECT n FROM acct WHERE id = 1"},
	}},
}

// TestKnown: the differences that are known are there, and DESIGN.md says so. One
// that is gone must be taken out of the list, and the scripts be let do it.
func TestKnown(t *testing.T) {
	design, err := os.ReadFile("../../../proxy/DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, k := range known {
		if !strings.Contains(string(design), k.design) {
			t.Errorf("%s: proxy/DESIGN.md does not say %q", name, k.design)
		}
	}
	for _, server := range servers {
		t.Run(server.name, func(t *testing.T) {
			w := newWorld(t, server.start(t), server.mysql)
			for name, k := range known {
				t.Run(name, func(t *testing.T) {
					direct, proxied := w.moves(t, k.parts, false), w.moves(t, k.parts, true)
					for i, p := range k.parts {
						if p.direct == "" && direct[i] != proxied[i] {
							t.Errorf("%s\n  direct  %s\n  proxied %s", p.sql, direct[i], proxied[i])
						}
					}
					if diff, err := w.equal(); err != nil || diff != "" && name != "locks are not seen in MySQL" && name != "a definition changes under a transaction" {
						t.Error(diff, err)
					}
					if err := w.reset(strings.HasPrefix(name, "a definition")); err != nil {
						t.Fatal(err)
					}
				})
			}
		})
	}
}

// moves plays the parts on one side, and gives the answers.
func (w *world) moves(t *testing.T, parts []part, proxied bool) []string {
	t.Helper()
	links, err := w.side(3, proxied)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := closeAll(links); err != nil {
			t.Error(err)
		}
	}()
	answers := make([]string, len(parts))
	for i, p := range parts {
		l, want := links[p.who], p.direct
		if proxied {
			want = p.proxied
		}
		if want == "-" {
			continue
		}
		if p.sql != "" {
			l.begin(p.sql)
		}
		if want == "waits" {
			if a, ok := l.take(300 * time.Millisecond); ok {
				t.Errorf("proxied %v: %s did not wait: %s", proxied, p.sql, a.text)
				l.running = make(chan answer, 1)
				l.running <- a
			}
			continue
		}
		a, ok := l.take(patience)
		if answers[i] = a.text; !ok || !strings.HasPrefix(a.text, want) {
			t.Errorf("proxied %v: %s answers %q (%v), want %q", proxied, p.sql, a.text, ok, want)
		}
	}
	return answers
}
