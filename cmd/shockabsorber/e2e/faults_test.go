package e2e

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// refusal is the error of a write, nil if it was taken.
func (d *durable) refusal(id int) *mysql.MySQLError {
	d.t.Helper()
	_, err := d.pool.Exec("INSERT INTO ledger (id, n) VALUES (?, ?)", id, id%7)
	var told *mysql.MySQLError
	if err != nil && !errors.As(err, &told) {
		d.t.Fatalf("a write ended with %v", err)
	}
	if err == nil {
		d.mu.Lock()
		d.acked[id] = true
		d.mu.Unlock()
	}
	return told
}

// TestRedisFaults: what happens to Redis while it is written to, short of its
// end, loses no acknowledged write, and absorbing goes on by itself.
func TestRedisFaults(t *testing.T) {
	t.Run("memory full", func(t *testing.T) {
		r := servertest.Redis(t)
		d := newDurable(t, r.Addr, nil)
		d.load(func() {
			command(t, r.Addr, "config", "set", "maxmemory", "1")
			if e := d.refusal(-2); e == nil || e.Number != 1297 || !strings.Contains(e.Message, "maxmemory") {
				t.Errorf("a write without memory got %v", e)
			}
			command(t, r.Addr, "config", "set", "maxmemory", "0")
		})
		d.wantAll()
	})
	t.Run("eviction policy changed", func(t *testing.T) {
		r := servertest.Redis(t)
		d := newDurable(t, r.Addr, nil)
		mustExec(t, d.pool, "INSERT INTO ledger (id, n) VALUES (-7, 0)")
		d.acked[-7] = true
		d.load(func() {
			command(t, r.Addr, "config", "set", "maxmemory-policy", "allkeys-lru")
			var e *mysql.MySQLError
			next := -1000
			until(t, "writes to be refused", func() bool { next--; e = d.refusal(next * 7); return e != nil })
			if e.Number != 1297 || !strings.Contains(e.Message, "maxmemory-policy allkeys-lru may evict") {
				t.Errorf("a write that Redis may evict got %v", e)
			}
			var n int
			if err := d.pool.QueryRow("SELECT n FROM ledger WHERE id = -7").Scan(&n); err == nil || !strings.Contains(err.Error(), "allkeys-lru") {
				t.Errorf("a row was read from a cache that Redis may evict: %d, %v", n, err)
			}
			command(t, r.Addr, "config", "set", "maxmemory-policy", "volatile-lru")
			until(t, "writes to be taken", func() bool { next--; return d.refusal(next*7) == nil })
		})
		d.wantAll()
	})
	t.Run("slow", func(t *testing.T) {
		r := servertest.Redis(t)
		d := newDurable(t, r.Addr, nil)
		d.load(func() {
			for range 3 { // longer than a reply is waited for, and shorter
				r.Freeze()
				time.Sleep(1200 * time.Millisecond)
				r.Thaw()
				time.Sleep(200 * time.Millisecond)
			}
			r.Freeze()
			time.Sleep(4 * time.Second)
			r.Thaw()
		})
		d.wantAll()
	})
	t.Run("failover to a replica that lacks the last writes", func(t *testing.T) {
		master := servertest.Redis(t, "--repl-diskless-sync-delay", "0")
		host, port := hostPort(t, master.Addr)
		replica := servertest.Redis(t, "--replicaof", fmt.Sprintf("%s %d", host, port))
		g := newGateway(t, master.Addr)
		d := newDurable(t, g.addr, func(cfg *config.Config, _ string) { cfg.WriteBack.QueueType = config.QueueRedis })
		until(t, "the replica to follow", func() bool { return strings.Contains(replication(t, replica.Addr), "master_link_status:up") })
		d.load(func() {
			replica.Freeze() // what is written now has only the master
			time.Sleep(500 * time.Millisecond)
			g.point("")
			master.Kill()
			replica.Thaw()
			command(t, replica.Addr, "replicaof", "no", "one")
			g.point(replica.Addr)
		})
		lost := d.missing()
		text := d.lastError()
		var from, to, most int
		if i := strings.Index(text, "Units "); len(lost) > 0 && i < 0 {
			t.Fatalf("%d rows are lost, and status names no loss: %q", len(lost), text)
		} else if i >= 0 {
			if _, err := fmt.Sscanf(text[i:], "Units %d to %d (%d at most)", &from, &to, &most); err != nil || len(lost) > most {
				t.Errorf("%d rows are lost, status says %q, %v", len(lost), text, err)
			}
		}
		before := readLane(t, d.pool)
		mustExec(t, d.pool, "INSERT INTO ledger (id, n) VALUES (-1, 0)")
		if after := readLane(t, d.pool); after.lsn != before.lsn+1 {
			t.Errorf("a write after it took the lane from %d to %d", before.lsn, after.lsn)
		}
	})
}

