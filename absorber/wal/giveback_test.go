package wal

import (
	"io"
	"math/rand/v2"
	"slices"
	"time"
)

// counterGivenBack: values that nobody will use come back, unless somebody has
// been given others after them, or uses one of them.
func counterGivenBack(e *env) {
	if err := e.s.SeedAutoIncrement(e.ctx, main0, e.st, table, 10); err != nil {
		e.Fatal(err)
	}
	take := func(n, inc, off, first uint64) Taken {
		e.Helper()
		v, ok := e.takeValues(n, inc, off)
		if !ok || v.First != first {
			e.Errorf("%d at %d+k*%d: %d, %v; want %d", n, off, inc, v.First, ok, first)
		}
		return v
	}
	back := func(v Taken, want bool) {
		e.Helper()
		if ok, err := e.s.GiveBackAutoIncrement(e.ctx, main0, e.st, table, v); ok != want || err != nil {
			e.Errorf("giving %v back: %v, %v; want %v", v, ok, err, want)
		}
	}
	used := func(v uint64) {
		e.Helper()
		if err := e.s.RaiseAutoIncrement(e.ctx, main0, e.st, table, v); err != nil {
			e.Fatal(err)
		}
	}
	a := take(3, 1, 1, 10)
	b := take(1, 1, 1, 13)
	back(a, false) // 13 is out
	back(b, true)
	back(a, true) // b came back
	take(1, 1, 1, 10)

	c := take(2, 10, 5, 15) // 15 and 25
	d := take(1, 1, 1, 35)
	back(d, true)
	back(c, true) // with the steps that were
	take(1, 1, 1, 11)

	batch := take(6, 10, 5, 15) // of three sessions that asked at once
	first, second, third := batch.Part(0, 2), batch.Part(2, 1), batch.Part(3, 3)
	back(second, false)
	back(third, true)
	back(second, true)
	take(1, 10, 5, 35)
	back(first, false)

	x := take(3, 1, 1, 45)
	used(46) // a row brought it along
	back(x, false)
	take(1, 1, 1, 48)
	x = take(1, 1, 1, 49)
	used(47) // not one of them
	back(x, true)
	used(60)
	back(take(1, 1, 1, 61), true)

	x = take(1, 1, 1, 61)
	e.join("o", 1, time.Minute)
	back(x, false) // MySQL may be told of it now
	c61, err := e.s.Counter(e.ctx, main0, table)
	if err != nil || c61.Next != 62 {
		e.Errorf("the counter is at %d (%v), want 62", c61.Next, err)
	}
	if err := e.s.ShutGate(e.ctx, main0, table, c61); err != nil {
		e.Fatal(err)
	}
	e.leave("o")
	old := e.st
	e.st = e.info(e.s).TableState
	if err := e.s.SeedAutoIncrement(e.ctx, main0, e.st, table, 62); err != nil {
		e.Fatal(err)
	}
	if ok, err := e.s.GiveBackAutoIncrement(e.ctx, main0, old, table, x); ok || err != nil {
		e.Errorf("what was given out before the gate came back behind it: %v, %v", ok, err)
	}

	x = take(1, 1, 1, 62)
	unit := e.unit("a").put("k", "v")
	unit.Raises = []Raise{{table, 62}}
	e.commit(unit)
	back(x, false)
	x = take(1, 1, 1, 63)
	if err := e.s.KeepAutoIncrement(e.ctx, main0, e.st, table, 64); err != nil { // another process says it was given it, in a life before
		e.Fatal(err)
	}
	back(x, false)
}

// A value that somebody has is never given to another, whatever comes back
// and in whatever order.
func givenBackAtRandom(e *env) {
	r := rand.New(rand.NewPCG(1, 2))
	if err := e.s.SeedAutoIncrement(e.ctx, main0, e.st, table, 1); err != nil {
		e.Fatal(err)
	}
	owned, stored := map[uint64]bool{}, map[uint64]bool{} // by who was given them, and by rows that brought them along
	var out []Taken
	values := func(v Taken) (list []uint64) {
		for i := range v.N {
			list = append(list, v.First+i*v.Increment)
		}
		return list
	}
	came := 0
	for range 1000 {
		switch r.IntN(5) {
		case 0, 1:
			step := [][2]uint64{{1, 1}, {3, 2}, {5, 5}}[r.IntN(3)]
			v, ok := e.takeValues(1+r.Uint64N(4), step[0], step[1])
			if !ok {
				e.Fatal("no counter")
			}
			parts := []Taken{v}
			if v.N > 1 {
				parts = []Taken{v.Part(0, 1), v.Part(1, v.N-1)}
			}
			for _, x := range values(v) {
				if owned[x] || stored[x] {
					e.Fatalf("%d was given out twice", x)
				}
				owned[x] = true
			}
			out = append(out, parts...)
		case 2, 3:
			if len(out) == 0 {
				continue
			}
			i := len(out) - 1 - r.IntN(min(len(out), 3))
			v := out[i]
			out = slices.Delete(out, i, i+1)
			if r.IntN(4) == 0 {
				continue // it is stored
			}
			ok, err := e.s.GiveBackAutoIncrement(e.ctx, main0, e.st, table, v)
			if err != nil {
				e.Fatal(err)
			}
			if !ok {
				continue
			}
			came++
			for _, x := range values(v) {
				if stored[x] {
					e.Fatalf("%d came back, and a row has it", x)
				}
				delete(owned, x)
			}
		case 4: // a row brings its value along
			c, err := e.s.Counter(e.ctx, main0, table)
			if err != nil {
				e.Fatal(err)
			}
			x := c.Next + 2 - r.Uint64N(min(c.Next+2, 6))
			if err := e.s.RaiseAutoIncrement(e.ctx, main0, e.st, table, x); err != nil {
				e.Fatal(err)
			}
			stored[x] = true
		}
	}
	if came < 30 {
		e.Errorf("only %d times values came back", came)
	}
}

// givenBackOnce: a reply that was lost is no reason to ask again, since others
// may have been given the values by then.
func givenBackOnce(e *env) {
	asked := 0
	s, _ := e.process(e.b.addr, Options{Effects: func(op string, act func() error) error {
		err := act()
		if op == "wal.auto_back" {
			asked++
			return io.ErrUnexpectedEOF
		}
		return err
	}})
	e.st = e.open(s)
	if err := s.SeedAutoIncrement(e.ctx, main0, e.st, table, 10); err != nil {
		e.Fatal(err)
	}
	v, _, err := s.NextAutoIncrement(e.ctx, main0, e.st, table, 1, 1, 1)
	if err != nil {
		e.Fatal(err)
	}
	if ok, err := s.GiveBackAutoIncrement(e.ctx, main0, e.st, table, v); ok || err == nil || asked != 1 {
		e.Errorf("a lost reply gave %v, %v after %d times", ok, err, asked)
	}
	if first, _ := e.next(1, 1, 1); first != 10 {
		e.Errorf("the value that came back is %d, want 10", first)
	}
}
