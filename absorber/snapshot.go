package absorber

import (
	"context"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

const (
	// fewUnits is how many units at most are drained for the sake of a snapshot
	// that nobody may ever read them in.
	fewUnits = 1000
	// snapshotWait is how long a transaction waits for those at most, and for
	// Redis to tell what is pending: it may have nothing to do with either.
	snapshotWait = 2 * time.Second
	// demandFor is how long a table is drained for after a transaction has
	// missed something of it: until long after it has tried again.
	demandFor = time.Minute
)

// Snapshot is for a transaction that is about to take its snapshot in MySQL:
// what drains later it will never see, whichever table it comes to read. So what
// is pending is drained first, as each table's Snapshots says. lacking are the
// tables of which the snapshot will not show all that is acknowledged by now;
// with fresh_reads "stale" that is nobody's concern. did is as in Barrier.
func (e *Engine) Snapshot(ctx context.Context, u *Usage) (did string, lacking []schema.Name, err error) {
	for lane, names := range e.byLane(e.Catalog().All()) {
		l := &snapshotLane{e: e, u: u, lane: lane}
		if err := l.look(ctx, names); err != nil {
			return did, nil, err
		}
		if l.did != "" {
			did = l.did
		}
		lacking = append(lacking, l.lacking...)
	}
	return did, lacking, nil
}

// snapshotLane is what a snapshot needs of one lane.
type snapshotLane struct {
	e       *Engine
	u       *Usage
	lane    row.Lane
	did     string
	lacking []schema.Name
}

// look drains what has to be drained of the tables.
func (l *snapshotLane) look(ctx context.Context, names []string) error {
	e := l.e
	wctx, cancel := context.WithTimeout(ctx, snapshotWait)
	defer cancel()
	infos, err := e.store.TableStates(wctx, l.lane, names)
	if err != nil { // who reads one of them is told; others need not know
		for _, name := range names {
			if e.cfg.Options(name).FreshReads != FreshStale {
				l.lacks(name)
			}
		}
		return ctx.Err()
	}
	var drain, wait row.LSN
	few := map[string]row.LSN{}
	for i, info := range infos {
		if info.Dirty == 0 {
			continue
		}
		switch o := e.cfg.Options(names[i]); {
		case o.FreshReads == FreshStale:
			l.did = "stale"
		case o.Snapshots == SnapshotsDrain, e.demanded(names[i]):
			if o.FreshReads == FreshWait {
				wait = max(wait, info.LastDirty)
			} else {
				drain = max(drain, info.LastDirty)
			}
		case o.Snapshots == SnapshotsDemand, o.FreshReads == FreshWait:
			l.lacks(names[i])
		default:
			few[names[i]] = info.LastDirty
		}
	}
	if drain > 0 {
		l.did = "drain"
		if err := e.drainTo(ctx, l.u, l.lane, drain, true); err != nil {
			return err
		}
	}
	if wait > drain {
		l.did = "wait"
		if err := e.drainTo(ctx, l.u, l.lane, wait, false); err != nil {
			return err
		}
	}
	l.drainFew(wctx, few)
	return ctx.Err()
}

// drainFew drains those tables of which that is quickly done.
func (l *snapshotLane) drainFew(ctx context.Context, tables map[string]row.LSN) {
	if len(tables) == 0 {
		return
	}
	p, err := l.e.store.Progress(ctx, l.lane)
	var to row.LSN
	for _, lsn := range tables {
		if lsn <= p.Settled+fewUnits {
			to = max(to, lsn)
		}
	}
	if err == nil && to > p.Settled {
		l.did = "drain"
		err = l.e.drainTo(ctx, l.u, l.lane, to, true)
	}
	for name, lsn := range tables {
		if err != nil || lsn > max(to, p.Settled) {
			l.lacks(name)
		}
	}
}

// lacks notes a table.
func (l *snapshotLane) lacks(name string) {
	if n, ok := schema.ParseName(name); ok {
		l.lacking = append(l.lacking, n)
	}
}

// Demand has tables drained before snapshots for a while, whatever their
// settings say: a transaction has missed something of them, and tries again.
func (e *Engine) Demand(tables []schema.Name) {
	for _, t := range tables {
		e.demands.Store(t.String(), time.Now())
	}
}

// demanded reports whether Demand has named the table lately.
func (e *Engine) demanded(table string) bool {
	at, ok := e.demands.Load(table)
	return ok && time.Since(at.(time.Time)) < demandFor
}
