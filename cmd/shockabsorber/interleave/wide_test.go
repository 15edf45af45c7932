package interleave

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// gateTime is after what time without an answer a statement through a proxy that
// may have to wait for a gate or a lock is taken to wait for it.
const gateTime = 600 * time.Millisecond

// widePlay is a script of which MySQL does much, behind gates. Gates make sessions
// wait where rows would not, so it is played through the proxies first, and then
// directly in the order in which the statements were done.
type widePlay struct {
	w       *world
	script  *script
	slow    time.Duration // gateTime or longer
	links   []*link
	touched []map[string]bool // tables that a session's transaction has used
	sure    []bool            // its transaction cannot be one that is kept in the proxy
	locked  []bool            // LOCK TABLES
	waiting int               // the session that waits, -1 for none
	at      int               // and the step it waits with
	order   []turn
	verdict
}

// turn is a statement that was done.
type turn struct {
	at int
	step
	answer answer
	late   bool // it had to wait
	nested bool // it has begun a transaction within another
}

// playWide plays one.
func (w *world) playWide(s *script, slow time.Duration) (_ *verdict, err error) {
	p := &widePlay{w: w, script: s, slow: slow, touched: make([]map[string]bool, s.sessions), sure: make([]bool, s.sessions), locked: make([]bool, s.sessions), waiting: -1}
	for i := range p.touched {
		p.touched[i] = map[string]bool{}
	}
	if p.links, err = w.side(s.sessions, true); err != nil {
		return nil, err
	}
	err = p.through()
	if err = errors.Join(err, closeAll(p.links)); err != nil {
		return nil, err
	}
	if p.diff != "" {
		return &p.verdict, nil
	}
	if p.links, err = w.side(s.sessions, false); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeAll(p.links)) }()
	if err := p.directly(); err != nil {
		return nil, err
	}
	if p.diff == "" {
		p.differsInTables(w, len(s.steps))
	}
	return &p.verdict, nil
}

// through plays the script through the proxies.
func (p *widePlay) through() error {
	for i, st := range p.script.steps {
		if err := p.step(i, st); err != nil || p.diff != "" {
			return err
		}
	}
	for range 2 {
		for i := range p.links {
			for _, sql := range []string{"ROLLBACK", "UNLOCK TABLES", "SET autocommit = 1"} {
				if err := p.step(len(p.script.steps), step{session: i, sql: sql}); err != nil || p.diff != "" {
					return err
				}
			}
		}
	}
	if p.waiting >= 0 {
		p.differs(len(p.script.steps), step{sql: "-- the end"}, "waits for nothing", "proxied session %d waits for nobody", p.waiting)
	}
	return nil
}

// step plays one step through the proxies.
func (p *widePlay) step(at int, st step) error {
	i := st.session
	if i == p.waiting || p.unwanted(st) {
		p.skipped++
		return nil
	}
	mayWait := p.contested(i, p.uses(st))
	l := p.links[i]
	for _, t := range st.tables {
		p.touched[i][t] = true
	}
	wasOpen := l.open
	l.begin(st.sql)
	limit := patience
	if mayWait {
		limit = p.slow
	}
	a, ok := l.take(limit)
	switch {
	case !ok && !mayWait:
		p.differs(at, st, "hangs", "proxied is not answered, though nobody has what it needs")
		return nil
	case !ok:
		p.waiting, p.at = i, at
		p.waits++
		if tracing {
			p.w.t.Logf("%s (step %d) waits", st, at)
		}
	default:
		p.done(turn{at: at, step: st, answer: a, nested: wasOpen && (strings.HasPrefix(st.sql, "BEGIN") || strings.HasPrefix(st.sql, "START"))})
	}
	if j := p.waiting; j >= 0 && j != i {
		limit := time.Duration(0)
		if !p.contested(j, p.uses(p.stepAt(p.at, j))) {
			limit = patience
		} else if st.kind == control || strings.HasPrefix(st.sql, "UNLOCK") {
			limit = p.slow
		}
		if a, ok := p.links[j].take(limit); ok {
			p.waiting = -1
			p.done(turn{at: p.at, step: p.stepAt(p.at, j), answer: a, late: true})
		}
	}
	return nil
}

