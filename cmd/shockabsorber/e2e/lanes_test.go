package e2e

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// startLanes starts a proxy with a table in each of n lanes.
func startLanes(t testing.TB, n int, change func(cfg *config.Config)) (p *running, database string) {
	t.Helper()
	db := servertest.MariaDB(t)
	database = db.Database(t)
	cfg := settings(t, db, servertest.Redis(t).Addr)
	cfg.WriteBack.DrainRate = 100_000
	cfg.Tables = map[string]config.Table{}
	for i := range n {
		db.Exec(t, database, fmt.Sprintf("CREATE TABLE t%d (id BIGINT NOT NULL PRIMARY KEY, n INT NOT NULL) ENGINE=InnoDB", i))
		cfg.Tables[fmt.Sprintf("%s.t%d", database, i)] = config.Table{Lane: fmt.Sprintf("lane%d", i), Existence: "trust"}
	}
	if change != nil {
		change(cfg)
	}
	return start(t, db, cfg), database
}

// BenchmarkLanes gives absorbed INSERTs a second of 16 connections, over the
// tables of some lanes, with the default pool_size.
func BenchmarkLanes(b *testing.B) {
	for _, queue := range []string{config.QueueMemory, config.QueueRedis} {
		for _, lanes := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%s/lanes=%d", queue, lanes), func(b *testing.B) {
				p, database := startLanes(b, lanes, func(cfg *config.Config) {
					cfg.WriteBack.QueueType, cfg.WriteBack.DrainRate = queue, 50
				})
				run := time.Now().UnixNano() / 1000
				n := rate(b, p.dsn(database), 16, func(c *sql.Conn, worker, i int) error {
					_, err := c.ExecContext(b.Context(), fmt.Sprintf("INSERT INTO t%d (id, n) VALUES (%d, 1)", (worker+i)%lanes, run*1000+int64(i)*16+int64(worker)))
					return err
				})
				b.ReportMetric(n, "inserts/s")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
