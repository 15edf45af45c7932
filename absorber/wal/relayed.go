package wal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// relayedEvery is how often a process looks how far the queue is, while units
// of its own wait for it. The process whose relay it is need not look.
const relayedEvery = time.Millisecond

// awaited are the units of a lane that wait until the queue has them. One look
// serves all of them.
type awaited struct {
	mu      sync.Mutex
	units   map[*awaitedUnit]struct{}
	looking bool // somebody looks, or is about to
}

// awaitedUnit is one of them; done gets one value.
type awaitedUnit struct {
	lsn  row.LSN
	inc  string
	done chan error
}

// reached answers the units that the queue has.
func (a *awaited) reached(inc string, upto row.LSN) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for u := range a.units {
		if u.inc == inc && u.lsn <= upto {
			delete(a.units, u)
			u.done <- nil
		}
	}
}

// refuse tells all that the lane is not what it was.
func (a *awaited) refuse() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for u := range a.units {
		delete(a.units, u)
		u.done <- ErrLost
	}
}

// add adds a unit, and reports whether the caller has to have somebody look.
func (a *awaited) add(u *awaitedUnit) (look bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.units == nil {
		a.units = map[*awaitedUnit]struct{}{}
	}
	a.units[u] = struct{}{}
	look = !a.looking
	a.looking = true
	return look
}

// drop takes a unit out whose waiter has gone.
func (a *awaited) drop(u *awaitedUnit) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.units, u)
}

// idle reports whether nobody waits; the looker then stops.
func (a *awaited) idle() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.looking = len(a.units) > 0
	return !a.looking
}

// AwaitRelayed returns when the queue, or MySQL, has the unit that Commit gave
// lsn and receipt for. ErrLost: the lane was lost since, and whether the queue
// has the unit is not known. It ends early with ctx.
func (s *Store) AwaitRelayed(ctx context.Context, name row.Lane, receipt Receipt, lsn row.LSN) error {
	l := s.lane(name)
	u := &awaitedUnit{lsn: lsn, inc: receipt.incarnation, done: make(chan error, 1)}
	look := l.awaited.add(u)
	defer l.awaited.drop(u)
	if look {
		select {
		case s.lookers <- l:
		case <-s.commits.stopped:
			return errStopped
		}
	}
	// In this order: a doubt before add has counted, one after it refuses u.
	if l.doubts.Load() != receipt.doubts {
		return fmt.Errorf("wal.await_relayed: %w", ErrLost)
	}
	select {
	case err := <-u.done:
		return err
	case <-s.commits.stopped:
		return errStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lookOut is the part of Run that looks for lanes with units that wait.
func (s *Store) lookOut(ctx context.Context, g *errgroup.Group) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case l := <-s.lookers:
			g.Go(func() error {
				s.lookRelayed(ctx, l)
				return nil
			})
		}
	}
}

// lookRelayed looks how far the queue is until nobody waits for it. It asks
// through a script of the process's own: a server that has lost units with a
// restart does not know it, so that its mark cannot be taken for the lane's.
func (s *Store) lookRelayed(ctx context.Context, l *lane) {
	const op = "wal.await_relayed"
	tick := time.NewTicker(relayedEvery)
	defer tick.Stop()
	for !l.awaited.idle() {
		if inc := l.inc.Load(); inc != nil && !l.suspect.Load() {
			reply, err := s.ask(ctx, op, &call{lane: l, script: s.scripts.relayed, keys: []any{l.keys.meta()}, args: []any{*inc}})
			if err == nil {
				err = decision(op, l.name, reply)
			}
			if errors.Is(err, ErrLost) {
				l.awaited.refuse()
			} else if err == nil {
				if upto, perr := parseLSN(reply); perr == nil {
					l.awaited.reached(*inc, upto)
				}
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
