package e2e

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// TestConcurrentIncrements has many clients on two proxies count up the same
// few rows: no increment is lost, and none counts twice.
func TestConcurrentIncrements(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			const rows, workers, each = 3, 64, 30
			f := newFleet(t, backend.start(t), 2, []string{"t"}, "CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL)", "INSERT INTO t VALUES (0, 0), (1, 0), (2, 0)")
			begin := time.Now()
			clients(workers, func(c int) {
				for i := range each {
					query, args := "UPDATE t SET n = n + 1 WHERE id = ?", []any{(c + i) % rows} // prepared
					if c/2%2 == 1 {
						query, args = fmt.Sprintf("UPDATE t SET n = n + 1 WHERE id = %d", (c+i)%rows), nil
					}
					res, err := f.pool(c).Exec(query, args...)
					if err != nil {
						t.Error(err)
						return
					}
					if n, _ := res.RowsAffected(); n != 1 {
						t.Errorf("%d rows affected", n)
					}
				}
			})
			t.Logf("%d increments of %d rows in %v", workers*each, rows, time.Since(begin))
			for _, p := range f.pools {
				sum := 0
				for id := range rows {
					sum += count(t, p, "SELECT n FROM t WHERE id = ?", id)
				}
				if sum != workers*each {
					t.Errorf("the rows sum up to %d through a proxy, want %d", sum, workers*each)
				}
			}
			f.drained(t)
			f.absorbed(t, workers*each)
			if sum := count(t, f.direct, "SELECT SUM(n) FROM t"); sum != workers*each {
				t.Errorf("MySQL has %d increments, want %d", sum, workers*each)
			}
		})
	}
}

// TestConcurrentHotRow has all clients on one row: nobody starves.
func TestConcurrentHotRow(t *testing.T) {
	const workers, each = 64, 25
	f := newFleet(t, servertest.MariaDB(t), 2, []string{"t"}, "CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL)", "INSERT INTO t VALUES (1, 0)")
	var slowest atomic.Int64
	begin := time.Now()
	clients(workers, func(c int) {
		for range each {
			at := time.Now()
			if _, err := f.pool(c).Exec("UPDATE t SET n = n + 1 WHERE id = 1"); err != nil {
				t.Error(err)
				return
			}
			took := int64(time.Since(at))
			for old := slowest.Load(); took > old && !slowest.CompareAndSwap(old, took); old = slowest.Load() {
			}
		}
	})
	t.Logf("%d increments of one row by %d clients in %v, the slowest in %v", workers*each, workers, time.Since(begin), time.Duration(slowest.Load()))
	f.drained(t)
	if n := count(t, f.direct, "SELECT n FROM t"); n != workers*each {
		t.Errorf("MySQL has %d increments, want %d", n, workers*each)
	}
}

// TestConcurrentAutoIncrement has two proxies give out values, with explicit
// values in between: no value is given out twice, and each row is what its
// client inserted.
func TestConcurrentAutoIncrement(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			const workers, each = 16, 40
			f := newFleet(t, backend.start(t), 2, []string{"t"}, "CREATE TABLE t (id BIGINT AUTO_INCREMENT PRIMARY KEY, who INT NOT NULL)", "INSERT INTO t VALUES (100, -1)")
			var mu sync.Mutex
			owner := map[int64]int{100: -1}
			var top atomic.Int64
			var refused atomic.Int64
			clients(workers, func(c int) {
				for i := range each {
					var id int64
					tag := c*each + i
					if i%5 == 4 { // near the counter, so that it clashes now and then
						id = top.Load() + int64(c%3)
						_, err := f.pool(c).Exec("INSERT INTO t (id, who) VALUES (?, ?)", id, tag)
						if code(err) == 1062 {
							refused.Add(1)
							continue
						}
						if err != nil {
							t.Error(err)
							return
						}
					} else {
						res, err := f.pool(c).Exec("INSERT INTO t (who) VALUES (?)", tag)
						if code(err) == 1062 { // an explicit value was faster
							refused.Add(1)
							continue
						}
						if err != nil {
							t.Error(err)
							return
						}
						id, _ = res.LastInsertId()
						top.Store(id)
					}
					mu.Lock()
					if other, taken := owner[id]; taken {
						t.Errorf("%d and %d were both told that they inserted row %d", tag, other, id)
					}
					owner[id] = tag
					mu.Unlock()
				}
			})
			t.Logf("%d rows, %d refused", len(owner), refused.Load())
			f.drained(t)
			f.absorbed(t, workers*each/2)
			if n := count(t, f.direct, "SELECT COUNT(*) FROM t"); n != len(owner) {
				t.Errorf("MySQL has %d rows, want %d", n, len(owner))
			}
			for id, tag := range owner {
				if got := count(t, f.direct, "SELECT who FROM t WHERE id = ?", id); got != tag {
					t.Errorf("row %d is of %d, want %d", id, got, tag)
				}
			}
		})
	}
}

// TestConcurrentReadAfterAck reads each acknowledged write through the other
// proxy at once, by key and by scan.
func TestConcurrentReadAfterAck(t *testing.T) {
	const workers, each = 8, 60
	f := newFleet(t, servertest.MariaDB(t), 2, []string{"t"}, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40) NOT NULL)")
	clients(workers, func(c int) {
		for i := range each {
			want := fmt.Sprintf("%d-%d", c, i)
			sql := "UPDATE t SET v = ? WHERE id = ?"
			if i == 0 {
				sql = "INSERT INTO t (v, id) VALUES (?, ?)"
			}
			if _, err := f.pool(c+i).Exec(sql, want, c); err != nil {
				t.Errorf("%s: %v", sql, err)
				return
			}
			read := "SELECT v FROM t WHERE id = ?"
			if i%20 == 19 {
				read = "SELECT v FROM t WHERE id + 0 = ?"
			}
			var got string
			if err := f.pool(c+i+1).QueryRow(read, c).Scan(&got); err != nil || got != want {
				t.Errorf("%s after the acknowledgement: %q, %v, want %q", read, got, err, want)
				return
			}
		}
	})
	f.drained(t)
	f.absorbed(t, workers*each/2)
}