// stepAt is the step that a session waits with.
func (p *widePlay) stepAt(at, session int) step {
	if at < len(p.script.steps) {
		return p.script.steps[at]
	}
	return step{session: session, sql: "ROLLBACK"}
}

// done notes an answer, and what becomes of the session's transaction.
func (p *widePlay) done(t turn) {
	i := t.session
	if tracing {
		p.w.t.Logf("%s (step %d) %s", t.step, t.at, t.answer.text)
	}
	p.order = append(p.order, t)
	if t.kind == quiet && t.answer.code == 0 && strings.Contains(t.sql, "LOCK TABLES") {
		p.locked[i] = strings.HasPrefix(t.sql, "LOCK")
	}
	if t.answer.code == 0 && strings.HasPrefix(t.sql, "UNLOCK") {
		p.locked[i] = false
	}
	if t.ends() || !p.links[i].open {
		p.sure[i] = false
		if !p.locked[i] {
			clear(p.touched[i])
		}
	}
	if p.links[i].open {
		p.sure[i] = p.sure[i] || t.nested || t.surely() || strings.HasSuffix(t.sql, "READ ONLY") || strings.HasSuffix(t.sql, "SNAPSHOT")
	}
}

// uses are the tables of which a step needs something: those of its transaction,
// if it ends it.
func (p *widePlay) uses(st step) []string {
	used := slices.Clone(st.tables)
	if st.kind != look && st.kind != own { // spilling or committing it needs them all
		for t := range p.touched[st.session] {
			used = append(used, t)
		}
	}
	return used
}

// contested reports whether another session may have what a step needs.
func (p *widePlay) contested(i int, tables []string) bool {
	for j := range p.links {
		if j != i && slices.ContainsFunc(tables, func(t string) bool { return p.touched[j][t] }) {
			return true
		}
	}
	return false
}

// unwanted reports whether a step would lead to a known difference: a statement
// that MySQL does would not see the locks of a transaction that is kept in the
// proxy. While a session waits, no other may come to wait.
func (p *widePlay) unwanted(st step) bool {
	i := st.session
	if p.waiting >= 0 && st.kind != control && p.contested(i, p.uses(st)) {
		return true
	}
	if st.kind == quiet && p.contested(i, st.tables) {
		return !strings.HasPrefix(st.sql, "UNLOCK")
	}
	inMySQL := st.kind == wide || st.kind == quiet || (st.kind == keyed || st.kind == wideLook) && (p.sure[i] || len(p.touched[i]) > 0)
	if !inMySQL {
		return false
	}
	used := p.uses(st)
	for j := range p.links {
		if j != i && !p.sure[j] && p.links[j].open && slices.ContainsFunc(used, func(t string) bool { return p.touched[j][t] }) {
			return true
		}
	}
	return false
}

// directly plays the statements that were done, in that order.
func (p *widePlay) directly() error {
	for _, t := range p.order {
		if p.slow > gateTime { // time for InnoDB to purge rows that are gone: until then they can be locked
			time.Sleep(gateTime)
		}
		l := p.links[t.session]
		l.begin(t.sql)
		a, ok, err := l.settle()
		switch {
		case err != nil:
			return err
		case a.gone():
			return fmt.Errorf("%s: %s", t.step, a.text)
		case !ok:
			p.differs(t.at, t.step, "does not wait for "+strings.Fields(t.sql)[0], "direct  waits\n    proxied %s", t.answer.text)
			return nil
		}
		p.compare(t.at, t.step, a, t.answer)
		if p.diff != "" {
			return nil
		}
	}
	return nil
}
