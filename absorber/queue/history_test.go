package queue

import (
	"context"
	"errors"
	"testing"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// Any history of publishes (of any place, with holes and repeats), polls from
// any checkpoint, forgets and restarts: what comes out follows the checkpoint
// without a hole, and is what was published; after a gap that is refilled
// there is always a next record.
func TestAnyHistory(t *testing.T) {
	each(t, func(t *testing.T, b backend, open func() topQueue) {
		if b.name == "redis" || b.name == "kafka" {
			t.Skip("the same code runs on the stand-in; the scenarios cover the server")
		}
		rapid.Check(t, func(rt *rapid.T) {
			q := b.storage(t)
			history(t, rt, q)
		})
	})
}

// history draws one history and follows it.
func history(t *testing.T, rt *rapid.T, open func() topQueue) {
	q := open()
	var written, checkpoint row.LSN // end of the WAL; what is drained
	for range rapid.IntRange(1, 25).Draw(rt, "steps") {
		switch rapid.SampledFrom([]string{"publish", "jump", "poll", "poll", "forget", "back", "restart"}).Draw(rt, "step") {
		case "publish":
			from := row.LSN(rapid.Uint64Range(1, uint64(written)+1).Draw(rt, "from"))
			written += row.LSN(rapid.Uint64Range(0, 6).Draw(rt, "new"))
			publish(t, q, laneA, from, written)
		case "jump": // a relay that had lost its place
			written += row.LSN(rapid.Uint64Range(2, 4).Draw(rt, "lost"))
			publish(t, q, laneA, written, written)
		case "poll":
			if checkpoint == written {
				continue
			}
			recs, err := poll(t, q, laneA, checkpoint, rapid.IntRange(1, 8).Draw(rt, "max"))
			if errors.Is(err, ErrGap) {
				publish(t, q, laneA, checkpoint+1, written)
			} else if err != nil {
				rt.Fatalf("poll after %d: %v", checkpoint, err)
			}
			checkpoint += row.LSN(len(recs))
		case "forget":
			forget(t, q, laneA, checkpoint)
		case "back":
			checkpoint = row.LSN(rapid.Uint64Range(0, uint64(checkpoint)).Draw(rt, "checkpoint"))
		case "restart":
			q = open()
		}
	}
	drain(t, q, laneA, checkpoint, written)
}

// Two relays publish the same WAL side by side, each starting over now and
// then, while the owner drains: all of it comes out, in order.
func TestTwoRelaysAtOnce(t *testing.T) {
	each(t, func(t *testing.T, b backend, open func() topQueue) {
		const last = 2000
		q := open()
		ctx, cancel := context.WithTimeout(t.Context(), hang)
		defer cancel()
		var group errgroup.Group
		for relay := range 2 {
			other := q
			if b.durable {
				other = open()
			}
			group.Go(func() error {
				for from := row.LSN(1); from <= last; from += 50 {
					if from%(500+row.LSN(relay)*150) == 1 && from > 200 {
						if err := other.Publish(ctx, laneA, units(laneA, from-200, from-100)); err != nil {
							return err
						}
					}
					if err := other.Publish(ctx, laneA, units(laneA, from, min(last, from+49))); err != nil {
						return err
					}
				}
				return nil
			})
		}
		var checkpoint row.LSN
		for checkpoint < last {
			recs, err := poll(t, q, laneA, checkpoint, 64)
			if errors.Is(err, ErrGap) {
				// A third relay: the owner's own.
				publish(t, q, laneA, checkpoint+1, min(last, checkpoint+300))
			} else if err != nil {
				t.Fatal(err)
			}
			checkpoint += row.LSN(len(recs))
			if checkpoint%3 == 0 {
				forget(t, q, laneA, checkpoint)
			}
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
	})
}
