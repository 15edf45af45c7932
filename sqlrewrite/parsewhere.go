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
	limit   int32       // slot of LIMIT's number, -1 if there is none
	offset  int32       // slot of OFFSET's number, -1 if there is none
	ordered bool
}

// term is one part of the conjunction: columns and the values they may have.
type term struct {
	columns []int
	tuples  [][]operand
}

// where reads WHERE and a conjunction of equalities that is the primary key.
func (p *parser) where(plan *Plan) bool {
	plan.where = &keyPlan{}
	if !p.accept("WHERE") {
		return p.unexpected(ReasonNoKey)
	}
	var terms []term
	if !p.conjunction(&terms) {
		return false
	}
	var columns []int
	for _, t := range terms {
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
	return p.combine(plan.where, terms)
}

// combine makes tuples of the terms: at most one of them may have several.
func (p *parser) combine(k *keyPlan, terms []term) bool {
	k.tuples = [][]operand{nil}
	several := false
	for _, t := range terms {
		if len(t.tuples) > 1 {
			if several {
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
		if !p.accept("=") {
			return p.unexpected(ReasonCondition)
		}
		if !p.atIdentifier() {
			return p.unexpected(ReasonCondition)
		}
		c, ok := p.column()
		*terms = append(*terms, term{columns: []int{c}, tuples: [][]operand{{v}}})
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

// values reads = value or IN (values) behind a column.
func (p *parser) values(columns []int) (term, bool) {
	t := term{columns: columns}
	switch {
	case p.accept("="):
		v, ok := p.operand()
		t.tuples = [][]operand{{v}}
		return t, ok || p.unexpected(ReasonCondition)
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
