package sink

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// cutter is a TCP proxy that loses a connection at a chosen moment.
type cutter struct {
	addr string
	l    net.Listener

	mu     sync.Mutex
	before bool // cut before COMMIT reaches the server
	after  bool // cut once COMMIT has reached the server, before its reply
	freeze bool // swallow COMMIT, and keep both sides open
	cuts   int
	open   []net.Conn
	wg     sync.WaitGroup
}

// newCutter forwards to addr until the test ends.
func newCutter(t *testing.T, addr string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{l: l, addr: l.Addr().String()}
	c.wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", addr)
			if err != nil {
				_ = client.Close()
				return
			}
			c.mu.Lock()
			c.open = append(c.open, client, server)
			c.mu.Unlock()
			c.wg.Go(func() { c.forward(client, server) })
			c.wg.Go(func() {
				_, _ = io.Copy(client, server)
				_ = client.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		c.mu.Lock()
		for _, conn := range c.open {
			_ = conn.Close()
		}
		c.mu.Unlock()
		c.wg.Wait()
	})
	return c
}

// forward copies the client's packets and acts on COMMIT.
func (c *cutter) forward(client, server net.Conn) {
	defer func() { _ = server.Close() }()
	buf := make([]byte, 1<<16)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		c.mu.Lock()
		before, after, freeze := c.before, c.after, c.freeze
		hit := (before || after || freeze) && bytes.HasSuffix(buf[:n], []byte("COMMIT"))
		if hit {
			c.before, c.after, c.freeze = false, false, false
			c.cuts++
		}
		c.mu.Unlock()
		switch {
		case hit && freeze:
			// The client sees a dead line; the server sees an idle client.
			_ = client.Close()
			_, _ = io.Copy(io.Discard, client)
			<-time.After(3 * time.Second)
			return
		case hit && before:
			_ = client.Close()
			return
		case hit:
			_ = client.Close()
			_, _ = server.Write(buf[:n])
			<-time.After(100 * time.Millisecond)
			return
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// arm sets the moment of the next cut.
func (c *cutter) arm(f func(c *cutter)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c)
}

func TestLostCommitIsAppliedExactlyOnce(t *testing.T) {
	for name, arm := range map[string]func(c *cutter){
		"request lost":                 func(c *cutter) { c.before = true },
		"reply lost":                   func(c *cutter) { c.after = true },
		"request lost, server unaware": func(c *cutter) { c.freeze = true },
	} {
		t.Run(name, func(t *testing.T) {
			onServers(t, func(t *testing.T, w *world) {
				cut := newCutter(t, w.db.Addr)
				s := w.open(t, cut.addr)
				if err := s.Ensure(t.Context()); err != nil {
					t.Fatal(err)
				}
				if _, err := s.Takeover(t.Context(), "main", 0); err != nil {
					t.Fatal(err)
				}
				tab := w.pairs(t)
				cut.arm(arm)
				for lsn := row.LSN(1); lsn <= 3; lsn++ {
					err := s.Apply(t.Context(), Batch{Lane: "main", Epoch: 1, From: lsn - 1, To: lsn,
						Changes: []Change{change(tab, lsn, row.Insert, int(lsn), "x", int(lsn))}})
					if err != nil {
						t.Fatalf("lsn %d: %v", lsn, err)
					}
				}
				if cut.cuts != 1 {
					t.Fatalf("%d cuts", cut.cuts)
				}
				if got := w.rows(t, "SELECT COUNT(*), MAX(id) FROM pairs"); got != "3 3" {
					t.Errorf("rows: %s", got)
				}
				if cp, err := s.Checkpoint(t.Context(), "main"); err != nil || cp.LSN != 3 {
					t.Errorf("checkpoint %+v, %v", cp, err)
				}
			})
		})
	}
}

func TestUnknownCommitIsAmbiguousUntilAsked(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		cut := newCutter(t, w.db.Addr)
		s := w.open(t, cut.addr)
		if err := s.Ensure(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Takeover(t.Context(), "main", 0); err != nil {
			t.Fatal(err)
		}
		tab := w.pairs(t)
		ok := s.cfg.Dial
		cut.arm(func(c *cutter) { c.after = true })
		b := Batch{Lane: "main", Epoch: 1, To: 1, Changes: []Change{change(tab, 1, row.Insert, 1, "x", 1)}}
		s.cfg.Dial = unreachable
		expectKind(t, s.Apply(t.Context(), b), row.Ambiguous)
		s.cfg.Dial = ok
		if err := s.Apply(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if got := w.rows(t, "SELECT COUNT(*) FROM pairs"); got != "1" {
			t.Errorf("rows: %s", got)
		}
	})
}

func TestSecondOwnerFencesTheFirst(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		first, _ := w.owned(t, "main")
		tab := w.pairs(t)
		batch := func(epoch row.Epoch, lsn row.LSN) Batch {
			return Batch{Lane: "main", Epoch: epoch, From: lsn - 1, To: lsn, Changes: []Change{change(tab, lsn, row.Insert, int(lsn), "x", int(lsn))}}
		}
		if err := first.Apply(t.Context(), batch(1, 1)); err != nil {
			t.Fatal(err)
		}
		second := w.open(t, "")
		cp, err := second.Takeover(t.Context(), "main", 0)
		if err != nil || cp.Epoch != 2 || cp.LSN != 1 {
			t.Fatalf("takeover: %+v, %v", cp, err)
		}
		// The first one's connection was killed; it sees that, then the epoch.
		for err = first.Apply(t.Context(), batch(1, 2)); ; err = first.Apply(t.Context(), batch(1, 2)) {
			if e := expectKindIn(t, err, row.Transient, row.Fenced); e.Kind == row.Fenced {
				break
			}
		}
		if err := second.Apply(t.Context(), batch(2, 2)); err != nil {
			t.Fatal(err)
		}
		if got := w.rows(t, "SELECT COUNT(*), MAX(id) FROM pairs"); got != "2 2" {
			t.Errorf("rows: %s", got)
		}
		// Another lane of the same server is not touched.
		third := w.open(t, "")
		if cp, err := third.Takeover(t.Context(), "other", 0); err != nil || cp.Epoch != 1 {
			t.Errorf("other lane: %+v, %v", cp, err)
		}
		if err := second.Apply(t.Context(), batch(2, 3)); err != nil {
			t.Errorf("after a takeover of another lane: %v", err)
		}
	})
}

