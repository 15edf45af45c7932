package e2e

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// TestUniqueKeys has clients of two proxies insert the same explicit keys, and
// the same unique values under other keys: for each exactly one is told that it
// succeeded, the others get error 1062.
func TestUniqueKeys(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			const keys, rivals = 150, 6
			f := newFleet(t, backend.start(t), 2, []string{"t"}, "CREATE TABLE t (id INT PRIMARY KEY, who INT NOT NULL, u INT NOT NULL UNIQUE)")
			winners := make([]atomic.Int32, keys)
			clients(rivals, func(c int) {
				for id := range keys {
					key := id
					if c >= rivals/2 {
						key += 1000 * c
					}
					_, err := f.pool(c).Exec("INSERT INTO t VALUES (?, ?, ?)", key, c, id)
					switch code(err) {
					case 0:
						if before := winners[id].Swap(int32(c) + 1); before != 0 {
							t.Errorf("clients %d and %d both inserted row %d", before-1, c, id)
						}
					case 1062:
					default:
						t.Errorf("INSERT of %d: %v", id, err)
					}
				}
			})
			f.drained(t)
			f.absorbed(t, keys)
			for id := range keys {
				if who := count(t, f.direct, "SELECT who FROM t WHERE u = ?", id); who != int(winners[id].Load())-1 {
					t.Errorf("row %d is of client %d, but client %d was told that it inserted it", id, who, winners[id].Load()-1)
				}
			}
		})
	}
}

// TestUniqueDeleteInsert has clients delete and insert the same keys, while
// rows drain and expire: per key, successful inserts and deletes alternate, so
// in the end a row is there exactly if there was one more of the former.
func TestUniqueDeleteInsert(t *testing.T) {
	const keys, workers, each = 6, 12, 150
	f := newFleet(t, servertest.MariaDB(t), 2, []string{"t"}, "CREATE TABLE t (id INT PRIMARY KEY, v INT NOT NULL, UNIQUE KEY v (v))")
	var inserts, deletes [keys]atomic.Int32
	clients(workers, func(c int) {
		for i := range each {
			id := (c*7 + i) % keys
			if (c+i/keys)%2 == 0 {
				// The unique value goes from row to row as well.
				_, err := f.pool(c).Exec("INSERT INTO t VALUES (?, ?)", id, (id+i)%keys)
				if n := code(err); n == 0 {
					inserts[id].Add(1)
				} else if n != 1062 {
					t.Error(err)
				}
				continue
			}
			res, err := f.pool(c).Exec("DELETE FROM t WHERE id = ?", id)
			if err != nil {
				t.Error(err)
				continue
			}
			if n, _ := res.RowsAffected(); n == 1 {
				deletes[id].Add(1)
			}
		}
	})
	f.drained(t)
	f.absorbed(t, 50)
	for id := range keys {
		in, out := inserts[id].Load(), deletes[id].Load()
		if n := count(t, f.direct, "SELECT COUNT(*) FROM t WHERE id = ?", id); int32(n) != in-out {
			t.Errorf("row %d: %d inserts and %d deletes succeeded, MySQL has %d rows", id, in, out, n)
		}
	}
}

// TestUniqueMove has clients move a few unique values between more rows than
// there are values. Each value is held by at most one row at any time: what the
// clients were told is what MySQL holds in the end.
func TestUniqueMove(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			const rows, values, workers, each = 16, 10, 16, 80
			f := newFleet(t, backend.start(t), 2, []string{"t"}, "CREATE TABLE t (id INT PRIMARY KEY, v INT NULL, w VARCHAR(20) NOT NULL, UNIQUE KEY v (v), UNIQUE KEY w (w))")
			for id := range rows {
				mustExec(t, f.direct, fmt.Sprintf("INSERT INTO t VALUES (%d, NULL, 'w%d')", id, id))
			}
			has := make([]int, rows) // client c alone writes row c
			var moved, refused atomic.Int32
			clients(workers, func(c int) {
				has[c] = -1
				for i := range each {
					var want any
					next := -1
					if i%3 != 2 {
						next = (c + i*3) % values
						want = next
					}
					_, err := f.pool(c+i).Exec("UPDATE t SET v = ? WHERE id = ?", want, c)
					switch code(err) {
					case 0:
						has[c] = next
						moved.Add(1)
					case 1062:
						refused.Add(1)
					default:
						t.Errorf("client %d: %v", c, err)
						return
					}
				}
			})
			t.Logf("%d moved, %d refused", moved.Load(), refused.Load())
			f.drained(t)
			f.absorbed(t, 100)
			holder := map[int]int{}
			for id, v := range has {
				if got := count(t, f.direct, "SELECT COALESCE(v, -1) FROM t WHERE id = ?", id); got != v {
					t.Errorf("row %d has %d in MySQL, its client was told %d", id, got, v)
				}
				if other, taken := holder[v]; taken && v >= 0 {
					t.Errorf("rows %d and %d both have %d", id, other, v)
				}
				holder[v] = id
			}
		})
	}
}

// TestUniqueRelay hands one unique value from row to row in a chain: deleted
// here, inserted there, by another proxy each time, and never refused.
func TestUniqueRelay(t *testing.T) {
	const rounds = 150
	f := newFleet(t, servertest.MariaDB(t), 2, []string{"t"}, "CREATE TABLE t (id INT PRIMARY KEY, v INT NOT NULL, UNIQUE KEY v (v))")
	var wg sync.WaitGroup
	for chain := range 4 {
		wg.Go(func() {
			base := chain * 1000
			if _, err := f.pool(0).Exec("INSERT INTO t VALUES (?, ?)", base, chain); err != nil {
				t.Error(err)
				return
			}
			for i := 1; i <= rounds; i++ {
				give, err := "DELETE FROM t WHERE id = ?", error(nil)
				if i%2 == 0 {
					give = "UPDATE t SET v = v + 100000 + id WHERE id = ?"
				}
				if _, err = f.pool(i).Exec(give, base+i-1); err == nil {
					_, err = f.pool(i+1).Exec("INSERT INTO t VALUES (?, ?)", base+i, chain)
				}
				if err != nil {
					t.Errorf("chain %d, round %d: %v", chain, i, err)
					return
				}
			}
		})
	}
	wg.Wait()
	f.drained(t)
	f.absorbed(t, rounds)
	for chain := range 4 {
		if id := count(t, f.direct, "SELECT id FROM t WHERE v = ?", chain); id != chain*1000+rounds {
			t.Errorf("value %d is in row %d, want %d", chain, id, chain*1000+rounds)
		}
	}
	if n := count(t, f.direct, "SELECT COUNT(*) FROM t"); n != 4*(1+rounds/2) {
		t.Errorf("MySQL has %d rows, want %d", n, 4*(1+rounds/2))
	}
}
