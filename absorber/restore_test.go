package absorber

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/queue"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// faultyRebuilder puts faults between a worker and the rebuilding of a lane.
type faultyRebuilder struct {
	*wal.Store
	f *fault
}

func (x faultyRebuilder) Seal(ctx context.Context, lane row.Lane, was wal.Progress) (p wal.Progress, err error) {
	err = x.f.do("seal", func() error { p, err = x.Store.Seal(ctx, lane, was); return err })
	return p, err
}

func (x faultyRebuilder) Rebuild(ctx context.Context, lane row.Lane, was wal.Progress, r wal.Rebuilt) (p wal.Progress, err error) {
	err = x.f.do("rebuild", func() error { p, err = x.Store.Rebuild(ctx, lane, was, r); return err })
	return p, err
}

// losses are ways to lose a lane that ends at 15 and that the queue holds up
// to 12, and what is left of it.
var losses = map[string]struct {
	lose func(p *pipeline)
	left int
}{
	"emptied":              {func(p *pipeline) { p.empty() }, 12},
	"rolled back":          {func(p *pipeline) { p.rollBack(13) }, 13},
	"rolled back far":      {func(p *pipeline) { p.rollBack(10) }, 12},
	"emptied and taken up": {func(p *pipeline) { p.empty(); p.takeUp() }, 12},
}

// rollBack makes the lane end at lsn, as an old append-only file would.
func (p *pipeline) rollBack(lsn row.LSN) {
	p.t.Helper()
	for l := lsn + 1; l <= 15; l++ {
		if err := p.redis.XDel(p.t.Context(), "sa:{main}:wal", fmt.Sprintf("%d-0", l)).Err(); err != nil {
			p.t.Fatal(err)
		}
	}
	p.mark("lsn", lsn.String(), "relayed", min(lsn, 12).String())
}

// mark sets marks of the lane by hand.
func (p *pipeline) mark(marks ...any) {
	p.t.Helper()
	if err := p.redis.HSet(p.t.Context(), "sa:{main}:meta", marks...).Err(); err != nil {
		p.t.Fatal(err)
	}
}

// empty is FLUSHALL.
func (p *pipeline) empty() {
	p.t.Helper()
	if err := p.redis.FlushAll(p.t.Context()).Err(); err != nil {
		p.t.Fatal(err)
	}
}

// takeUp makes an empty lane, as a process does that knows nothing.
func (p *pipeline) takeUp() {
	p.mark("incarnation", "fresh", "lsn", "0", "settled", "0", "relayed", "0", "flush", "0", "paused", "0", "epoch", "0")
}

// look refreshes the table's state after the lane has been rebuilt.
func (p *pipeline) look() {
	p.t.Helper()
	states, err := p.store.TableStates(p.t.Context(), "main", []string{"d.pairs"})
	if err != nil {
		p.t.Fatal(err)
	}
	p.state = states[0].TableState
}

// lose fills a lane, of which the queue has 12 units of 15, and loses it.
func (p *pipeline) lose(kept queue.Queue, how func(p *pipeline)) {
	p.t.Helper()
	for i := range 15 {
		p.commit(pair(row.Insert, i, "v", i))
	}
	recs, err := p.store.Tail(p.t.Context(), "main", 0, 12, 0)
	if err == nil {
		err = kept.Publish(p.t.Context(), "main", recs)
	}
	if err == nil {
		err = p.store.Relayed(p.t.Context(), "main", 1, 12)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	how(p)
}

// After Redis has lost the lane, what the queue and Redis still hold drains,
// and the lane goes on in a new life; whatever fails on the way, it fails once
// or the process dies there and the next one does the rest.
func TestLostLaneIsRebuilt(t *testing.T) {
	for name, loss := range losses {
		for _, dies := range []bool{false, true} {
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s,dies=%v,after=%v", name, dies, after), func(t *testing.T) {
					t.Parallel()
					for at := 0; ; at++ {
						f := &fault{at: at, after: after, dies: dies}
						rebuildOnce(t, f, loss.lose, loss.left)
						if t.Failed() {
							t.Fatalf("fault at %d, %s", at, f.hit)
						}
						if f.passed() {
							if at < 5 {
								t.Fatalf("only %d side effects", at)
							}
							return
						}
					}
				})
			}
		}
	}
}

// rebuildOnce loses a lane and has it rebuilt under a fault.
func rebuildOnce(t *testing.T, f *fault, lose func(*pipeline), left int) {
	t.Helper()
	p := newPipeline(t)
	kept := queue.NewMemory()
	p.lose(kept, lose)
	crashed := make(chan struct{})
	f.killed = func() { close(crashed) }
	x := faulty{p.store, kept, p.server, f}
	cfg := p.config()
	cfg.Log, cfg.Target, cfg.Queue, cfg.BatchSize = x, x, x, 5
	cfg.Rebuild, cfg.Top, cfg.Kept = faultyRebuilder{p.store, f}, kept.Top, true
	_, stop := p.start(cfg)
	rebuilt := func() bool {
		pr, err := p.store.Remains(t.Context(), "main")
		if err != nil {
			t.Fatal(err)
		}
		return pr.Start > 0 && p.server.checkpoint() >= pr.Start
	}
	eventually(t, "the crash or the end", func() bool {
		select {
		case <-crashed:
			return true
		default:
			return rebuilt()
		}
	})
	stop()
	cfg = p.config()
	cfg.Owner, cfg.Queue, cfg.Rebuild, cfg.Top, cfg.Kept = "w2", kept, p.store, kept.Top, true
	w, stop := p.start(cfg)
	eventually(t, "the lane is rebuilt", func() bool { return rebuilt() && p.store.Usable("main") == nil })
	p.look()
	pr, err := p.store.Progress(t.Context(), "main")
	if err != nil || pr.LostAfter != row.LSN(left) || pr.LostTo != 15 || pr.Lost() != uint64(15-left) {
		t.Errorf("%v; progress %+v, want units %d to 15 to be named as lost", err, pr, left+1)
	}
	p.history = p.history[:left]
	p.claimed = map[row.Key]wal.ClaimKey{}
	if lsn := p.commit(pair(row.Insert, 500, "after", 500)); lsn != pr.Start+1 {
		t.Errorf("the next LSN is %d, the lane starts at %d", lsn, pr.Start)
	}
	p.settled(w)
	stop()
	p.check(true)
}

