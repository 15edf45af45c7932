package differential

import (
	"slices"
	"strings"
	"time"
)

// shrinking makes a failing chapter smaller.
type shrinking struct {
	a     *arena
	how   playing
	best  *chapter
	found *difference
	until time.Time
	tries int
}

// shrink finds a short chapter that fails as c does, within the time given.
func (a *arena) shrink(c *chapter, d *difference, how playing, limit time.Duration) (*chapter, *difference) {
	how.ledger, how.answers, how.wanted = nil, nil, d.signature
	s := &shrinking{a: a, how: how, best: c, found: d, until: time.Now().Add(limit)}
	s.accept(c, d)
	s.coarse()
	s.sessions()
	for round := -1; round != s.size(); {
		round = s.size()
		s.wholes()
		s.steps()
		s.statements()
		s.parts()
		s.schema()
		s.sessions()
	}
	s.until, s.how.ledger = time.Now().Add(limit), newLedger() // once more, to tell what was absorbed
	s.try(func(*chapter) {})
	return s.best, s.found
}

// coarse keeps only the tables and sessions of the last statement, if that is
// enough.
func (s *shrinking) coarse() {
	c := s.best
	if s.found.step >= len(c.steps) {
		return
	}
	last := c.steps[s.found.step]
	if last.event != "" {
		return
	}
	text := last.statements[s.found.statement].String()
	for _, alone := range []bool{true, false} {
		for i, t := range c.tables {
			if !strings.Contains(text, t.name) {
				continue
			}
			if s.try(func(c *chapter) {
				c.tables = c.tables[i : i+1]
				c.steps = slices.DeleteFunc(c.steps, func(st step) bool {
					return st.event == "" && (alone && st.session != last.session || !slices.ContainsFunc(st.statements, func(x *statement) bool { return strings.Contains(x.String(), t.name) }))
				})
			}) {
				return
			}
		}
		if alone && s.try(func(c *chapter) {
			c.steps = slices.DeleteFunc(c.steps, func(st step) bool { return st.event == "" && st.session != last.session })
		}) {
			return
		}
	}
}

// size is what has to become smaller.
func (s *shrinking) size() int { return len(s.best.script(s.found)) }

// accept takes a smaller chapter, without what comes after the difference.
func (s *shrinking) accept(c *chapter, d *difference) {
	if d.step < len(c.steps) {
		c.steps = slices.Clone(c.steps[:d.step+1])
		if last := &c.steps[d.step]; last.event == "" {
			last.statements = last.statements[:d.statement+1]
		}
	}
	s.best, s.found = c, d
}

// try plays a changed copy of the best chapter and keeps it if it fails alike.
func (s *shrinking) try(change func(*chapter)) bool {
	if time.Now().After(s.until) {
		return false
	}
	c := *s.best
	c.tables, c.sessions, c.steps = slices.Clone(c.tables), slices.Clone(c.sessions), slices.Clone(c.steps)
	if change(&c); len(c.steps) == 0 {
		return false
	}
	s.tries++
	found, err := s.a.play(&c, s.how)
	if err != nil {
		return false
	}
	for _, d := range found {
		if d.signature == s.found.signature {
			s.accept(&c, d)
			return true
		}
	}
	return false
}

// about reports whether a step has statements, and all of them name the table.
func (st *step) about(table string) bool {
	return len(st.statements) > 0 && !slices.ContainsFunc(st.statements, func(s *statement) bool { return !strings.Contains(s.String(), table) })
}

// wholes leaves out tables, sessions and kinds of events with all their steps.
func (s *shrinking) wholes() {
	without := func(drop func(*step) bool, tables func(*table) bool) {
		s.try(func(c *chapter) {
			c.steps = slices.DeleteFunc(c.steps, func(st step) bool { return drop(&st) })
			c.tables = slices.DeleteFunc(c.tables, func(t *table) bool { return tables != nil && tables(t) })
		})
	}
	for _, t := range slices.Clone(s.best.tables) {
		without(func(st *step) bool { return st.about(t.name) }, func(x *table) bool { return x == t })
	}
	for i := range s.best.sessions {
		without(func(st *step) bool { return st.event == "" && st.session == i }, nil)
	}
	without(func(st *step) bool { return st.event != "" }, nil)
	for _, k := range []kind{kindOutcome, kindSession, kindTransaction, kindInvalid, kindOther} {
		without(func(st *step) bool {
			return len(st.statements) > 0 && st.statements[0].kind == k
		}, nil)
	}
	without(func(st *step) bool { return len(st.statements) > 0 && slices.Contains(harmless, st.statements[0].kind) }, nil)
}

