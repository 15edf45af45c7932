package absorber

import (
	"context"
	"fmt"
	"slices"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// Barrier makes sure that MySQL has every acknowledged write of the tables, as
// each table's fresh_reads says, so that a read that is not by key may go to
// MySQL. It reports what it had to do: "" (nothing was pending), "drain",
// "wait" or "stale". ErrLockWait when barrier_timeout has passed.
func (e *Engine) Barrier(ctx context.Context, u *Usage, tables []schema.Name) (did string, err error) {
	did, _, err = e.barrier(ctx, u, tables, false)
	return did, err
}

// Snapshot is Barrier for a transaction that is about to take its snapshot: what
// drains later it will never see, whichever table it comes to read. lacking are
// the tables of which it will not see everything that is acknowledged by now,
// since their settings (TableOptions.Snapshots) want nothing drained for that;
// fresh_reads "stale" is content with it.
func (e *Engine) Snapshot(ctx context.Context, u *Usage) (did string, lacking []schema.Name, err error) {
	return e.barrier(ctx, u, e.Catalog().All(), true)
}

// Demand has tables drained before snapshots from now on, whatever their
// settings say: a transaction has read them behind one.
func (e *Engine) Demand(tables []schema.Name) {
	for _, t := range tables {
		if _, known := e.demanded.LoadOrStore(t.String(), true); !known {
			e.log.Info("drained before snapshots from now on: a transaction has read the table behind its snapshot", "table", t.String())
		}
	}
}

// spared reports whether a table is not drained for a snapshot.
func (e *Engine) spared(table string) bool {
	_, demanded := e.demanded.Load(table)
	return e.cfg.Options(table).Snapshots == SnapshotsDemand && !demanded
}

// barrier is Barrier, or Snapshot.
func (e *Engine) barrier(ctx context.Context, u *Usage, tables []schema.Name, snapshot bool) (did string, lacking []schema.Name, err error) {
	for lane, names := range e.byLane(tables) {
		infos, err := e.store.TableStates(ctx, lane, names)
		if err != nil {
			return did, lacking, err
		}
		var drain, wait row.LSN
		for i, info := range infos {
			if info.Dirty == 0 {
				continue
			}
			switch fresh := e.cfg.Options(names[i]).FreshReads; {
			case fresh == FreshStale:
				did = "stale"
			case snapshot && e.spared(names[i]):
				if t := slices.IndexFunc(tables, func(n schema.Name) bool { return n.String() == names[i] }); t >= 0 {
					lacking = append(lacking, tables[t])
				}
			case fresh == FreshWait:
				wait = max(wait, info.LastDirty)
			default:
				drain = max(drain, info.LastDirty)
			}
		}
		if drain > 0 {
			did = "drain"
			if err := e.drainTo(ctx, u, lane, drain, true); err != nil {
				return did, lacking, err
			}
		}
		if wait > drain {
			did = "wait"
			if err := e.drainTo(ctx, u, lane, wait, false); err != nil {
				return did, lacking, err
			}
		}
	}
	return did, lacking, nil
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
