package differential

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// kind is a kind of statement.
type kind string

// The kinds of statements.
const (
	kindInsert           kind = "INSERT"
	kindInsertMany       kind = "INSERT of many rows"
	kindInsertSet        kind = "INSERT SET"
	kindInsertExpression kind = "INSERT of expressions"
	kindInsertIgnore     kind = "INSERT IGNORE"
	kindReplace          kind = "REPLACE"
	kindOnDuplicate      kind = "ON DUPLICATE KEY UPDATE"
	kindUpdateKey        kind = "UPDATE by primary key"
	kindUpdateArithmetic kind = "UPDATE n = n + 1 by primary key"
	kindUpdateExpression kind = "UPDATE of expressions by primary key"
	kindUpdateUnique     kind = "UPDATE by unique key"
	kindUpdateCondition  kind = "UPDATE by key and more"
	kindUpdateScan       kind = "UPDATE without key"
	kindDeleteKey        kind = "DELETE by primary key"
	kindDeleteUnique     kind = "DELETE by unique key"
	kindDeleteCondition  kind = "DELETE by key and more"
	kindDeleteScan       kind = "DELETE without key"
	kindSelectKey        kind = "SELECT by primary key"
	kindSelectUnique     kind = "SELECT by unique key"
	kindSelectCondition  kind = "SELECT by key and more"
	kindSelectExpression kind = "SELECT of expressions by key"
	kindSelectScan       kind = "SELECT without key"
	kindOutcome          kind = "outcome of the last"
	kindSession          kind = "SET"
	kindTransaction      kind = "transaction"
	kindInvalid          kind = "invalid"
	kindOther            kind = "other"
)

// trait is what else of a statement, its table or its session decides whether
// it is absorbed.
type trait string

// The traits.
const (
	traitUnique     trait = "table with unique keys"
	traitPrefix     trait = "table with a unique prefix"
	traitAuto       trait = "table with AUTO_INCREMENT"
	traitGenerated  trait = "table with generated columns"
	traitCheck      trait = "table with CHECK"
	traitDefault    trait = "table with DEFAULT (expression)"
	traitClock      trait = "table with CURRENT_TIMESTAMP"
	traitParent     trait = "parent table"
	traitChild      trait = "child table"
	traitStrict     trait = "strict"
	traitLax        trait = "not strict"
	traitZeroDate   trait = "NO_ZERO_DATE"
	traitANSI       trait = "ANSI_QUOTES"
	traitBackslash  trait = "NO_BACKSLASH_ESCAPES"
	traitPadChar    trait = "PAD_CHAR_TO_FULL_LENGTH"
	traitAutoZero   trait = "NO_AUTO_VALUE_ON_ZERO"
	traitZone       trait = "time zone"
	traitUTF8       trait = "utf8mb4 client"
	traitLatin1     trait = "latin1 client"
	traitBinary     trait = "binary client"
	traitStep       trait = "auto_increment_increment"
	traitTimestamp  trait = "SET timestamp"
	traitFoundRows  trait = "CLIENT_FOUND_ROWS"
	traitEdge       trait = "edge values"
	traitKeyUpdate  trait = "UPDATE of a key column"
	traitOrderLimit trait = "ORDER BY or LIMIT"
	traitMixedAuto  trait = "some rows with AUTO_INCREMENT values"
	traitNoDefault  trait = "column without a default left out"
	traitOddKey     trait = "by a key of YEAR, BIT, TIME or BINARY"
	traitOddDefault trait = "table with a default of FLOAT, TIMESTAMP, TIME or bytes"
	traitManyRows   trait = "many rows that may replace others"
	traitRefused    trait = "answer is an error"
	traitWarned     trait = "answer has warnings"
)

// today are the kinds and traits that the product absorbs. A statement is
// eligible if its kind and all its traits are in here. What is built next
// becomes true, and has to keep the share from then on.
var today = map[any]bool{
	kindInsert: true, kindInsertMany: true, kindInsertSet: true, kindInsertExpression: true, kindInsertIgnore: true, kindReplace: true, kindOnDuplicate: true,
	kindUpdateKey: true, kindUpdateArithmetic: true, kindUpdateExpression: true, kindUpdateUnique: true, kindUpdateCondition: true, kindUpdateScan: false,
	kindDeleteKey: true, kindDeleteUnique: true, kindDeleteCondition: true, kindDeleteScan: false,
	kindSelectKey: true, kindSelectUnique: true, kindSelectCondition: true, kindSelectExpression: true, kindSelectScan: false,

	traitUnique: true, traitPrefix: false, traitAuto: true, traitClock: true, traitStrict: true, traitLax: true, traitZeroDate: true, traitANSI: true, traitBackslash: true,
	traitAutoZero: true, traitZone: true, traitUTF8: true, traitStep: true, traitFoundRows: true,
	traitGenerated: true, traitCheck: true, traitDefault: true, traitParent: false, traitChild: true, traitPadChar: true, traitLatin1: true, traitBinary: true, traitTimestamp: false,
	traitEdge: false, traitKeyUpdate: true, traitOrderLimit: true, traitMixedAuto: false, traitNoDefault: false, traitOddKey: false, traitOddDefault: false, traitRefused: false, traitWarned: false,
}

