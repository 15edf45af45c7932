package e2e

import (
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/rawclient"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// transactionTables are what the transactions of these tests work on.
var transactionTables = []string{
	"CREATE TABLE pay (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, ref VARCHAR(40) NOT NULL UNIQUE, amount DECIMAL(12,2) NOT NULL DEFAULT 0, at TIMESTAMP(3) NULL, note VARCHAR(200))",
	"CREATE TABLE account (owner VARCHAR(20) NOT NULL, kind INT NOT NULL, balance BIGINT NOT NULL, PRIMARY KEY (owner, kind))",
	"CREATE TABLE ratio (id INT PRIMARY KEY, f FLOAT)",
}

// filled are the rows that every script begins with.
var filled = []string{
	"TRUNCATE TABLE pay", "TRUNCATE TABLE account", "TRUNCATE TABLE ratio",
	"INSERT INTO pay (ref, amount, note) VALUES ('a', 1, 'x'), ('b', 2, 'y'), ('c', 3, NULL)",
	"INSERT INTO account (owner, kind, balance) VALUES ('ann', 1, 100), ('bob', 1, 50)",
	"INSERT INTO ratio VALUES (1, 1.1)",
}

// transactionScripts are sessions with transactions. Each answer must be the
// direct one's, byte by byte, and the tables the same afterwards.
var transactionScripts = map[string][]scripted{
	"commit": {
		{refused, "BEGIN"},
		{inserted, "INSERT INTO pay (ref) VALUES ('d')"},
		{fromRows, "SELECT id, ref, amount FROM pay WHERE id = 4"},
		{updated, "UPDATE pay SET amount = amount + 5 WHERE id = 4"},
		{updated, "UPDATE pay SET note = 'z', amount = 7 WHERE id IN (1, 2)"},
		{updated, "UPDATE pay SET note = 'z' WHERE id = 1"},
		{updated, "UPDATE pay SET note = 'q' WHERE id = 1 AND amount = 100"},
		{fromRows, "SELECT * FROM pay WHERE id = 1"},
		{fromRows, "SELECT * FROM pay WHERE id = 2"},
		{deleted, "DELETE FROM pay WHERE id = 3"},
		{fromRows, "SELECT * FROM pay WHERE id = 3"},
		{deleted, "DELETE FROM pay WHERE id = 3"},
		{refused, "COMMIT"},
		{anyhow, "SELECT * FROM pay ORDER BY id"},
		{anyhow, "SELECT * FROM pay ORDER BY id"},
	},
	"rollback": {
		{refused, "START TRANSACTION"},
		{updated, "UPDATE account SET balance = balance - 10 WHERE owner = 'ann' AND kind = 1"},
		{updated, "UPDATE account SET balance = balance + 10 WHERE owner = 'bob' AND kind = 1"},
		{inserted, "INSERT INTO pay (ref) VALUES ('gone'), ('gone too')"},
		{fromRows, "SELECT balance FROM account WHERE owner = 'ann' AND kind = 1"},
		{refused, "ROLLBACK"},
		{fromRows, "SELECT balance FROM account WHERE owner = 'ann' AND kind = 1"},
		{fromRows, "SELECT * FROM pay WHERE id IN (4, 5)"},
		{inserted, "INSERT INTO pay (ref) VALUES ('gone')"},
		{fromRows, "SELECT id FROM pay WHERE id = 6"},
	},
	"rows that come and go": {
		{refused, "BEGIN"},
		{deleted, "DELETE FROM pay WHERE id = 1"},
		{inserted, "INSERT INTO pay (id, ref) VALUES (1, 'again')"},
		{inserted, "INSERT INTO pay (id, ref) VALUES (90, 'short')"},
		{deleted, "DELETE FROM pay WHERE id = 90"},
		{inserted, "INSERT INTO pay (ref) VALUES ('next')"},
		{updated, "UPDATE pay SET amount = 9 WHERE id = 2"},
		{updated, "UPDATE pay SET amount = 2 WHERE id = 2"},
		{refused, "COMMIT"},
		{anyhow, "SELECT * FROM pay ORDER BY id"},
		{inserted, "INSERT INTO pay (ref) VALUES ('a')"},
	},
	"unique values": {
		{refused, "BEGIN"},
		{refused, "INSERT INTO pay (ref) VALUES ('b')"},
		{updated, "UPDATE pay SET ref = 'free' WHERE id = 2"},
		{inserted, "INSERT INTO pay (ref) VALUES ('b')"},
		{anyhow, "UPDATE pay SET ref = 'b' WHERE id = 1"},
		{anyhow, "INSERT INTO pay (ref) VALUES ('new'), ('free')"},
		{anyhow, "COMMIT"},
		{anyhow, "SELECT * FROM pay ORDER BY id"},
	},
	"duplicates": {
		{refused, "BEGIN"},
		{refused, "INSERT INTO pay (id, ref) VALUES (1, 'dup')"},
		{inserted, "INSERT INTO pay (id, ref) VALUES (10, 'ten')"},
		{refused, "INSERT INTO pay (id, ref) VALUES (10, 'dup')"},
		{anyhow, "SHOW WARNINGS"},
		{inserted, "INSERT INTO pay (ref) VALUES ('eleven')"},
		{anyhow, "INSERT INTO pay (ref) VALUES ('twelve'), ('ten')"},
		{anyhow, "SELECT LAST_INSERT_ID()"},
		{anyhow, "INSERT INTO pay (ref) VALUES ('on')"},
		{anyhow, "COMMIT"},
	},
	"savepoints": {
		{refused, "BEGIN"},
		{inserted, "INSERT INTO pay (ref) VALUES ('s0')"},
		{refused, "SAVEPOINT one"},
		{updated, "UPDATE pay SET amount = 50 WHERE id = 4"},
		{refused, "SAVEPOINT `two`"},
		{deleted, "DELETE FROM pay WHERE id = 4"},
		{refused, "ROLLBACK TO TWO"},
		{fromRows, "SELECT * FROM pay WHERE id = 4"},
		{refused, "ROLLBACK WORK TO SAVEPOINT one"},
		{fromRows, "SELECT * FROM pay WHERE id = 4"},
		{refused, "ROLLBACK TO two"},
		{refused, "SAVEPOINT one"},
		{updated, "UPDATE pay SET amount = 60 WHERE id = 4"},
		{refused, "RELEASE SAVEPOINT one"},
		{refused, "RELEASE SAVEPOINT one"},
		{refused, "ROLLBACK TO SAVEPOINT one"},
		{refused, "COMMIT"},
		{fromRows, "SELECT * FROM pay WHERE id = 4"},
	},
	"chains without a transaction": {
		{refused, "COMMIT AND CHAIN"},
		{updated, "UPDATE pay SET amount = 9 WHERE id = 1"},
		{refused, "ROLLBACK"},
	},
	"no savepoint, and autocommit off": {
		{anyhow, "SET autocommit = 0"},
		{anyhow, "ROLLBACK TO nowhere"},
		{updated, "UPDATE pay SET amount = 9 WHERE id = 1"},
		{anyhow, "COMMIT"},
		{anyhow, "SET autocommit = 1"},
	},
	"spill": {
		{refused, "BEGIN"},
		{inserted, "INSERT INTO pay (ref, note) VALUES ('it''s', 'back\\\\slash')"},
		{updated, "UPDATE pay SET at = '2026-01-01 10:00:00.5' WHERE id = 2"},
		{refused, "SAVEPOINT a"},
		{deleted, "DELETE FROM pay WHERE id = 1"},
		{updated, "UPDATE account SET balance = 7 WHERE owner = 'ann' AND kind = 1"},
		{passed, "SELECT * FROM pay ORDER BY id"},
		{passed, "UPDATE pay SET amount = amount + 1 WHERE ref > 'b'"},
		{passed, "SELECT * FROM pay WHERE id = 4"},
		{anyhow, "SELECT LAST_INSERT_ID()"},
		{anyhow, "INSERT INTO pay (ref) VALUES ('five')"},
		{anyhow, "ROLLBACK TO a"},
		{anyhow, "SELECT * FROM pay ORDER BY id"},
		{anyhow, "SELECT balance FROM account WHERE owner = 'ann' AND kind = 1"},
		{anyhow, "COMMIT"},
		{anyhow, "SELECT * FROM pay ORDER BY id"},
		{inserted, "INSERT INTO pay (ref) VALUES ('six')"},
	},
	"spill and roll back": {
		{refused, "BEGIN"},
		{inserted, "INSERT INTO pay (ref) VALUES ('d')"},
		{anyhow, "SELECT COUNT(*) FROM pay"},
		{anyhow, "ROLLBACK"},
		{anyhow, "SELECT * FROM pay ORDER BY id"},
		{inserted, "INSERT INTO pay (ref) VALUES ('e')"},
		{fromRows, "SELECT ref FROM pay WHERE id = 1"},
	},
	"spill under other settings": {
		{anyhow, "SET time_zone = '+05:30', sql_mode = 'STRICT_TRANS_TABLES,ANSI_QUOTES,NO_BACKSLASH_ESCAPES'"},
		{anyhow, "SET NAMES utf8mb4"},
		{refused, "BEGIN"},
		{inserted, `INSERT INTO "pay" (ref, note, at) VALUES ('d', 'a\żó', '2026-02-03 04:05:06')`},
		{anyhow, "SELECT * FROM pay ORDER BY id"},
		{anyhow, `SELECT 'a\', @@sql_mode, @@time_zone, @@character_set_client, @@collation_connection, @@character_set_connection, @@character_set_results`},
		{anyhow, "COMMIT"},
		{fromRows, "SELECT * FROM pay WHERE id = 4"},
	},
	"outcome": {
		{refused, "BEGIN"},
		{anyhow, "SELECT ROW_COUNT()"},
		{inserted, "INSERT INTO pay (ref) VALUES ('d'), ('e')"},
		{anyhow, "SELECT ROW_COUNT()"},
		{refused, "INSERT INTO pay (ref) VALUES ('a')"},
		{anyhow, "SHOW WARNINGS"},
		{updated, "UPDATE pay SET amount = 4 WHERE id = 1"},
		{anyhow, "SELECT ROW_COUNT(), LAST_INSERT_ID()"},
		{anyhow, "COMMIT"},
		{anyhow, "SELECT ROW_COUNT(), LAST_INSERT_ID()"},
	},
	"diagnostics": {
		{anyhow, "UPDATE pay SET nothing = 1"},
		{refused, "BEGIN"},
		{anyhow, "SELECT @@warning_count, @@error_count"},
		{anyhow, "SHOW WARNINGS"},
		{anyhow, "UPDATE pay SET amount = 4 WHERE id = 1"},
		{anyhow, "SHOW WARNINGS"},
		{anyhow, "INSERT INTO pay (ref) VALUES ('a')"},
		{anyhow, "SAVEPOINT s"},
		{anyhow, "SHOW ERRORS"},
		{anyhow, "COMMIT"},
		{anyhow, "SHOW ERRORS"},
		{refused, "BEGIN"},
		{passed, "UPDATE pay SET amount = 5 WHERE note = 'x'"},
		{anyhow, "SELECT ROW_COUNT()"},
		{anyhow, "SELECT FOUND_ROWS()"},
		{anyhow, "COMMIT"},
		{anyhow, "SELECT id FROM pay WHERE note IS NULL AND amount > 1000"},
		{refused, "BEGIN"},
		{updated, "UPDATE pay SET amount = 3 WHERE id = 3"},
		{anyhow, "UPDATE pay SET amount = amount + 1"},
		{anyhow, "SELECT FOUND_ROWS()"},
		{anyhow, "ROLLBACK"},
	},
	"chains and nests": {
		{refused, "BEGIN"},
		{updated, "UPDATE pay SET amount = 10 WHERE id = 1"},
		{refused, "COMMIT AND CHAIN"},
		{updated, "UPDATE pay SET amount = 20 WHERE id = 1"},
		{refused, "ROLLBACK AND CHAIN"},
		{fromRows, "SELECT amount FROM pay WHERE id = 1"},
		{updated, "UPDATE pay SET amount = 30 WHERE id = 1"},
		{refused, "BEGIN"},
		{updated, "UPDATE pay SET amount = 40 WHERE id = 1"},
		{refused, "ROLLBACK"},
		{fromRows, "SELECT amount FROM pay WHERE id = 1"},
		{refused, "BEGIN"},
		{refused, "COMMIT"},
	},
	"implicit commits": {
		{refused, "BEGIN"},
		{updated, "UPDATE pay SET amount = 11 WHERE id = 1"},
		{anyhow, "CREATE TABLE extra (id INT PRIMARY KEY)"},
		{refused, "ROLLBACK"},
		{fromRows, "SELECT amount FROM pay WHERE id = 1"},
		{anyhow, "DROP TABLE extra"},
		{refused, "BEGIN"},
		{updated, "UPDATE pay SET amount = 12 WHERE id = 1"},
		{anyhow, "LOCK TABLES pay WRITE"},
		{anyhow, "ROLLBACK"},
		{anyhow, "UNLOCK TABLES"},
		{fromRows, "SELECT amount FROM pay WHERE id = 1"},
	},
	"autocommit off": {
		{anyhow, "SET autocommit = 0"},
		{fromRows, "SELECT amount FROM pay WHERE id = 1"},
		{updated, "UPDATE pay SET amount = 11 WHERE id = 1"},
		{inserted, "INSERT INTO pay (ref) VALUES ('d')"},
		{refused, "COMMIT"},
		{updated, "UPDATE pay SET amount = 12 WHERE id = 1"},
		{refused, "ROLLBACK"},
		{fromRows, "SELECT amount FROM pay WHERE id = 1"},
		{refused, "COMMIT"},
		{updated, "UPDATE pay SET amount = 13 WHERE id = 1"},
		{anyhow, "SELECT SUM(amount) FROM pay"},
		{anyhow, "UPDATE pay SET amount = 14 WHERE id = 1"},
		{anyhow, "COMMIT"},
		{updated, "UPDATE pay SET amount = 15 WHERE id = 1"},
		{anyhow, "SET autocommit = 1"},
		{refused, "ROLLBACK"},
		{fromRows, "SELECT amount FROM pay WHERE id = 1"},
		{anyhow, "SET autocommit = 0"},
		{anyhow, "SAVEPOINT early"},
		{passed, "SELECT amount FROM pay WHERE id = 1"},
		{anyhow, "ROLLBACK TO early"},
		{anyhow, "COMMIT"},
		{refused, "BEGIN"},
		{updated, "UPDATE pay SET amount = 16 WHERE id = 1"},
		{refused, "COMMIT"},
		{anyhow, "SET autocommit = 1"},
	},
	"what stays with MySQL": {
		{anyhow, "START TRANSACTION READ ONLY"},
		{anyhow, "UPDATE pay SET amount = 11 WHERE id = 1"},
		{anyhow, "COMMIT"},
		{anyhow, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"},
		{anyhow, "BEGIN"},
		{passed, "UPDATE pay SET amount = 11 WHERE id = 1"},
		{anyhow, "COMMIT"},
	},
	"other levels": {
		{anyhow, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"},
		{refused, "BEGIN"},
		{updated, "UPDATE pay SET amount = 11 WHERE id = 1"},
		{fromRows, "SELECT f FROM ratio WHERE id = 1"},
		{refused, "COMMIT"},
		{anyhow, "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE"},
		{anyhow, "BEGIN"},
		{passed, "UPDATE pay SET amount = 12 WHERE id = 1"},
		{anyhow, "COMMIT"},
		{anyhow, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"},
		{refused, "BEGIN"},
		{passed, "SELECT f FROM ratio WHERE id = 1"},
		{anyhow, "COMMIT"},
		{anyhow, "SET completion_type = 'CHAIN'"},
		{anyhow, "BEGIN"},
		{passed, "UPDATE pay SET amount = 13 WHERE id = 1"},
		{anyhow, "COMMIT"},
		{anyhow, "ROLLBACK"},
	},
	"locking reads": {
		{anyhow, "SELECT * FROM pay WHERE id = 1 FOR UPDATE"},
		{refused, "BEGIN"},
		{fromRows, "SELECT * FROM pay WHERE id = 1 FOR UPDATE"},
		{updated, "UPDATE pay SET amount = amount + 1 WHERE id = 1"},
		{fromRows, "SELECT amount FROM pay WHERE id = 1 AND amount = 2 FOR UPDATE;"},
		{fromRows, "SELECT amount FROM pay WHERE id = 1 AND amount = 77 FOR UPDATE NOWAIT"},
		{fromRows, "SELECT ref FROM pay WHERE id = 1000 FOR UPDATE SKIP LOCKED"},
		{fromRows, "SELECT balance FROM account WHERE owner = 'ann' AND kind = 1 FOR UPDATE"},
		{refused, "COMMIT"},
		{anyhow, "SELECT ROW_COUNT()"},
		{refused, "BEGIN"},
		{fromRows, "SELECT ref FROM pay WHERE id = 2 FOR UPDATE"},
		{fromRows, "SELECT ref FROM pay WHERE ref = 'b' FOR UPDATE"},
		{fromRows, "SELECT ref FROM pay WHERE ref = 'nobody' FOR UPDATE"},
		{fromRows, "SELECT * FROM pay WHERE ref IN ('a', 'c') AND amount > 1 FOR UPDATE SKIP LOCKED"},
		{updated, "UPDATE pay SET amount = 9 WHERE id = 2"},
		{fromRows, "SELECT amount FROM pay WHERE ref = 'b' LOCK IN SHARE MODE"},
		{refused, "COMMIT"},
		{refused, "BEGIN"},
		{fromRows, "SELECT ref FROM pay WHERE id = 2 LOCK IN SHARE MODE"},
		{updated, "UPDATE pay SET amount = amount + 1 WHERE id = 2"},
		{fromRows, "SELECT amount FROM pay WHERE id = 2 LOCK IN SHARE MODE"},
		{fromRows, "SELECT amount FROM pay WHERE id IN (1, 99) LOCK IN SHARE MODE"},
		{anyhow, "SELECT amount FROM pay WHERE id = 1 FOR SHARE"}, // MariaDB does not know it
		{anyhow, "SELECT amount FROM pay WHERE id = 1 FOR SHARE NOWAIT"},
		{anyhow, "SELECT amount FROM pay WHERE id = 1 LOCK IN SHARE MODE SKIP LOCKED"}, // nor MySQL this
		{refused, "COMMIT"},
		{refused, "BEGIN"},
		{fromRows, "SELECT ref FROM pay WHERE id = 1 LOCK IN SHARE MODE"},
		{updated, "UPDATE pay SET amount = 3 WHERE id = 3"},
		{passed, "SELECT COUNT(*) FROM pay"},
		{anyhow, "UPDATE pay SET amount = 4 WHERE id = 1"},
		{anyhow, "COMMIT"},
		{anyhow, "SET autocommit = 0"},
		{fromRows, "SELECT amount FROM pay WHERE id = 2 FOR UPDATE"},
		{refused, "ROLLBACK"},
		{anyhow, "SET autocommit = 1"},
	},
}

// TestTransactionScripts compares sessions with transactions packet by packet.
func TestTransactionScripts(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), nil, transactionTables...)
			caps := wire.CapFoundRows
			if backend.name == "MySQL" {
				caps = wire.CapDeprecateEOF | wire.CapSessionTrack
			}
			for _, scripts := range []map[string][]scripted{transactionScripts, transactionKeyScripts, transactionShadowScripts} {
				for name, script := range scripts {
					t.Run(name, func(t *testing.T) {
						own := *b
						own.t = t
						p := own.sessions(caps)
						p.query(anyhow, filled...)
						for _, s := range script {
							p.query(s.want, s.sql)
						}
						own.equal("pay", "account")
					})
				}
			}
		})
	}
}

