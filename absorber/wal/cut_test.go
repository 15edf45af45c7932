package wal

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

// cutter is a TCP proxy in front of Redis that loses requests and replies.
type cutter struct {
	t        *testing.T
	addr     string
	upstream string

	mu     sync.Mutex
	next   cut  // what happens to the next request that carries a commit
	bytes  int  // of the request or the reply that get through, where next counts them
	always bool // it happens to all of them, not only to the next
	marker []byte
	held   []byte // a request that the network still carries
	conns  []net.Conn
	wg     sync.WaitGroup
}

// cut is what happens to a request.
type cut int

const (
	passOn    cut = iota
	cutBefore     // the connection breaks before the request arrives
	cutAfter      // it arrives, and the reply is lost
	holdBack      // the connection breaks; the request arrives later
	cutWithin     // it breaks when some bytes of the request have arrived
	cutReply      // it breaks when some bytes of the reply have arrived
)

// newCutter starts one; requests that contain marker are subject to cuts.
func newCutter(t *testing.T, upstream, marker string) *cutter {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{t: t, addr: l.Addr().String(), upstream: upstream, marker: []byte(marker)}
	c.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.wg.Go(func() { c.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		c.mu.Lock()
		for _, conn := range c.conns {
			conn.Close()
		}
		c.mu.Unlock()
		c.wg.Wait()
	})
	return c
}

// arm says what happens to the next commit.
func (c *cutter) arm(what cut) { c.armAt(what, 0) }

// armAt is arm for a cut that lets some bytes through.
func (c *cutter) armAt(what cut, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next, c.bytes = what, bytes
}

// persist makes what is armed happen to all commits, or ends that.
func (c *cutter) persist(always bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.always = always; !always {
		c.next = passOn
	}
}

// pending reports whether the cut has not happened yet.
func (c *cutter) pending() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.next != passOn
}

// through is how many bytes get through.
func (c *cutter) through() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

// serve forwards one connection.
func (c *cutter) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", c.upstream)
	if err != nil {
		return
	}
	defer server.Close()
	c.mu.Lock()
	c.conns = append(c.conns, client, server)
	c.mu.Unlock()
	replies := make(chan struct{})
	defer func() { <-replies }()
	defer server.Close()
	open := -1 // bytes of replies that still get through; -1: all
	var muted sync.Mutex
	go func() { // ends with the server's connection, which is awaited above
		defer close(replies)
		buf := make([]byte, 1<<16)
		for {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			muted.Lock()
			left := open
			open = max(-1, open-n)
			if left >= 0 && left <= n {
				open = 0
			}
			muted.Unlock()
			if left >= 0 && left <= n {
				_, _ = client.Write(buf[:left])
				client.Close()
				continue
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 1<<20)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		switch c.fate(buf[:n]) {
		case cutBefore, holdBack:
			return
		case cutWithin:
			_, _ = server.Write(buf[:min(n, c.through())])
			return
		case cutAfter, cutReply:
			muted.Lock()
			open = c.through()
			muted.Unlock()
			if _, err := server.Write(buf[:n]); err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, client) // until the reply path closes it
			return
		default:
			if _, err := server.Write(buf[:n]); err != nil {
				return
			}
		}
	}
}

// fate decides about a request and disarms.
func (c *cutter) fate(request []byte) cut {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == passOn || !bytes.Contains(request, c.marker) {
		return passOn
	}
	what := c.next
	if !c.always {
		c.next = passOn
	}
	if what == holdBack {
		c.held = bytes.Clone(request)
	}
	return what
}

// deliver sends the held request at last and waits for its reply.
func (c *cutter) deliver() {
	c.t.Helper()
	c.mu.Lock()
	held := c.held
	c.mu.Unlock()
	if held == nil {
		c.t.Fatal("no request was held back")
	}
	conn, err := net.Dial("tcp", c.upstream)
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(held); err != nil {
		c.t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		c.t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1024)); err != nil {
		c.t.Fatal(err)
	}
}

// newCutEnv is a case whose store reaches Redis through a cutter; marker is
// in the key of the row that the cuts concern.
func newCutEnv(t *testing.T, b *backend) (*env, *cutter) {
	e := newEnv(t, b)
	c := newCutter(t, b.addr, "MARK")
	e.s, e.rdb = e.process(c.addr, Options{})
	e.st = e.open(e.s)
	return e, c
}

