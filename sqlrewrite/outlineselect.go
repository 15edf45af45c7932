package sqlrewrite

import (
	"slices"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// outlineSelect reads what follows SELECT.
func (p *parser) outlineSelect(plan *Plan) bool {
	if p.env.Dialect == schema.MariaDB {
		p.accept("SQL_NO_CACHE")
	}
	p.distinct = p.accept("DISTINCT")
	if p.i < len(p.toks) && p.toks[p.i].kind == tokWord && !p.called() && unexpectedWords[lower(p.text(p.i))] != "" {
		return p.unexpected(ReasonSelectOption)
	}
	for {
		to := p.until(",", "FROM")
		if !p.outlineItem(to) {
			return false
		}
		if p.i = to; !p.accept(",") {
			break
		}
	}
	if !p.expect("FROM") || !p.table() || !p.tableAlias() {
		return false
	}
	for _, it := range p.items {
		if !it.star && !p.known(it.from, it.to, place{aggregate: true}) {
			return false
		}
	}
	if !p.outlineWhere(plan) || !p.outlineBounds(plan.where, true) {
		return false
	}
	plan.where.single = p.dependsOnOrder()
	plan.where.scan.whole = p.distinct || p.aggregate || p.ordersByAlias(plan.where.scan.order)
	return p.end()
}

// outlineItem reads the tokens up to to as one selected expression.
func (p *parser) outlineItem(to int) bool {
	it := item{from: p.i, to: to}
	n := to - it.from
	if n == 0 {
		return p.unexpected(ReasonSyntax)
	}
	op := func(i int, s string) bool { return p.toks[i].kind == tokOp && string(p.text(i)) == s }
	switch {
	case op(to-1, "*") && (n == 1 || op(to-2, ".")):
		it.star = n == 1 && len(p.items) == 0 || n == 3 || n == 5 && op(it.from+1, ".")
		if !it.star {
			return p.fail(ReasonSelectExpression)
		}
	case n >= 3 && p.toks[to-2].kind == tokWord && is(p.text(to-2), "AS"):
		it.to = to - 2
	case n >= 2 && p.endsOperand(to-2) && (p.toks[to-1].kind == tokQuoted || p.toks[to-1].kind == tokWord && !plainNames[lower(p.text(to-1))]):
		it.to = to - 1
	}
	if it.to < to {
		p.i = to - 1
		alias, ok := p.identifier()
		if !ok {
			return false
		}
		it.alias = alias
	}
	p.items = append(p.items, it)
	return true
}

// endsOperand reports whether a token may be the last of an expression, so that
// a name behind it is an alias.
func (p *parser) endsOperand(i int) bool {
	switch t := p.toks[i]; t.kind {
	case tokOp:
		return string(p.text(i)) == ")"
	case tokWord:
		w := lower(p.text(i))
		return !operatorNames[w] && w != "collate" && w != "using"
	}
	return true
}

// dependsOnOrder reports whether what a SELECT of several rows gives may depend
// on the order in which they are read: which of some values that are equal and
// not the same it shows, or how a sum is rounded.
func (p *parser) dependsOnOrder() bool {
	if !p.distinct && !p.aggregate {
		return false
	}
	return slices.ContainsFunc(p.items, func(it item) bool {
		if it.star {
			return true
		}
		function, c, ok := p.plainItem(it)
		switch {
		case !ok:
			return true
		case function == "count":
			return false
		case c < 0:
			return true
		case function == "min" || function == "max" || function == "":
			return !sameBytes(p.t.Columns[c].Type) || function == "" && p.aggregate
		}
		return !numeric(p.t.Columns[c].Type)
	})
}

// plainItem reads a selected column, or an aggregate function of one.
func (p *parser) plainItem(it item) (function string, c int, ok bool) {
	c = -1
	saved := p.i
	defer func() { p.i = saved }()
	p.i = it.from
	ok = p.within(it.to, func() bool {
		if w := lower(p.text(p.i)); p.toks[p.i].kind == tokWord && aggregateFunctions[w] && p.called() {
			function = w
			p.i += 2
			p.accept("DISTINCT")
		}
		if function == "count" {
			if _, ok := p.slot(); ok || p.accept("*") {
				return p.accept(")") && p.i == len(p.toks)
			}
		}
		var ok bool
		if c, ok = p.column(); !ok {
			return false
		}
		return (function == "" || p.accept(")")) && p.i == len(p.toks)
	})
	return function, c, ok
}

// sameBytes reports whether equal values of a type are shown alike.
func sameBytes(t schema.Type) bool {
	return numeric(t) || temporal(t)
}
