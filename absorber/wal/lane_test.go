package wal

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

func TestLane(t *testing.T) {
	conform(t, []scenario{
		{"two processes share a lane", twoProcesses},
		{"a lane that is not open is the caller's mistake", notOpen},
		{"marks only go up and wake the owner", marks},
		{"waiting for a settle", waitSettled},
		{"the lane has one owner at a time", laneOwner},
		{"the counter gives out values", counter},
		{"values are given back", counterGivenBack},
		{"values are given back at random", givenBackAtRandom},
		{"values are given back once", givenBackOnce},
		{"the counter belongs to a generation", counterGeneration},
		{"a counter that Redis has lost is kept", counterKept},
		{"the counter stops at 2^53", counterRange},
		{"a unit raises the counter if and only if it is applied", counterRaisedByUnit},
		{"a writers' hash whose process died is deleted", writersSwept},
	})
}

func twoProcesses(e *env) {
	other, _ := e.process(e.b.addr, Options{})
	if st := e.open(other); st != e.st {
		e.Fatalf("the other process sees %+v, this one %+v", st, e.st)
	}
	a := e.s
	for i := range 20 {
		e.s = []*Store{a, other}[i%2]
		r := e.read("k")
		e.commit(e.unit([]string{"a", "b"}[i%2]).seen("k", r).put("k", string(rune('a'+i))))
	}
	e.wantRow("k", "t", true)
	for i, r := range e.tail(0) {
		u, err := Decode(r.Data)
		if err != nil || r.LSN != row.LSN(i+1) || string(u.Mutations[0].Image[1]) != string(rune('a'+i)) {
			e.Errorf("unit %d: %+v, %v", r.LSN, u, err)
		}
	}
	// Each has its own memory of writers: the same name and number is another unit.
	e.s = a
	lsn := e.commit(&Commit{Unit: &row.Unit{ID: row.UnitID{Writer: "same", Seq: 1}, Lane: main0}})
	e.s = other
	if again := e.commit(&Commit{Unit: &row.Unit{ID: row.UnitID{Writer: "same", Seq: 1}, Lane: main0}}); again == lsn {
		e.Error("a process was given the answer to another's unit")
	}
}

func notOpen(e *env) {
	if _, err := e.s.Progress(e.ctx, "never"); kind(err) != "permanent" {
		e.Errorf("progress gave %v", err)
	}
	if _, err := e.s.Open(e.ctx, ""); kind(err) != "permanent" {
		e.Errorf("a lane without a name gave %v", err)
	}
}

func marks(e *env) {
	e.commit(e.unit("a").put("k", "v"))
	e.commit(e.unit("a").put("k", "v"))
	woken := e.s.Wakeups(e.ctx, main0)
	e.await("a wakeup", func() bool {
		if err := e.s.SetPaused(e.ctx, main0, true); err != nil {
			e.Fatal(err)
		}
		select {
		case <-woken:
			return true
		default:
			return false
		}
	})
	for _, n := range []row.LSN{1, 2, 1} {
		if err := errors.Join(e.s.Relayed(e.ctx, main0, 1, n), e.s.RequestFlush(e.ctx, main0, n)); err != nil {
			e.Fatal(err)
		}
	}
	if p := e.progress(); !p.Paused || p.Relayed != 2 || p.Flush != 2 {
		e.Errorf("progress %+v", p)
	}
	if err := e.s.RequestFlush(e.ctx, main0, 3); !errors.Is(err, ErrLost) {
		e.Errorf("a flush beyond the end gave %v", err)
	}
	if err := e.s.SetPaused(e.ctx, main0, false); err != nil || e.progress().Paused {
		e.Errorf("still paused, %v", err)
	}
}

// await calls f until it says yes.
func (e *env) await(what string, f func() bool) {
	e.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-e.ctx.Done():
			e.Fatalf("no %s", what)
		}
	}
}

