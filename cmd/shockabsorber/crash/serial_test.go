package crash

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/serial"
)

// TestSerializable kills proxies and the drainer, and in the long form the servers
// too, under transactions that lock what they read. Those that were committed have
// a serial order that keeps real time; those whose COMMIT had no answer are in it
// or not, as a whole; all others are not.
func TestSerializable(t *testing.T) {
	long := soak(t)
	for i, s := range []setting{{"MariaDB", servertest.MariaDB, "memory", ""}, {"MySQL", servertest.MySQL, "redis", ""}} {
		t.Run(s.name, func(t *testing.T) {
			if long == 0 && i > 0 {
				t.Skip("in the long form: set SHOCK_ABSORBER_SOAK")
			}
			seed := seedOf(t)
			w := newWorld(t, s, seed, "")
			rng := rand.New(rand.NewPCG(seed, 3))
			var total serial.History
			for round := uint64(1); round == 1 || w.now() < long/2 && !t.Failed(); round++ {
				load := serial.Load{Pools: w.pools, Direct: w.direct, Seed: seed<<16 + round, Each: serialMost, Breaks: true, Drain: func() error { w.drained(); return nil }}
				load.Disturb = func() {
					for range 2 {
						time.Sleep(time.Duration(500+rng.IntN(1500)) * time.Millisecond)
						if round%2 == 0 {
							w.strike(rng)
						} else {
							w.strikeAt(rng, w.processes())
						}
					}
					time.Sleep(time.Second)
				}
				h, err := load.Run(t.Context())
				if err != nil {
					t.Errorf("seed %d round %d: %v", seed, round, err)
				}
				t.Logf("round %d: %v", round, h)
				total.Add(h)
				w.gatesOpen()
				w.audit("after the round")
			}
			t.Logf("%v; kills: %v", &total, w.kills)
			if total.Kinds["transaction"] < 10 {
				t.Errorf("only %d transactions were committed: the test shows little", total.Kinds["transaction"])
			}
		})
	}
}

// serialMost bounds the transactions of a session in a round: a serial order of
// more is not found in time.
const serialMost = 400
