package absorber

import (
	"context"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// How often who waits for a lock looks: soon at first, for short transactions.
const (
	firstLockLook = time.Millisecond
	lastLockLook  = 20 * time.Millisecond
)

// patience is a statement's wait for locks.
type patience struct {
	end   time.Time
	every time.Duration
}

// wait waits a moment; ErrLockWait once limit has passed since the first call.
func (p *patience) wait(ctx context.Context, limit time.Duration) error {
	now := time.Now()
	if p.end.IsZero() {
		p.end, p.every = now.Add(limit), firstLockLook
	}
	if now.After(p.end) {
		return ErrLockWait
	}
	err := pauseFor(ctx, min(p.every, time.Until(p.end)+time.Millisecond))
	p.every = min(2*p.every, lastLockLook)
	return err
}

// rowLocks names the locks of rows.
func rowLocks(t *schema.Table, st wal.TableState, refs []row.Ref) []wal.Lock {
	locks := make([]wal.Lock, len(refs))
	for i, r := range refs {
		locks[i] = wal.Lock{Table: t.Name.String(), Gen: st.Gen, Key: r.Key}
	}
	return locks
}

// shared makes them locks that others may have too.
func shared(locks []wal.Lock) []wal.Lock {
	for i := range locks {
		locks[i].Shared = true
	}
	return locks
}

// claimLock names the lock of a unique value.
func claimLock(c wal.ClaimKey, st wal.TableState) wal.Lock {
	return wal.Lock{Table: c.Table, Gen: st.Gen, Index: c.Index, Value: c.Value}
}
