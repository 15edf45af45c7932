package sqlrewrite

import (
	"slices"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// comparison is what a term says of its columns.
type comparison uint8

const (
	isIn        comparison = iota // = and IN: one of the tuples
	isNot                         // <> and !=
	isLess                        // <
	isAtMost                      // <=
	isMore                        // >
	isAtLeast                     // >=
	isNull                        // IS NULL
	isNotNull                     // IS NOT NULL
	isUnknown                     // a condition that only the shadow can judge
	comparisons = int(isUnknown) + 1
)

// comparisonOps are the operators between two values.
var comparisonOps = map[string]comparison{"=": isIn, "<>": isNot, "!=": isNot, "<": isLess, "<=": isAtMost, ">": isMore, ">=": isAtLeast}

// turned is the comparison with its sides exchanged.
func (c comparison) turned() comparison {
	switch c {
	case isLess:
		return isMore
	case isAtMost:
		return isAtLeast
	case isMore:
		return isLess
	case isAtLeast:
		return isAtMost
	}
	return c
}

// comparison skips an operator between two values.
func (p *parser) comparison() (comparison, bool) {
	if p.i >= len(p.toks) || p.toks[p.i].kind != tokOp {
		return 0, false
	}
	op, ok := comparisonOps[string(p.text(p.i))]
	if !ok || op != isIn && !p.env.Shadows {
		return 0, false
	}
	p.i++
	return op, true
}

// choose finds the key that the terms name: the primary key, else the first
// unique index that is given with all its columns. All other terms are further
// conditions.
func (p *parser) choose(plan *Plan) bool {
	if used := p.cover(&p.t.Primary); used != nil {
		return p.use(plan, nil, used)
	}
	for i := range p.t.Uniques {
		ix := &p.t.Uniques[i]
		if slices.ContainsFunc(ix.Prefix, func(n int) bool { return n > 0 }) {
			continue // equal prefixes are not equal values
		}
		if used := p.cover(ix); used != nil {
			return p.use(plan, ix, used)
		}
	}
	return p.fail(ReasonNoKey)
}

// cover finds terms that give each column of an index once; nil if there are
// none.
func (p *parser) cover(ix *schema.Index) []int {
	var used, columns []int
	for i, t := range p.terms {
		if t.op != isIn || slices.ContainsFunc(t.columns, func(c int) bool {
			return !slices.Contains(ix.Columns, c) || slices.Contains(columns, c)
		}) || repeats(t.columns) {
			continue
		}
		used, columns = append(used, i), append(columns, t.columns...)
	}
	if len(columns) != len(ix.Columns) || len(columns) == 0 {
		return nil
	}
	for _, c := range columns {
		// A CHAR padded to its length compares in ways of its own.
		if p.t.Columns[c].Type == schema.Char && p.env.Mode&ModePadCharToFullLength != 0 {
			return nil
		}
	}
	return used
}

// repeats reports whether a list has an element twice.
func repeats(list []int) bool {
	for i, c := range list {
		if slices.Contains(list[:i], c) {
			return true
		}
	}
	return false
}

// use makes the terms the key, of ix or if that is nil the primary one.
func (p *parser) use(plan *Plan, ix *schema.Index, used []int) bool {
	var key []term
	for i, t := range p.terms {
		if slices.Contains(used, i) {
			key = append(key, t)
		} else {
			plan.where.further = append(plan.where.further, t)
		}
	}
	plan.Index = ix
	plan.Conditional = len(plan.where.further) > 0
	return p.combine(plan.where, key)
}

// further refuses the conditions beside the key that Matches cannot judge.
func (p *parser) further(plan *Plan) bool {
	for _, t := range plan.where.further {
		if len(t.columns) != 1 {
			return p.fail(ReasonCondition)
		}
		col := &p.t.Columns[t.columns[0]]
		switch {
		case t.op == isUnknown:
			return p.fail(ReasonCondition)
		case t.op == isNull || t.op == isNotNull:
			// Zero dates are NULL there, and AUTO_INCREMENT IS NULL may be the
			// last insert id.
			if col.AutoIncrement || col.NotNull && temporal(col.Type) {
				return p.fail(ReasonCondition)
			}
		case !numeric(col.Type):
			return p.fail(ReasonCondition)
		}
	}
	return true
}

// temporal reports whether a type is a date or a time.
func temporal(t schema.Type) bool {
	switch t {
	case schema.Date, schema.Datetime, schema.Timestamp, schema.Time, schema.Year:
		return true
	}
	return false
}

// total reports whether no two rows of the table are equal in an order: it
// names all columns of a key without NULL, and none that a SELECT may mean by
// an alias.
func (p *parser) total(order []int) bool {
	named := func(c int) bool {
		return slices.Contains(order, c) && !slices.ContainsFunc(p.items, func(i item) bool {
			return i.alias != "" && p.t.Column(i.alias) == c
		})
	}
	all := func(ix *schema.Index, nullable bool) bool {
		for i, c := range ix.Columns {
			if !named(c) || ix.Prefix[i] > 0 || nullable && !p.t.Columns[c].NotNull {
				return false
			}
		}
		return len(ix.Columns) > 0
	}
	if all(&p.t.Primary, false) {
		return true
	}
	return slices.ContainsFunc(p.t.Uniques, func(ix schema.Index) bool { return all(&ix, true) })
}
