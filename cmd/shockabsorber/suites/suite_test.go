package suites

import (
	"bufio"
	"cmp"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What a test of a suite came to.
const (
	passed  = "pass"
	failed  = "fail"
	skipped = "skip"
)

// outcomes are the tests of a suite by name.
type outcomes map[string]string

// count says how many came to what.
func (o outcomes) count(what string) (n int) {
	for _, v := range o {
		if v == what {
			n++
		}
	}
	return n
}

// suite is a set of tests that takes the address of a server.
type suite struct {
	name  string // of the list in testdata as well
	least int    // so many tests have to pass directly, or something is wrong with the run
	run   func(t *testing.T, at target, leaveOut []string) outcomes
}

// What a list says of a test.
const (
	listChosen   = "run"     // is run in the short form (suites that choose their tests)
	listWhole    = "whole"   // is run in the whole form only
	listExcluded = "exclude" // is not run
	listBoth     = "both"    // fails directly, and may do what it likes through the proxy
	listDiffers  = "differs" // passes directly and is known to fail through the proxy
	listUnsteady = "unsteady"
)

// list is what testdata says of a suite: tests by entry, with reasons.
type list map[string]map[string]string

// readList reads testdata/NAME.list: a line is an entry, the name of a test
// and a reason. A name ends at the first tab; # begins a comment line.
func readList(t *testing.T, name string) list {
	t.Helper()
	all := list{}
	f, err := os.Open(filepath.Join("testdata", name+".list"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		if lines.Text() == "" || strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		entry, rest, _ := strings.Cut(lines.Text(), "\t")
		test, reason, _ := strings.Cut(rest, "\t")
		switch entry {
		case listChosen, listWhole:
		case listExcluded, listBoth, listDiffers, listUnsteady:
			if reason == "" {
				t.Fatalf("%s:%d: %s has no reason", f.Name(), n, test)
			}
		default:
			t.Fatalf("%s:%d: no entry is called %q", f.Name(), n, entry)
		}
		if all[entry] == nil {
			all[entry] = map[string]string{}
		}
		all[entry][test] = reason
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// names are the tests of an entry, in order.
func (l list) names(entry string) []string { return slices.Sorted(maps.Keys(l[entry])) }

// result is what the runs of a suite, or of a part of it, came to.
type result struct {
	direct, proxied outcomes
	did             counters // of the proxy
}

// compare runs a suite directly and through the proxy and fails for each test
// that is not the same. It logs the suite's row.
func (w *world) compare(t *testing.T, s suite) {
	t.Helper()
	known := readList(t, s.name)
	r := w.runBoth(t, s, known)
	for _, complaint := range judge(r.direct, r.proxied, known) {
		t.Error(complaint)
	}
	r.check(t, s, known)
}

// compareParts is compare for a suite that is told which tests to run, in
// parts, one after the other, each of which can be run alone:
// -run TestMariaDB/part_3$
func (w *world) compareParts(t *testing.T, name string, least int, parts iter.Seq[[]string], run func(t *testing.T, at target, tests []string) outcomes) {
	t.Helper()
	known := readList(t, name)
	var all result
	n, ran := 0, 0
	for part := range parts {
		n++
		t.Run(fmt.Sprintf("part_%d", n), func(t *testing.T) {
			s := suite{name: name, run: func(t *testing.T, at target, _ []string) outcomes { return run(t, at, part) }}
			r := w.runBoth(t, s, known)
			for _, asked := range part {
				if !r.direct.have(asked) {
					t.Errorf("%s did not run", asked)
				}
			}
			for _, complaint := range judge(r.direct, r.proxied, known) {
				t.Error(complaint)
			}
			r.row(t, t.Name())
			all.add(r)
			ran++
		})
	}
	if ran == n { // not a part alone
		all.check(t, suite{name: name, least: least}, known)
	}
}

// have reports whether a test, or one of a group of tests, is among them.
func (o outcomes) have(asked string) bool {
	for test := range o {
		if test == asked || strings.HasPrefix(test, asked+".") {
			return true
		}
	}
	return false
}

// runBoth runs a suite directly and through the proxy.
func (w *world) runBoth(t *testing.T, s suite, known list) result {
	t.Helper()
	leaveOut := known.names(listExcluded)
	direct := s.run(t, w.direct, leaveOut)
	before := w.counters(t)
	proxied := s.run(t, w.proxied, leaveOut)
	did := w.counters(t).since(before)
	mustExec(t, w.proxied.open(t), "CALL shock_absorber.drain()")
	return result{direct: direct, proxied: proxied, did: did}
}

// add puts the result of another part to it.
func (r *result) add(part result) {
	if r.direct == nil {
		*r = result{direct: outcomes{}, proxied: outcomes{}, did: counters{reasons: map[string]float64{}}}
	}
	maps.Copy(r.direct, part.direct)
	maps.Copy(r.proxied, part.proxied)
	r.did = r.did.plus(part.did)
}

// row logs the result in numbers.
func (r result) row(t *testing.T, name string) {
	t.Helper()
	t.Logf("| %s | %d tests | pass directly %d | pass through %d | absorbed %s |", name, len(r.direct), r.direct.count(passed), r.proxied.count(passed), r.did.share())
	for _, reason := range slices.SortedFunc(maps.Keys(r.did.reasons), func(a, b string) int { return cmp.Compare(r.did.reasons[b], r.did.reasons[a]) }) {
		t.Logf("  not absorbed %6.0f %s", r.did.reasons[reason], reason)
	}
}

// check logs the result of a whole suite, and fails if it did not run as it
// should have.
func (r result) check(t *testing.T, s suite, known list) {
	t.Helper()
	r.row(t, s.name)
	if n := r.direct.count(passed); n < s.least {
		t.Errorf("only %d tests pass directly, %d are expected", n, s.least)
	}
	if r.did.all == 0 {
		t.Error("the proxy has seen no statement on an absorbed table")
	}
	for _, entry := range []string{listBoth, listDiffers} {
		for _, test := range known.names(entry) {
			if _, ran := r.direct[test]; !ran && whole() {
				t.Errorf("%s stands in testdata as %q and did not run", test, entry)
			}
		}
	}
}

// judge compares the outcomes of two runs, and both with the list.
func judge(direct, proxied outcomes, known list) (complaints []string) {
	for _, test := range slices.Sorted(maps.Keys(direct)) {
		d, p := direct[test], cmp.Or(proxied[test], "did not run")
		_, both := known[listBoth][test]
		_, differs := known[listDiffers][test]
		_, unsteady := known[listUnsteady][test]
		switch {
		case unsteady:
		case d == failed && !both:
			complaints = append(complaints, fmt.Sprintf("%s fails directly, which testdata does not know", test))
		case d == passed && both:
			complaints = append(complaints, fmt.Sprintf("%s passes directly: it does not belong into testdata as %q", test, listBoth))
		case d == passed && p != passed && !differs:
			complaints = append(complaints, fmt.Sprintf("%s passes directly, through the proxy: %s", test, p))
		case p == passed && differs:
			complaints = append(complaints, fmt.Sprintf("%s passes through the proxy: it does not belong into testdata as %q", test, listDiffers))
		}
	}
	return complaints
}

// TestJudge shows that each kind of disagreement is noticed.
func TestJudge(t *testing.T) {
	known := list{listBoth: {"both": "x"}, listDiffers: {"differs": "x"}, listUnsteady: {"unsteady": "x"}}
	for _, c := range []struct {
		name            string
		direct, proxied string
		complaints      int
	}{
		{"plain", passed, passed, 0},
		{"plain", passed, failed, 1},
		{"plain", passed, skipped, 1},
		{"plain", passed, "", 1},
		{"plain", failed, failed, 1},
		{"plain", skipped, passed, 0},
		{"both", failed, failed, 0},
		{"both", failed, passed, 0},
		{"both", passed, passed, 1},
		{"differs", passed, failed, 0},
		{"differs", passed, passed, 1},
		{"unsteady", failed, passed, 0},
		{"unsteady", passed, failed, 0},
	} {
		direct, proxied := outcomes{c.name: c.direct}, outcomes{}
		if c.proxied != "" {
			proxied[c.name] = c.proxied
		}
		only := list{} // what is known of other tests would be missed
		for entry, tests := range known {
			if reason, ok := tests[c.name]; ok {
				only[entry] = map[string]string{c.name: reason}
			}
		}
		if got := judge(direct, proxied, only); len(got) != c.complaints {
			t.Errorf("%s: directly %q, through the proxy %q: %q", c.name, c.direct, c.proxied, got)
		}
	}
}
