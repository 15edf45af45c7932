package e2e

import (
	"database/sql"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// benchTime is how long each side of a comparison runs.
const benchTime = 5 * time.Second

// rate runs f from n connections for benchTime and gives calls per second.
func rate(b *testing.B, dsn string, n int, f func(db *sql.Conn, worker, i int) error) float64 {
	b.Helper()
	pool, err := sql.Open("mysql", dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	pool.SetMaxOpenConns(n)
	pool.SetMaxIdleConns(n)
	var calls atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for w := range n {
		wg.Go(func() {
			c, err := pool.Conn(b.Context())
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Close()
			for i := 0; time.Since(start) < benchTime; i++ {
				if err := f(c, w, i); err != nil {
					b.Error(err)
					return
				}
				calls.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(calls.Load()) / time.Since(start).Seconds()
}

// prepared caches a statement per worker.
type prepared struct {
	sync.Mutex
	byWorker map[int]*sql.Stmt
}

// on is the worker's statement.
func (p *prepared) on(b *testing.B, c *sql.Conn, worker int, query string) (*sql.Stmt, error) {
	p.Lock()
	defer p.Unlock()
	if st := p.byWorker[worker]; st != nil {
		return st, nil
	}
	st, err := c.PrepareContext(b.Context(), query)
	if err == nil {
		p.byWorker[worker] = st
	}
	return st, err
}

// pointSelect reads a random row by key with a prepared statement.
func pointSelect(b *testing.B, table string) func(c *sql.Conn, worker, i int) error {
	p := &prepared{byWorker: map[int]*sql.Stmt{}}
	return func(c *sql.Conn, worker, i int) error {
		st, err := p.on(b, c, worker, "SELECT id, ref, amount, note FROM "+table+" WHERE id = ?")
		if err != nil {
			return err
		}
		var id int
		var ref, amount, note []byte
		return st.QueryRow((worker*7919+i*31)%benchRows+1).Scan(&id, &ref, &amount, &note)
	}
}

// insertPayment inserts a row with a prepared statement.
func insertPayment(b *testing.B) func(c *sql.Conn, worker, i int) error {
	p := &prepared{byWorker: map[int]*sql.Stmt{}}
	run := time.Now().UnixNano()
	return func(c *sql.Conn, worker, i int) error {
		st, err := p.on(b, c, worker, "INSERT INTO payments (ref, amount, note) VALUES (?, ?, ?)")
		if err != nil {
			return err
		}
		_, err = st.Exec(fmt.Sprintf("%d-%d-%d", run, worker, i), "10.50", "a note of a usual length for a payment")
		return err
	}
}

// benchRows is the size of the table that point selects read.
const benchRows = 10000

// BenchmarkRatios compares the proxy with the direct connection, in one run
// and on durable servers: redo log flushed at each commit, Redis with AOF.
// Figures are only good as ratios: the client shares the machine.
func BenchmarkRatios(b *testing.B) {
	for _, backend := range backends {
		b.Run(backend.name, func(b *testing.B) {
			db := backend.start(b)
			redis := servertest.Redis(b, "--appendfsync", "everysec")
			schema := "CREATE TABLE payments (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, ref VARCHAR(80) NOT NULL, amount DECIMAL(12,2) NOT NULL, note VARCHAR(200)) ENGINE=InnoDB"
			plain, absorbed, other := db.Database(b), db.Database(b), db.Database(b)
			digits := "(SELECT 0 i UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)"
			for _, d := range []string{plain, absorbed} {
				db.Exec(b, d, schema, fmt.Sprintf("INSERT INTO payments SELECT 1 + a.i + 10*b.i + 100*c.i + 1000*d.i, 'ref', 1, 'some note' FROM %[1]s a, %[1]s b, %[1]s c, %[1]s d", digits))
			}
			db.Exec(b, other, "CREATE TABLE receipts LIKE "+plain+".payments", "INSERT INTO receipts SELECT * FROM "+plain+".payments")
			cfg := settings(b, db, redis.Addr)
			cfg.Tables = map[string]config.Table{absorbed + ".*": {}}
			p := start(b, db, cfg)
			report := func(name string, direct, proxied float64) {
				b.ReportMetric(proxied/direct, name+"-ratio")
				b.Logf("%s: direct %.0f/s, proxied %.0f/s, ratio %.2f", name, direct, proxied, proxied/direct)
			}
			direct := rate(b, db.DSN(other), 16, pointSelect(b, "receipts"))
			report("forwarded-select-16", direct, rate(b, p.dsn(other), 16, pointSelect(b, "receipts")))
			// The table has the name of an absorbed one: each statement asks
			// Redis whether something of that one is pending.
			report("forwarded-namesake-16", direct, rate(b, p.dsn(plain), 16, pointSelect(b, "payments")))
			rate(b, p.dsn(absorbed), 16, pointSelect(b, "payments")) // fills the cache
			report("cached-select-16", direct, rate(b, p.dsn(absorbed), 16, pointSelect(b, "payments")))
			insert := rate(b, db.DSN(plain), 64, insertPayment(b))
			report("absorbed-insert-64", insert, rate(b, p.dsn(absorbed), 64, insertPayment(b)))
			runtime.GC()
			b.ReportMetric(0, "ns/op")
		})
	}
}
