package absorber

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// gateRetry is how long a session that may not close an open gate yet waits
// before it asks again.
const gateRetry = 5 * time.Millisecond

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
	name    string // of the session's gates
	round   int    // how often all of them were given back
	backend uint64

	mu     sync.Mutex
	tables map[string]gate
	lost   error
}

// gate is one table's gate in a hold. One that is neither joined nor shut is a
// gate whose join had no answer: it is given back with the others.
type gate struct {
	lane         row.Lane
	joined, shut bool
}

// NewHold makes an empty hold for the session u, which may be nil. name is unique
// among all processes; backend is the id of the MySQL connection that will run
// the synchronous statements.
func (e *Engine) NewHold(u *Usage, name string, backend uint64) *Hold {
	h := &Hold{e: e, u: u, name: name, backend: backend, tables: map[string]gate{}}
	e.holds.Store(h, struct{}{})
	return h
}

// owner is the hold's name in Redis. It changes whenever all gates were given
// back: a call to do that, which had no answer, may arrive when the session has
// closed a gate again, and must not open it behind a statement's back.
func (h *Hold) owner() string { return fmt.Sprintf("%s.%d", h.name, h.round) }

// Close is CloseWithin with the longest limit.
func (h *Hold) Close(ctx context.Context, tables []schema.Name) error {
	return h.CloseWithin(ctx, tables, h.e.cfg.LockWait)
}

// CloseWithin closes the gates of the tables that are not closed already: commits
// stop, what is pending drains, and then the caller may write to MySQL.
// ErrLockWait, as it is, when a gate's other holders keep it for longer than
// limit, or than Config.LockWait; with a reason when what is pending does not
// drain within the barrier timeout.
func (h *Hold) CloseWithin(ctx context.Context, tables []schema.Name, limit time.Duration) error {
	for lane, names := range h.e.byLane(tables) {
		for _, name := range names {
			h.mu.Lock()
			shut := h.tables[name].shut
			holding := len(h.tables) > 0
			h.mu.Unlock()
			if shut {
				continue
			}
			if err := h.closeOne(ctx, lane, name, holding, h.e.gateLimit(limit)); err == ErrLockWait {
				return err // the client is told what MySQL says of a lock
			} else if err != nil {
				return fmt.Errorf("close the gate of %s: %w", name, err)
			}
		}
	}
	return nil
}

// closeOne joins one gate, drains the table, hands its AUTO_INCREMENT counter
// over to MySQL and shuts the gate. A gate that
// could not be shut is given back at once: in a transaction nothing else would
// before its end, and commits to the table would wait for that long.
func (h *Hold) closeOne(ctx context.Context, lane row.Lane, name string, holding bool, limit time.Duration) error {
	err := h.shutOne(ctx, lane, name, holding, limit)
	if err == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, joined := h.tables[name]; !joined {
		return err
	}
	if left := h.leave(context.WithoutCancel(ctx), lane, name); left != nil {
		h.e.log.Warn("a gate stays closed until its lease or its session ends", "table", name, "err", left)
	}
	return err
}

// shutOne is closeOne; after an error the gate may be in the hold or not. The
// limit is for the wait until it may be joined: the time that draining takes is
// no wait for a lock.
func (h *Hold) shutOne(ctx context.Context, lane row.Lane, name string, holding bool, limit time.Duration) error {
	e := h.e
	wctx, cancel := context.WithTimeout(ctx, e.cfg.LockWait)
	defer cancel()
	var told wal.Counter
	var until time.Time
	how := wal.JoinFirst
	if holding {
		how = wal.JoinHolding
	} else if h.u.late() && h.u.behind == name {
		how = wal.JoinLate
	}
	for {
		info, err := e.store.JoinGate(wctx, lane, name, h.owner(), h.backend, e.cfg.GateLease, how)
		if errors.Is(err, wal.ErrGated) { // closed for long: let the waiting commits in first
			if until.IsZero() {
				until = time.Now().Add(limit)
			}
			if err := h.giveWay(ctx, until, lane, name); err != nil {
				return err
			}
			if h.u.late() {
				how = wal.JoinLate
			}
			continue
		}
		if how == wal.JoinLate && errors.Is(err, wal.ErrConflict) { // it has opened
			if h.u.behind == name {
				h.u.free()
				return ErrReplan // the statement can be absorbed
			}
			how = wal.JoinFirst
			continue
		}
		h.note(name, gate{lane: lane, joined: err == nil})
		if err != nil {
			return err
		}
		e.forgetState(name)
		if info.State == wal.GateShut {
			h.note(name, gate{lane: lane, joined: true, shut: true})
			return nil
		}
		err = e.store.ShutGate(ctx, lane, name, told)
		if err == nil {
			h.note(name, gate{lane: lane, joined: true, shut: true})
		}
		if !errors.Is(err, wal.ErrConflict) {
			return err
		}
		if err := h.drainTable(ctx, lane, name); err != nil {
			return err
		}
		if told, err = e.handOver(ctx, lane, name); err != nil {
			return err
		}
	}
}

