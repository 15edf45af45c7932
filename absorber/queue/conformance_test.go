package queue

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

func TestOrder(t *testing.T) {
	each(t, func(t *testing.T, _ backend, open func() topQueue) {
		q := open()
		publish(t, q, laneA, 1, 10)
		publish(t, q, laneA, 11, 1000)
		expect(t, q, laneA, 0, 1000)
		publish(t, q, laneA, 1001, 1001)
		expect(t, q, laneA, 1000, 1001)
	})
}

func TestPollTakesNoMoreThanMax(t *testing.T) {
	each(t, func(t *testing.T, _ backend, open func() topQueue) {
		q := open()
		publish(t, q, laneA, 1, 20)
		for after := row.LSN(0); after < 20; after++ {
			if _, err := poll(t, q, laneA, after, 1); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// An empty queue says so once, so that the relay publishes what it had given
// to an instance that is gone; then Poll waits.
func TestEmptyQueueSaysSoOnce(t *testing.T) {
	each(t, func(t *testing.T, _ backend, open func() topQueue) {
		q := open()
		expectGap(t, q, laneA, 600)
		came := make(chan error, 1)
		go func() {
			recs, err := q.Poll(t.Context(), laneA, 600, 10)
			if err == nil && (len(recs) == 0 || recs[0].LSN != 601) {
				err = errors.New("not record 601")
			}
			came <- err
		}()
		select {
		case err := <-came:
			t.Fatalf("Poll of an empty queue came back with %v", err)
		case <-time.After(300 * time.Millisecond):
		}
		publish(t, q, laneA, 601, 601)
		select {
		case err := <-came:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(hang):
			t.Fatal("Poll sleeps although there is a record")
		}
	})
}

func TestRepeats(t *testing.T) {
	each(t, func(t *testing.T, _ backend, open func() topQueue) {
		q := open()
		for range 3 {
			publish(t, q, laneA, 1, 10)
		}
		publish(t, q, laneA, 5, 15)
		expect(t, q, laneA, 0, 12)
		publish(t, q, laneA, 1, 15)
		expect(t, q, laneA, 12, 15)
		publish(t, q, laneA, 15, 16)
		expect(t, q, laneA, 15, 16)
	})
}

// A hole is reported, and refilled by publishing again from it to the end.
func TestGap(t *testing.T) {
	each(t, func(t *testing.T, _ backend, open func() topQueue) {
		q := open()
		publish(t, q, laneA, 1, 5)
		publish(t, q, laneA, 8, 10)
		expect(t, q, laneA, 0, 5)
		expectGap(t, q, laneA, 5)
		publish(t, q, laneA, 6, 10)
		drain(t, q, laneA, 5, 10)
		publish(t, q, laneA, 11, 12)
		drain(t, q, laneA, 10, 12)
	})
}

// The refill comes in several publishes, and the reader follows each of them.
func TestGapRefilledInSteps(t *testing.T) {
	each(t, func(t *testing.T, _ backend, open func() topQueue) {
		q := open()
		publish(t, q, laneA, 501, 600)
		expectGap(t, q, laneA, 400)
		publish(t, q, laneA, 401, 450)
		expect(t, q, laneA, 400, 450)
		publish(t, q, laneA, 451, 500)
		publish(t, q, laneA, 501, 600)
		drain(t, q, laneA, 450, 600)
	})
}

// The hole is refilled before the reader meets it. A log finds the refill
// further down; the stream has started over by then and reports a gap.
func TestGapRefilledBeforeItIsMet(t *testing.T) {
	each(t, func(t *testing.T, b backend, open func() topQueue) {
		q := open()
		publish(t, q, laneA, 1, 5)
		publish(t, q, laneA, 8, 10)
		publish(t, q, laneA, 6, 10)
		if b.log {
			expect(t, q, laneA, 0, 10)
		}
		drain(t, q, laneA, 0, 10)
	})
}

// The process dies with and without having forgotten what is drained; the new
// one starts from the checkpoint.
func TestRestart(t *testing.T) {
	for name, forgets := range map[string]bool{"forgotten": true, "commit lost": false} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, b backend, open func() topQueue) {
				q := open()
				publish(t, q, laneA, 1, 20)
				expect(t, q, laneA, 0, 10)
				if forgets {
					forget(t, q, laneA, 10)
				}
				q = open()
				if !b.durable {
					expectGap(t, q, laneA, 10)
					publish(t, q, laneA, 11, 20)
				}
				expect(t, q, laneA, 10, 20)
				publish(t, q, laneA, 21, 25)
				expect(t, q, laneA, 20, 25)
				forget(t, q, laneA, 25)
				// All drained: the next owner has nothing to do but wait for 26.
				q = open()
				publish(t, q, laneA, 26, 26)
				expect(t, q, laneA, 25, 26)
			})
		})
	}
}

