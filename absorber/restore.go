package absorber

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// Rebuilder is the lane in Redis as its owner finds it after a loss; *wal.Store
// is one.
type Rebuilder interface {
	Knows(lane row.Lane) wal.Knowledge
	Usable(lane row.Lane) error
	Remains(ctx context.Context, lane row.Lane) (wal.Progress, error)
	Adopt(ctx context.Context, lane row.Lane, least row.LSN) error
	Join(ctx context.Context, lane row.Lane, least row.LSN) (wal.Progress, error)
	Seal(ctx context.Context, lane row.Lane, was wal.Progress) (wal.Progress, error)
	Rebuild(ctx context.Context, lane row.Lane, was wal.Progress, r wal.Rebuilt) (wal.Progress, error)
	// Above is the lowest LSN above after that the WAL holds, 0 if none.
	Above(ctx context.Context, lane row.Lane, after row.LSN) (row.LSN, error)
}

// Behind reports whether MySQL lacks units that it once had: Redis was told that
// they are drained, and the checkpoint does not say so. MySQL was restored, or
// failed over to a server that had not got them.
func Behind(checkpoint row.LSN, p wal.Progress) bool {
	if p.Settled == p.Start && checkpoint >= p.LostAfter {
		return false // rebuilt, and the checkpoint has not been moved yet
	}
	return checkpoint < p.Settled
}

// restore brings the lane in Redis and its checkpoint in MySQL together after
// Redis was emptied, replaced or rolled back, or MySQL was, in this order:
//
//	Seal     what is left of the lane takes no more commits
//	salvage  the queue's units, and what is left in Redis, drain into MySQL
//	Rebuild  the lane begins a new life, above every LSN of the old one
//	Apply    the checkpoint moves to where the new life begins
//
// A crash before Rebuild: the next owner does it all again, from the checkpoint
// that salvage has reached. A crash behind it: the new life's marks say from
// where the checkpoint has to be moved, and the next owner does that before
// anything else: should this life be lost as well, what is left of it begins
// there. Who rebuilds at the same time is fenced: Rebuild wants the incarnation
// that Seal has made, Apply the epoch.
//
// The LSNs jump so that a unit of the old life that comes late (a publish that
// was held up) is never taken for one of the new. A lane of which MySQL has lost
// units begins a new life as well: until they are there again, no commit may be
// computed from what MySQL shows, and no row that was read from it may stay in
// the cache.
func (w *Worker) restore(ctx context.Context, cp sink.Checkpoint) (sink.Checkpoint, error) {
	rb, lane := w.cfg.Rebuild, w.cfg.Lane
	if rb == nil {
		return cp, nil
	}
	know := rb.Knows(lane) // before the look: what was known then must be there
	left, err := rb.Remains(ctx, lane)
	if err != nil {
		return cp, err
	}
	if cp, err = w.refuse(ctx, cp, left.Refused.Or(know.Refused)); err != nil {
		return cp, err
	}
	if cp, err = w.moveOn(ctx, cp, left); err != nil {
		return cp, err
	}
	least := max(cp.LSN, left.LSN)
	behind := left.Incarnation != "" && Behind(cp.LSN, left)
	if !behind && rb.Usable(lane) == nil && !left.Sealed && left.Incarnation == know.Incarnation && left.LSN >= max(cp.LSN, left.Told, know.Seen) {
		w.lostSince = time.Time{}
		return cp, nil
	}
	top := row.LSN(0)
	if w.cfg.Top != nil {
		if top, err = w.cfg.Top(ctx, lane); err != nil {
			return cp, err
		}
	}
	intact := !behind && left.Incarnation != "" && !left.Sealed && left.LSN >= max(cp.LSN, left.Told, top)
	if intact {
		if left, err = w.reopen(ctx, max(cp.LSN, top), left); err == nil {
			w.lostSince = time.Time{}
			return w.moveOn(ctx, cp, left)
		} else if !errors.Is(err, wal.ErrLost) {
			return cp, err
		}
	}
	if !behind && left.Incarnation != "" && !left.Sealed && left.LSN > max(cp.LSN, top) {
		if err := agree(lane, cp, left); err != nil {
			return cp, err
		}
	}
	if err := w.mayLose(max(know.Acknowledged, left.Told), max(least, top)); err != nil {
		return cp, err
	}
	return w.rebuild(ctx, cp, know, left, top)
}

// refuse tells the queue which records are not the lane's: those that Redis or this
// process knows of, or those that MySQL does. MySQL remembers them for when Redis
// is emptied, before anything is published that could be taken for the same unit.
// Who owns the lane under an epoch before them has to take it over again: nothing
// that he publishes would count.
func (w *Worker) refuse(ctx context.Context, cp sink.Checkpoint, known row.Refusals) (sink.Checkpoint, error) {
	refused := cp.Refused.Or(known)
	w.cfg.Queue.Refuse(w.cfg.Lane, refused)
	if w.above = max(w.above, refused.Epoch()); cp.Epoch < w.above {
		return cp, &row.Error{Op: "worker.begin", Lane: w.cfg.Lane, Kind: row.Transient,
			Err: fmt.Errorf("the lane was fenced off: epoch %d is before %d", cp.Epoch, w.above)}
	}
	if refused.Epoch() == cp.Refused.Epoch() {
		return cp, nil
	}
	cp.Refused = refused
	return cp, w.cfg.Target.NoteRefused(ctx, w.cfg.Lane, cp.Epoch, refused)
}

