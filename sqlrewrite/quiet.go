package sqlrewrite

import (
	"slices"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// Of several conditions MySQL does not look at all of them for each row: a row that
// does not fulfil one is not looked at by the next, or an index leads past it. Which
// comes first is the optimizer's choice, another one for a query that looks for the
// rows than for the statement. So if one of several may warn, or fail, at a row that
// the statement is not about, how often it does is MySQL's to say. Quiet is what
// never does.

// quietParts reports whether the conditions of WHERE that are no comparisons of a
// column with values are quiet, and gives the slots of the values that have to be
// numbers for that.
func (p *parser) quietParts(unknown []span) (slots []int32, ok bool) {
	for _, s := range unknown {
		if !p.quietLike(s) && !p.quietNumbers(s) && !p.quietTimes(s) && !p.quietTexts(s) {
			return nil, false
		}
		for i := s.from; i < s.to; i++ {
			if p.toks[i].kind == tokParam && !is(p.text(i-1), "LIKE") {
				slots = append(slots, p.slots[i])
			}
		}
	}
	return slots, true
}

// joins reports whether a condition consists of others, of which not all may be
// looked at.
func (p *parser) joins(s span) bool {
	for i := s.from; i < s.to; i++ {
		switch p.joining(i) {
		case "and", "or", "xor", "between", "case", "if", "ifnull", "nullif", "coalesce":
			return true
		}
		if p.opAt(i, "||") {
			return true
		}
	}
	return false
}

// quietWords are those that stand between numbers, or times, and do nothing to them.
var quietWords = wordSet("and or xor not is null true false between in")

// quietNumbers reports whether a condition compares numbers and columns of numbers,
// and does nothing else.
func (p *parser) quietNumbers(s span) bool {
	for i := s.from; i < s.to; i++ {
		if k := p.toks[i].kind; k != tokNumber && k != tokParam && !p.quietJoint(i) && !p.quietColumn(i, numeric) {
			return false
		}
	}
	return true
}

// quietTexts reports whether a condition compares texts and columns of texts, and
// does nothing else.
func (p *parser) quietTexts(s span) bool {
	for i := s.from; i < s.to; i++ {
		if p.toks[i].kind != tokString && !p.quietJoint(i) && !p.quietColumn(i, textual) && !is(p.text(i), "LIKE") {
			return false
		}
	}
	return true
}

// quietTimes reports whether a condition compares columns of dates, or of dates with
// times, and what time it is, or was or will be, and does nothing else.
func (p *parser) quietTimes(s span) bool {
	dated := func(t schema.Type) bool { return t == schema.Date || t == schema.Datetime || t == schema.Timestamp }
	for i := s.from; i < s.to; i++ {
		switch {
		case p.quietClock(i):
			if p.opAt(i+1, "(") { // its precision, perhaps
				for i++; !p.opAt(i, ")"); i++ {
					if i+1 >= s.to || i > s.from && p.slots[i] >= 0 {
						return false
					}
				}
			}
			for (p.opAt(i+1, "+") || p.opAt(i+1, "-")) && i+4 < s.to && is(p.text(i+2), "INTERVAL") && units[lower(p.text(i+4))] {
				if k := p.toks[i+3].kind; k != tokNumber && k != tokParam {
					return false
				}
				i += 4
			}
		case !p.quietJoint(i) && !p.quietColumn(i, dated):
			return false
		}
	}
	return true
}

// quietClock reports whether a token is a function that tells a date, or a date with
// the time.
func (p *parser) quietClock(i int) bool {
	if p.toks[i].kind != tokWord || p.opAt(i-1, ".") {
		return false
	}
	switch w := lower(p.text(i)); w {
	case "now", "curdate", "current_timestamp", "current_date", "localtime", "localtimestamp", "utc_timestamp", "utc_date":
		return p.t.Column(w) < 0
	}
	return false
}

// quietJoint reports whether a token joins, compares or encloses.
func (p *parser) quietJoint(i int) bool {
	switch text := p.text(i); p.toks[i].kind {
	case tokOp:
		switch string(text) {
		case "(", ")", ",", ".", "=", "<", ">", "<=", ">=", "<>", "!=", "<=>":
			return true
		}
	case tokWord:
		return quietWords[lower(text)]
	}
	return false
}

// quietColumn reports whether a token is a column of such a type, or its qualifier.
func (p *parser) quietColumn(i int, such func(schema.Type) bool) bool {
	name, ok := identifier(p.text(i), p.toks[i])
	if !ok || p.opAt(i+1, ".") {
		return ok
	}
	c := p.t.Column(name)
	return c >= 0 && such(p.t.Columns[c].Type)
}

// quietLike reports whether a condition is: column LIKE text.
func (p *parser) quietLike(s span) bool {
	if n := s.to - s.from; n != 3 && n != 5 || !is(p.text(s.to-2), "LIKE") || n == 5 && !p.opAt(s.from+1, ".") {
		return false
	}
	name, ok := identifier(p.text(s.to-3), p.toks[s.to-3])
	if !ok || p.toks[s.to-1].kind != tokString && p.toks[s.to-1].kind != tokParam {
		return false
	}
	c := p.t.Column(name)
	return c >= 0 && textual(p.t.Columns[c].Type)
}

// scanQuiet reports whether no condition of WHERE warns, or fails, at a row, or
// there is only one, which is looked at for each.
func (p *Plan) scanQuiet(args []Arg, env *Env) bool {
	sc := &p.where.scan
	if sc.alone {
		return true
	}
	mode := env.storeMode()
	mode.Strict = true // as for keys
	for _, t := range sc.terms {
		for _, tuple := range t.tuples {
			for i, o := range tuple {
				if !quietValue(&p.Table.Columns[t.columns[i]], args[o.slot], o.negated, mode) {
					return false
				}
			}
		}
	}
	return sc.quiet && !slices.ContainsFunc(sc.numbers, func(slot int32) bool { return args[slot].Kind != row.KindNull && !numberKind(args[slot].Kind) })
}

// quietValue reports whether comparing a column with a value is quiet, whatever
// the row has.
func quietValue(col *schema.Column, a Arg, negated bool, mode row.StoreMode) bool {
	switch {
	case a.Kind == row.KindNull:
		return true
	case numeric(col.Type) && numberKind(a.Kind):
		return true
	case numeric(col.Type), temporal(col.Type):
		_, ok := keyValue(col, a, negated, mode)
		return ok
	}
	switch col.Type {
	case schema.Float, schema.Double, schema.Bit:
		return numberKind(a.Kind) || a.Kind == row.KindFloat
	case schema.Char, schema.Varchar, schema.Text, schema.Binary, schema.Varbinary, schema.Blob, schema.Enum, schema.Set:
		return a.Kind == row.KindString || a.Kind == row.KindBytes
	}
	return false
}
