package crash

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// tally is what a round, or a test, comes to.
type tally struct {
	rounds, acknowledged, refused, unknown, reads, failedReads int
	lost, doubled, disordered, stale, other                    int
	findings                                                   int
}

// add sums up.
func (a *tally) add(b tally) {
	a.rounds += b.rounds
	a.acknowledged += b.acknowledged
	a.refused += b.refused
	a.unknown += b.unknown
	a.reads += b.reads
	a.failedReads += b.failedReads
	a.lost += b.lost
	a.doubled += b.doubled
	a.disordered += b.disordered
	a.stale += b.stale
	a.other += b.other
	a.findings += b.findings
}

// String is one line for people.
func (a tally) String() string {
	return fmt.Sprintf("%d rounds, %d writes acknowledged, %d refused, %d unknown, %d reads (%d failed): %d lost, %d doubled, %d out of order, %d reads wrong, %d otherwise wrong, %d audit findings",
		a.rounds, a.acknowledged, a.refused, a.unknown, a.reads, a.failedReads, a.lost, a.doubled, a.disordered, a.stale, a.other, a.findings)
}

// bad reports whether anything is wrong.
func (a tally) bad() bool { return a.lost+a.doubled+a.disordered+a.stale+a.other+a.findings > 0 }

// verifier compares a ledger with MySQL.
type verifier struct {
	r *round
	tally
	shown int
}

// wrong counts and prints one finding.
func (v *verifier) wrong(counter *int, format string, args ...any) {
	*counter++
	if v.shown++; v.shown <= 20 {
		v.r.report("seed %d round %d: %s", v.r.w.seed, v.r.number, fmt.Sprintf(format, args...))
	}
}

// verify compares everything the round's clients were told with MySQL.
func (r *round) verify() tally {
	v := &verifier{r: r}
	v.rounds = 1
	byRow := map[string][]*write{}
	looks := map[string][]look{}
	for _, wr := range r.writes {
		switch wr.outcome {
		case acknowledged:
			v.acknowledged++
		case refused:
			v.refused++
		default:
			v.unknown++
		}
		row := fmt.Sprintf("%s %d", wr.table, wr.key)
		if wr.table == "entry" {
			row = "entry"
		}
		byRow[row] = append(byRow[row], wr)
	}
	v.reads, v.failedReads = len(r.looks), r.failed
	for _, l := range r.looks {
		row := fmt.Sprintf("%s %d", l.table, l.key)
		looks[row] = append(looks[row], l)
	}
	for _, text := range r.unexpected {
		v.wrong(&v.other, "%s", text)
	}
	for k := range r.keys {
		key := r.base() + k
		for _, table := range []string{"counter", "balance", "pair", "trail"} {
			row := fmt.Sprintf("%s %d", table, key)
			v.row(table, key, byRow[row], looks[row])
		}
	}
	v.entries(byRow["entry"])
	return v.tally
}

// row checks one row that writes increment.
func (v *verifier) row(table string, key int, writes []*write, looks []look) {
	column := map[string]string{"trail": "ops", "pair": "(SELECT n FROM pair b WHERE b.id = a.id + 500)"}[table]
	if column == "" {
		column = "last"
	}
	var n int64
	var text string
	err := v.r.w.direct.QueryRow("SELECT n, "+column+" FROM "+table+" a WHERE id = ?", key).Scan(&n, &text)
	if err != nil && !(table == "balance" && len(writes) == 0) {
		if acked, _ := bounds(writes, 0, v.r.w.now()); acked > 0 || table != "balance" {
			v.wrong(&v.lost, "%s %d with %d acknowledged writes: %v", table, key, acked, err)
			return
		}
	}
	acked, most := bounds(writes, v.r.w.now(), v.r.w.now())
	if n < acked {
		v.lost += int(acked - n - 1)
		v.wrong(&v.lost, "%s %d is %d after %d acknowledged increments", table, key, n, acked)
	}
	if n > most {
		v.doubled += int(n - most - 1)
		v.wrong(&v.doubled, "%s %d is %d after at most %d increments", table, key, n, most)
	}
	switch table {
	case "pair":
		if text != fmt.Sprint(n) {
			v.wrong(&v.other, "pair %d is %d and %s: half of a unit", key, n, text)
		}
	case "trail":
		v.trail(key, n, text, writes)
	default:
		v.last(table, key, text, writes)
	}
	v.looks(table, key, n, text, writes, looks)
	if n < acked || n > most {
		v.history(writes, looks)
	}
}

