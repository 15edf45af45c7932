package sqlrewrite

import (
	"slices"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// Versions of MySQL from which on a form is what it is today.
const (
	versionRowAlias   = 80019 // INSERT ... VALUES (...) AS new
	versionValuesWarn = 80020 // VALUES() warns that it is deprecated
)

// onDuplicate reads the row alias and ON DUPLICATE KEY UPDATE behind the rows,
// if they are there and the caller can do more than INSERT.
func (p *parser) onDuplicate(plan *Plan) bool {
	if p.at("AS") {
		if !p.env.Shadows || p.env.Version < versionRowAlias || !p.readRowAlias(plan) {
			return p.fail(ReasonOnDuplicateKey)
		}
	}
	if !p.env.Shadows || !p.at("ON") {
		return true
	}
	p.listed = plan.insert.columns
	if !p.duplicateKey(plan) || !p.assignments(plan) {
		return false
	}
	p.assigned(plan)
	p.duplicate = false
	return true
}

// duplicateKey reads ON DUPLICATE KEY UPDATE.
func (p *parser) duplicateKey(plan *Plan) bool {
	if plan.Verb != Insert {
		return p.unexpected(ReasonSyntax)
	}
	plan.Verb, p.duplicate = Upsert, true
	return p.expect("ON") && p.expect("DUPLICATE") && p.expect("KEY") && p.expect("UPDATE")
}

// readRowAlias reads AS and the alias of the row. MariaDB has none.
func (p *parser) readRowAlias(plan *Plan) bool {
	if p.env.Dialect != schema.MySQL || plan.Verb != Insert {
		return p.fail(ReasonOnDuplicateKey)
	}
	p.i++
	alias, ok := p.identifier()
	if !ok || p.at("(") || p.env.tableName(alias) == p.env.tableName(p.name.Table) {
		return p.fail(ReasonOnDuplicateKey)
	}
	p.rowAlias = alias
	return true
}

// insertedColumn reads VALUES(column), or alias.column of a row alias; is
// reports whether there was one of them.
func (p *parser) insertedColumn() (e expr, ok, is bool) {
	e.op = opValues
	if p.at("VALUES") && p.called() {
		if p.env.Dialect == schema.MySQL && (p.env.Version == 0 || p.env.Version >= versionValuesWarn) {
			return e, p.fail(ReasonOnDuplicateKey), true
		}
		p.i += 2
		c, ok := p.column()
		e.n = int32(c)
		return e, ok && p.expect(")"), true
	}
	if !p.atRowAlias() {
		return e, false, false
	}
	p.i += 2
	name, ok := p.identifier()
	if !ok {
		return e, false, true
	}
	c, ok := p.resolve([]string{name})
	e.n = int32(c)
	return e, ok && (slices.Contains(p.listed, c) || p.fail(ReasonUnknownColumn)), true
}

// atRowAlias reports whether the row alias and a point are next.
func (p *parser) atRowAlias() bool {
	if p.rowAlias == "" || !p.qualified() {
		return false
	}
	name, ok := identifier(p.text(p.i), p.toks[p.i])
	return ok && p.env.tableName(name) == p.env.tableName(p.rowAlias)
}

// qualified reports whether a name and a point are next.
func (p *parser) qualified() bool {
	return p.i+2 < len(p.toks) && (p.toks[p.i].kind == tokWord || p.toks[p.i].kind == tokQuoted) && p.toks[p.i+1].kind == tokOp &&
		string(p.text(p.i+1)) == "." && !p.toks[p.i+1].spaced && !p.toks[p.i+2].spaced
}

// inRest lists the columns an INSERT gives no value and whose default only the
// server can tell.
func (p *parser) inRest(in *insertPlan) bool {
	return slices.ContainsFunc(p.rest(in), func(c int) bool {
		return c != p.t.AutoIncrement && p.t.Columns[c].Default == schema.DefaultExpr
	})
}

// rest lists the columns that an INSERT gives no value.
func (p *parser) rest(in *insertPlan) []int {
	var out []int
	for i := range p.t.Columns {
		if !slices.Contains(in.columns, i) {
			out = append(out, i)
		}
	}
	return out
}
