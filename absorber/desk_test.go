package absorber

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/queue"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// vOnly is an update of v alone.
func vOnly(id int, v string, u int) row.Mutation {
	m := pair(row.Update, id, v, u)
	m.Changed = []uint16{1}
	return m
}

// uOnly is an update of u alone; v in its image is what the client saw.
func uOnly(id int, v string, u int) row.Mutation {
	m := pair(row.Update, id, v, u)
	m.Changed = []uint16{2}
	return m
}

// poisoned commits a row, a refused update of it in the middle of a batch, and
// two more behind that one. Other rows drain.
func (p *pipeline) poisoned() (refused row.LSN) {
	p.t.Helper()
	p.commit(pair(row.Insert, 1, "old", 1))
	p.commit(pair(row.Insert, 50, "other", 50))
	refused = p.commit(vOnly(1, "poison", 1))
	p.commit(pair(row.Update, 50, "others", 50))
	p.commit(uOnly(1, "poison", 7))
	p.commit(uOnly(1, "poison", 8), pair(row.Insert, 2, "with it", 2))
	p.commit(pair(row.Insert, 51, "other", 51))
	return refused
}

// start3 runs a worker over the poisoned lane.
func (p *pipeline) start3() (w *Worker, refused row.LSN) {
	p.t.Helper()
	refused = p.poisoned()
	cfg := p.withDesk(p.config())
	cfg.InOrder = true // or the batch folds the poison into what is behind it
	cfg.LeaseTTL, cfg.Grace = 10*time.Second, 5*time.Second
	w, _ = p.start(cfg)
	p.settled(w)
	if got := p.lsns(); !slices.Equal(got, []row.LSN{3, 5, 6}) {
		p.t.Fatalf("dead letters %v", got)
	}
	if p.value(50) != "others 50" || p.value(51) != "other 51" || p.value(1) != "old 1" || p.value(2) != "" {
		p.t.Fatalf("rows: %q", p.server.rows)
	}
	return w, refused
}

func TestRetryAppliesTheChainInOrder(t *testing.T) {
	p := newPipeline(t)
	w, refused := p.start3()

	// The cause is still there: nothing happens, and the letters say so anew.
	r := p.outcome(p.ask(sink.VerbRetry, refused, ""), sink.StateFailed, sink.StateDone)
	if r.State != sink.StateFailed || !strings.Contains(r.Result, "3819") || len(p.lsns()) != 3 || p.value(1) != "old 1" {
		t.Fatalf("%+v, letters %v, row %q", r, p.lsns(), p.value(1))
	}
	p.gatesAreOpen(t)
	p.server.set(func(s *server) { s.lenient = true })
	// Asked for by one that waits, the whole chain goes.
	r = p.outcome(p.ask(sink.VerbRetry, 6, ""), sink.StateFailed, sink.StateDone)
	if r.State != sink.StateDone || r.Result != "applied 3 dead letters" || len(p.lsns()) != 0 {
		t.Fatalf("%+v, letters %v", r, p.lsns())
	}
	if p.value(1) != "poison 8" || p.value(2) != "with it 2" || p.cached(1) != "" || p.cached(2) != "" {
		t.Errorf("rows %q and %q, cached %q and %q", p.value(1), p.value(2), p.cached(1), p.cached(2))
	}
	p.gatesAreOpen(t)
	p.commit(uOnly(1, "poison", 9))
	p.settled(w)
	if p.value(1) != "poison 9" || p.cached(1) != "poison 9" || w.Stats().Parked != 0 {
		t.Errorf("row %q, cached %q, %d rows parked", p.value(1), p.cached(1), w.Stats().Parked)
	}
	if _, err := p.server.Ask(t.Context(), sink.VerbRetry, 1, "", nil); !errors.Is(err, sink.ErrNoLetter) {
		t.Errorf("a letter that is gone: %v", err)
	}
}

