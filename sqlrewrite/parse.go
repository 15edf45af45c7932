package sqlrewrite

import (
	"slices"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// parser reads the statements that can be absorbed, and nothing else. Every
// method reports whether it found what it is named after; the first that does
// not leaves the reason.
type parser struct {
	src    []byte
	toks   []token
	slots  []int32 // for each token its slot, -1 if it has none
	i      int
	env    *Env
	cat    Catalog
	reason Reason

	name  schema.Name // the one table, as written, database filled in
	alias string      // "" if it has none
	t     *schema.Table

	terms     []term // the conditions that AND joins, in order
	unknown   []span // of those, where they are that are no comparisons of columns with values
	listed    []int  // the columns an INSERT gives values; the row alias has no others
	rowAlias  string // of the row that INSERT brings along; "" if it has none
	duplicate bool   // within ON DUPLICATE KEY UPDATE
	items     []item // what a SELECT for the shadow selects
	distinct  bool   // it is a SELECT DISTINCT
	aggregate bool   // it has aggregate functions
}

// newParser numbers the literals and parameters as scan does.
func newParser(src []byte, toks []token, env *Env, cat Catalog) *parser {
	p := &parser{src: src, toks: toks, env: env, cat: cat, slots: make([]int32, len(toks))}
	l := lexer{src: src}
	n, precision := int32(0), 0
	for i := range toks {
		t := &toks[i]
		precision = timePrecision(&l, t, precision)
		p.slots[i] = -1
		switch t.kind {
		case tokString, tokNumber, tokHex, tokBits, tokParam:
			if precision != 3 {
				p.slots[i] = n
				n++
			}
		}
	}
	return p
}

// fail keeps the first reason.
func (p *parser) fail(r Reason) bool {
	if p.reason == "" {
		p.reason = r
	}
	return false
}

// unexpectedWords give what often stands where the grammar ends a name.
var unexpectedWords = map[string]Reason{
	"ignore": ReasonIgnore, "low_priority": ReasonPriority, "high_priority": ReasonPriority,
	"delayed": ReasonPriority, "quick": ReasonPriority, "on": ReasonOnDuplicateKey,
	"returning": ReasonReturning, "partition": ReasonPartition, "join": ReasonSeveralTables,
	"inner": ReasonSeveralTables, "left": ReasonSeveralTables, "right": ReasonSeveralTables,
	"cross": ReasonSeveralTables, "natural": ReasonSeveralTables, "straight_join": ReasonSeveralTables,
	"use": ReasonIndexHint, "force": ReasonIndexHint, "order": ReasonOrderBy, "limit": ReasonLimit,
	"all": ReasonSelectOption, "distinct": ReasonSelectOption, "distinctrow": ReasonSelectOption, "sql_calc_found_rows": ReasonSelectOption,
	"sql_small_result": ReasonSelectOption, "sql_big_result": ReasonSelectOption, "sql_buffer_result": ReasonSelectOption,
	"sql_no_cache": ReasonSelectOption, "sql_cache": ReasonSelectOption,
	"group": ReasonSelectClause, "having": ReasonSelectClause, "union": ReasonSelectClause,
	"except": ReasonSelectClause, "intersect": ReasonSelectClause, "window": ReasonSelectClause,
	"into": ReasonSelectClause, "procedure": ReasonSelectClause, "offset": ReasonLimit, "fetch": ReasonLimit,
	"for": ReasonLockingRead, "lock": ReasonLockingRead, "or": ReasonCondition, "xor": ReasonCondition,
	"not": ReasonCondition, "between": ReasonCondition, "like": ReasonCondition,
}

// unexpected refuses the current token.
func (p *parser) unexpected(other Reason) bool {
	if p.i < len(p.toks) && p.toks[p.i].kind == tokWord {
		if r, ok := unexpectedWords[lower(p.text(p.i))]; ok {
			return p.fail(r)
		}
	}
	return p.fail(other)
}

// text is the source of token i.
func (p *parser) text(i int) []byte { return p.src[p.toks[i].start:p.toks[i].end] }

// at reports whether the current token is the keyword or operator.
func (p *parser) at(s string) bool {
	if p.i >= len(p.toks) {
		return false
	}
	switch t := p.toks[p.i]; t.kind {
	case tokWord:
		return is(p.text(p.i), s)
	case tokOp:
		return string(p.text(p.i)) == s
	}
	return false
}

// accept skips the keyword or operator if it is next.
func (p *parser) accept(s string) bool {
	if p.at(s) {
		p.i++
		return true
	}
	return false
}

// expect skips the keyword or operator, or refuses.
func (p *parser) expect(s string) bool { return p.accept(s) || p.unexpected(ReasonSyntax) }

// end reports whether nothing is left, or refuses.
func (p *parser) end() bool { return p.i == len(p.toks) || p.unexpected(ReasonSyntax) }

// atIdentifier reports whether the current token may be a name.
func (p *parser) atIdentifier() bool {
	if p.i >= len(p.toks) {
		return false
	}
	t := p.toks[p.i]
	switch t.kind {
	case tokQuoted:
		return !t.broken
	case tokWord:
		w := p.text(p.i)
		if len(w) <= 32 && reserved[strings.ToLower(string(w))] || w[0] == '$' {
			return false
		}
		called := p.i+1 < len(p.toks) && !p.toks[p.i+1].spaced && p.toks[p.i+1].kind == tokOp && p.src[p.toks[p.i+1].start] == '('
		return !called || !calls[strings.ToLower(string(w))]
	}
	return false
}

// identifier reads a name.
func (p *parser) identifier() (string, bool) {
	if !p.atIdentifier() {
		return "", p.unexpected(ReasonSyntax)
	}
	s, ok := identifier(p.text(p.i), p.toks[p.i])
	if !ok || s == "" || p.env.Charset != "utf8mb4" && !ascii([]byte(s)) {
		return "", p.fail(ReasonSyntax)
	}
	p.i++
	return s, true
}

// dot skips a point that joins two names.
func (p *parser) dot() bool {
	if !p.at(".") || p.toks[p.i].spaced || p.i+1 < len(p.toks) && p.toks[p.i+1].spaced {
		return false
	}
	p.i++
	return true
}

// table reads the one table of the statement and looks it up.
func (p *parser) table() bool {
	a, ok := p.identifier()
	if !ok {
		return false
	}
	p.name = schema.Name{DB: p.env.DB, Table: a}
	if p.dot() {
		b, ok := p.identifier()
		if !ok {
			return false
		}
		p.name = schema.Name{DB: a, Table: b}
	}
	if p.name.DB == "" {
		return p.fail(ReasonOtherTable)
	}
	p.t = p.cat.Absorbed(p.name)
	return p.t != nil || p.fail(ReasonOtherTable)
}

// servers reports whether only the server can say what the statement does: the
// table computes columns of a new row or checks it, or a column is computed
// that may warn.
func (p *parser) servers(plan *Plan) bool {
	switch plan.Verb {
	case PointRead:
	case Delete: // MySQL computes all columns of a row that it deletes
		return slices.ContainsFunc(p.t.Columns, func(c schema.Column) bool { return c.Loud })
	default:
		return p.t.Computed
	}
	loud := func(c int) bool { return p.t.Columns[c].Loud }
	return slices.ContainsFunc(plan.Columns, loud) ||
		slices.ContainsFunc(p.terms, func(t term) bool { return slices.ContainsFunc(t.columns, loud) })
}

// tableAlias reads the alias that may follow the table.
func (p *parser) tableAlias() bool {
	if p.at(",") {
		return p.fail(ReasonSeveralTables)
	}
	if !p.accept("AS") && !p.atIdentifier() {
		return true
	}
	var ok bool
	p.alias, ok = p.identifier()
	return ok && (!p.at(",") || p.fail(ReasonSeveralTables))
}

// qualifies reports whether names before a column mean the table.
func (p *parser) qualifies(db, table string) bool {
	if p.alias != "" {
		return db == "" && p.env.tableName(table) == p.env.tableName(p.alias)
	}
	return p.env.tableName(table) == p.env.tableName(p.name.Table) &&
		(db == "" || p.env.tableName(db) == p.env.tableName(p.name.DB))
}

// column reads a column with its qualifiers and gives its position.
func (p *parser) column() (int, bool) {
	var names [3]string
	n := 0
	for {
		s, ok := p.identifier()
		if !ok {
			return 0, false
		}
		names[n] = s
		n++
		if n == len(names) || !p.dot() {
			break
		}
	}
	return p.resolve(names[:n])
}

// resolve finds the column of a qualified name.
func (p *parser) resolve(names []string) (int, bool) {
	switch len(names) {
	case 2:
		if !p.qualifies("", names[0]) {
			return 0, p.fail(ReasonUnknownColumn)
		}
	case 3:
		if !p.qualifies(names[0], names[1]) {
			return 0, p.fail(ReasonUnknownColumn)
		}
	}
	name := names[len(names)-1]
	c := p.t.Column(name)
	// Beyond ASCII the servers' idea of the same letter is not Go's.
	if c < 0 || !ascii([]byte(name)) && p.t.Columns[c].Name != name {
		return 0, p.fail(ReasonUnknownColumn)
	}
	return c, true
}
