package absorber

import (
	"errors"
	"testing"
)

// What the others are told of this process is the oldest version that any
// session still works under.
func TestSeenIsTheOldest(t *testing.T) {
	e := &Engine{}
	e.usages.version.Store(5)
	want := func(when string, statements, transactions uint64) {
		t.Helper()
		if s, tx := e.usages.seen(); s != statements || tx != transactions {
			t.Errorf("%s: statements %d, transactions %d; want %d and %d", when, s, tx, statements, transactions)
		}
	}
	want("without sessions", 5, 5)
	a, b := e.NewUsage(), e.NewUsage()
	want("with idle sessions", 5, 5)
	e.Begin(a)
	e.usages.version.Store(6)
	e.Begin(b)
	want("in a's statement", 5, 5)
	a.End(true)
	want("in a's transaction", 6, 5)
	e.Begin(a)
	want("in a's second statement", 6, 5)
	a.End(true)
	b.End(false)
	e.usages.version.Store(7)
	want("a transaction counts from its first statement", 7, 5)
	e.Begin(a)
	a.End(false)
	want("after the transaction", 7, 7)
	e.Begin(b)
	e.usages.version.Store(8)
	e.EndUsage(b)
	want("when a session has gone", 8, 8)
}

// A statement that waits is not waited for, and has to be planned again if the
// schema changed meanwhile.
func TestParkedStatements(t *testing.T) {
	e := &Engine{}
	e.usages.version.Store(1)
	u := e.NewUsage()
	e.Begin(u)
	err := e.parked(u, func() error {
		e.usages.version.Store(2)
		if s, _ := e.usages.seen(); s != 2 {
			t.Errorf("a parked statement counts: %d", s)
		}
		return nil
	})
	if !errors.Is(err, ErrReplan) {
		t.Errorf("waited through a change: %v, want ErrReplan", err)
	}
	if err := e.parked(u, func() error { return nil }); err != nil {
		t.Errorf("waited without a change: %v", err)
	}
	if s, _ := e.usages.seen(); s != 2 || u.statement.Load() != 2 {
		t.Errorf("after the wait the statement runs under %d, want 2", u.statement.Load())
	}
	broken := errors.New("broken")
	err = e.parked(u, func() error {
		e.usages.version.Store(3)
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("the wait's own error is %v", err)
	}
	if err := e.parked(nil, func() error { return broken }); !errors.Is(err, broken) {
		t.Errorf("without a session: %v", err)
	}
}
