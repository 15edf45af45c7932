package e2e

import (
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// sessionTables are what the scripts of this file work on.
var sessionTables = []string{
	"CREATE TABLE pay (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, ref VARCHAR(40) NOT NULL UNIQUE, amount DECIMAL(12,2) NOT NULL DEFAULT 0, at TIMESTAMP(3) NULL, note VARCHAR(200))",
	"CREATE TABLE plain (id INT PRIMARY KEY, name VARCHAR(20))",
	"CREATE VIEW rich AS SELECT id, ref, amount FROM pay WHERE amount > 10",
	"CREATE PROCEDURE raise_all(IN by_ INT) BEGIN UPDATE pay SET amount = amount + by_; SELECT SUM(amount) FROM pay; END",
}

// scripted is one statement and what has to be done with it.
type scripted struct{ want, sql string }

// scripts are sessions. Each answer must be the direct one's, byte by byte.
var scripts = map[string][]scripted{
	"names": {
		{inserted, "INSERT INTO pay (ref, note) VALUES ('n1', 'zażółć')"},
		{anyhow, "SET NAMES utf8mb4"},
		{fromRows, "SELECT * FROM pay WHERE id = 1"},
		{anyhow, "SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci"},
		{fromRows, "SELECT * FROM pay WHERE id = 1"},
		{anyhow, "SET NAMES latin1"},
		{anyhow, "SELECT ref FROM pay WHERE id = 1"},
		{anyhow, "INSERT INTO pay (ref, note) VALUES ('n2', 'z\xf3')"},
		{anyhow, "INSERT INTO pay (ref, note) VALUES ('n3', 'ascii')"},
		{anyhow, "SELECT id, note FROM pay WHERE ref >= 'n' ORDER BY id"},
		{anyhow, "SET character_set_results = NULL"},
		{anyhow, "SELECT id, note FROM pay WHERE id = 2"},
		{anyhow, "SET NAMES utf8mb4"},
		{fromRows, "SELECT id, note FROM pay WHERE id = 2"},
	},
	"mode": {
		{anyhow, "SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')"},
		{inserted, `INSERT INTO "pay" (ref, note) VALUES ('m1', 'x')`},
		{fromRows, `SELECT "note" FROM pay WHERE id = 1`},
		{anyhow, "SET sql_mode = CONCAT(@@sql_mode, ',NO_BACKSLASH_ESCAPES')"},
		{inserted, `INSERT INTO pay (ref, note) VALUES ('m2', 'a\')`},
		{fromRows, "SELECT note FROM pay WHERE id = 2"},
		{updated, `UPDATE pay SET note = 'b\n' WHERE id = 2`},
		{anyhow, "SET sql_mode = ''"},
		{anyhow, "INSERT INTO pay (ref, amount) VALUES ('m3', 99999999999)"},
		{anyhow, "SHOW WARNINGS"},
		{anyhow, "INSERT INTO pay (amount) VALUES (1)"},
		{inserted, "INSERT INTO pay (ref, note) VALUES ('m4', 'q')"},
		{anyhow, "SELECT * FROM pay ORDER BY id"},
	},
	"zone": {
		{anyhow, "SET time_zone = '+05:30'"},
		{inserted, "INSERT INTO pay (ref, at) VALUES ('z1', '2026-01-01 00:00:00.5')"},
		{fromRows, "SELECT at FROM pay WHERE id = 1"},
		{anyhow, "SET time_zone = '-03:00'"},
		{fromRows, "SELECT at FROM pay WHERE id = 1"},
		{anyhow, "SELECT at FROM pay"},
		{anyhow, "SET timestamp = 1767225600"},
		{anyhow, "INSERT INTO pay (ref, at) VALUES ('z2', NOW(3))"},
		{anyhow, "SELECT at FROM pay WHERE id = 2"},
		{anyhow, "SET timestamp = DEFAULT"},
		{anyhow, "SELECT ref, at FROM pay WHERE id = 2"},
	},
	"transactions": {
		{inserted, "INSERT INTO pay (ref) VALUES ('t1')"},
		{anyhow, "BEGIN"},
		{anyhow, "SELECT * FROM pay"},
		{anyhow, "INSERT INTO pay (ref) VALUES ('t2')"},
		{anyhow, "SELECT * FROM pay WHERE id = 1 FOR UPDATE"},
		{anyhow, "UPDATE pay SET amount = 5 WHERE id = 1"},
		{anyhow, "SELECT amount FROM pay WHERE id = 1"},
		{anyhow, "ROLLBACK"},
		{fromRows, "SELECT * FROM pay WHERE id = 1"},
		{fromRows, "SELECT * FROM pay WHERE id = 2"},
		{anyhow, "SELECT COUNT(*) FROM pay"},
		{anyhow, "SET autocommit = 0"},
		{inserted, "INSERT INTO pay (ref) VALUES ('t3')"},
		{anyhow, "SELECT * FROM pay WHERE id = 3"},
		{anyhow, "COMMIT"},
		{anyhow, "SET autocommit = 1"},
		{fromRows, "SELECT * FROM pay WHERE id = 3"},
		{updated, "UPDATE pay SET amount = amount + 1 WHERE id = 3"},
		{anyhow, "START TRANSACTION READ ONLY"},
		{anyhow, "SELECT amount FROM pay WHERE id = 3"},
		{anyhow, "COMMIT"},
	},
	"objects": {
		{inserted, "INSERT INTO pay (ref, amount) VALUES ('o1', 50), ('o2', 5)"},
		{anyhow, "SELECT * FROM rich"},
		{updated, "UPDATE pay SET amount = 1 WHERE id = 1"},
		{anyhow, "SELECT * FROM rich"},
		{anyhow, "UPDATE rich SET amount = 12 WHERE id = 2"},
		{updated, "UPDATE pay SET amount = amount + 10 WHERE id = 1"},
		{anyhow, "CALL raise_all(3)"},
		{passed, "SELECT * FROM pay WHERE id = 1"}, // the procedure may have made a temporary table
		{anyhow, "CREATE TEMPORARY TABLE pay (id INT PRIMARY KEY, ref VARCHAR(10))"},
		{anyhow, "INSERT INTO pay VALUES (1, 'temp')"},
		{anyhow, "SELECT * FROM pay WHERE id = 1"},
		{anyhow, "DROP TEMPORARY TABLE pay"},
		{fromRows, "SELECT * FROM pay WHERE id = 1"},
		{anyhow, "LOCK TABLES pay WRITE"},
		{passed, "INSERT INTO pay (ref) VALUES ('locked')"},
		{anyhow, "SELECT * FROM plain"},
		{anyhow, "UNLOCK TABLES"},
		{fromRows, "SELECT ref FROM pay WHERE id = 3"},
		{anyhow, "USE information_schema"},
		{anyhow, "SELECT * FROM pay WHERE id = 1"},
		{fromRows, "SELECT pay.id FROM $.pay WHERE id = 1"},
		{anyhow, "USE $"},
		{fromRows, "SELECT * FROM pay WHERE id = 2"},
	},
	"text prepared": {
		{anyhow, "PREPARE ins FROM 'INSERT INTO pay (ref, amount) VALUES (?, ?)'"},
		{anyhow, "SET @r = 'p1', @a = 4"},
		{anyhow, "EXECUTE ins USING @r, @a"},
		{fromRows, "SELECT * FROM pay WHERE id = 1"},
		{updated, "UPDATE pay SET amount = 6 WHERE id = 1"},
		{anyhow, "PREPARE sel FROM 'SELECT * FROM pay WHERE id = ?'"},
		{anyhow, "SET @i = 1"},
		{anyhow, "EXECUTE sel USING @i"},
		{anyhow, "DEALLOCATE PREPARE ins"},
		{anyhow, "EXECUTE ins USING @r, @a"},
		{inserted, "INSERT INTO pay (ref) VALUES ('p2')"},
	},
	"several": {
		{inserted, "INSERT INTO pay (ref) VALUES ('s0')"},
		{anyhow, "INSERT INTO pay (ref) VALUES ('s1'); SELECT * FROM pay; UPDATE pay SET amount = 3 WHERE id = 1"},
		{fromRows, "SELECT * FROM pay WHERE id = 1"},
		{anyhow, "SELECT 1; SELECT nothing FROM pay; INSERT INTO pay (ref) VALUES ('s2')"},
		{fromRows, "SELECT * FROM pay WHERE id = 2"},
		{anyhow, "SELECT * FROM pay"},
	},
	"insert id": {
		{inserted, "INSERT INTO pay (ref) VALUES ('l1')"},
		{anyhow, "SELECT LAST_INSERT_ID(), @@last_insert_id, @@identity"},
		{inserted, "INSERT INTO pay (ref) VALUES ('l2'), ('l3')"},
		{anyhow, "SELECT LAST_INSERT_ID()"},
		{inserted, "INSERT INTO pay (id, ref) VALUES (100, 'l4')"},
		{anyhow, "SELECT LAST_INSERT_ID()"},
		{refused, "INSERT INTO pay (ref) VALUES ('l1')"},
		{anyhow, "SELECT LAST_INSERT_ID()"},
		{inserted, "INSERT INTO pay (ref) VALUES ('l5')"},
		{anyhow, "INSERT INTO plain VALUES (LAST_INSERT_ID(), 'x')"},
		{anyhow, "SELECT * FROM plain WHERE id > 0 ORDER BY id"},
		{anyhow, "SELECT LAST_INSERT_ID(77)"},
		{updated, "UPDATE pay SET amount = 1 WHERE id = 1"},
		{anyhow, "SELECT LAST_INSERT_ID()"},
		{inserted, "INSERT INTO pay (ref) VALUES ('l6')"},
		{anyhow, "INSERT INTO pay (ref) SELECT 'l7'"},
		{anyhow, "SELECT LAST_INSERT_ID()"},
		{anyhow, "DELETE FROM plain"},
	},
	"outcome": {
		{anyhow, "SELECT 1/0, CAST('x' AS SIGNED)"},
		{inserted, "INSERT INTO pay (ref) VALUES ('w1'), ('w2')"},
		{anyhow, "SHOW WARNINGS"},
		{inserted, "INSERT INTO pay (ref) VALUES ('w3'), ('w4')"},
		{anyhow, "SELECT ROW_COUNT()"},
		{anyhow, "SELECT CAST('x' AS SIGNED)"},
		{updated, "UPDATE pay SET amount = 2 WHERE id = 1"},
		{anyhow, "SELECT @@warning_count"},
		{updated, "UPDATE pay SET amount = 2 WHERE id = 1"},
		{anyhow, "SELECT ROW_COUNT()"},
		{refused, "INSERT INTO pay (ref) VALUES ('w1')"},
		{anyhow, "SHOW WARNINGS"},
		{refused, "INSERT INTO pay (ref) VALUES ('w1')"},
		{anyhow, "SELECT ROW_COUNT()"},
		{fromRows, "SELECT * FROM pay WHERE id = 1"},
		{anyhow, "SELECT ROW_COUNT()"},
		{fromRows, "SELECT id FROM pay WHERE id = 2000"},
		{anyhow, "SELECT FOUND_ROWS()"},
	},
}

// TestSessionScripts compares scripted sessions packet by packet.
func TestSessionScripts(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), nil, sessionTables...)
			for name, script := range scripts {
				t.Run(name, func(t *testing.T) {
					own := *b
					own.t = t
					p := own.sessions(wire.CapDeprecateEOF | wire.CapSessionTrack)
					p.query(anyhow, "TRUNCATE TABLE pay", "SELECT 1")
					for _, s := range script {
						p.both(s.want, s.sql, func(c *packetClient, mine func(string) string) [][]byte {
							return c.query(mine(strings.ReplaceAll(s.sql, "$", p.direct)))
						})
					}
					own.equal("pay", "plain")
				})
			}
		})
	}
}

// TestPreparedAfterDDL executes statements that were prepared before the
// table changed.
func TestPreparedAfterDDL(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), nil, sessionTables...)
			p := b.sessions(wire.CapDeprecateEOF)
			const one, all, insert = "SELECT ref, amount FROM pay WHERE id = ?", "SELECT * FROM pay WHERE id = ?", "INSERT INTO pay (ref, amount) VALUES (?, ?)"
			p.execute(inserted, insert, "d1", "1.50")
			p.execute(fromRows, one, 1)
			p.execute(fromRows, all, 1)
			p.query(passed, "ALTER TABLE pay ADD COLUMN extra INT NOT NULL DEFAULT 9")
			p.execute(inserted, insert, "d2", "2.50")
			p.execute(fromRows, one, 2)
			p.execute(anyhow, all, 2)
			p.query(passed, "ALTER TABLE pay MODIFY amount DECIMAL(14,4) NOT NULL DEFAULT 0")
			p.execute(inserted, insert, "d3", "3.5000")
			p.execute(anyhow, one, 3)
			p.query(passed, "ALTER TABLE pay DROP COLUMN amount")
			p.execute(anyhow, insert, "d4", "2.50")
			p.execute(anyhow, one, 1)
			b.equal("pay")
		})
	}
}
