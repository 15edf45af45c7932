package absorber

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// adoptEvery is how often each lane is looked at: whether Redis still holds it,
// and, if it does not, whether it has been rebuilt.
const adoptEvery = 250 * time.Millisecond

// adoptLanes closes lanes that Redis has lost, and opens them again: after a
// restart of Redis that lost nothing, or when the process that drains the lane
// has rebuilt it (restore.go).
func (e *Engine) adoptLanes(ctx context.Context) {
	for _, lane := range e.cfg.Lanes {
		if e.store.Usable(lane) == nil && !errors.Is(e.store.Verify(ctx, lane), wal.ErrLost) {
			e.closed.Delete(lane)
			marks := e.given.untold(lane, e.store.Knows(lane).Incarnation) // this process has rebuilt it
			if err := e.keepCounters(ctx, lane, marks); err != nil && ctx.Err() == nil {
				e.log.Warn("could not tell Redis of the AUTO_INCREMENT values that it may have lost", "lane", lane, "err", err)
			}
			continue
		}
		err := e.reopen(ctx, lane)
		if err == nil {
			e.states.Clear() // of a life before
			e.closed.Delete(lane)
			continue
		}
		waits := errors.Is(err, wal.ErrRollCall)
		switch before, told := e.closed.Swap(lane, waits); {
		case told && before == waits, ctx.Err() != nil:
		case waits:
			e.log.Warn("a lane is closed until every process has said how far it was before Redis was restarted", "lane", lane, "err", err)
		default:
			e.log.Error("a lane is closed, and nothing is absorbed in it, until it is rebuilt", "lane", lane, "err", err)
		}
	}
}

// reopen opens one lane if it can be.
func (e *Engine) reopen(ctx context.Context, lane row.Lane) error {
	if err := e.keepCounters(ctx, lane, e.given.untold(lane, "")); err != nil {
		return err
	}
	left, err := e.store.Remains(ctx, lane)
	if err != nil {
		return err
	}
	if left.Incarnation == "" || left.Sealed {
		return fmt.Errorf("redis does not hold the lane: %w", wal.ErrLost)
	}
	least, err := e.cfg.Reached(ctx, lane, left.Refused)
	if err != nil {
		return err
	}
	if err = e.store.Adopt(ctx, lane, least); err == nil || !errors.Is(err, wal.ErrLost) {
		return err
	}
	if _, jerr := e.store.Join(ctx, lane, least); !errors.Is(jerr, wal.ErrLost) {
		return jerr
	}
	return err
}
