package e2e

import (
	"testing"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// TestSeveralRows: REPLACE, INSERT IGNORE and ON DUPLICATE KEY UPDATE of several
// rows that MySQL has to compute are absorbed where no two of the rows meet, and
// pass through where they do, or a row may have a key between two of them.
func TestSeveralRows(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), nil,
				"CREATE TABLE several (id INT PRIMARY KEY, u INT, f FLOAT, v VARCHAR(10) NOT NULL DEFAULT 'd', UNIQUE KEY uu (u))",
				"CREATE TABLE counted (id INT AUTO_INCREMENT PRIMARY KEY, u INT UNIQUE, f FLOAT)")
			p := b.sessions(wire.CapDeprecateEOF)
			ask := []string{"SHOW WARNINGS", "SELECT ROW_COUNT(), LAST_INSERT_ID()"}
			each := func(want string, statements ...string) {
				t.Helper()
				for _, s := range statements {
					p.query(want, s)
					p.query(anyhow, ask...)
				}
			}
			each("replace", "REPLACE INTO several VALUES (1, 1, 0.1, CONCAT('a', 1)), (2, 2, 0.2, CONCAT('a', 2)), (3, 3, ABS(-0.3), 'c')",
				"REPLACE INTO several VALUES (2, 9, 0.1, CONCAT('b', 1)), (4, 3, 0.2, CONCAT('b', 2))", // both take others' place
				"REPLACE INTO several VALUES (5, 1, 0.1, CONCAT('e', 1)), (1, 4, 0.2, CONCAT('e', 2))") // the same row's key and value
			each("insert", "INSERT IGNORE INTO several VALUES (5, 50, 0.5, CONCAT('i', 1)), (6, 9, 0.5, CONCAT('i', 2)), (7, 7, ABS(-7), CONCAT('i', 3))")
			each("upsert", "INSERT INTO several VALUES (8, 80, ABS(-8), CONCAT('u', 1)), (7, 8, 0.5, CONCAT('u', 2)) ON DUPLICATE KEY UPDATE f = f + VALUES(f), v = CONCAT(v, 'x')",
				"INSERT INTO several (id, u, f) VALUES (7, 70, ABS(-1)), (5, 7, 0.25) ON DUPLICATE KEY UPDATE f = f + VALUES(f), v = CONCAT(v, 'y')",
				"INSERT INTO several (id, u, f) VALUES (7, 70, ABS(-1)), (5, 71, 0.25), (12, 7, 1.5) ON DUPLICATE KEY UPDATE f = f + VALUES(f), v = LEFT(CONCAT(v, 'z'), 10)")
			b.equal("several")
			each(passed, "REPLACE INTO several VALUES (1, 1, 0.1, CONCAT('a', 1)), (1, 2, 0.2, CONCAT('a', 2))",
				"INSERT IGNORE INTO several VALUES (20, 20, ABS(-1), CONCAT('i', 1)), (21, 20, 0.5, CONCAT('i', 2))",
				"INSERT INTO several VALUES (20, 20, ABS(-1), CONCAT('i', 1)), (20, 20, 0.5, 'x') ON DUPLICATE KEY UPDATE f = 1",
				"INSERT INTO several VALUES (1, 30, ABS(-1), CONCAT('i', 1)), (2, 31, 0.5, 'x') ON DUPLICATE KEY UPDATE u = u + 100",
				"INSERT INTO several VALUES (1, 30, ABS(-1), CONCAT('i', 1)), (2, 31, 0.5, 'x') ON DUPLICATE KEY UPDATE id = id + 100")
			each(anyhow, "REPLACE INTO counted (u, f) VALUES (1, ABS(-1)), (2, 0.1)", "REPLACE INTO counted (u, f) VALUES (2, ABS(-1)), (3, 0.1)",
				"INSERT IGNORE INTO counted (u, f) VALUES (3, ABS(-1)), (4, 0.1), (5, 0.2)", "INSERT INTO counted (u, f) VALUES (5, ABS(-1)), (6, 0.1) ON DUPLICATE KEY UPDATE f = f + 1",
				"INSERT INTO counted (u, f) VALUES (7, ABS(-1)), (8, 0.1) ON DUPLICATE KEY UPDATE f = f + 1", "REPLACE INTO counted (id, u, f) VALUES (1, 8, ABS(-1)), (30, 7, 0.1)",
				"INSERT INTO counted (u) VALUES (100)")
			b.equal("several", "counted")
		})
	}
}