// steps leaves out steps, in pieces that become smaller.
func (s *shrinking) steps() {
	for n := len(s.best.steps) / 2; n > 0; n /= 2 {
		for at := len(s.best.steps) - n - 1; at > -n; at -= n {
			from, to := max(at, 0), min(at+n, len(s.best.steps)-1)
			if from < to {
				s.try(func(c *chapter) { c.steps = slices.Delete(c.steps, from, to) })
			}
		}
	}
}

// statements leaves out statements of steps with several.
func (s *shrinking) statements() {
	for i := len(s.best.steps) - 1; i >= 0; i-- {
		if i >= len(s.best.steps) {
			continue
		}
		for j := len(s.best.steps[i].statements) - 1; j >= 0 && len(s.best.steps[i].statements) > 1; j-- {
			if j < len(s.best.steps[i].statements) {
				s.try(func(c *chapter) {
					c.steps[i].statements = slices.Delete(slices.Clone(c.steps[i].statements), j, j+1)
				})
			}
		}
	}
}

// parts makes the statements themselves smaller.
func (s *shrinking) parts() {
	for i := 0; i < len(s.best.steps); i++ {
		for j := 0; i < len(s.best.steps) && j < len(s.best.steps[i].statements); j++ {
			s.part(i, j)
		}
	}
}

// part makes one statement smaller as long as that works.
func (s *shrinking) part(i, j int) {
	for again := true; again; {
		again = false
		if i >= len(s.best.steps) || j >= len(s.best.steps[i].statements) {
			return
		}
		for _, smaller := range s.best.steps[i].statements[j].smaller() {
			again = s.try(func(c *chapter) {
				c.steps[i].statements = slices.Clone(c.steps[i].statements)
				c.steps[i].statements[j] = smaller
			})
			if again {
				break
			}
		}
	}
}

// schema leaves out tables, columns and what else tables have.
func (s *shrinking) schema() {
	for i := len(s.best.tables) - 1; i >= 0; i-- {
		if s.try(func(c *chapter) { c.tables = slices.Delete(c.tables, i, i+1) }) {
			continue
		}
		for j := len(s.best.tables[i].columns) - 1; j >= 0; j-- {
			s.table(i, func(t *table) { t.columns = slices.Delete(slices.Clone(t.columns), j, j+1) })
		}
		for j := len(s.best.tables[i].uniques) - 1; j >= 0; j-- {
			s.table(i, func(t *table) { t.uniques = slices.Delete(slices.Clone(t.uniques), j, j+1) })
		}
		s.table(i, func(t *table) { t.more = nil })
		for j, col := range s.best.tables[i].columns {
			if col.def != "" {
				s.table(i, func(t *table) {
					plain := *t.columns[j]
					plain.def = ""
					t.columns = slices.Clone(t.columns)
					t.columns[j] = &plain
				})
			}
		}
	}
}

// table tries a changed table.
func (s *shrinking) table(i int, change func(*table)) {
	s.try(func(c *chapter) {
		t := *c.tables[i]
		change(&t)
		c.tables[i] = &t
	})
}

// sessions leaves out settings and capabilities.
func (s *shrinking) sessions() {
	used := func(i int) bool {
		return slices.ContainsFunc(s.best.steps, func(st step) bool { return st.event == "" && st.session == i })
	}
	for i := range s.best.sessions {
		set := func(change func(*session)) {
			s.try(func(c *chapter) {
				st := *c.sessions[i]
				change(&st)
				c.sessions[i] = &st
			})
		}
		if !used(i) && s.best.sessions[i].opening != nil {
			set(func(st *session) { st.opening = nil })
			continue
		}
		if used(i) && i > 0 && !used(0) {
			s.try(func(c *chapter) {
				c.sessions[0], c.sessions[i] = c.sessions[i], c.sessions[0]
				for j := range c.steps {
					if c.steps[j].session == i {
						c.steps[j].session = 0
					}
				}
			})
		}
		for j := len(s.best.sessions[i].opening) - 1; j >= 0; j-- {
			set(func(st *session) { st.opening = slices.Delete(slices.Clone(st.opening), j, j+1) })
		}
		if s.best.sessions[i].caps != 0 {
			set(func(st *session) { st.caps = 0 })
		}
	}
	if n := len(s.best.sessions); n > 1 && !used(n-1) {
		s.try(func(c *chapter) { c.sessions = c.sessions[:n-1] })
	}
}
