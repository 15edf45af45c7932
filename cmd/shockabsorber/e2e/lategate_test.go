package e2e

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// TestLateCrowd has many clients write one row that a transaction in MySQL has
// locked, which keeps the table's gate shut. A few of them come late and wait in
// MySQL, as they would without the proxy; the others must not bring MySQL to its
// limits, and wait for the gate. In the end all have counted the row up once.
func TestLateCrowd(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			const crowd, proxies = 40, 2
			f := newFleet(t, backend.start(t), proxies, []string{"t"}, "CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL)")
			mustExec(t, f.direct, "INSERT INTO t VALUES (1, 0), (2, 0)")
			tx, err := f.pool(0).Begin()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback() }()
			for _, s := range []string{"UPDATE t SET n = n + 100 WHERE id = 1", "INSERT INTO t SELECT 3, 0"} {
				if _, err := tx.Exec(s); err != nil {
					t.Fatal(err)
				}
			}
			var done atomic.Int64
			all := make(chan struct{})
			go func() {
				defer close(all)
				clients(crowd, func(c int) {
					if _, err := f.pool(c).Exec("UPDATE t SET n = n + 1 WHERE id = 1"); err != nil {
						t.Errorf("client %d: %v", c, err)
						return
					}
					done.Add(1)
				})
			}()
			const there = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = '" + servertest.AppUser + "' AND INFO LIKE 'UPDATE t SET n = n + 1%'"
			most := 0
			for deadline := time.Now().Add(time.Minute); most < 8*proxies && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
				most = max(most, count(t, f.direct, there))
			}
			time.Sleep(time.Second) // for others to come, if they do
			if most = max(most, count(t, f.direct, there)); most != 8*proxies {
				t.Errorf("%d wait in MySQL, want 8 of each of %d proxies", most, proxies)
			}
			if n := done.Load(); n > 0 {
				t.Errorf("%d have counted up a row that is locked", n)
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			<-all
			if n := count(t, f.pool(1), "SELECT n FROM t WHERE id = 1"); n != 100+crowd {
				t.Errorf("the row is %d through a proxy, want %d", n, 100+crowd)
			}
			f.drained(t)
			f.absorbed(t, 1)
			if n := count(t, f.direct, "SELECT n FROM t WHERE id = 1"); n != 100+crowd {
				t.Errorf("the row is %d in MySQL, want %d", n, 100+crowd)
			}
			if _, err := f.pool(1).Exec(fmt.Sprintf("UPDATE t SET n = %d WHERE id = 2", crowd)); err != nil {
				t.Errorf("the gate is open again: %v", err)
			}
		})
	}
}
