package faults

import (
	"sync"
	"testing"
)

// TestOutcomeIsTold lets every commit fail for longer than a client is kept
// waiting. Where it may have happened the client is told so, and what another
// process reads then stays; where Redis has refused it, it has not happened.
func TestOutcomeIsTold(t *testing.T) {
	s := newServers(t)
	var wg sync.WaitGroup
	for _, x := range []struct {
		mode mode
		want outcome
	}{{before, unknown}, {after, unknown}, {instead, refused}} {
		wg.Go(func() {
			s.run(t, &fault{op: "wal.commit", mode: x.mode, stays: true}, nil, func(w *world) {
				p := w.process(0)
				w.insert(0, "hist", "a1;", 1, 2)
				if got := w.told[len(w.told)-1]; got != x.want {
					w.failf("the client was told %d, want %d", got, x.want)
				}
				if x.mode == after {
					w.read(1, "hist", 1, 2)
					w.observe("a commit that happened", func(s state) bool { return s["hist/1"] != "" && s["hist/2"] != "" })
				}
				w.fault.heal()
				w.read(1, "hist", 1, 2)
				if p.dead.Load() {
					w.failf("the process died")
				}
				w.update(0, "hist", "a2;", 0, 1, 2)
			})
		})
	}
	wg.Wait()
}