// TestApplyGuardsItsEpoch: a takeover kills the connection of the owner before,
// which then looks at the epoch. Should the connection live on, as one to a server
// that may not kill, the statement that moves the checkpoint finds the epoch.
func TestApplyGuardsItsEpoch(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		first, _ := w.owned(t, "main")
		tab := w.pairs(t)
		batch := func(lsn row.LSN) Batch {
			return Batch{Lane: "main", Epoch: 1, From: lsn - 1, To: lsn, Changes: []Change{change(tab, lsn, row.Insert, int(lsn), "x", int(lsn))}}
		}
		if err := first.Apply(t.Context(), batch(1)); err != nil {
			t.Fatal(err)
		}
		w.db.Exec(t, w.name, "UPDATE checkpoint SET epoch = epoch + 1 WHERE lane = 'main'")
		expectKindIn(t, first.Apply(t.Context(), batch(2)), row.Fenced)
		if got := w.rows(t, "SELECT COUNT(*), MAX(id) FROM pairs"); got != "1 1" {
			t.Errorf("rows: %s", got)
		}
	})
}

func TestTakeoverEndsAnOpenTransaction(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		first, _ := w.owned(t, "main")
		tab := w.pairs(t)
		b := Batch{Lane: "main", Epoch: 1, To: 1, Changes: []Change{change(tab, 1, row.Insert, 1, "x", 1)}}
		// As a drainer that stops between the statements and COMMIT.
		statements, err := script(&b, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := first.send(t.Context(), first.sess, &b, statements, 1<<20); err != nil {
			t.Fatal(err)
		}
		second := w.open(t, "")
		cp, err := second.Takeover(t.Context(), "main", 0)
		if err != nil || cp.LSN != 0 {
			t.Fatalf("takeover: %+v, %v", cp, err)
		}
		if _, err := first.sess.exec(t.Context(), []byte("COMMIT")); err == nil {
			t.Error("the first owner could still commit")
		}
		if got := w.rows(t, "SELECT COUNT(*) FROM pairs"); got != "0" {
			t.Errorf("rows: %s", got)
		}
	})
}

func TestApplyEndsWithItsContext(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, _ := w.owned(t, "main")
		tab := w.pairs(t)
		w.db.Exec(t, w.name, "INSERT INTO pairs VALUES (1,'a',1)")
		tx, err := w.sql.Begin()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec("UPDATE pairs SET v='held' WHERE id=1"); err != nil {
			t.Fatal(err)
		}
		b := Batch{Lane: "main", Epoch: 1, To: 1, Changes: []Change{change(tab, 1, row.Update, 1, "b", 1, 1)}}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		expectKind(t, s.Apply(ctx, b), row.Transient)
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		if err := s.Apply(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if got := w.rows(t, "SELECT v FROM pairs"); got != "b" {
			t.Errorf("rows: %s", got)
		}
	})
}

// Two drainers that believe they own the lane race batch for batch: each LSN
// is applied once, whoever does it.
func TestRacingOwnersApplyEachUnitOnce(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		setup, _ := w.owned(t, "main")
		tab := w.pairs(t)
		_ = setup.Close()
		const units = 60
		var wg sync.WaitGroup
		for worker := range 3 {
			wg.Go(func() {
				s := w.open(t, "")
				for {
					cp, err := s.Takeover(t.Context(), "main", 0)
					if err != nil {
						continue
					}
					for err == nil && cp.LSN < units {
						cp.LSN++
						err = s.Apply(t.Context(), Batch{Lane: "main", Epoch: cp.Epoch, From: cp.LSN - 1, To: cp.LSN, Changes: []Change{
							change(tab, cp.LSN, row.Insert, int(cp.LSN), fmt.Sprint(worker), int(cp.LSN))}})
						if err != nil && refusedData(err) {
							t.Errorf("worker %d at %d: %v", worker, cp.LSN, err)
							return
						}
					}
					if err == nil {
						return
					}
				}
			})
		}
		wg.Wait()
		if got := w.rows(t, "SELECT COUNT(*), MIN(id), MAX(id) FROM pairs"); got != fmt.Sprintf("%d 1 %d", units, units) {
			t.Errorf("rows: %s", got)
		}
	})
}
