package sqlrewrite

import (
	"reflect"
	"slices"
	"sync"

	tidb "github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// tidbParsers are kept because making one costs more than most statements; one
// may not be used by two goroutines at once.
var tidbParsers = sync.Pool{New: func() any { return tidb.New() }}

// maxPooledText is the longest text after which a parser is kept: it holds on
// to the tree of its last statement.
const maxPooledText = 64 << 10

// reading compares what TiDB's parser says of a statement with what ours said.
type reading struct {
	*parser       // only to look names up: not its tokens
	offsets []int // for each slot of the plan where its marker stands, -1 if not met
	places  []int // where they have to stand, -1 if there is none; nil: in order
	met     bool  // an aggregate function was met
}

// confirmed reports whether TiDB's parser reads the normalised text, in which
// every slot is a marker, exactly as p did and plan says; if text is nil, the
// text that p writes for it. It is the second of two readers that share no
// grammar: what only one of them understands, or both differently, is MySQL's
// to answer.
func (p *parser) confirmed(text []byte, plan *Plan) bool {
	var places []int
	if text == nil || p.rowAlias != "" {
		text, places = p.secondText(plan.slots)
	}
	second := tidbParsers.Get().(*tidb.Parser)
	stmt, ok := parseTiDB(second, string(text), p.env)
	if !ok {
		return false // and a parser that failed is not used again
	}
	if len(text) <= maxPooledText {
		defer tidbParsers.Put(second)
	}
	r := reading{parser: p, offsets: make([]int, plan.slots), places: places}
	for i := range r.offsets {
		r.offsets[i] = -1
	}
	switch st := stmt.(type) {
	case *ast.InsertStmt:
		ok = plan.insert != nil && st.IsReplace == (plan.Verb == Replace) && st.IgnoreErr == plan.Ignore && r.insert(st, plan)
	case *ast.UpdateStmt:
		ok = plan.Verb == Update && r.update(st, plan)
	case *ast.DeleteStmt:
		ok = plan.Verb == Delete && deleteRest(st) && st.IgnoreErr == plan.Ignore && r.table(st.TableRefs) &&
			r.where(st.Where, plan) && r.order(st.Order, plan) && r.limit(st.Limit, plan.where)
	case *ast.SelectStmt:
		ok = plan.Verb == PointRead && r.pointRead(st, plan)
	default:
		ok = false
	}
	return ok && (r.places != nil || r.inOrder())
}

// parseTiDB parses one statement in the session's sql_mode. Warnings count as
// not understood. So does a panic: it is a large library, and a statement that breaks
// it can still be answered by MySQL.
func parseTiDB(p *tidb.Parser, text string, env *Env) (stmt ast.StmtNode, ok bool) {
	defer func() {
		if recover() != nil {
			stmt, ok = nil, false
		}
	}()
	p.SetSQLMode(tidbMode(env.Mode))
	list, warnings, err := p.ParseSQL(text)
	if err != nil || len(warnings) > 0 || len(list) != 1 {
		return nil, false
	}
	return list[0], true
}

// tidbModes are the modes that change how a text is read.
var tidbModes = [...]struct {
	mode SQLMode
	tidb mysql.SQLMode
}{
	{ModeANSIQuotes, mysql.ModeANSIQuotes}, {ModeNoBackslashEscapes, mysql.ModeNoBackslashEscapes},
	{ModePipesAsConcat, mysql.ModePipesAsConcat}, {ModeHighNotPrecedence, mysql.ModeHighNotPrecedence},
}

// tidbMode translates a sql_mode.
func tidbMode(m SQLMode) mysql.SQLMode {
	var out mysql.SQLMode
	for _, c := range tidbModes {
		if m&c.mode != 0 {
			out |= c.tidb
		}
	}
	return out
}

// nothingBut makes a check that a node has no parts but the known ones. It
// looks at all fields the type has, so a clause that a later version of the
// parser learns is not overlooked.
func nothingBut[T any](known ...string) func(*T) bool {
	t := reflect.TypeFor[T]()
	var rest []int
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() && !slices.Contains(known, f.Name) {
			rest = append(rest, i)
		}
	}
	return func(n *T) bool {
		v := reflect.ValueOf(n).Elem()
		for _, i := range rest {
			if f := v.Field(i); !f.IsZero() && (f.Kind() != reflect.Slice || f.Len() > 0) {
				return false
			}
		}
		return true
	}
}

