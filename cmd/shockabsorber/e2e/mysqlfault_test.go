package e2e

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// TestMySQLDeadlock: InnoDB takes the drainer's transaction as the victim of a
// deadlock, again and again. It is begun anew each time.
func TestMySQLDeadlock(t *testing.T) {
	d := newDurable(t, servertest.Redis(t).Addr, func(cfg *config.Config, _ string) { cfg.WriteBack.DrainRate = 500 })
	mustExec(t, d.direct, "CREATE TABLE heavy (id INT NOT NULL PRIMARY KEY AUTO_INCREMENT, n INT NOT NULL) ENGINE=InnoDB")
	deadlocks := func() int {
		var name string
		var n int
		if err := d.direct.QueryRow("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'").Scan(&name, &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := deadlocks()
	won := 0
	d.load(func() {
		for range 6 {
			if err := d.provoke(); err == nil {
				won++
			}
		}
	})
	if n := deadlocks() - before; n < 3 || won < 3 {
		t.Errorf("there were %d deadlocks, the drainer was the victim %d times", n, won)
	}
	t.Logf("%d deadlocks, the drainer was the victim %d times", deadlocks()-before, won)
	d.wantAll()
	noDeadLetters(d.t, d.pool)
}

// provoke locks what the drainer needs, and then wants what it has.
func (d *durable) provoke() error {
	tx, err := d.direct.Begin()
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	for _, s := range []string{
		"INSERT INTO heavy (n) SELECT seq FROM seq_1_to_5000", // the lighter transaction is the victim
		"SELECT COUNT(*) FROM ledger FOR UPDATE",              // gaps too: INSERTs wait
	} {
		if _, err := tx.Exec(s); err != nil {
			return err
		}
	}
	time.Sleep(300 * time.Millisecond) // the drainer moves the checkpoint, and waits for the gap
	_, err = tx.Exec("SELECT * FROM shock_absorber.checkpoint FOR UPDATE")
	return err
}

// TestMySQLDiskFull: MySQL has no room for another row. Nothing is taken for
// refused, and all arrives when there is room.
func TestMySQLDiskFull(t *testing.T) {
	// All tables share a file of a fixed size.
	db := servertest.OwnMariaDB(t, "--innodb-file-per-table=0", "--innodb-data-file-path=ibdata1:12M:autoextend:max:48M")
	d := newDurableOn(t, db, servertest.Redis(t).Addr, func(cfg *config.Config, _ string) { cfg.WriteBack.DrainRate = 2000 })
	mustExec(t, d.direct, "CREATE TABLE filler (id INT NOT NULL PRIMARY KEY AUTO_INCREMENT, b LONGBLOB NOT NULL) ENGINE=InnoDB")
	told := ""
	d.load(func() {
		for _, size := range []int{1 << 20, 100_000, 8_000, 1_000} {
			for {
				_, err := d.direct.Exec("INSERT INTO filler (b) VALUES (REPEAT('x', ?))", size)
				var full *mysql.MySQLError
				if errors.As(err, &full) && full.Number == 1114 {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		until(t, "the drainer to tell that there is no room", func() bool {
			told = d.lastError()
			return strings.Contains(told, "full")
		})
		if e := d.refusal(-7); e != nil {
			t.Errorf("a write while MySQL is full: %v", e)
		}
		db.Kill()
		db.Restart(t, "--innodb-data-file-path=ibdata1:12M:autoextend:max:256M") // a larger disk
	})
	t.Log(told)
	d.wantAll()
	noDeadLetters(d.t, d.pool)
}

// TestMySQLKilledInCommit: MySQL dies right behind the drainer's COMMIT, before
// it is answered. Whether it has happened tells the checkpoint.
func TestMySQLKilledInCommit(t *testing.T) {
	db := servertest.OwnMariaDB(t)
	g := newGateway(t, db.Addr)
	var armed atomic.Bool
	var kills atomic.Int64
	fired := make(chan struct{})
	g.watchWith(func(sent []byte) {
		if !bytes.Contains(sent, []byte("\x03COMMIT")) || !armed.CompareAndSwap(true, false) {
			return
		}
		// From at once to when it has surely happened.
		time.Sleep(time.Duration(kills.Add(1)-1) * 300 * time.Microsecond)
		db.Kill()
		fired <- struct{}{}
	})
	d := newDurableOn(t, db, servertest.Redis(t).Addr, func(cfg *config.Config, _ string) {
		cfg.Database.Host, cfg.Database.Port = hostPort(t, g.addr)
		cfg.WriteBack.DrainRate = 500
	})
	happened := 0
	d.load(func() {
		for range 6 {
			before := checkpointOf(t, d.direct)
			armed.Store(true)
			<-fired
			db.Restart(t)
			if checkpointOf(t, d.direct) > before {
				happened++
			}
			at := checkpointOf(t, d.direct)
			until(t, "draining to go on", func() bool { return checkpointOf(t, d.direct) > at })
		}
	})
	t.Logf("killed in %d commits, the checkpoint had moved in %d of them", kills.Load(), happened)
	d.wantAll()
	noDeadLetters(d.t, d.pool)
}

// checkpointOf is the lane's checkpoint in MySQL.
func checkpointOf(t *testing.T, direct *sql.DB) int {
	t.Helper()
	var n int
	until(t, "the checkpoint", func() bool {
		return direct.QueryRow(fmt.Sprintf("SELECT lsn FROM shock_absorber.checkpoint WHERE lane = '%s'", config.DefaultLane)).Scan(&n) == nil
	})
	return n
}
