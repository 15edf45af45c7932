package absorber

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/queue"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

const (
	pollWait   = time.Second           // wait for units in one call
	gapWait    = 20 * time.Millisecond // before the queue is asked again after a gap
	flushBatch = 1000                  // mutations a batch, at least, while a barrier waits
)

// drainer carries a lane from the queue to MySQL, one batch after the other.
//
// A table with a slow rate of its own holds back everything behind it in its
// lane, since the lane's order is kept: give such a table a lane of its own.
type drainer struct {
	w           *Worker
	relay       *relay
	epoch       row.Epoch
	incarnation string
	checkpoint  row.LSN // MySQL has everything up to here
	pending     []*pendingUnit
	progress    wal.Progress
	refused     row.Refusals // records of the queue, as it was told
	looked      time.Time    // when progress was read
	idle        int          // polls in a row that brought nothing
	watched     time.Time    // when MySQL was last looked at although nothing drains
	ticket      ticket
	parked      parkedRows
	desk        counter

	look, poll, resolve, apply, settle, forget *retry
}

// newDrainer starts at the checkpoint.
func newDrainer(w *Worker, r *relay, cp sink.Checkpoint, p wal.Progress) *drainer {
	return &drainer{
		w: w, relay: r, epoch: cp.Epoch, incarnation: p.Incarnation, checkpoint: cp.LSN, progress: p, refused: p.Refused, looked: time.Now(),
		look: w.newRetry("read the lane's progress"), poll: w.newRetry("read the queue"),
		resolve: w.newRetry("find the tables' definitions"), apply: w.newRetry("apply a batch to MySQL"),
		settle: w.newRetry("settle a batch in Redis"), forget: w.newRetry("drop a batch from the queue"),
	}
}

// run drains until ctx ends or the lane has to be taken over again.
func (d *drainer) run(ctx context.Context) error {
	defer d.letGo(ctx)
	for {
		if err := d.refresh(ctx); err != nil {
			return err
		}
		if err := d.serve(ctx); err != nil {
			return err
		}
		if err := d.step(ctx); err != nil {
			return err
		}
	}
}

// step drains a batch, or waits a while for one.
func (d *drainer) step(ctx context.Context) error {
	if err := d.fetch(ctx); err != nil || len(d.pending) == 0 {
		return err
	}
	// What came after a wait may have come after a pause.
	if err := d.refresh(ctx); err != nil {
		return err
	}
	b, err := d.next(ctx)
	if err != nil || b == nil {
		return err
	}
	g, err := d.admit(ctx, b)
	if err != nil || g == nil { // nil: woken, the batch may have to be another one now
		return err
	}
	return d.drain(ctx, b, g)
}

// refresh reads flush requests and pause: when woken, and each second.
func (d *drainer) refresh(ctx context.Context) error {
	select {
	case <-d.w.wake:
	default:
		if time.Since(d.looked) < recheck {
			return nil
		}
	}
	seen := d.w.seen() // before the look: what was seen then must be there
	err := d.look.do(ctx, func(ctx context.Context) (err error) {
		d.progress, err = d.w.cfg.Log.Progress(ctx, d.w.cfg.Lane)
		return err
	})
	if err != nil {
		return err
	}
	d.looked = time.Now()
	d.w.cfg.Metrics.lost.WithLabelValues(string(d.w.cfg.Lane)).Set(float64(d.progress.Lost()))
	if !slices.Equal(d.progress.Refused, d.refused) {
		return &row.Error{Op: "worker.refresh", Lane: d.w.cfg.Lane, LSN: d.checkpoint, Kind: row.Fenced, Err: errors.New("Redis was restarted, and the lane fenced off from its owner")}
	}
	if d.progress.LSN < max(d.checkpoint, seen, d.progress.Told) || d.progress.Incarnation != d.incarnation {
		return &row.Error{Op: "worker.refresh", Lane: d.w.cfg.Lane, LSN: d.checkpoint, Kind: row.Permanent,
			Err:  fmt.Errorf("%w: it ends at lsn %d now", wal.ErrLost, d.progress.LSN),
			Hint: "Redis was emptied or restored"}
	}
	return nil
}

// flushing reports whether a barrier waits for units that are not in MySQL.
func (d *drainer) flushing() bool { return d.progress.Flush > d.checkpoint }

// fetch makes sure that there are pending units, or waits a while for some.
func (d *drainer) fetch(ctx context.Context) error {
	if len(d.pending) > 0 {
		return nil
	}
	most := d.w.cfg.BatchSize
	if d.flushing() {
		most = max(most, flushBatch)
	}
	if d.idle > 0 {
		d.w.status.set(StateIdle)
	}
	var recs []wal.Record
	gap := false
	err := d.poll.do(ctx, func(fctx context.Context) (err error) {
		pctx, cancel := context.WithTimeout(fctx, pollWait)
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		recs, err = d.w.cfg.Queue.Poll(pctx, d.w.cfg.Lane, d.checkpoint, most)
		if gap = errors.Is(err, queue.ErrGap); gap || err != nil && pctx.Err() != nil {
			err = nil
		}
		return err
	})
	if err != nil {
		return err
	}
	if recs, gap = d.contiguous(recs, gap); len(recs) > 0 {
		d.idle = 0
		return d.decode(ctx, recs)
	}
	if err := d.watch(ctx); err != nil {
		return err
	}
	// A queue that lost everything it was given has no gap to report: it just
	// stays silent. Two silent polls while it should have something tell.
	if d.idle++; gap || d.idle > 1 && d.relay.ahead(d.checkpoint) {
		d.relay.rewind(d.checkpoint)
		pause(ctx, gapWait, nil)
	}
	return ctx.Err()
}

