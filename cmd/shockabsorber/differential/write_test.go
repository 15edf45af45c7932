package differential

import (
	"fmt"
	"slices"
	"strings"
)

// targets are the columns that an INSERT names: a list, or all of the table.
func (g *generator) targets(s *statement, t *table) (columns []*column, listed bool) {
	computed := len(t.writable()) < len(t.columns)
	if !computed && g.chance(25) {
		return t.columns, false
	}
	for _, c := range t.writable() {
		if slices.Contains(t.primary.columns, c) && !c.auto && (!c.optional || g.chance(90)) || !c.optional || g.chance(60) {
			columns = append(columns, c)
		}
	}
	if g.chance(4) {
		columns = g.some(t.writable(), max(1, len(columns)-1))
		s.note(traitNoDefault)
	}
	if c := t.primary.columns[0]; c.auto && g.chance(60) {
		columns = slices.DeleteFunc(columns, func(x *column) bool { return x == c })
	}
	if len(columns) == 0 {
		columns = t.writable()[:1]
	}
	if g.chance(20) {
		g.r.Shuffle(len(columns), func(i, j int) { columns[i], columns[j] = columns[j], columns[i] })
	}
	return columns, true
}

// rows puts rows into an INSERT.
func (g *generator) rows(st *session, s *statement, t *table, n int) {
	columns, listed := g.targets(s, t)
	if listed {
		for _, c := range columns {
			s.columns = append(s.columns, g.quoted(st, c))
		}
	}
	edgy := g.edgy()
	given := g.chance(30) // AUTO_INCREMENT values are given
	for range n {
		var row []value
		for _, c := range columns {
			switch {
			case c.auto && (!given || n > 1 && g.chance(10)):
				if given {
					s.note(traitMixedAuto)
				}
				row = append(row, value{sql: g.pick([]string{"NULL", "DEFAULT", "NULL", "0"})})
				if row[len(row)-1].sql == "0" {
					s.note(traitEdge)
				}
			case g.chance(5) && c.optional:
				row = append(row, value{sql: "DEFAULT"})
			default:
				row = append(row, g.value(st, s, c, edgy))
			}
		}
		s.rows = append(s.rows, row)
	}
}

// into is the start of an INSERT.
func (g *generator) into(t *table, verb string) string {
	return verb + g.pick([]string{" INTO ", " INTO ", " "}) + t.name
}

// insert is an INSERT of one row.
func (g *generator) insert(st *session, t *table) *statement {
	s := &statement{kind: kindInsert, verb: g.into(t, "INSERT")}
	g.rows(st, s, t, 1)
	return s
}

// several makes an INSERT or REPLACE of one or more rows.
func several(k kind, verb string, least int) func(*generator, *session, *table) *statement {
	return func(g *generator, st *session, t *table) *statement {
		s := &statement{kind: k, verb: g.into(t, verb)}
		g.rows(st, s, t, least+g.r.IntN(4))
		return s
	}
}

// insertSet is INSERT ... SET.
func (g *generator) insertSet(st *session, t *table) *statement {
	s := &statement{kind: kindInsertSet, verb: g.into(t, "INSERT")}
	columns, _ := g.targets(s, t)
	edgy := g.edgy()
	for _, c := range columns {
		if c.computed == "" && !c.auto {
			s.sets = append(s.sets, assignment{g.quoted(st, c), g.value(st, s, c, edgy)})
		}
	}
	if s.sets == nil {
		s.sets = []assignment{{"n", value{sql: "5"}}}
	}
	return s
}

