package absorber

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// pairsName is the pipeline's table.
var pairsName = schema.Name{DB: "d", Table: "pairs"}

// engine is an engine on the pipeline's store that never reads MySQL.
func (p *pipeline) engine(change func(*Config)) *Engine {
	cfg := Config{Process: "p", Lanes: []row.Lane{"main"}, Options: func(string) TableOptions { return TableOptions{Lane: "main"} }}
	if change != nil {
		change(&cfg)
	}
	return New(cfg, p.store, nil)
}

// gate is the table's gate now.
func (p *pipeline) gate() wal.GateState {
	p.t.Helper()
	infos, err := p.store.TableStates(p.t.Context(), "main", []string{"d.pairs"})
	if err != nil {
		p.t.Fatal(err)
	}
	return infos[0].Gate
}

// settleAll turns everything clean, as if it had drained.
func (p *pipeline) settleAll(upto row.LSN, key row.Key) {
	p.t.Helper()
	rows := []wal.SettleRow{{RowKey: wal.RowKey{Table: "d.pairs", Key: key}, TTL: time.Hour}}
	if err := p.store.Settle(p.t.Context(), "main", 1, upto, rows); err != nil {
		p.t.Fatal(err)
	}
}

// A gate that could not be shut is not held: the session may not write to
// MySQL when it tries again, and commits go on at once, though the session has
// other gates that stay shut.
func TestHoldGivesBackWhatItCannotShut(t *testing.T) {
	p := newPipeline(t)
	e := p.engine(func(c *Config) { c.BarrierTimeout = 20 * time.Millisecond })
	m := pair(row.Insert, 1, "a", 1)
	lsn := p.commit(m)
	h := e.NewHold(nil, "owner", 0)
	other := schema.Name{DB: "d", Table: "other"}
	if err := h.Close(t.Context(), []schema.Name{other}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := h.Close(t.Context(), []schema.Name{pairsName}); !errors.Is(err, ErrLockWait) {
			t.Fatalf("nothing drains, yet the gate was closed: %v", err)
		}
		if g := p.gate(); g != wal.GateOpen {
			t.Errorf("the gate is %c after the failure, want it open", g)
		}
	}
	p.settleAll(lsn, m.Key)
	if err := h.Close(t.Context(), []schema.Name{pairsName}); err != nil {
		t.Fatal(err)
	}
	if g := p.gate(); g != wal.GateShut {
		t.Errorf("the gate is %c, want it shut", g)
	}
	if err := h.Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if g := p.gate(); g != wal.GateOpen || !h.Empty() {
		t.Errorf("the gate is %c after the end", g)
	}
}

// The limit is for the wait behind other sessions, which is told like a lock. What
// takes longer to drain than the limit is none of its business.
func TestHoldLimit(t *testing.T) {
	p := newPipeline(t)
	e := p.engine(nil)
	m := pair(row.Insert, 1, "a", 1)
	lsn := p.commit(m)
	first, second := e.NewHold(nil, "first", 0), e.NewHold(nil, "second", 0)
	closed := make(chan error, 1)
	go func() { closed <- first.CloseWithin(context.Background(), []schema.Name{pairsName}, time.Millisecond) }()
	for p.gate() == wal.GateOpen {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond)
	p.settleAll(lsn, m.Key)
	if err := <-closed; err != nil {
		t.Fatalf("what is pending took longer than the limit to drain: %v", err)
	}
	for until := time.Now().Add(time.Minute); ; { // until the gate is closed for too long to be joined
		begun := time.Now()
		err := second.CloseWithin(t.Context(), []schema.Name{pairsName}, 30*time.Millisecond)
		if err == ErrLockWait && time.Since(begun) >= 30*time.Millisecond {
			break
		}
		if err != nil || time.Now().After(until) {
			t.Fatalf("behind another session for longer than the limit: %v", err)
		}
		if err := second.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := second.CloseWithin(t.Context(), []schema.Name{pairsName}, 0); err != nil {
		t.Errorf("without a limit of the session's: %v", err)
	}
}

// Renewing at the moment of a release does not look like a lost gate.
func TestHoldRenewBesideRelease(t *testing.T) {
	p := newPipeline(t)
	e := p.engine(nil)
	h := e.NewHold(nil, "owner", 0)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := h.renew(context.Background()); err != nil {
				t.Errorf("renew: %v", err)
			}
		}
	}()
	for range 200 {
		if err := h.Close(t.Context(), []schema.Name{pairsName}); err != nil {
			t.Fatal(err)
		}
		if err := h.Lost(); err != nil {
			t.Fatalf("the gate counts as lost: %v", err)
		}
		if err := h.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	<-done
	if err := h.Lost(); err != nil {
		t.Errorf("a gate that was given back counts as lost: %v", err)
	}
}

// A gate whose lease has ended is lost until the hold is released.
func TestHoldLost(t *testing.T) {
	p := newPipeline(t)
	e := p.engine(func(c *Config) { c.GateLease = time.Millisecond })
	h := e.NewHold(nil, "owner", 0)
	if err := h.Close(t.Context(), []schema.Name{pairsName}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the lease ends", func() bool { return h.renew(t.Context()) != nil })
	if h.Lost() == nil {
		t.Error("the session is not told that its gate is gone")
	}
	if err := p.store.SweepGates(t.Context(), "main", e.reap); err != nil {
		t.Fatal(err)
	}
	if g := p.gate(); g != wal.GateOpen {
		t.Errorf("the gate is %c after the sweep", g)
	}
	if err := h.Release(t.Context()); err != nil || h.Lost() != nil {
		t.Errorf("after the release: %v, %v", err, h.Lost())
	}
}

// A call that gives a gate back and had no answer may arrive late: when the
// session has closed the gate again, it must not open it.
func TestHoldLateLeave(t *testing.T) {
	p := newPipeline(t)
	h := p.engine(nil).NewHold(nil, "owner", 0)
	tables := []schema.Name{pairsName}
	if err := h.Close(t.Context(), tables); err != nil {
		t.Fatal(err)
	}
	was := h.owner()
	if err := h.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(t.Context(), tables); err != nil {
		t.Fatal(err)
	}
	if err := p.store.LeaveGate(t.Context(), "main", pairsName.String(), was); err != nil {
		t.Fatal(err)
	}
	if g := p.gate(); g != wal.GateShut {
		t.Errorf("the gate is %c after a late call of the first release, want it shut", g)
	}
	if err := h.Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if g := p.gate(); g != wal.GateOpen {
		t.Errorf("the gate is %c in the end", g)
	}
}
