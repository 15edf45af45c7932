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
		if p.quietLike(s) {
			continue
		}
		for i := s.from; i < s.to; i++ {
			if !p.quietToken(i, s.to) {
				return nil, false
			}
			if p.toks[i].kind == tokParam {
				slots = append(slots, p.slots[i])
			}
		}
	}
	return slots, true
}

// quietWords are those that stand between numbers and times and do nothing to them.
var quietWords = wordSet("and or xor not is null true false between in")

// quietToken reports whether a token may stand in a condition on numbers and times
// that neither computes nor converts: it only compares, and adds to the time or
// takes from it.
func (p *parser) quietToken(i, to int) bool {
	switch t := p.toks[i]; t.kind {
	case tokNumber, tokParam:
		return true
	case tokOp:
		switch op := string(p.text(i)); op {
		case "(", ")", ",", ".", "=", "<", ">", "<=", ">=", "<>", "!=", "<=>":
			return true
		case "+", "-":
			return i+1 < to && is(p.text(i+1), "INTERVAL")
		}
		return false
	case tokWord:
		word := lower(p.text(i))
		if quietWords[word] || clocks[word] || units[word] && i > 1 && is(p.text(i-2), "INTERVAL") {
			return true
		}
		if word == "interval" {
			return i+2 < to && (p.toks[i+1].kind == tokNumber || p.toks[i+1].kind == tokParam) && i > 0
		}
	}
	if p.opAt(i+1, ".") { // a qualifier
		return true
	}
	name, ok := identifier(p.text(i), p.toks[i])
	c := -1
	if ok {
		c = p.t.Column(name)
	}
	return c >= 0 && (numeric(p.t.Columns[c].Type) || temporal(p.t.Columns[c].Type))
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
	return c >= 0 && (p.t.Columns[c].Type == schema.Char || p.t.Columns[c].Type == schema.Varchar || p.t.Columns[c].Type == schema.Text)
}

// scanQuiet reports whether no condition of WHERE warns, or fails, at a row, or
// there is only one.
func (p *Plan) scanQuiet(args []Arg, env *Env) bool {
	sc := &p.where.scan
	if len(sc.terms) < 2 {
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