// history prints what was done to a row that is wrong, in the order of the calls.
func (v *verifier) history(writes []*write, looks []look) {
	type event struct {
		at   time.Duration
		text string
	}
	var all []event
	for _, wr := range writes {
		all = append(all, event{wr.call, fmt.Sprintf("%v to %v: %s, %s: %v", wr.call, wr.ret, wr.name, [...]string{"acknowledged", "refused", "unknown"}[wr.outcome], wr.err)})
	}
	for _, l := range looks {
		all = append(all, event{l.call, fmt.Sprintf("%v to %v: read %d %q, in MySQL itself %v", l.call, l.ret, l.n, l.text, l.direct)})
	}
	slices.SortFunc(all, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	for _, e := range all {
		v.r.w.t.Log(e.text)
	}
}

// bounds are how many writes certainly happened before the first instant, and
// how many could have begun to before the second.
func bounds(writes []*write, before, after time.Duration) (least, most int64) {
	for _, wr := range writes {
		if wr.outcome == acknowledged && wr.ret < before {
			least++
		}
		if wr.outcome != refused && wr.call <= after {
			most++
		}
	}
	return least, most
}

// trail checks the list of what was applied: each write once, and none before
// one that was acknowledged before it began.
func (v *verifier) trail(key int, n int64, text string, writes []*write) {
	names := strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
	if int64(len(names)) != n {
		v.wrong(&v.other, "trail %d counts %d and lists %d", key, n, len(names))
	}
	byName := map[string]*write{}
	for _, wr := range writes {
		byName[wr.name] = wr
	}
	seen := map[string]int{}
	var latest time.Duration // of the calls so far
	var who string
	for at, name := range names {
		wr := byName[name]
		if seen[name]++; seen[name] == 2 {
			v.wrong(&v.doubled, "trail %d lists %s twice", key, name)
		}
		switch {
		case wr == nil:
			v.wrong(&v.other, "trail %d lists %s, which nobody wrote", key, name)
			continue
		case wr.outcome == refused:
			v.wrong(&v.other, "trail %d lists %s, which was refused: %v", key, name, wr.err)
		case wr.outcome == acknowledged && wr.ret < latest:
			v.wrong(&v.disordered, "trail %d lists %s at %d, behind %s, which began after it was acknowledged", key, name, at, who)
		}
		if wr.call > latest {
			latest, who = wr.call, name
		}
	}
	for _, wr := range writes {
		if wr.outcome == acknowledged && seen[wr.name] == 0 {
			v.wrong(&v.lost, "trail %d lacks %s, acknowledged at %v", key, wr.name, wr.ret)
		}
	}
}

// last checks that the row's latest writer can have been the latest.
func (v *verifier) last(table string, key int, name string, writes []*write) {
	var winner *write
	var begun time.Duration // of the last acknowledged write
	for _, wr := range writes {
		if wr.name == name {
			winner = wr
		}
		if wr.outcome == acknowledged {
			begun = max(begun, wr.call)
		}
	}
	switch {
	case winner == nil && begun > 0:
		v.wrong(&v.other, "%s %d was last written by %q, which is no write of it", table, key, name)
	case winner != nil && winner.outcome == refused:
		v.wrong(&v.other, "%s %d was last written by %s, which was refused: %v", table, key, name, winner.err)
	case winner != nil && winner.outcome == acknowledged && winner.ret < begun:
		v.wrong(&v.disordered, "%s %d was last written by %s, acknowledged at %v before another write began at %v", table, key, name, winner.ret, begun)
	}
}

// looks checks what clients and the observer read of a row.
func (v *verifier) looks(table string, key int, n int64, text string, writes []*write, looks []look) {
	type highest struct {
		n   int64
		ret time.Duration
	}
	var past [2][]highest // of reads through proxies, and of MySQL itself
	for _, l := range looks {
		if !l.there && table != "balance" {
			v.wrong(&v.stale, "%s %d was not there at %v", table, key, l.call)
			continue
		}
		least, most := bounds(writes, l.call, l.ret)
		if l.direct {
			least = 0 // what has drained so far
		}
		if l.n < least || l.n > most || l.n > n {
			v.wrong(&v.stale, "%s %d read as %d at %v..%v (direct: %v): between %d and %d was possible, in the end it is %d", table, key, l.n, l.call, l.ret, l.direct, least, most, n)
		}
		if table == "trail" && !strings.HasPrefix(text, l.text) {
			v.wrong(&v.stale, "trail %d read at %v (direct: %v) is no prefix of what it is in the end:\n%s\n%s", key, l.call, l.direct, l.text, text)
		}
		which := 0
		if l.direct {
			which = 1
		}
		past[which] = append(past[which], highest{l.n, l.ret})
		for _, p := range past[which] {
			if p.ret < l.call && p.n > l.n {
				v.wrong(&v.disordered, "%s %d read as %d at %v, and as %d at %v (direct: %v)", table, key, p.n, p.ret, l.n, l.call, l.direct)
				break
			}
		}
	}
}

// entries checks the rows that were inserted and deleted.
func (v *verifier) entries(writes []*write) {
	type entry struct {
		id   int64
		note string
	}
	r := v.r
	rows, err := r.w.direct.Query("SELECT id, client, seq, note FROM entry WHERE client BETWEEN ? AND ?", r.number*100, r.number*100+99)
	if err != nil {
		r.w.t.Fatal(err)
	}
	defer rows.Close()
	have := map[[2]int]entry{}
	for rows.Next() {
		var e entry
		var client, seq int
		if err := rows.Scan(&e.id, &client, &seq, &e.note); err != nil {
			r.w.t.Fatal(err)
		}
		if _, twice := have[[2]int{client, seq}]; twice {
			v.wrong(&v.doubled, "entry %d/%d is there twice", client, seq)
		}
		have[[2]int{client, seq}] = e
	}
	removed := map[int64]*write{}
	for _, wr := range writes {
		if wr.remove {
			removed[wr.id] = wr
		}
	}
	for _, wr := range writes {
		if wr.remove {
			continue
		}
		at := [2]int{wr.client, wr.key}
		e, there := have[at]
		del := removed[wr.id]
		gone := wr.outcome == acknowledged && del != nil
		switch {
		case there && wr.outcome == refused:
			v.wrong(&v.other, "entry %v is there, and was refused: %v", at, wr.err)
		case there && (e.note != wr.name || wr.outcome == acknowledged && e.id != wr.id):
			v.wrong(&v.other, "entry %v has id %d and note %q, wanted %d and %q", at, e.id, e.note, wr.id, wr.name)
		case there && gone && del.outcome == acknowledged:
			v.wrong(&v.lost, "entry %v is there although its delete was acknowledged at %v", at, del.ret)
		case !there && wr.outcome == acknowledged && (!gone || del.outcome == refused):
			v.wrong(&v.lost, "entry %v with id %d, acknowledged at %v, is not there", at, wr.id, wr.ret)
		}
		delete(have, at)
	}
	for at, e := range have {
		v.wrong(&v.other, "entry %v with id %d is there, and nobody wrote it", at, e.id)
	}
	for _, l := range r.looks {
		if l.table != "entry" || l.there {
			continue
		}
		if del := removed[l.id]; del == nil || del.outcome == refused || del.call > l.ret {
			v.wrong(&v.stale, "entry with id %d was not there at %v", l.id, l.call)
		}
	}
}
