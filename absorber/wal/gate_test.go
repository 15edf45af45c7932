package wal

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestGates(t *testing.T) {
	conform(t, []scenario{
		{"closing stops commits and keeps the cache, shut stops reads too", gateStates},
		{"a shut gate opens with a new generation that hides old rows", gateBump},
		{"a closing gate opens with the same generation", gateNoBump},
		{"a gate stays closed until its last owner leaves", gateOwners},
		{"leaving twice, or without having joined, does no harm", gateLeaveTwice},
		{"after the window only those who hold another gate may join", gateWindow},
		{"who comes late joins a shut gate beside who did not", gateLate},
		{"a gate that commits waited for rests once it is open", gateRest},
		{"an ended lease is not renewed and not joined again", gateExpiry},
		{"the sweeper reaps before it opens", gateSweep},
		{"the sweeper leaves what it cannot reap, and who is alive", gateSweepRefused},
		{"waiters wake when the gate opens", gateWait},
		{"a fill from before the section is not seen after it", gateFill},
	})
}

// join closes the gate for an owner.
func (e *env) join(owner string, backend uint64, lease time.Duration) GateInfo {
	e.Helper()
	g, err := e.s.JoinGate(e.ctx, main0, table, owner, backend, lease, JoinFirst)
	if err != nil {
		e.Fatalf("join: %v", err)
	}
	return g
}

// leave ends an owner's part.
func (e *env) leave(owner string) {
	e.Helper()
	if err := e.s.LeaveGate(e.ctx, main0, table, owner); err != nil {
		e.Fatalf("leave: %v", err)
	}
}

// gate is the table's gate and generation now.
func (e *env) gate() (GateState, uint64) {
	st := e.info(e.s).TableState
	return st.Gate, st.Gen
}

// wantGate compares it.
func (e *env) wantGate(gate GateState, gen uint64) {
	e.Helper()
	if g, n := e.gate(); g != gate || n != gen {
		e.Errorf("the gate is %c in generation %d; want %c in %d", g, n, gate, gen)
	}
}

func gateStates(e *env) {
	e.commit(e.unit("a").put("k", "v"))
	g := e.join("o", 7, time.Minute)
	if g.State != GateClosing || g.DrainTo != 1 || g.Gen != 1 {
		e.Errorf("joined %+v", g)
	}
	e.refuse(e.unit("a").put("k", "v2"), ErrGated)
	e.wantRow("k", "v", true)
	if err := e.s.ShutGate(e.ctx, main0, table, Counter{}); !errors.Is(err, ErrConflict) {
		e.Errorf("shut with a pending row gave %v", err)
	}
	e.settle(1, "k")
	if err := e.s.ShutGate(e.ctx, main0, table, Counter{}); err != nil {
		e.Fatal(err)
	}
	e.wantGate(GateShut, 1)
	if err := e.s.ShutGate(e.ctx, main0, table, Counter{}); err != nil {
		e.Errorf("shut again gave %v", err)
	}
	if _, err := e.s.Read(e.ctx, main0, e.st, []RowKey{{table, "k"}}, true); !errors.Is(err, ErrGated) {
		e.Errorf("a read in the section gave %v", err)
	}
	if _, err := e.s.ReadClaims(e.ctx, main0, e.st, []ClaimKey{claimKey("x")}); !errors.Is(err, ErrGated) {
		e.Errorf("a claim read in the section gave %v", err)
	}
	e.refuse(e.unit("a").put("k", "v3"), ErrGated)
	e.leave("o")
	if err := e.s.ShutGate(e.ctx, main0, table, Counter{}); kind(err) != "fenced" {
		e.Errorf("shutting an open gate gave %v", err)
	}
}

func gateBump(e *env) {
	e.commit(e.unit("a").put("k", "before").claim("x", "k"))
	e.settle(1, "k")
	old := e.read("k")
	e.join("o", 7, time.Minute)
	if err := e.s.ShutGate(e.ctx, main0, table, Counter{}); err != nil {
		e.Fatal(err)
	}
	e.leave("o")
	e.wantGate(GateOpen, 2)
	if _, err := e.s.Read(e.ctx, main0, e.st, []RowKey{{table, "k"}}, true); !errors.Is(err, ErrStaleTable) {
		e.Errorf("a read under the old generation gave %v", err)
	}
	e.refuse(e.unit("a").seen("k", old).put("k", "computed before"), ErrStaleTable)
	e.st = e.info(e.s).TableState
	if r := e.read("k"); r.Found {
		e.Errorf("the old row is visible: %+v", r)
	}
	if c := e.readClaim("x"); c.Held {
		e.Errorf("the old claim is visible: %+v", c)
	}
}