// What of each node is compared below; everything else must be absent.
var (
	insertRest  = nothingBut[ast.InsertStmt]("Table", "Columns", "Lists", "Setlist", "IsReplace", "IgnoreErr", "OnDuplicate")
	updateRest  = nothingBut[ast.UpdateStmt]("TableRefs", "List", "Where", "Order", "Limit", "IgnoreErr")
	deleteRest  = nothingBut[ast.DeleteStmt]("TableRefs", "Where", "Order", "Limit", "IgnoreErr")
	selectRest  = nothingBut[ast.SelectStmt]("SelectStmtOpts", "Fields", "From", "Where", "OrderBy", "Limit", "Distinct")
	optionsRest = nothingBut[ast.SelectStmtOpts]("SQLCache", "Distinct")
	fieldRest   = nothingBut[ast.SelectField]("Offset", "WildCard", "Expr", "AsName")
	orderRest   = nothingBut[ast.OrderByClause]("Items")
	joinRest    = nothingBut[ast.Join]("Left")
	sourceRest  = nothingBut[ast.TableSource]("Source", "AsName")
	nameRest    = nothingBut[ast.TableName]("Schema", "Name")
	callRest    = nothingBut[ast.FuncCallExpr]("Tp", "FnName", "Args")
	isNullRest  = nothingBut[ast.IsNullExpr]("Expr", "Not")
	inRest      = nothingBut[ast.PatternInExpr]("Expr", "List")
)

// marker notes that a slot's marker stands at an offset.
func (r *reading) marker(offset int, slot int32) bool {
	if slot < 0 || int(slot) >= len(r.offsets) || r.offsets[slot] >= 0 && r.offsets[slot] != offset ||
		r.places != nil && r.places[slot] != offset {
		return false
	}
	r.offsets[slot] = offset
	return true
}

// inOrder reports whether every slot was met, and in the order of the text.
func (r *reading) inOrder() bool {
	last := -1
	for _, at := range r.offsets {
		if at <= last {
			return false
		}
		last = at
	}
	return true
}

// table compares the one table and its alias.
func (r *reading) table(refs *ast.TableRefsClause) bool {
	if refs == nil || refs.TableRefs == nil || !joinRest(refs.TableRefs) {
		return false
	}
	src, ok := refs.TableRefs.Left.(*ast.TableSource)
	if !ok || !sourceRest(src) {
		return false
	}
	t, ok := src.Source.(*ast.TableName)
	if !ok || !nameRest(t) {
		return false
	}
	n := schema.Name{DB: t.Schema.O, Table: t.Name.O}
	if n.DB == "" {
		n.DB = r.env.DB
	}
	return n == r.name && src.AsName.O == r.alias && r.cat.Absorbed(n) == r.t
}

// position finds a column; -1 if it is none of the table's.
func (r *reading) position(n *ast.ColumnName) int {
	names := make([]string, 0, 3)
	if n.Schema.O != "" {
		names = append(names, n.Schema.O)
	}
	if n.Table.O != "" {
		names = append(names, n.Table.O)
	}
	c, ok := r.resolve(append(names, n.Name.O))
	if !ok {
		return -1
	}
	return c
}

