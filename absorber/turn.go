package absorber

import (
	"context"
	"slices"
	"sync"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// turns makes the sessions of one process that write the same row write it one
// after the other, in the order they came. Without them the answer is right as
// well, since the commit script refuses whoever has read an old row; but of 64
// clients that count one row up, 63 would read and compute again, and again.
type turns struct {
	mu   sync.Mutex
	rows map[wal.RowKey]*turn
}

// turn is one row's queue.
type turn struct {
	place chan struct{} // holds one element while somebody has the turn
	users int           // who has it or waits for it
}

// takeTurns waits until it is the session's turn at each row. The waiting is
// done in the order of the keys, so no two statements wait for each other.
// done ends the turns. ErrLockWait when it takes too long, ErrReplan when the
// schema changed meanwhile.
func (e *Engine) takeTurns(ctx context.Context, u *Usage, t *schema.Table, refs []row.Ref) (done func(), err error) {
	keys := rowKeys(t.Name.String(), refs)
	slices.SortFunc(keys, func(a, b wal.RowKey) int {
		switch {
		case a.Key < b.Key:
			return -1
		case a.Key > b.Key:
			return 1
		}
		return 0
	})
	keys = slices.Compact(keys)
	for i, k := range keys {
		if err := e.takeTurn(ctx, u, k); err != nil {
			e.turns.give(keys[:i])
			return nil, err
		}
	}
	return func() { e.turns.give(keys) }, nil
}

// takeTurn waits for the turn at one row.
func (e *Engine) takeTurn(ctx context.Context, u *Usage, k wal.RowKey) error {
	tn := e.turns.join(k)
	select {
	case tn.place <- struct{}{}:
		return nil
	default:
	}
	wctx, cancel := context.WithTimeout(ctx, e.lockWait(u))
	defer cancel()
	mine := false
	// Parked, or somebody who changes the schema would wait for the session
	// whose turn it is, and that one at the gate for him.
	err := e.parked(u, func() error {
		select {
		case tn.place <- struct{}{}:
			mine = true
			return nil
		case <-wctx.Done():
			if err := ctx.Err(); err != nil {
				return err
			}
			return ErrLockWait
		}
	})
	switch {
	case err == nil:
	case mine:
		e.turns.give([]wal.RowKey{k})
	default:
		e.turns.quit(k, tn)
	}
	return err
}

// join adds a user to the row's queue.
func (ts *turns) join(k wal.RowKey) *turn {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.rows == nil {
		ts.rows = map[wal.RowKey]*turn{}
	}
	tn := ts.rows[k]
	if tn == nil {
		tn = &turn{place: make(chan struct{}, 1)}
		ts.rows[k] = tn
	}
	tn.users++
	return tn
}

// quit takes a user out of the queue.
func (ts *turns) quit(k wal.RowKey, tn *turn) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.leave(k, tn)
}

// leave is quit with ts.mu held.
func (ts *turns) leave(k wal.RowKey, tn *turn) {
	if tn.users--; tn.users == 0 {
		delete(ts.rows, k)
	}
}

// give ends the turns at keys.
func (ts *turns) give(keys []wal.RowKey) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, k := range keys {
		tn := ts.rows[k]
		<-tn.place
		ts.leave(k, tn)
	}
}
