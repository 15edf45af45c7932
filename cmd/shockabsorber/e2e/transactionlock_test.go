package e2e

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// move is one statement of one of several sessions. One that begins with "~" is
// left running: it has to wait for another session. "wait" is its end.
type move struct {
	who int
	sql string
}

// interleaved are sessions beside each other, each through another proxy.
// What every statement answers must be what it answers without the proxies.
var interleaved = map[string][]move{
	"a write waits for a commit": {
		{0, "BEGIN"}, {0, "UPDATE account SET balance = balance - 10 WHERE owner = 'ann' AND kind = 1"},
		{1, "SELECT balance FROM account WHERE owner = 'ann' AND kind = 1"},
		{1, "~UPDATE account SET balance = balance - 1 WHERE owner = 'ann' AND kind = 1"},
		{0, "SELECT balance FROM account WHERE owner = 'ann' AND kind = 1"},
		{0, "COMMIT"}, {1, "wait"},
		{1, "SELECT balance FROM account WHERE owner = 'ann' AND kind = 1"},
	},
	"a transaction waits for a rollback": {
		{0, "BEGIN"}, {0, "DELETE FROM account WHERE owner = 'ann' AND kind = 1"},
		{1, "BEGIN"}, {1, "~UPDATE account SET balance = balance - 1 WHERE owner = 'ann' AND kind = 1"},
		{0, "ROLLBACK"}, {1, "wait"}, {1, "COMMIT"},
		{0, "SELECT balance FROM account WHERE owner = 'ann' AND kind = 1"},
	},
	"a duplicate waits for the row's fate": {
		{0, "BEGIN"}, {0, "DELETE FROM pay WHERE id = 1"},
		{1, "~INSERT INTO pay (id, ref) VALUES (1, 'second life')"},
		{0, "COMMIT"}, {1, "wait"},
		{0, "SELECT ref FROM pay WHERE id = 1"},
	},
	"a unique value waits": {
		{0, "BEGIN"}, {0, "UPDATE pay SET ref = 'new' WHERE id = 1"},
		{1, "~INSERT INTO pay (id, ref) VALUES (50, 'a')"}, {0, "COMMIT"}, {1, "wait"},
		{0, "BEGIN"}, {0, "INSERT INTO pay (id, ref) VALUES (60, 'wanted')"},
		{1, "~INSERT INTO pay (id, ref) VALUES (61, 'wanted')"}, {0, "COMMIT"}, {1, "wait"},
		{0, "BEGIN"}, {0, "INSERT INTO pay (id, ref) VALUES (70, 'dropped')"},
		{1, "~INSERT INTO pay (id, ref) VALUES (71, 'dropped')"}, {0, "ROLLBACK"}, {1, "wait"},
		{1, "SELECT id, ref FROM pay ORDER BY id"},
	},
	"an update that changes nothing waits too": {
		{0, "BEGIN"}, {0, "UPDATE pay SET amount = 5 WHERE id = 1"},
		{1, "~UPDATE pay SET amount = 1 WHERE id = 1"}, {0, "COMMIT"}, {1, "wait"},
		{1, "SELECT amount FROM pay WHERE id = 1"},
	},
	"the wait has an end": {
		{1, "SET innodb_lock_wait_timeout = 1"},
		{0, "BEGIN"}, {0, "UPDATE pay SET amount = 5 WHERE id = 1"},
		{1, "UPDATE pay SET amount = 6 WHERE id = 1"},
		{1, "BEGIN"}, {1, "UPDATE pay SET amount = 7 WHERE id = 2"},
		{1, "UPDATE pay SET amount = 7 WHERE id = 1"},
		{0, "COMMIT"},
		{1, "UPDATE pay SET note = 'late' WHERE id = 1"}, {1, "COMMIT"},
		{0, "SELECT id, amount, note FROM pay ORDER BY id"},
	},
	"rows that were read look the same": {
		{0, "BEGIN"}, {0, "SELECT amount FROM pay WHERE id = 1"}, {0, "SELECT amount FROM pay WHERE id = 99"},
		{1, "UPDATE pay SET amount = 9 WHERE id = 1"}, {1, "INSERT INTO pay (id, ref) VALUES (99, 'nn')"},
		{0, "SELECT amount FROM pay WHERE id = 1"}, {0, "SELECT amount FROM pay WHERE id = 99"},
		{0, "UPDATE pay SET amount = amount + 1 WHERE id = 1"},
		{0, "SELECT amount FROM pay WHERE id = 1"}, {0, "COMMIT"},
		{0, "SELECT amount FROM pay WHERE id = 99"},
	},
	"or not, under READ COMMITTED": {
		{0, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"},
		{0, "BEGIN"}, {0, "SELECT amount FROM pay WHERE id = 1"},
		{1, "UPDATE pay SET amount = 9 WHERE id = 1"},
		{0, "SELECT amount FROM pay WHERE id = 1"},
		{1, "BEGIN"}, {1, "UPDATE pay SET amount = 10 WHERE id = 1"},
		{0, "SELECT amount FROM pay WHERE id = 1"}, {1, "COMMIT"},
		{0, "SELECT amount FROM pay WHERE id = 1"}, {0, "COMMIT"},
	},
	"nothing of it is seen before the commit": {
		{0, "BEGIN"}, {0, "INSERT INTO pay (id, ref) VALUES (80, 'hidden')"}, {0, "UPDATE pay SET note = 'h' WHERE id = 2"},
		{1, "SELECT ref FROM pay WHERE id = 80"}, {1, "SELECT COUNT(*) FROM pay"}, {1, "SELECT note FROM pay WHERE id = 2"},
		{0, "COMMIT"},
		{1, "SELECT ref FROM pay WHERE id = 80"}, {1, "SELECT COUNT(*) FROM pay"}, {1, "SELECT note FROM pay WHERE id = 2"},
	},
	"FOR UPDATE": {
		{0, "BEGIN"}, {0, "SELECT amount FROM pay WHERE id = 1 FOR UPDATE"}, {0, "SELECT amount FROM pay WHERE id = 3 FOR UPDATE"},
		{1, "BEGIN"}, {1, "SELECT amount FROM pay WHERE id = 1"},
		{1, "SELECT amount FROM pay WHERE id = 1 FOR UPDATE NOWAIT"},
		{1, "SELECT amount FROM pay WHERE id = 2 FOR UPDATE NOWAIT"},
		{1, "SELECT id FROM pay WHERE id = 1 FOR UPDATE SKIP LOCKED"}, {1, "SELECT id FROM pay WHERE id = 2 FOR UPDATE SKIP LOCKED"},
		{1, "~SELECT amount FROM pay WHERE id = 1 FOR UPDATE"},
		{0, "UPDATE pay SET amount = 20 WHERE id = 1"}, {0, "COMMIT"}, {1, "wait"},
		{1, "SELECT amount FROM pay WHERE id = 1"},
		{0, "~UPDATE pay SET amount = amount + 1 WHERE id = 1"}, {1, "COMMIT"}, {0, "wait"},
	},
	"NOWAIT and SKIP LOCKED close no circle": {
		{0, "BEGIN"}, {0, "UPDATE pay SET amount = 5 WHERE id = 1"},
		{1, "BEGIN"}, {1, "UPDATE pay SET amount = 6 WHERE id = 2"}, {1, "~UPDATE pay SET amount = 6 WHERE id = 1"},
		{0, "SELECT amount FROM pay WHERE id = 2 FOR UPDATE NOWAIT"}, {0, "SELECT amount FROM pay WHERE id = 2 FOR UPDATE SKIP LOCKED"},
		{0, "SELECT amount FROM pay WHERE ref = 'b' FOR SHARE NOWAIT"}, {0, "SELECT amount FROM pay WHERE ref = 'b' FOR UPDATE SKIP LOCKED"},
		{0, "COMMIT"}, {1, "wait"}, {1, "COMMIT"},
		{0, "SELECT id, amount FROM pay ORDER BY id"},
	},
	"LOCK IN SHARE MODE": {
		{0, "BEGIN"}, {0, "SELECT amount FROM pay WHERE id = 1 LOCK IN SHARE MODE"}, {0, "SELECT amount FROM pay WHERE id = 77 LOCK IN SHARE MODE"},
		{1, "BEGIN"}, {1, "SELECT amount FROM pay WHERE id = 1 LOCK IN SHARE MODE"}, {1, "SELECT amount FROM pay WHERE id = 77 LOCK IN SHARE MODE"},
		{1, "SELECT amount FROM pay WHERE id = 1 FOR UPDATE NOWAIT"}, {1, "SELECT amount FROM pay WHERE id = 1 FOR UPDATE SKIP LOCKED"},
		{1, "~UPDATE pay SET amount = amount + 1 WHERE id = 1"}, {0, "SELECT amount FROM pay WHERE id = 1 LOCK IN SHARE MODE"}, {0, "COMMIT"}, {1, "wait"},
		{0, "BEGIN"}, {0, "SELECT amount FROM pay WHERE id = 2 LOCK IN SHARE MODE"},
		{0, "SELECT amount FROM pay WHERE id = 1 LOCK IN SHARE MODE NOWAIT"}, {0, "SELECT amount FROM pay WHERE id = 1 FOR SHARE NOWAIT"},
		{0, "SELECT amount FROM pay WHERE id = 1 LOCK IN SHARE MODE SKIP LOCKED"}, {0, "SELECT amount FROM pay WHERE id = 1 FOR SHARE SKIP LOCKED"},
		{0, "~SELECT amount FROM pay WHERE id = 1 LOCK IN SHARE MODE"}, {1, "COMMIT"}, {0, "wait"},
		{1, "~DELETE FROM pay WHERE id = 2"}, {0, "COMMIT"}, {1, "wait"},
		{1, "SELECT id, amount FROM pay ORDER BY id"},
	},
	"a shared row is waited for no longer than the session waits": {
		{1, "SET innodb_lock_wait_timeout = 1"},
		{0, "BEGIN"}, {0, "SELECT amount FROM pay WHERE id = 1 LOCK IN SHARE MODE"},
		{1, "UPDATE pay SET amount = 6 WHERE id = 1"},
		{1, "BEGIN"}, {1, "SELECT amount FROM pay WHERE id = 1 LOCK IN SHARE MODE"},
		{1, "UPDATE pay SET amount = 7 WHERE id = 1"}, {1, "UPDATE pay SET amount = 7 WHERE id = 2"},
		{0, "COMMIT"},
		{1, "UPDATE pay SET note = 'late' WHERE id = 1"}, {1, "COMMIT"},
		{0, "SELECT id, amount, note FROM pay ORDER BY id"},
	},
	"a unique key": {
		{0, "BEGIN"}, {0, "SELECT id, amount FROM pay WHERE ref = 'a' FOR UPDATE"},
		{1, "SELECT amount FROM pay WHERE ref = 'a'"},
		{1, "BEGIN"}, {1, "SELECT amount FROM pay WHERE ref = 'a' FOR UPDATE NOWAIT"}, {1, "SELECT amount FROM pay WHERE id = 1 FOR UPDATE NOWAIT"},
		{1, "SELECT ref FROM pay WHERE ref = 'a' FOR UPDATE SKIP LOCKED"}, {1, "SELECT ref FROM pay WHERE ref = 'b' FOR UPDATE SKIP LOCKED"},
		{1, "~UPDATE pay SET amount = amount + 10 WHERE ref = 'a'"},
		{0, "UPDATE pay SET amount = 20 WHERE ref = 'a'"}, {0, "COMMIT"}, {1, "wait"},
		{1, "SELECT amount FROM pay WHERE ref = 'a'"},
		{0, "~DELETE FROM pay WHERE ref = 'b'"}, {1, "ROLLBACK"}, {0, "wait"},
		{1, "SELECT id, ref, amount FROM pay ORDER BY id"},
	},
	"a value that moves is waited for": {
		{0, "BEGIN"}, {0, "UPDATE pay SET ref = 'moved' WHERE ref = 'a'"},
		{1, "~UPDATE pay SET note = 'found' WHERE ref = 'a'"}, {0, "COMMIT"}, {1, "wait"},
		{1, "SELECT id, ref, note FROM pay ORDER BY id"},
		{0, "BEGIN"}, {0, "UPDATE pay SET ref = 'a' WHERE ref = 'moved'"},
		{1, "~UPDATE pay SET note = 'found' WHERE ref = 'a'"}, {0, "COMMIT"}, {1, "wait"},
		{0, "BEGIN"}, {0, "UPDATE pay SET ref = 'b2' WHERE id = 2"}, {0, "INSERT INTO pay (id, ref) VALUES (20, 'b')"},
		{1, "BEGIN"}, {1, "SELECT id, ref FROM pay WHERE ref = 'b'"},
		{1, "~SELECT id, ref FROM pay WHERE ref = 'b' FOR UPDATE"}, {0, "COMMIT"}, {1, "wait"},
		{1, "SELECT id, ref FROM pay WHERE ref = 'b2'"}, {1, "COMMIT"},
		{0, "BEGIN"}, {0, "DELETE FROM pay WHERE ref = 'c'"},
		{1, "~DELETE FROM pay WHERE ref = 'c'"}, {0, "ROLLBACK"}, {1, "wait"},
		{1, "SELECT id, ref, note FROM pay ORDER BY id"},
	},
	"a value that nobody has is locked": {
		{0, "BEGIN"}, {0, "SELECT id FROM pay WHERE ref = 'zz' FOR UPDATE"},
		{1, "~INSERT INTO pay (id, ref) VALUES (30, 'zz')"}, {0, "COMMIT"}, {1, "wait"},
		{0, "BEGIN"}, {0, "SELECT id FROM pay WHERE ref = 'zzz' LOCK IN SHARE MODE"},
		{1, "BEGIN"}, {1, "SELECT id FROM pay WHERE ref = 'zzz' LOCK IN SHARE MODE"},
		{1, "~INSERT INTO pay (id, ref) VALUES (31, 'zzz')"}, {0, "COMMIT"}, {1, "wait"}, {1, "COMMIT"},
		{1, "SELECT id, ref FROM pay ORDER BY id"},
	},
	"what was read by a unique key looks the same": {
		{0, "BEGIN"}, {0, "SELECT id, amount FROM pay WHERE ref = 'a'"}, {0, "SELECT id FROM pay WHERE ref = 'n'"},
		{1, "UPDATE pay SET amount = 9 WHERE id = 1"}, {1, "UPDATE pay SET ref = 'n' WHERE id = 2"},
		{0, "SELECT id, amount FROM pay WHERE ref = 'a'"}, {0, "SELECT id FROM pay WHERE ref = 'n'"},
		{0, "SELECT amount FROM pay WHERE id = 1"},
		{1, "UPDATE pay SET ref = 'a2' WHERE id = 1"}, {1, "INSERT INTO pay (id, ref) VALUES (40, 'a')"},
		{0, "SELECT id, amount FROM pay WHERE ref = 'a'"},
		{0, "SELECT id, ref FROM pay WHERE ref = 'a' FOR UPDATE"},
		{0, "COMMIT"}, {0, "SELECT id, ref FROM pay WHERE ref = 'a'"},
	},
	"locks end with a rollback to nothing": {
		{0, "BEGIN"}, {0, "UPDATE pay SET amount = 5 WHERE id = 1"}, {0, "ROLLBACK"},
		{1, "UPDATE pay SET amount = 6 WHERE id = 1"},
		{1, "SELECT amount FROM pay WHERE id = 1"},
	},
}

// told is everything that a statement was answered.
func (c *packetClient) told(sql string) string {
	packets, err := c.raw.Query(sql)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%q", packets)
}

// interleave runs moves and gives what each statement answered.
func interleave(t *testing.T, sessions [2]*packetClient, moves []move) []string {
	t.Helper()
	var answers []string
	running := [2]chan string{}
	for _, m := range moves {
		c := sessions[m.who]
		switch {
		case m.sql == "wait":
			answers = append(answers, fmt.Sprintf("%d: at last %s", m.who, <-running[m.who]))
		case strings.HasPrefix(m.sql, "~"):
			ch := make(chan string, 1)
			running[m.who] = ch
			go func() { ch <- c.told(m.sql[1:]) }()
			select { // it waits for the other session, which goes on in a moment
			case a := <-ch:
				t.Errorf("%s did not wait: %s", m.sql, a)
				ch <- a
			case <-time.After(300 * time.Millisecond):
			}
		default:
			answers = append(answers, fmt.Sprintf("%d: %s: %s", m.who, m.sql, c.told(m.sql)))
		}
	}
	return answers
}

// TestTransactionLocks runs sessions beside each other, directly and over two
// proxies.
func TestTransactionLocks(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), nil, transactionTables...)
			cfg := settings(t, b.db, b.redis.Addr)
			cfg.WriteBack.DrainRate = 0.5
			cfg.Tables = map[string]config.Table{b.proxied + ".*": {}}
			other := start(t, b.db, cfg)
			scripts := maps.Clone(interleaved)
			maps.Copy(scripts, gateWaits)
			maps.Copy(scripts, severalRows)
			for name, moves := range scripts {
				t.Run(name, func(t *testing.T) {
					own := *b
					own.t = t
					p := own.sessions(wire.CapDeprecateEOF)
					p.query(anyhow, filled...)
					direct := interleave(t, [2]*packetClient{p.directly, dialPackets(t, b.db.Addr, b.direct, wire.CapDeprecateEOF)}, moves)
					proxied := interleave(t, [2]*packetClient{p.proxy, dialPackets(t, other.Proxy, b.proxied, wire.CapDeprecateEOF)}, moves)
					for i := range direct {
						if direct[i] != strings.ReplaceAll(proxied[i], b.proxied, b.direct) {
							t.Errorf("directly %s\nproxied  %s", direct[i], proxied[i])
						}
					}
					own.equal("pay", "account")
				})
			}
		})
	}
}
