package absorber

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/client"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// The COMMIT of a retry stalls in MySQL for longer than its gates last, and the
// drainer has lost sight of MySQL. Who opens the gates ends that COMMIT first:
// else it would take effect behind commits that were computed without it.
func TestRetryStallsInCommit(t *testing.T) {
	for name, start := range realServers {
		t.Run(name, func(t *testing.T) { stallRetry(t, start(t)) })
	}
}

// stallRetry is TestRetryStallsInCommit on one server.
func stallRetry(t *testing.T, db *servertest.DB) {
	d, letters := openDesk(t, db)
	db.Exec(t, "d", "ALTER TABLE pairs DROP CONSTRAINT clean")
	ctx := t.Context()
	lock, err := db.Open(t, "").Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	mustRun := func(c *sql.Conn, query string) {
		t.Helper()
		if _, err := c.ExecContext(ctx, query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	var away, armed atomic.Bool
	stalled := make(chan struct{})
	dial := func(ctx context.Context) (*client.Conn, error) {
		if away.Load() {
			return nil, errors.New("no route to host")
		}
		return client.ConnectWithContext(ctx, db.Addr, db.User, db.Password, "", time.Second, sink.Capabilities)
	}
	s := sink.Open(sink.Config{Database: d.name, Dial: dial, Effects: func(op string, do func() error) error {
		if op == "sink.commit" && armed.CompareAndSwap(true, false) {
			mustRun(lock, "FLUSH TABLES WITH READ LOCK") // every COMMIT waits from now on
			away.Store(true)
			close(stalled)
		}
		return do()
	}})
	t.Cleanup(func() { _ = s.Close() })
	cfg := d.config(t, "w2", nil)
	cfg.Target, cfg.Desk, cfg.LeaseTTL = s, s, 1500*time.Millisecond
	w, _ := d.start(cfg)
	d.commit(uOnly(50, "others", 60))
	d.settled(w)
	armed.Store(true)
	id, err := d.sink.Ask(ctx, sink.VerbRetry, letters[1].ID, "tester", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.store.Wake(ctx, "main"); err != nil {
		t.Fatal(err)
	}
	<-stalled
	if n := committing(t, lock); n != 1 {
		t.Fatalf("%d connections wait in COMMIT", n)
	}
	// The sweeper of some process.
	var reaped atomic.Uint64
	eventually(t, "the gate opens", func() bool {
		err := d.store.SweepGates(ctx, "main", func(backend uint64) error {
			if backend == 0 {
				return nil
			}
			reaped.Store(backend)
			_, _ = lock.ExecContext(ctx, fmt.Sprintf("KILL %d", backend))
			var n int
			if err := lock.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.processlist WHERE id = ?", backend).Scan(&n); err != nil {
				return err
			}
			if n > 0 {
				return errors.New("it is still there")
			}
			return nil
		})
		if err != nil {
			return false
		}
		infos, err := d.store.TableStates(ctx, "main", []string{"d.pairs"})
		return err == nil && infos[0].Gate == wal.GateOpen
	})
	if reaped.Load() == 0 {
		t.Error("the gate has opened without anybody's connection being ended")
	}
	if n := committing(t, lock); n != 0 {
		t.Errorf("%d connections wait in COMMIT although the gate is open", n)
	}
	mustRun(lock, "UNLOCK TABLES")
	time.Sleep(200 * time.Millisecond) // for a COMMIT that nobody has ended
	d.expect(t, "1 old 1,50 others 60,51 other 51")
	if n := d.lettersLeft(t); n != 3 {
		t.Errorf("%d letters are left while the request is open", n)
	}
	away.Store(false)
	if r := d.await(t, id, sink.StateDone, sink.StateFailed); r.State != sink.StateDone {
		t.Errorf("%+v", r)
	}
	d.expect(t, "1 poison 8,2 with it 2,50 others 60,51 other 51")
}

// committing counts the connections that wait in COMMIT.
func committing(t *testing.T, c *sql.Conn) (n int) {
	t.Helper()
	for range 250 {
		if err := c.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.processlist WHERE info = 'COMMIT'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return n
		}
		time.Sleep(2 * time.Millisecond)
	}
	return n
}
