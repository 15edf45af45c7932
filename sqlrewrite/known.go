package sqlrewrite

import (
	"slices"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// mysql reports whether the server is MySQL, not MariaDB.
func (e *Env) mysql() bool { return e.Dialect == schema.MySQL }

// known reports whether every token from..to may stand in an expression that
// the shadow computes: operators, literals, columns of the table, pure
// functions. It does not know the grammar; that is the second reader's.
func (p *parser) known(from, to int, in place) bool {
	saved := p.i
	for p.i = from; p.i < to; {
		t := &p.toks[p.i]
		ok := true
		switch t.kind {
		case tokString, tokNumber, tokHex, tokBits, tokParam:
			p.i++
		case tokOp:
			switch op := string(p.text(p.i)); {
			case op == ":=":
				ok = p.fail(ReasonVariable)
			case !expressionOps[op]:
				ok = p.fail(ReasonSyntax)
			}
			p.i++
		case tokWord:
			ok = p.knownWord(to, in)
		case tokQuoted:
			ok = p.knownName(in)
		case tokVar:
			ok = p.fail(ReasonVariable)
		default:
			ok = p.fail(ReasonSyntax)
		}
		if !ok {
			return false
		}
	}
	p.i = saved
	return true
}

// knownWord skips a bare word that may stand in an expression, with what
// belongs to it.
func (p *parser) knownWord(to int, in place) bool {
	w, opens := lower(p.text(p.i)), p.called()
	switch {
	case w == "values" && opens:
		if !in.inserted {
			return p.fail(ReasonFunction)
		}
	case subqueryNames[w]:
		return p.fail(ReasonSubquery)
	case w == "default" && opens && p.anyDefaultExpr():
		return p.fail(ReasonDefaultExpression)
	case opens && operatorNames[w] && (p.toks[p.i+1].spaced || !p.env.pureFunction(w, in)):
	case opens && w == "default":
	case opens:
		// A space makes many of them stored functions.
		if p.toks[p.i+1].spaced || !p.env.pureFunction(w, in) {
			return p.fail(ReasonFunction)
		}
		p.aggregate = p.aggregate || aggregateFunctions[w]
	case w == "collate" || w == "using":
		if p.i+1 >= to || p.toks[p.i+1].kind != tokWord {
			return p.fail(ReasonSyntax)
		}
		p.i++
	case operatorNames[w] || plainNames[w] && p.t.Column(w) < 0:
	case plainNames[w] && (bareFunctions[w] || reserved[w]):
	case p.introduces(to):
	default:
		return p.knownName(in)
	}
	p.i++
	return true
}

// introduces reports whether the current word is a character set introducer
// before its literal.
func (p *parser) introduces(to int) bool {
	w := p.text(p.i)
	if w[0] != '_' || !reserved[lower(w)] || p.i+1 >= to {
		return false
	}
	k := p.toks[p.i+1].kind
	return k == tokString || k == tokHex || k == tokBits
}

// knownName skips a column with its qualifiers, or a name that is known in the
// place.
func (p *parser) knownName(in place) bool {
	if p.called() {
		return p.fail(ReasonFunction)
	}
	if in.inserted && p.atRowAlias() {
		p.i += 2
	}
	if in.aliases && !p.qualified() {
		if name, ok := identifier(p.text(p.i), p.toks[p.i]); ok && p.atIdentifier() && p.isAlias(name) {
			p.i++
			return true
		}
	}
	if !p.atIdentifier() {
		return p.fail(ReasonSyntax)
	}
	_, ok := p.column()
	return ok && (!p.at("(") || p.fail(ReasonFunction))
}

// isAlias reports whether a SELECT gives one of its expressions this name.
func (p *parser) isAlias(name string) bool {
	return slices.ContainsFunc(p.items, func(i item) bool { return i.alias != "" && strings.EqualFold(i.alias, name) })
}

// anyDefaultExpr reports whether a column's default is the server's to tell.
func (p *parser) anyDefaultExpr() bool {
	return slices.ContainsFunc(p.t.Columns, func(c schema.Column) bool { return c.Default == schema.DefaultExpr })
}

// defaultOf reports whether a column's default is the server's to tell, or may
// be computed of another such column's.
func (p *parser) defaultOf(c int) bool {
	return p.t.Columns[c].Default == schema.DefaultExpr || p.t.Columns[c].Default == schema.DefaultComputed
}

// until gives the first token from p.i on that is one of the words or
// operators and stands outside of parentheses, or the end.
func (p *parser) until(stops ...string) int {
	depth, saved := 0, p.i
	defer func() { p.i = saved }()
	for ; p.i < len(p.toks); p.i++ {
		if depth == 0 && slices.ContainsFunc(stops, p.at) {
			break
		}
		switch {
		case p.at("("):
			depth++
		case p.at(")"):
			depth--
		}
	}
	return p.i
}
