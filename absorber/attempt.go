package absorber

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// commitPatience is how long a commit whose reply was lost is asked about
// before the client is told that the outcome is unknown.
const commitPatience = 10 * time.Second

// Result is what an absorbed write answers.
type Result struct {
	Matched  uint64 // rows found
	Affected uint64 // rows changed
	// InsertID is what the OK packet carries: the first generated value, or
	// the last explicit one. Generated says that LAST_INSERT_ID() changes too.
	InsertID  uint64
	Generated bool
	Reserved  Reservation // the generated values
	Lane      row.Lane
	LSN       row.LSN // 0 if nothing had to be written
}

// attempt builds a unit from what the cache and MySQL hold and commits it;
// when something it was built from has changed meanwhile, it builds it again.
// build returns nil when there is nothing to write. The sessions of a process
// take turns at the rows that refs name.
func (e *Engine) attempt(ctx context.Context, u *Usage, t *schema.Table, refs []row.Ref, build func(st wal.TableState) (*wal.Commit, error)) (row.LSN, error) {
	var patience patience
	for {
		s, err := e.inTurn(ctx, u, t, refs, build)
		switch {
		case err == nil:
			return s.lsn, e.acknowledge(ctx, u, t, s)
		case errors.Is(err, wal.ErrGated):
			e.metrics.retries.WithLabelValues("gate").Inc()
			for _, c := range e.concerned(t) {
				if err = e.waitGate(ctx, u, c, e.lockWait(u)); err != nil {
					break
				}
			}
		case errors.Is(err, wal.ErrLocked): // by a transaction; other sessions have their turn meanwhile
			e.metrics.retries.WithLabelValues("lock").Inc()
			err = e.parked(u, func() error { return patience.wait(ctx, e.lockWait(u)) })
		case errors.Is(err, wal.ErrFull):
			err = e.parked(u, func() error { return e.waitBacklog(ctx, t) })
		}
		if err != nil {
			return 0, err
		}
	}
}

// inTurn tries until nothing but the table's gate or a full backlog is in the
// way: those are waited for without keeping other sessions from their turn.
// Who finds the rows changed again and again for as long as a lock is waited for
// gives up: ErrLockWait.
func (e *Engine) inTurn(ctx context.Context, u *Usage, t *schema.Table, refs []row.Ref, build func(st wal.TableState) (*wal.Commit, error)) (stamp, error) {
	done, err := e.takeTurns(ctx, u, t, refs)
	if err != nil {
		return stamp{}, err
	}
	defer done()
	for try, begun := 0, time.Now(); ; try++ {
		s, err := e.try(ctx, t, build)
		switch {
		case errors.Is(err, wal.ErrConflict) && time.Since(begun) > e.lockWait(u):
			return stamp{}, ErrLockWait
		case errors.Is(err, wal.ErrConflict):
			e.metrics.retries.WithLabelValues("conflict").Inc()
		case errors.Is(err, wal.ErrStaleTable), errors.Is(err, errSchema) && try < schemaTries:
			e.forgetStates(t)
		case errors.Is(err, wal.ErrUnseeded):
			if err := e.reseed(ctx, t); err != nil {
				return stamp{}, err
			}
		default:
			return s, err
		}
		if err := backOff(ctx, try); err != nil {
			return stamp{}, err
		}
	}
}

// try is one round of attempt.
func (e *Engine) try(ctx context.Context, t *schema.Table, build func(st wal.TableState) (*wal.Commit, error)) (stamp, error) {
	if e.overLimit(e.lane(t)) {
		return stamp{}, wal.ErrFull
	}
	st, err := e.state(ctx, t)
	if err != nil {
		return stamp{}, err
	}
	c, err := build(st)
	if err != nil || c == nil {
		return stamp{}, err
	}
	c.Unit.Lane = e.lane(t)
	if c.Gens == nil {
		c.Gens = map[string]uint64{}
	}
	c.Gens[t.Name.String()] = st.Gen
	c.MaxBacklog, c.MaxBytes = e.cfg.MaxBacklog, e.cfg.MaxUnitBytes
	level := e.options(t).Durability
	c.Confirm, c.Elsewhere = level == DurableReplica, level == DurableKafka
	return e.send(ctx, c)
}

// send commits a unit under a writer of this process.
func (e *Engine) send(ctx context.Context, c *wal.Commit) (stamp, error) {
	c.Unit.AcceptedMs = time.Now().UnixMilli()
	w, err := e.writers.take(ctx)
	if err != nil {
		return stamp{}, err
	}
	defer e.writers.put(w)
	w.seq++
	c.Unit.ID = row.UnitID{Writer: w.name, Seq: w.seq}
	// A client that goes away now must not leave its own write in doubt.
	cctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitPatience)
	defer cancel()
	lsn, err := e.store.Commit(cctx, c)
	if errors.Is(err, wal.ErrTooLarge) {
		return stamp{}, &Refused{Reason: ReasonTooLarge}
	}
	if err == nil {
		for _, r := range c.Raises {
			e.given.note(c.Unit.Lane, r.Table, wal.TableState{Incarnation: c.Receipt.Incarnation(), Gen: c.Gens[r.Table]}, r.Used+1)
		}
	}
	return stamp{lsn, c.Receipt}, err
}