func gateNoBump(e *env) {
	e.commit(e.unit("a").put("k", "v"))
	e.join("o", 0, time.Minute)
	e.leave("o")
	e.wantGate(GateOpen, 1)
	e.wantRow("k", "v", true)
	e.commit(e.unit("a").put("k", "v2"))
}

func gateOwners(e *env) {
	e.join("o1", 1, time.Minute)
	if err := e.s.ShutGate(e.ctx, main0, table, Counter{}); err != nil {
		e.Fatal(err)
	}
	if g := e.join("o2", 2, time.Minute); g.State != GateShut {
		e.Errorf("joined %+v", g)
	}
	e.leave("o1")
	e.wantGate(GateShut, 1)
	e.leave("o2")
	e.wantGate(GateOpen, 2)
}

func gateLeaveTwice(e *env) {
	e.leave("nobody")
	e.join("o1", 1, time.Minute)
	e.leave("o1")
	e.join("o2", 2, time.Minute)
	e.leave("o1")
	e.wantGate(GateClosing, 1)
	e.leave("o2")
	e.wantGate(GateOpen, 1)
}

func gateWindow(e *env) {
	narrow, _ := e.process(e.b.addr, Options{GateWindow: 20 * time.Millisecond})
	e.s = narrow
	e.open(narrow)
	e.join("o1", 1, time.Minute)
	e.pass(50 * time.Millisecond)
	if _, err := e.s.JoinGate(e.ctx, main0, table, "o2", 2, time.Minute, JoinFirst); !errors.Is(err, ErrGated) {
		e.Errorf("a late join gave %v", err)
	}
	if _, err := e.s.JoinGate(e.ctx, main0, table, "o3", 3, time.Minute, JoinHolding); err != nil {
		e.Errorf("a late join of a holder gave %v", err)
	}
	if _, err := e.s.JoinGate(e.ctx, main0, table, "o1", 4, time.Minute, JoinFirst); err != nil {
		e.Errorf("joining again gave %v", err)
	}
}

func gateLate(e *env) {
	late := func(owner string, want error) {
		e.Helper()
		if _, err := e.s.JoinGate(e.ctx, main0, table, owner, 9, time.Minute, JoinLate); !errors.Is(err, want) {
			e.Errorf("a late join of %s gave %v, want %v", owner, err, want)
		}
	}
	narrow, _ := e.process(e.b.addr, Options{GateWindow: 20 * time.Millisecond})
	e.s = narrow
	e.open(narrow)
	late("l1", ErrConflict) // it is open
	e.commit(e.unit("a").put("k", "v"))
	e.join("o1", 1, time.Minute)
	late("l1", ErrGated) // nobody may write yet
	e.settle(1, "k")
	if err := e.s.ShutGate(e.ctx, main0, table, Counter{}); err != nil {
		e.Fatal(err)
	}
	e.pass(50 * time.Millisecond)
	late("l1", nil)
	late("l1", nil) // a repeat
	late("l2", nil)
	e.leave("l1")
	e.leave("o1")
	late("l2", nil)      // it is in
	late("l3", ErrGated) // l2 alone keeps it, and came late
	e.refuse(e.unit("a").put("k", "v2"), ErrGated)
	e.leave("l2")
	e.wantGate(GateOpen, 2)
	e.join("l2", 1, time.Minute) // first this time
	if err := e.s.ShutGate(e.ctx, main0, table, Counter{}); err != nil {
		e.Fatal(err)
	}
	late("l4", nil)
	e.leave("l4")
	e.leave("l2")
	e.wantGate(GateOpen, 3)
	e.join("o3", 1, 30*time.Millisecond)
	if err := e.s.ShutGate(e.ctx, main0, table, Counter{}); err != nil {
		e.Fatal(err)
	}
	e.pass(60 * time.Millisecond)
	late("l5", ErrGated) // whose lease has ended keeps it no longer
}

func gateRest(e *env) {
	want := func() {
		e.Helper()
		if err := e.s.WantGate(e.ctx, main0, table); err != nil {
			e.Fatal(err)
		}
	}
	want() // of an open gate: nothing to wait for
	e.join("o1", 1, time.Minute)
	e.leave("o1")
	e.join("o2", 2, time.Minute) // nobody waited
	want()
	e.leave("o2")
	if _, err := e.s.JoinGate(e.ctx, main0, table, "o3", 3, time.Minute, JoinFirst); !errors.Is(err, ErrGated) {
		e.Errorf("a join right after the opening gave %v", err)
	}
	e.commit(e.unit("a").put("k", "had waited"))
	if _, err := e.s.JoinGate(e.ctx, main0, table, "o4", 4, time.Minute, JoinHolding); err != nil {
		e.Errorf("a join of a holder gave %v", err)
	}
	e.leave("o4")
	want()
	e.pass(50 * time.Millisecond)
	e.join("o3", 3, time.Minute)
}

