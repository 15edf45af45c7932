package sqlrewrite

import (
	"slices"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// assignment is one column = expression of an UPDATE.
type assignment struct {
	column int
	value  expr
}

// insertPlan is an INSERT of rows.
type insertPlan struct {
	columns []int    // the position each value goes to
	rest    []int    // the positions that get their defaults
	rows    [][]expr // as long as columns, or empty: defaults for all
}

// absorb tries to read the statement as one that can be absorbed; on success
// it fills the plan.
func (p *parser) absorb(plan *Plan) bool {
	switch {
	case p.accept("INSERT"):
		plan.Verb = Insert
		plan.Ignore = p.env.Shadows && p.accept("IGNORE")
		return p.insert(plan)
	case p.env.Shadows && p.accept("REPLACE"):
		plan.Verb = Replace
		return p.insert(plan)
	case p.accept("UPDATE"):
		plan.Verb = Update
		return p.update(plan)
	case p.accept("DELETE"):
		plan.Verb = Delete
		return p.delete(plan)
	case p.accept("SELECT"):
		plan.Verb = PointRead
		return p.pointRead(plan)
	}
	return p.fail(ReasonStatement)
}

// insert reads [INTO] table [(columns)] VALUES rows, or SET, and what may
// follow them.
func (p *parser) insert(plan *Plan) bool {
	plan.insert = &insertPlan{}
	if p.accept("INTO"); !p.table() {
		return false
	}
	if p.accept("SET") {
		return p.insertSet(plan.insert) && p.onDuplicate(plan) && p.end() && p.complete(plan.insert)
	}
	return p.insertRows(plan.insert, p.insertRow) && p.onDuplicate(plan) && p.end() && p.complete(plan.insert)
}

// insertRows reads [(columns)] VALUES and the rows.
func (p *parser) insertRows(in *insertPlan, read func(*insertPlan) ([]expr, bool)) bool {
	listed := p.accept("(")
	if listed && !p.insertColumns(in) {
		return false
	}
	if !listed {
		for i := range p.t.Columns {
			if !p.t.Columns[i].Invisible {
				in.columns = append(in.columns, i)
			}
		}
	}
	if !p.accept("VALUES") && !p.accept("VALUE") {
		return p.unexpectedSource()
	}
	for {
		row, ok := read(in)
		if !ok {
			return false
		}
		if len(row) != len(in.columns) && (listed || len(row) > 0) {
			return p.fail(ReasonColumnCount)
		}
		in.rows = append(in.rows, row)
		if !p.accept(",") {
			break
		}
	}
	return p.sameLength(in)
}

// sameLength refuses rows of values beside rows of defaults.
func (p *parser) sameLength(in *insertPlan) bool {
	for _, r := range in.rows {
		if len(r) != len(in.rows[0]) {
			return p.fail(ReasonColumnCount)
		}
	}
	if len(in.rows[0]) == 0 {
		in.columns = nil
	}
	return true
}

// unexpectedSource refuses what stands in the place of VALUES.
func (p *parser) unexpectedSource() bool {
	if p.at("SELECT") || p.at("WITH") || p.at("TABLE") || p.at("(") {
		return p.fail(ReasonInsertSelect)
	}
	return p.unexpected(ReasonSyntax)
}

// insertColumns reads the list of columns behind its parenthesis.
func (p *parser) insertColumns(in *insertPlan) bool {
	if p.at("SELECT") || p.at("WITH") {
		return p.fail(ReasonInsertSelect)
	}
	if p.accept(")") {
		return true
	}
	for {
		c, ok := p.column()
		if !ok {
			return false
		}
		if slices.Contains(in.columns, c) {
			return p.fail(ReasonDuplicateColumn)
		}
		in.columns = append(in.columns, c)
		if !p.accept(",") {
			return p.expect(")")
		}
	}
}

// insertRow reads one row of values.
func (p *parser) insertRow(in *insertPlan) ([]expr, bool) {
	if p.at("ROW") {
		return nil, p.fail(ReasonInsertSelect)
	}
	if !p.expect("(") {
		return nil, false
	}
	if p.accept(")") {
		return nil, true
	}
	row := make([]expr, 0, len(in.columns))
	for {
		target := -1
		if len(row) < len(in.columns) {
			target = in.columns[len(row)]
		}
		e, ok := p.expression(target, false)
		if !ok {
			return nil, false
		}
		row = append(row, e)
		if !p.accept(",") {
			return row, p.accept(")") || p.unexpected(ReasonExpression)
		}
	}
}

// insertSet reads the assignments of INSERT ... SET.
func (p *parser) insertSet(in *insertPlan) bool {
	var row []expr
	for {
		c, ok := p.column()
		if !ok || !p.expect("=") {
			return false
		}
		if slices.Contains(in.columns, c) {
			return p.fail(ReasonDuplicateColumn)
		}
		e, ok := p.expression(c, false)
		if !ok {
			return false
		}
		in.columns, row = append(in.columns, c), append(row, e)
		if !p.accept(",") {
			in.rows = [][]expr{row}
			return true
		}
	}
}

// complete finds the columns that get their defaults and refuses those whose
// default only MySQL can tell.
func (p *parser) complete(in *insertPlan) bool {
	for i := range p.t.Columns {
		if slices.Contains(in.columns, i) {
			continue
		}
		in.rest = append(in.rest, i)
		if i == p.t.AutoIncrement {
			continue
		}
		if r := defaultReason(&p.t.Columns[i]); r != "" {
			return p.fail(r)
		}
	}
	return true
}

// defaultReason says why a column's default cannot be told here; "" if it can.
func defaultReason(c *schema.Column) Reason {
	switch c.Default {
	case schema.NoDefault:
		return ReasonNoDefault
	case schema.DefaultExpr, schema.DefaultComputed:
		return ReasonDefaultExpression
	case schema.DefaultNull:
		if c.NotNull {
			return ReasonNoDefault
		}
	case schema.DefaultNow:
		if c.Type != schema.Datetime && c.Type != schema.Timestamp {
			return ReasonDefaultExpression
		}
	}
	return ""
}

// update reads UPDATE table SET assignments WHERE key [ORDER BY] [LIMIT n].
func (p *parser) update(plan *Plan) bool {
	if !p.table() || !p.tableAlias() || !p.expect("SET") || !p.assignments(plan) {
		return false
	}
	if p.i < len(p.toks) && !p.at("WHERE") {
		return p.unexpected(ReasonExpression)
	}
	p.assigned(plan)
	if !p.where(plan) || !p.bounds(plan.where, false) {
		return false
	}
	// Where keys change, one row may be in the way of the next.
	plan.where.single = (plan.MovesKey || plan.AssignsUnique) && !plan.where.total
	return p.end()
}

// assignments reads column = expression, ...
func (p *parser) assignments(plan *Plan) bool {
	for {
		c, ok := p.column()
		if !ok || !p.expect("=") {
			return false
		}
		if slices.Contains(plan.Assigned, c) {
			return p.fail(ReasonDuplicateColumn)
		}
		switch {
		case slices.Contains(p.t.Primary.Columns, c):
			return p.fail(ReasonKeyUpdate)
		case c == p.t.AutoIncrement:
			return p.fail(ReasonAutoUpdate)
		}
		e, ok := p.expression(c, true)
		if !ok {
			return false
		}
		plan.Assigned = append(plan.Assigned, c)
		plan.set = append(plan.set, assignment{column: c, value: e})
		if !p.accept(",") {
			return true
		}
	}
}

// assigned sorts the assigned columns and looks which keys they are in.
func (p *parser) assigned(plan *Plan) {
	slices.Sort(plan.Assigned)
	plan.Assigned = slices.Compact(plan.Assigned)
	for _, c := range plan.Assigned {
		plan.MovesKey = plan.MovesKey || slices.Contains(p.t.Primary.Columns, c) || c == p.t.AutoIncrement
		for _, u := range p.t.Uniques {
			plan.AssignsUnique = plan.AssignsUnique || slices.Contains(u.Columns, c)
		}
	}
}

// delete reads DELETE FROM table WHERE key [ORDER BY] [LIMIT n].
func (p *parser) delete(plan *Plan) bool {
	if !p.expect("FROM") || !p.table() {
		return false
	}
	// MariaDB has no alias there.
	if p.env.Dialect == schema.MySQL && !p.tableAlias() {
		return false
	}
	return p.where(plan) && p.bounds(plan.where, false) && p.end()
}
