package sqlrewrite

import (
	"slices"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// item is one of the things that a SELECT for the shadow selects.
type item struct {
	from, to int    // its tokens, without the alias
	alias    string // "" if it has none
	star     bool   // * or table.*
}

// outline reads a statement that the shadow shall execute: its verb, its one
// table, what it assigns, the key in its WHERE, ORDER BY and LIMIT. Of the
// expressions it only makes sure that all their words are known.
func (p *parser) outline(plan *Plan) bool {
	switch {
	case p.accept("INSERT"):
		plan.Verb = Insert
		plan.Ignore = p.accept("IGNORE")
		return p.outlineInsert(plan)
	case p.accept("REPLACE"):
		plan.Verb = Replace
		return p.outlineInsert(plan)
	case p.accept("UPDATE"):
		plan.Verb = Update
		plan.Ignore = p.accept("IGNORE")
		return p.outlineUpdate(plan)
	case p.accept("DELETE"):
		plan.Verb = Delete
		plan.Ignore = p.accept("IGNORE")
		return p.expect("FROM") && p.table() && (p.env.Dialect == schema.MariaDB || p.tableAlias()) &&
			p.outlineWhere(plan) && p.outlineBounds(plan.where, false) && p.end()
	case p.accept("SELECT"):
		plan.Verb = PointRead
		return p.outlineSelect(plan)
	}
	return p.fail(ReasonStatement)
}

// outlineInsert reads what follows INSERT or REPLACE.
func (p *parser) outlineInsert(plan *Plan) bool {
	in := &insertPlan{}
	plan.insert = in
	p.accept("INTO")
	if !p.table() {
		return false
	}
	if p.accept("SET") {
		var row []expr
		ok := p.outlineSet(func(c int, e expr) bool {
			if slices.Contains(in.columns, c) {
				return p.fail(ReasonDuplicateColumn)
			}
			in.columns, row = append(in.columns, c), append(row, e)
			return true
		}, place{once: true, brings: true}, "AS", "ON")
		if !ok {
			return false
		}
		in.rows = [][]expr{row}
	} else if !p.insertRows(in, p.outlineRow) {
		return false
	}
	if p.at("AS") && !p.readRowAlias(plan) {
		return false
	}
	if p.at("ON") {
		if !p.duplicateKey(plan) || !p.outlineSet(p.setting(plan), place{once: true, inserted: true}) {
			return false
		}
		p.assigned(plan)
	}
	if p.inRest(in) {
		return p.fail(ReasonDefaultExpression)
	}
	return p.end()
}

// outlineRow reads one row of values.
func (p *parser) outlineRow(in *insertPlan) ([]expr, bool) {
	if p.at("ROW") {
		return nil, p.fail(ReasonInsertSelect)
	}
	if !p.expect("(") {
		return nil, false
	}
	if p.accept(")") {
		return nil, true
	}
	row := make([]expr, 0, len(in.columns))
	for {
		target := -1
		if len(row) < len(in.columns) {
			target = in.columns[len(row)]
		}
		e, ok := p.outlineValue(target, p.until(",", ")"), place{once: true, brings: true})
		if !ok {
			return nil, false
		}
		row = append(row, e)
		if !p.accept(",") {
			return row, p.expect(")")
		}
	}
}

// outlineSet reads column = expression, ... up to one of the words.
func (p *parser) outlineSet(set func(int, expr) bool, in place, stops ...string) bool {
	for {
		c, ok := p.column()
		if !ok || !p.expect("=") {
			return false
		}
		e, ok := p.outlineValue(c, p.until(append([]string{","}, stops...)...), in)
		if !ok || !set(c, e) {
			return false
		}
		if !p.accept(",") {
			return true
		}
	}
}

// setting adds assignments to a plan.
func (p *parser) setting(plan *Plan) func(int, expr) bool {
	return func(c int, e expr) bool {
		plan.Assigned = append(plan.Assigned, c)
		plan.set = append(plan.set, assignment{column: c, value: e})
		return true
	}
}

// outlineValue reads the tokens up to to as the value of a column. Only that of
// an AUTO_INCREMENT column has to be known better.
func (p *parser) outlineValue(target, to int, in place) (expr, bool) {
	from := p.i
	if from >= to {
		return expr{}, p.fail(ReasonSyntax)
	}
	if p.env.Dialect == schema.MariaDB && target >= 0 && p.t.Columns[target].Generated && !(to == from+1 && p.at("DEFAULT")) {
		return expr{}, p.fail(ReasonGeneratedColumn) // a temporary table takes it, and ignores it without error 1906
	}
	switch lone := to == from+1 && p.at("DEFAULT"); {
	case lone && target >= 0 && p.t.Columns[target].Default == schema.DefaultExpr:
		return expr{}, p.fail(ReasonDefaultExpression)
	case !lone && !p.known(from, to, in):
		return expr{}, false
	}
	// In the values of an INSERT a column is what has been assigned to it by
	// now, or its default, and AUTO_INCREMENT is not yet generated.
	if in.brings {
		switch {
		case p.anyDefaultExpr() && p.names(from, to, p.defaultOf):
			return expr{}, p.fail(ReasonDefaultExpression)
		case p.names(from, to, func(c int) bool { return c == p.t.AutoIncrement }):
			return expr{}, p.fail(ReasonExpression)
		}
	}
	e := expr{op: opOther}
	if target >= 0 && target == p.t.AutoIncrement && !in.inserted {
		p.within(to, func() bool {
			if v, ok := p.expression(target, false); ok && p.i == to && (v.op == opSlot || v.op == opNull || v.op == opDefault || v.op == opInt || v.op == opNeg && v.l.op == opSlot) {
				e = v
			}
			return true
		})
	}
	p.i = to
	return e, true
}

// names reports whether the name of such a column is among the tokens.
func (p *parser) names(from, to int, such func(c int) bool) bool {
	for i := from; i < to; i++ {
		if name, ok := identifier(p.text(i), p.toks[i]); ok {
			if c := p.t.Column(name); c >= 0 && such(c) {
				return true
			}
		}
	}
	return false
}

// within lets read see no further than to, and takes back where it went and why
// it failed.
func (p *parser) within(to int, read func() bool) bool {
	i, toks, reason := p.i, p.toks, p.reason
	p.toks = p.toks[:to]
	ok := read()
	p.i, p.toks, p.reason = i, toks, reason
	return ok
}

// outlineUpdate reads what follows UPDATE.
func (p *parser) outlineUpdate(plan *Plan) bool {
	if !p.table() || !p.tableAlias() || !p.expect("SET") {
		return false
	}
	if !p.outlineSet(p.setting(plan), place{once: true}, "WHERE", "ORDER", "LIMIT") {
		return false
	}
	p.assigned(plan)
	if !p.outlineWhere(plan) || !p.outlineBounds(plan.where, false) {
		return false
	}
	// Where keys change, one row may be in the way of the next.
	plan.where.single = (plan.MovesKey || plan.AssignsUnique) && !plan.where.total
	return p.end()
}

// outlineBounds reads ORDER BY and LIMIT.
func (p *parser) outlineBounds(k *keyPlan, read bool) bool {
	if p.accept("ORDER") {
		if !p.expect("BY") {
			return false
		}
		k.scan.order.from = p.i
		for {
			to := p.until(",", "LIMIT")
			c, ok := p.outlineOrder(to, place{aliases: read, aggregate: read})
			if !ok {
				return false
			}
			k.order = append(k.order, c)
			if p.i = to; !p.accept(",") {
				break
			}
		}
		k.scan.order.to = p.i
	}
	k.total = p.total(k.order)
	return p.limit(k, read)
}

// outlineOrder reads one item of ORDER BY: the column it is, or -1.
func (p *parser) outlineOrder(to int, in place) (int, bool) {
	from, column := p.i, -1
	if to > from && (p.toks[to-1].kind == tokWord) && (is(p.text(to-1), "ASC") || is(p.text(to-1), "DESC")) {
		to--
	}
	// A number is the place of a selected expression.
	if from >= to || to == from+1 && p.slots[from] >= 0 {
		return -1, p.fail(ReasonOrderBy)
	}
	if !p.known(from, to, in) {
		return -1, false
	}
	p.within(to, func() bool {
		if c, ok := p.column(); ok && p.i == to {
			column = c
		}
		return true
	})
	return column, true
}