// drainTable drains what is pending of a table whose gate is closed: no
// further, since other tables of the lane may have a long backlog.
func (h *Hold) drainTable(ctx context.Context, lane row.Lane, name string) error {
	infos, err := h.e.store.TableStates(ctx, lane, []string{name})
	if err != nil {
		return err
	}
	return h.e.drainTo(ctx, h.u, lane, infos[0].LastDirty, true)
}

// giveWay waits until the gate has opened and its waiting commits had a moment,
// or until the session may come late.
func (h *Hold) giveWay(ctx context.Context, until time.Time, lane row.Lane, name string) error {
	wctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	err := h.e.parked(h.u, func() error {
		if opened, err := h.e.openOrLate(wctx, h.u, lane, name); err != nil || !opened {
			return err
		}
		return pauseFor(wctx, gateRetry) // it may be open already, but resting
	})
	if err != nil && wctx.Err() != nil && ctx.Err() == nil {
		return ErrLockWait
	}
	return err
}

// note puts a gate into the hold: from here on Release gives it back.
func (h *Hold) note(name string, g gate) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tables[name] = g
}

// leave gives one gate back; h.mu is held. A gate that could not be given back
// stays in the hold.
func (h *Hold) leave(ctx context.Context, lane row.Lane, name string) error {
	h.e.forgetState(name)
	if err := h.e.store.LeaveGate(ctx, lane, name, h.owner()); err != nil {
		return fmt.Errorf("open the gate of %s: %w", name, err)
	}
	delete(h.tables, name)
	return nil
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
// may be used again. A gate that could not be opened is not renewed any more:
// its lease ends by itself, and the sweeper ends the session's connection.
func (h *Hold) Release(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	if len(h.tables) > 0 {
		defer func() { h.round++ }()
	}
	for name, g := range h.tables {
		if err := h.leave(ctx, g.lane, name); err != nil {
			errs = append(errs, err)
			delete(h.tables, name)
		}
	}
	h.lost = nil
	return errors.Join(errs...)
}

// Drop releases the gates and forgets the hold.
func (h *Hold) Drop(ctx context.Context) error {
	defer h.e.holds.Delete(h)
	return h.Release(ctx)
}

// renew prolongs the leases of all gates held. It keeps the hold locked: a gate
// that is released meanwhile would look like one that was taken away.
func (h *Hold) renew(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	lanes := map[row.Lane][]string{}
	for name, g := range h.tables {
		if g.joined {
			lanes[g.lane] = append(lanes[g.lane], name)
		}
	}
	for lane, names := range lanes {
		err := h.e.store.RenewGates(ctx, lane, h.owner(), names, h.e.cfg.GateLease)
		var e *row.Error
		if errors.As(err, &e) && e.Kind == row.Fenced {
			h.lost = err
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
// MySQL connection is killed and seen gone before they open. defining says that
// what it was doing may have changed definitions: all processes read them again.
func (h *Hold) Abandon(ctx context.Context, defining bool) error {
	if !h.Empty() {
		if err := h.e.reap(h.backend); err != nil {
			h.e.holds.Delete(h) // no renewals: the lease ends, and the sweeper tries again
			return err
		}
		if defining {
			h.e.redefined(ctx, h.u)
		}
	}
	return h.Drop(ctx)
}