func waitSettled(e *env) {
	e.commit(e.unit("a").put("k", "v"))
	done := make(chan error, 3)
	for range 3 {
		go func() { done <- e.s.WaitSettled(e.ctx, main0, 1) }()
	}
	short, cancel := context.WithTimeout(e.ctx, 20*time.Millisecond)
	defer cancel()
	if err := e.s.WaitSettled(short, main0, 1); !errors.Is(err, context.DeadlineExceeded) {
		e.Errorf("waiting for what is pending gave %v", err)
	}
	e.settle(1, "k")
	for range 3 {
		if err := <-done; err != nil {
			e.Error(err)
		}
	}
}

func laneOwner(e *env) {
	l := func(owner string) Lease { return Lease{Lane: main0, Owner: owner, TTL: 60 * time.Millisecond} }
	try := func(f func(context.Context, Lease) (bool, error), owner string, want bool) {
		e.Helper()
		if got, err := f(e.ctx, l(owner)); err != nil || got != want {
			e.Errorf("%s: %v, %v; want %v", owner, got, err, want)
		}
	}
	try(e.s.RenewLane, "a", false)
	try(e.s.AcquireLane, "a", true)
	try(e.s.AcquireLane, "b", false)
	try(e.s.RenewLane, "b", false)
	if err := e.s.ReleaseLane(e.ctx, l("b")); err != nil {
		e.Error(err)
	}
	try(e.s.AcquireLane, "b", false)
	e.pass(150 * time.Millisecond)
	try(e.s.RenewLane, "a", false)
	try(e.s.AcquireLane, "b", true)
	if err := e.s.ReleaseLane(e.ctx, l("b")); err != nil {
		e.Error(err)
	}
	try(e.s.AcquireLane, "a", true)
}

// next takes values from the counter.
func (e *env) next(n, inc, off uint64) (uint64, bool) {
	e.Helper()
	v, ok := e.takeValues(n, inc, off)
	return v.First, ok
}

// takeValues takes values that may be given back.
func (e *env) takeValues(n, inc, off uint64) (Taken, bool) {
	e.Helper()
	v, ok, err := e.s.NextAutoIncrement(e.ctx, main0, e.st, table, n, inc, off)
	if err != nil {
		e.Fatal(err)
	}
	return v, ok
}

func counter(e *env) {
	if _, ok := e.next(1, 1, 1); ok {
		e.Error("a counter that was never seeded gave a value")
	}
	if err := e.s.RaiseAutoIncrement(e.ctx, main0, e.st, table, 5); !errors.Is(err, ErrUnseeded) {
		e.Errorf("raising a counter that was never seeded gave %v", err)
	}
	seed := func(n uint64) {
		if err := e.s.SeedAutoIncrement(e.ctx, main0, e.st, table, n); err != nil {
			e.Fatal(err)
		}
	}
	want := func(n, inc, off, first uint64) {
		e.Helper()
		if got, ok := e.next(n, inc, off); !ok || got != first {
			e.Errorf("%d at %d+k*%d: %d, %v; want %d", n, off, inc, got, ok, first)
		}
	}
	seed(10)
	seed(3) // raises only
	want(1, 1, 1, 10)
	want(3, 1, 1, 11)
	want(0, 1, 1, 14)
	want(2, 10, 5, 15) // 15 and 25
	want(1, 10, 5, 35)
	want(1, 1, 1, 45) // InnoDB goes on behind the series
	want(1, 1, 7, 46)
	if _, _, err := e.s.NextAutoIncrement(e.ctx, main0, e.st, table, 1, 5, 10); kind(err) != "permanent" {
		e.Errorf("an offset above the increment gave %v", err)
	}
	if err := e.s.RaiseAutoIncrement(e.ctx, main0, e.st, table, 100); err != nil {
		e.Fatal(err)
	}
	if err := e.s.RaiseAutoIncrement(e.ctx, main0, e.st, table, 50); err != nil {
		e.Fatal(err)
	}
	want(1, 1, 1, 101)
}