func TestLostReply(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		for name, what := range map[string]cut{"before": cutBefore, "after": cutAfter} {
			t.Run("cut "+name+" the request arrives", func(t *testing.T) {
				e, c := newCutEnv(t, b)
				e.commit(e.unit("a").put("k", "v"))
				c.arm(what)
				if lsn := e.commit(e.unit("a").put("MARK", "v")); lsn != 2 {
					t.Errorf("LSN %d, want 2", lsn)
				}
				if recs := e.tail(0); len(recs) != 2 {
					t.Errorf("the WAL holds %d units, want 2", len(recs))
				}
				e.wantRow("MARK", "v", true)
			})
		}
		t.Run("a refusal whose reply is lost", func(t *testing.T) {
			e, c := newCutEnv(t, b)
			miss := e.read("MARK")
			e.commit(e.unit("b").put("MARK", "v1"))
			c.arm(cutAfter)
			e.refuse(e.unit("a").seen("MARK", miss).put("MARK", "v2"), ErrConflict)
			e.wantRow("MARK", "v1", true)
		})
		t.Run("held back beyond the answer", func(t *testing.T) { heldBackApplied(t, b) })
		t.Run("held back beyond a refusal", func(t *testing.T) { heldBackRefused(t, b) })
		t.Run("held back beyond the caller's patience", func(t *testing.T) { heldBackAmbiguous(t, b) })
		t.Run("reads are asked again", func(t *testing.T) {
			e, c := newCutEnv(t, b)
			e.commit(e.unit("a").put("MARK", "v"))
			c.arm(cutAfter)
			e.wantRow("MARK", "v", true)
			c.arm(cutBefore)
			e.settle(1, "MARK")
			e.wantRow("MARK", "v", false)
		})
	})
}

func heldBackApplied(t *testing.T, b *backend) {
	e, c := newCutEnv(t, b)
	c.arm(holdBack)
	e.commit(e.unit("a").put("MARK", "v1"))
	e.commit(e.unit("b").put("MARK", "v2"))
	c.deliver()
	e.wantRow("MARK", "v2", true)
	e.commit(e.unit("a").put("MARK", "v3"))
	c.deliver()
	e.wantRow("MARK", "v3", true)
	if n := len(e.tail(0)); n != 3 {
		t.Errorf("the WAL holds %d units, want 3", n)
	}
}

// Attempt 1 is held back; attempt 2 is told that the gate is closed; the gate
// opens; attempt 1 arrives. It must not be applied: its caller has been told
// no, and is about to try again with another unit.
func heldBackRefused(t *testing.T, b *backend) {
	e, c := newCutEnv(t, b)
	e.join("o", 1, time.Minute)
	c.arm(holdBack)
	e.refuse(e.unit("a").put("MARK", "v1"), ErrGated)
	e.leave("o")
	c.deliver()
	if r := e.read("MARK"); r.Found {
		t.Fatalf("a refused unit was applied: %+v", r)
	}
	e.commit(e.unit("a").put("MARK", "v2"))
	c.deliver()
	e.wantRow("MARK", "v2", true)
}

// The caller gives up while the outcome is unknown: it is told so. The next
// unit of the writer keeps the held one from coming after it.
func heldBackAmbiguous(t *testing.T, b *backend) {
	e, c := newCutEnv(t, b)
	e.commit(e.unit("a").put("k", "v"))
	ctx, cancel := context.WithCancel(e.ctx)
	c.arm(holdBack)
	dead := e.unit("a").put("MARK", "v1")
	cancelled := &cancelOnCut{Context: ctx, cancel: cancel, c: c}
	_, err := e.s.Commit(cancelled, dead)
	cancel()
	if err == nil { // asked again before the caller gave up: then it is applied
		e.wantRow("MARK", "v1", true)
		return
	}
	if kind(err) != "ambiguous" {
		t.Fatalf("giving up gave %v", err)
	}
	e.commit(e.unit("a").put("MARK", "v2"))
	c.deliver()
	e.wantRow("MARK", "v2", true)
}

// cancelOnCut is a context that ends when the cutter has taken a request.
type cancelOnCut struct {
	context.Context
	cancel context.CancelFunc
	c      *cutter
	once   sync.Once
}

// Done is asked for before each wait; by then the request may be held.
func (x *cancelOnCut) Done() <-chan struct{} {
	x.c.mu.Lock()
	held := x.c.held != nil
	x.c.mu.Unlock()
	if held {
		x.once.Do(x.cancel)
	}
	return x.Context.Done()
}

// Many writers over a network that breaks all the time: each unit that was
// acknowledged is there once, and no other is.
func TestLostRepliesUnderLoad(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		e, c := newCutEnv(t, b)
		const writers, each = 4, 15
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					c.arm([]cut{cutBefore, cutAfter}[i%2])
					name := fmt.Sprintf("w%d", w)
					u := &Commit{Unit: &row.Unit{ID: row.UnitID{Writer: name, Seq: uint64(i + 1)}, Lane: main0},
						Gens: map[string]uint64{table: e.st.Gen}}
					u.put(fmt.Sprintf("MARK-%d-%d", w, i), "v")
					if _, err := e.s.Commit(e.ctx, u); err != nil {
						t.Errorf("%s %d: %v", name, i, err)
					}
				}
			})
		}
		wg.Wait()
		c.arm(passOn)
		seen := map[string]int{}
		for _, r := range e.tail(0) {
			u, err := Decode(r.Data)
			if err != nil {
				t.Fatal(err)
			}
			seen[string(u.Mutations[0].Key)]++
		}
		for k, n := range seen {
			if n != 1 {
				t.Errorf("%s stands %d times in the WAL", k, n)
			}
		}
		if len(seen) != writers*each {
			t.Errorf("%d units in the WAL, want %d", len(seen), writers*each)
		}
	})
}