// Who was told before the retry that a unique value is free must ask again.
func TestRetryEndsTheLeasesOfItsUniqueValues(t *testing.T) {
	p := newPipeline(t)
	_, refused := p.start3()
	p.server.set(func(s *server) { s.lenient = true })
	late := pair(row.Insert, 90, "late", 8)
	key, _, err := claimKey(pairs, pairs.Uniques[0], late.Image)
	if err != nil {
		t.Fatal(err)
	}
	free, err := p.store.ReadClaims(t.Context(), "main", p.state, []wal.ClaimKey{key})
	if err != nil || free[0].Held || free[0].Lease == "" {
		t.Fatalf("%+v, %v", free, err)
	}
	if r := p.outcome(p.ask(sink.VerbRetry, refused, ""), sink.StateFailed, sink.StateDone); r.State != sink.StateDone {
		t.Fatalf("%+v", r)
	}
	_, err = p.store.Commit(t.Context(), &wal.Commit{
		Unit: &row.Unit{ID: row.UnitID{Writer: "late", Seq: 1}, Lane: "main", Mutations: []row.Mutation{late}}, Gens: map[string]uint64{"d.pairs": p.state.Gen},
		ClaimReads: []wal.ClaimRead{{ClaimKey: key, Lease: free[0].Lease}},
	})
	if !errors.Is(err, wal.ErrConflict) {
		t.Errorf("the value that the retry took was committed again: %v", err)
	}
}

func TestDiscardFreesTheRowsInOrder(t *testing.T) {
	p := newPipeline(t)
	w, refused := p.start3()
	if r := p.outcome(p.ask(sink.VerbDiscard, refused, ""), sink.StateFailed, sink.StateDone); r.State != sink.StateDone {
		t.Fatalf("%+v", r)
	}
	// Those behind it stay, and hold the row.
	p.commit(uOnly(1, "old", 20))
	p.settled(w)
	if got := p.lsns(); !slices.Equal(got, []row.LSN{5, 6, 8}) || p.value(1) != "old 1" {
		t.Fatalf("letters %v, row %q", got, p.value(1))
	}
	if r := p.outcome(p.ask(sink.VerbRetry, 5, ""), sink.StateFailed, sink.StateDone); r.State != sink.StateDone {
		t.Fatalf("%+v", r)
	}
	if p.value(1) != "old 20" || p.value(2) != "with it 2" || len(p.lsns()) != 0 {
		t.Errorf("rows %q %q", p.value(1), p.value(2))
	}
}

// What a client committed on the image of a write that is discarded before its
// own drains must not leave that image in the cache.
func TestDiscardLeavesNoTraceInTheCache(t *testing.T) {
	p := newPipeline(t)
	cfg := p.withDesk(p.config())
	cfg.InOrder = true
	p.commit(pair(row.Insert, 1, "old", 1))
	refused := p.commit(vOnly(1, "poison", 1))
	w, stop := p.start(cfg)
	p.settled(w)
	p.pause(w)
	p.commit(uOnly(1, "poison", 7)) // as if it had been on its way
	r := p.outcome(p.ask(sink.VerbDiscard, refused, ""), sink.StateApplied)
	stop() // the next owner has to know it too
	cfg.Owner = "w2"
	w, _ = p.start(cfg)
	if p.cached(1) != "poison 7" {
		t.Errorf("the acknowledged write is not seen: %q", p.cached(1))
	}
	if err := p.store.SetPaused(t.Context(), "main", false); err != nil {
		t.Fatal(err)
	}
	p.settled(w)
	if p.value(1) != "old 7" || p.cached(1) != "" {
		t.Errorf("row %q, cached %q", p.value(1), p.cached(1))
	}
	p.outcome(r.ID, sink.StateDone)
}

