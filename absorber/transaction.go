package absorber

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// Reasons why a statement cannot be part of a transaction that is kept here.
const (
	reasonTxnForeignKey = "transaction_foreign_key" // its locks would have to reach other tables
	reasonTxnLanes      = "transaction_lanes"       // a unit is in one lane
	reasonTxnSize       = "transaction_size"
	reasonTxnDuplicate  = "transaction_duplicate" // of several rows
	reasonTxnFloat      = "transaction_float"     // MySQL's text of it does not tell what was read
	reasonGateShut      = "gate_shut"             // others write the table in MySQL: its locks are there
)

// maxTransaction bounds the rows that a transaction locks, and those it
// remembers to have read.
const maxTransaction = 1000

// Transaction is a client's transaction that is kept here until it ends: the
// changes its statements make, the rows it has read, and the locks in Redis
// that keep others from its rows. It is one session's, and not safe for
// concurrent use. See "A transaction is kept in memory" in DESIGN.md.
type Transaction struct {
	e          *Engine
	u          *Usage
	repeatable bool
	owner      string
	lane       row.Lane // of its tables; "" until the first

	locks  map[wal.Lock]bool        // asked for; true once they were given
	begun  bool                     // the owner may be known in Redis
	lost   atomic.Bool              // its lease has ended
	leased atomic.Pointer[row.Lane] // where its lease has to be renewed; nil before the first lock

	tables []*schema.Table             // in the order of their first lock
	rows   map[wal.RowKey]*lockedRow   // what it has locked
	held   map[wal.ClaimKey]wal.RowKey // the unique values that its locked rows have, as it sees them
	based  map[wal.ClaimKey]bool       // and those they had when they were locked
	absent map[wal.ClaimKey]absence    // unique values that it has locked, and no row has
	seen   map[wal.RowKey]seenRow      // what it has read, where that must be repeatable
	missed map[wal.ClaimKey]absence    // and the unique values that no row had
	steps  []step                      // what its statements did, and its savepoints
}

// lockedRow is a row that the transaction has locked.
type lockedRow struct {
	t      *schema.Table
	ref    row.Ref
	base   row.Image // as it was when it was locked; nil: there was none
	now    row.Image // as the transaction sees it
	read   wal.RowRead
	locked wal.TableState // the lock belongs to
	state  wal.TableState // the witness belongs to
	given  time.Time      // of a key that AUTO_INCREMENT gave out, and that is taken to be free because of it
}

// seenRow is a row that the transaction has read.
type seenRow struct {
	t   *schema.Table
	ref row.Ref
	im  row.Image // nil: there was none
}

// step is a change of one row, or a savepoint.
type step struct {
	savepoint string // lower case
	key       wal.RowKey
	old, new  row.Image
}

// NewTransaction begins a transaction of the session u. Nothing of it is outside
// of this process before its first lock. repeatable says that a row that was
// read once looks the same until the end, as under REPEATABLE READ.
func (e *Engine) NewTransaction(u *Usage, repeatable bool) *Transaction {
	x := &Transaction{e: e, u: u, repeatable: repeatable, owner: fmt.Sprintf("%s.t%d", e.cfg.Process, e.began.Add(1)),
		locks: map[wal.Lock]bool{}, rows: map[wal.RowKey]*lockedRow{}, seen: map[wal.RowKey]seenRow{},
		held: map[wal.ClaimKey]wal.RowKey{}, based: map[wal.ClaimKey]bool{}, absent: map[wal.ClaimKey]absence{}, missed: map[wal.ClaimKey]absence{}}
	e.transactions.Store(x.owner, x)
	return x
}

// admits says whether a table can be part of the transaction.
func (x *Transaction) admits(t *schema.Table) error {
	now := x.e.defined(t)
	switch {
	case x.lost.Load():
		return wal.ErrUnlocked
	case now == nil:
		return ErrReplan
	case len(now.ForeignKeys) > 0 || len(now.Referenced) > 0:
		return &Refused{Reason: reasonTxnForeignKey}
	case x.outdated(t):
		return ErrOverrun
	case x.lane != "" && x.lane != x.e.lane(t):
		return &Refused{Reason: reasonTxnLanes}
	}
	if x.lane == "" {
		x.lane = x.e.lane(t)
	}
	return nil
}