// insert compares the columns, the rows and ON DUPLICATE KEY UPDATE.
func (r *reading) insert(st *ast.InsertStmt, plan *Plan) bool {
	in := plan.insert
	if !insertRest(st) || !r.table(st.Table) || len(st.Lists) != len(in.rows) || (plan.Verb == Upsert) != (len(st.OnDuplicate) > 0) {
		return false
	}
	var columns []int
	for _, c := range st.Columns {
		columns = append(columns, r.position(c))
	}
	if len(columns) == 0 && len(st.Lists[0]) > 0 {
		for i := range r.t.Columns {
			if !r.t.Columns[i].Invisible {
				columns = append(columns, i)
			}
		}
	}
	if !slices.Equal(columns, in.columns) {
		return false
	}
	for i, row := range st.Lists {
		if len(row) != len(in.rows[i]) {
			return false
		}
		for k, v := range row {
			if !r.assigned(v, &in.rows[i][k], columns[k], place{once: true}) {
				return false
			}
		}
	}
	return plan.Verb != Upsert || r.assignments(st.OnDuplicate, plan, place{once: true, inserted: true})
}

// assigned compares a value for column target, or makes sure that it is pure.
func (r *reading) assigned(n ast.ExprNode, e *expr, target int, in place) bool {
	if e.op == opOther {
		return r.pureValue(n, target, in)
	}
	return r.value(n, e, target)
}

// assignments compares column = expression, ...
func (r *reading) assignments(list []*ast.Assignment, plan *Plan, in place) bool {
	if len(list) != len(plan.set) {
		return false
	}
	for i, a := range list {
		set := &plan.set[i]
		if r.position(a.Column) != set.column || !r.assigned(a.Expr, &set.value, set.column, in) {
			return false
		}
	}
	return true
}

// update compares the assignments and the condition.
func (r *reading) update(st *ast.UpdateStmt, plan *Plan) bool {
	return updateRest(st) && st.IgnoreErr == plan.Ignore && r.table(st.TableRefs) && r.assignments(st.List, plan, place{once: true}) &&
		r.where(st.Where, plan) && r.order(st.Order, plan) && r.limit(st.Limit, plan.where)
}

// pointRead compares what is selected, the condition and the order.
func (r *reading) pointRead(st *ast.SelectStmt, plan *Plan) bool {
	o := st.SelectStmtOpts
	if o == nil || !selectRest(st) || !optionsRest(o) || !o.SQLCache && r.env.Dialect != schema.MariaDB || !r.table(st.From) || st.Fields == nil ||
		st.Distinct != r.distinct || o.Distinct != r.distinct {
		return false
	}
	if len(plan.Columns) == 0 {
		if !r.selected(st.Fields.Fields) {
			return false
		}
		return r.where(st.Where, plan) && r.order(st.OrderBy, plan) && r.limit(st.Limit, plan.where) && r.met == r.aggregate
	}
	var got Plan
	for _, f := range st.Fields.Fields {
		if !fieldRest(f) || !r.field(f, &got) {
			return false
		}
	}
	return slices.Equal(got.Columns, plan.Columns) &&
		r.where(st.Where, plan) && r.order(st.OrderBy, plan) && r.limit(st.Limit, plan.where)
}

// order compares ORDER BY.
func (r *reading) order(by *ast.OrderByClause, plan *Plan) bool {
	if by == nil {
		return len(plan.where.order) == 0
	}
	if !orderRest(by) || len(by.Items) != len(plan.where.order) {
		return false
	}
	for i, item := range by.Items {
		at := -1
		if c, ok := item.Expr.(*ast.ColumnNameExpr); ok {
			at = r.position(c.Name)
		}
		if at != plan.where.order[i] || at < 0 && (plan.Shadow != ShadowMust || !r.pure(item.Expr, place{aliases: plan.Verb == PointRead, aggregate: plan.Verb == PointRead})) {
			return false
		}
	}
	return true
}

// field adds what one item of the select list selects.
func (r *reading) field(f *ast.SelectField, got *Plan) bool {
	if f.WildCard == nil {
		c, ok := f.Expr.(*ast.ColumnNameExpr)
		if !ok {
			return false
		}
		at := r.position(c.Name)
		got.Columns = append(got.Columns, at)
		return at >= 0
	}
	s := selected{star: true}
	if f.WildCard.Schema.O != "" {
		s.names = append(s.names, f.WildCard.Schema.O)
	}
	if f.WildCard.Table.O != "" {
		s.names = append(s.names, f.WildCard.Table.O)
	}
	return f.Expr == nil && f.AsName.O == "" && r.project(got, s)
}
