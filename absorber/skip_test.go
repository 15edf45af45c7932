package absorber

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/queue"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// keeping is a queue that forgets nothing, as Kafka does for days.
type keeping struct{ *queue.Memory }

func (keeping) Forget(context.Context, row.Lane, row.LSN) error { return nil }

// failOver drains 15 units into MySQL and puts a MySQL in its place that has
// the first 6 of them only; 16 to 20 still wait in the log.
func (p *pipeline) failOver(q queue.Queue) {
	p.t.Helper()
	var old table
	var cp sink.Checkpoint
	for i := range 20 {
		if i == 15 {
			cfg := p.config()
			cfg.Queue = q
			w, stop := p.start(cfg)
			p.settled(w)
			stop()
		}
		p.commit(pair(row.Insert, i, "v", i))
		if i == 5 {
			w, stop := p.start(p.config())
			p.settled(w)
			stop()
			p.server.set(func(s *server) { old, cp = maps.Clone(s.rows), s.cp })
		}
	}
	p.server.set(func(s *server) { s.rows, s.cp.LSN, s.cp.Incarnation = old, cp.LSN, cp.Incarnation })
	if cp.LSN != 6 || len(old) != 6 {
		p.t.Fatalf("the old MySQL has %d rows, up to %d", len(old), cp.LSN)
	}
}

// onRows are the ids that MySQL holds.
func (p *pipeline) onRows() (out []string) {
	for i := range 20 {
		if p.value(i) != "" {
			out = append(out, fmt.Sprint(i+1)) // its LSN
		}
	}
	return out
}

// closed reports whether the lane takes no commits, and what the worker says.
func (p *pipeline) closed(w *Worker, parts ...string) bool {
	text := w.Stats().LastError
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	pr, err := p.store.Remains(p.t.Context(), "main")
	return err == nil && pr.Sealed && p.store.Usable("main") != nil
}

// A MySQL that lacks the last transactions, of which nothing is left elsewhere:
// the lane closes and names them; nothing is applied behind the hole until an
// operator names the same units.
func TestMySQLLacksDrainedUnits(t *testing.T) {
	p := newPipeline(t)
	p.failOver(queue.NewMemory())
	cfg := p.withDesk(p.config())
	cfg.Rebuild = p.store
	w, stop := p.start(cfg)
	defer stop()
	eventually(t, "the lane closes and names what is missing", func() bool {
		return p.closed(w, "units 7 to 15 were acknowledged", "skip --lane main --to 15 --yes")
	})
	for _, to := range []row.LSN{14, 16, 20, 6} {
		id := p.server.AskSkip(to)
		if r := p.outcome(id, sink.StateFailed, sink.StateDone); r.State != sink.StateFailed || !strings.Contains(r.Result, "units 7 to 15 are missing, not up to") {
			t.Errorf("skip to %d: %+v", to, r)
		}
	}
	if got := fmt.Sprint(p.onRows()); got != "[1 2 3 4 5 6]" || p.server.checkpoint() != 6 {
		t.Fatalf("MySQL has units %s, checkpoint %d", got, p.server.checkpoint())
	}
	r := p.outcome(p.server.AskSkip(15), sink.StateFailed, sink.StateDone)
	if r.State != sink.StateDone || r.Result != "gave up units 7 to 15, which were acknowledged and are missing" {
		t.Fatalf("%+v", r)
	}
	eventually(t, "the lane is open", func() bool { return p.store.Usable("main") == nil && p.server.checkpoint() > 1000 })
	if got := fmt.Sprint(p.onRows()); got != "[1 2 3 4 5 6 16 17 18 19 20]" {
		t.Errorf("MySQL has units %s", got)
	}
	pr, err := p.store.Progress(t.Context(), "main")
	if err != nil || pr.LostAfter != 20 || pr.Lost() != 0 {
		t.Errorf("%+v, %v", pr, err)
	}
	eventually(t, "it is shown", func() bool {
		s := w.Stats().Skipped
		return len(s) == 1 && s[0].From == 7 && s[0].To == 15 && s[0].Units() == 9 && s[0].By == "tester"
	})
	p.look()
	if lsn := p.commit(pair(row.Insert, 900, "after", 900)); lsn != pr.Start+1 {
		t.Errorf("the next LSN is %d, the lane starts at %d", lsn, pr.Start)
	}
	p.settled(w)
	// Nothing is missing now: nothing can be given up.
	id := p.server.AskSkip(pr.Start + 1)
	stop()
	w, stop = p.start(cfg)
	defer stop()
	if r := p.outcome(id, sink.StateFailed, sink.StateDone); r.State != sink.StateFailed || !strings.Contains(r.Result, "nothing of it is missing") {
		t.Errorf("%+v", r)
	}
}

// It is noticed although nothing is written.
func TestMySQLLacksDrainedUnitsOfAQuietLane(t *testing.T) {
	p := newPipeline(t)
	for i := range 9 {
		p.commit(pair(row.Insert, i, "v", i))
	}
	cfg := p.withDesk(p.config())
	cfg.Rebuild = p.store
	w, _ := p.start(cfg)
	p.settled(w)
	p.server.set(func(s *server) { s.cp.LSN = 4 })
	eventually(t, "the lane closes and names what is missing", func() bool { return p.closed(w, "units 5 to 9 were acknowledged") })
}

