package absorber

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// clock is a synthetic time.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

// flight is a batch of a simulated lane that is on its way to MySQL.
type flight struct {
	g    *grant
	rows int
	ends time.Time
}

// The promise of the limiter: whatever the batches' sizes and however long
// each takes to commit, no window of one second sees more than rate + burst
// rows commit (rate + the largest unit, if that is larger than the burst).
func TestNoWindowSeesMoreThanRateAndBurst(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rate := float64(rapid.IntRange(20, 500).Draw(rt, "rate"))
		burst := rapid.IntRange(0, 100).Draw(rt, "burst")
		lanes := rapid.IntRange(1, 4).Draw(rt, "lanes")
		oversize := rapid.Bool().Draw(rt, "oversize")
		slow := rapid.IntRange(1, 3000).Draw(rt, "slowest commit in ms")
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		c := &clock{time.Unix(1000, 0)}
		l := NewLimiter(LimiterConfig{Rate: rate, Burst: burst, Lanes: lanes, Now: c.now})
		l.own(lanes)
		full := l.global.full
		largest := full
		tickets := make([]ticket, lanes)
		flights := make([]flight, lanes)
		wants := make([]int, lanes)
		type commit struct {
			at   time.Time
			rows int
		}
		var commits []commit
		for end := c.t.Add(30 * time.Second); c.t.Before(end); c.t = c.t.Add(time.Duration(1+rnd.IntN(20)) * time.Millisecond) {
			for i := range lanes {
				if f := &flights[i]; f.g != nil {
					if c.t.Before(f.ends) {
						continue
					}
					commits = append(commits, commit{c.t, f.rows})
					f.g.done()
					f.g = nil
				}
				if wants[i] == 0 {
					wants[i] = 1 + rnd.IntN(full)
					if oversize && lanes == 1 && rnd.IntN(10) == 0 {
						wants[i] = full + rnd.IntN(2*full)
					}
				}
				g, _, _ := l.try(&tickets[i], map[string]int{"d.t": wants[i]}, false)
				if g != nil {
					largest = max(largest, wants[i])
					flights[i] = flight{g, wants[i], c.t.Add(time.Duration(rnd.IntN(slow)) * time.Millisecond)}
					wants[i] = 0
				}
			}
		}
		total := 0
		for from := range commits {
			rows := 0
			for _, x := range commits[from:] {
				if x.at.Sub(commits[from].at) > time.Second {
					break
				}
				rows += x.rows
			}
			total += commits[from].rows
			if float64(rows) > rate+float64(largest)+1e-6 {
				rt.Fatalf("%d rows in one second, rate %v, burst %d, largest unit %d", rows, rate, full, largest)
			}
		}
		if total == 0 {
			rt.Fatal("nothing got through")
		}
	})
}

// Batches of Cap rows reach the rate although each commit takes time.
func TestCapReachesTheRate(t *testing.T) {
	for _, latency := range []time.Duration{0, 5 * time.Millisecond, 40 * time.Millisecond} {
		c := &clock{time.Unix(1000, 0)}
		l := NewLimiter(LimiterConfig{Rate: 50, Now: c.now})
		l.own(1)
		rows, start := 0, c.t
		var tk ticket
		for c.t.Sub(start) < 60*time.Second {
			n := l.Cap("", false)
			g, wait, _ := l.try(&tk, map[string]int{"": n}, false)
			if g == nil {
				c.t = c.t.Add(wait)
				continue
			}
			c.t = c.t.Add(latency)
			g.done()
			rows += n
		}
		if got := float64(rows) / 60; got < 48 || got > 51 {
			t.Errorf("commits of %v: %.1f rows a second instead of 50", latency, got)
		}
	}
}

func TestLimiterSharesAndTables(t *testing.T) {
	c := &clock{time.Unix(1000, 0)}
	l := NewLimiter(LimiterConfig{Rate: 100, Burst: 40, Lanes: 4, BarrierRate: 20, Now: c.now, TableRate: func(n string) float64 {
		if n == "d.slow" {
			return 40
		}
		return 0
	}})
	l.own(1)
	if got := l.Cap("", false); got != 5 {
		t.Errorf("one lane of four may batch %d rows", got)
	}
	l.own(3)
	for _, x := range []struct {
		table string
		flush bool
		want  int
	}{{"", false, 20}, {"d.slow", false, 2}, {"d.fast", false, unlimited}, {"", true, 1}, {"d.slow", true, unlimited}} {
		if got := l.Cap(x.table, x.flush); got != x.want {
			t.Errorf("Cap(%q, %v) = %d, want %d", x.table, x.flush, got, x.want)
		}
	}
	c.t = c.t.Add(time.Second) // what a new lane adds to a bucket has to flow in first
	var tk ticket
	g, _, _ := l.try(&tk, map[string]int{"d.slow": 4, "d.fast": 1}, false)
	if g == nil {
		t.Fatal("a full bucket refuses")
	}
	if g, _, _ := l.try(&tk, map[string]int{"d.slow": 1}, false); g != nil {
		t.Error("the slow table's bucket is empty")
	}
	if g, _, _ := l.try(&tk, map[string]int{"d.fast": 1}, false); g == nil {
		t.Error("the slow table holds back another one")
	}
	l.SetRate(1000, 500)
	if got := l.Cap("", false); got != 250 {
		t.Errorf("after SetRate a batch may have %d rows", got)
	}
}

// Who waits for room in flight is woken when it is given back.
func TestTakeWakesUp(t *testing.T) {
	l := NewLimiter(LimiterConfig{Rate: 1e9, Burst: 10})
	l.own(1)
	var tk, other ticket
	g, err := l.take(t.Context(), &tk, map[string]int{"": 10}, false, nil)
	if g == nil || err != nil {
		t.Fatal(g, err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			g, err := l.take(t.Context(), &other, map[string]int{"": 10}, false, nil)
			if err != nil {
				t.Error(err)
			}
			if g != nil || err != nil {
				return
			}
		}
	})
	g.done()
	wg.Wait()
	wake := make(chan struct{}, 1)
	wake <- struct{}{}
	if g, err := l.take(t.Context(), &tk, map[string]int{"": 10}, false, wake); g != nil || err != nil {
		t.Errorf("woken: %v, %v", g, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.take(ctx, &tk, map[string]int{"": 1}, false, nil); err == nil {
		t.Error("an ended context may take")
	}
}
