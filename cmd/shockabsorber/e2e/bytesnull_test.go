package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// TestBytesNullAgain: a column that is NULL and is set to NULL makes the row a
// changed one if the column has a default whose bytes are not those of an empty
// value, on both servers; ON UPDATE CURRENT_TIMESTAMP then counts.
func TestBytesNullAgain(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			var columns []string
			for i, c := range []string{"INT", "INT DEFAULT 1", "FLOAT DEFAULT 0.125", "FLOAT(7,3) DEFAULT 0.125", "DOUBLE DEFAULT 1.5", "DECIMAL(5,2) DEFAULT 1", "BIT(8) DEFAULT b'1'",
				"VARBINARY(5) DEFAULT 'ab'", "BINARY(5) DEFAULT X'FF'", "VARCHAR(5) DEFAULT 'ab'", "CHAR(5) DEFAULT ''", "YEAR DEFAULT 2001", "DATE DEFAULT '2001-02-03'",
				"DATETIME DEFAULT CURRENT_TIMESTAMP", "INT DEFAULT (1 + 1)", "FLOAT DEFAULT (1 / 3)", "ENUM('a', 'b') DEFAULT 'b'"} {
				columns = append(columns, fmt.Sprintf("c%d %s", i, strings.Replace(c, " DEFAULT", " NULL DEFAULT", 1)))
			}
			b := newBench(t, backend.start(t), nil, "CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL, "+strings.Join(columns, ", ")+", u DATETIME NULL ON UPDATE CURRENT_TIMESTAMP)")
			p := b.sessions(0)
			for id := range 2 {
				p.query(anyhow, fmt.Sprintf("INSERT INTO t VALUES (%d, 0%s, '2000-01-01')", id, strings.Repeat(", NULL", len(columns))))
			}
			b.drain()
			for i, c := range columns {
				p.query(anyhow, fmt.Sprintf("UPDATE t SET c%d = NULL WHERE id = 0", i))
				p.query(anyhow, fmt.Sprintf("SELECT u > '2000-01-01' AS %q FROM t WHERE id = 0", strings.Fields(c)[1]))
				p.query(anyhow, "UPDATE t SET u = '2000-01-01' WHERE id = 0")
			}
		})
	}
}

// TestBytesUnseen: whether a string that is no value of its column is warned about
// where there is no row is what MySQL's optimizer makes of its own table.
func TestBytesUnseen(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), nil, "CREATE TABLE t (id INT PRIMARY KEY, n TINYINT NOT NULL, d DATE, UNIQUE KEY (n))")
			p := b.sessions(0)
			for _, rows := range []int{0, 1, 2} {
				for _, where := range []string{"id = 6 AND n = '3x'", "n = '3x' AND id IN (6)", "id = 6 AND d = '2021-02-30'", "n = 6 AND id > '3x'", "id = 6 AND n = '3'", "id = 6 AND n = 3", "n = '0 ' AND id IN (1, 2)", "id IN (0, 1) AND n > '0x'", "n IN ('3x', NULL, -5, '3x')"} {
					p.query(anyhow, "SELECT id FROM t WHERE "+where, "UPDATE t SET d = NULL WHERE "+where, "DELETE FROM t WHERE "+where, "SHOW WARNINGS")
				}
				// A string that is a value of the column is no reason to ask MySQL.
				p.query(fromRows, "SELECT id FROM t WHERE id = 6 AND d = '2021-02-03'")
				p.query(updated, "UPDATE t SET n = 9 WHERE id = 6 AND d = '2021-02-03'")
				p.query(inserted, fmt.Sprintf("INSERT INTO t VALUES (%d, %d, '2001-01-01')", rows, rows))
			}
		})
	}
}

// TestBytesRowNumbers: what fails at a row tells its number among those that were
// looked at, and of a unique index and a further condition the optimizer may use
// either.
func TestBytesRowNumbers(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), nil, "CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL, u SMALLINT, UNIQUE KEY (u))")
			p := b.sessions(0)
			p.query(inserted, "INSERT INTO t VALUES (4, 2, 1), (7, 2, 4)")
			p.query(passed, "UPDATE t SET n = '12abc' WHERE u = 4 AND id > 3")
			p.query(updated, "UPDATE t SET n = '12abc' WHERE u = 4") // which fails
			p.query(updated, "UPDATE t SET n = 12 WHERE u = 4 AND id > 3")
			b.equal("t")
		})
	}
}

// TestBytesReplaceParent: a REPLACE of two rows of which one takes the other away
// counts it otherwise in a table that a foreign key points to.
func TestBytesReplaceParent(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), nil, "CREATE TABLE alone (id INT PRIMARY KEY, u INT UNIQUE)", "CREATE TABLE p (id INT PRIMARY KEY, u INT UNIQUE)", "CREATE TABLE only (id INT PRIMARY KEY)",
				"CREATE TABLE c (id INT PRIMARY KEY, p INT, o INT, FOREIGN KEY (p) REFERENCES p (id), FOREIGN KEY (o) REFERENCES only (id))")
			p := b.sessions(0)
			p.query("replace", "REPLACE INTO alone VALUES (5, 1), (5, 1)", "REPLACE INTO alone VALUES (6, 2), (7, 2)", "REPLACE INTO p VALUES (1, 7), (2, 8)")
			p.query(passed, "REPLACE INTO only VALUES (5), (5)", "REPLACE INTO p VALUES (5, 1), (5, 1)", "REPLACE INTO p VALUES (6, 2), (7, 2)", "REPLACE INTO p VALUES (1, 7)", "REPLACE INTO p VALUES (ABS(-9), 3), (9, 3)")
			b.equal("alone", "only", "p")
		})
	}
}

// TestBytesNameless: MariaDB takes bytes that are no ASCII for a column of it, and
// reads them as question marks, by which nobody finds the row again: that it has a
// unique value all the same is MySQL's to say.
func TestBytesNameless(t *testing.T) {
	b := newBench(t, backends[0].start(t), nil, "CREATE TABLE t (id VARCHAR(9) CHARACTER SET ascii PRIMARY KEY, n INT NOT NULL, g INT AS (n * 2) STORED, UNIQUE KEY (g))")
	for _, database := range []string{b.direct, b.proxied} {
		b.db.Exec(t, database, "INSERT INTO t (id, n) VALUES (X'C3A9', 1)")
	}
	p := b.sessions(0)
	p.query(anyhow, "INSERT INTO t (id, n) VALUES ('a', 1)", "INSERT INTO t (id, n) VALUES ('a', 2)", "UPDATE t SET n = 1 WHERE id = 'a'",
		"INSERT IGNORE INTO t (id, n) VALUES ('b', 1)", "SELECT id FROM t WHERE g = 2", "REPLACE INTO t (id, n) VALUES ('c', 1)")
	b.equal("t")
}
