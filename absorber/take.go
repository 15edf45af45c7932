package absorber

import (
	"context"
	"sync"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// takers lets sessions that want AUTO_INCREMENT values of one counter at the
// same time take them in one call: while a call is on its way, those that come
// form the next. Values go to the sessions in the order in which they came.
type takers struct {
	mu   sync.Mutex
	last map[takeKey]*taking
}

// takeKey names a counter, the generation it is of, and how it counts.
type takeKey struct {
	lane  row.Lane
	table string
	state wal.TableState
	inc   AutoIncrement
}

// taking is one call in the making, on its way, or done.
type taking struct {
	n    uint64 // values wanted so far
	sent bool   // nobody joins any more
	done chan struct{}
	all  wal.Taken
	ok   bool
	err  error
}

// nextFunc is wal.Store.NextAutoIncrement.
type nextFunc func(ctx context.Context, lane row.Lane, state wal.TableState, table string, n, increment, offset uint64) (wal.Taken, bool, error)

// take takes n values at k.inc.Increment from each other. ok is false if the counter is not seeded.
func (ts *takers) take(ctx context.Context, k takeKey, n uint64, next nextFunc) (v wal.Taken, ok bool, err error) {
	ts.mu.Lock()
	before := ts.last[k]
	b := before
	lead := b == nil || b.sent
	if lead {
		b = &taking{done: make(chan struct{})}
		if ts.last == nil {
			ts.last = map[takeKey]*taking{}
		}
		ts.last[k] = b
	}
	mine := b.n
	b.n += n
	ts.mu.Unlock()
	if lead {
		ts.send(ctx, k, before, b, next)
	}
	select {
	case <-b.done:
	case <-ctx.Done():
		return v, false, ctx.Err() // the values are gone, as after a rollback
	}
	return b.all.Part(mine, n), b.ok, b.err
}

// send waits for the call before, closes b to others and makes the call. The
// leader's own client going away must not take the others' values with it.
func (ts *takers) send(ctx context.Context, k takeKey, before, b *taking, next nextFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitPatience)
	defer cancel()
	if before != nil {
		<-before.done
	}
	ts.mu.Lock()
	b.sent = true
	n := b.n
	ts.mu.Unlock()
	b.all, b.ok, b.err = next(ctx, k.lane, k.state, k.table, n, k.inc.Increment, k.inc.Offset)
	ts.mu.Lock()
	if ts.last[k] == b {
		delete(ts.last, k)
	}
	ts.mu.Unlock()
	close(b.done)
}
