package absorber

import (
	"context"
	"sync"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

const (
	relayBatch = 256                    // units a publish
	tailBlock  = 500 * time.Millisecond // wait for new units in one call
	rewindGap  = 2 * time.Second        // least time between two rewinds
)

// relay carries a lane from the WAL to the queue, in order, at most the
// queue's window ahead of the checkpoint.
type relay struct {
	w      *Worker
	window int
	epoch  row.Epoch

	mu         sync.Mutex
	after      row.LSN // published up to here
	checkpoint row.LSN // MySQL has up to here
	target     row.LSN // where to start over, if rewound
	rewound    bool
	rewoundAt  time.Time
	moved      chan struct{} // signals a new checkpoint or a rewind
}

// newRelay starts where Redis says the queue stands. What a queue in memory
// has forgotten, the drainer's Poll reports as a gap.
func newRelay(w *Worker, p wal.Progress, cp sink.Checkpoint) *relay {
	return &relay{w: w, window: w.cfg.Queue.Window(), epoch: cp.Epoch, after: max(p.Relayed, cp.LSN), checkpoint: cp.LSN, moved: make(chan struct{}, 1)}
}

// run publishes until ctx ends or the WAL no longer has what the queue needs.
func (r *relay) run(ctx context.Context) error {
	tail, publish, note := r.w.newRetry("read the WAL"), r.w.newRetry("publish to the queue"), r.w.newRetry("note the relay's progress")
	for ctx.Err() == nil {
		after, room := r.position()
		if room <= 0 {
			pause(ctx, recheck, r.moved)
			continue
		}
		var recs []wal.Record
		err := tail.do(ctx, func(fctx context.Context) (err error) {
			recs, err = r.tail(ctx, fctx, after, room)
			return err
		})
		if err != nil {
			return err
		}
		if len(recs) == 0 {
			continue
		}
		if err := publish.do(ctx, func(ctx context.Context) error { return r.w.cfg.Queue.Publish(ctx, r.w.cfg.Lane, recs) }); err != nil {
			return err
		}
		upto := recs[len(recs)-1].LSN
		r.published(after, upto)
		if err := note.do(ctx, func(ctx context.Context) error { return r.w.cfg.Log.Relayed(ctx, r.w.cfg.Lane, r.epoch, upto) }); err != nil {
			return err
		}
		r.w.cfg.Metrics.relayed.WithLabelValues(string(r.w.cfg.Lane)).Add(float64(len(recs)))
	}
	return ctx.Err()
}

// tail reads on from after. Waiting for new units is not worth a grace: it
// ends with ctx. Units below the checkpoint may be trimmed while they are
// read; the next round starts above them.
func (r *relay) tail(ctx, fctx context.Context, after row.LSN, room int) ([]wal.Record, error) {
	tctx, cancel := context.WithCancel(fctx)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	recs, err := r.w.cfg.Log.Tail(tctx, r.w.cfg.Lane, after, min(room, relayBatch), tailBlock)
	if err != nil && r.below(after) {
		return nil, nil
	}
	for i := range recs {
		recs[i].Epoch = r.epoch
	}
	return recs, err
}

// position says where to read on, and how many units the queue has room for.
func (r *relay) position() (after row.LSN, room int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rewound {
		r.after, r.rewound = r.target, false
	}
	r.after = max(r.after, r.checkpoint)
	if r.window == 0 {
		return r.after, relayBatch
	}
	return r.after, r.window - int(r.after-r.checkpoint)
}

// below reports whether the checkpoint has passed after.
func (r *relay) below(after row.LSN) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return after < r.checkpoint
}

// published moves on, unless the drainer has asked to start over meanwhile.
func (r *relay) published(from, upto row.LSN) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.after == from {
		r.after = upto
	}
	r.w.status.change(func(s *Stats) { s.Relayed = r.after })
}

// drained says how far MySQL is, which makes room in the window.
func (r *relay) drained(checkpoint row.LSN) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checkpoint = checkpoint
	r.signal()
}

// rewind makes the relay publish again from after+1 on. It does so at most
// every two seconds: what it publishes has to get through the queue before
// the drainer can know that it helped.
func (r *relay) rewind(after row.LSN) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.after <= after || time.Since(r.rewoundAt) < rewindGap {
		return
	}
	r.target, r.rewound, r.rewoundAt = after, true, time.Now()
	r.signal()
	r.w.log.Info("the queue lacks units that it was given; publishing them again", "after", after)
}

// signal wakes run when it waits for room. The caller holds mu.
func (r *relay) signal() {
	select {
	case r.moved <- struct{}{}:
	default:
	}
}

// ahead reports whether the queue was given units above after.
func (r *relay) ahead(after row.LSN) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.after > after
}
