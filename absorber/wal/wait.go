package wal

import (
	"context"
	"fmt"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// How often waiters look: soon at first, since a flush takes milliseconds.
const (
	firstLook = time.Millisecond
	lastLook  = 20 * time.Millisecond
)

// poll is the last answer about a lane's progress, shared by its waiters: only
// one of them asks Redis at a time, and the others take its answer.
type poll struct {
	turn chan struct{} // one place; guards the rest
	at   time.Time
	last Progress
}

// newPoll makes one without an answer.
func newPoll() poll { return poll{turn: make(chan struct{}, 1)} }

// fresh is the lane's progress, not older than since.
func (s *Store) fresh(ctx context.Context, l *lane, since time.Time) (Progress, error) {
	select {
	case l.polled.turn <- struct{}{}:
	case <-ctx.Done():
		return Progress{}, ctx.Err()
	}
	defer func() { <-l.polled.turn }()
	if l.polled.at.After(since) {
		return l.polled.last, nil
	}
	at := time.Now()
	p, err := s.Progress(ctx, l.name)
	if err == nil {
		l.polled.at, l.polled.last = at, p
	}
	return p, err
}

// WaitSettled returns when everything of the lane up to upto is in MySQL.
// It ends early with ctx, or with ErrLost. Other errors of Redis are waited
// out.
func (s *Store) WaitSettled(ctx context.Context, name row.Lane, upto row.LSN) error {
	const op = "wal.wait_settled"
	l, _, err := s.known(op, name)
	if err != nil {
		return err
	}
	since := time.Now()
	return wait(ctx, op, name, func() (bool, error) {
		p, err := s.fresh(ctx, l, since)
		since = time.Now()
		return p.Settled >= upto, err
	})
}

// WaitGate returns when the table's gate is open. Waiters share round trips.
// It ends early with ctx, or with ErrLost. Other errors of Redis are waited
// out.
func (s *Store) WaitGate(ctx context.Context, name row.Lane, table string) error {
	const op = "wal.wait_gate"
	l, inc, err := s.usable(op, name)
	if err != nil {
		return err
	}
	return wait(ctx, op, name, func() (bool, error) {
		reply, err := s.ask(ctx, op, &call{lane: l, keys: []any{l.keys.table(table)}})
		if err != nil {
			return false, err
		}
		text, ok := reply.([]any)[0].(string)
		if !ok {
			// Nobody has used the table in this incarnation. If the lane is
			// gone, the caller's next step finds that out.
			return true, nil
		}
		st, err := parseState(text)
		if err != nil {
			return false, err
		}
		if st.Incarnation != inc {
			return false, fmt.Errorf("%s: %w", op, ErrLost)
		}
		return st.Gate == GateOpen, nil
	})
}

// wait looks until look says yes, with growing pauses. Errors that pass are
// waited out.
func wait(ctx context.Context, op string, name row.Lane, look func() (bool, error)) error {
	for every := firstLook; ; every = min(2*every, lastLook) {
		ok, err := look()
		if err != nil && !passes(err) {
			return err
		}
		if err == nil && ok {
			return nil
		}
		if perr := pause(ctx, every); perr != nil {
			if err != nil { // perhaps only what the end of ctx looked like on the wire
				perr = fmt.Errorf("%w; at the last look: %w", perr, err)
			}
			return &row.Error{Op: op, Lane: name, Kind: row.Transient, Err: perr}
		}
	}
}
