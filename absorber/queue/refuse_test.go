package queue

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// TestRefuse: Redis has lost units, others were given their LSNs, and the queue
// holds, or is given late, what a former owner of the lane had read of the lost
// ones. It is as if it were not there, and gives way to what the owner publishes.
func TestRefuse(t *testing.T) {
	each(t, func(t *testing.T, b backend, open func() topQueue) {
		q := open()
		as := func(epoch row.Epoch, stale bool, from, to row.LSN) {
			t.Helper()
			recs := units(laneA, from, to)
			for i := range recs {
				if recs[i].Epoch = epoch; stale {
					recs[i].Data = []byte("stale")
				}
			}
			if err := q.Publish(t.Context(), laneA, recs); err != nil {
				t.Fatal(err)
			}
		}
		follow := func(after, to row.LSN) {
			t.Helper()
			for gaps := 0; after < to; {
				recs, err := poll(t, q, laneA, after, 3)
				switch {
				case errors.Is(err, ErrGap):
					if gaps++; gaps > 50 {
						t.Fatalf("poll after %d: the gap stays although it is filled again and again", after)
					}
					as(2, false, after+1, to)
				case err != nil:
					t.Fatal(err)
				}
				after += row.LSN(len(recs))
			}
		}
		as(1, false, 1, 3)
		as(1, true, 4, 5)
		q.Refuse(laneA, row.Refusals{{Above: 3, Before: 2}})
		expect(t, q, laneA, 0, 3)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if recs, err := q.Poll(ctx, laneA, 3, 10); !errors.Is(err, ErrGap) && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("poll after 3: %d records, %v", len(recs), err)
		}
		as(1, true, 4, 6) // late
		as(2, false, 4, 8)
		follow(3, 8)
		as(1, true, 7, 9) // later still
		as(2, false, 9, 10)
		follow(8, 10)
		forget(t, q, laneA, 10)
		if b.durable { // another process
			q = open()
			q.Refuse(laneA, row.Refusals{{Above: 3, Before: 2}})
			as(1, true, 11, 11)
			as(2, false, 11, 12)
			follow(10, 12)
		}
	})
}