// expressions are values that a server computes, by family of the column.
var expressions = map[string][]string{
	"int":   {"1 + 2", "ABS(-3)", "COALESCE(NULL, 2)", "LENGTH('abc')", "7 DIV 2", "5 % 3", "IF(1 > 2, 3, 4)", "CAST('5' AS SIGNED)", "GREATEST(1, 2)"},
	"dec":   {"1.5 + 1", "ROUND(2.345, 2)", "10 / 4", "ABS(-1.25)"},
	"float": {"1.5 * 2", "SQRT(4)", "1e0 / 3"},
	"text":  {"CONCAT('a', 'b')", "UPPER('ab')", "LPAD('7', 3, '0')", "HEX('a')", "SUBSTRING('abcdef', 2, 3)", "REPEAT('z', 3)", "CONVERT('q' USING utf8mb4)"},
	"bytes": {"UNHEX('4142')", "CONCAT('a', 'b')"},
	"time":  {"'2020-01-01' + INTERVAL 1 DAY", "DATE_ADD('2020-01-31 10:00:00', INTERVAL 1 MONTH)", "TIMESTAMP('2020-01-01 10:00:00')", "MAKETIME(10, 11, 12)"},
}

// expression is a computed value for a column, or a plain one.
func (g *generator) expression(st *session, s *statement, c *column) value {
	if g.clocks && c.domain == nil && (strings.HasPrefix(c.typ.sql, "DATETIME") || strings.HasPrefix(c.typ.sql, "TIMESTAMP")) && g.chance(50) {
		return value{sql: g.pick([]string{"NOW(6)", "CURRENT_TIMESTAMP", "UTC_TIMESTAMP(6)", "SYSDATE(6)"})}
	}
	if list := expressions[c.typ.family]; list != nil && c.domain == nil {
		return value{sql: g.pick(list)}
	}
	return g.value(st, s, c, 0)
}

// insertExpression is an INSERT of what the server computes.
func (g *generator) insertExpression(st *session, t *table) *statement {
	s := &statement{kind: kindInsertExpression, verb: g.into(t, "INSERT")}
	columns, _ := g.targets(s, t)
	var row []value
	for _, c := range columns {
		if c.computed == "" {
			s.columns, row = append(s.columns, c.name), append(row, g.expression(st, s, c))
		}
	}
	s.rows = [][]value{row}
	return s
}

// onDuplicate is an INSERT that changes the row it meets.
func (g *generator) onDuplicate(st *session, t *table) *statement {
	s := &statement{kind: kindOnDuplicate, verb: g.into(t, "INSERT")}
	if g.chance(15) {
		s.verb = g.into(t, "INSERT IGNORE")
	}
	g.rows(st, s, t, 1+g.r.IntN(3))
	if g.mysql && g.chance(30) {
		s.alias = " AS new"
	}
	edgy := g.edgy()
	for _, c := range g.some(t.writable(), 1+g.r.IntN(3)) {
		v := g.value(st, s, c, edgy)
		switch {
		case g.chance(40) && s.alias != "":
			v = value{sql: "new." + c.name}
		case g.chance(40):
			v = value{sql: "VALUES(" + c.name + ")"}
		case c.typ.family == "int" && g.chance(50):
			v = value{sql: fmt.Sprintf("%s.%s + 1", t.name, c.name)}
		case c.auto:
			v = value{sql: "LAST_INSERT_ID(" + t.name + "." + c.name + ")"}
		}
		s.sets = append(s.sets, assignment{c.name, v})
	}
	return s
}

// changes are the assignments of an UPDATE.
func (g *generator) changes(st *session, s *statement, t *table, keys bool) {
	var columns []*column
	for _, c := range t.writable() {
		if keys || !slices.Contains(t.primary.columns, c) {
			columns = append(columns, c)
		}
	}
	edgy := g.edgy()
	for _, c := range g.some(columns, 1+g.r.IntN(3)) {
		if slices.Contains(t.primary.columns, c) {
			s.note(traitKeyUpdate)
		}
		s.sets = append(s.sets, assignment{g.quoted(st, c), g.value(st, s, c, edgy)})
	}
}

// updateKey is an UPDATE by primary key.
func (g *generator) updateKey(st *session, t *table) *statement {
	s := &statement{kind: kindUpdateKey, verb: "UPDATE " + t.name}
	g.changes(st, s, t, g.chance(10))
	g.byKey(st, s, &t.primary)
	g.limited(s, t)
	return s
}