// TestTransactionPrepared runs prepared statements in transactions.
func TestTransactionPrepared(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), nil, transactionTables...)
			for _, caps := range []wire.Capability{wire.CapDeprecateEOF, 0} {
				p := b.sessions(caps)
				p.query(anyhow, filled...)
				p.query(refused, "BEGIN")
				p.execute(inserted, "INSERT INTO pay (ref, amount) VALUES (?, ?)", "p1", "1.50")
				p.execute(fromRows, "SELECT * FROM pay WHERE id = ?", 4)
				p.execute(updated, "UPDATE pay SET note = ? WHERE id = ?", strings.Repeat("n", 100), 4)
				p.execute(deleted, "DELETE FROM pay WHERE id = ?", 1)
				p.both(anyhow, "PING", func(c *packetClient, _ func(string) string) [][]byte { return c.command(wire.ComPing) })
				p.query(refused, "COMMIT")
				p.query(refused, "BEGIN")
				p.execute(fromRows, "SELECT ref, amount FROM pay WHERE id = ? FOR UPDATE", 2)
				p.execute(updated, "UPDATE pay SET note = ? WHERE id = ?", "m", 2)
				p.execute(anyhow, "SELECT * FROM pay WHERE amount > ? ORDER BY id", 0)
				p.execute(anyhow, "UPDATE pay SET note = ? WHERE id = ?", "k", 2)
				p.execute(anyhow, "COMMIT")
				p.query(refused, "BEGIN")
				p.execute(updated, "UPDATE pay SET note = ? WHERE id = ?", "lost", 2)
				p.both(anyhow, "RESET", func(c *packetClient, _ func(string) string) [][]byte {
					c.stmt = map[string]*rawclient.Statement{}
					return c.command(wire.ComResetConnection)
				})
				p.query(fromRows, "SELECT amount FROM pay WHERE id = 2")
				p.query(refused, "BEGIN")
				p.query(updated, "UPDATE pay SET note = 'kept' WHERE id = 2")
				p.query(refused, "COMMIT")
				b.equal("pay")
			}
		})
	}
}

// command runs a command without an argument.
func (c *packetClient) command(cmd byte) [][]byte {
	c.t.Helper()
	packets, err := c.raw.Command(cmd, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return packets
}
