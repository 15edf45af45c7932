package e2e

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// toldIDs is every AUTO_INCREMENT value that a client was told, whatever became of
// its row.
type toldIDs struct {
	t   *testing.T
	mu  sync.Mutex
	ids map[int64]string
	top int64
}

// insert runs an INSERT and notes its value, which nobody may have been told before.
func (d *toldIDs) insert(by string, on interface {
	Exec(string, ...any) (sql.Result, error)
}, query string, args ...any) (id int64) {
	res, err := on.Exec(query, args...)
	if n := code(err); (n == 1213 || n == 1467) && strings.Contains(query, "SELECT") {
		return 0 // MySQL's own deadlock, of statements that meet behind the gate; MariaDB calls that of the counter 1467
	}
	if err != nil {
		d.t.Errorf("%s: %s: %v", by, query, err)
		return 0
	}
	id, _ = res.LastInsertId()
	d.note(by, id)
	return id
}

// note adds a value that a client was told.
func (d *toldIDs) note(by string, id int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if before, ok := d.ids[id]; ok || id == 0 {
		d.t.Errorf("%d was told to %q and to %q", id, before, by)
	}
	d.ids[id] = by
	d.top = max(d.top, id)
}

// TestAutoIncrementTold has clients of two proxies be told values in all ways:
// by rows that stay, are deleted before they drain, are rolled back in a
// transaction that is kept here or in MySQL, or are inserted by MySQL behind the
// gate. No value is told twice.
func TestAutoIncrementTold(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			const workers, each = 8, 24
			f := newFleet(t, backend.start(t), 2, []string{"t"}, "CREATE TABLE t (id BIGINT AUTO_INCREMENT PRIMARY KEY, u VARCHAR(20) NOT NULL UNIQUE, who INT NOT NULL)", "INSERT INTO t VALUES (1, 'taken', 0)")
			d := &toldIDs{t: t, ids: map[int64]string{1: "the first row"}}
			// A transaction has been told its value when MySQL gives out the next one.
			open, err := f.pool(0).Begin()
			if err != nil {
				t.Fatal(err)
			}
			mine := d.insert("an open transaction", open, "INSERT INTO t (u, who) VALUES ('open', 0)")
			if id := d.insert("a statement behind the gate", f.pool(1), "INSERT INTO t (u, who) SELECT 'behind', 0"); id <= mine {
				t.Errorf("MySQL gave out %d after %d", id, mine)
			}
			if err := open.Commit(); err != nil {
				t.Errorf("the transaction with row %d: %v", mine, err)
			}
			clients(workers, func(c int) {
				pool := f.pool(c)
				for i := range each {
					tag := c*each + i
					switch i % 6 {
					case 0:
						d.insert("a row that stays", pool, "INSERT INTO t (u, who) VALUES (CONCAT('s', ?), 1)", tag)
					case 1:
						id := d.insert("a row that is deleted", pool, "INSERT INTO t (u, who) VALUES (CONCAT('d', ?), 1)", tag)
						if _, err := pool.Exec("DELETE FROM t WHERE id = ?", id); err != nil {
							t.Errorf("delete row %d: %v", id, err)
						}
					case 2:
						if _, err := pool.Exec("INSERT INTO t (u, who) VALUES ('taken', 1)"); code(err) != 1062 {
							t.Errorf("a duplicate: %v", err)
						}
					case 3, 4: // MySQL may have rolled it back by itself
						tx, err := pool.Begin()
						if err != nil {
							t.Error(err)
							return
						}
						query := "INSERT INTO t (u, who) VALUES (CONCAT('r', ?), 1)"
						if i%6 == 4 {
							query = "INSERT INTO t (u, who) SELECT CONCAT('r', ?), 1"
						}
						d.insert("a row that is rolled back", tx, query, tag)
						if err := tx.Rollback(); err != nil {
							t.Error(err)
						}
					case 5:
						d.insert("a row behind the gate", pool, "INSERT INTO t (u, who) SELECT CONCAT('b', ?), 1", tag)
					}
				}
			})
			f.drained(t)
			f.absorbed(t, workers*each/6)
			t.Logf("%d values were told, the highest is %d", len(d.ids), d.top)
		})
	}
}

// TestAutoIncrementAfterLoss: Redis is emptied, or comes back from a crash
// without what it did last; values that a client was told are not told again,
// though no row of MySQL shows them.
func TestAutoIncrementAfterLoss(t *testing.T) {
	db := servertest.MariaDB(t)
	database := db.Database(t)
	db.Exec(t, database, "CREATE TABLE t (id BIGINT AUTO_INCREMENT PRIMARY KEY, v INT)")
	r := servertest.Redis(t)
	rdb := redis.NewClient(&redis.Options{Addr: r.Addr})
	defer rdb.Close()
	cfg := settings(t, db, r.Addr)
	cfg.Tables = map[string]config.Table{database + ".t": {}}
	pool := start(t, db, cfg).open(t, database)
	d := &toldIDs{t: t, ids: map[int64]string{}}
	spend := func(by string) {
		tx, err := pool.Begin()
		if err != nil {
			t.Fatal(err)
		}
		d.insert(by, tx, "INSERT INTO t (v) VALUES (1), (2)")
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
	back := func(by string) {
		before := d.top
		until(t, "INSERTs to be absorbed "+by, func() bool {
			res, err := pool.Exec("INSERT INTO t (v) VALUES (4)")
			if err != nil {
				return false
			}
			id, _ := res.LastInsertId()
			d.note(by, id)
			return true
		})
		if d.top <= before {
			t.Errorf("%s the values go on below %d", by, before)
		}
		mustExec(t, pool, "CALL shock_absorber.drain()")
	}
	d.insert("the first", pool, "INSERT INTO t (v) VALUES (1)")
	mustExec(t, pool, "CALL shock_absorber.drain()")
	spend("before Redis was emptied")
	if err := rdb.FlushAll(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	back("after Redis was emptied")
	old := rdb.Get(context.Background(), "sa:{main}:auto:"+database+".t").Val()
	spend("before Redis forgot")
	if err := rdb.Set(context.Background(), "sa:{main}:auto:"+database+".t", old, 0).Err(); err != nil {
		t.Fatal(err)
	}
	r.Kill()
	r.Restart()
	back("after Redis had forgotten")
}