func counterGeneration(e *env) {
	if err := e.s.SeedAutoIncrement(e.ctx, main0, e.st, table, 10); err != nil {
		e.Fatal(err)
	}
	e.join("o", 1, time.Minute)
	for _, shut := range []bool{false, true} { // the counter is about to be MySQL's, or is
		if _, _, err := e.s.NextAutoIncrement(e.ctx, main0, e.st, table, 1, 1, 1); !errors.Is(err, ErrGated) {
			e.Errorf("taking a value behind the gate (shut: %v) gave %v", shut, err)
		}
		if err := e.s.RaiseAutoIncrement(e.ctx, main0, e.st, table, 90); !errors.Is(err, ErrGated) {
			e.Errorf("raising the counter behind the gate (shut: %v) gave %v", shut, err)
		}
		if err := e.s.SeedAutoIncrement(e.ctx, main0, e.st, table, 90); !errors.Is(err, ErrGated) {
			e.Errorf("seeding the counter behind the gate (shut: %v) gave %v", shut, err)
		}
		if shut {
			break
		}
		if err := e.s.ShutGate(e.ctx, main0, table, Counter{}); !errors.Is(err, ErrConflict) {
			e.Errorf("shutting the gate before MySQL was told of the counter gave %v", err)
		}
		c, err := e.s.Counter(e.ctx, main0, table)
		if err != nil || c.Next != 10 {
			e.Errorf("the counter is at %d (%v), want 10", c.Next, err)
		}
		if err := e.s.ShutGate(e.ctx, main0, table, c); err != nil {
			e.Fatal(err)
		}
	}
	if c, err := e.s.Counter(e.ctx, main0, table); err != nil || c.Next != 0 {
		e.Errorf("the counter is at %d (%v), want none", c.Next, err)
	}
	before := e.st
	e.leave("o")
	if _, _, err := e.s.NextAutoIncrement(e.ctx, main0, e.st, table, 1, 1, 1); !errors.Is(err, ErrStaleTable) {
		e.Errorf("taking a value under the old generation gave %v", err)
	}
	e.st = e.info(e.s).TableState
	if _, ok := e.next(1, 1, 1); ok {
		e.Error("the counter of the old generation is still used")
	}
	if err := e.s.KeepAutoIncrement(e.ctx, main0, before, table, 99); err != nil {
		e.Error(err)
	}
	if err := e.s.SeedAutoIncrement(e.ctx, main0, e.st, table, 3); err != nil {
		e.Error(err)
	}
	if got, ok := e.next(1, 1, 1); !ok || got != 3 {
		e.Errorf("the counter that was handed over and seeded with 3 gives %d, %v", got, ok)
	}
}

// counterKept: Redis has lost the counter, or the last values that it gave out.
func counterKept(e *env) {
	keep := func(st TableState, next uint64) {
		e.Helper()
		if err := e.s.KeepAutoIncrement(e.ctx, main0, st, table, next); err != nil {
			e.Fatal(err)
		}
	}
	seed := func(n uint64) {
		e.Helper()
		if err := e.s.SeedAutoIncrement(e.ctx, main0, e.st, table, n); err != nil {
			e.Fatal(err)
		}
	}
	want := func(first uint64) {
		e.Helper()
		if got, ok := e.next(1, 1, 1); !ok || got != first {
			e.Errorf("the counter gives %d, %v; want %d", got, ok, first)
		}
	}
	keep(TableState{Incarnation: "of a life before", Gen: 7}, 50)
	if _, ok := e.next(1, 1, 1); ok {
		e.Error("a counter gave a value before it was seeded")
	}
	seed(10)
	want(50)
	keep(e.st, 45)
	want(51)
	keep(e.st, 60) // the answers came, and Redis forgot
	want(60)
	e.join("o", 1, time.Minute)
	keep(e.st, 70) // MySQL has to be told of it
	c, err := e.s.Counter(e.ctx, main0, table)
	if err != nil || c.Next != 70 {
		e.Errorf("the counter is at %d (%v), want 70", c.Next, err)
	}
	if err := e.s.ShutGate(e.ctx, main0, table, c); err != nil {
		e.Fatal(err)
	}
	keep(e.st, 80) // MySQL has the counter
	e.leave("o")
	e.st = e.info(e.s).TableState
	seed(5) // after a TRUNCATE
	want(5)
}