// replication is what a Redis says of its replication.
func replication(t *testing.T, addr string) string {
	t.Helper()
	text, err := ask(addr, "info", "replication")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestMySQLFaults: while MySQL refuses what it took before, the drainer waits;
// afterwards every acknowledged row is there once, and none is a dead letter.
func TestMySQLFaults(t *testing.T) {
	global := func(d *durable, name string, during any) (restore func()) {
		var before string
		if err := d.direct.QueryRow("SELECT @@global." + name).Scan(&before); err != nil {
			d.t.Fatal(err)
		}
		mustExec(d.t, d.direct, fmt.Sprintf("SET GLOBAL %s = %v", name, during))
		return func() { mustExec(d.t, d.direct, fmt.Sprintf("SET GLOBAL %s = %s", name, before)) }
	}
	for name, fault := range map[string]func(t *testing.T, d *durable){
		"read only": func(t *testing.T, d *durable) {
			defer global(d, "read_only", 1)()
			time.Sleep(1500 * time.Millisecond)
		},
		"a row is locked": func(t *testing.T, d *durable) {
			defer global(d, "innodb_lock_wait_timeout", 1)()
			d.endConnections() // so that the drainer's has the new timeout
			tx, err := d.direct.Begin()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback() }()
			if _, err := tx.Exec("SELECT * FROM ledger FOR UPDATE"); err != nil { // gaps too: INSERTs wait
				t.Fatal(err)
			}
			time.Sleep(2500 * time.Millisecond)
		},
		"too many connections": func(t *testing.T, d *durable) {
			d.direct.SetMaxOpenConns(1) // it has its connection, and keeps it
			defer d.direct.SetMaxOpenConns(0)
			defer global(d, "max_connections", 10)()
			others := openDSN(t, fmt.Sprintf("narrow:narrow@tcp(%s)/", d.db.Addr))
			d.endConnections()
			full := false
			for range 20 {
				// Each stays open until the test ends, or is refused.
				if err := hold(t, others); err != nil {
					full = full || strings.Contains(err.Error(), "1040")
				}
			}
			if !full {
				t.Error("MySQL took all connections")
			}
			d.endConnections() // those of the others too, which the proxy's then race for
			time.Sleep(1500 * time.Millisecond)
			_ = others.Close()
		},
		"connections are ended": func(t *testing.T, d *durable) {
			for range 10 { // some of them in the middle of a transaction
				d.endConnections()
				time.Sleep(150 * time.Millisecond)
			}
		},
		"killed while it commits": func(t *testing.T, d *durable) {
			d.db.Kill()
			time.Sleep(300 * time.Millisecond)
			d.db.Restart(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := servertest.Redis(t)
			d := newDurable(t, r.Addr, func(cfg *config.Config, _ string) {
				narrowAccount(t, cfg)
				cfg.WriteBack.DrainRate = 500
			})
			d.load(func() { fault(t, d) })
			d.wantAll()
			noDeadLetters(t, d.pool)
		})
	}
}

// narrowAccount gives the proxy an account that read_only and max_connections
// hold for.
func narrowAccount(t *testing.T, cfg *config.Config) {
	servertest.MariaDB(t).Exec(t, "", "CREATE USER IF NOT EXISTS narrow@'%' IDENTIFIED BY 'narrow'",
		"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, TRIGGER, SHOW VIEW, PROCESS, CREATE TEMPORARY TABLES, CONNECTION ADMIN ON *.* TO narrow@'%'")
	cfg.Database.Username, cfg.Database.Password = "narrow", config.NewSecret("narrow")
}

// hold opens a connection that stays open until its pool is closed.
func hold(t *testing.T, pool *sql.DB) error {
	c, err := pool.Conn(t.Context())
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return err
}

// endConnections ends those of the proxy's own account.
func (d *durable) endConnections() {
	d.t.Helper()
	rows, err := d.direct.Query("SELECT id FROM information_schema.processlist WHERE user = 'narrow'")
	if err != nil {
		d.t.Fatal(err)
	}
	defer rows.Close()
	var ids []int
	for rows.Next() {
		var id int
		if err := rows.Scan(&id); err != nil {
			d.t.Fatal(err)
		}
		ids = append(ids, id)
	}
	_ = rows.Close() // there may be one connection only
	for _, id := range ids {
		_, _ = d.direct.Exec(fmt.Sprintf("KILL %d", id)) // it may have ended by itself
	}
}
