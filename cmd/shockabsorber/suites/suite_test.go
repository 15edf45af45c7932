package suites

import (
	"bufio"
	"cmp"
	"fmt"
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

// compare runs a suite directly and through the proxy and fails for each test
// that is not the same. It logs the suite's row.
func (w *world) compare(t *testing.T, s suite) {
	t.Helper()
	known := readList(t, s.name)
	leaveOut := known.names(listExcluded)
	direct := s.run(t, w.direct, leaveOut)
	before := w.counters(t)
	proxied := s.run(t, w.proxied, leaveOut)
	did := w.counters(t).since(before)
	mustExec(t, w.proxied.open(t), "CALL shock_absorber.drain()")

	t.Logf("| %s | %d tests | pass directly %d | pass through %d | absorbed %s |", s.name, len(direct), direct.count(passed), proxied.count(passed), did.share())
	for _, reason := range slices.SortedFunc(maps.Keys(did.reasons), func(a, b string) int { return cmp.Compare(did.reasons[b], did.reasons[a]) }) {
		t.Logf("  not absorbed %6.0f %s", did.reasons[reason], reason)
	}
	if n := direct.count(passed); n < s.least {
		t.Errorf("only %d tests pass directly, %d are expected", n, s.least)
	}
	if did.all == 0 {
		t.Error("the proxy has seen no statement on an absorbed table")
	}
	for _, complaint := range judge(direct, proxied, known) {
		t.Error(complaint)
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
	for _, entry := range []string{listBoth, listDiffers} {
		for _, test := range known.names(entry) {
			if _, ran := direct[test]; !ran && whole() {
				complaints = append(complaints, fmt.Sprintf("%s stands in testdata as %q and did not run", test, entry))
			}
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
