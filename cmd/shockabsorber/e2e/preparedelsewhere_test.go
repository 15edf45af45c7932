package e2e

import (
	"testing"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// TestPreparedElsewhere: a prepared statement means the tables of the database
// that was current at its PREPARE, whatever USE says since: absorbed, in a
// transaction of MySQL's where the backend prepares it only then, and after
// that database is gone.
func TestPreparedElsewhere(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), nil, sessionTables...)
			p := b.sessions(wire.CapDeprecateEOF)
			const one, insert, update, count = "SELECT ref, amount FROM pay WHERE id = ?", "INSERT INTO pay (ref, amount) VALUES (?, ?)",
				"UPDATE pay SET amount = amount + 1 WHERE id = ?", "SELECT COUNT(*) FROM pay"
			p.execute(inserted, insert, "d1", "1.50")
			p.execute(fromRows, one, 1)
			p.says(anyhow, "CREATE DATABASE $_b", "CREATE TABLE $_b.pay LIKE $.pay", "INSERT INTO $_b.pay (ref, amount) VALUES ('elsewhere', 9)")
			p.says(anyhow, "USE $_b")
			p.execute(inserted, insert, "d2", "2.50")
			p.execute(fromRows, one, 2)
			p.execute(anyhow, count)
			p.query(anyhow, "SELECT ref FROM pay", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "BEGIN")
			p.execute(anyhow, insert, "d3", "3.50")
			p.execute(anyhow, one, 3)
			p.query(anyhow, "SELECT COUNT(*) FROM pay", "COMMIT")
			p.says(anyhow, "USE $")
			p.execute(anyhow, count)
			p.execute(anyhow, update, 3)
			p.says(anyhow, "USE $_b")
			p.execute(anyhow, update, 3)
			p.says(anyhow, "SELECT ref, amount FROM pay ORDER BY id", "SELECT id, ref, amount FROM $.pay ORDER BY id")
			p.says(anyhow, "USE $")
			p.says(anyhow, "DROP DATABASE $_b")
			p.execute(anyhow, count)
			p.query(anyhow, "SELECT id, ref, amount FROM pay ORDER BY id")
			b.equal("pay")
		})
	}
}
