package wal

import (
	"context"
	"fmt"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// TestLockedCommitCut breaks the connection of a transaction's commit after each
// of some bytes of the request, and of the reply: its owner has ended with the
// first attempt that Redis took, and still the unit is there once, and its
// writer is told so.
func TestLockedCommitCut(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		e, c := newCutEnv(t, b)
		want := row.LSN(0)
		one := func(what cut, at int) {
			want++
			owner, key := fmt.Sprintf("o%d", want), fmt.Sprintf("MARK-%d", want)
			e.lock(owner, true, nil, "k")
			c.armAt(what, at)
			if lsn := e.commit(e.unit("a").put("k", key).by(owner)); lsn != want {
				e.Fatalf("cut %d at byte %d: LSN %d, want %d", what, at, lsn, want)
			}
			if c.pending() {
				e.Fatalf("cut %d at byte %d did not happen", what, at)
			}
			e.wantRow("k", key, true)
		}
		one(cutBefore, 0)
		one(cutAfter, 0)
		for at := 0; at < 700; at += 11 {
			one(cutWithin, at)
		}
		for at := range 4 {
			one(cutReply, at)
		}
		if n := len(e.tail(0)); n != int(want) {
			t.Errorf("the WAL holds %d units, want %d", n, want)
		}
	})
}

// TestLockedCommitLate lets a transaction's commit arrive when its client has
// been told that the outcome is unknown, and its locks were given up: it is not
// applied over what another has written since.
func TestLockedCommitLate(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		e, c := newCutEnv(t, b)
		e.lock("o", true, nil, "k")
		c.arm(holdBack)
		ctx, cancel := context.WithCancel(e.ctx)
		defer cancel()
		_, err := e.s.Commit(&cancelOnCut{Context: ctx, cancel: cancel, c: c}, e.unit("a").put("k", "MARK").by("o"))
		if err == nil { // asked again before the caller gave up: then it is applied
			e.wantRow("k", "MARK", true)
			return
		}
		if kind(err) != "ambiguous" {
			t.Fatalf("the commit gave %v", err)
		}
		e.unlock("o", "k")
		e.commit(e.unit("b").put("k", "other"))
		c.deliver()
		e.wantRow("k", "other", true)
		if n := len(e.tail(0)); n != 1 {
			t.Errorf("the WAL holds %d units", n)
		}
	})
}
