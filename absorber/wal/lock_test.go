package wal

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

func TestLocks(t *testing.T) {
	conform(t, []scenario{
		{"a locked row and a locked unique value are changed by their owner alone", lockBars},
		{"a commit ends its owner and all its locks, whatever it wrote", lockCommit},
		{"an owner whose lease has ended commits nothing, even if nobody took its locks", lockFenced},
		{"a refused commit leaves the locks", lockRefused},
		{"a commit that is asked about again has its first answer", lockRepeat},
		{"all locks of a call are taken, or none", lockAllOrNone},
		{"two who wait for each other are told, and who gives up waits no more", lockDeadlock},
		{"who does not wait closes no circle", lockTry},
		{"a cycle of three is found, and ends with one of them", lockCycle},
		{"a row is shared by several, and written by none of them until one is left", lockShared},
		{"of two who share a row and both want it alone, the second is told", lockUpgrade},
		{"who waits to have a row alone is not overtaken, and after giving up keeps nobody waiting", lockFair},
		{"shared locks of the dead bar nobody, and are swept", lockSharedDead},
		{"a circle is found through all who share, and none where there is none", lockSharedCycle},
		{"unlocking twice, or what another has, does no harm", lockUnlock},
		{"the sweeper takes what the dead have left and nothing else", lockSweep},
		{"a reader is told that there are locks, and which are taken", lockSeen},
		{"units of one call see what the units before them have unlocked", lockTogether},
	})
}

// leaseTime is long enough for a case.
const leaseTime = time.Minute

// lockOf is the lock of a row.
func (e *env) lockOf(key string) Lock { return Lock{Table: table, Gen: e.st.Gen, Key: row.Key(key)} }

// lock asks for rows, and wants the answer.
func (e *env) lock(owner string, begin bool, want error, keys ...string) {
	e.Helper()
	var locks []Lock
	for _, k := range keys {
		locks = append(locks, e.lockOf(k))
	}
	if err := e.s.Lock(e.ctx, main0, owner, leaseTime, begin, locks); !errors.Is(err, want) {
		e.Fatalf("%s locks %q: %v; want %v", owner, keys, err, want)
	}
}

// unlock ends an owner.
func (e *env) unlock(owner string, keys ...string) {
	e.Helper()
	var locks []Lock
	for _, k := range keys {
		locks = append(locks, e.lockOf(k))
	}
	if err := e.s.Unlock(e.ctx, main0, owner, locks); err != nil {
		e.Fatal(err)
	}
}

// by makes the unit a transaction's.
func (c *Commit) by(owner string) *Commit {
	c.Owner = owner
	return c
}

func lockBars(e *env) {
	value := Lock{Table: table, Gen: e.st.Gen, Index: "email", Value: "x@y"}
	if err := e.s.Lock(e.ctx, main0, "a", leaseTime, true, []Lock{e.lockOf("k"), value}); err != nil {
		e.Fatal(err)
	}
	e.lock("b", true, ErrLocked, "k")
	e.refuse(e.unit("w").put("k", "v"), ErrLocked)
	e.refuse(e.unit("w").put("other", "v").claim("x@y", "other"), ErrLocked)
	e.refuse(e.unit("w").put("other", "").release("x@y", "other"), ErrLocked)
	e.refuse(e.unit("w").put("k", "v").by("b"), ErrLocked)
	e.commit(e.unit("w").put("other", "v"))
	e.commit(e.unit("w").put("k", "v").claim("x@y", "k").by("a"))
	e.wantRow("k", "v", true)
}

func lockCommit(e *env) {
	e.lock("a", true, nil, "k", "l")
	e.commit(e.unit("w").put("k", "v").by("a"))
	e.commit(e.unit("w").put("k", "v2"))
	e.commit(e.unit("w").put("l", "v2"))
	e.refuse(e.unit("w").put("k", "v3").by("a"), ErrUnlocked)
	e.lock("a", false, ErrUnlocked, "m")
	e.lock("b", true, nil, "l")
}

