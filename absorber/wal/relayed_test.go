package wal

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// TestAwaitRelayed: who waits for the queue is told when this process or
// another notes that it has the unit, and that the lane was lost.
func TestAwaitRelayed(t *testing.T) {
	conform(t, []scenario{
		{"the relay is another process's", awaitOther},
		{"the relay is this process's", awaitOwn},
		{"MySQL has the unit already", awaitSettled},
		{"nobody relays", awaitInVain},
		{"the lane is lost", awaitLost},
		{"the lane was lost and rebuilt before", awaitRebuilt},
	})
}

// committed commits n units and gives the last one's place.
func (e *env) committed(n int) (row.LSN, Receipt) {
	e.Helper()
	var c *Commit
	var lsn row.LSN
	for range n {
		c = e.unit("a").put("k", "v")
		c.Elsewhere = true
		lsn = e.commit(c)
	}
	return lsn, c.Receipt
}

func awaitOther(e *env) {
	lsn, receipt := e.committed(50)
	other, _ := e.process(e.b.addr, Options{})
	e.open(other)
	var wg sync.WaitGroup
	for i := range lsn {
		wg.Go(func() {
			if err := e.s.AwaitRelayed(e.ctx, main0, receipt, i+1); err != nil {
				e.Errorf("unit %d: %v", i+1, err)
			}
		})
	}
	for _, upto := range []row.LSN{20, 50} {
		if err := other.Relayed(e.ctx, main0, 1, upto); err != nil {
			e.Fatal(err)
		}
	}
	wg.Wait()
	if n := e.s.Knows(main0); n.Acknowledged != 0 || n.Seen != lsn {
		e.Errorf("the process knows %+v", n)
	}
}

func awaitOwn(e *env) {
	lsn, receipt := e.committed(2)
	done := make(chan error, 1)
	go func() { done <- e.s.AwaitRelayed(e.ctx, main0, receipt, lsn) }()
	if err := e.s.Relayed(e.ctx, main0, 1, lsn); err != nil {
		e.Fatal(err)
	}
	if err := <-done; err != nil {
		e.Error(err)
	}
}

func awaitSettled(e *env) {
	lsn, receipt := e.committed(2)
	e.settle(lsn, "k")
	if err := e.s.AwaitRelayed(e.ctx, main0, receipt, lsn); err != nil {
		e.Error(err)
	}
}

func awaitInVain(e *env) {
	lsn, receipt := e.committed(2)
	if err := e.s.Relayed(e.ctx, main0, 1, lsn-1); err != nil {
		e.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(e.ctx, 50*time.Millisecond)
	defer cancel()
	if err := e.s.AwaitRelayed(ctx, main0, receipt, lsn); !errors.Is(err, context.DeadlineExceeded) {
		e.Errorf("gave %v", err)
	}
}

func awaitLost(e *env) {
	lsn, receipt := e.committed(2)
	done := make(chan error, 1)
	go func() { done <- e.s.AwaitRelayed(e.ctx, main0, receipt, lsn) }()
	if err := e.rdb.FlushAll(e.ctx).Err(); err != nil {
		e.Fatal(err)
	}
	if err := <-done; !errors.Is(err, ErrLost) {
		e.Errorf("gave %v", err)
	}
}

func awaitRebuilt(e *env) {
	lsn, receipt := e.committed(2)
	if err := e.rdb.FlushAll(e.ctx).Err(); err != nil {
		e.Fatal(err)
	}
	if _, err := e.s.Rebuild(e.ctx, main0, Progress{}, Rebuilt{End: lsn - 1, Acknowledged: lsn, Start: 100}); err != nil {
		e.Fatal(err)
	}
	if err := e.s.AwaitRelayed(e.ctx, main0, receipt, lsn); !errors.Is(err, ErrLost) {
		e.Errorf("gave %v", err)
	}
	if p := e.progress(); p.LSN != 100 || p.Lost() != 1 {
		e.Errorf("progress %+v", p)
	}
}
