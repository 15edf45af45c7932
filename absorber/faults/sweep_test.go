package faults

import (
	"bytes"
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// newServers starts what the runs share.
func newServers(t *testing.T) *servers {
	db := servertest.MariaDB(t)
	r := servertest.Redis(t)
	s := &servers{db: db, own: "shock_absorber", redis: r.Addr, admin: redis.NewClient(&redis.Options{Addr: r.Addr})}
	t.Cleanup(func() { _ = s.admin.Close() })
	var err error
	if s.pool, err = sql.Open("mysql", db.DSN("")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.pool.Close() })
	if s.conns, err = sql.Open("mysql", db.DSN("")); err != nil {
		t.Fatal(err)
	}
	s.conns.SetMaxIdleConns(-1)
	t.Cleanup(func() { _ = s.conns.Close() })
	return s
}

// run runs a scenario under a fault and checks the invariants. What the processes
// have logged is shown if it fails.
func (s *servers) run(t *testing.T, f *fault, change func(*world), scenario func(*world)) {
	n := runs.Add(1)
	w := &world{servers: s, fault: f, lane: row.Lane(fmt.Sprintf("lane%d", n)), prefix: fmt.Sprintf("f%d", n), database: fmt.Sprintf("faults%d", n), states: []state{began()}}
	var log bytes.Buffer
	w.logger = slog.New(slog.NewTextHandler(&log, nil))
	if change != nil {
		change(w)
	}
	f.calls = map[string]int{}
	for _, sql := range append([]string{"CREATE DATABASE ~"}, tables...) {
		if err := w.direct(sql); err != nil {
			t.Error(err)
			return
		}
	}
	defer func() {
		r := recover()
		for _, p := range w.all {
			p.stop()
		}
		if failed, ok := r.(failure); ok {
			t.Errorf("%s\n%s", failed, log.Bytes())
		} else if r != nil {
			panic(r)
		}
		if err := w.direct("DROP DATABASE ~"); err != nil {
			t.Error(err)
		}
	}()
	w.process(1)
	scenario(w)
	w.finish()
}

// atOnce is how many runs go on beside each other: most of their time they wait.
const atOnce = 12

// reads are labels without an effect; there is no end to their calls while
// somebody waits, so that only the first few are let fail.
var reads = []string{"sink.checkpoint", "sink.dead_letters", "sink.requests", "engine.load", "engine.query", "wal.locked", "wal.wait_gate"}

// byChance are labels that a scenario meets only when a process looks at the
// right moment: a busy machine may miss it.
var byChance = []string{"wal.join", "wal.wait_gate"}

// sweep lets calls of a scenario fail.
type sweep struct {
	*servers
	t        *testing.T
	change   func(*world)
	scenario func(*world)
	until    time.Time // a full sweep begins no run after it
	ran, cut atomic.Int64
}

// base runs the scenario without a fault and gives the calls of each label.
func (s *sweep) base() map[string]int {
	f := &fault{op: "none"}
	s.run(s.t, f, s.change, s.scenario)
	if s.t.Failed() {
		s.t.FailNow()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// each calls f for every label and mode, some at once and in any order.
func (s *sweep) each(ops []string, f func(op string, m mode)) {
	type task struct {
		op string
		m  mode
	}
	var tasks []task
	for _, op := range ops {
		for _, m := range modes {
			tasks = append(tasks, task{op, m})
		}
	}
	rand.Shuffle(len(tasks), func(i, j int) { tasks[i], tasks[j] = tasks[j], tasks[i] })
	next := make(chan task)
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for x := range next {
				f(x.op, x.m)
			}
		})
	}
	for _, x := range tasks {
		next <- x
	}
	close(next)
	wg.Wait()
}

// one runs the scenario with one call failing, and reports whether its turn came.
func (s *sweep) one(op string, at int, m mode) bool {
	f := &fault{op: op, at: at, mode: m}
	s.run(s.t, f, s.change, s.scenario)
	s.ran.Add(1)
	return f.happened()
}

// sample lets one call of each label fail in each way: one mode the first
// call, the others later ones; of a label without an effect only one.
func (s *sweep) sample(calls map[string]int, ops []string) {
	s.each(ops, func(op string, m mode) {
		if slices.Contains(reads, op) && m != before {
			return
		}
		at := int(m) * calls[op] / len(modes)
		if !s.one(op, at, m) && at > 0 { // it was reached less often this time
			s.one(op, 0, m)
		}
	})
}

// full lets call after call fail until a run ends before the fault's turn.
func (s *sweep) full(ops []string) {
	s.each(ops, func(op string, m mode) {
		for at := 0; at < 5 || !slices.Contains(reads, op); at++ {
			if time.Now().After(s.until) {
				s.cut.Add(1)
				return
			}
			if !s.one(op, at, m) {
				return
			}
		}
	})
}

// soak is how long the full sweep of a scenario may take; 0: only a sample.
func soak(t *testing.T) time.Duration {
	text := os.Getenv("SHOCK_ABSORBER_SOAK")
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestSweep lets a call of each label fail in each way, and under
// SHOCK_ABSORBER_SOAK every call. It meets all labels of DESIGN.md and no other.
func TestSweep(t *testing.T) {
	s := newServers(t)
	met := map[string]bool{}
	for _, sc := range []struct {
		name string
		play func(*world)
	}{{"writes", (*world).writes}, {"administration", (*world).administration}} {
		t.Run(sc.name, func(t *testing.T) {
			sw := &sweep{servers: s, t: t, scenario: sc.play, until: time.Now().Add(soak(t))}
			calls := sw.base()
			var fresh []string
			for op := range calls {
				if only := os.Getenv("SHOCK_ABSORBER_LABEL"); !met[op] && (only == "" || only == op) {
					fresh = append(fresh, op)
				}
				met[op] = true
			}
			if soak(t) > 0 {
				sw.full(fresh)
			} else {
				sw.sample(calls, fresh)
			}
			t.Logf("%d labels, %d runs, %d label and mode pairs were cut short", len(fresh), sw.ran.Load(), sw.cut.Load())
		})
	}
	for _, op := range documented(t) {
		if !met[op] && !slices.Contains(byChance, op) {
			t.Errorf("the sweep never meets %s", op)
		}
		delete(met, op)
	}
	for op := range met {
		t.Errorf("DESIGN.md does not list %s", op)
	}
}