// Who rebuilt the lane died before the checkpoint was moved, others wrote to the
// new life, and then Redis lost units of that: the third life begins behind what
// is left of the second.
func TestLostLifeThatHadJustBegun(t *testing.T) {
	p := newPipeline(t)
	kept := queue.NewMemory()
	p.lose(kept, func(p *pipeline) {})
	cfg := p.config()
	cfg.Rebuild = p.store
	w, stop := p.start(cfg)
	p.settled(w)
	stop()
	was, err := p.store.Remains(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	const start = row.LSN(1000)
	if _, err := p.store.Rebuild(t.Context(), "main", was, wal.Rebuilt{End: 15, Start: start}); err != nil {
		t.Fatal(err)
	}
	p.look()
	for i := range 3 {
		p.commit(pair(row.Insert, 600+i, "v", 600+i))
	}
	if err := p.redis.XDel(t.Context(), "sa:{main}:wal", "1003-0").Err(); err != nil {
		t.Fatal(err)
	}
	p.mark("lsn", "1002")
	cfg = p.config()
	cfg.Owner, cfg.Rebuild = "w2", p.store
	w, stop = p.start(cfg)
	eventually(t, "the lane has a third life", func() bool {
		pr, err := p.store.Remains(t.Context(), "main")
		return err == nil && pr.Start > start && p.server.checkpoint() >= pr.Start && p.store.Usable("main") == nil
	})
	p.look()
	pr, err := p.store.Progress(t.Context(), "main")
	if err != nil || pr.LostAfter != 1002 || pr.LostTo != 1003 {
		t.Errorf("%v; progress %+v, want unit 1003 to be named as lost", err, pr)
	}
	p.history = p.history[:17]
	p.claimed = map[row.Key]wal.ClaimKey{}
	p.commit(pair(row.Insert, 700, "after", 700))
	p.settled(w)
	stop()
	p.check(true)
}

// A record of the queue that is gone for good keeps the lane closed.
func TestGapInWhatIsLeftKeepsTheLaneClosed(t *testing.T) {
	for _, kept := range []bool{true, false} {
		p := newPipeline(t)
		q := queue.NewMemory()
		p.lose(q, func(p *pipeline) { p.empty() })
		holes := queue.NewMemory()
		recs, err := q.Poll(t.Context(), "main", 0, 12)
		if err == nil {
			err = holes.Publish(t.Context(), "main", append(recs[:4:4], recs[6:]...))
		}
		if err != nil {
			t.Fatal(err)
		}
		cfg := p.config()
		cfg.Queue, cfg.Rebuild, cfg.Top, cfg.Above, cfg.Kept = holes, p.store, holes.Top, holes.Above, kept
		w, stop := p.start(cfg)
		if kept {
			eventually(t, "the gap is told", func() bool {
				return p.server.checkpoint() == 4 && strings.Contains(w.Stats().LastError, "units 5 to 6 were acknowledged")
			})
			if p.store.Knows("main").Incarnation != p.state.Incarnation {
				t.Error("the lane was opened")
			}
		} else {
			eventually(t, "the lane is rebuilt without", func() bool { return p.server.checkpoint() > 1000 })
			if pr, err := p.store.Progress(t.Context(), "main"); err != nil || pr.LostAfter != 4 || pr.LostTo != 15 {
				t.Errorf("%v; progress %+v", err, pr)
			}
		}
		stop()
	}
}

// TestSalvageRefusesStale: Redis has lost units that the queue holds, and has given
// their LSNs to others; the lane that holds these is then in doubt, and its owner
// drains what is left of it. That are not the queue's units.
func TestSalvageRefusesStale(t *testing.T) {
	p, q, stale := newPipeline(t), queue.NewMemory(), staleRecords(t)
	if err := q.Publish(t.Context(), "main", stale); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		p.commit(pair(row.Insert, 200+i, "kept", 200+i))
	}
	p.mark("refused", "0:9")
	p.store.Doubt("main")
	cfg := p.config()
	cfg.Queue, cfg.Rebuild, cfg.Top, cfg.Above, cfg.Kept = q, p.store, q.Top, q.Above, true
	_, stop := p.start(cfg)
	defer stop()
	eventually(t, "the lane is open and drained", func() bool {
		progress, err := p.store.Progress(t.Context(), "main")
		return err == nil && progress.Settled >= 3 && p.store.Usable("main") == nil
	})
	p.check(true)
	progress, err := p.store.Progress(t.Context(), "main")
	if err != nil || progress.Lost() > 0 {
		t.Errorf("%v, the lane is %+v", err, progress)
	}
	p.server.set(func(s *server) {
		if s.cp.Epoch <= 9 {
			t.Errorf("the lane is owned under epoch %d, as if it had not been fenced", s.cp.Epoch)
		}
	})
}