// watch looks once a second whether MySQL is still the one that has what was
// drained, while nothing drains that would tell: it may have failed over to a
// server that lacks it, which commits must not be computed from. A session that
// lives knows it, a new one asks. MySQL being away is no matter here.
func (d *drainer) watch(ctx context.Context) error {
	if d.w.cfg.Desk == nil || time.Since(d.watched) < recheck {
		return nil
	}
	d.watched = time.Now()
	err := d.w.finishing(ctx, func(ctx context.Context) error {
		_, err := d.w.cfg.Desk.Connection(ctx, d.w.cfg.Lane, d.epoch, d.checkpoint)
		return err
	})
	if superseded(err) {
		return err
	}
	return nil
}

// contiguous drops what MySQL has already and cuts at a gap, or at a record of
// another incarnation of the lane.
func (d *drainer) contiguous(recs []wal.Record, gap bool) ([]wal.Record, bool) {
	var out []wal.Record
	want := d.checkpoint + 1
	for _, rec := range recs {
		if rec.LSN < want {
			continue
		}
		if rec.LSN > want || rec.Incarnation != "" && rec.Incarnation != d.incarnation {
			return out, true
		}
		out = append(out, rec)
		want++
	}
	return out, gap
}

// decode turns records into pending units. A record that is damaged in the
// queue is read again from the WAL; it is never passed over.
func (d *drainer) decode(ctx context.Context, recs []wal.Record) error {
	for _, rec := range recs {
		u, err := wal.Decode(rec.Data)
		if err != nil {
			d.w.log.Warn("a unit is damaged in the queue; reading it from the WAL", "lsn", rec.LSN, "error", err)
			if rec, u, err = d.reread(ctx, rec.LSN); err != nil {
				return err
			}
		}
		u.LSN, u.Lane = rec.LSN, d.w.cfg.Lane
		p := &pendingUnit{unit: u, data: rec.Data}
		if err := d.define(ctx, p); err != nil {
			return err
		}
		d.pending = append(d.pending, p)
	}
	return nil
}

// reread gets one unit from the WAL.
func (d *drainer) reread(ctx context.Context, lsn row.LSN) (wal.Record, *row.Unit, error) {
	var rec wal.Record
	err := d.poll.do(ctx, func(ctx context.Context) error {
		recs, err := d.w.cfg.Log.Tail(ctx, d.w.cfg.Lane, lsn-1, 1, 0)
		if err == nil && len(recs) == 0 {
			err = fmt.Errorf("the WAL does not hold lsn %d", lsn)
		}
		if err == nil {
			rec = recs[0]
		}
		return err
	})
	if err != nil {
		return rec, nil, err
	}
	u, err := wal.Decode(rec.Data)
	if err != nil {
		return rec, nil, &row.Error{Op: "worker.decode", Lane: d.w.cfg.Lane, LSN: lsn, Kind: row.Permanent, Err: err,
			Hint: "the unit is damaged in the WAL too, and the lane stops before it: restore Redis, or ask the project for help"}
	}
	return rec, u, nil
}

// define finds the table definitions of a unit, waiting for them if need be:
// without them nothing can be said about the unit, not even that it is refused.
func (d *drainer) define(ctx context.Context, p *pendingUnit) error {
	return d.resolve.do(ctx, func(context.Context) error {
		p.tables = make([]*schema.Table, 0, len(p.unit.Mutations))
		for _, m := range p.unit.Mutations {
			t := d.w.cfg.Table(m.Table, m.Schema)
			if t == nil {
				return &row.Error{Op: "worker.define", Lane: d.w.cfg.Lane, LSN: p.unit.LSN, Kind: row.Transient,
					Err:  fmt.Errorf("table %s is not known in the definition (%08x) the write was accepted under", m.Table, m.Schema),
					Hint: "put the table back as it was, under [tables] and in MySQL, until the lane has drained"}
			}
			p.tables = append(p.tables, t)
		}
		return nil
	})
}

// next composes the next batch; nil if the lane is paused.
func (d *drainer) next(ctx context.Context) (*batch, error) {
	flush := d.flushing()
	if d.progress.Paused && !flush {
		d.w.status.set(StatePaused)
		if pause(ctx, recheck, d.w.wake) {
			d.looked = time.Time{}
		}
		return nil, ctx.Err()
	}
	lim := batchLimits{mutations: d.w.cfg.BatchSize, rows: d.w.cfg.Limiter.Cap("", flush), coalesce: !d.w.cfg.InOrder, table: func(name string) (int, int) {
		size := d.w.cfg.Options(name).BatchSize
		if size <= 0 || flush {
			size = unlimited
		}
		return size, d.w.cfg.Limiter.Cap(name, flush)
	}}
	d.w.status.set(StateDraining)
	if flush {
		lim.mutations = max(lim.mutations, flushBatch)
		d.w.status.set(StateFlushing)
	}
	if err := d.markParked(ctx); err != nil {
		return nil, err
	}
	return compose(d.pending, lim), nil
}

// admit waits for the limiter. nil without an error: look around first.
func (d *drainer) admit(ctx context.Context, b *batch) (*grant, error) {
	rows := b.rows
	if b.parked() {
		rows = map[string]int{"": len(b.units)}
	}
	began := time.Now()
	g, err := d.w.cfg.Limiter.take(ctx, &d.ticket, rows, d.flushing(), d.w.wake)
	d.w.cfg.Metrics.throttled.WithLabelValues(string(d.w.cfg.Lane)).Add(time.Since(began).Seconds())
	if g == nil {
		d.looked = time.Time{}
	}
	return g, err
}