// MySQL's commit was acknowledged and Forget never reached the queue: the
// checkpoint is ahead of all the queue knows.
func TestCheckpointAheadOfQueue(t *testing.T) {
	each(t, func(t *testing.T, _ backend, open func() topQueue) {
		q := open()
		publish(t, q, laneA, 1, 20)
		expect(t, q, laneA, 0, 5)
		expect(t, q, laneA, 15, 20)
		forget(t, q, laneA, 30)
		publish(t, q, laneA, 31, 35)
		expect(t, q, laneA, 30, 35)
	})
}

func TestForget(t *testing.T) {
	each(t, func(t *testing.T, _ backend, open func() topQueue) {
		q := open()
		forget(t, q, laneA, 0)
		publish(t, q, laneA, 1, 20)
		expect(t, q, laneA, 0, 10)
		for _, upto := range []row.LSN{5, 10, 10, 3, 0} {
			forget(t, q, laneA, upto)
		}
		expect(t, q, laneA, 10, 20)
		forget(t, q, laneA, 20)
		// Everything is forgotten, which is not the same as a lost queue.
		publish(t, q, laneA, 21, 22)
		expect(t, q, laneA, 20, 22)
	})
}

// The drainer starts over from an older checkpoint.
func TestOlderCheckpoint(t *testing.T) {
	each(t, func(t *testing.T, b backend, open func() topQueue) {
		q := open()
		publish(t, q, laneA, 1, 20)
		expect(t, q, laneA, 0, 20)
		// Not forgotten: handed out again, by all of them.
		expect(t, q, laneA, 5, 20)
		expect(t, q, laneA, 0, 20)
		forget(t, q, laneA, 20)
		if !b.log {
			expectGap(t, q, laneA, 5)
			publish(t, q, laneA, 6, 20)
		}
		drain(t, q, laneA, 5, 20)
		forget(t, q, laneA, 20)
		q = open()
		drain(t, q, laneA, 12, 20)
	})
}

func TestLanesAreIndependent(t *testing.T) {
	each(t, func(t *testing.T, _ backend, open func() topQueue) {
		q := open()
		publish(t, q, laneA, 1, 10)
		publish(t, q, laneB, 7, 9)
		expectGap(t, q, laneB, 0)
		expect(t, q, laneA, 0, 10)
		forget(t, q, laneA, 10)
		publish(t, q, laneB, 1, 9)
		drain(t, q, laneB, 0, 9)
		publish(t, q, laneA, 11, 11)
		expect(t, q, laneA, 10, 11)
	})
}

func TestBigRecords(t *testing.T) {
	each(t, func(t *testing.T, _ backend, open func() topQueue) {
		q := open()
		recs := units(laneA, 1, 12)
		for i := range recs {
			recs[i].Data = bytes.Repeat([]byte{byte(i)}, 900_000)
		}
		if err := q.Publish(t.Context(), laneA, recs); err != nil {
			t.Fatal(err)
		}
		for after := 0; after < len(recs); {
			got, err := q.Poll(t.Context(), laneA, row.LSN(after), 100)
			if err != nil {
				t.Fatal(err)
			}
			for i, rec := range got {
				if want := recs[after+i]; rec.LSN != want.LSN || !bytes.Equal(rec.Data, want.Data) {
					t.Fatalf("record %d: LSN %d, %d bytes", after+i, rec.LSN, len(rec.Data))
				}
			}
			after += len(got)
		}
	})
}