// leastShare is how many of 100 eligible statements have to be absorbed: over
// all kinds, and of each kind that is in least with another number.
const leastShare = 95

// least are the kinds that may have a share of their own.
var least = map[kind]float64{}

// eligible reports whether the product has to absorb the statement today.
func (s *statement) eligible() bool {
	return today[s.kind] && !slices.ContainsFunc(s.traits, func(t trait) bool { return !today[t] })
}

// tally counts the statements of one kind.
type tally struct{ all, absorbed, eligible, eligibleAbsorbed int }

// ledger counts what was done with all statements.
type ledger struct {
	mu       sync.Mutex
	kinds    map[kind]*tally
	reasons  map[kind]map[string]int // of statements that were not absorbed
	missed   map[string]int          // of eligible ones
	examples map[string]string       // of eligible ones
}

// newLedger makes an empty one.
func newLedger() *ledger {
	return &ledger{kinds: map[kind]*tally{}, reasons: map[kind]map[string]int{}, missed: map[string]int{}, examples: map[string]string{}}
}

// note counts one statement. An error that the proxy answers by itself is not
// counted there; if the statement is eligible, it is taken to be absorbed.
func (l *ledger) note(s *statement, did deed, answer [][]byte, tables []*table) {
	if len(answer) == 0 {
		return
	}
	refused, warned := judged(answer)
	own := did.absorbed || did.reason == "" && refused
	counted := s.clone()
	if refused && !own {
		counted.note(traitRefused)
	}
	if warned && !own {
		counted.note(traitWarned)
	}
	if len(s.rows) > 1 && (s.kind == kindReplace || s.kind == kindOnDuplicate || s.kind == kindInsertIgnore) {
		counted.note(traitManyRows)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.kinds[s.kind]
	if t == nil {
		t = &tally{}
		l.kinds[s.kind], l.reasons[s.kind] = t, map[string]int{}
	}
	t.all++
	if did.absorbed {
		t.absorbed++
	} else {
		l.reasons[s.kind][did.String()]++
	}
	if !counted.eligible() {
		return
	}
	t.eligible++
	if own {
		t.eligibleAbsorbed++
		return
	}
	l.missed[did.String()]++
	if old, text := l.examples[did.String()], withTables(s, tables); old == "" || len(text) < len(old) {
		l.examples[did.String()] = text
	}
}

// total is the number of statements.
func (l *ledger) total() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.kinds {
		n += t.all
	}
	return n
}

// share is a part of 100.
func share(part, of int) float64 {
	if of == 0 {
		return 100
	}
	return 100 * float64(part) / float64(of)
}

// shortfalls are the kinds of which too few were absorbed.
func (l *ledger) shortfalls() (out []string) {
	var part, of int
	for _, k := range slices.Sorted(maps.Keys(l.kinds)) {
		t := l.kinds[k]
		part, of = part+t.eligibleAbsorbed, of+t.eligible
		if want, is := least[k]; is && share(t.eligibleAbsorbed, t.eligible) < want {
			out = append(out, fmt.Sprintf("%s: %.1f %% of the eligible statements were absorbed, at least %.0f %% have to be", k, share(t.eligibleAbsorbed, t.eligible), want))
		}
	}
	if share(part, of) < leastShare || of == 0 {
		out = append(out, fmt.Sprintf("%.1f %% of %d eligible statements were absorbed, at least %d %% have to be", share(part, of), of, leastShare))
	}
	return out
}

// String is the whole ledger.
func (l *ledger) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-40s %7s %9s %9s %9s  why not\n", "kind", "all", "absorbed", "eligible", "of these")
	for _, k := range slices.Sorted(maps.Keys(l.kinds)) {
		t := l.kinds[k]
		fmt.Fprintf(&b, "%-40s %7d %8.1f%% %9d %8.1f%%  %s\n", k, t.all, share(t.absorbed, t.all), t.eligible, share(t.eligibleAbsorbed, t.eligible), ranked(l.reasons[k], 8))
	}
	for _, r := range byCount(l.missed) {
		fmt.Fprintf(&b, "eligible, but %s %d times: %.900s\n", r, l.missed[r], l.examples[r])
	}
	return b.String()
}

// byCount are the keys, the most frequent first.
func byCount(m map[string]int) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
}

// ranked prints the n most frequent.
func ranked(m map[string]int, n int) string {
	var out []string
	for _, k := range byCount(m) {
		out = append(out, fmt.Sprintf("%s %d", k, m[k]))
	}
	return strings.Join(out[:min(n, len(out))], ", ")
}
