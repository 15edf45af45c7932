package wal

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// TestCutAtEveryByte breaks the connection after each byte of a commit's
// request and of its reply: the unit is there once, and its writer is told so.
func TestCutAtEveryByte(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		e, c := newCutEnv(t, b)
		want := 0
		one := func(what cut, at int) (cutHappened bool) {
			want++
			key := fmt.Sprintf("MARK-%d-%d", what, at)
			c.armAt(what, at)
			if lsn := e.commit(e.unit("a").put(key, "v")); lsn != row.LSN(want) {
				e.Fatalf("cut %d at byte %d: LSN %d, want %d", what, at, lsn, want)
			}
			return !c.pending()
		}
		step := 1
		if b.mini == nil { // the code is the same; the server's reading is what differs
			step = 5
		}
		const request = 650 // bytes, more than the request has
		for at := 0; at < request; at += step {
			if !one(cutWithin, at) {
				t.Fatal("the request did not pass the cutter")
			}
		}
		for at := range len("*1\r\n:123\r\n") + 1 {
			one(cutReply, at)
		}
		c.arm(passOn)
		// A connection that broke behind its last reply is noticed, and replaced, by
		// the next commit.
		e.commit(e.unit("a").put("LAST", "v"))
		want++
		recs := e.tail(0)
		if len(recs) != want {
			t.Errorf("the WAL holds %d units, want %d", len(recs), want)
		}
		seen := map[row.Key]bool{}
		for _, r := range recs {
			u, err := Decode(r.Data)
			if err != nil {
				t.Fatal(err)
			}
			if k := u.Mutations[0].Key; seen[k] {
				t.Errorf("%s stands twice in the WAL", k)
			} else {
				seen[k] = true
			}
		}
	})
}

// TestOutcomeStaysUnknown: a network that fails at every try leaves the
// outcome open, and the error says so; it is never a plain failure. With the
// writer's next unit it is decided: the unit is there once, or never comes.
func TestOutcomeStaysUnknown(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		for _, x := range []struct {
			name  string
			what  cut
			bytes int
			there bool
		}{{"before", cutBefore, 0, false}, {"after", cutAfter, 0, true}, {"within the request", cutWithin, 100, false}, {"within the reply", cutReply, 3, true}} {
			t.Run(x.name, func(t *testing.T) {
				e, c := newCutEnv(t, b)
				e.commit(e.unit("a").put("k", "v"))
				c.armAt(x.what, x.bytes)
				c.persist(true)
				ctx, cancel := context.WithTimeout(e.ctx, 300*time.Millisecond)
				defer cancel()
				_, err := e.s.Commit(ctx, e.unit("a").put("MARK", "v1"))
				var fault *row.Error
				if !errors.As(err, &fault) || fault.Kind != row.Ambiguous || fault.Hint == "" {
					t.Fatalf("the writer was told %v", err)
				}
				c.persist(false)
				// A last try may still be on its way, and get through now; the
				// writer's next unit ends that.
				e.commit(e.unit("a").put("end", "v"))
				found := e.read("MARK").Found
				if x.there && !found {
					t.Error("a unit that arrived is not there")
				}
				want := 2
				if found {
					want = 3
				}
				if n := len(e.tail(0)); n != want {
					t.Errorf("the WAL holds %d units, want %d", n, want)
				}
			})
		}
	})
}