// A write that was acknowledged on MySQL's truth while the row was parked goes
// behind the chain, and the cache shows neither without the other.
func TestRetryWaitsForPendingWrites(t *testing.T) {
	p := newPipeline(t)
	w, refused := p.start3()
	p.server.set(func(s *server) { s.lenient = true })
	p.pause(w)
	p.commit(uOnly(1, "old", 30))
	r := p.outcome(p.ask(sink.VerbRetry, refused, ""), sink.StateFailed, sink.StateDone)
	if r.State != sink.StateDone || r.Result != "applied 4 dead letters" {
		t.Fatalf("%+v", r)
	}
	if p.value(1) != "poison 30" || p.cached(1) != "" {
		t.Errorf("row %q, cached %q", p.value(1), p.cached(1))
	}
	p.gatesAreOpen(t)
}

// Far behind a backlog the retry waits, with the gate open, and does it when
// the lane has come there.
func TestRetryWaitsBehindALongBacklog(t *testing.T) {
	p := newPipeline(t)
	w, refused := p.start3()
	p.server.set(func(s *server) { s.lenient = true })
	p.pause(w)
	for i := range nearby + 5 {
		p.commit(pair(row.Insert, 10000+i, "v", 10000+i))
	}
	p.commit(uOnly(1, "old", 30))
	id := p.ask(sink.VerbRetry, refused, "")
	eventually(t, "it says what it waits for", func() bool {
		return strings.Contains(p.outcome(id, sink.StateOpen).Result, "waits until the writes of its rows")
	})
	p.gatesAreOpen(t)
	discard := p.ask(sink.VerbEdit, refused, "[]")
	if r := p.outcome(discard, sink.StateFailed); !strings.Contains(r.Result, "no column") {
		t.Errorf("another request meanwhile: %+v", r)
	}
	if err := p.store.SetPaused(t.Context(), "main", false); err != nil {
		t.Fatal(err)
	}
	p.outcome(id, sink.StateDone)
	if p.value(1) != "poison 30" || p.cached(1) != "" {
		t.Errorf("row %q, cached %q", p.value(1), p.cached(1))
	}
	p.settled(w)
}

func TestEditChangesTheStoredUnit(t *testing.T) {
	p := newPipeline(t)
	_, refused := p.start3()
	for argument, want := range map[string]string{
		`[{"column":"nothing","value":"x"}]`:                         "no column nothing",
		`[{"column":"id","value":"2"}]`:                              "primary key",
		`[{"column":"u","value":"seven"}]`:                           "does not store",
		`[{"row":2,"column":"u","value":"7"}]`:                       "no such row",
		`[{"column":"v","value":"` + strings.Repeat("x", 51) + `"}]`: "does not store",
		`nonsense`: "cannot be read",
	} {
		if r := p.outcome(p.ask(sink.VerbEdit, refused, argument), sink.StateFailed, sink.StateDone); r.State != sink.StateFailed || !strings.Contains(r.Result, want) {
			t.Errorf("%s: %+v", argument, r)
		}
	}
	if r := p.outcome(p.ask(sink.VerbEdit, refused, `[{"column":"V","value":"cured"}]`), sink.StateFailed, sink.StateDone); r.State != sink.StateDone {
		t.Fatalf("%+v", r)
	}
	var first sink.DeadLetter
	p.server.set(func(s *server) { first = s.letters[0] })
	l, err := openLetter(&first)
	if err != nil {
		t.Fatal(err)
	}
	edits, err := readEdits(first.Edits)
	if err != nil || len(edits) != 1 || *edits[0].From != "poison" || *edits[0].To != "cured" || edits[0].By != "tester" || edits[0].Column != "v" ||
		time.Since(edits[0].At) > time.Minute || first.LSN != refused || l.unit.ID.Seq != uint64(refused) {
		t.Errorf("edits %+v, letter %+v, %v", edits, first, err)
	}
	if r := p.outcome(p.ask(sink.VerbRetry, refused, ""), sink.StateFailed, sink.StateDone); r.State != sink.StateDone {
		t.Fatalf("%+v", r)
	}
	if p.value(1) != "cured 8" || p.value(2) != "with it 2" {
		t.Errorf("rows %q %q", p.value(1), p.value(2))
	}
}

