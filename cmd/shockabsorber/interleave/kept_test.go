package interleave

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// verdict is how a script came out.
type verdict struct {
	diff      string // what was not the same; "" if all was
	signature string // of what kind that is: a smaller script has to fail alike
	at        int    // the step
	known     string // the name of the known difference (known_test.go) that ended it
	answers   int    // that were compared
	waits     int    // statements that waited for another session
	deadlocks int
	timeouts  int
	skipped   int
	trace     []string // what was compared, if that was asked for
}

// differs notes a difference.
func (v *verdict) differs(at int, st step, signature, format string, args ...any) {
	if v.diff == "" {
		v.at, v.signature = at, signature
		v.diff = fmt.Sprintf("%s\n    %s", st, fmt.Sprintf(format, args...))
	}
}

// compare compares the answers to a step.
func (v *verdict) compare(at int, st step, direct, proxied answer) {
	if tracing {
		v.trace = append(v.trace, fmt.Sprintf("%s (step %d)\n    direct  %s\n    proxied %s", st, at, direct.text, proxied.text))
	}
	v.answers++
	if direct.code == 1205 {
		v.timeouts++
	}
	if direct.text != proxied.text {
		v.differs(at, st, fmt.Sprintf("answers %d and %d to %s", direct.code, proxied.code, strings.Fields(st.sql)[0]), "direct  %s\n    proxied %s", direct.text, proxied.text)
	}
}

// keptPlay is a script whose transactions can be kept in the proxy. It is played
// directly first; which statement waits for which must then be the same.
type keptPlay struct {
	w               *world
	script          *script
	direct, proxied []*link
	at              []int               // the step that a session's running statement is
	seen            []map[string]string // rows as a session's transaction has read them through the proxy
	changed         []map[string]bool   // rows that it may have changed
	observer        *link               // sees what is committed on the direct side
	verdict
}

// playKept plays one.
func (w *world) playKept(s *script) (_ *verdict, err error) {
	p := &keptPlay{w: w, script: s, at: make([]int, s.sessions), seen: make([]map[string]string, s.sessions), changed: make([]map[string]bool, s.sessions)}
	for i := range s.sessions {
		p.seen[i], p.changed[i] = map[string]string{}, map[string]bool{}
	}
	if p.direct, err = w.side(s.sessions, false); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeAll(p.direct)) }()
	if p.proxied, err = w.side(s.sessions, true); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeAll(p.proxied)) }()
	if p.observer, err = w.dial(w.db.Addr, w.direct); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.observer.Close()) }()
	steps := s.steps
	for i := 0; i < len(steps); i++ {
		more, err := p.step(i, steps[i])
		if err != nil || !more {
			return &p.verdict, err
		}
	}
	for range 2 * s.sessions { // a session that waits is free when the one it waits for has ended
		for i := range s.sessions {
			if more, err := p.step(len(steps), step{session: i, sql: "ROLLBACK"}); err != nil || !more {
				return &p.verdict, err
			}
		}
	}
	p.differsInTables(w, len(steps))
	return &p.verdict, err
}

// differsInTables compares the tables after a script.
func (v *verdict) differsInTables(w *world, at int) {
	if diff, err := w.equal(); err != nil || diff != "" {
		v.differs(at, step{sql: "-- the end"}, "tables", "%s %v", diff, err)
	}
}

