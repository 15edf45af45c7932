package differential

import (
	"fmt"
	"slices"
	"strings"
)

// choice is what a step may be, and how often.
type choice struct {
	weight int
	make   func(*generator, *session) []*statement
}

// one makes a step of one statement.
func one(f func(*generator, *session, *table) *statement) func(*generator, *session) []*statement {
	return func(g *generator, st *session) []*statement {
		t := g.tables[g.r.IntN(len(g.tables))]
		if g.only != nil {
			t = g.only
		}
		s := f(g, st, t)
		s.traits = append(append(s.traits, t.traits...), st.traits()...)
		return g.repeated(s)
	}
}

// choices are all steps but events; the last three are no statements on a table.
func choices() []choice {
	return []choice{
		{14, one((*generator).insert)}, {5, one(several(kindInsertMany, "INSERT", 2))}, {3, one((*generator).insertSet)}, {3, one((*generator).insertExpression)},
		{4, one(several(kindInsertIgnore, "INSERT IGNORE", 1))}, {4, one(several(kindReplace, "REPLACE", 1))}, {6, one((*generator).onDuplicate)},
		{10, one((*generator).updateKey)}, {5, one((*generator).updateArithmetic)}, {3, one((*generator).updateExpression)}, {3, one((*generator).updateUnique)},
		{3, one((*generator).updateCondition)}, {2, one((*generator).updateScan)},
		{6, one((*generator).deleteKey)}, {2, one((*generator).deleteUnique)}, {2, one((*generator).deleteCondition)}, {1, one((*generator).deleteScan)},
		{16, one((*generator).selectKey)}, {4, one((*generator).selectUnique)}, {4, one((*generator).selectCondition)}, {4, one((*generator).selectExpression)}, {3, one((*generator).selectScan)},
		{3, one((*generator).invalid)}, {2, one((*generator).other)}, {12, (*generator).outcome}, {2, (*generator).set}, {2, (*generator).transaction},
	}
}

// events are how often each event happens, against the weights of choices.
var events = map[event]int{drain: 2, cold: 1, slow: 1, fast: 1}

// step adds a step for session number at.
func (g *generator) step(at int) {
	total := 0
	for _, c := range choices() {
		total += c.weight
	}
	n := g.r.IntN(total + 5 + burstWeight)
	if n -= burstWeight; n < 0 {
		g.burst(at)
		return
	}
	for _, e := range []event{drain, cold, slow, fast} {
		if n -= events[e]; n < 0 {
			g.happen(e)
			return
		}
	}
	if g.r.IntN(150) == 0 {
		g.happen(restart)
		return
	}
	g.choice(at, n, choices())
}

// choice adds the step that number n of the weights falls on.
func (g *generator) choice(at, n int, list []choice) {
	for _, c := range list {
		if n -= c.weight; n < 0 {
			statements := c.make(g, g.sessions[at])
			if slices.ContainsFunc(statements, func(s *statement) bool { return avoids(s.kind) || slices.ContainsFunc(s.traits, avoids) }) {
				return
			}
			last := statements[len(statements)-1]
			g.sessions[at].sets = last.kind == kindSession || strings.HasPrefix(last.verb, "SET ") || last.kind == kindOutcome && g.sessions[at].sets
			switch last.kind {
			case kindSelectKey, kindSelectUnique, kindSelectCondition, kindSelectScan:
				g.sessions[at].selects = true
			default:
				g.sessions[at].selects = false
			}
			g.steps = append(g.steps, step{session: at, statements: statements})
			return
		}
	}
}

// happen adds an event.
func (g *generator) happen(e event) {
	g.steps = append(g.steps, step{event: e})
	if e == restart {
		for _, st := range g.sessions {
			st.restarted()
		}
	}
}

// repeated is a statement once, or prepared and executed several times with
// other values.
func (g *generator) repeated(s *statement) []*statement {
	s.prepared = g.chance(45)
	out := []*statement{s}
	for s.prepared && len(out) < 4 && g.chance(25) {
		out = append(out, s.rebound())
	}
	return out
}

