package e2e

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// TestConcurrentGates mixes, over two proxies, absorbed updates with
// statements that need a closed gate: updates of all rows, and transactions
// that lock two rows. The sum tells each increment that was lost or doubled.
func TestConcurrentGates(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			const rows, each = 8, 60
			f := newFleet(t, backend.start(t), 2, []string{"t"}, "CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL)")
			for id := range rows {
				mustExec(t, f.direct, fmt.Sprintf("INSERT INTO t VALUES (%d, 0)", id))
			}
			var want, single, deadlocks atomic.Int64
			begin := time.Now()
			clients(12, func(c int) {
				for i := range each {
					var err error
					switch {
					case c == 0 && i%6 == 0:
						if _, err = f.pool(i / 6).Exec("UPDATE t SET n = n + 1 WHERE n >= 0"); err == nil {
							want.Add(rows)
						}
					case c <= 2 && i%3 == 0:
						if err = transfer(f.pool(i), c, i%rows, (i+1+c)%rows); err == nil {
							want.Add(2)
						} else if n := code(err); n == 1213 || n == 1205 { // MySQL rolled it back
							deadlocks.Add(1)
							err = nil
						}
					default:
						var res sql.Result
						if res, err = f.pool(c+i).Exec("UPDATE t SET n = n + 1 WHERE id = ?", (c*5+i)%rows); err == nil {
							n, _ := res.RowsAffected()
							want.Add(n)
							single.Add(n)
						}
					}
					if err != nil {
						t.Errorf("client %d: %v", c, err)
						return
					}
				}
			})
			t.Logf("sum %d, of it %d by single updates, %d deadlocks, in %v", want.Load(), single.Load(), deadlocks.Load(), time.Since(begin))
			for i, p := range f.pools {
				sum := 0
				for id := range rows {
					sum += count(t, p, "SELECT n FROM t WHERE id = ?", id)
				}
				if int64(sum) != want.Load() {
					t.Errorf("the rows sum up to %d through proxy %d, want %d", sum, i, want.Load())
				}
			}
			f.drained(t)
			f.absorbed(t, each)
			if sum := count(t, f.direct, "SELECT SUM(n) FROM t"); int64(sum) != want.Load() {
				t.Errorf("the rows sum up to %d in MySQL, want %d", sum, want.Load())
			}
		})
	}
}

// transfer is a transaction that locks two rows and counts both up.
func transfer(pool *sql.DB, c, a, b int) error {
	tx, err := pool.Begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, id := range []int{a, b} {
		var n int
		err := tx.QueryRow("SELECT n FROM t WHERE id = ? FOR UPDATE", id).Scan(&n)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("row %d is not there", id)
		}
		if err != nil {
			return err
		}
		if c%2 == 0 {
			_, err = tx.Exec("UPDATE t SET n = ? WHERE id = ?", n+1, id)
		} else {
			_, err = tx.Exec("UPDATE t SET n = n + 1 WHERE id = ?", id)
		}
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

// TestConcurrentDisconnect has clients go away in the middle of long
// synchronous statements: MySQL may still finish one, and must have done so, or
// never, before the gate opens for absorbed updates.
func TestConcurrentDisconnect(t *testing.T) {
	f := newFleet(t, servertest.MariaDB(t), 2, []string{"t"}, "CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL, m INT NOT NULL)", "INSERT INTO t VALUES (1, 0, 0), (2, 0, 0), (3, 0, 0)")
	var want atomic.Int64
	s := newStopper(t)
	for c := range 4 {
		s.loop(func(int) {
			if _, err := f.pool(c).Exec("UPDATE t SET n = n + 1 WHERE id = ?", 1+c%3); err != nil {
				t.Errorf("absorbed update: %v", err)
				return
			}
			want.Add(1)
		})
	}
	var finished int
	for i := range 8 {
		// Each row takes a while; the client waits for about half of it.
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(40+30*i)*time.Millisecond)
		if _, err := f.pool(i).ExecContext(ctx, "UPDATE t SET m = m + 1 + SLEEP(0.04) WHERE n >= 0"); err == nil {
			finished++
		}
		cancel()
	}
	s.stop()
	for id := 1; id <= 3; id++ {
		for _, p := range f.pools {
			through := dumpRow(t, p, id)
			if again := dumpRow(t, f.pools[0], id); through != again {
				t.Errorf("row %d is %s and %s through the two proxies", id, through, again)
			}
		}
	}
	f.drained(t)
	if n := count(t, f.direct, "SELECT SUM(n) FROM t"); int64(n) != want.Load() {
		t.Errorf("MySQL has %d increments, want %d", n, want.Load())
	}
	for id := 1; id <= 3; id++ {
		if through, there := dumpRow(t, f.pools[1], id), dumpRow(t, f.direct, id); through != there {
			t.Errorf("row %d is %s through the proxy, %s in MySQL", id, through, there)
		}
	}
	if m := count(t, f.direct, "SELECT MIN(m) FROM t"); m != count(t, f.direct, "SELECT MAX(m) FROM t") || m < finished {
		t.Errorf("%d statements finished, the rows count %d", finished, m)
	}
	t.Logf("%d absorbed updates beside 8 long statements, %d of which were waited for", want.Load(), finished)
}

// dumpRow is one row of t as text.
func dumpRow(t *testing.T, pool *sql.DB, id int) string {
	t.Helper()
	var n, m int
	if err := pool.QueryRow("SELECT n, m FROM t WHERE id = ?", id).Scan(&n, &m); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("n=%d m=%d", n, m)
}
