package wal

import "errors"

// lockTry: who does not wait closes no circle, and nobody waits behind him.
func lockTry(e *env) {
	e.lock("a", true, nil, "k")
	e.lock("b", true, nil, "l")
	e.lock("a", false, ErrLocked, "l")
	if err := e.s.TryLock(e.ctx, main0, "b", leaseTime, false, []Lock{e.lockOf("k")}); !errors.Is(err, ErrLocked) {
		e.Errorf("b asks for what it would have to wait for: %v", err)
	}
	e.unlock("b", "l")
	e.lock("a", false, nil, "l")
	e.share("c", true, nil, "m")
	if err := e.s.TryLock(e.ctx, main0, "d", leaseTime, true, []Lock{e.lockOf("m")}); !errors.Is(err, ErrLocked) {
		e.Errorf("d asks for what is shared: %v", err)
	}
	e.share("e", true, nil, "m") // d does not stand before it
	e.lock("a", false, ErrLocked, "m")
	e.lock("c", false, ErrDeadlock, "k")
}
