package absorber

import (
	"context"
	"errors"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// ErrOverrun says that a row of a transaction is not what it was when the
// transaction locked it: a statement in MySQL, behind the table's gate, has
// changed it. Nothing of the transaction was written, and it must be rolled back.
var ErrOverrun = errors.New("a row of the transaction was changed in MySQL")

// Commit makes the transaction's changes one unit of the log: all of it or
// nothing. It ends the transaction, but for a *Refused, which says that it must
// be replayed in MySQL and committed there. Other errors: wal.ErrUnlocked and
// ErrOverrun (nothing was written, as after a deadlock), ErrReplan (a table has
// another definition now; likewise), ErrLockWait, ErrBacklog, *row.Error; an
// Ambiguous one leaves open whether it was committed.
func (x *Transaction) Commit(ctx context.Context) (Result, error) {
	res := Result{Lane: x.lane}
	if x.lost.Load() {
		x.Rollback(ctx)
		return res, wal.ErrUnlocked
	}
	var changed []*schema.Table
	for _, t := range x.tables {
		if len(x.net(t, nil)) > 0 {
			changed = append(changed, t)
		}
	}
	if len(changed) == 0 {
		var err error
		if len(x.rows)+len(x.absent) > 0 {
			err = x.onlyLocked(ctx)
		}
		if refused := (*Refused)(nil); errors.As(err, &refused) {
			return res, err
		}
		x.Rollback(context.WithoutCancel(ctx))
		return res, err
	}
	s, err := x.attempt(ctx)
	var refused *Refused
	if errors.As(err, &refused) {
		return res, err
	}
	x.ended(ctx, changed, err)
	if err != nil {
		return res, err
	}
	res.LSN = s.lsn
	for _, t := range changed {
		if err := x.e.acknowledge(ctx, x.u, t, s); err != nil {
			return res, err
		}
	}
	return res, nil
}

// ended gives back the locks that the commit script has not: it has ended the
// owner, and taken away those on what was written.
func (x *Transaction) ended(ctx context.Context, changed []*schema.Table, err error) {
	left := len(x.locks)
	if err == nil {
		for _, t := range changed {
			left -= len(x.net(t, nil))
			if len(t.Uniques) > 0 {
				left = len(x.locks) // some may be of values that were given up again
				break
			}
		}
	}
	if left > 0 {
		x.Rollback(context.WithoutCancel(ctx))
		return
	}
	x.e.transactions.Delete(x.owner)
	x.begun, x.locks = false, map[wal.Lock]bool{}
}

// attempt commits, and builds the unit again from the rows as they are now when
// something it was built from has changed: they must be what the transaction
// has seen under its locks.
func (x *Transaction) attempt(ctx context.Context) (stamp, error) {
	e := x.e
	again := false // the witnesses are not those from when the rows were locked
	var patience patience
	for try := 0; ; try++ {
		s, err := x.try(ctx, again)
		again = true
		switch {
		case err == nil:
			return s, nil
		case errors.Is(err, wal.ErrConflict):
			e.metrics.retries.WithLabelValues("conflict").Inc()
			err = backOff(ctx, try)
		case errors.Is(err, wal.ErrStaleTable), errors.Is(err, errSchema) && try < schemaTries:
			for _, t := range x.tables {
				e.forgetState(t.Name.String())
			}
			err = backOff(ctx, try)
		case errors.Is(err, wal.ErrUnseeded):
			for _, t := range x.tables {
				if err = x.reseed(ctx, t); err != nil {
					break
				}
			}
		case errors.Is(err, wal.ErrGated):
			e.metrics.retries.WithLabelValues("gate").Inc()
			for _, t := range x.tables {
				if err = e.waitGate(ctx, x.u, t, e.cfg.LockWait); err != nil { // no COMMIT ends with 1205
					break
				}
			}
		case errors.Is(err, wal.ErrLocked): // in a generation that this transaction has no locks in
			e.metrics.retries.WithLabelValues("lock").Inc()
			if err = x.relock(ctx); err == nil {
				err = e.parked(x.u, func() error { return patience.wait(ctx, e.lockWait(x.u)) })
			}
		case errors.Is(err, wal.ErrFull):
			err = e.parked(x.u, func() error { return e.waitBacklog(ctx, x.tables[0]) })
		}
		if err != nil {
			return stamp{}, err
		}
	}
}

// reseed seeds the AUTO_INCREMENT counter of a table that has one.
func (x *Transaction) reseed(ctx context.Context, t *schema.Table) error {
	if t.AutoIncrement < 0 {
		return nil
	}
	return x.e.reseed(ctx, t)
}

// try is one round of attempt.
func (x *Transaction) try(ctx context.Context, again bool) (stamp, error) {
	e := x.e
	if e.overLimit(x.lane) {
		return stamp{}, wal.ErrFull
	}
	c := &wal.Commit{Unit: &row.Unit{Lane: x.lane}, Gens: map[string]uint64{}, MaxBacklog: e.cfg.MaxBacklog, MaxBytes: e.cfg.MaxUnitBytes, Owner: x.owner}
	for _, t := range x.tables {
		if cur := e.Catalog().Absorbed(t.Name); cur == nil || cur.Version != t.Version {
			return stamp{}, ErrReplan
		}
		st, err := e.state(ctx, t)
		if err != nil {
			return stamp{}, err
		}
		if err := x.build(ctx, t, st, again, c); err != nil {
			return stamp{}, err
		}
	}
	return e.send(ctx, c)
}

// build adds to the unit what the transaction has changed of a table. A row that
// it has locked and left as it is needs no witness as long as its lock counts,
// which it does in the generation in which it was taken: the unit is one of that.
func (x *Transaction) build(ctx context.Context, t *schema.Table, st wal.TableState, again bool, c *wal.Commit) error {
	table := t.Name.String()
	changes, ok := inOrder(t, x.net(t, nil))
	if !ok {
		return &Refused{Reason: "unique_move"}
	}
	var stale, kept []*lockedRow
	writes := map[row.Key]bool{}
	for _, ch := range changes {
		writes[ch.key] = true
		r := x.rows[wal.RowKey{Table: table, Key: ch.key}]
		if again || r.state != st || !r.given.IsZero() && time.Since(r.given) > freshKey {
			stale = append(stale, r)
		}
	}
	for k, r := range x.rows {
		if k.Table == table && !writes[k.Key] && r.locked != st {
			stale, kept = append(stale, r), append(kept, r)
		}
	}
	if err := x.stillAbsent(ctx, t, st); err != nil {
		return err
	}
	if err := x.revalidate(ctx, t, st, stale); err != nil {
		return err
	}
	for _, ch := range changes {
		c.Reads = append(c.Reads, x.rows[wal.RowKey{Table: table, Key: ch.key}].read)
		put(c, t, ch.mutation())
	}
	for _, r := range kept {
		c.Reads = append(c.Reads, r.read)
	}
	c.Gens[table] = st.Gen
	if len(changes) == 0 {
		return nil
	}
	level := x.e.options(t).Durability
	c.Confirm = c.Confirm || level == DurableReplica
	c.Elsewhere = c.Elsewhere || level == DurableKafka
	up, err := raises(t, changes, 0)
	if err != nil {
		return err
	}
	c.Raises = append(c.Raises, up...)
	return x.prove(ctx, t, st, changes, c)
}

// prove adds the claims. A value that somebody has by now was locked in another
// generation of the table.
func (x *Transaction) prove(ctx context.Context, t *schema.Table, st wal.TableState, changes []change, c *wal.Commit) error {
	want, releases, givenUp, err := claims(t, changes)
	if err != nil {
		return err
	}
	c.Releases = append(c.Releases, releases...)
	if len(want) == 0 {
		return nil
	}
	err = x.e.proveFree(ctx, t, st, want, givenUp, c)
	var dup *Duplicate
	if errors.As(err, &dup) {
		return ErrOverrun
	}
	return err
}

// revalidate reads rows again, and makes what is read their witnesses: they must
// be what they were when they were locked.
func (x *Transaction) revalidate(ctx context.Context, t *schema.Table, st wal.TableState, stale []*lockedRow) error {
	if len(stale) == 0 {
		return nil
	}
	refs := make([]row.Ref, len(stale))
	for i, r := range stale {
		refs[i] = r.ref
	}
	rows, err := x.e.current(ctx, t, st, refs)
	if err != nil {
		return err
	}
	for i, r := range stale {
		is := rows[i].im
		if (is == nil) != (r.base == nil) || is != nil && !sameImage(is, r.base) {
			return ErrOverrun
		}
		r.read, r.state, r.given = rows[i].read, st, time.Time{}
	}
	return nil
}