// mayLose gives a Redis that still has what is missing above end, and was seen
// or acknowledged up to seen, the time to come back: a proxy that reaches an
// empty server in the middle of a failover must not take it for the lane's.
func (w *Worker) mayLose(seen, end row.LSN) error {
	if seen <= end {
		return nil
	}
	if w.lostSince.IsZero() {
		w.lostSince = time.Now()
	}
	if time.Since(w.lostSince) >= w.cfg.LossGrace {
		return nil
	}
	return &row.Error{Op: "worker.restore", Lane: w.cfg.Lane, LSN: end + 1, Kind: row.Transient,
		Err:  fmt.Errorf("%w: units %d to %d, which were acknowledged, are missing", wal.ErrLost, end+1, seen),
		Hint: fmt.Sprintf("if Redis does not come back with them, the lane is rebuilt without them %v after they were missed", w.cfg.LossGrace)}
}

// reopen takes a lane that is as far as anybody knows it to be.
func (w *Worker) reopen(ctx context.Context, least row.LSN, left wal.Progress) (wal.Progress, error) {
	err := w.cfg.Rebuild.Adopt(ctx, w.cfg.Lane, least)
	if err == nil || !errors.Is(err, wal.ErrLost) {
		return left, err
	}
	p, err := w.cfg.Rebuild.Join(ctx, w.cfg.Lane, least)
	if err != nil {
		return left, err
	}
	return p, nil
}

// newLife is the distance of the LSNs at which lives of a lane begin.
const newLife = 1 << 20

// NewLife is where the next life of a lane begins of which nobody knows an LSN
// above known: at a round number, with room for those that nobody knows of.
func NewLife(known row.LSN) row.LSN { return (known/newLife + 2) * newLife }

// rebuild is the rest of restore, for a lane that was lost.
func (w *Worker) rebuild(ctx context.Context, cp sink.Checkpoint, know wal.Knowledge, left wal.Progress, top row.LSN) (sink.Checkpoint, error) {
	rb, lane := w.cfg.Rebuild, w.cfg.Lane
	w.status.set(StateRestoring)
	w.log.Error("Redis or MySQL has lost the lane, or units of it; it is rebuilt", "lsn", left.LSN, "seen", max(know.Seen, left.Told),
		"settled", left.Settled, "queue", top, "checkpoint", cp.LSN)
	if left.Incarnation != "" {
		var err error
		if left, err = rb.Seal(ctx, lane, left); err != nil {
			return cp, raced(lane, err)
		}
	}
	end, err := w.salvage(ctx, cp, left, top)
	if err != nil {
		return cp, err
	}
	start := NewLife(max(end, top, know.Seen, left.LSN, left.Told))
	p, err := rb.Rebuild(ctx, lane, left, wal.Rebuilt{End: end, Acknowledged: know.Acknowledged, Start: start, Refused: cp.Refused})
	if err != nil {
		return cp, raced(lane, err)
	}
	w.lostSince = time.Time{}
	w.tellLoss(know, p)
	cp.LSN = end
	return w.moveOn(ctx, cp, p)
}

// raced makes another process's rebuilding a passing error: look again.
func raced(lane row.Lane, err error) error {
	if errors.Is(err, wal.ErrConflict) {
		return &row.Error{Op: "worker.rebuild", Lane: lane, Kind: row.Transient, Err: errors.New("another process changed the lane meanwhile")}
	}
	return err
}

// tellLoss names what is missing.
func (w *Worker) tellLoss(know wal.Knowledge, p wal.Progress) {
	switch {
	case p.Lost() > 0:
		w.log.Error("acknowledged writes were in Redis only, and are lost", "from", p.LostAfter+1, "to", p.LostTo, "units_at_most", p.Lost(),
			"hint", "durability = \"replica\" or \"kafka\" keeps them")
	case know.Seen == 0:
		w.log.Error("no process remembers the lane: if units above this lsn were acknowledged, they are lost", "lsn", p.LostAfter)
	}
	w.log.Warn("the lane is rebuilt", "drained", p.LostAfter, "goes_on_after", p.Start)
}

// moveOn moves the checkpoint to where the lane's present life begins, unless
// that was done before. MySQL has everything of the life before.
func (w *Worker) moveOn(ctx context.Context, cp sink.Checkpoint, p wal.Progress) (sink.Checkpoint, error) {
	if cp.LSN >= p.Start || p.Settled != p.Start || cp.LSN < p.LostAfter {
		return cp, nil
	}
	err := w.cfg.Target.Apply(ctx, sink.Batch{Lane: w.cfg.Lane, Epoch: cp.Epoch, Incarnation: p.Incarnation, From: cp.LSN, To: p.Start})
	if err != nil {
		return cp, fmt.Errorf("move the checkpoint to the lane's new life: %w", err)
	}
	cp.LSN, cp.Incarnation = p.Start, p.Incarnation
	return cp, nil
}

// seen is the highest LSN that this process was told of, 0 if it does not keep
// watch over the lane.
func (w *Worker) seen() row.LSN {
	if w.cfg.Rebuild == nil {
		return 0
	}
	return w.cfg.Rebuild.Knows(w.cfg.Lane).Seen
}