func counterRaisedByUnit(e *env) {
	raising := func(writer, key, value string, used uint64) *Commit {
		c := e.unit(writer).put(key, value)
		c.Raises = []Raise{{table, used}}
		return c
	}
	e.refuse(raising("a", "k1", "v", 5), ErrUnseeded)
	if err := e.s.SeedAutoIncrement(e.ctx, main0, e.st, table, 2); err != nil {
		e.Fatal(err)
	}
	next := func(want uint64) {
		e.Helper()
		if got, ok := e.next(0, 1, 1); !ok || got != want {
			e.Errorf("the counter is at %d, %v; want %d", got, ok, want)
		}
	}
	first := raising("a", "k1", "v", 5)
	e.commit(first)
	next(6)
	e.commit(raising("b", "k2", "v", 3))
	next(6)
	refused := raising("b", "k1", "w", 50)
	refused.Reads = []RowRead{{RowKey: RowKey{table, "k1"}}} // says that it is not there
	e.refuse(refused, ErrConflict)
	next(6)
	if got, _ := e.next(1, 10, 3); got != 13 {
		e.Errorf("3+k*10 from 6 on is %d, want 13", got)
	}
	next(23)
	e.commit(raising("b", "k3", "v", 30)) // goes on in the series of the last statement that took a value
	next(33)
	e.commit(first) // a repeat, whose first answer it gets
	next(33)
}

func counterRange(e *env) {
	if err := e.s.SeedAutoIncrement(e.ctx, main0, e.st, table, 1<<53-3); err != nil {
		e.Fatal(err)
	}
	if first, ok := e.next(2, 1, 1); !ok || first != 1<<53-3 {
		e.Errorf("first %d, %v", first, ok)
	}
	if _, _, err := e.s.NextAutoIncrement(e.ctx, main0, e.st, table, 1, 1, 1); kind(err) != "permanent" {
		e.Errorf("a value above 2^53 gave %v", err)
	}
	if err := e.s.SeedAutoIncrement(e.ctx, main0, e.st, table, 1<<53); kind(err) != "permanent" {
		e.Errorf("a seed above 2^53 gave %v", err)
	}
}

func writersSwept(e *env) {
	k := e.s.lane(main0).keys
	stale := time.Now().Add(-2 * recordLife).UnixMilli()
	if err := errors.Join(e.rdb.HSet(e.ctx, k.writers(), "dead:0", stale).Err(), e.rdb.HSet(e.ctx, k.writer("dead:0"), "w", "1:1").Err()); err != nil {
		e.Fatal(err)
	}
	e.commit(e.unit("a").put("k", "v"))
	list, err := e.rdb.HKeys(e.ctx, k.writers()).Result()
	if err != nil || len(list) != 1 || list[0] != e.s.process+":0" {
		e.Errorf("writers are %v, %v", list, err)
	}
	if n, err := e.rdb.Exists(e.ctx, k.writer("dead:0")).Result(); err != nil || n != 0 {
		e.Errorf("the dead process's answers are still there, %v", err)
	}
}

// The end of a caller's context may reach it as a time-out of the connection.
func TestWaitEndsAsItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := wait(ctx, "test", main0, func() (bool, error) {
		cancel()
		return false, classify("test", main0, os.ErrDeadlineExceeded)
	})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a wait that was cancelled ended with %v", err)
	}
}
