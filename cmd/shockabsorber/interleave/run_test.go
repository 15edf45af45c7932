package interleave

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

const (
	usualSeed    = 1
	usualScripts = 16               // on each server
	maxReports   = 6                // differences that are made small and printed
	shrinkTime   = 90 * time.Second // for each of them
)

// tracing prints every answer of the script that SHOCK_ABSORBER_SCRIPT names.
var tracing = os.Getenv("SHOCK_ABSORBER_SCRIPT") != ""

// run is a run of many scripts against one server.
type run struct {
	*world
	seed                uint64
	scripts, statements int
	waits, deadlocks    int
	timeouts, skipped   int
	known               map[string]int
	reports             int
}

// newRun prepares a run.
func newRun(t *testing.T, db *servertest.DB, mysql bool, seed uint64) *run {
	return &run{world: newWorld(t, db, mysql), seed: seed, known: map[string]int{}}
}

// play plays one script.
func (r *run) play(s *script, slow time.Duration) (*verdict, error) {
	anew := slices.ContainsFunc(s.steps, func(st step) bool { return st.redo })
	defer func() {
		if err := r.reset(anew); err != nil {
			r.t.Fatalf("the tables could not be filled again: %v", err)
		}
	}()
	if s.kept {
		return r.playKept(s)
	}
	return r.playWide(s, slow)
}

// script plays script n, and reports what is not the same. What does not come
// again when it is played once more, slowly, was the machine's doing: a statement
// that was only slow was taken to wait for another session.
func (r *run) script(n uint64) {
	s := newScript(r.seed, n, r.mysql)
	v, err := r.play(s, gateTime)
	if err != nil {
		r.t.Errorf("seed %d script %d: %v\n%s", r.seed, n, err, s)
		return
	}
	for _, line := range v.trace {
		r.t.Log(line)
	}
	r.scripts++
	r.statements += v.answers
	r.waits += v.waits
	r.deadlocks += v.deadlocks
	r.timeouts += v.timeouts
	r.skipped += v.skipped
	if v.known != "" {
		r.known[v.known]++
	}
	if v.diff == "" {
		return
	}
	again, err := r.play(s, 5*gateTime)
	if err != nil || again.diff == "" {
		r.t.Logf("seed %d script %d: did not come again (%v): %s", r.seed, n, err, v.diff)
		if r.known["not again"]++; r.known["not again"] > 1+r.scripts/20 {
			r.t.Errorf("%d scripts came out in another way when they were played again", r.known["not again"])
		}
		return
	}
	if r.reports++; r.reports > maxReports {
		r.t.Errorf("seed %d script %d: %s", r.seed, n, again.diff)
		return
	}
	s, again = r.shrink(s, again)
	r.t.Errorf("seed %d script %d:\n%s  %s", r.seed, n, s, again.diff)
}

// shrink leaves out steps as long as the script fails alike, for a while.
func (r *run) shrink(s *script, v *verdict) (*script, *verdict) {
	until := time.Now().Add(shrinkTime)
	s = &script{sessions: s.sessions, kept: s.kept, steps: slices.Clone(s.steps[:min(v.at+1, len(s.steps))])}
	for size := len(s.steps) / 2; size > 0; size /= 2 {
		for at := len(s.steps) - size; at >= 0 && time.Now().Before(until); at -= size {
			smaller := &script{sessions: s.sessions, kept: s.kept, steps: slices.Delete(slices.Clone(s.steps), at, at+size)}
			if now, err := r.play(smaller, 2*gateTime); err == nil && now.diff != "" && now.signature == v.signature {
				s, v = smaller, now
			}
			at = min(at, len(s.steps))
		}
	}
	return s, v
}

// finish says what was played, and that it was worth it.
func (r *run) finish() {
	kept := map[string]float64{}
	for _, p := range r.proxies {
		for verb, n := range transactions(r.t, p.Admin) {
			kept[verb] += n
		}
	}
	r.t.Logf("%d statements in %d scripts of seed %d: %d waited, %d got 1205, %d deadlocks, %d were left out; ended by known differences %v; transactions %v",
		r.statements, r.scripts, r.seed, r.waits, r.timeouts, r.deadlocks, r.skipped, r.known, kept)
	if r.scripts >= usualScripts && (kept["commit"] == 0 || kept["spill"] == 0 || r.waits == 0) {
		r.t.Error("no transaction was kept, none spilled, or no statement waited")
	}
}

// transactionLine is a line of the counter of transactions.
var transactionLine = regexp.MustCompile(`(?m)^shockabsorber_transactions_total\{.*verb="([^"]*)"\} (\S+)`)

// transactions reads how many transactions a proxy has kept, and what became of
// them.
func transactions(t *testing.T, addr string) map[string]float64 {
	t.Helper()
	resp, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, m := range transactionLine.FindAllStringSubmatch(string(text), -1) {
		var n float64
		if _, err := fmt.Sscan(m[2], &n); err != nil {
			t.Fatal(err)
		}
		all[m[1]] += n
	}
	return all
}

// TestInterleavings plays scripts of one seed.
func TestInterleavings(t *testing.T) {
	for _, server := range servers {
		t.Run(server.name, func(t *testing.T) {
			r := newRun(t, server.start(t), server.mysql, servertest.Number(t, "SHOCK_ABSORBER_SEED", usualSeed))
			if n := servertest.Number(t, "SHOCK_ABSORBER_SCRIPT", 0); n > 0 {
				r.script(n)
				return
			}
			for n := range servertest.Number(t, "SHOCK_ABSORBER_SCRIPTS", usualScripts) {
				r.script(n + 1)
			}
			r.finish()
		})
	}
}

// TestSoak plays scripts of a new seed for as long as SHOCK_ABSORBER_SOAK says, on
// both servers.
func TestSoak(t *testing.T) {
	text := os.Getenv("SHOCK_ABSORBER_SOAK")
	if text == "" {
		t.Skip("set SHOCK_ABSORBER_SOAK to a duration")
	}
	limit, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("SHOCK_ABSORBER_SOAK: %v", err)
	}
	seed := servertest.Number(t, "SHOCK_ABSORBER_SEED", uint64(time.Now().UnixNano()))
	for _, server := range servers {
		t.Run(server.name, func(t *testing.T) {
			r := newRun(t, server.start(t), server.mysql, seed)
			for n, until := uint64(1), time.Now().Add(limit/2); time.Now().Before(until); n++ {
				r.script(n)
			}
			r.finish()
		})
	}
}