// updateArithmetic counts in an integer column.
func (g *generator) updateArithmetic(st *session, t *table) *statement {
	s := &statement{kind: kindUpdateArithmetic, verb: "UPDATE " + t.name}
	s.sets = []assignment{{"n", value{sql: "n " + g.pick([]string{"+ 1", "- 1", "* 2", "+ 1 - 3", "+ n"})}}}
	g.byKey(st, s, &t.primary)
	return s
}

// updateExpression assigns what the server computes of the row.
func (g *generator) updateExpression(st *session, t *table) *statement {
	s := &statement{kind: kindUpdateExpression, verb: "UPDATE " + t.name}
	for _, c := range g.some(t.writable(), 1+g.r.IntN(2)) {
		v := g.expression(st, s, c)
		switch own := c.name; {
		case g.chance(50) && c.typ.family == "text":
			v = value{sql: g.pick([]string{"CONCAT(" + own + ", 'x')", "UPPER(" + own + ")", "LEFT(" + own + ", 2)", "NULLIF(" + own + ", 'a')"})}
		case g.chance(50) && c.typ.family == "int":
			v = value{sql: g.pick([]string{own + " DIV 2", own + " + 100", own + " - 100", own + " * 3", "IF(" + own + " > 1, 3, 4)", "COALESCE(" + own + ", 0) + 1", "CASE WHEN " + own + " IS NULL THEN 1 ELSE n END", own + " / 2"})}
		case g.chance(50) && c.typ.family == "dec":
			v = value{sql: own + " * 1.10"}
		case g.chance(30):
			v = value{sql: g.pick([]string{own, "DEFAULT", "n", "DEFAULT(" + own + ")"})}
		}
		s.sets = append(s.sets, assignment{c.name, v})
	}
	g.byKey(st, s, &t.primary)
	return s
}

// updateUnique is an UPDATE by a unique key, by primary key if there is none.
func (g *generator) updateUnique(st *session, t *table) *statement {
	if len(t.uniques) == 0 {
		return g.updateKey(st, t)
	}
	s := &statement{kind: kindUpdateUnique, verb: "UPDATE " + t.name}
	g.changes(st, s, t, false)
	g.byUnique(st, s, t)
	return s
}

// updateCondition is an UPDATE by key and further conditions.
func (g *generator) updateCondition(st *session, t *table) *statement {
	s := &statement{kind: kindUpdateCondition, verb: "UPDATE " + t.name}
	g.changes(st, s, t, false)
	g.byAny(st, s, t)
	g.more(st, s, t)
	return s
}

// updateScan is an UPDATE of rows found without a key.
func (g *generator) updateScan(st *session, t *table) *statement {
	s := &statement{kind: kindUpdateScan, verb: "UPDATE " + t.name}
	g.changes(st, s, t, false)
	g.more(st, s, t)
	s.tail = " ORDER BY " + t.order() + g.pick([]string{"", " LIMIT 2", " DESC"})
	return s
}

// deleteKey is a DELETE by primary key.
func (g *generator) deleteKey(st *session, t *table) *statement {
	s := &statement{kind: kindDeleteKey, verb: "DELETE FROM " + t.name}
	g.byKey(st, s, &t.primary)
	g.limited(s, t)
	return s
}

// deleteUnique is a DELETE by a unique key, by primary key if there is none.
func (g *generator) deleteUnique(st *session, t *table) *statement {
	if len(t.uniques) == 0 {
		return g.deleteKey(st, t)
	}
	s := &statement{kind: kindDeleteUnique, verb: "DELETE FROM " + t.name}
	g.byUnique(st, s, t)
	return s
}

// deleteCondition is a DELETE by key and further conditions.
func (g *generator) deleteCondition(st *session, t *table) *statement {
	s := &statement{kind: kindDeleteCondition, verb: "DELETE FROM " + t.name}
	g.byAny(st, s, t)
	g.more(st, s, t)
	return s
}

// deleteScan is a DELETE of rows found without a key.
func (g *generator) deleteScan(st *session, t *table) *statement {
	s := &statement{kind: kindDeleteScan, verb: "DELETE FROM " + t.name}
	g.more(st, s, t)
	s.tail = " ORDER BY " + t.order() + g.pick([]string{"", " LIMIT 1"})
	return s
}