func gateExpiry(e *env) {
	const lease = 500 * time.Millisecond // it must not end before it is renewed
	e.join("o", 1, lease)
	tables := []string{table}
	if err := e.s.RenewGates(e.ctx, main0, "o", tables, lease); err != nil {
		e.Fatal(err)
	}
	e.pass(lease + 100*time.Millisecond)
	if err := e.s.RenewGates(e.ctx, main0, "o", tables, time.Minute); kind(err) != "fenced" {
		e.Errorf("renewing an ended lease gave %v", err)
	}
	if _, err := e.s.JoinGate(e.ctx, main0, table, "o", 1, time.Minute, JoinHolding); kind(err) != "fenced" {
		e.Errorf("joining again after the end gave %v", err)
	}
	if err := e.s.RenewGates(e.ctx, main0, "nobody", tables, time.Minute); kind(err) != "fenced" {
		e.Errorf("renewing without joining gave %v", err)
	}
}

func gateSweep(e *env) {
	e.join("dead", 77, 30*time.Millisecond)
	if err := e.s.ShutGate(e.ctx, main0, table, Counter{}); err != nil {
		e.Fatal(err)
	}
	e.pass(60 * time.Millisecond)
	var reaped []uint64
	err := e.s.SweepGates(e.ctx, main0, func(backend uint64) error {
		e.wantGate(GateShut, 1) // it must not open while the connection lives
		reaped = append(reaped, backend)
		return nil
	})
	if err != nil || len(reaped) != 1 || reaped[0] != 77 {
		e.Errorf("sweep reaped %v, %v", reaped, err)
	}
	e.wantGate(GateOpen, 2)
}

func gateSweepRefused(e *env) {
	e.join("dead", 77, 30*time.Millisecond)
	e.join("alive", 78, time.Minute)
	e.pass(60 * time.Millisecond)
	stuck := errors.New("cannot kill")
	if err := e.s.SweepGates(e.ctx, main0, func(uint64) error { return stuck }); !errors.Is(err, stuck) {
		e.Errorf("sweep gave %v", err)
	}
	if err := e.s.RenewGates(e.ctx, main0, "alive", []string{table}, time.Minute); err != nil {
		e.Errorf("the living owner is gone: %v", err)
	}
	if err := e.s.SweepGates(e.ctx, main0, func(uint64) error { return nil }); err != nil {
		e.Error(err)
	}
	e.wantGate(GateClosing, 1)
	e.leave("alive")
	e.wantGate(GateOpen, 1)
}

func gateWait(e *env) {
	e.join("o", 1, time.Minute)
	done := make(chan error, 2)
	for range 2 {
		go func() { done <- e.s.WaitGate(e.ctx, main0, table) }()
	}
	short, cancel := context.WithTimeout(e.ctx, 30*time.Millisecond)
	defer cancel()
	if err := e.s.WaitGate(short, main0, table); !errors.Is(err, context.DeadlineExceeded) {
		e.Errorf("waiting at a closed gate gave %v", err)
	}
	e.leave("o")
	for range 2 {
		if err := <-done; err != nil {
			e.Error(err)
		}
	}
}

func gateFill(e *env) {
	miss := e.read("k")
	e.join("o", 1, time.Minute)
	if err := e.s.ShutGate(e.ctx, main0, table, Counter{}); err != nil {
		e.Fatal(err)
	}
	if _, err := e.fill("k", miss.Lease, "before"); !errors.Is(err, ErrGated) {
		e.Errorf("a fill in the section gave %v", err)
	}
	e.leave("o")
	if _, err := e.fill("k", miss.Lease, "before"); !errors.Is(err, ErrStaleTable) {
		e.Errorf("a fill after the section gave %v", err)
	}
	e.st = e.info(e.s).TableState
	if r := e.read("k"); r.Found {
		e.Errorf("the image from before is there: %+v", r)
	}
}

// A refused renewal leaves all of the leases as they were.
func TestRenewAllOrNone(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		e := newEnv(t, b)
		if _, err := e.s.JoinGate(e.ctx, main0, "db.a", "o", 1, 50*time.Millisecond, JoinFirst); err != nil {
			t.Fatal(err)
		}
		if err := e.s.RenewGates(e.ctx, main0, "o", []string{"db.a", "db.b"}, time.Hour); kind(err) != "fenced" {
			t.Errorf("renewing a gate never joined gave %v", err)
		}
		e.pass(100 * time.Millisecond)
		var reaped int
		if err := e.s.SweepGates(e.ctx, main0, func(uint64) error { reaped++; return nil }); err != nil || reaped != 1 {
			t.Errorf("db.a was renewed although db.b could not be: reaped %d, %v", reaped, err)
		}
	})
}
