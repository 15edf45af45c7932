package absorber

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/queue"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// slowly is a configuration whose normal rate drains next to nothing.
func (p *pipeline) slowly() WorkerConfig {
	cfg := p.config()
	cfg.Limiter = NewLimiter(LimiterConfig{Rate: 1, Burst: 1})
	return cfg
}

func TestFlushOvertakesTheRate(t *testing.T) {
	p := newPipeline(t)
	for i := range 300 {
		p.commit(pair(row.Insert, i, "v", i))
	}
	w, stop := p.start(p.slowly())
	eventually(t, "the lane is owned", func() bool { return w.Stats().Owned })
	if err := p.store.RequestFlush(t.Context(), "main", 250); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the flush", func() bool { return p.server.checkpoint() >= 250 })
	stop()
	// 300 rows at the normal rate would take minutes.
	if got := w.Stats(); got.Checkpoint < 250 || got.Owned || got.State != StateStopped {
		t.Errorf("%+v", got)
	}
}

func TestPausedLaneDrainsOnlyForAFlush(t *testing.T) {
	p := newPipeline(t)
	if err := p.store.SetPaused(t.Context(), "main", true); err != nil {
		t.Fatal(err)
	}
	p.commit(pair(row.Insert, 1, "v", 1))
	w, _ := p.start(p.config())
	eventually(t, "paused", func() bool { return w.Stats().State == StatePaused })
	if got := p.server.checkpoint(); got != 0 {
		t.Fatalf("drained to %d while paused", got)
	}
	if err := p.store.RequestFlush(t.Context(), "main", 1); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the flush", func() bool { return p.server.checkpoint() == 1 })
	p.commit(pair(row.Insert, 2, "v", 2))
	eventually(t, "paused again", func() bool { return w.Stats().State == StatePaused })
	if err := p.store.SetPaused(t.Context(), "main", false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "resumed", func() bool { return p.server.checkpoint() == 2 })
}

func TestUnitLargerThanTheBurstGoesAlone(t *testing.T) {
	p := newPipeline(t)
	p.commit(pair(row.Insert, 1, "v", 1))
	var big []row.Mutation
	for i := range 40 {
		big = append(big, pair(row.Insert, 100+i, "v", 100+i))
	}
	p.commit(big...)
	p.commit(pair(row.Insert, 2, "v", 2))
	cfg := p.config()
	cfg.BatchSize = 10
	cfg.Limiter = NewLimiter(LimiterConfig{Rate: 100, Burst: 10})
	w, stop := p.start(cfg)
	p.settled(w)
	stop()
	p.check(true)
	if p.server.largest != 40 {
		t.Errorf("the largest transaction had %d rows", p.server.largest)
	}
}

func TestBatchesKeepWithinTheBurst(t *testing.T) {
	p := newPipeline(t)
	for i := range 60 {
		p.commit(pair(row.Insert, i, "v", i))
	}
	cfg := p.config()
	cfg.Limiter = NewLimiter(LimiterConfig{Rate: 200, Burst: 20})
	w, stop := p.start(cfg)
	p.settled(w)
	stop()
	if p.server.largest > 10 {
		t.Errorf("a transaction of %d rows at a burst of 20", p.server.largest)
	}
}

func TestCoalescingSendsTheNetChange(t *testing.T) {
	p := newPipeline(t)
	p.commit(pair(row.Insert, 1, "a", 1))
	for range 50 {
		p.commit(pair(row.Update, 1, "b", 1))
	}
	p.commit(pair(row.Insert, 2, "x", 2))
	p.commit(pair(row.Delete, 2, "x", 2))
	p.commit(pair(row.Update, 1, "last", 1))
	w, stop := p.start(p.config())
	p.settled(w)
	stop()
	p.check(true)
	if s := w.Stats(); s.Mutations != 54 || s.Rows > 3 {
		t.Errorf("%d mutations became %d rows", s.Mutations, s.Rows)
	}
}

