package sqlrewrite

import "github.com/rzpsarthak13/shock-absorber/absorber/schema"

// selected is one item of a select list before the table is known.
type selected struct {
	star  bool
	names []string // qualifiers and column; of a star only the qualifiers
	at    int      // its first token
}

// pointRead reads SELECT columns FROM table WHERE key [ORDER BY] [LIMIT].
func (p *parser) pointRead(plan *Plan) bool {
	if p.env.Dialect == schema.MariaDB { // MySQL warns of it
		p.accept("SQL_NO_CACHE")
	}
	items, ok := p.selectList()
	if !ok || !p.expect("FROM") || !p.table() || !p.tableAlias() {
		return false
	}
	for _, s := range items {
		if !p.project(plan, s) {
			return false
		}
	}
	return p.where(plan) && p.bounds(plan.where, true) && p.end()
}

// selectList reads the items up to FROM.
func (p *parser) selectList() ([]selected, bool) {
	var items []selected
	for {
		s, ok := p.selectItem(len(items) == 0)
		if !ok {
			return nil, false
		}
		items = append(items, s)
		if !p.accept(",") {
			return items, true
		}
	}
}

// selectItem reads *, table.*, or a column with or without an alias.
func (p *parser) selectItem(first bool) (selected, bool) {
	s := selected{at: p.i}
	if first && p.accept("*") { // anywhere else it is a syntax error
		s.star = true
		return s, true
	}
	for {
		if !p.atIdentifier() {
			return s, p.unexpected(ReasonSelectExpression)
		}
		n, ok := p.identifier()
		if !ok {
			return s, false
		}
		s.names = append(s.names, n)
		if !p.dot() {
			break
		}
		if p.accept("*") {
			s.star = true
			return s, len(s.names) < 3 || p.fail(ReasonSyntax)
		}
		if len(s.names) == 3 {
			return s, p.fail(ReasonSyntax)
		}
	}
	if p.accept("AS") || p.atIdentifier() {
		alias, ok := p.identifier()
		if !ok {
			return s, false
		}
		p.items = append(p.items, item{alias: alias})
	} else if !p.at(",") && !p.at("FROM") {
		return s, p.fail(ReasonSelectExpression)
	}
	return s, true
}

// project adds an item's columns to the plan.
func (p *parser) project(plan *Plan, s selected) bool {
	if !s.star {
		c, ok := p.resolve(s.names)
		plan.Columns = append(plan.Columns, c)
		return ok
	}
	switch n := s.names; len(n) {
	case 1:
		if !p.qualifies("", n[0]) {
			return p.fail(ReasonUnknownColumn)
		}
	case 2:
		if !p.qualifies(n[0], n[1]) {
			return p.fail(ReasonUnknownColumn)
		}
	}
	for i := range p.t.Columns {
		if !p.t.Columns[i].Invisible {
			plan.Columns = append(plan.Columns, i)
		}
	}
	return true
}

// bounds reads ORDER BY columns, which is harmless as long as there is one row,
// and LIMIT.
func (p *parser) bounds(k *keyPlan, read bool) bool {
	if (read || p.env.Shadows) && !p.orderBy(k) {
		return false
	}
	k.total = p.total(k.order)
	return p.limit(k, read)
}

// orderBy reads ORDER BY columns.
func (p *parser) orderBy(k *keyPlan) bool {
	if !p.accept("ORDER") {
		return true
	}
	if !p.expect("BY") {
		return false
	}
	for {
		if !p.atIdentifier() {
			return p.fail(ReasonOrderBy)
		}
		c, ok := p.column()
		if !ok {
			return false
		}
		k.order = append(k.order, c)
		if !p.accept("ASC") {
			p.accept("DESC")
		}
		if !p.accept(",") {
			return true
		}
	}
}

// limit reads LIMIT n, and LIMIT m, n or LIMIT n OFFSET m of a SELECT.
func (p *parser) limit(k *keyPlan, offset bool) bool {
	k.limit, k.offset = -1, -1
	if !p.accept("LIMIT") {
		return true
	}
	var ok bool
	if k.limit, ok = p.slot(); !ok {
		return p.fail(ReasonLimit)
	}
	switch {
	case offset && p.accept(","):
		k.offset = k.limit
		k.limit, ok = p.slot()
	case offset && p.accept("OFFSET"):
		k.offset, ok = p.slot()
	}
	return ok || p.fail(ReasonLimit)
}

// slot reads a literal or a parameter.
func (p *parser) slot() (int32, bool) {
	if p.i >= len(p.toks) || p.slots[p.i] < 0 {
		return 0, false
	}
	p.i++
	return p.slots[p.i-1], true
}
