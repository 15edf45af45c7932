package e2e

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// slowest is the longest that a statement took.
type slowest struct{ took atomic.Int64 }

// time runs do and notes how long it took.
func (s *slowest) time(do func() error) error {
	at := time.Now()
	err := do()
	took := int64(time.Since(at))
	for old := s.took.Load(); took > old && !s.took.CompareAndSwap(old, took); old = s.took.Load() {
	}
	return err
}

// String prints the time.
func (s *slowest) String() string { return time.Duration(s.took.Load()).String() }

// traffic counts rows up by absorbed updates from n clients, over all proxies,
// until s stops. Every statement has to succeed.
func (f *fleet) traffic(t *testing.T, s *stopper, n, rows int, sum *atomic.Int64, slow *slowest) {
	for c := range n {
		s.loop(func(i int) {
			id := (c + i) % rows
			err := slow.time(func() error {
				_, err := f.pool(c+i).Exec("UPDATE t SET n = n + 1 WHERE id = ?", id)
				return err
			})
			if err != nil {
				t.Errorf("UPDATE: %v", err)
				return
			}
			sum.Add(1)
			var got int64
			if err := f.pool(c+i+1).QueryRow("SELECT n FROM t WHERE id = ?", id).Scan(&got); err != nil || got == 0 {
				t.Errorf("SELECT: %d, %v", got, err)
			}
		})
	}
}

// TestConcurrentDDL changes the absorbed table and others, from several
// sessions of both proxies at once, while absorbed traffic goes on. Each
// statement succeeds, and none waits for another until a time limit ends it.
func TestConcurrentDDL(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			const rows, rounds = 4, 6
			f := newFleet(t, backend.start(t), 2, []string{"t"}, "CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL)", "INSERT INTO t VALUES (0, 0), (1, 0), (2, 0), (3, 0)")
			var sum atomic.Int64
			var update, ddl slowest
			s := newStopper(t)
			f.traffic(t, s, 6, rows, &sum, &update)
			clients(4, func(c int) {
				for i := range rounds {
					list := []string{fmt.Sprintf("CREATE TABLE other_%d (id INT PRIMARY KEY)", c), fmt.Sprintf("DROP TABLE other_%d", c)}
					if c < 2 {
						list = []string{fmt.Sprintf("ALTER TABLE t ADD COLUMN c%d INT NOT NULL DEFAULT %d", c, c+7), fmt.Sprintf("ALTER TABLE t DROP COLUMN c%d", c)}
					}
					for _, sql := range list {
						err := ddl.time(func() error {
							_, err := f.pool(c + i).Exec(sql)
							return err
						})
						if err != nil {
							t.Errorf("%s: %v", sql, err)
						}
						if c < 2 && sql == list[0] {
							if n := count(t, f.pool(c+i+1), fmt.Sprintf("SELECT c%d FROM t WHERE id = 1", c)); n != c+7 {
								t.Errorf("the new column has %d, want %d", n, c+7)
							}
						}
					}
				}
			})
			// The gates may have been shut for most of the time: then it goes on.
			until(t, "20 updates", func() bool { return sum.Load() >= 20 })
			s.stop()
			t.Logf("%d updates, the slowest %v; the slowest DDL %v", sum.Load(), &update, &ddl)
			f.drained(t)
			f.absorbed(t, 20)
			if n := count(t, f.direct, "SELECT SUM(n) FROM t"); int64(n) != sum.Load() {
				t.Errorf("MySQL has %d increments, want %d", n, sum.Load())
			}
		})
	}
}

// TestConcurrentEnable switches absorbing off and on again while traffic goes
// on over both proxies: no write is lost on the way between the two.
func TestConcurrentEnable(t *testing.T) {
	const rows, rounds = 4, 6
	f := newFleet(t, servertest.MariaDB(t), 2, []string{"t"}, "CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL)", "INSERT INTO t VALUES (0, 0), (1, 0), (2, 0), (3, 0)")
	var sum atomic.Int64
	var update, call slowest
	s := newStopper(t)
	f.traffic(t, s, 6, rows, &sum, &update)
	for i := range rounds {
		for _, verb := range []string{"disable", "enable"} {
			sql := fmt.Sprintf("CALL shock_absorber.%s('%s.t')", verb, f.database)
			err := call.time(func() error {
				_, err := f.pool(i).Exec(sql)
				return err
			})
			if err != nil {
				t.Errorf("%s: %v", sql, err)
			}
		}
	}
	s.stop()
	t.Logf("%d updates, the slowest %v; the slowest CALL %v", sum.Load(), &update, &call)
	f.drained(t)
	if n := count(t, f.direct, "SELECT SUM(n) FROM t"); int64(n) != sum.Load() {
		t.Errorf("MySQL has %d increments, want %d", n, sum.Load())
	}
}
