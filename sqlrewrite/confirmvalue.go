package sqlrewrite

import (
	"slices"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"
	tidbop "github.com/pingcap/tidb/pkg/parser/opcode"
	"github.com/pingcap/tidb/pkg/parser/test_driver"
)

// tidbArithmetic are the operators of expressions.
var tidbArithmetic = map[tidbop.Op]opcode{tidbop.Plus: opAdd, tidbop.Minus: opSub, tidbop.Mul: opMul}

// value compares the expression for column target.
func (r *reading) value(n ast.ExprNode, e *expr, target int) bool {
	switch n := n.(type) {
	case *ast.ParenthesesExpr:
		return r.value(n.Expr, e, target)
	case *test_driver.ParamMarkerExpr:
		return e.op == opSlot && r.marker(n.Offset, e.n)
	case *test_driver.ValueExpr:
		switch {
		case n.Kind() == test_driver.KindNull:
			return e.op == opNull
		case n.Kind() == test_driver.KindInt64 && n.Type.GetFlag()&mysql.IsBooleanFlag != 0:
			return e.op == opInt && n.GetInt64() == int64(e.n)
		}
		return false // all other literals are markers
	case *ast.DefaultExpr:
		return e.op == opDefault && (n.Name == nil || r.position(n.Name) == target)
	case *ast.ColumnNameExpr:
		return e.op == opColumn && r.position(n.Name) == int(e.n)
	case *ast.ValuesExpr:
		return e.op == opValues && r.position(n.Column.Name) == int(e.n)
	case *ast.UnaryOperationExpr:
		return n.Op == tidbop.Minus && e.op == opNeg && r.value(n.V, e.l, -1)
	case *ast.BinaryOperationExpr:
		op, ok := tidbArithmetic[n.Op]
		return ok && e.op == op && r.value(n.L, e.l, -1) && r.value(n.R, e.r, -1)
	case *ast.FuncCallExpr:
		return r.call(n, e)
	}
	return false
}

// call compares a function and its number of fraction digits.
func (r *reading) call(n *ast.FuncCallExpr, e *expr) bool {
	f, ok := functions[n.FnName.L]
	if !ok || f.op != e.op || !callRest(n) {
		return false
	}
	switch len(n.Args) {
	case 0:
		return e.n == 0
	case 1:
		v, ok := n.Args[0].(*test_driver.ValueExpr)
		return ok && f.precision && v.Kind() == test_driver.KindInt64 && v.GetInt64() == int64(e.n)
	}
	return false
}

// where compares the conditions that AND joins: as many in the same order, and
// each the same, but those that are only to be pure.
func (r *reading) where(n ast.ExprNode, plan *Plan) bool {
	if n == nil {
		return plan.Scans && len(r.parser.terms) == 0
	}
	var got []term
	if !r.conjunction(n, plan.Shadow == ShadowMust, &got) || len(got) != len(r.parser.terms) {
		return false
	}
	for i := range got {
		if !r.sameTerm(&got[i], &r.parser.terms[i]) {
			return false
		}
	}
	return true
}

// sameTerm compares two conditions; the slot of an operand is its marker's
// offset in got.
func (r *reading) sameTerm(got, want *term) bool {
	if got.op != want.op || !slices.Equal(got.columns, want.columns) || len(got.tuples) != len(want.tuples) {
		return false
	}
	for i, tuple := range got.tuples {
		if len(tuple) != len(want.tuples[i]) {
			return false
		}
		for k, v := range tuple {
			w := want.tuples[i][k]
			if v.negated != w.negated || !r.marker(int(v.slot), w.slot) {
				return false
			}
		}
	}
	return true
}

// conjunction collects the parts of the conjunction. What only the shadow can
// judge has to be pure.
func (r *reading) conjunction(n ast.ExprNode, shadow bool, terms *[]term) bool {
	switch n := n.(type) {
	case *ast.ParenthesesExpr:
		return r.conjunction(n.Expr, shadow, terms)
	case *ast.BinaryOperationExpr:
		if n.Op == tidbop.LogicAnd {
			return r.conjunction(n.L, shadow, terms) && r.conjunction(n.R, shadow, terms)
		}
	}
	t, ok := r.term(n)
	if !ok {
		t = term{op: isUnknown}
	}
	*terms = append(*terms, t)
	if shadow {
		return r.pure(n, place{})
	}
	return ok
}

// tidbComparisons are the operators of conditions.
var tidbComparisons = map[tidbop.Op]comparison{tidbop.EQ: isIn, tidbop.NE: isNot, tidbop.LT: isLess, tidbop.LE: isAtMost, tidbop.GT: isMore, tidbop.GE: isAtLeast}

// term reads one condition as our own parser does; false if it is none of
// those.
func (r *reading) term(n ast.ExprNode) (t term, ok bool) {
	switch n := n.(type) {
	case *ast.BinaryOperationExpr:
		if t.op, ok = tidbComparisons[n.Op]; !ok || t.op != isIn && !r.env.Shadows {
			return t, false
		}
		left, right := n.L, n.R
		if _, ok := right.(*ast.ColumnNameExpr); ok { // 5 = id
			left, right = right, left
			t.op = t.op.turned()
		}
		row, _ := left.(*ast.RowExpr)
		return t, (row == nil || t.op == isIn) && r.keys(left, &t) && keyed(right, &t)
	case *ast.IsNullExpr:
		if t.op = isNull; n.Not {
			t.op = isNotNull
		}
		c, ok := n.Expr.(*ast.ColumnNameExpr)
		return t, ok && r.env.Shadows && isNullRest(n) && r.keys(c, &t)
	case *ast.PatternInExpr:
		if !inRest(n) || !r.keys(n.Expr, &t) {
			return t, false
		}
		for _, v := range n.List {
			if !keyed(v, &t) {
				return t, false
			}
		}
		return t, true
	}
	return t, false
}

// keys reads a column, or several in parentheses.
func (r *reading) keys(n ast.ExprNode, t *term) bool {
	list := []ast.ExprNode{n}
	if row, ok := n.(*ast.RowExpr); ok {
		list = row.Values
	}
	for _, v := range list {
		c, ok := v.(*ast.ColumnNameExpr)
		if !ok {
			return false
		}
		t.columns = append(t.columns, r.position(c.Name))
	}
	return !slices.Contains(t.columns, -1)
}

// keyed reads a value for each of the term's columns.
func keyed(n ast.ExprNode, t *term) bool {
	list := []ast.ExprNode{n}
	if row, ok := n.(*ast.RowExpr); ok {
		list = row.Values
	}
	tuple := make([]operand, len(list))
	for i, v := range list {
		if u, ok := v.(*ast.UnaryOperationExpr); ok && u.Op == tidbop.Minus {
			tuple[i].negated, v = true, u.V
		}
		m, ok := v.(*test_driver.ParamMarkerExpr)
		if !ok {
			return false
		}
		tuple[i].slot = int32(m.Offset)
	}
	t.tuples = append(t.tuples, tuple)
	return len(tuple) == len(t.columns)
}

// limit compares LIMIT.
func (r *reading) limit(l *ast.Limit, want *keyPlan) bool {
	if l == nil {
		return want.limit < 0 && want.offset < 0
	}
	return r.number(l.Count, want.limit) && r.number(l.Offset, want.offset)
}

// number compares one number of LIMIT; slot is -1 if there must be none.
func (r *reading) number(n ast.ExprNode, slot int32) bool {
	if n == nil || slot < 0 {
		return n == nil && slot < 0
	}
	m, ok := n.(*test_driver.ParamMarkerExpr)
	return ok && r.marker(m.Offset, slot)
}