// The process dies at each side effect of a retry in turn, before or after it;
// or the effect fails once. The chain is applied exactly once, the cache shows
// no old row, and the gate opens.
func TestEveryStepOfARetryMayFail(t *testing.T) {
	for _, dies := range []bool{false, true} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("dies=%v,after=%v", dies, after), func(t *testing.T) {
				t.Parallel()
				for at := 0; ; at++ {
					if failRetry(t, at, dies, after) {
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

// failRetry runs a retry whose at-th side effect fails; true: there are not as many.
func failRetry(t *testing.T, at int, dies, after bool) (passed bool) {
	p := newPipeline(t)
	cfg := p.withDesk(p.config())
	cfg.InOrder, cfg.LeaseTTL = true, 2*time.Second
	refused := p.poisoned()
	w, stop := p.start(cfg)
	p.settled(w)
	stop()
	p.server.set(func(s *server) { s.lenient = true })

	crashed := make(chan struct{})
	f := &fault{at: at, after: after, dies: dies, killed: func() { close(crashed) }}
	x := faulty{p.store, queue.NewMemory(), p.server, f}
	cfg.Owner, cfg.Log, cfg.Target, cfg.Queue, cfg.Desk, cfg.Rows = "w2", x, x, x, x, x
	// The row stands in the cache as it was before.
	p.fill(1, "old 1")
	id := p.ask(sink.VerbRetry, refused, "")
	_, stop = p.start(cfg)
	eventually(t, "the crash or the end", func() bool {
		select {
		case <-crashed:
			return true
		default:
			return p.outcome(id, sink.StateOpen, sink.StateApplied, sink.StateDone).State == sink.StateDone
		}
	})
	stop()
	clean := p.withDesk(p.config())
	clean.Owner, clean.InOrder, clean.LeaseTTL = "w3", true, 2*time.Second
	w, _ = p.start(clean)
	p.outcome(id, sink.StateDone)
	if p.value(1) != "poison 8" || p.value(2) != "with it 2" || len(p.lsns()) != 0 || p.cached(1) != "" {
		t.Fatalf("fault at %d, %s: rows %q %q, letters %v, cached %q", at, f.hit, p.value(1), p.value(2), p.lsns(), p.cached(1))
	}
	sweep(t, p)
	p.commit(uOnly(1, "poison", 77))
	p.settled(w)
	if p.value(1) != "poison 77" {
		t.Fatalf("fault at %d, %s: row %q", at, f.hit, p.value(1))
	}
	return f.passed()
}

// pause stops the draining for certain: with a unit that waits.
func (p *pipeline) pause(w *Worker) {
	p.t.Helper()
	if err := p.store.SetPaused(p.t.Context(), "main", true); err != nil {
		p.t.Fatal(err)
	}
	for id := 60; w.Stats().State != StatePaused; id++ {
		p.commit(pair(row.Insert, id, "filler", id))
		for range 100 {
			if time.Sleep(2 * time.Millisecond); w.Stats().State == StatePaused {
				return
			}
		}
	}
}

// fill puts a row into the cache as a reader does.
func (p *pipeline) fill(id int, want string) {
	p.t.Helper()
	m := pair(row.Insert, id, "old", id)
	k := wal.RowKey{Table: m.Table, Key: m.Key}
	rows, err := p.store.Read(p.t.Context(), "main", p.state, []wal.RowKey{k}, true)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.store.Fill(p.t.Context(), "main", p.state, k, rows[0].Lease, 1, m.Image.AppendTo(nil), time.Hour); err != nil {
		p.t.Fatal(err)
	}
	if got := p.cached(id); got != want {
		p.t.Fatalf("cached %q", got)
	}
}

// sweep lets the gates of dead owners open, as every engine does.
func sweep(t *testing.T, p *pipeline) {
	t.Helper()
	eventually(t, "the gate opens", func() bool {
		if err := p.store.SweepGates(t.Context(), "main", func(uint64) error { return nil }); err != nil {
			t.Fatal(err)
		}
		infos, err := p.store.TableStates(t.Context(), "main", []string{"d.pairs"})
		return err == nil && infos[0].Gate == wal.GateOpen
	})
}
