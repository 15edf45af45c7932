package absorber

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// Hold is the gates that one session keeps closed, for a statement or for a
// transaction. Several sessions may hold one gate: MySQL orders them.
//
// The owner record in Redis carries the session's connection id in MySQL.
// When a process dies with a gate closed, whoever sweeps the gate kills that
// connection and sees it gone before the gate opens, so a statement that was
// still running cannot commit behind the back of the cache.
type Hold struct {
	e       *Engine
	u       *Usage
	owner   string
	backend uint64

	mu     sync.Mutex
	tables map[string]row.Lane
	lost   error
}

// NewHold makes an empty hold for the session u, which may be nil. owner is unique among all processes; backend is
// the id of the MySQL connection that will run the synchronous statements.
func (e *Engine) NewHold(u *Usage, owner string, backend uint64) *Hold {
	h := &Hold{e: e, u: u, owner: owner, backend: backend, tables: map[string]row.Lane{}}
	e.holds.Store(h, struct{}{})
	return h
}

// Close closes the gates of the tables that are not closed already: commits
// stop, what is pending drains, and then the caller may write to MySQL.
// ErrLockWait when that takes longer than the barrier timeout or the gate's
// other holders keep it too long.
func (h *Hold) Close(ctx context.Context, tables []schema.Name) error {
	for lane, names := range h.e.byLane(tables) {
		for _, name := range names {
			h.mu.Lock()
			_, held := h.tables[name]
			holding := len(h.tables) > 0
			h.mu.Unlock()
			if held {
				continue
			}
			if err := h.closeOne(ctx, lane, name, holding); err != nil {
				return fmt.Errorf("close the gate of %s: %w", name, err)
			}
		}
	}
	return nil
}

// closeOne joins one gate, drains the table and shuts the gate.
func (h *Hold) closeOne(ctx context.Context, lane row.Lane, name string, holding bool) error {
	e := h.e
	wctx, cancel := context.WithTimeout(ctx, e.cfg.LockWait)
	defer cancel()
	for {
		info, err := e.store.JoinGate(wctx, lane, name, h.owner, h.backend, e.cfg.GateLease, holding)
		if errors.Is(err, wal.ErrGated) { // closed for long: let the waiting commits in first
			if err = e.parked(h.u, func() error { return e.store.WaitGate(wctx, lane, name) }); err != nil && wctx.Err() != nil && ctx.Err() == nil {
				return ErrLockWait
			}
			if err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		h.mu.Lock()
		h.tables[name] = lane // from here on Release gives it back
		h.mu.Unlock()
		e.forgetState(name)
		if info.State == wal.GateShut {
			return nil
		}
		if err := e.drainTo(ctx, h.u, lane, info.DrainTo, true); err != nil {
			return err
		}
		err = e.store.ShutGate(ctx, lane, name)
		if !errors.Is(err, wal.ErrConflict) {
			return err
		}
	}
}

// Empty reports whether no gate is held.
func (h *Hold) Empty() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.tables) == 0
}

// Lost is not nil when a gate was taken away because its lease could not be
// renewed in time: the session's MySQL connection is being killed, and the
// client must be told that its transaction is gone.
func (h *Hold) Lost() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lost
}

// Release opens the gates, each with a new generation of its table. The hold
// may be used again. A gate that could not be opened stays in the hold; its
// lease ends by itself.
func (h *Hold) Release(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for name, lane := range h.tables {
		if err := h.e.store.LeaveGate(ctx, lane, name, h.owner); err != nil {
			errs = append(errs, fmt.Errorf("open the gate of %s: %w", name, err))
		}
		h.e.forgetState(name)
		delete(h.tables, name)
	}
	h.lost = nil
	return errors.Join(errs...)
}

// Drop releases the gates and forgets the hold.
func (h *Hold) Drop(ctx context.Context) error {
	defer h.e.holds.Delete(h)
	return h.Release(ctx)
}

// renew prolongs the leases of all gates held.
func (h *Hold) renew(ctx context.Context) error {
	h.mu.Lock()
	lanes := map[row.Lane][]string{}
	for name, lane := range h.tables {
		lanes[lane] = append(lanes[lane], name)
	}
	h.mu.Unlock()
	for lane, names := range lanes {
		err := h.e.store.RenewGates(ctx, lane, h.owner, names, h.e.cfg.GateLease)
		var e *row.Error
		if errors.As(err, &e) && e.Kind == row.Fenced {
			h.mu.Lock()
			h.lost = err
			h.mu.Unlock()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Backend is the id of the MySQL connection that the gates are held for.
func (h *Hold) Backend() uint64 { return h.backend }

// Abandon gives the gates back for a session that ended without finishing: its
// MySQL connection is killed and seen gone before they open.
func (h *Hold) Abandon(ctx context.Context) error {
	if !h.Empty() {
		if err := h.e.reap(h.backend); err != nil {
			h.e.holds.Delete(h) // no renewals: the lease ends, and the sweeper tries again
			return err
		}
	}
	return h.Drop(ctx)
}
