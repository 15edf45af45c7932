package absorber

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/queue"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// salvage drains into MySQL what the queue and Redis still hold of a lane that
// was lost, and returns up to where MySQL has it then. It drains at the rate
// of a barrier: sessions wait for the lane.
func (w *Worker) salvage(ctx context.Context, cp sink.Checkpoint, left wal.Progress, top row.LSN) (row.LSN, error) {
	end := max(cp.LSN, top, left.LSN)
	if end == cp.LSN {
		return end, nil
	}
	r := &remains{Queue: w.cfg.Queue, log: w.cfg.Log, lane: w.cfg.Lane, top: top, wal: left.LSN, end: end}
	r.progress = wal.Progress{Incarnation: cp.Incarnation, LSN: end, Settled: cp.LSN, Relayed: end, Flush: end, Epoch: cp.Epoch}
	cfg := w.cfg
	cfg.Log, cfg.Queue, cfg.Desk, cfg.Rebuild = r, r, nil, nil
	in := &Worker{cfg: cfg, log: w.log, wake: w.wake, status: w.status}
	d := newDrainer(in, newRelay(in, r.progress, cp), cp, r.progress)
	if err := d.loadParked(ctx); err != nil {
		return 0, err
	}
	w.log.Warn("draining what is left of the lane", "from", cp.LSN+1, "to", end)
	h := &hole{w: w, d: d, end: end}
	for d.checkpoint < end {
		if err := d.refresh(ctx); err != nil {
			return 0, err
		}
		if err := d.step(ctx); err != nil {
			return 0, err
		}
		if !r.gap || d.idle < gapPolls {
			continue
		}
		if !w.cfg.Kept && !r.trimmed {
			return d.checkpoint, nil
		}
		if err := h.look(ctx); err != nil {
			return 0, err
		}
	}
	return end, nil
}

// gapPolls is after how many polls in vain a gap of the queue is one.
const gapPolls = 5

// remains is what is left of a lost lane: the queue's records up to top, and
// behind them those of the log in Redis. To a drainer it is both log and queue.
type remains struct {
	queue.Queue
	log      Log
	lane     row.Lane
	top, wal row.LSN // how far the queue and the log in Redis go
	end      row.LSN
	progress wal.Progress
	gap      bool // the next record is missing
	silent   int  // polls in a row that waited in vain
	trimmed  bool // it was in the log, which let it go because MySQL had it
}

// Poll gives the next records from wherever they are. Their incarnations are
// not compared: lives of a lane have no LSN in common.
func (r *remains) Poll(ctx context.Context, lane row.Lane, after row.LSN, most int) ([]wal.Record, error) {
	recs, err := r.poll(ctx, lane, after, most)
	if r.silent++; len(recs) > 0 || err == nil || ctx.Err() == nil {
		r.silent = 0
	}
	if r.silent > 1 {
		// There is more, and the queue waits: what it was asked for stands where
		// it does not look, or nowhere.
		err = queue.ErrGap
	}
	r.gap = r.gap && len(recs) == 0 || errors.Is(err, queue.ErrGap)
	for i := range recs {
		recs[i].Incarnation = ""
		if recs[i].LSN > r.end {
			return recs[:i], err
		}
	}
	return recs, err
}

// poll is Poll for the records as they are.
func (r *remains) poll(ctx context.Context, lane row.Lane, after row.LSN, most int) ([]wal.Record, error) {
	if after < r.top {
		recs, err := r.Queue.Poll(ctx, lane, after, most)
		if !errors.Is(err, queue.ErrGap) || after >= r.wal {
			return recs, err
		}
	}
	recs, err := r.log.Tail(ctx, lane, after, most, 0)
	if errors.Is(err, wal.ErrTrimmed) {
		r.trimmed = true
		return nil, fmt.Errorf("%w: %s", queue.ErrGap, err.Error())
	}
	return recs, err
}

// Publish does nothing: nothing new comes into the lane.
func (r *remains) Publish(context.Context, row.Lane, []wal.Record) error { return nil }

// Progress is where the lane stood when it was lost.
func (r *remains) Progress(context.Context, row.Lane) (wal.Progress, error) { return r.progress, nil }

// Tail reads what Redis still has.
func (r *remains) Tail(ctx context.Context, lane row.Lane, after row.LSN, most int, block time.Duration) ([]wal.Record, error) {
	return r.log.Tail(ctx, lane, after, most, block)
}

// Relayed has nothing to note.
func (r *remains) Relayed(context.Context, row.Lane, row.Epoch, row.LSN) error { return nil }

// Settle has nothing to settle: no row of the old life is seen in the new one.
func (r *remains) Settle(context.Context, row.Lane, row.Epoch, row.LSN, []wal.SettleRow, ...wal.ClaimKey) error {
	return nil
}

// Wakeups never come.
func (r *remains) Wakeups(context.Context, row.Lane) <-chan struct{} { return nil }
