package absorber

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

const (
	// nearby is how many units may be between the checkpoint and a pending
	// write of a parked row for the retry to have them drained at once, ahead
	// of the rate, with the table's gate closed.
	nearby = flushBatch
	// gateRest is how long commits have the table for themselves after a retry
	// had to give its gate back.
	gateRest = 5 * time.Second
)

// chainWork is what a retry applies.
type chainWork struct {
	letters []*letter
	batch   *batch
	rows    []wal.RowKey   // to leave the cache
	claims  []wal.ClaimKey // unique values that rows take
	tables  []string
}

// retryChain applies a letter and its chain (parkedRows.chain) in one
// transaction, in the order of acknowledgement, and takes the letters away in it.
//
//  1. Nothing of the chain's rows may be pending: a pending unit was computed
//     without the chain, and its image in the cache would hide what the chain
//     does. Pending units come to the dead letters in their turn, since their
//     rows are parked, and become part of the chain. While they are far away
//     the retry waits for the lane to come there at its rate.
//  2. The limiter is paid.
//  3. The gates of the chain's tables are closed: commits wait, so that none
//     is computed from a row before the chain and acknowledged after it. What
//     was committed since step 1 drains now, ahead of the rate (back to 1).
//  4. One transaction: request answered, letters gone, rows changed.
//  5. The rows leave the cache; the gates open (cleanse).
//
// A crash before 4 leaves the request open and the gates to their lease; one
// after it leaves the request applied, and whoever owns the lane next does 5.
func (d *drainer) retryChain(ctx context.Context, r *sink.Request) (moved bool, err error) {
	if d.desk.holder != 0 && d.desk.holder != r.ID {
		d.note(ctx, r, fmt.Sprintf("waits for request %d", d.desk.holder))
		return false, nil
	}
	work, err := d.chainWork(ctx, r)
	if refused(err) {
		return true, d.fail(ctx, r, nil, errors.Unwrap(err))
	}
	if err != nil {
		return false, err
	}
	g, err := d.clear(ctx, r, work)
	if errors.Is(err, errNotNow) || g == nil && err == nil {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer g.done()
	return d.applyChain(ctx, r, work)
}

// chainWork reads the letters of a chain. A Permanent error says why they
// cannot be applied.
func (d *drainer) chainWork(ctx context.Context, r *sink.Request) (*chainWork, error) {
	lsns := d.parked.chain(r.LSN)
	var found []sink.DeadLetter
	err := d.desk.trouble.do(ctx, func(ctx context.Context) (err error) {
		found, err = d.w.cfg.Desk.DeadLettersAt(ctx, d.w.cfg.Lane, lsns)
		return err
	})
	if err != nil {
		return nil, err
	}
	permanent := func(err error) error {
		return &row.Error{Op: "desk.retry", Lane: d.w.cfg.Lane, Kind: row.Permanent, Err: err}
	}
	if len(found) != len(lsns) || len(lsns) == 0 {
		d.desk.stale = true
		return nil, permanent(errors.New("the dead letters were changed by hand meanwhile; ask again"))
	}
	slices.SortFunc(found, func(a, b sink.DeadLetter) int { return int(a.LSN) - int(b.LSN) })
	w := &chainWork{batch: newBatch()}
	w.batch.inOrder = true
	seen := map[string]bool{}
	for i := range found {
		l, err := openLetter(&found[i])
		if err != nil {
			return nil, permanent(err)
		}
		changes, err := l.changes(d.w.cfg.Current)
		if err != nil {
			return nil, permanent(err)
		}
		w.letters, w.rows = append(w.letters, l), append(w.rows, rowsOf(l.unit)...)
		p := &pendingUnit{unit: l.unit}
		for at, c := range changes {
			l.unit.Mutations[at] = c.Mutation
			p.tables = append(p.tables, c.Table)
			w.claims = appendClaims(w.claims, c.Table, c.Mutation.Image)
			if ref, err := row.IndexRef(c.Table, c.Mutation.Image); err == nil {
				w.rows = append(w.rows, wal.RowKey{Table: c.Mutation.Table, Key: ref.Key})
			}
			if name := c.Mutation.Table; !seen[name] {
				seen[name], w.tables = true, append(w.tables, name)
			}
		}
		w.batch.add(p)
	}
	return w, nil
}

// clear brings the lane to where the chain can be applied: nothing of its rows
// pending, gates closed, limiter paid. errNotNow: try again later.
func (d *drainer) clear(ctx context.Context, r *sink.Request, w *chainWork) (*grant, error) {
	newest, err := d.newest(ctx, w.rows)
	if err != nil {
		return nil, err
	}
	c := &d.desk
	if c.holder == r.ID && time.Now().After(c.until) {
		d.letGo(ctx)
		c.resting = time.Now().Add(gateRest)
	}
	if newest > d.checkpoint && (newest > d.checkpoint+nearby || time.Now().Before(c.resting)) {
		d.letGo(ctx)
		d.note(ctx, r, fmt.Sprintf("waits until the writes of its rows that are pending, up to lsn %d, have drained to it", newest))
		return nil, errNotNow
	}
	var g *grant
	if newest <= d.checkpoint {
		if g, err = d.pay(ctx, w); g == nil {
			return nil, err
		}
	}
	keep := false
	defer func() {
		if g != nil && !keep {
			g.done()
		}
	}()
	if err := d.closeGates(ctx, r, w); err != nil {
		return nil, err
	}
	if newest, err = d.newest(ctx, w.rows); err != nil {
		return nil, err
	}
	if newest > d.checkpoint {
		c.await = newest
		err := d.settle.do(ctx, func(ctx context.Context) error { return d.w.cfg.Rows.RequestFlush(ctx, d.w.cfg.Lane, newest) })
		d.looked = time.Time{} // the flush is for this drainer itself
		return nil, errors.Join(errNotNow, err)
	}
	if g == nil {
		if g, err = d.pay(ctx, w); g == nil {
			return nil, err
		}
	}
	keep = true
	return g, nil
}

// newest is the LSN of the last pending write of the rows.
func (d *drainer) newest(ctx context.Context, rows []wal.RowKey) (newest row.LSN, err error) {
	err = d.settle.do(ctx, func(ctx context.Context) (err error) {
		newest, err = d.w.cfg.Rows.Newest(ctx, d.w.cfg.Lane, rows)
		return err
	})
	return newest, err
}

// pay pays the limiter for the chain, as for a normal batch. nil without an
// error: not yet; what was paid stays on account.
func (d *drainer) pay(ctx context.Context, w *chainWork) (*grant, error) {
	return d.w.cfg.Limiter.take(ctx, &d.desk.toll, w.batch.rows, false, d.w.wake)
}

// applyChain is the transaction, and what follows it.
func (d *drainer) applyChain(ctx context.Context, r *sink.Request, w *chainWork) (moved bool, err error) {
	a := sink.Answer{State: sink.StateApplied, Touched: touch(w.rows, w.claims), Result: fmt.Sprintf("applied %d dead letters", len(w.letters))}
	var lsns []row.LSN
	for _, l := range w.letters {
		a.Remove, lsns = append(a.Remove, l.ID), append(lsns, l.LSN)
	}
	err = d.w.finishing(ctx, func(fctx context.Context) error {
		actx, cancel := context.WithDeadline(fctx, d.desk.until)
		defer cancel()
		return d.answer(actx, r, a, sink.Batch{Changes: w.batch.changes(), Connection: d.desk.conn})
	})
	var e *row.Error
	switch {
	case err == nil:
	case refused(err):
		return true, d.fail(ctx, r, w.refusedLetter(err), err)
	case final(err):
		return false, err
	default:
		// The next round reads what came of it. The gates stay only while the
		// transaction may have happened.
		d.desk.stale = true
		d.desk.trouble.failed(err)
		if !errors.As(err, &e) || e.Kind != row.Ambiguous {
			d.letGo(ctx)
		}
		return false, ctx.Err()
	}
	d.desk.trouble.passed()
	d.parked.remove(lsns)
	d.showParked()
	for i := range w.batch.slots {
		m := &w.batch.slots[i].change.Mutation
		d.w.cfg.Metrics.rows.WithLabelValues(m.Table, m.Op.String()).Inc()
	}
	d.answered(r, "applied")
	r.State, r.Touched = sink.StateApplied, a.Touched
	for _, k := range w.rows {
		d.desk.tainted[k] = struct{}{}
	}
	_, err = d.cleanse(ctx, r)
	return true, err
}

// refusedLetter is the letter that MySQL refused, with its new cause; nil if
// the error does not tell.
func (w *chainWork) refusedLetter(err error) *sink.DeadLetter {
	var e *row.Error
	if !errors.As(err, &e) {
		return nil
	}
	for _, l := range w.letters {
		if l.LSN == e.LSN {
			return &sink.DeadLetter{ID: l.ID, Code: sink.Code(err), Cause: err.Error()}
		}
	}
	return nil
}