// Two workers contend; when the owner stops the other goes on.
func TestAnotherWorkerTakesOver(t *testing.T) {
	p := newPipeline(t)
	p.commit(pair(row.Insert, 1, "v", 1))
	a, stopA := p.start(p.config())
	p.settled(a)
	cfg := p.config()
	cfg.Owner = "w2"
	b, stopB := p.start(cfg)
	eventually(t, "the second waits", func() bool { return b.Stats().State == StateContending })
	if !a.Stats().Owned || b.Stats().Owned {
		t.Fatal("two owners, or none")
	}
	p.commit(pair(row.Insert, 2, "v", 2))
	p.settled(a)
	stopA()
	p.commit(pair(row.Insert, 3, "v", 3))
	p.settled(b)
	stopB()
	p.check(true)
	if got := b.Stats(); got.Epoch != 2 {
		t.Errorf("epoch %d", got.Epoch)
	}
}

// A worker that lost its lease without noticing is fenced by MySQL's epoch and
// the one that took over is not disturbed.
func TestStaleOwnerIsFenced(t *testing.T) {
	p := newPipeline(t)
	cfg := p.config()
	cfg.Leases = everybodysLease{}
	a, _ := p.start(cfg)
	p.commit(pair(row.Insert, 1, "v", 1))
	p.settled(a)
	cfg2 := p.config()
	cfg2.Owner, cfg2.Leases = "w2", everybodysLease{}
	b, _ := p.start(cfg2)
	for i := range 30 {
		p.commit(pair(row.Insert, 10+i, "v", 10+i))
	}
	p.settled(b)
	p.check(true)
}

// everybodysLease grants the lane to all who ask.
type everybodysLease struct{}

func (everybodysLease) AcquireLane(context.Context, wal.Lease) (bool, error) { return true, nil }
func (everybodysLease) RenewLane(context.Context, wal.Lease) (bool, error)   { return true, nil }
func (everybodysLease) ReleaseLane(context.Context, wal.Lease) error         { return nil }

// A queue that loses everything it was given is filled again.
func TestQueueThatForgetsIsFilledAgain(t *testing.T) {
	p := newPipeline(t)
	cfg := p.config()
	lossy := &lossyQueue{Queue: queue.NewMemory()}
	cfg.Queue = lossy
	w, stop := p.start(cfg)
	for i := range 2 {
		p.commit(pair(row.Insert, i, "v", i))
		p.settled(w)
		lossy.lose.Store(1)
	}
	stop()
	p.check(true)
}

// lossyQueue drops whole publishes.
type lossyQueue struct {
	queue.Queue
	lose atomic.Int32
}

// Publish says yes to what it drops.
func (q *lossyQueue) Publish(ctx context.Context, lane row.Lane, recs []wal.Record) error {
	if q.lose.CompareAndSwap(1, 0) {
		return nil
	}
	return q.Queue.Publish(ctx, lane, recs)
}

// A record damaged in the queue is read from the WAL instead.
func TestDamagedRecordIsReadAgain(t *testing.T) {
	p := newPipeline(t)
	cfg := p.config()
	cfg.Queue = damaging{queue.NewMemory()}
	w, stop := p.start(cfg)
	for i := range 5 {
		p.commit(pair(row.Insert, i, "v", i))
	}
	p.settled(w)
	stop()
	p.check(true)
}

// damaging flips a bit of each record.
type damaging struct{ queue.Queue }

// Poll damages what it hands out.
func (q damaging) Poll(ctx context.Context, lane row.Lane, after row.LSN, most int) ([]wal.Record, error) {
	recs, err := q.Queue.Poll(ctx, lane, after, most)
	for i := range recs {
		recs[i].Data = []byte(strings.Clone(string(recs[i].Data)))
		recs[i].Data[len(recs[i].Data)/2] ^= 1
	}
	return recs, err
}

