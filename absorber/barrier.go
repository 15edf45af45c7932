package absorber

import (
	"cmp"
	"context"
	"fmt"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// Barrier makes sure that MySQL has every acknowledged write of the tables, as
// each table's fresh_reads says, so that a read that is not by key may go to
// MySQL. Of a table in columns, by "db.table", the read depends on the rows that
// there are and on the columns at these positions alone: UPDATEs of others need
// not be there. It reports what it had to do: "" (nothing was pending), "untouched"
// (nothing that the read depends on), "drain", "wait" or "stale". ErrLockWait when
// barrier_timeout has passed.
func (e *Engine) Barrier(ctx context.Context, u *Usage, tables []schema.Name, columns map[string][]int) (did string, err error) {
	versions := map[string]uint32{} // 0 is none
	for _, n := range tables {
		if t := e.Catalog().Table(n); t != nil {
			versions[n.String()] = t.Version
		}
	}
	for lane, names := range e.byLane(tables) {
		infos, err := e.store.TableReads(ctx, lane, names)
		if err != nil {
			return did, err
		}
		var drain, wait row.LSN
		for i, info := range infos {
			if info.Dirty == 0 {
				continue
			}
			to := info.LastDirty
			if list, ok := columns[names[i]]; ok {
				if to = info.Touched.By(versions[names[i]], list); to == 0 {
					did = cmp.Or(did, "untouched")
					continue
				}
			}
			switch e.cfg.Options(names[i]).FreshReads {
			case FreshStale:
				did = "stale"
			case FreshWait:
				wait = max(wait, to)
			default:
				drain = max(drain, to)
			}
		}
		if drain > 0 {
			did = "drain"
			if err := e.drainTo(ctx, u, lane, drain, true); err != nil {
				return did, err
			}
		}
		if wait > drain {
			did = "wait"
			if err := e.drainTo(ctx, u, lane, wait, false); err != nil {
				return did, err
			}
		}
	}
	return did, nil
}

// Drain returns when MySQL has every acknowledged write of the tables, whatever
// their fresh_reads says.
func (e *Engine) Drain(ctx context.Context, u *Usage, tables []schema.Name) error {
	for lane, names := range e.byLane(tables) {
		infos, err := e.store.TableStates(ctx, lane, names)
		if err != nil {
			return err
		}
		var to row.LSN
		for _, info := range infos {
			if info.Dirty > 0 {
				to = max(to, info.LastDirty)
			}
		}
		if err := e.drainTo(ctx, u, lane, to, true); err != nil {
			return err
		}
	}
	return nil
}

// DrainTo returns when MySQL has everything of the lane up to lsn, drained
// ahead of the normal rate.
func (e *Engine) DrainTo(ctx context.Context, u *Usage, lane row.Lane, lsn row.LSN) error {
	return e.drainTo(ctx, u, lane, lsn, true)
}

// drainTo waits, at most barrier_timeout, until lsn is settled; with flush it
// asks the lane's owner to hurry.
func (e *Engine) drainTo(ctx context.Context, u *Usage, lane row.Lane, lsn row.LSN, flush bool) error {
	if lsn == 0 {
		return nil
	}
	e.metrics.barriers.Inc()
	wctx, cancel := context.WithTimeout(ctx, e.cfg.BarrierTimeout)
	defer cancel()
	err := e.parked(u, func() error {
		if flush {
			if err := e.store.RequestFlush(wctx, lane, lsn); err != nil {
				return err
			}
		}
		return e.store.WaitSettled(wctx, lane, lsn)
	})
	if err != nil && wctx.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("lane %s has not drained to %d within barrier_timeout: %w", lane, lsn, ErrLockWait)
	}
	return err
}

// byLane sorts tables by the lane they are in.
func (e *Engine) byLane(tables []schema.Name) map[row.Lane][]string {
	m := map[row.Lane][]string{}
	for _, t := range tables {
		lane := e.cfg.Options(t.String()).Lane
		m[lane] = append(m[lane], t.String())
	}
	return m
}
