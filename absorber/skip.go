package absorber

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
)

var (
	// errMissing: acknowledged units are neither in the log nor in the queue.
	errMissing = errors.New("missing")
	// errNotMissing answers who asks for what need not be.
	errNotMissing = errors.New("the lane drains, nothing of it is missing: nothing was given up")
)

// holeLooks is how often a hole is looked at, about once a second, before all
// that restore has found out is found out anew: Redis may have come back.
const holeLooks = 10

// hole is where a lane that is being drained for the last time lacks units that
// were acknowledged. It is closed by those units, if they come back (records of
// a topic that were restored), or by an operator, who gives them up.
//
//	crash before the answer's COMMIT   the request is open: the next owner
//	                                   comes to the same hole, and reads it
//	crash behind it                    checkpoint and request say that the
//	                                   units were given up; the next owner
//	                                   drains on from there
type hole struct {
	w     *Worker
	d     *drainer
	end   row.LSN // of what is left of the lane
	at    row.LSN // the checkpoint that from and to were found out for
	to    row.LSN // last unit that is missing
	looks int
}

// look waits a moment for either. errMissing, in an error that names the units:
// neither has come for a while.
func (h *hole) look(ctx context.Context) error {
	if h.to == 0 || h.at != h.d.checkpoint {
		if err := h.measure(ctx); err != nil {
			return err
		}
	}
	missing := &row.Error{Op: "worker.salvage", Lane: h.w.cfg.Lane, LSN: h.d.checkpoint + 1, Kind: row.Permanent,
		Err: fmt.Errorf("units %d to %d were acknowledged, and are neither in MySQL nor in the queue nor in the log: %w", h.d.checkpoint+1, h.to, errMissing),
		Hint: fmt.Sprintf("the lane stays closed. Bring them back (the topic's records, or a MySQL that has them), or give them up for good with `shockabsorber skip --lane %s --to %d --yes`",
			h.w.cfg.Lane, h.to)}
	if h.to == h.d.checkpoint {
		missing.Kind, missing.Hint = row.Transient, ""
		missing.Err = fmt.Errorf("the queue or the log holds the unit, and did not give it: %w", errMissing)
	}
	h.w.status.trouble(missing)
	passed, err := h.serve(ctx)
	if passed || err != nil {
		return err
	}
	if h.looks++; h.looks >= holeLooks {
		return missing
	}
	if !pause(ctx, recheck, h.w.wake) {
		return ctx.Err()
	}
	return nil
}

// measure finds out how far the hole goes: up to the next unit that is anywhere.
func (h *hole) measure(ctx context.Context) error {
	next := h.end + 1
	for _, above := range []func(context.Context, row.Lane, row.LSN) (row.LSN, error){h.w.cfg.Above, h.w.cfg.Rebuild.Above} {
		if above == nil {
			continue
		}
		lsn, err := above(ctx, h.w.cfg.Lane, h.d.checkpoint)
		if err != nil {
			return err
		}
		if lsn > 0 {
			next = min(next, lsn)
		}
	}
	h.at, h.to = h.d.checkpoint, next-1
	return nil
}

// serve answers the operators' requests to give units up. It reports whether
// the drainer has moved on.
func (h *hole) serve(ctx context.Context) (passed bool, err error) {
	if h.w.cfg.Desk == nil {
		return false, nil
	}
	reqs, err := h.w.cfg.Desk.Requests(ctx, h.w.cfg.Lane)
	if err != nil {
		return false, err
	}
	for i := range reqs {
		r := &reqs[i]
		if r.Verb != sink.VerbSkip || r.State != sink.StateOpen {
			continue
		}
		from := h.d.checkpoint + 1
		if to, err := strconv.ParseUint(string(r.Argument), 10, 64); err != nil || row.LSN(to) != h.to || row.LSN(to) < from {
			// What he saw was another hole, or he mistook it: he must name this one.
			err := fmt.Errorf("units %d to %d are missing, not up to %s: nothing was given up", from, h.to, r.Argument)
			if err := h.answer(ctx, r, sink.Answer{State: sink.StateFailed, Result: err.Error()}, h.d.checkpoint); err != nil {
				return false, err
			}
			continue
		}
		return true, h.giveUp(ctx, r, from)
	}
	return false, nil
}

// giveUp moves the checkpoint over the hole.
func (h *hole) giveUp(ctx context.Context, r *sink.Request, from row.LSN) error {
	a := sink.Answer{State: sink.StateDone, Touched: sink.AppendSkipped(from, h.to),
		Result: fmt.Sprintf("gave up units %d to %d, which were acknowledged and are missing", from, h.to)}
	if err := h.answer(ctx, r, a, h.to); err != nil {
		return err
	}
	h.d.checkpoint, h.d.idle = h.to, 0
	h.d.relay.drained(h.to)
	h.w.status.calm()
	h.w.log.Error("an operator gave up acknowledged writes that are missing", "from", from, "to", h.to, "units", uint64(h.to-from)+1, "by", r.By, "request", r.ID)
	h.w.countSkipped(ctx)
	return nil
}

// answer writes an answer, with the checkpoint at to from then on.
func (h *hole) answer(ctx context.Context, r *sink.Request, a sink.Answer, to row.LSN) error {
	a.Request = r.ID
	err := h.w.cfg.Target.Apply(ctx, sink.Batch{Lane: h.w.cfg.Lane, Epoch: h.d.epoch, Incarnation: h.d.incarnation, From: h.d.checkpoint, To: to,
		InOrder: true, Answer: &a})
	if err != nil {
		return fmt.Errorf("answer request %d: %w", r.ID, err)
	}
	h.w.cfg.Metrics.requests.WithLabelValues(r.Verb, string(a.State)).Inc()
	return nil
}

// countSkipped shows what was given up of the lane since it exists. It is only
// shown: not to know it is no reason not to drain.
func (w *Worker) countSkipped(ctx context.Context) {
	if w.cfg.Desk == nil {
		return
	}
	list, err := w.cfg.Desk.SkippedUnits(ctx, w.cfg.Lane)
	if err != nil {
		w.log.Warn("cannot read which units were given up", "error", err)
		return
	}
	var units uint64
	for _, s := range list {
		units += s.Units()
	}
	w.cfg.Metrics.skipped.WithLabelValues(string(w.cfg.Lane)).Set(float64(units))
	w.status.change(func(s *Stats) { s.Skipped = list })
}