func lockFenced(e *env) {
	if err := e.s.Lock(e.ctx, main0, "a", 20*time.Millisecond, true, []Lock{e.lockOf("k")}); err != nil {
		e.Fatal(err)
	}
	e.pass(50 * time.Millisecond)
	e.refuse(e.unit("w").put("k", "late").by("a"), ErrUnlocked)
	e.lock("a", false, ErrUnlocked, "k")
	e.lock("a", true, ErrUnlocked, "k") // no name comes to life twice
	e.commit(e.unit("w").put("k", "v"))
	e.lock("b", true, nil, "k")
	gone, err := e.s.RenewLocks(e.ctx, main0, []string{"a", "b"}, leaseTime)
	if err != nil || len(gone) != 1 || gone[0] != "a" {
		e.Errorf("renewing told %q, %v", gone, err)
	}
	e.wantRow("k", "v", true)
}

func lockRefused(e *env) {
	e.commit(e.unit("w").put("k", "v"))
	old := e.read("k")
	e.commit(e.unit("w").put("k", "v2"))
	e.lock("a", true, nil, "k")
	e.refuse(e.unit("w").seen("k", old).put("k", "v3").by("a"), ErrConflict)
	e.refuse(e.unit("w").put("k", "x"), ErrLocked)
	e.commit(e.unit("w").seen("k", e.read("k")).put("k", "v3").by("a"))
}

func lockRepeat(e *env) {
	e.lock("a", true, nil, "k")
	c := e.unit("w").put("k", "v").by("a")
	lsn := e.commit(c)
	again := *c
	if got := e.commit(&again); got != lsn {
		e.Errorf("the repeat got %d, the first %d", got, lsn)
	}
	if p := e.progress(); p.LSN != lsn {
		e.Errorf("the lane is at %d", p.LSN)
	}
}

func lockAllOrNone(e *env) {
	e.lock("a", true, nil, "k")
	e.lock("b", true, ErrLocked, "j", "k", "l")
	e.lock("c", true, nil, "j", "l")
	e.unlock("a", "k")
	e.lock("b", false, ErrLocked, "j", "k", "l")
	e.unlock("c", "j", "l")
	e.lock("b", false, nil, "j", "k", "l")
	e.lock("b", false, nil, "k") // what one has, one gets
}

func lockDeadlock(e *env) {
	e.lock("a", true, nil, "k")
	e.lock("b", true, nil, "l")
	e.lock("a", false, ErrLocked, "l")
	e.lock("b", false, ErrDeadlock, "k")
	e.lock("a", false, nil) // gives up
	e.lock("b", false, ErrLocked, "k")
	e.lock("a", false, ErrDeadlock, "l")
	e.unlock("a", "k")
	e.lock("b", false, nil, "k")
}

func lockCycle(e *env) {
	e.lock("a", true, nil, "k")
	e.lock("b", true, nil, "l")
	e.lock("c", true, nil, "m")
	e.lock("a", false, ErrLocked, "l")
	e.lock("c", false, ErrLocked, "k")
	e.lock("b", false, ErrDeadlock, "m")
	e.unlock("c", "m")
	e.lock("b", false, nil, "m")
}

// share asks for rows that others may have too, and wants the answer.
func (e *env) share(owner string, begin bool, want error, keys ...string) {
	e.Helper()
	var locks []Lock
	for _, k := range keys {
		l := e.lockOf(k)
		l.Shared = true
		locks = append(locks, l)
	}
	if err := e.s.Lock(e.ctx, main0, owner, leaseTime, begin, locks); !errors.Is(err, want) {
		e.Fatalf("%s shares %q: %v; want %v", owner, keys, err, want)
	}
}

