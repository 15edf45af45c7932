package e2e

import (
	"fmt"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// code is the number of the error that a statement got, 0 if it succeeded.
func (c *packetClient) code(sql string) int {
	c.t.Helper()
	if e := c.refusal(sql); e != nil {
		return int(e.Code)
	}
	return 0
}

// TestTransactionOverrun lets statements in MySQL, behind gates, change rows
// under transactions that are kept in the proxy, and transactions wait for each
// other.
func TestTransactionOverrun(t *testing.T) {
	const aside = "UPDATE pay SET note = 'aside' WHERE ref = '%s' OR note = 'none'"
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), nil, transactionTables...)
			dial := func() *packetClient {
				return dialPackets(t, b.p.Proxy, b.proxied, wire.CapDeprecateEOF)
			}
			one, two := dial(), dial()
			cfg := settings(t, b.db, b.redis.Addr)
			cfg.Tables = map[string]config.Table{b.proxied + ".*": {}}
			far := dialPackets(t, start(t, b.db, cfg).Proxy, b.proxied, wire.CapDeprecateEOF)
			reset := func() {
				for _, s := range filled {
					one.ok(s)
				}
			}
			want := func(c *packetClient, sql string, code int) {
				t.Helper()
				if got := c.code(sql); got != code {
					t.Errorf("%s gave %d, want %d", sql, got, code)
				}
			}
			amounts := func(list string) {
				t.Helper()
				if got := two.answer("SELECT GROUP_CONCAT(CONCAT(id, '=', amount, COALESCE(note, '')) ORDER BY id) FROM pay"); got != list {
					t.Errorf("pay holds %s, want %s", got, list)
				}
			}

			reset() // another row of the table
			want(one, "BEGIN", 0)
			want(one, "UPDATE pay SET amount = 5 WHERE id = 1", 0)
			want(two, fmt.Sprintf(aside, "b"), 0)
			want(one, "UPDATE pay SET amount = 6 WHERE id = 2", 0)
			want(one, "COMMIT", 0)
			amounts("1=5.00x,2=6.00aside,3=3.00")

			reset() // the row itself
			want(one, "BEGIN", 0)
			want(one, "UPDATE pay SET amount = 5 WHERE id = 1", 0)
			want(two, fmt.Sprintf(aside, "a"), 0)
			want(one, "COMMIT", 1213)
			amounts("1=1.00aside,2=2.00y,3=3.00")
			want(one, "UPDATE pay SET amount = 7 WHERE id = 1", 0)
			amounts("1=7.00aside,2=2.00y,3=3.00")

			reset() // a row that it has only locked
			want(one, "BEGIN", 0)
			want(one, "UPDATE pay SET amount = 1 WHERE id = 1", 0)
			want(one, "UPDATE pay SET amount = 9 WHERE id = 2", 0)
			want(two, fmt.Sprintf(aside, "a"), 0)
			want(one, "COMMIT", 1213)
			amounts("1=1.00aside,2=2.00y,3=3.00")

			reset() // one of another table, changed through another proxy
			want(one, "BEGIN", 0)
			want(one, "SELECT balance FROM account WHERE owner = 'ann' AND kind = 1 FOR UPDATE", 0)
			want(one, "UPDATE pay SET amount = 9 WHERE id = 2", 0)
			want(far, "UPDATE account SET balance = 1 WHERE balance > 99", 0)
			want(one, "COMMIT", 1213)
			amounts("1=1.00x,2=2.00y,3=3.00")

			reset() // a unique value that nobody had
			want(one, "BEGIN", 0)
			want(one, "SELECT id FROM pay WHERE ref = 'new' FOR UPDATE", 0)
			want(one, "UPDATE account SET balance = 9 WHERE owner = 'bob' AND kind = 1", 0)
			want(far, "UPDATE pay SET ref = 'new' WHERE note = 'x'", 0)
			want(one, "COMMIT", 1213)
			want(one, "BEGIN", 0)
			want(one, "SELECT id FROM pay WHERE ref = 'newer' FOR UPDATE", 0)
			want(one, "UPDATE account SET balance = 9 WHERE owner = 'bob' AND kind = 1", 0)
			want(far, "UPDATE pay SET ref = 'other' WHERE note = 'x'", 0)
			want(one, "COMMIT", 0)

			reset() // one that was only read, found by the replay
			want(one, "BEGIN", 0)
			want(one, "SELECT id FROM pay WHERE ref = 'new'", 0)
			want(far, "UPDATE pay SET ref = 'new' WHERE id = 2", 0)
			want(one, "SELECT COUNT(*) FROM pay", 1213)

			reset() // rows that were only locked, the second after the first was changed
			want(one, "BEGIN", 0)
			want(one, "SELECT amount FROM pay WHERE id = 1 FOR UPDATE", 0)
			want(two, fmt.Sprintf(aside, "a"), 0)
			want(two, "UPDATE pay SET amount = 9 WHERE id = 2", 0)
			want(one, "SELECT amount FROM pay WHERE id = 2 FOR UPDATE", 0)
			want(one, "COMMIT", 1213)
			want(one, "BEGIN", 0)
			want(one, "SELECT amount FROM pay WHERE id = 1 FOR UPDATE", 0)
			want(two, fmt.Sprintf(aside, "b"), 0)
			want(one, "SELECT amount FROM pay WHERE id = 3 FOR UPDATE", 0)
			want(one, "COMMIT", 0)

			reset() // gates open with the transaction that has closed them, also if another follows
			for _, next := range []string{"COMMIT AND CHAIN", "ROLLBACK AND CHAIN", "BEGIN", "START TRANSACTION WITH CONSISTENT SNAPSHOT"} {
				want(one, "BEGIN", 0)
				want(one, fmt.Sprintf(aside, "a"), 0)
				want(one, next, 0)
				want(two, "UPDATE pay SET amount = amount + 1 WHERE id = 1", 0)
				want(one, "ROLLBACK", 0)
			}

			reset() // the replay finds it
			want(one, "BEGIN", 0)
			want(one, "UPDATE pay SET amount = 5 WHERE id = 1", 0)
			want(two, fmt.Sprintf(aside, "a"), 0)
			want(one, "SELECT COUNT(*) FROM pay", 1213)
			want(one, "ROLLBACK", 0)
			amounts("1=1.00aside,2=2.00y,3=3.00")
			want(two, "UPDATE pay SET amount = 8 WHERE id = 1", 0) // nothing is locked, no gate closed

			reset() // so it does a row that was only read
			want(one, "BEGIN", 0)
			want(one, "SELECT amount FROM pay WHERE id = 1", 0)
			want(two, "UPDATE pay SET amount = 5 WHERE id = 1", 0)
			want(one, "SELECT COUNT(*) FROM pay", 1213)
			want(one, "BEGIN", 0)
			want(one, "SELECT amount FROM pay WHERE id = 1", 0)
			want(one, "SELECT amount FROM pay WHERE id = 77", 0)
			want(one, "SELECT COUNT(*) FROM pay", 0)
			want(two, "UPDATE pay SET amount = 6 WHERE id = 1", 0) // no gate is closed by a reader
			if got := one.answer("SELECT amount FROM pay WHERE id = 1"); got != "5.00" {
				t.Errorf("the reader sees %s", got)
			}
			want(one, "COMMIT", 0)

			reset() // a value that was given out meanwhile
			want(one, "BEGIN", 0)
			want(one, "INSERT INTO pay (ref) VALUES ('mine')", 0)
			want(two, "INSERT INTO pay (ref) SELECT 'theirs'", 0)
			if got := two.answer("SELECT id FROM pay WHERE ref = 'theirs'"); got == "4" {
				want(one, "COMMIT", 1213)
			} else {
				want(one, "COMMIT", 0)
			}

			reset() // each waits for the other
			want(one, "BEGIN", 0)
			want(two, "BEGIN", 0)
			want(one, "UPDATE pay SET amount = 5 WHERE id = 1", 0)
			want(two, "UPDATE pay SET amount = 6 WHERE id = 2", 0)
			waiting := make(chan int, 1)
			go func() { waiting <- one.code("UPDATE pay SET amount = 5 WHERE id = 2") }()
			code := two.code("UPDATE pay SET amount = 6 WHERE id = 1")
			other := <-waiting
			if code+other != 1213 {
				t.Errorf("the two got %d and %d", other, code)
			}
			want(one, "COMMIT", 0)
			want(two, "COMMIT", 0)
			if code == 1213 {
				amounts("1=5.00x,2=5.00y,3=3.00")
			} else {
				amounts("1=6.00x,2=6.00y,3=3.00")
			}

			reset() // each shares what the other wants to write
			want(one, "BEGIN", 0)
			want(two, "BEGIN", 0)
			want(one, "SELECT amount FROM pay WHERE id = 1 LOCK IN SHARE MODE", 0)
			want(two, "SELECT amount FROM pay WHERE id = 1 LOCK IN SHARE MODE", 0)
			go func() { waiting <- one.code("UPDATE pay SET amount = 5 WHERE id = 1") }()
			code = two.code("UPDATE pay SET amount = 6 WHERE id = 1")
			other = <-waiting
			if code+other != 1213 {
				t.Errorf("the two sharers got %d and %d", other, code)
			}
			want(one, "COMMIT", 0)
			want(two, "COMMIT", 0)
			if code == 1213 {
				amounts("1=5.00x,2=2.00y,3=3.00")
			} else {
				amounts("1=6.00x,2=2.00y,3=3.00")
			}

			reset() // a row that it shares is changed in MySQL
			want(one, "BEGIN", 0)
			want(one, "SELECT amount FROM pay WHERE id = 1 LOCK IN SHARE MODE", 0)
			want(one, "UPDATE pay SET amount = 9 WHERE id = 2", 0)
			want(two, fmt.Sprintf(aside, "a"), 0)
			want(one, "COMMIT", 1213)
			amounts("1=1.00aside,2=2.00y,3=3.00")

			reset() // a client that goes away, and one that is reset
			gone := dial()
			want(gone, "BEGIN", 0)
			want(gone, "UPDATE pay SET amount = 5 WHERE id = 1", 0)
			if err := gone.raw.Close(); err != nil {
				t.Error(err)
			}
			want(two, "UPDATE pay SET amount = 6 WHERE id = 1", 0)
			want(one, "BEGIN", 0)
			want(one, "UPDATE pay SET amount = 5 WHERE id = 1", 0)
			one.command(wire.ComResetConnection)
			want(two, "UPDATE pay SET amount = 7 WHERE id = 1", 0)
			amounts("1=7.00x,2=2.00y,3=3.00")

			// The definition changes under it.
			reset()
			want(one, "BEGIN", 0)
			want(one, "UPDATE pay SET amount = 5 WHERE id = 1", 0)
			want(two, "ALTER TABLE pay ADD COLUMN extra INT NOT NULL DEFAULT 3", 0)
			want(one, "UPDATE pay SET amount = 6 WHERE id = 2", 1213)
			want(one, "BEGIN", 0)
			want(one, "UPDATE pay SET amount = 5 WHERE id = 1", 0)
			want(two, "ALTER TABLE pay DROP COLUMN extra", 0)
			want(one, "COMMIT", 1213)
			amounts("1=1.00x,2=2.00y,3=3.00")
		})
	}
}