// A cancelled Poll returns, and loses nothing for the next one.
func TestCancel(t *testing.T) {
	each(t, func(t *testing.T, _ backend, open func() topQueue) {
		q := open()
		publish(t, q, laneA, 1, 3)
		expect(t, q, laneA, 0, 3)
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			returns(t, context.DeadlineExceeded, func() error { _, err := q.Poll(ctx, laneA, 3, 10); return err })
			cancel()
		}
		publish(t, q, laneA, 4, 6)
		expect(t, q, laneA, 3, 6)
	})
}

// Close wakes whoever waits, and whatever comes later is refused.
func TestClose(t *testing.T) {
	each(t, func(t *testing.T, _ backend, open func() topQueue) {
		q := open()
		publish(t, q, laneA, 1, 1)
		waits := make(chan error, 1)
		go func() {
			_, err := q.Poll(context.Background(), laneA, 1, 1)
			waits <- err
		}()
		time.Sleep(50 * time.Millisecond) // let it wait; either order must work
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
		returns(t, ErrClosed, func() error { return <-waits })
		returns(t, ErrClosed, func() error { _, err := q.Poll(context.Background(), laneA, 1, 1); return err })
		returns(t, ErrClosed, func() error { return q.Publish(context.Background(), laneA, units(laneA, 2, 2)) })
		returns(t, ErrClosed, func() error { return q.Forget(context.Background(), laneA, 1) })
		returns(t, ErrClosed, func() error { _, err := q.Top(context.Background(), laneA); return err })
	})
}

// returns fails the test if call hangs or returns another error.
func returns(t *testing.T, want error, call func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- call() }()
	select {
	case err := <-done:
		if !errors.Is(err, want) {
			t.Fatalf("got %v, want %v", err, want)
		}
	case <-time.After(hang):
		t.Fatalf("it hangs; want %v", want)
	}
}

// A relay that lost the lane wakes up and publishes what is drained already.
func TestZombieRelay(t *testing.T) {
	each(t, func(t *testing.T, _ backend, open func() topQueue) {
		q := open()
		publish(t, q, laneA, 1, 20)
		expect(t, q, laneA, 0, 15)
		forget(t, q, laneA, 15)
		publish(t, q, laneA, 3, 8)
		expect(t, q, laneA, 15, 20)
		publish(t, q, laneA, 9, 12)
		publish(t, q, laneA, 21, 25)
		expect(t, q, laneA, 20, 25)
	})
}

// Both at once: a drainer that lost the lane polls from its old place, which
// reopens what was forgotten, and a relay publishes into it. The owner may be
// told of a gap; it must not be left waiting.
func TestZombieDrainerAndRelay(t *testing.T) {
	each(t, func(t *testing.T, b backend, open func() topQueue) {
		q := open()
		publish(t, q, laneA, 1, 20)
		expect(t, q, laneA, 0, 15)
		forget(t, q, laneA, 15)
		zombie := q
		if b.durable {
			zombie = open()
		}
		if _, err := poll(t, zombie, laneA, 2, 5); err != nil && !errors.Is(err, ErrGap) {
			t.Fatal(err)
		}
		publish(t, zombie, laneA, 3, 8)
		drain(t, q, laneA, 15, 20)
		drain(t, zombie, laneA, 8, 20)
	})
}

func TestTop(t *testing.T) {
	each(t, func(t *testing.T, b backend, open func() topQueue) {
		q := open()
		top := func(want row.LSN) {
			t.Helper()
			if got, err := q.Top(t.Context(), laneA); err != nil || got != want {
				t.Fatalf("top %d, error %v; want %d", got, err, want)
			}
		}
		top(0)
		publish(t, q, laneA, 1, 20)
		publish(t, q, laneB, 1, 99)
		publish(t, q, laneA, 5, 6)
		top(20)
		expect(t, q, laneA, 0, 20)
		forget(t, q, laneA, 20)
		top(20)
		if b.durable {
			q = open()
			top(20)
		}
		if err := q.Publish(t.Context(), laneA, []wal.Record{{LSN: 22, Data: []byte("x")}}); err != nil {
			t.Fatal(err)
		}
		top(22)
	})
}