func lockShared(e *env) {
	e.share("a", true, nil, "k")
	e.share("b", true, nil, "k", "l")
	e.refuse(e.unit("w").put("k", "v"), ErrLocked)
	e.refuse(e.unit("w").put("k", "v").by("a"), ErrLocked) // b shares it
	e.lock("c", true, ErrLocked, "k")
	e.lock("c", false, nil) // gives up
	alone, shared := e.lockOf("k"), e.lockOf("k")
	shared.Shared = true
	if err := e.s.Unlocked(e.ctx, main0, []Lock{shared}); err != nil {
		e.Errorf("it is shared: %v", err)
	}
	if err := e.s.Unlocked(e.ctx, main0, []Lock{alone}); !errors.Is(err, ErrLocked) {
		e.Errorf("it is shared, and told to be free: %v", err)
	}
	e.unlock("b", "k", "l")
	e.lock("a", false, nil, "k")
	e.share("a", false, nil, "k") // keeps it alone
	e.share("c", false, ErrLocked, "k")
	if err := e.s.Unlocked(e.ctx, main0, []Lock{shared}); !errors.Is(err, ErrLocked) {
		e.Errorf("a has it alone: %v", err)
	}
	e.lock("c", false, nil)
	e.commit(e.unit("w").put("k", "v").by("a"))
	e.share("c", false, nil, "k")
	e.unlock("c", "k")
	e.commit(e.unit("w").put("k", "v2"))
}

func lockUpgrade(e *env) {
	e.share("a", true, nil, "k")
	e.share("b", true, nil, "k")
	e.lock("a", false, ErrLocked, "k")
	e.lock("b", false, ErrDeadlock, "k")
	e.unlock("b", "k")
	e.lock("a", false, nil, "k")
	e.commit(e.unit("w").put("k", "v").by("a"))
}

func lockFair(e *env) {
	e.share("a", true, nil, "k")
	e.lock("w", true, ErrLocked, "k", "j")
	e.share("b", true, ErrLocked, "k")
	e.share("a", false, nil, "k") // who shares it already goes on
	e.lock("x", true, ErrLocked, "k")
	e.lock("w", false, nil) // gives up: its place is x's
	e.lock("x", false, ErrLocked, "k")
	e.share("b", false, ErrLocked, "k")
	e.lock("x", false, nil)
	e.share("b", false, nil, "k")
	e.lock("w", false, ErrLocked, "k")
	e.unlock("w")                           // ends
	e.share("c", true, nil, "k")            // and waits no more
	e.lock("d", true, nil, "m")             // d has another lock,
	e.lock("x", false, ErrLocked, "k", "m") // for which x waits as well,
	e.unlock("d", "m")
	e.share("d2", true, ErrLocked, "k")
	e.unlock("a", "k")
	e.unlock("b", "k")
	e.unlock("c", "k")
	e.lock("x", false, nil, "k", "m")
}

func lockSharedDead(e *env) {
	l := e.lockOf("k")
	l.Shared = true
	const lease = 500 * time.Millisecond // longer than a busy machine takes for the next call
	if err := e.s.Lock(e.ctx, main0, "dead", lease, true, []Lock{l}); err != nil {
		e.Fatal(err)
	}
	if err := e.s.Lock(e.ctx, main0, "waits", lease, true, []Lock{e.lockOf("k")}); !errors.Is(err, ErrLocked) {
		e.Fatal(err)
	}
	e.pass(lease * 6 / 5)
	e.share("a", true, nil, "k")
	e.commit(e.unit("w").put("k", "v").by("a"))
	e.share("b", true, nil, "l")
	l = e.lockOf("l")
	l.Shared = true
	if err := e.s.Lock(e.ctx, main0, "dead2", 20*time.Millisecond, true, []Lock{l}); err != nil {
		e.Fatal(err)
	}
	e.pass(50 * time.Millisecond)
	for _, want := range []int64{1, 0} {
		if n, err := e.s.SweepLocks(e.ctx, main0); n != want || err != nil {
			e.Errorf("swept %d, %v; want %d", n, err, want)
		}
	}
	e.refuse(e.unit("w").put("l", "v"), ErrLocked)
	e.lock("b", false, nil, "l")
	e.commit(e.unit("w").put("l", "v").by("b"))
	if err := e.s.Lock(e.ctx, main0, "dead3", 20*time.Millisecond, true, []Lock{l}); err != nil {
		e.Fatal(err)
	}
	e.pass(50 * time.Millisecond)
	e.lock("c", true, nil, "l")
	e.unlock("c", "l")
}