// The queue still has the units that MySQL lost: they are applied again.
func TestMySQLLacksUnitsThatTheQueueHas(t *testing.T) {
	p := newPipeline(t)
	q := keeping{queue.NewMemory()}
	p.failOver(q)
	cfg := p.withDesk(p.config())
	cfg.Queue, cfg.Rebuild, cfg.Top, cfg.Above, cfg.Kept = q, p.store, q.Top, q.Above, true
	_, stop := p.start(cfg)
	eventually(t, "the lane is open", func() bool { return p.server.checkpoint() > 1000 && p.store.Usable("main") == nil })
	stop()
	if got := len(p.onRows()); got != 20 {
		t.Errorf("MySQL has %d units", got)
	}
	p.look()
	p.checkCache(p.server.rows, nil)
}

// silent is a queue that does not find unit 8, and waits for it.
type silent struct{ keeping }

func (s silent) Poll(ctx context.Context, lane row.Lane, after row.LSN, most int) ([]wal.Record, error) {
	if after < 7 {
		return s.keeping.Poll(ctx, lane, after, min(most, int(7-after)))
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// A queue that says nothing of a unit below its top keeps nobody waiting for ever.
func TestQueueIsSilentAboutAUnit(t *testing.T) {
	p := newPipeline(t)
	q := silent{keeping{queue.NewMemory()}}
	p.failOver(q.keeping)
	cfg := p.withDesk(p.config())
	cfg.Queue, cfg.Rebuild, cfg.Top, cfg.Kept = q, p.store, q.Top, true
	cfg.Above = func(context.Context, row.Lane, row.LSN) (row.LSN, error) { return 12, nil }
	w, _ := p.start(cfg)
	eventually(t, "the hole is told", func() bool { return p.closed(w, "units 8 to 11 were acknowledged") && p.server.checkpoint() == 7 })
}

// Whatever fails while units are given up, it fails once or the process dies
// there, and the next one does the rest.
func TestSkipUnderFaults(t *testing.T) {
	for _, dies := range []bool{false, true} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("dies=%v,after=%v", dies, after), func(t *testing.T) {
				t.Parallel()
				for at := 0; ; at++ {
					f := &fault{at: at, after: after, dies: dies}
					skipOnce(t, f)
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

// skipOnce gives units up under a fault.
func skipOnce(t *testing.T, f *fault) {
	t.Helper()
	p := newPipeline(t)
	p.failOver(queue.NewMemory())
	id := p.server.AskSkip(15)
	crashed := make(chan struct{})
	f.killed = func() { close(crashed) }
	x := faulty{p.store, queue.NewMemory(), p.server, f}
	cfg := p.withDesk(p.config())
	cfg.Log, cfg.Target, cfg.Queue, cfg.Desk, cfg.Rebuild, cfg.BatchSize = x, x, x, x, faultyRebuilder{p.store, f}, 2
	open := func() bool {
		pr, err := p.store.Remains(t.Context(), "main")
		if err != nil {
			t.Fatal(err)
		}
		return pr.Start > 0 && p.server.checkpoint() >= pr.Start
	}
	_, stop := p.start(cfg)
	eventually(t, "the crash or the end", func() bool {
		select {
		case <-crashed:
			return true
		default:
			return open()
		}
	})
	stop()
	cfg = p.withDesk(p.config())
	cfg.Owner, cfg.Rebuild = "w2", p.store
	_, stop = p.start(cfg)
	defer stop()
	eventually(t, "the lane is open", func() bool { return open() && p.store.Usable("main") == nil })
	if got := fmt.Sprint(p.onRows()); got != "[1 2 3 4 5 6 16 17 18 19 20]" {
		t.Errorf("MySQL has units %s", got)
	}
	if r := p.outcome(id, sink.StateDone, sink.StateFailed); r.State != sink.StateDone {
		t.Errorf("%+v", r)
	}
	if s, err := p.server.SkippedUnits(t.Context(), "main"); err != nil || len(s) != 1 {
		t.Errorf("given up: %+v, %v", s, err)
	}
}

// Behind tells a MySQL that was rolled back from a life that has just begun.
func TestBehind(t *testing.T) {
	for _, c := range []struct {
		checkpoint row.LSN
		p          wal.Progress
		want       bool
	}{
		{0, wal.Progress{}, false},
		{5, wal.Progress{LSN: 9, Settled: 5}, false},
		{6, wal.Progress{LSN: 9, Settled: 5}, false},
		{4, wal.Progress{LSN: 9, Settled: 5}, true},
		{0, wal.Progress{LSN: 9, Settled: 5}, true},
		{20, wal.Progress{LSN: 1000, Settled: 1000, Start: 1000, LostAfter: 20, LostTo: 30}, false},
		{19, wal.Progress{LSN: 1000, Settled: 1000, Start: 1000, LostAfter: 20, LostTo: 30}, true},
		{20, wal.Progress{LSN: 1001, Settled: 1001, Start: 1000, LostAfter: 20, LostTo: 30}, true},
		{1000, wal.Progress{LSN: 1001, Settled: 1000, Start: 1000, LostAfter: 20}, false},
	} {
		if got := Behind(c.checkpoint, c.p); got != c.want {
			t.Errorf("checkpoint %d, %+v: %v", c.checkpoint, c.p, got)
		}
	}
}
