package e2e

import (
	"testing"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// TestFreshColumns: a SELECT that MySQL answers waits for pending rows only if it
// depends on what they change.
func TestFreshColumns(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), func(c *config.Config) { c.WriteBack.DrainRate = 0.1 },
				"CREATE TABLE item (id INT PRIMARY KEY, name VARCHAR(20), n INT, upd TIMESTAMP(3) NULL ON UPDATE CURRENT_TIMESTAMP(3), twice INT AS (n * 2) VIRTUAL)",
				"CREATE TABLE stock (id INT PRIMARY KEY, item INT, n INT)",
				"CREATE VIEW names AS SELECT name FROM stock JOIN item ON item.id = stock.item")
			p := b.sessions(wire.CapDeprecateEOF)
			operator := b.p.open(t, "")
			pending := func(what string, want bool) {
				t.Helper()
				if n := readLane(t, operator).backlog; n > 0 != want {
					t.Errorf("%s: %d units are pending", what, n)
				}
			}
			p.query(inserted, "INSERT INTO item (id, name, n) VALUES (1, 'a', 1), (2, 'b', 2)", "INSERT INTO stock VALUES (1, 1, 10), (2, 2, 20)")
			b.drain()
			for range 3 { // one may drain at once
				p.query(updated, "UPDATE stock SET n = n + 1 WHERE id = 1")
			}
			p.query(passed, "SELECT s.id, item FROM stock s JOIN item i ON i.id = s.item ORDER BY s.id", "SELECT COUNT(*) FROM stock, item", "SELECT item FROM stock WHERE item > 1")
			pending("other columns", true)
			p.query(passed, "SELECT s.id, s.n FROM stock s JOIN item i ON i.id = s.item ORDER BY s.id")
			pending("the column", false)
			p.query(updated, "UPDATE stock SET n = n + 1 WHERE id = 1")
			p.query(passed, "SELECT s.* FROM stock s JOIN item i ON i.id = s.item ORDER BY s.id")
			pending("all columns", false)
			p.query(updated, "UPDATE stock SET item = 1 WHERE id = 2")
			p.query(passed, "SELECT name FROM names ORDER BY name")
			pending("a view", false)
			p.query(updated, "UPDATE stock SET item = 2 WHERE id = 1")
			p.query(inserted, "INSERT INTO stock VALUES (3, 1, 30)")
			p.query(passed, "SELECT COUNT(*) FROM stock, item")
			pending("a new row", false)
			p.query(updated, "UPDATE item SET n = n + 1 WHERE id = 1")
			p.query(passed, "SELECT COUNT(twice) FROM item, stock")
			pending("a generated column", false)
			p.query(updated, "UPDATE stock SET n = 0 WHERE id = 1")
			p.query(anyhow, "BEGIN")
			p.query(passed, "SELECT COUNT(*) FROM stock, item")
			p.query(anyhow, "SELECT n FROM stock, item", "COMMIT")
			pending("a transaction", false)
			b.equal("stock")
		})
	}
}