func lockSharedCycle(e *env) {
	e.share("a", true, nil, "k")
	e.share("b", true, nil, "k")
	e.share("c", true, nil, "k")
	e.lock("d", true, nil, "m")
	e.lock("d", false, ErrLocked, "k") // waits for a, b and c
	e.lock("b", false, ErrDeadlock, "m")
	e.lock("b", false, nil)
	e.share("e", true, nil, "n")
	e.share("e", false, ErrLocked, "k")  // waits for d alone
	e.lock("a", false, ErrDeadlock, "n") // e -> d -> a
	e.lock("a", false, nil)
	e.lock("d", false, nil)            // d waits no more,
	e.lock("a", false, ErrLocked, "n") // so e does not either
	e.share("e", false, nil, "k")
	e.unlock("e", "n", "k")
	e.lock("a", false, nil, "n")
}

func lockUnlock(e *env) {
	e.lock("a", true, nil, "k")
	e.unlock("b", "k")
	e.refuse(e.unit("w").put("k", "v"), ErrLocked)
	e.unlock("a", "k")
	e.unlock("a", "k")
	e.lock("b", true, nil, "k")
	e.unlock("a", "k")
	e.refuse(e.unit("w").put("k", "v"), ErrLocked)
	e.unlock("b", "k")
	e.commit(e.unit("w").put("k", "v"))
}

func lockSweep(e *env) {
	e.lock("a", true, nil, "k")
	if err := e.s.Lock(e.ctx, main0, "dead", 20*time.Millisecond, true, []Lock{e.lockOf("l"), e.lockOf("m")}); err != nil {
		e.Fatal(err)
	}
	e.pass(50 * time.Millisecond)
	for _, want := range []int64{2, 0} {
		if n, err := e.s.SweepLocks(e.ctx, main0); n != want || err != nil {
			e.Errorf("swept %d, %v; want %d", n, err, want)
		}
	}
	e.refuse(e.unit("w").put("k", "v"), ErrLocked)
	e.unlock("a", "k")
	for _, key := range []string{"locks", "lockers", "lockwaits", "lockmark"} {
		if n, err := e.rdb.Exists(context.Background(), e.prefix+":{main}:"+key).Result(); n != 0 || err != nil {
			e.Errorf("%s is left, %v", key, err)
		}
	}
}

func lockSeen(e *env) {
	if e.read("k").Locks {
		e.Error("locks before there is one")
	}
	e.lock("a", true, nil, "k")
	if !e.read("l").Locks {
		e.Error("no locks were told")
	}
	if err := e.s.Unlocked(e.ctx, main0, []Lock{e.lockOf("l"), e.lockOf("k")}); !errors.Is(err, ErrLocked) {
		e.Errorf("k is locked, and the answer %v", err)
	}
	if err := e.s.Unlocked(e.ctx, main0, []Lock{e.lockOf("l")}); err != nil {
		e.Errorf("l: %v", err)
	}
	e.commit(e.unit("w").put("k", "v").by("a"))
	if err := e.s.Unlocked(e.ctx, main0, []Lock{e.lockOf("k")}); err != nil {
		e.Errorf("k after its owner's commit: %v", err)
	}
	e.unlock("a", "k")
	if e.read("k").Locks {
		e.Error("locks after the last one")
	}
}

func lockTogether(e *env) {
	e.lock("a", true, nil, "k")
	l := e.s.lane(main0)
	inc := e.st.Incarnation
	record, err := e.s.writerRecord(e.ctx, l)
	if err != nil {
		e.Fatal(err)
	}
	var calls []*call
	for _, c := range []*Commit{e.unit("x").put("k", "no"), e.unit("y").put("k", "a").by("a"), e.unit("z").put("k", "z"), e.unit("v").put("k", "late").by("a")} {
		u, err := newCommitUnit(l, inc, record, c)
		if err != nil {
			e.Fatal(err)
		}
		calls = append(calls, &call{lane: l, unit: u})
	}
	e.s.sendCommits(calls)
	want := []any{int64(ansLocked), int64(1), int64(2), int64(ansUnlocked)}
	for i, c := range calls {
		if c.err != nil || c.reply != want[i] {
			e.Errorf("unit %d: %v, %v; want %v", i, c.reply, c.err, want[i])
		}
	}
	e.wantRow("k", "z", true)
}
