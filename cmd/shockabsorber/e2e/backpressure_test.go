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

// full fills the backlog of a paused lane, of at most 10 units.
func full(t *testing.T, onFull string, timeout time.Duration) *durable {
	t.Helper()
	d := newDurable(t, servertest.Redis(t).Addr, func(cfg *config.Config, _ string) {
		cfg.WriteBack.MaxBacklog, cfg.WriteBack.OnFull, cfg.WriteBack.DrainRate = 10, onFull, 10000
		cfg.WriteBack.BarrierTimeout = config.Duration{Duration: timeout}
	})
	mustExec(t, d.pool, "CALL shock_absorber.pause()")
	for id := range 10 {
		mustExec(t, d.pool, fmt.Sprintf("INSERT INTO ledger (id, n) VALUES (%d, %d)", id, id%7))
	}
	if l := readLane(t, d.pool); l.backlog != 10 {
		t.Fatalf("the backlog is %d", l.backlog)
	}
	return d
}

// backlogFull checks that a write was refused with 1040 and what to do, and is
// not there.
func (d *durable) backlogFull(err error, id int) {
	d.t.Helper()
	var told *mysql.MySQLError
	if !errors.As(err, &told) || told.Number != 1040 || !strings.Contains(told.Message, "nothing was written") || !strings.Contains(told.Message, "max_backlog") {
		d.t.Errorf("a write above the limit got %v", err)
	}
	if l := readLane(d.t, d.pool); l.backlog != 10 {
		d.t.Errorf("the backlog is %d after it", l.backlog)
	}
	if n := count(d.t, d.direct, "SELECT COUNT(*) FROM ledger WHERE id = ?", id); n != 0 {
		d.t.Errorf("MySQL holds row %d", id)
	}
}

// TestOnFull: what each on_full does with a write above the limit, and that
// writes are taken again when the backlog falls.
func TestOnFull(t *testing.T) {
	t.Run("reject", func(t *testing.T) {
		d := full(t, config.OnFullReject, 30*time.Second)
		_, err := d.pool.Exec("INSERT INTO ledger (id, n) VALUES (100, 2)")
		d.backlogFull(err, 100)
		_, err = d.pool.Exec("UPDATE ledger SET n = 5 WHERE id = 1")
		d.backlogFull(err, 100)
		mustExec(t, d.pool, "CALL shock_absorber.resume()")
		until(t, "writes to be taken", func() bool {
			_, err := d.pool.Exec("INSERT INTO ledger (id, n) VALUES (100, 2)")
			return err == nil
		})
		if n := count(t, d.pool, "SELECT n FROM ledger WHERE id = 1"); n != 1 {
			t.Errorf("a refused UPDATE left %d", n)
		}
	})
	t.Run("block, until there is room", func(t *testing.T) {
		d := full(t, config.OnFullBlock, time.Minute)
		done := make(chan error, 1)
		go func() {
			_, err := d.pool.Exec("INSERT INTO ledger (id, n) VALUES (100, 2)")
			done <- err
		}()
		select {
		case err := <-done:
			t.Fatalf("a write above the limit ended with %v", err)
		case <-time.After(500 * time.Millisecond):
		}
		mustExec(t, d.pool, "CALL shock_absorber.resume()")
		if err := <-done; err != nil {
			t.Errorf("the write that waited: %v", err)
		}
		if n := count(t, d.pool, "SELECT COUNT(*) FROM ledger"); n != 11 {
			t.Errorf("%d rows", n)
		}
	})
	t.Run("block, too long", func(t *testing.T) {
		d := full(t, config.OnFullBlock, 500*time.Millisecond)
		_, err := d.pool.Exec("INSERT INTO ledger (id, n) VALUES (100, 2)")
		d.backlogFull(err, 100)
	})
	t.Run("passthrough, in order", func(t *testing.T) {
		d := full(t, config.OnFullPassthrough, time.Minute)
		mustExec(t, d.pool, "CALL shock_absorber.resume()", "CALL shock_absorber.drain()", "CALL shock_absorber.set_rate('1')")
		// From now on the backlog is nearly always full. Each write of a row
		// is computed from the one before, which was absorbed or passed.
		for i := range 60 {
			mustExec(t, d.pool, fmt.Sprintf("UPDATE ledger SET n = n + 1 WHERE id = %d", i%3))
		}
		for id := range 3 {
			if n := count(t, d.pool, fmt.Sprintf("SELECT n FROM ledger WHERE id = %d", id)); n != id+20 {
				t.Errorf("row %d holds %d after 20 increments", id, n)
			}
		}
		var passed bool
		rows, err := d.pool.Query("SELECT * FROM shock_absorber.reasons")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		columns, _ := rows.Columns()
		for rows.Next() {
			cells := make([]sql.NullString, len(columns))
			into := make([]any, len(columns))
			for i := range cells {
				into[i] = &cells[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			for _, c := range cells {
				passed = passed || c.String == "backlog_full"
			}
		}
		if !passed {
			t.Error("no write was passed through for a full backlog")
		}
	})
}
