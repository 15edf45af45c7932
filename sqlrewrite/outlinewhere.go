package sqlrewrite

// outlineWhere reads WHERE: conditions joined by AND, of which enough name a
// key. The others may say anything that is pure, and if there is no key all may:
// then the rows are found by a query.
func (p *parser) outlineWhere(plan *Plan) bool {
	plan.where = &keyPlan{limit: -1, offset: -1}
	if !p.accept("WHERE") {
		if p.i < len(p.toks) && !p.at("ORDER") && !p.at("LIMIT") {
			return p.unexpected(ReasonNoKey)
		}
		return p.fail(ReasonNoKey) || p.scanned(plan, span{})
	}
	from, to := p.i, p.until("ORDER", "LIMIT", "GROUP", "HAVING", "WINDOW", "UNION", "EXCEPT", "INTERSECT", "INTO", "FOR", "LOCK", "PROCEDURE", "RETURNING", "OFFSET", "FETCH")
	if !p.known(from, to, place{}) {
		return false
	}
	spans, joined, ok := p.split(span{from, to})
	if !ok {
		return p.fail(ReasonSyntax)
	}
	if !joined {
		spans = []span{{from, to}}
	}
	for _, s := range spans {
		p.condition(s, 0)
	}
	p.i = to
	return joined && p.choose(plan) || p.fail(ReasonCondition) || p.scanned(plan, span{from, to})
}

// unitColumn reports whether a column has the name of a unit of time.
func (p *parser) unitColumn() bool {
	for u := range units {
		if p.t.Column(u) >= 0 {
			return true
		}
	}
	return false
}

// span is some tokens of the statement.
type span struct{ from, to int }

// condition adds a part of the conjunction to the terms, or what it consists of
// if it is a conjunction in parentheses.
func (p *parser) condition(s span, depth int) {
	if depth < maxDepth && p.wrapped(s) {
		inner := span{s.from + 1, s.to - 1}
		spans, joined, ok := p.split(inner)
		if ok && joined {
			for _, s := range spans {
				p.condition(s, depth+1)
			}
			return
		}
	}
	var found []term
	p.i = s.from
	ok := p.within(s.to, func() bool { return p.term(&found, maxDepth) && p.i == s.to })
	if !ok || len(found) != 1 {
		found, p.unknown = []term{{op: isUnknown}}, append(p.unknown, s)
	}
	p.terms = append(p.terms, found[0])
}

// wrapped reports whether one pair of parentheses is around all of the tokens.
func (p *parser) wrapped(s span) bool {
	depth := 0
	for i := s.from; i < s.to; i++ {
		switch {
		case p.opAt(i, "("):
			depth++
		case p.opAt(i, ")"):
			depth--
		}
		if depth == 0 {
			return i > s.from && i == s.to-1
		}
	}
	return false
}

// opAt reports whether token i is the operator.
func (p *parser) opAt(i int, op string) bool {
	return i < len(p.toks) && p.toks[i].kind == tokOp && string(p.text(i)) == op
}

// joining is the token's word in lower case, or what its operator means between
// conditions; "" for any other token.
func (p *parser) joining(i int) string {
	text := p.text(i)
	switch p.toks[i].kind {
	case tokWord:
		return lower(text)
	case tokOp:
		switch s := string(text); {
		case s == "(" || s == ")":
			return s
		case s == "&&":
			return "and"
		case s == "||" && p.env.Mode&ModePipesAsConcat == 0:
			return "or"
		}
	}
	return ""
}

// split cuts tokens at the ANDs that join conditions. joined is false if an OR
// or XOR binds them less tightly: then it is one condition. ok is false if the
// tokens cannot be told apart. Not every AND joins: BETWEEN has one of its own,
// and in CASE it belongs to a WHEN.
func (p *parser) split(s span) (parts []span, joined, ok bool) {
	var cases []int // for each open CASE, the BETWEENs that waited around it
	depth, between, interval, from := 0, 0, false, s.from
	joined = true
	for i := s.from; i < s.to; i++ {
		word := p.joining(i)
		switch {
		case word == "(":
			depth++
		case word == ")":
			depth--
		}
		if depth < 0 {
			return nil, false, false
		}
		if depth > 0 {
			continue
		}
		switch word {
		case "case":
			cases, between = append(cases, between), 0
		case "end":
			if len(cases) == 0 || between > 0 || interval {
				return nil, false, false
			}
			between, cases = cases[len(cases)-1], cases[:len(cases)-1]
		case "interval":
			if p.unitColumn() { // which of the two the word is, only the grammar knows
				return nil, false, false
			}
			interval = true
		case "between":
			between++
		case "or", "xor":
			joined = joined && len(cases) > 0
		case "and":
			switch {
			case between > 0:
				between--
			case interval || i == from:
				return nil, false, false
			case len(cases) == 0:
				parts, from = append(parts, span{from, i}), i+1
			}
		default:
			interval = interval && !units[word]
		}
	}
	if depth != 0 || len(cases) > 0 || between > 0 || interval || from >= s.to {
		return nil, false, false
	}
	return append(parts, span{from, s.to}), joined, true
}
