package e2e

import (
	"testing"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// TestFirstDuplicate: of a row that clashes with several others, MySQL names the
// first index that does, in its own order, and ON DUPLICATE KEY UPDATE changes
// that index' row. So does the proxy, whether the others are pending or have
// drained, and also where MySQL has to compute the row first.
func TestFirstDuplicate(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), nil,
				"CREATE TABLE clash (id INT PRIMARY KEY, z INT, a INT, m VARCHAR(10), n INT NOT NULL DEFAULT 0, UNIQUE KEY zz (z), UNIQUE KEY aa (a), UNIQUE KEY mm (m, n))")
			p := b.sessions(wire.CapDeprecateEOF)
			p.query(inserted, "INSERT INTO clash VALUES (1, 1, 1, 'one', 1)", "INSERT INTO clash VALUES (2, 2, 2, 'two', 2)",
				"INSERT INTO clash VALUES (3, 3, 3, 'three', 3)")
			clashes := []string{
				"INSERT INTO clash VALUES (1, 2, 3, 'two', 2)",
				"INSERT INTO clash VALUES (4, 2, 1, 'three', 3)",
				"INSERT INTO clash VALUES (4, 4, 3, 'one', 1)",
				"INSERT INTO clash VALUES (4, 4, 4, 'ONE ', 1)",
				"INSERT INTO clash VALUES (4, NULL, 3, 'two', 2)",
				"INSERT INTO clash VALUES (4, ABS(-3), 1, LOWER('TWO'), 1 + 1)", // on the shadow
				"INSERT INTO clash VALUES (4, 4, ASCII('\\x01'), CONCAT('t', 'wo'), 2)",
				"UPDATE clash SET z = 1, a = 3 WHERE id = 2",
				"UPDATE clash SET a = 3, z = 1 WHERE id = 2",
				"UPDATE clash SET m = 'one', n = 1, a = 1 WHERE id = 3",
				"UPDATE clash SET id = 1, z = 3 WHERE id = 2",
				"UPDATE clash SET a = a + 1, m = 'three', n = n + 1 WHERE id = 2",
				"INSERT INTO clash VALUES (5, 5, 5, 'five', 5), (6, 2, 5, 'one', 1)",
				"INSERT INTO clash VALUES (5, 5, 5, 'five', 5), (6, 6, 5, 'one', 1)",
				"INSERT INTO clash VALUES (7, 2, 3, 'one', 1) ON DUPLICATE KEY UPDATE z = 1, a = 3",
			}
			p.query(refused, clashes[:3]...) // by the proxy itself
			p.query(anyhow, clashes[3:]...)
			b.drain()
			p.query(anyhow, clashes...)
			p.query(anyhow, "DELETE FROM clash WHERE id = 1", "UPDATE clash SET z = 20 WHERE id = 2") // given up, and pending
			p.query(anyhow, clashes...)
			p.query(anyhow, "INSERT INTO clash VALUES (8, 3, 2, 'two', 2) ON DUPLICATE KEY UPDATE n = n + 100", "REPLACE INTO clash VALUES (9, 3, 2, 'new', 9)")
			b.equal("clash")
		})
	}
}

// TestFirstDuplicateOfPrefix: of a row that clashes with others in a unique index
// and in a unique prefix only MySQL can say which it comes to first, since rows
// that begin alike are not found here. So whatever brings a new prefix passes
// through: computed here or on the shadow, alone or in a transaction.
func TestFirstDuplicateOfPrefix(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), nil,
				"CREATE TABLE begins (id INT PRIMARY KEY, z INT, m CHAR(10) NOT NULL, n INT NOT NULL DEFAULT 0, UNIQUE KEY zz (z), UNIQUE KEY mm (m(2)))")
			p := b.sessions(wire.CapDeprecateEOF)
			p.query(anyhow, "INSERT INTO begins VALUES (1, 1, 'one', 1)", "INSERT INTO begins VALUES (2, 2, 'two', 2)", "INSERT INTO begins VALUES (3, 3, 'x y', 3)")
			p.query(updated, "UPDATE begins SET n = n + 1 WHERE id = 1", "UPDATE begins SET z = 4 WHERE id = 3") // pending
			clashes := []string{
				"INSERT INTO begins VALUES (4, 1, 'x  y', 1)",
				"INSERT INTO begins VALUES (4, ABS(-1), 'X  Y', 1)", // on the shadow
				"INSERT INTO begins VALUES (4, ABS(-1), CONCAT('tw', 'in'), 1)",
				"INSERT INTO begins VALUES (1, 2, 'x', 1)",
				"INSERT IGNORE INTO begins VALUES (4, ABS(-1), 'x', 1)",
				"INSERT IGNORE INTO begins VALUES (4, 1, 'two', 1)",
				"UPDATE begins SET z = 1, m = 'two' WHERE id = 3",
				"UPDATE begins SET z = ABS(-1), m = CONCAT('tw', 'o') WHERE id = 3",
				"UPDATE begins SET m = CONCAT('tw', 'o') WHERE z = 4",
				"UPDATE begins SET z = 2, m = 'x z' WHERE id = 1",
				"INSERT INTO begins VALUES (4, 1, 'x  y', 1), (5, 2, 'on', 2)",
			}
			p.query(anyhow, clashes...)
			p.query(anyhow, "BEGIN", "UPDATE begins SET n = n + 1 WHERE id = 1", "UPDATE begins SET n = n + 1 WHERE id IN (1, 3)")
			p.query(anyhow, clashes...)
			p.query(anyhow, "COMMIT")
			p.query(anyhow, "INSERT INTO begins VALUES (4, 1, 'x  y', 1) ON DUPLICATE KEY UPDATE n = n + 100",
				"INSERT INTO begins VALUES (4, ABS(-1), CONCAT('x', 'y'), 1) ON DUPLICATE KEY UPDATE n = n + 100",
				"REPLACE INTO begins VALUES (4, 1, 'x  y', 1)", "REPLACE INTO begins VALUES (5, ABS(-2), 'xy', 1)")
			b.equal("begins")
		})
	}
}