// value makes a value for a column, of which so many of 100 are edge values. The
// statement gets the trait.
func (g *generator) value(st *session, s *statement, c *column, edgy int) value {
	v := g.render(st, g.choose(s, c, edgy), binding{family: c.typ.family, odd: edgy > 0})
	if g.mysql && (strings.Contains(v.sql, "1e400") || strings.Contains(v.sql, "99999999999999999999")) { // MySQL may warn of it twice (proxy/DESIGN.md)
		v.param = nil
	}
	v.again = func() value { return g.anew(v, g.value(st, s, c, edgy)) }
	return v
}

// anew is another value for a parameter. MySQL remembers the types that it first
// had, and takes a string for a number then (proxy/DESIGN.md).
func (g *generator) anew(old, again value) value {
	if g.mysql && old.class() != again.class() {
		return old
	}
	return again
}

// choose picks a value in the notation of types.
func (g *generator) choose(s *statement, c *column, edgy int) string {
	odd := g.chance(edgy)
	switch {
	case !c.notNull && g.chance(12):
		return "NULL"
	case odd && c.notNull && g.chance(15) && (g.clocks || !strings.HasPrefix(c.typ.sql, "TIMESTAMP")): // MariaDB stores the time for it
		s.note(traitEdge)
		return "NULL"
	case c.domain != nil && odd && g.chance(50):
		s.note(traitEdge)
		return g.pick(append(slices.Clone(c.typ.alike), c.domain...))
	case odd && (c.typ.family == "int" || c.typ.family == "dec") && g.chance(40): // next to the ends of its type
		s.note(traitEdge)
		return g.pick(c.typ.edge[:2])
	case odd:
		s.note(traitEdge)
		return g.pick(c.typ.edge)
	case c.domain != nil:
		return g.pick(c.domain)
	}
	return g.pick(c.typ.clean)
}

// note adds a trait once.
func (s *statement) note(t trait) {
	if !slices.Contains(s.traits, t) {
		s.traits = append(s.traits, t)
	}
}

// edgy decides how many of a statement's values are edge values: none, some, or
// so few that there is mostly one alone.
func (g *generator) edgy() int {
	switch {
	case g.chance(70):
		return 0
	case g.chance(50):
		return 35
	}
	return 12
}

// quoted is a column's name, at times in the quotes of the session.
func (g *generator) quoted(st *session, c *column) string {
	if !g.chance(10) {
		return c.name
	}
	if st.ansi && g.chance(50) {
		return `"` + c.name + `"`
	}
	return "`" + c.name + "`"
}

// outcomes ask for what the last statement left behind.
var outcomes = []string{"SHOW WARNINGS", "SHOW WARNINGS", "SHOW WARNINGS", "SELECT @@warning_count", "SELECT @@warning_count, @@error_count", "SELECT ROW_COUNT()", "SELECT FOUND_ROWS()",
	"SELECT LAST_INSERT_ID()", "SELECT @@identity, @@last_insert_id", "SHOW COUNT(*) WARNINGS", "SHOW ERRORS", "SELECT LAST_INSERT_ID() + 1 AS x, ROW_COUNT() AS y", "SELECT ROW_COUNT(), FOUND_ROWS()"}

// outcome asks for it.
func (g *generator) outcome(st *session) []*statement {
	s := &statement{kind: kindOutcome, verb: g.pick(outcomes)}
	if st.sets && !g.mysql {
		s.verb = "SELECT ROW_COUNT()" // MariaDB's SET keeps the warnings of the statement before (proxy/DESIGN.md)
	}
	if !st.selects && strings.Contains(s.verb, "FOUND_ROWS") {
		s.verb = "SELECT ROW_COUNT()" // other statements change FOUND_ROWS() as they like (proxy/DESIGN.md)
	}
	s.prepared = g.chance(25)
	return []*statement{s}
}

// set changes a setting.
func (g *generator) set(st *session) []*statement {
	name := groups[g.r.IntN(len(groups))]
	s := settings[name][g.r.IntN(len(settings[name]))]
	if s.sql == "" || avoids(s.trait) {
		s = settings["zone"][g.r.IntN(len(settings["zone"]))]
	}
	st.apply(s)
	return []*statement{{kind: kindSession, verb: s.sql}}
}

