package e2e

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// scanTables are what the tests of statements without a key work on.
var scanTables = []string{
	"CREATE TABLE job (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, state VARCHAR(10) NOT NULL DEFAULT 'new', n INT NOT NULL DEFAULT 0, ref VARCHAR(20), run DATETIME(3), UNIQUE KEY ref (ref), KEY state (state))",
	"CREATE TABLE named (a VARCHAR(20) COLLATE utf8mb4_bin, b VARBINARY(8), d DATE, v INT, PRIMARY KEY (a, b, d))",
	"CREATE TABLE other (id INT PRIMARY KEY, job INT)",
}

// TestScan: statements whose WHERE names no key are computed of the rows that
// MySQL finds and of those that are pending.
func TestScan(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), func(c *config.Config) { c.WriteBack.DrainRate = 0.1 }, scanTables...)
			p := b.sessions(wire.CapDeprecateEOF | wire.CapMultiStatements)
			operator := b.p.open(t, "")
			p.query(inserted, "INSERT INTO job (state, n, ref) VALUES ('new', 1, 'a'), ('new', 2, 'b'), ('done', 3, 'c'), ('done', 4, NULL)")
			b.drain()
			p.query(passed, "SELECT id, n FROM job WHERE state = 'new' ORDER BY id") // nothing is pending
			p.query(inserted, "INSERT INTO job (state, n, ref) VALUES ('new', 5, 'e')")
			p.query(updated, "UPDATE job SET state = 'done' WHERE id = 1", "UPDATE job SET n = 20 WHERE id = 2", "UPDATE job SET state = 'new' WHERE id = 3")
			p.query(deleted, "DELETE FROM job WHERE id = 4")
			p.query(fromRows,
				"SELECT id, n FROM job WHERE state = 'new' ORDER BY id", "SELECT id, n FROM job WHERE state = 'new' ORDER BY id DESC LIMIT 1", "SELECT id FROM job ORDER BY id LIMIT 1 OFFSET 2",
				"SELECT COUNT(*), SUM(n), MAX(id) FROM job", "SELECT COUNT(*) FROM job WHERE state = 'new'", "SELECT n + 1 AS m FROM job j WHERE j.n > 4 AND state LIKE 'n%' ORDER BY j.id",
				"SELECT id FROM job WHERE n = 20", "SELECT id FROM job WHERE n = 20 OR n = 5 ORDER BY id", "SELECT id FROM job WHERE n = -5", "SELECT * FROM job WHERE ref IS NULL")
			for _, limit := range []string{"2", "1 OFFSET 1", "1, 10", "0"} {
				p.query(fromRows, "SELECT id FROM job ORDER BY id LIMIT "+limit)
				p.query(anyhow, "SELECT FOUND_ROWS()")
			}
			p.query(fromRows, "SELECT id, 100 - n AS n FROM job ORDER BY n, id LIMIT 2", "SELECT id, n AS id2 FROM job ORDER BY -id2, id LIMIT 1") // n is the alias
			p.execute(fromRows, "SELECT id, n FROM job WHERE state = ? AND n > ? ORDER BY id", "new", int(2))
			p.execute(fromRows, "SELECT id FROM job WHERE ref <=> CONCAT(?, ?) ORDER BY id", `'\`, nil)
			p.execute(fromRows, "SELECT id FROM job WHERE n < - ? ORDER BY id", int(-4))
			p.query(updated,
				"UPDATE job SET n = n + 1 WHERE state = 'new'", "UPDATE job SET state = 'run' WHERE state = 'new' ORDER BY id LIMIT 1", "UPDATE job SET n = n + 1 WHERE state = 'none'",
				"UPDATE job SET run = NOW(3) - INTERVAL 1 HOUR WHERE n > 5 AND run IS NULL", "UPDATE job SET run = NULL WHERE run < NOW(3)", "UPDATE job SET n = 0")
			p.execute(updated, "UPDATE job SET n = n + ? WHERE state IN (?, ?) AND n = 0", int(7), "new", "it's")
			p.query(anyhow, "SHOW WARNINGS", "SELECT ROW_COUNT(), FOUND_ROWS()")
			p.query(deleted, "DELETE FROM job WHERE state = 'done'", "DELETE FROM job WHERE state = 'done'")
			p.query(fromRows, "SELECT * FROM job ORDER BY id")
			if n := readLane(t, operator).backlog; n < 8 {
				t.Errorf("a statement that was computed here has drained: %d units are left", n)
			}

			p.query(inserted, "INSERT INTO named VALUES ('ä ''\\\\', x'00ff27', '2026-01-02', 1), ('b', '', '2026-01-02', 2)")
			b.drain()
			p.query(inserted, "INSERT INTO named VALUES ('ä ''\\\\', x'00ff28', '2026-01-02', 1)")
			p.query(updated, "UPDATE named SET v = v + 10 WHERE v = 1", "UPDATE named SET v = v * 2 WHERE a LIKE 'ä%'", "UPDATE named SET v = 0 WHERE d < '2026-01-03' AND b = ''")
			p.query(fromRows, "SELECT HEX(a), HEX(b), d, v FROM named WHERE v >= 0 ORDER BY a, b, d")

			p.query(inserted, "INSERT INTO job (state, n) VALUES ('long', 77)")
			// What is MySQL's: another order, warnings, what fails, transactions, locks, too many rows.
			p.query(passed, "UPDATE job SET state = 'longer than ten' WHERE n = 77", "SELECT ref FROM job WHERE n >= 0", "UPDATE job SET n = 1 WHERE ref = 5", "SELECT id FROM job WHERE n > 0 FOR UPDATE", "UPDATE IGNORE job SET n = 2 WHERE n >= 0",
				"UPDATE job SET id = id + 100", "UPDATE job SET n = 99999999999 WHERE n >= 0", "SELECT COUNT(*) FROM job, other")
			p.query(inserted, "INSERT INTO job (n) VALUES (1)")
			p.query(passed, "SELECT id FROM job ORDER BY id LIMIT 1 OFFSET 30") // FOUND_ROWS() tells how many there are
			p.query(anyhow, "SELECT FOUND_ROWS()")
			p.query(anyhow, "BEGIN", "UPDATE job SET n = 5 WHERE id = 2")
			p.query(passed, "SELECT id FROM job WHERE n > 0 ORDER BY id")
			p.query(anyhow, "COMMIT")
			for i := range 12 {
				p.query(inserted, fmt.Sprintf("INSERT INTO job (n) VALUES (%d), (1), (2), (3), (4), (5), (6), (7), (8), (9)", i))
			}
			p.query(passed, "UPDATE job SET n = n + 1", "SELECT SUM(n) FROM job")
			p.query(inserted, "INSERT INTO job (n) VALUES (1)")
			p.query(fromRows, "SELECT id, n FROM job WHERE n >= 0 ORDER BY id LIMIT 10", "SELECT id, n FROM job WHERE n >= 0 ORDER BY id DESC LIMIT 3")
			p.query(passed, "SELECT COUNT(*) FROM job ORDER BY id LIMIT 1", "SELECT id FROM job ORDER BY id LIMIT 101", "SELECT id, 1000 - n AS n FROM job ORDER BY n, id LIMIT 5")
			b.equal("job", "named")
		})
	}
}

// TestScanKilled: who ends a statement while its rows are looked for has ended it.
func TestScanKilled(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), func(c *config.Config) { c.WriteBack.DrainRate = 0.1 }, scanTables...)
			pool := b.p.open(t, b.proxied)
			rows := strings.Repeat(", ('x', 0)", 90)[2:]
			mustExec(t, pool, "INSERT INTO job (state, n) VALUES "+rows)
			b.drain()
			mustExec(t, pool, "INSERT INTO job (state, n) VALUES ('x', 0)")
			conn, err := pool.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			var id int
			if err := conn.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() {
				_, err := conn.ExecContext(t.Context(), "UPDATE job SET n = 1 WHERE SHA2(REPEAT(state, 12000000), 512) <> 'x'")
				ended <- err
			}()
			direct := b.db.Open(t, "")
			until(t, "the rows to be looked for", func() bool {
				return count(t, direct, "SELECT COUNT(*) FROM information_schema.processlist WHERE command = 'Query' AND info LIKE 'SELECT `id`%SHA2%' AND id <> CONNECTION_ID()") > 0
			})
			mustExec(t, pool, fmt.Sprintf("KILL QUERY %d", id))
			var told *mysql.MySQLError
			if err := <-ended; !errors.As(err, &told) || told.Number != 1317 {
				t.Errorf("the client was told %v", err)
			}
			b.drain()
			if n := count(t, direct, "SELECT SUM(n) FROM "+b.proxied+".job"); n != 0 {
				t.Errorf("%d rows were changed", n)
			}
		})
	}
}

// TestScanBytes: rows that are too large to be carried about are MySQL's.
func TestScanBytes(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), func(c *config.Config) { c.WriteBack.DrainRate = 0.1 }, "CREATE TABLE docs (id INT PRIMARY KEY, state INT NOT NULL, body LONGBLOB, note TEXT)")
			p := b.sessions(0)
			for id := range 8 {
				p.query(inserted, fmt.Sprintf("INSERT INTO docs VALUES (%d, %d, '%s', NULL)", id, id%4, strings.Repeat("x", 1_200_000)))
			}
			b.drain()
			p.query(inserted, "INSERT INTO docs VALUES (8, 3, NULL, 'short')")
			p.query(fromRows, "SELECT COUNT(*), SUM(id) FROM docs WHERE state = 3")
			p.query(updated, "UPDATE docs SET note = CONCAT(id, '') WHERE state = 3")
			p.query(passed, "SELECT COUNT(*) FROM docs WHERE state >= 0", "UPDATE docs SET note = 'none' WHERE state < 3")
			for id := 9; id < 14; id++ {
				p.query(inserted, fmt.Sprintf("INSERT INTO docs VALUES (%d, 3, '%s', NULL)", id, strings.Repeat("y", 1_200_000)))
			}
			p.query(passed, "SELECT COUNT(*) FROM docs WHERE state = 0")
			b.equal("docs")
		})
	}
}

// TestScanWarned: how often a value of a condition is converted, and warned about,
// depends on the rows that are looked at.
func TestScanWarned(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), func(c *config.Config) { c.WriteBack.DrainRate = 0.1 }, "CREATE TABLE uq (id INT PRIMARY KEY AUTO_INCREMENT, v TIME NULL, u TINYINT NULL, n INT NOT NULL, UNIQUE KEY (v), UNIQUE KEY (u))")
			p := b.sessions(0)
			for _, where := range []string{"u IN ('3x', NULL, -5, '3x')", "u = '3x'", "n = '3x'"} {
				p.query(inserted, "INSERT INTO uq (n) VALUES (1)")
				p.query(anyhow, "SELECT n FROM uq WHERE "+where, "SHOW WARNINGS", "UPDATE uq SET n = 2 WHERE "+where, "SHOW WARNINGS")
			}
			b.equal("uq")
		})
	}
}

// TestScanRaces: statements without a key of many sessions on two proxies, among
// them such as bring rows that others are about, lose nothing.
func TestScanRaces(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			var cfg config.Config
			b := newBench(t, backend.start(t), func(c *config.Config) {
				c.WriteBack.DrainRate = 100
				cfg = *c
				cfg.Proxy.Socket = ""
			}, scanTables...)
			pools := []*sql.DB{b.p.open(t, b.proxied), start(t, b.db, &cfg).open(t, b.proxied)}
			const sessions, rounds = 8, 25
			var wg sync.WaitGroup
			var changed, taken atomic.Int64
			exec := func(pool *sql.DB, n *atomic.Int64, statement string) {
				res, err := pool.Exec(statement)
				if err != nil {
					t.Errorf("%s: %v", statement, err)
					return
				}
				if rows, err := res.RowsAffected(); err == nil && n != nil {
					n.Add(rows)
				}
			}
			for i := range sessions {
				pool := pools[i%2]
				wg.Go(func() {
					for r := range rounds {
						exec(pool, nil, fmt.Sprintf("INSERT INTO job (state, n) VALUES ('s%d', 0), ('free', 0)", r%3))
						exec(pool, &changed, fmt.Sprintf("UPDATE job SET n = n + 1 WHERE state = 's%d' ORDER BY id LIMIT 3", r%3))
						exec(pool, &changed, "UPDATE job SET n = n + 1 WHERE state = 's2' AND id % 10 = 3")
						exec(pool, &taken, fmt.Sprintf("UPDATE job SET state = 't%d' WHERE state = 'free' ORDER BY id LIMIT 1", i))
					}
				})
			}
			wg.Wait()
			b.drain()
			var rows, sum, took int64
			if err := b.db.Open(t, b.proxied).QueryRow("SELECT COUNT(*), SUM(n), SUM(state LIKE 't%') FROM job").Scan(&rows, &sum, &took); err != nil {
				t.Fatal(err)
			}
			if rows != 2*sessions*rounds || sum != changed.Load() || took != taken.Load() || took != sessions*rounds {
				t.Errorf("%d rows, sum %d of %d, %d taken of %d", rows, sum, changed.Load(), took, taken.Load())
			}
			t.Logf("%v", b.counters())
		})
	}
}