// outdated reports whether the transaction knows the table by another definition.
func (x *Transaction) outdated(t *schema.Table) bool {
	for _, k := range x.tables {
		if k.Name == t.Name && k.Version != t.Version {
			return true
		}
	}
	for k, r := range x.seen {
		if k.Table == t.Name.String() && r.t.Version != t.Version {
			return true
		}
	}
	for k, a := range x.missed {
		if k.Table == t.Name.String() && a.t.Version != t.Version {
			return true
		}
	}
	return false
}

// lock gets the locks that the transaction does not have yet, waiting for who
// has one, or with NoWait giving wal.ErrLocked. ErrLockWait when that takes too
// long: the transaction goes on without; wal.ErrDeadlock and wal.ErrUnlocked: it
// must be rolled back.
func (x *Transaction) lock(ctx context.Context, locks []wal.Lock, wait Waiting) error {
	var want []wal.Lock
	for _, l := range locks {
		alone := l
		alone.Shared = false
		if !x.locks[l] && !x.locks[alone] {
			want = append(want, l)
		}
	}
	if len(want) == 0 {
		return nil
	}
	if len(x.locks)+len(want) > maxTransaction {
		return &Refused{Reason: reasonTxnSize}
	}
	for _, l := range want {
		x.locks[l] = false // given or not: an answer may get lost
	}
	lease, lock := x.e.cfg.GateLease, x.e.store.Lock
	if wait != Wait {
		lock = x.e.store.TryLock
	}
	var patience patience
	for {
		err := lock(ctx, x.lane, x.owner, lease, !x.begun, want)
		if err == nil || errors.Is(err, wal.ErrLocked) {
			x.begun = true
			if lane := x.lane; x.leased.Load() == nil {
				x.leased.Store(&lane)
			}
		}
		if err == nil {
			for _, l := range want {
				x.locks[l] = true
			}
			return nil
		}
		if !errors.Is(err, wal.ErrLocked) {
			return err
		}
		x.e.metrics.retries.WithLabelValues("lock").Inc()
		if wait != Wait {
			return err
		}
		err = x.e.parked(x.u, func() error { return patience.wait(ctx, x.e.lockWait(x.u)) })
		if err != nil {
			// Waits no more: else another might be told that it is a deadlock.
			if ended := x.e.store.Lock(context.WithoutCancel(ctx), x.lane, x.owner, lease, false, nil); errors.Is(ended, wal.ErrUnlocked) {
				return ended
			}
			return err
		}
	}
}

// Rollback ends the transaction without a trace. It is also what must be called
// after the replay of a transaction elsewhere, and after an error that ended it.
func (x *Transaction) Rollback(ctx context.Context) {
	x.e.transactions.Delete(x.owner)
	if !x.begun && len(x.locks) == 0 {
		return
	}
	if err := x.e.store.Unlock(ctx, x.lane, x.owner, x.allLocks()); err != nil {
		x.e.log.Warn("the locks of a transaction stay until their lease ends", "err", err)
	}
	x.begun, x.locks = false, map[wal.Lock]bool{}
}

// allLocks are those it was given, and those it may have been given.
func (x *Transaction) allLocks() []wal.Lock {
	all := make([]wal.Lock, 0, len(x.locks))
	for l := range x.locks {
		all = append(all, l)
	}
	return all
}

// renewLocks prolongs the leases of this process's transactions.
func (e *Engine) renewLocks(ctx context.Context) {
	lanes := map[row.Lane][]string{}
	e.transactions.Range(func(_, v any) bool {
		if x := v.(*Transaction); x.leased.Load() != nil {
			lane := *x.leased.Load()
			lanes[lane] = append(lanes[lane], x.owner)
		}
		return true
	})
	for lane, owners := range lanes {
		gone, err := e.store.RenewLocks(ctx, lane, owners, e.cfg.GateLease)
		if err != nil && ctx.Err() == nil {
			e.log.Warn("could not renew the locks of transactions", "lane", lane, "err", err)
		}
		for _, o := range gone {
			// One that has just committed or rolled back is gone as well.
			if v, ok := e.transactions.Load(o); ok {
				v.(*Transaction).lost.Store(true)
			}
		}
	}
}

// sweepLocks takes away what the transactions of dead processes have left.
func (e *Engine) sweepLocks(ctx context.Context) {
	for _, lane := range e.cfg.Lanes {
		n, err := e.store.SweepLocks(ctx, lane)
		if err != nil && ctx.Err() == nil {
			e.log.Warn("could not sweep the locks", "lane", lane, "err", err)
		}
		if n > 0 {
			e.log.Info("locks of transactions that have died were taken away", "lane", lane, "locks", n)
		}
	}
}
