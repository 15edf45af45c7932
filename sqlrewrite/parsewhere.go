package sqlrewrite

import "slices"

// operand is a value in a condition: a literal or parameter, maybe negated.
type operand struct {
	slot    int32
	negated bool
}

// keyPlan finds the rows a statement is about.
type keyPlan struct {
	columns []int       // the columns of the condition, in the order of tuples
	tuples  [][]operand // all combinations of values; one for = on each column
	further []term      // what the condition says besides, about single columns
	limit   int32       // slot of LIMIT's number, -1 if there is none
	offset  int32       // slot of OFFSET's number, -1 if there is none
	order   []int       // what ORDER BY names: columns, -1 for anything else
	total   bool        // no two rows are equal in that order
	single  bool        // for the shadow: with several rows the result depends on the order they are read in
	scan    scanParts   // of a plan with Scans
}

// term is one part of the conjunction: columns and what their values are
// compared with.
type term struct {
	op      comparison
	columns []int
	tuples  [][]operand
}

// where reads WHERE and a conjunction of equalities that is the primary key;
// where the caller can do more, a unique key, and with further conditions.
func (p *parser) where(plan *Plan) bool {
	plan.where = &keyPlan{}
	if !p.accept("WHERE") {
		return p.unexpected(ReasonNoKey)
	}
	if !p.conjunction(&p.terms) {
		return false
	}
	if p.env.Shadows {
		return p.choose(plan) && p.further(plan)
	}
	var columns []int
	for _, t := range p.terms {
		columns = append(columns, t.columns...)
	}
	for _, c := range p.t.Primary.Columns {
		if !slices.Contains(columns, c) {
			return p.fail(ReasonNoKey)
		}
	}
	if len(columns) != len(p.t.Primary.Columns) {
		return p.fail(ReasonCondition)
	}
	return p.combine(plan.where, p.terms)
}

// maxTuples bounds the keys that are made of several lists.
const maxTuples = 1000

// combine makes tuples of the terms: at most one of them may have several
// unless the caller can do more.
func (p *parser) combine(k *keyPlan, terms []term) bool {
	k.tuples = [][]operand{nil}
	several := false
	for _, t := range terms {
		if len(t.tuples) > 1 {
			if several && (!p.env.Shadows || len(k.tuples)*len(t.tuples) > maxTuples) {
				return p.fail(ReasonCondition)
			}
			several = true
		}
		k.columns = append(k.columns, t.columns...)
		var next [][]operand
		for _, head := range k.tuples {
			for _, tail := range t.tuples {
				next = append(next, slices.Concat(head, tail))
			}
		}
		k.tuples = next
	}
	return true
}

// maxDepth is how deep parentheses are followed.
const maxDepth = 50

// conjunction reads terms joined by AND.
func (p *parser) conjunction(terms *[]term) bool {
	for {
		if !p.term(terms, 0) {
			return false
		}
		if !p.accept("AND") {
			return true
		}
	}
}

// term reads one condition, or a conjunction in parentheses.
func (p *parser) term(terms *[]term, depth int) bool {
	if p.at("(") {
		from := p.i
		if t, ok := p.rowTerm(); ok {
			*terms = append(*terms, t)
			return true
		}
		if p.i = from; depth == maxDepth {
			return p.fail(ReasonCondition)
		}
		p.reason = ""
		p.i++
		for {
			if !p.term(terms, depth+1) {
				return false
			}
			if !p.accept("AND") {
				return p.accept(")") || p.unexpected(ReasonCondition)
			}
		}
	}
	if v, ok := p.operand(); ok { // 5 = id
		op, ok := p.comparison()
		if !ok || !p.atIdentifier() {
			return p.unexpected(ReasonCondition)
		}
		c, ok := p.column()
		*terms = append(*terms, term{op: op.turned(), columns: []int{c}, tuples: [][]operand{{v}}})
		return ok
	}
	if !p.atIdentifier() {
		return p.unexpected(ReasonCondition)
	}
	c, ok := p.column()
	if !ok {
		return false
	}
	t, ok := p.values([]int{c})
	*terms = append(*terms, t)
	return ok
}

// values reads a comparison with a value, IN (values) or IS NULL behind a column.
func (p *parser) values(columns []int) (term, bool) {
	t := term{columns: columns}
	if op, ok := p.comparison(); ok {
		v, ok := p.operand()
		t.op, t.tuples = op, [][]operand{{v}}
		return t, ok || p.unexpected(ReasonCondition)
	}
	switch {
	case p.env.Shadows && p.accept("IS"):
		if t.op = isNull; p.accept("NOT") {
			t.op = isNotNull
		}
		return t, p.accept("NULL") || p.unexpected(ReasonCondition)
	case p.accept("IN"):
		if !p.expect("(") {
			return t, false
		}
		for {
			v, ok := p.operand()
			if !ok {
				return t, p.unexpected(ReasonCondition)
			}
			t.tuples = append(t.tuples, []operand{v})
			if !p.accept(",") {
				return t, p.accept(")") || p.unexpected(ReasonCondition)
			}
		}
	}
	return t, p.unexpected(ReasonCondition)
}

// rowTerm reads (a, b) = (1, 2) or (a, b) IN ((1, 2), ...).
func (p *parser) rowTerm() (term, bool) {
	var t term
	p.i++
	for {
		if !p.atIdentifier() {
			return t, false
		}
		c, ok := p.column()
		if !ok {
			return t, false
		}
		t.columns = append(t.columns, c)
		if !p.accept(",") {
			break
		}
	}
	if len(t.columns) < 2 || !p.accept(")") {
		return t, false
	}
	if p.accept("=") {
		return t, p.tuple(&t)
	}
	if !p.accept("IN") || !p.accept("(") {
		return t, false
	}
	for {
		if !p.tuple(&t) {
			return t, false
		}
		if !p.accept(",") {
			return t, p.accept(")")
		}
	}
}

// tuple reads (1, 2) of as many values as the term has columns.
func (p *parser) tuple(t *term) bool {
	if !p.accept("(") {
		return false
	}
	var row []operand
	for {
		v, ok := p.operand()
		if !ok {
			return false
		}
		row = append(row, v)
		if !p.accept(",") {
			break
		}
	}
	t.tuples = append(t.tuples, row)
	return len(row) == len(t.columns) && p.accept(")")
}

// operand reads a literal or parameter with or without a minus.
func (p *parser) operand() (operand, bool) {
	negated := p.at("-") && p.i+1 < len(p.toks) && p.slots[p.i+1] >= 0
	if negated {
		p.i++
	}
	s, ok := p.slot()
	return operand{slot: s, negated: negated}, ok
}
