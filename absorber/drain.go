package absorber

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
)

// drain takes a batch through MySQL, Redis and the queue, in this order:
//
//	Apply   crash before it: nothing has happened. Crash or lost reply in it:
//	        MySQL's checkpoint says whether it happened.
//	Settle  crash before it: the rows are in MySQL and still dirty; the next
//	        owner reads the units again from the WAL and settles them.
//	Forget  crash before it: the queue repeats what the checkpoint covers.
func (d *drainer) drain(ctx context.Context, b *batch, g *grant) error {
	defer g.done()
	if b.parked() {
		return d.bury(ctx, b, nil)
	}
	reason := "normal"
	if d.flushing() {
		reason = "flush"
	}
	err := d.commit(ctx, b, reason, sink.Batch{Changes: b.changes(), InOrder: b.inOrder})
	g.done()
	switch {
	case err == nil:
		return d.finish(ctx, b.units, func(row.LSN) bool { return false })
	case !refused(err):
		return err
	case len(b.units) == 1 && b.inOrder:
		return d.bury(ctx, b, err)
	}
	d.w.log.Info("MySQL refused a batch; replaying it unit by unit", "from", b.units[0].unit.LSN, "to", b.to(), "error", err)
	return d.replay(ctx, b.units)
}

// refused reports whether MySQL refused the data for good.
func refused(err error) bool {
	var e *row.Error
	return errors.As(err, &e) && e.Kind == row.Permanent
}

// replay applies units one by one, as they were accepted. Those that MySQL
// refuses become dead letters, and so do those behind them.
func (d *drainer) replay(ctx context.Context, units []*pendingUnit) error {
	for _, u := range units {
		b := alone(u)
		g, err := d.admitted(ctx, b)
		if err != nil {
			return err
		}
		u.behind = d.parked.blocks(u)
		if u.behind == 0 {
			err = d.commit(ctx, b, "replay", sink.Batch{Changes: b.changes(), InOrder: true})
		}
		g.done()
		switch {
		case u.behind > 0:
			err = d.bury(ctx, b, nil)
		case err == nil:
			err = d.finish(ctx, b.units, func(row.LSN) bool { return false })
		case refused(err):
			err = d.bury(ctx, b, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// admitted is admit for a batch that cannot become another one.
func (d *drainer) admitted(ctx context.Context, b *batch) (*grant, error) {
	for {
		if err := d.refresh(ctx); err != nil {
			return nil, err
		}
		if g, err := d.admit(ctx, b); g != nil || err != nil {
			return g, err
		}
	}
}

// commit applies one transaction that takes the checkpoint over b's units, and
// moves on when it is in MySQL.
func (d *drainer) commit(ctx context.Context, b *batch, reason string, out sink.Batch) error {
	lane := string(d.w.cfg.Lane)
	out.Lane, out.Epoch, out.Incarnation, out.From, out.To = d.w.cfg.Lane, d.epoch, d.incarnation, d.checkpoint, b.to()
	began := time.Now()
	if err := d.apply.do(ctx, func(ctx context.Context) error { return d.w.cfg.Target.Apply(ctx, out) }); err != nil {
		return err
	}
	d.w.cfg.Metrics.seconds.WithLabelValues(lane).Observe(time.Since(began).Seconds())
	d.w.cfg.Metrics.drained(lane, reason, b)
	d.w.status.drained(b)
	d.checkpoint = b.to()
	d.pending = d.pending[len(b.units):]
	d.relay.drained(d.checkpoint)
	d.w.log.Debug("drained", "to", d.checkpoint, "units", len(b.units), "rows", b.total)
	return nil
}

// finish settles units that MySQL has, dead letters included, and lets the
// queue drop them. The rows of dead units leave the cache.
func (d *drainer) finish(ctx context.Context, units []*pendingUnit, dead func(row.LSN) bool) error {
	upto := units[len(units)-1].unit.LSN
	rows, claims := settled(units, dead, d.w.cfg.Options)
	for i := range rows {
		if _, ok := d.desk.tainted[rows[i].RowKey]; ok {
			rows[i].TTL = 0 // its image was made from one that MySQL has not, or has no longer
		}
	}
	err := d.settle.do(ctx, func(ctx context.Context) error {
		return d.w.cfg.Log.Settle(ctx, d.w.cfg.Lane, d.epoch, upto, rows, claims...)
	})
	if err != nil {
		return err
	}
	return d.forget.do(ctx, func(ctx context.Context) error { return d.w.cfg.Queue.Forget(ctx, d.w.cfg.Lane, upto) })
}

// bury writes b's units to the dead letters and moves the checkpoint past
// them, in one transaction. cause is MySQL's refusal; nil for parked units.
func (d *drainer) bury(ctx context.Context, b *batch, cause error) error {
	var letters []sink.DeadLetter
	reason := "refused"
	for _, u := range b.units {
		l := sink.DeadLetter{Lane: d.w.cfg.Lane, LSN: u.unit.LSN, Tables: u.tableNames(), Unit: u.data, Definition: define(u)}
		if cause != nil {
			l.Code, l.Cause = sink.Code(cause), cause.Error()
		} else {
			reason = "parked"
			l.Cause = fmt.Sprintf("parked behind lsn %d", u.behind)
		}
		letters = append(letters, l)
	}
	for _, u := range b.units {
		u.behind = max(u.behind, 1) // counted as dead, not as drained
	}
	if err := d.commit(ctx, b, reason, sink.Batch{Dead: letters}); err != nil {
		return fmt.Errorf("write the dead letters: %w", err)
	}
	for _, u := range b.units {
		d.parked.add(u.unit)
		d.w.cfg.Metrics.deadLetters.WithLabelValues(u.tableNames(), reason).Inc()
	}
	d.showParked()
	if cause != nil {
		d.w.log.Error("MySQL refused a write for good; it stands in the dead letters", "lsn", b.to(), "tables", b.units[0].tableNames(),
			"error", cause, "hint", "see `shockabsorber deadletters`; later writes of the same rows wait there too")
	} else {
		d.w.log.Warn("writes were parked behind a dead letter", "from", b.units[0].unit.LSN, "to", b.to())
	}
	return d.finish(ctx, b.units, func(row.LSN) bool { return true })
}

// catchUp settles what MySQL has and Redis still takes for pending.
func (d *drainer) catchUp(ctx context.Context, from row.LSN) error {
	for from < d.checkpoint {
		most := min(relayBatch, int(d.checkpoint-from))
		recs, err := d.w.cfg.Log.Tail(ctx, d.w.cfg.Lane, from, most, 0)
		if err != nil {
			return err
		}
		if len(recs) == 0 {
			return &row.Error{Op: "worker.begin", Lane: d.w.cfg.Lane, LSN: from + 1, Kind: row.Permanent,
				Err: errors.New("the WAL lacks units that are in MySQL and not settled")}
		}
		if err := d.decode(ctx, recs); err != nil {
			return err
		}
		if err := d.finish(ctx, d.pending, d.parked.has); err != nil {
			return err
		}
		from, d.pending = recs[len(recs)-1].LSN, nil
	}
	return nil
}