// transaction runs statements between BEGIN and its end, a half of them on one
// table.
func (g *generator) transaction(st *session) []*statement {
	if g.chance(50) {
		g.only = g.tables[g.r.IntN(len(g.tables))]
		defer func() { g.only = nil }()
	}
	out := []*statement{{kind: kindTransaction, verb: g.pick([]string{"BEGIN", "START TRANSACTION", "SET autocommit = 0"})}}
	for range 1 + g.r.IntN(4) {
		list := choices()
		c := list[g.r.IntN(len(list)-3)]
		for _, s := range c.make(g, st) {
			s.kind = kindTransaction
			out = append(out, s)
		}
	}
	out = append(out, &statement{kind: kindTransaction, verb: g.pick([]string{"COMMIT", "ROLLBACK"})})
	if out[0].verb == "SET autocommit = 0" {
		out = append(out, &statement{kind: kindTransaction, verb: "SET autocommit = 1"})
	}
	return out
}

// invalid is a statement that MySQL refuses for what it names.
func (g *generator) invalid(st *session, t *table) *statement {
	key := t.primary.columns[0]
	v := g.render(st, g.pick(key.domain), binding{}).sql
	c := t.columns[len(t.columns)-1].name
	return &statement{kind: kindInvalid, verb: g.pick([]string{
		"INSERT INTO " + t.name + " (nothing) VALUES (1)",
		"INSERT INTO " + t.name + " VALUES (1)",
		fmt.Sprintf("INSERT INTO %s (%s, %s) VALUES (1, 2)", t.name, c, c),
		fmt.Sprintf("INSERT INTO %s (%s) VALUES (1, 2)", t.name, c),
		fmt.Sprintf("UPDATE %s SET nothing = 1 WHERE %s = %s", t.name, key.name, v),
		fmt.Sprintf("UPDATE %s SET %s = nothing WHERE %s = %s", t.name, c, key.name, v),
		fmt.Sprintf("SELECT nothing FROM %s WHERE %s = %s", t.name, key.name, v),
		fmt.Sprintf("SELECT * FROM %s WHERE %s = ", t.name, key.name),
		fmt.Sprintf("DELETE FROM nowhere WHERE %s = %s", key.name, v),
		fmt.Sprintf("SELECT * FROM %s WHERE %s == %s", t.name, key.name, v),
		fmt.Sprintf("UPDATE %s SET %s = 1, WHERE %s = %s", t.name, c, key.name, v),
	})}
}

// other is a statement that is never absorbed but touches the table.
func (g *generator) other(st *session, t *table) *statement {
	other := g.tables[0]
	if g.only != nil {
		other = g.only
	}
	s := &statement{kind: kindOther, verb: g.pick([]string{
		fmt.Sprintf("SELECT COUNT(*), MAX(n), MIN(%s) FROM %s", t.primary.columns[0].name, t.name),
		fmt.Sprintf("INSERT INTO %s SELECT * FROM %s WHERE n = 2", t.name, t.name),
		fmt.Sprintf("INSERT INTO %s (n) SELECT n + 1 FROM %s ORDER BY %s LIMIT 1", t.name, t.name, t.order()),
		fmt.Sprintf("SELECT * FROM %s ORDER BY %s FOR UPDATE", t.name, t.order()),
		fmt.Sprintf("SELECT SQL_CALC_FOUND_ROWS n FROM %s ORDER BY %s LIMIT 2", t.name, t.order()),
		fmt.Sprintf("UPDATE %s x JOIN %s y ON x.%s = y.%s SET x.n = y.n + 1", t.name, t.name, t.primary.columns[0].name, t.primary.columns[0].name),
		fmt.Sprintf("TABLE %s", t.name),
		fmt.Sprintf("SELECT DISTINCT n FROM %s ORDER BY n", t.name),
		fmt.Sprintf("DELETE FROM %s WHERE n = 2 RETURNING n", t.name),
		fmt.Sprintf("SELECT (SELECT COUNT(*) FROM %s) AS c, n FROM %s ORDER BY %s", other.name, t.name, t.order()),
	})}
	return s
}
