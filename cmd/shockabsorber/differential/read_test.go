package differential

import (
	"fmt"
	"slices"
	"strings"
)

// byKey adds the conditions that name rows by a key, with = or IN.
func (g *generator) byKey(st *session, s *statement, k *key) {
	edgy := g.chance(12)
	many := g.chance(25)
	for i, c := range k.columns {
		name := g.quoted(st, c)
		if !many || i > 0 {
			w := condition{left: name + " = ", values: []value{g.keyValue(st, s, c, edgy)}}
			if g.chance(5) {
				w.left, w.right = "(", " = "+name+")"
			}
			s.where = append(s.where, w)
			continue
		}
		w := condition{left: name + " IN (", right: ")"}
		for range 1 + g.r.IntN(4) {
			w.values = append(w.values, g.keyValue(st, s, c, edgy))
		}
		s.where = append(s.where, w)
	}
}

// keyValue is a value to find rows by.
func (g *generator) keyValue(st *session, s *statement, c *column, edgy bool) value {
	from := c.domain
	if edgy {
		s.note(traitEdge)
		from = append(slices.Clone(from), c.typ.alike...)
		if g.chance(10) {
			from = []string{"NULL"}
		}
	}
	if from == nil {
		from = c.typ.clean
	}
	if word := strings.Fields(strings.ReplaceAll(c.typ.sql, "(", " "))[0]; slices.Contains([]string{"YEAR", "BIT", "TIME", "BINARY"}, word) {
		s.note(traitOddKey)
	}
	v := g.render(st, g.pick(from), binding{family: c.typ.family, same: !edgy, odd: edgy})
	v.again = func() value { return g.anew(v, g.keyValue(st, s, c, edgy)) }
	return v
}

// byUnique names rows by one of the unique keys.
func (g *generator) byUnique(st *session, s *statement, t *table) {
	if len(t.uniques) == 0 {
		g.byKey(st, s, &t.primary)
		return
	}
	s.unordered = true
	g.byKey(st, s, &t.uniques[g.r.IntN(len(t.uniques))])
}

// byAny names rows by any key.
func (g *generator) byAny(st *session, s *statement, t *table) {
	if g.chance(70) {
		g.byKey(st, s, &t.primary)
		return
	}
	g.byUnique(st, s, t)
}

// more adds conditions on columns that are no key.
func (g *generator) more(st *session, s *statement, t *table) {
	for _, c := range g.some(t.columns, 1+g.r.IntN(2)) {
		w := condition{left: c.name + " " + g.pick([]string{"=", "<>", ">", "<=", "<=>", ">="}) + " ", values: []value{g.keyValue(st, s, c, false)}}
		switch {
		case g.chance(15):
			w = condition{left: c.name + g.pick([]string{" IS NULL", " IS NOT NULL"})}
		case g.chance(15):
			w = condition{left: c.name + " IN (", values: []value{g.keyValue(st, s, c, false), g.keyValue(st, s, c, false)}, right: ")"}
		case g.chance(10):
			w = condition{left: "(n > 1 OR " + c.name + " = ", values: w.values, right: ")"}
		case g.chance(10) && c.typ.family == "text":
			w = condition{left: c.name + g.pick([]string{" LIKE 'a%'", " NOT LIKE '%b'", " LIKE '_'"})}
		case g.chance(10) && c.typ.family == "text": // of other columns the optimizer decides whether it warns (proxy/DESIGN.md)
			w = condition{left: c.name + " BETWEEN ", values: w.values, right: " AND 'z'"}
			s.note(traitEdge)
		case g.chance(8):
			w = condition{left: "NOT (" + c.name + " = ", values: w.values, right: ")"}
		}
		s.where = append(s.where, w)
	}
}

// limited adds ORDER BY and LIMIT to some statements by key.
func (g *generator) limited(s *statement, t *table) {
	if g.chance(8) {
		s.note(traitOrderLimit)
		s.tail = " ORDER BY " + t.order() + g.pick([]string{"", " DESC", " LIMIT 1", " LIMIT 10", " LIMIT 0"})
	}
}

// plain is a SELECT list of columns.
func (g *generator) plain(st *session, s *statement, t *table) {
	s.verb, s.from = "SELECT", " FROM "+t.name
	if g.chance(50) {
		s.selected = []string{"*"}
		return
	}
	for _, c := range g.some(t.columns, 1+g.r.IntN(4)) {
		name := g.quoted(st, c)
		if g.chance(15) {
			name = t.name + "." + name
		}
		if g.chance(15) {
			name += " AS x" + c.name
		}
		s.selected = append(s.selected, name)
	}
}

// selectKey is a SELECT by primary key.
func (g *generator) selectKey(st *session, t *table) *statement {
	s := &statement{kind: kindSelectKey}
	g.plain(st, s, t)
	g.byKey(st, s, &t.primary)
	g.limited(s, t)
	return s
}

// selectUnique is a SELECT by a unique key, by primary key if there is none.
func (g *generator) selectUnique(st *session, t *table) *statement {
	if len(t.uniques) == 0 {
		return g.selectKey(st, t)
	}
	s := &statement{kind: kindSelectUnique}
	g.plain(st, s, t)
	g.byUnique(st, s, t)
	return s
}

// selectCondition is a SELECT by key and further conditions.
func (g *generator) selectCondition(st *session, t *table) *statement {
	s := &statement{kind: kindSelectCondition}
	g.plain(st, s, t)
	g.byAny(st, s, t)
	g.more(st, s, t)
	return s
}

// selectExpression is a SELECT of what is computed of a row.
func (g *generator) selectExpression(st *session, t *table) *statement {
	s := &statement{kind: kindSelectExpression, verb: "SELECT", from: " FROM " + t.name}
	for _, c := range g.some(t.columns, 1+g.r.IntN(3)) {
		e := []string{c.name + " IS NULL", "COALESCE(" + c.name + ", 'none') AS y", "1", "'lit' AS l", "NULL", "n + 1", "n * 2 AS d", "COUNT(*)"}
		switch c.typ.family {
		case "text":
			e = append(e, "CONCAT("+c.name+", '!')", "UPPER("+c.name+")", "LENGTH("+c.name+")", "CHAR_LENGTH("+c.name+")", c.name+" = 'a'")
		case "int", "dec", "float":
			e = append(e, c.name+" + 1", "-"+c.name, c.name+" > 1", "ROUND("+c.name+")", "IF("+c.name+" > 2, 'big', 'small')")
		case "time":
			e = append(e, "YEAR("+c.name+")", "DATE("+c.name+")")
		case "bytes":
			e = append(e, "HEX("+c.name+")")
		}
		s.selected = append(s.selected, g.pick(e))
	}
	g.byKey(st, s, &t.primary)
	return s
}

// selectScan is a SELECT of rows found without a key.
func (g *generator) selectScan(st *session, t *table) *statement {
	s := &statement{kind: kindSelectScan}
	g.plain(st, s, t)
	if g.chance(60) {
		g.more(st, s, t)
	}
	s.tail = " ORDER BY " + t.order() + g.pick([]string{"", " LIMIT 3", " DESC", fmt.Sprintf(" LIMIT 2 OFFSET %d", g.r.IntN(3))})
	return s
}