// MySQL away, read-only, or without the table's definition: the lane waits,
// says why, and goes on.
func TestPassingErrorsAreWaitedFor(t *testing.T) {
	p := newPipeline(t)
	cfg := p.config()
	known := make(chan struct{})
	cfg.Table = func(string, uint32) *schema.Table {
		select {
		case <-known:
			return pairs
		default:
			return nil
		}
	}
	w, stop := p.start(cfg)
	p.commit(pair(row.Insert, 1, "v", 1))
	eventually(t, "the cause is told", func() bool { s := w.Stats(); return s.Failing && strings.Contains(s.LastError, "d.pairs") })
	p.server.set(func(s *server) {
		s.down = &row.Error{Op: "sink.apply", Kind: row.Transient, Hint: "point it at the primary", Err: errors.New("read-only")}
	})
	close(known)
	eventually(t, "the next cause is told", func() bool {
		s := w.Stats()
		return s.State == StateRetrying && strings.Contains(s.LastError, "read-only") && strings.Contains(s.LastError, "primary")
	})
	p.server.set(func(s *server) { s.down = nil })
	p.settled(w)
	eventually(t, "calm", func() bool { return !w.Stats().Failing })
	stop()
	p.check(true)
}

// A checkpoint that does not belong to the lane stops it: its LSNs would be
// taken for drained.
func TestForeignCheckpointStopsTheLane(t *testing.T) {
	for name, cp := range map[string]sink.Checkpoint{
		"Redis is behind":     {Epoch: 3, LSN: 50},
		"another incarnation": {Epoch: 3, LSN: 1, Incarnation: "other"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPipeline(t)
			p.server.cp = cp
			p.commit(pair(row.Insert, 1, "v", 1))
			p.commit(pair(row.Insert, 2, "v", 2))
			w, _ := p.start(p.config())
			eventually(t, "the cause is told", func() bool { return strings.Contains(w.Stats().LastError, "do not belong together") })
			if len(p.server.rows) != 0 {
				t.Error("it drained")
			}
		})
	}
}

// When the operator takes a dead letter out, later writes of its rows are
// applied again.
func TestDiscardedDeadLetterFreesItsRows(t *testing.T) {
	p := newPipeline(t)
	w, _ := p.start(p.config())
	p.commit(pair(row.Insert, 1, "poison", 1))
	p.settled(w)
	p.commit(pair(row.Update, 1, "behind", 1))
	p.settled(w)
	p.server.set(func(s *server) {
		if len(s.letters) != 2 || s.letters[0].Code != 3819 || s.letters[1].Cause != "parked behind lsn 1" {
			t.Errorf("dead letters %+v", s.letters)
		}
		s.letters = nil
		s.rows[pair(row.Insert, 1, "by hand", 1).Key] = pair(row.Insert, 1, "by hand", 1).Image
	})
	p.commit(pair(row.Update, 1, "again", 1))
	p.settled(w)
	p.server.set(func(s *server) {
		if got := string(s.rows[pair(row.Insert, 1, "", 1).Key][1]); got != "again" || len(s.letters) != 0 {
			t.Errorf("row %q, dead letters %v", got, s.letters)
		}
	})
	if s := w.Stats(); s.Parked != 0 || s.DeadLetters != 2 {
		t.Errorf("%+v", s)
	}
}

// A stop lets the running batch finish and settles it.
func TestStopFinishesTheBatch(t *testing.T) {
	p := newPipeline(t)
	cfg := p.config()
	slow := &slowTarget{server: p.server, entered: make(chan struct{}), leave: make(chan struct{})}
	cfg.Target, cfg.Grace = slow, 10*time.Second
	_, stop := p.start(cfg)
	lsn := p.commit(pair(row.Insert, 1, "v", 1))
	<-slow.entered
	go func() { close(slow.leave) }()
	stop()
	pr, err := p.store.Progress(t.Context(), "main")
	if err != nil || pr.Settled != lsn {
		t.Errorf("settled to %d, %v", pr.Settled, err)
	}
}

// slowTarget holds the first Apply until it is told to go on.
type slowTarget struct {
	*server
	entered, leave chan struct{}
}

// Apply waits in the middle.
func (s *slowTarget) Apply(ctx context.Context, b sink.Batch) error {
	close(s.entered)
	<-s.leave
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.server.Apply(ctx, b)
}
