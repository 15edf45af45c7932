package sqlrewrite

import (
	"slices"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// Matches reports whether a row that the key names fulfils the further
// conditions of WHERE; without any (Plan.Conditional) it does. With a Reason it
// is not known here.
func (p *Plan) Matches(im row.Image, args []Arg, env *Env) (bool, Reason) {
	if p.where == nil {
		return false, ReasonNoKey
	}
	if r := p.bound(args, env); r != "" {
		return false, r
	}
	if len(im) != len(p.Table.Columns) {
		return false, ReasonValue
	}
	all := true
	for i := range p.where.further {
		// All are looked at: one that is not known may warn, whatever the others say.
		ok, r := p.matches(&p.where.further[i], im, args)
		if r != "" {
			return false, r
		}
		all = all && ok
	}
	return all, ""
}

// Unseen reports whether the conditions beside the key compare a number or a time
// with a string that is no value of it, and the optimizer of MySQL's own table
// chooses whether it is converted, and how often it warns: where no row was found,
// and where the column is of a unique index, by which it may look for the row.
func (p *Plan) Unseen(found int, args []Arg, env *Env) bool {
	if p.where == nil || len(args) < p.slots {
		return false
	}
	mode := env.storeMode()
	mode.Strict = true // as for keys
	for _, t := range p.where.further {
		for _, tuple := range t.tuples {
			for i, o := range tuple {
				if found > 0 && !p.indexed(t.columns[i]) {
					continue
				}
				col, a := &p.Table.Columns[t.columns[i]], args[o.slot]
				if a.Kind != row.KindString || !numeric(col.Type) && !temporal(col.Type) && col.Type != schema.Float && col.Type != schema.Double && col.Type != schema.Bit {
					continue
				}
				if _, ok := keyValue(col, a, o.negated, mode); !ok {
					return true
				}
			}
		}
	}
	return false
}

// Further reports whether there are conditions beside the key.
func (p *Plan) Further() bool { return p.where != nil && len(p.where.further) > 0 }

// indexed reports whether a column is of a unique index, or of the primary key.
func (p *Plan) indexed(column int) bool {
	return slices.Contains(p.Table.Primary.Columns, column) || slices.ContainsFunc(p.Table.Uniques, func(ix schema.Index) bool {
		return slices.Contains(ix.Columns, column)
	})
}

// matches judges one condition; NULL compared with anything is not true.
func (p *Plan) matches(t *term, im row.Image, args []Arg) (bool, Reason) {
	c := t.columns[0]
	if slices.Contains(p.where.columns, c) {
		// The key and the condition may contradict each other, which MariaDB
		// finds before it looks at a row, and answers otherwise.
		return false, ReasonCondition
	}
	switch t.op {
	case isNull:
		return im[c] == nil, ""
	case isNotNull:
		return im[c] != nil, ""
	}
	col, ok := exactColumn(&p.Table.Columns[c], im[c])
	if !ok {
		return false, ReasonCondition
	}
	found := false
	for _, tuple := range t.tuples {
		v, ok := comparedWith(col, tuple[0], args)
		if !ok {
			return false, ReasonCondition
		}
		if col.n != nil && v.n != nil {
			found = found || t.op.holds(compareExact(col, v))
		}
	}
	return found, ""
}

// comparedWith gives the operand of a comparison with a number of a column;
// false if they are not compared as exact numbers, or not alike.
func comparedWith(col exact, o operand, args []Arg) (exact, bool) {
	a := args[o.slot]
	if o.negated {
		var ok bool
		if a, ok = negateLiteral(a); !ok {
			return exact{}, false
		}
	}
	v, ok := exactOf(a)
	if !ok || v.double && (col.decimal || !col.exactDouble()) {
		return exact{}, false
	}
	return v, true
}

// compareExact compares two numbers: -1, 0 or 1.
func compareExact(a, b exact) int {
	scale := max(a.scale, b.scale)
	return a.scaled(scale).Cmp(b.scaled(scale))
}

// holds reports whether a comparison is true of what Cmp gave.
func (c comparison) holds(cmp int) bool {
	switch c {
	case isIn:
		return cmp == 0
	case isNot:
		return cmp != 0
	case isLess:
		return cmp < 0
	case isAtMost:
		return cmp <= 0
	case isMore:
		return cmp > 0
	}
	return c == isAtLeast && cmp >= 0
}

// NumRows is the number of rows that an Insert, Replace or Upsert brings along;
// 0 for other verbs.
func (p *Plan) NumRows() int {
	if p.insert == nil {
		return 0
	}
	return len(p.insert.rows)
}

// Generates reports for how many rows an Insert, Replace or Upsert asks for an
// AUTO_INCREMENT value, by NULL, DEFAULT, no value at all, or 0 unless the mode
// says that 0 is a value; mixed means that other rows bring one along. With a
// Reason it is not known: forward the statement.
func (p *Plan) Generates(args []Arg, env *Env) (n int, mixed bool, r Reason) {
	switch {
	case p.insert == nil:
		return 0, false, ReasonStatement
	case len(args) < p.slots:
		return 0, false, ReasonParameters
	case p.Table.AutoIncrement < 0:
		return 0, false, ""
	}
	v := evaluation{t: p.Table, env: env, mode: env.storeMode(), args: args}
	at := slices.Index(p.insert.columns, p.Table.AutoIncrement)
	im := make(row.Image, len(p.Table.Columns))
	for _, exprs := range p.insert.rows {
		generate := at < 0 || len(exprs) == 0
		if !generate {
			if generate, r = v.autoIncrement(im, p.Table.AutoIncrement, &exprs[at]); r != "" {
				return 0, false, r
			}
		}
		if generate {
			n++
		}
	}
	return n, n > 0 && n < len(p.insert.rows), ""
}
