package absorber

import (
	"context"
	"errors"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// onlyLocked is the commit of a transaction that has locked rows and changed none:
// nothing goes into the log, but what it has read is only from one time if all
// its rows are still what they were. A statement in MySQL, behind a gate, does
// not wait for its locks: it may have changed a row after this transaction has
// read it, and before it has read another. ErrOverrun then; wal.ErrUnlocked if
// its lease has ended.
func (x *Transaction) onlyLocked(ctx context.Context) error {
	e := x.e
	for try := 0; ; try++ {
		again, err := false, error(nil)
		for _, t := range x.tables {
			var moved bool
			if moved, err = x.stillLocked(ctx, t); err != nil {
				break
			}
			again = again || moved
		}
		switch {
		case err == nil && !again:
			// The locks have been its own all the time if they are now.
			return e.store.Lock(ctx, x.lane, x.owner, e.cfg.GateLease, false, nil)
		case errors.Is(err, wal.ErrStaleTable), errors.Is(err, wal.ErrConflict), errors.Is(err, errSchema) && try < schemaTries:
			for _, t := range x.tables {
				e.forgetState(t.Name.String())
			}
			err = backOff(ctx, try)
		case errors.Is(err, wal.ErrGated):
			e.metrics.retries.WithLabelValues("gate").Inc()
			for _, t := range x.tables {
				if err = e.waitGate(ctx, x.u, t, e.cfg.LockWait); err != nil { // no COMMIT ends with 1205
					break
				}
			}
		}
		if err != nil {
			return err
		}
	}
}

// relock takes the locks that were taken in an earlier generation, of rows and of
// unique values, anew: others may have taken them since, in this one. Like any
// other wait for a lock, this one has to be known to those who look for deadlocks.
func (x *Transaction) relock(ctx context.Context) error {
	for _, t := range x.tables {
		st, err := x.e.state(ctx, t)
		if err != nil {
			return err
		}
		var locks []wal.Lock
		for l, held := range x.locks {
			if held && l.Table == t.Name.String() && l.Gen != st.Gen {
				l.Gen = st.Gen
				locks = append(locks, l)
			}
		}
		if err := x.lock(ctx, locks, Wait); err != nil {
			return err
		}
	}
	return nil
}

// stillLocked makes sure that the transaction's locks on rows and values of a
// table count now. Those of an earlier generation are taken anew (moved), and
// the rows must be what they were.
func (x *Transaction) stillLocked(ctx context.Context, t *schema.Table) (moved bool, err error) {
	if cur := x.e.Catalog().Absorbed(t.Name); cur == nil || cur.Version != t.Version {
		return false, ErrReplan
	}
	st, err := x.e.state(ctx, t)
	if err != nil {
		return false, err
	}
	var stale []*lockedRow
	var refs []row.Ref
	var one row.Ref
	for k, r := range x.rows {
		if k.Table != t.Name.String() {
			continue
		}
		if one = r.ref; r.locked != st {
			stale, refs = append(stale, r), append(refs, r.ref)
		}
	}
	free, absent := x.absentIn(t, st)
	if len(stale) == 0 && !absent {
		// The cache says whether the generation is what this process takes it for.
		if one.Key != "" {
			_, err = x.e.current(ctx, t, st, []row.Ref{one})
		} else if len(free) > 0 {
			_, err = x.e.store.ReadClaims(ctx, x.lane, st, free)
		}
		if errors.Is(err, wal.ErrGated) && len(x.tables) == 1 {
			err = nil // all was read before the gate was shut
		}
		return false, err
	}
	if err := x.lock(ctx, shared(rowLocks(t, st, refs)), Wait); err != nil {
		return false, err
	}
	if err := x.stillAbsent(ctx, t, st); err != nil {
		return false, err
	}
	if err := x.revalidate(ctx, t, st, stale); err != nil {
		return false, err
	}
	for _, r := range stale {
		r.locked = st
	}
	return true, nil
}

// absentIn is a unique value of the table that the transaction has locked and no
// row has, if there is one, and whether any was locked in an earlier generation.
func (x *Transaction) absentIn(t *schema.Table, st wal.TableState) (one []wal.ClaimKey, stale bool) {
	for k, a := range x.absent {
		if a.t.Name == t.Name {
			one, stale = []wal.ClaimKey{k}, stale || a.locked != st
		}
	}
	return one, stale
}
