package absorber

import (
	"errors"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// shutBy is a hold that keeps the pipeline's table shut.
func (p *pipeline) shutBy(e *Engine) *Hold {
	p.t.Helper()
	h := e.NewHold(nil, "first", 0)
	if err := h.Close(p.t.Context(), []schema.Name{pairsName}); err != nil {
		p.t.Fatal(err)
	}
	return h
}

// until waits until ok.
func (p *pipeline) until(what string, ok func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// A session that waits for its turn to come late goes on when the gate opens, and
// gives its place back; who has had his keeps the place until his statement ends.
func TestLatePlaces(t *testing.T) {
	p := newPipeline(t)
	e := p.engine(func(c *Config) { c.LateRate = 1e-9 }) // one turn, and no other for years
	first := p.shutBy(e)
	one, two := e.NewUsage(), e.NewUsage()
	if opened, err := e.openOrLate(t.Context(), one, "main", "d.pairs"); opened || err != nil || !one.late() {
		t.Fatalf("the first gave %v, %v, place %v", opened, err, one.late())
	}
	done := make(chan error, 1)
	go func() {
		opened, err := e.openOrLate(t.Context(), two, "main", "d.pairs")
		if err == nil && !opened {
			err = errors.New("it is not its turn")
		}
		done <- err
	}()
	p.until("the second has a place", func() bool { return len(e.late.places) == 2 })
	if err := first.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := len(e.late.places); n != 1 || two.late() {
		t.Errorf("%d places are taken, the second has one: %v", n, two.late())
	}
	one.End(true)
	if !one.late() {
		t.Error("the place was lost in the middle of the transaction")
	}
	if one.End(false); one.late() || len(e.late.places) != 0 {
		t.Errorf("%d places are taken after the statement", len(e.late.places))
	}
	e.late.places <- struct{}{}
	one.place = e.late.places
	if e.EndUsage(one); len(e.late.places) != 0 {
		t.Error("a session has left with its place")
	}
}

// A write that comes late is let in beside who keeps the gate, and is planned
// again once nobody does who has not come late himself.
func TestLateHold(t *testing.T) {
	p := newPipeline(t)
	e := p.engine(nil)
	first := p.shutBy(e)
	late := func(name string) *Hold {
		u := e.NewUsage()
		if opened, err := e.openOrLate(t.Context(), u, "main", "d.pairs"); opened || err != nil {
			t.Fatalf("%s: %v, %v", name, opened, err)
		}
		u.behind = "d.pairs"
		return e.NewHold(u, name, 0)
	}
	in, out := late("in"), late("out")
	if err := in.Close(t.Context(), []schema.Name{pairsName}); err != nil {
		t.Fatal(err)
	}
	if err := first.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if g := p.gate(); g != wal.GateShut {
		t.Errorf("the gate is %c, want it shut by who came late", g)
	}
	done := make(chan error, 1)
	go func() { done <- out.Close(t.Context(), []schema.Name{pairsName}) }()
	select {
	case err := <-done:
		t.Errorf("the gate was joined for who came late alone: %v", err)
	case <-time.After(3 * gatePatience):
	}
	if err := in.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, ErrReplan) {
		t.Errorf("the gate has opened: %v, want ErrReplan", err)
	}
	if g := p.gate(); g != wal.GateOpen || !out.Empty() || out.u.late() {
		t.Errorf("the gate is %c, held %v, place kept %v", g, !out.Empty(), out.u.late())
	}
}