// backOff waits a moment that grows with the number of tries: two writers of
// one row take turns instead of refusing each other for ever.
func backOff(ctx context.Context, try int) error {
	if try < 2 {
		return ctx.Err()
	}
	return pauseFor(ctx, time.Duration(rand.Int64N(int64(min(try, 20))*int64(500*time.Microsecond))))
}

// pauseFor waits, or returns the error of a context that ends earlier.
func pauseFor(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// gateLimit is how long a session that would wait for limit waits for a gate.
func (e *Engine) gateLimit(limit time.Duration) time.Duration {
	if limit <= 0 {
		return e.cfg.LockWait
	}
	return min(limit, e.cfg.LockWait)
}

// waitGate waits until the table's gate has opened, at most for limit, and for no
// longer than Config.LockWait: ErrLockWait then. A *Refused says that the
// statement is to run in MySQL, beside those who keep the gate.
func (e *Engine) waitGate(ctx context.Context, u *Usage, t *schema.Table, limit time.Duration) error {
	wctx, cancel := context.WithTimeout(ctx, e.gateLimit(limit))
	defer cancel()
	opened := false
	err := e.parked(u, func() (err error) {
		if err := e.store.WantGate(wctx, e.lane(t), t.Name.String()); err != nil {
			return err
		}
		opened, err = e.openOrLate(wctx, u, e.lane(t), t.Name.String())
		return err
	})
	e.forgetState(t.Name.String())
	switch {
	case err != nil && wctx.Err() != nil && ctx.Err() == nil:
		return ErrLockWait
	case err == nil && !opened:
		u.behind = t.Name.String()
		return &Refused{Reason: reasonGateShut}
	}
	return err
}

// waitBacklog does what on_full says: waits for room, or refuses.
func (e *Engine) waitBacklog(ctx context.Context, t *schema.Table) error {
	e.metrics.retries.WithLabelValues("full").Inc()
	switch e.cfg.OnFull {
	case FullReject:
		return ErrBacklog
	case FullPassThrough:
		return &Refused{Reason: "backlog_full"}
	}
	deadline := time.NewTimer(e.cfg.BarrierTimeout)
	defer deadline.Stop()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case <-poll.C:
		case <-deadline.C:
			return ErrBacklog
		case <-ctx.Done():
			return ctx.Err()
		}
		p, err := e.store.Progress(ctx, e.lane(t))
		if err != nil {
			return err
		}
		if (e.cfg.MaxBacklog <= 0 || p.Pending < e.cfg.MaxBacklog) && !e.overLimit(e.lane(t)) {
			return nil
		}
	}
}

// state is the table's state as this process last saw it. A state that has
// gone stale is found out by the scripts, which then make attempt forget it.
func (e *Engine) state(ctx context.Context, t *schema.Table) (wal.TableState, error) {
	name := t.Name.String()
	if st, ok := e.states.Load(name); ok && st.(wal.TableState).Incarnation == e.store.Knows(e.lane(t)).Incarnation {
		return st.(wal.TableState), nil
	}
	infos, err := e.store.TableStates(ctx, e.lane(t), []string{name})
	if err != nil {
		return wal.TableState{}, err
	}
	// The definition is looked at after the generation: whoever changes the
	// definition makes all proxies load it before the generation grows. All
	// but one that has been silent for longer than beatTTL; so it is asked for.
	v, err := e.announce(ctx)
	if err != nil {
		return wal.TableState{}, err
	}
	if err := e.advance(ctx, v); err != nil {
		return wal.TableState{}, err
	}
	if cur := e.Catalog().Absorbed(t.Name); cur == nil || cur.Version != t.Version {
		return wal.TableState{}, ErrReplan
	}
	e.states.Store(name, infos[0].TableState)
	return infos[0].TableState, nil
}

func (e *Engine) forgetState(table string) { e.states.Delete(table) }

// writer is one commit's place in the WAL's memory of recent units: it has at
// most one commit in flight, and each new one fences the one before.
type writer struct {
	name string
	seq  uint64
}

// writers lends writers out; there are as many as commits may be in flight.
type writers chan *writer

func newWriters(process string, n int) writers {
	ws := make(writers, n)
	for i := range n {
		ws <- &writer{name: fmt.Sprintf("%s.%d", process, i)}
	}
	return ws
}

func (ws writers) take(ctx context.Context) (*writer, error) {
	select {
	case w := <-ws:
		return w, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (ws writers) put(w *writer) { ws <- w }
