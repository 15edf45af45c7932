package crash

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// soak is how long each test runs with SHOCK_ABSORBER_SOAK; 0 without it.
func soak(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("SHOCK_ABSORBER_SOAK")
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("SHOCK_ABSORBER_SOAK: %v", err)
	}
	return d
}

// seedOf is the seed of a test, printed so that it can be given again.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed := servertest.Number(t, "SHOCK_ABSORBER_CRASH_SEED", uint64(time.Now().UnixNano())%1e9)
	t.Logf("seed %d (SHOCK_ABSORBER_CRASH_SEED repeats it)", seed)
	return seed
}

// settings are the combinations of the matrix. The short form runs the first
// of each database.
var settings = []setting{
	{"MariaDB, Kafka", servertest.MariaDB, "kafka", ""},
	{"MySQL, Redis queue", servertest.MySQL, "redis", ""},
	{"MySQL, Kafka, durability kafka", servertest.MySQL, "kafka", "kafka"},
	{"MariaDB, memory queue", servertest.MariaDB, "memory", ""},
}

// TestMatrix kills everything, alone and in pairs, under load, round after
// round. After each round MySQL equals what the clients were told, and
// `shockabsorber audit` finds nothing.
func TestMatrix(t *testing.T) {
	long := soak(t)
	for i, s := range settings {
		t.Run(s.name, func(t *testing.T) {
			limit, rounds := long/time.Duration(len(settings)), 1<<30
			if long == 0 {
				if i >= 2 {
					t.Skip("in the long form: set SHOCK_ABSORBER_SOAK")
				}
				rounds, limit = 2-i, patience
			}
			seed := seedOf(t)
			w := newWorld(t, s, seed, "")
			rng := rand.New(rand.NewPCG(seed, 1))
			var total tally
			for n := 1; (n <= rounds || total.acknowledged < 100) && w.now() < limit; n++ {
				total.add(w.round(n, rng))
				if t.Failed() {
					break
				}
			}
			kinds := []string{}
			for name, n := range w.kills {
				kinds = append(kinds, fmt.Sprintf("%s %d", name, n))
			}
			slices.Sort(kinds)
			t.Logf("%s; kills: %v", total, kinds)
			if total.acknowledged < 100 {
				t.Errorf("only %d writes were acknowledged: the test shows little", total.acknowledged)
			}
		})
	}
}

// round runs the load over two to four strikes and compares what is left.
func (w *world) round(n int, rng *rand.Rand) tally {
	r := &round{w: w, report: w.t.Errorf, number: n, clients: 10, keys: 6, codes: map[int]int{}}
	r.prepare()
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() { defer close(done); r.run(stop) }()
	for range 2 + rng.IntN(3) {
		time.Sleep(time.Duration(300+rng.IntN(2500)) * time.Millisecond)
		w.strike(rng)
	}
	time.Sleep(time.Duration(500+rng.IntN(1500)) * time.Millisecond)
	live := w.audit("under load")
	close(stop)
	<-done
	w.drained()
	out := r.verify()
	out.findings += live + w.audit("after the round")
	w.t.Logf("round %d: %s; error numbers %v", n, out, r.codes)
	return out
}