// step plays a step on both sides. False: the script ends here.
func (p *keptPlay) step(at int, st step) (bool, error) {
	d, x := p.direct[st.session], p.proxied[st.session]
	// What a step that was left out should have done may be missing. A locking read
	// outside of transactions is MySQL's, which knows of no locks here, and so is a
	// transaction in which autocommit is set.
	if d.running != nil || !d.open && strings.Contains(st.sql, "FOR UPDATE") || d.open && d.auto && strings.HasPrefix(st.sql, "SET autocommit") {
		p.skipped++
		return true, nil
	}
	wasOpen := d.open
	d.begin(st.sql)
	a, answered, err := d.settle()
	if err == nil && !answered && st.short {
		p.waits++
		if a, answered = d.take(patience); !answered {
			return false, fmt.Errorf("%s waits for longer than its time", st)
		}
	}
	if err != nil || a.gone() {
		return false, errors.Join(err, fmt.Errorf("%s: %s", st, a.text))
	}
	free, victim, err := p.freed(st.session)
	if err != nil {
		return false, err
	}
	p.at[st.session] = at
	var observed answer
	if st.kind == look && wasOpen {
		observed = p.observer.run(st.sql)
	}

	x.begin(st.sql)
	if victim >= 0 || a.code == 1213 {
		p.deadlocks++
	}
	if victim >= 0 {
		if b, ok := x.take(patience); !ok || b.code != 1213 {
			p.differs(at, st, "no deadlock", "direct: session %d is the victim of a deadlock\n    proxied %s", victim, b.text)
		}
		p.known = "victim"
		return false, nil
	}
	if !answered {
		p.waits++
		if b, ok := x.take(250 * time.Millisecond); ok {
			p.differs(at, st, "does not wait for "+strings.Fields(st.sql)[0], "direct  waits\n    proxied %s", b.text)
			return false, nil
		}
	} else if b, ok := x.take(patience); !ok {
		p.differs(at, st, "waits for "+strings.Fields(st.sql)[0], "direct  %s\n    proxied waits", a.text)
		return false, nil
	} else if !p.readAgain(st, wasOpen, a, b, observed) {
		p.compare(at, st, a, b)
	}
	p.follow(st, a)
	for j, a := range free {
		b, ok := p.proxied[j].take(patience)
		if !ok {
			p.differs(at, st, "is not woken", "direct  session %d is answered %s\n    proxied it waits on", j, a.text)
			return false, nil
		}
		waited := step{session: j, sql: "-- " + st.String()}
		if p.at[j] < len(p.script.steps) {
			waited = p.script.steps[p.at[j]]
		}
		p.compare(at, waited, a, b)
		p.follow(waited, a)
	}
	waiting := 0
	for j, l := range p.direct {
		if l.running == nil {
			continue
		}
		waiting++
		if b, ok := p.proxied[j].take(0); ok {
			p.differs(at, st, "woken early", "direct  session %d still waits\n    proxied it is answered %s", j, b.text)
		}
	}
	if waiting > 1 && p.diff == "" {
		p.known = "queue"
	}
	return p.diff == "" && p.known == "", nil
}

// freed are the sessions whose statements wait no more, and the one that is the
// victim of a deadlock, -1 for none.
func (p *keptPlay) freed(but int) (map[int]answer, int, error) {
	free, victim := map[int]answer{}, -1
	for j, l := range p.direct {
		if j == but || l.running == nil {
			continue
		}
		a, ok, err := l.settle()
		if err != nil || a.gone() {
			return nil, -1, errors.Join(err, errors.New(a.text))
		}
		if ok {
			free[j] = a
			if a.code == 1213 {
				victim = j
			}
		}
	}
	return free, victim, nil
}

// follow keeps what is known of a session's transaction.
func (p *keptPlay) follow(st step, a answer) {
	i := st.session
	if st.ends() || a.code == 1213 || !p.direct[i].open {
		clear(p.seen[i])
		clear(p.changed[i])
	}
	if st.kind == keyed && !strings.HasPrefix(st.sql, "SELECT") && p.direct[i].open {
		p.changed[i][st.row()] = true
	}
}

// readAgain holds if a read differs as it may (known "snapshot"): the row is as it
// was committed when the transaction read it first, not as when the transaction
// read any row first.
func (p *keptPlay) readAgain(st step, within bool, direct, proxied, observed answer) bool {
	if st.kind != look || !within || st.row() == "" || p.changed[st.session][st.row()] {
		return false
	}
	rows := func(a answer) string {
		before, _, _ := strings.Cut(a.text, "status")
		return before
	}
	seen, again := p.seen[st.session][st.row()]
	p.seen[st.session][st.row()] = rows(proxied)
	if direct.text == proxied.text {
		return false
	}
	return again && rows(proxied) == seen || !again && rows(proxied) == rows(observed)
}
