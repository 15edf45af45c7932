package absorber

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Usage is one session's use of the catalog: which version its running
// statement and its open transaction began under; 0 is none. The session sets
// it, whoever changes the catalog reads it.
type Usage struct {
	statement, transaction atomic.Uint64
	lockWait               atomic.Int64

	// The session's alone: its place among those who come late to gates, and the
	// table whose shut gate its absorbed write has met, if it has it for that.
	place  chan struct{}
	behind string
}

// usages are the sessions of this process, and the version that new statements
// begin under: the registry's plus one, so that 0 can mean none.
type usages struct {
	version atomic.Uint64
	all     sync.Map // *Usage -> struct{}
}

// NewUsage registers a session; EndUsage takes it out again.
func (e *Engine) NewUsage() *Usage {
	u := &Usage{}
	e.usages.all.Store(u, struct{}{})
	return u
}

// EndUsage forgets a session.
func (e *Engine) EndUsage(u *Usage) {
	u.free()
	e.usages.all.Delete(u)
}

// SetLockWait says how long the session waits for a row that a transaction has
// locked, or for the gate of its table: its innodb_lock_wait_timeout.
func (u *Usage) SetLockWait(d time.Duration) { u.lockWait.Store(int64(d)) }

// lockWait is how long the session waits for a lock; u may be nil.
func (e *Engine) lockWait(u *Usage) time.Duration {
	if u != nil {
		if d := u.lockWait.Load(); d > 0 {
			return time.Duration(d)
		}
	}
	return e.cfg.LockWait
}

// Begin marks the start of a statement, before the catalog is looked at.
func (e *Engine) Begin(u *Usage) {
	for {
		v := e.usages.version.Load()
		u.statement.Store(v)
		// A change between the two lines may have missed this session.
		if e.usages.version.Load() == v {
			return
		}
	}
}

// End marks the end of a statement; inTransaction says whether the session has
// a transaction open after it.
func (u *Usage) End(inTransaction bool) {
	switch {
	case !inTransaction:
		u.transaction.Store(0)
		u.free()
	case u.transaction.Load() == 0:
		u.transaction.Store(u.statement.Load())
	}
	u.statement.Store(0)
}

// parked runs wait, in which the session's statement does nothing in MySQL and
// may not go on as planned if the schema changes meanwhile: so whoever changes
// the schema need not wait for it, and if somebody has, the statement must be
// planned again. u may be nil.
func (e *Engine) parked(u *Usage, wait func() error) error {
	if u == nil {
		return wait()
	}
	v := u.statement.Swap(0)
	err := wait()
	e.Begin(u)
	if err == nil && u.statement.Load() != v {
		return ErrReplan
	}
	return err
}

// Aside runs f, which needs nothing of the session's statement: whoever changes
// the schema need not wait for it.
func (e *Engine) Aside(u *Usage, f func() error) error {
	var err error
	if perr := e.parked(u, func() error { err = f(); return nil }); perr != nil && !errors.Is(perr, ErrReplan) {
		return perr
	}
	return err
}

// seen is the oldest version that a running statement, or an open transaction,
// of any session began under; the current one if there is none.
func (us *usages) seen() (statements, transactions uint64) {
	statements = us.version.Load()
	transactions = statements
	us.all.Range(func(k, _ any) bool {
		u := k.(*Usage)
		if v := u.statement.Load(); v != 0 {
			statements = min(statements, v)
			transactions = min(transactions, v)
		}
		if v := u.transaction.Load(); v != 0 {
			transactions = min(transactions, v)
		}
		return true
	})
	return statements, transactions
}
