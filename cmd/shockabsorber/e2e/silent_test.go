package e2e

import (
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// TestMySQLHoldsNobodyUp: MySQL is there, but it hangs, or has no connection to
// give. What it said before of databases, privileges and variables has grown
// old, and cannot be asked again: sessions old and new write and read all the
// same, before their clients give up.
func TestMySQLHoldsNobodyUp(t *testing.T) {
	for name, begin := range map[string]func(t *testing.T, db *servertest.DB) (end func()){
		"hangs": func(t *testing.T, db *servertest.DB) func() {
			db.Freeze(t)
			return func() { db.Thaw(t) }
		},
		"is full": crowdOut,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := servertest.OwnMariaDB(t)
			d := newDurableOn(t, db, servertest.Redis(t).Addr, func(cfg *config.Config, _ string) { cfg.WriteBack.DrainRate = 500 })
			for id := 10; id < 150; id++ {
				d.insert(id) // the first of these sessions has its connection to MySQL
			}
			old := newcomer(t, d)
			d.visit(old, 1)
			end := begin(t, db)
			// Longer than globalsTTL, probeTTL and admissionTTL of package proxy.
			time.Sleep(22 * time.Second)
			d.visit(old, 2)
			for id := 150; id < 200; id++ {
				d.insert(id)
			}
			for id := 1000; id < 1010; id++ {
				d.visit(newcomer(t, d), id)
			}
			var crowd sync.WaitGroup
			for id := 2000; id < 2020; id++ {
				crowd.Go(func() { d.visit(newcomer(t, d), id) })
			}
			crowd.Wait()
			end()
			d.wantAll()
			noDeadLetters(t, d.pool)
		})
	}
}

// newcomer is a session that has not begun, of a client that waits for 8 s.
func newcomer(t *testing.T, d *durable) *sql.DB {
	t.Helper()
	pool := openDSN(t, d.proxy.dsn(d.database)+"?timeout=8s&readTimeout=8s")
	pool.SetMaxOpenConns(1)
	return pool
}

// visit is what an application does, with text and prepared statements.
func (d *durable) visit(pool *sql.DB, id int) {
	d.t.Helper()
	var n int
	steps := []func() error{
		func() error { _, err := pool.Exec("SET NAMES utf8mb4"); return err },
		func() error {
			_, err := pool.Exec(fmt.Sprintf("INSERT INTO ledger (id, n) VALUES (%d, 70)", id))
			return err
		},
		func() error {
			tx, err := pool.Begin()
			if err != nil {
				return err
			}
			defer func() { _ = tx.Rollback() }()
			if _, err := tx.Exec("UPDATE ledger SET n = n - ? WHERE id = ?", 70-id%7, id); err != nil {
				return err
			}
			return tx.Commit()
		},
		func() error { return pool.QueryRow("SELECT n FROM ledger WHERE id = ?", id).Scan(&n) },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			d.t.Errorf("session %d, step %d: %v", id, i, err)
			return
		}
	}
	if n != id%7 {
		d.t.Errorf("session %d reads %d instead of %d", id, n, id%7)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.acked[id] = true
}

// crowdOut takes every connection that the server has, and that others give up.
func crowdOut(t *testing.T, db *servertest.DB) (end func()) {
	direct := db.Open(t, "")
	mustExec(t, direct, "SET GLOBAL max_connections = 10")
	stop, full := make(chan struct{}), make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		told := sync.OnceFunc(func() { close(full) })
		others := db.Open(t, "")
		defer others.Close()
		for {
			err := hold(t, others)
			if err != nil && strings.Contains(err.Error(), "1040") {
				told()
			}
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	<-full
	return func() {
		close(stop)
		done.Wait()
		mustExec(t, direct, "SET GLOBAL max_connections = 200")
	}
}
