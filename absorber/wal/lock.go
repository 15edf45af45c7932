package wal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// Lock names what a transaction locks: a row, or, where Index is set, a value
// of a unique index. It belongs to one generation of its table. Of a row that is
// locked Shared there may be several owners, and nobody writes it.
type Lock struct {
	Table  string
	Gen    uint64
	Key    row.Key
	Index  string
	Value  string
	Shared bool
}

// lockName is the lock as the scripts know it: the key of the row, or of the
// claim, which is what the commit script writes.
func (k laneKeys) lockName(l Lock) string {
	if l.Index != "" {
		return k.claim(ClaimKey{Table: l.Table, Index: l.Index, Value: l.Value}, l.Gen)
	}
	return k.row(RowKey{Table: l.Table, Key: l.Key}, l.Gen)
}

// lockAs is the lock as the scripts are asked for it.
func (k laneKeys) lockAs(l Lock) string {
	if l.Shared {
		return "s" + k.lockName(l)
	}
	return "x" + k.lockName(l)
}

// Lock locks all of locks for owner, or none, and prolongs the owner's lease on
// what it has locked before. begin says that the owner has no locks yet; its
// name must not have been used before, and have none of " +|" in it. With no
// locks it ends a wait. What is locked Shared is locked for it alone when it asks
// for that; the other way round nothing changes.
//
// From then on until Unlock, a Commit that names the owner, or the end of the
// lease, no other unit that writes one of them is committed. ErrLocked: another
// transaction has one, or waits to have alone what is asked for Shared; ask again.
// ErrDeadlock: and it waits for this owner.
// ErrUnlocked: the owner's lease has ended. An owner that asks no more after
// ErrLocked must say so, by asking for no locks, or unlock.
func (s *Store) Lock(ctx context.Context, name row.Lane, owner string, lease time.Duration, begin bool, locks []Lock) error {
	return s.lock(ctx, name, owner, lease, begin, true, locks)
}

// TryLock is Lock for an owner that does not wait: after ErrLocked it need not say
// that it asks no more, and it closes no circle of those who wait for each other.
func (s *Store) TryLock(ctx context.Context, name row.Lane, owner string, lease time.Duration, begin bool, locks []Lock) error {
	return s.lock(ctx, name, owner, lease, begin, false, locks)
}

// lock is Lock, or TryLock.
func (s *Store) lock(ctx context.Context, name row.Lane, owner string, lease time.Duration, begin, waits bool, locks []Lock) error {
	const op = "wal.lock"
	l, inc, err := s.usable(op, name)
	if err != nil {
		return err
	}
	if strings.ContainsAny(owner, " +|") {
		return &row.Error{Op: op, Lane: name, Kind: row.Permanent, Err: fmt.Errorf("%q is no name for an owner of locks", owner)}
	}
	flag := map[bool]string{true: "1", false: "0"}
	args := []any{inc, owner, millis(lease), flag[begin], flag[waits]}
	for _, k := range locks {
		args = append(args, l.keys.lockAs(k))
	}
	reply, err := s.ask(ctx, op, &call{lane: l, script: s.scripts.lock, args: args,
		keys: []any{l.keys.meta(), l.keys.locks(), l.keys.lockers(), l.keys.lockWaits(), l.keys.lockMark()}})
	if err != nil {
		return err
	}
	return ended(decision(op, name, reply))
}

// ended makes ErrUnlocked of what a script answers to a later user of an owner.
func ended(err error) error {
	var e *row.Error
	if errors.As(err, &e) && e.Kind == row.Fenced {
		return ErrUnlocked
	}
	return err
}

// Unlocked returns nil if no transaction has one of the locks, else ErrLocked. Of
// those that are Shared it must have it alone.
func (s *Store) Unlocked(ctx context.Context, name row.Lane, locks []Lock) error {
	const op = "wal.locked"
	l, _, err := s.usable(op, name)
	if err != nil {
		return err
	}
	args := make([]any, len(locks))
	for i, k := range locks {
		args[i] = l.keys.lockAs(k)
	}
	reply, err := s.ask(ctx, op, &call{lane: l, script: s.scripts.locked, keys: []any{l.keys.locks(), l.keys.lockers()}, args: args})
	if err != nil {
		return err
	}
	return decision(op, name, reply)
}

// Unlock ends the owner and its locks. It may be repeated, and may come after
// the owner's Commit or the end of its lease.
func (s *Store) Unlock(ctx context.Context, name row.Lane, owner string, locks []Lock) error {
	const op = "wal.unlock"
	l, _, err := s.known(op, name)
	if err != nil {
		return err
	}
	args := []any{owner}
	for _, k := range locks {
		args = append(args, l.keys.lockName(k))
	}
	_, err = s.admin(ctx, op, l, s.scripts.unlock,
		[]any{l.keys.locks(), l.keys.lockers(), l.keys.lockWaits(), l.keys.lockMark()}, args)
	return err
}

// RenewLocks prolongs the owners' leases, and tells which of them had ended.
func (s *Store) RenewLocks(ctx context.Context, name row.Lane, owners []string, lease time.Duration) (gone []string, err error) {
	const op = "wal.lock_renew"
	l, _, err := s.known(op, name)
	if err != nil || len(owners) == 0 {
		return nil, err
	}
	args := []any{millis(lease)}
	for _, o := range owners {
		args = append(args, o)
	}
	reply, err := s.admin(ctx, op, l, s.scripts.relock, []any{l.keys.lockers()}, args)
	if err != nil {
		return nil, err
	}
	list, ok := reply.([]any)
	if !ok || len(list) != len(owners) {
		return nil, unexpected(op, name, reply)
	}
	for i, o := range owners {
		if list[i] != int64(1) {
			gone = append(gone, o)
		}
	}
	return gone, nil
}

// SweepLocks takes away the locks of owners that have ended without doing it,
// and returns how many there were. Such locks keep nobody waiting.
func (s *Store) SweepLocks(ctx context.Context, name row.Lane) (int64, error) {
	const op = "wal.lock_sweep"
	l, _, err := s.known(op, name)
	if err != nil {
		return 0, err
	}
	reply, err := s.admin(ctx, op, l, s.scripts.sweep,
		[]any{l.keys.locks(), l.keys.lockers(), l.keys.lockWaits(), l.keys.lockMark()}, nil)
	if err != nil {
		return 0, err
	}
	n, ok := reply.(int64)
	if !ok {
		return 0, unexpected(op, name, reply)
	}
	return n, nil
}
