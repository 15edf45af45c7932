package sqlrewrite

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"
	tidbop "github.com/pingcap/tidb/pkg/parser/opcode"
	"github.com/pingcap/tidb/pkg/parser/test_driver"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// What of each node pure looks at; everything else must be absent.
var (
	betweenRest   = nothingBut[ast.BetweenExpr]("Expr", "Left", "Right", "Not")
	caseRest      = nothingBut[ast.CaseExpr]("Value", "WhenClauses", "ElseClause")
	whenRest      = nothingBut[ast.WhenClause]("Expr", "Result")
	notInRest     = nothingBut[ast.PatternInExpr]("Expr", "List", "Not")
	truthRest     = nothingBut[ast.IsTruthExpr]("Expr", "Not", "True")
	likeRest      = nothingBut[ast.PatternLikeOrIlikeExpr]("Expr", "Pattern", "Not", "IsLike", "Escape", "EscapeExplicit")
	regexpRest    = nothingBut[ast.PatternRegexpExpr]("Expr", "Pattern", "Not")
	castRest      = nothingBut[ast.FuncCastExpr]("Expr", "Tp", "FunctionType", "ExplicitCharSet")
	aggregateRest = nothingBut[ast.AggregateFuncExpr]("F", "Args", "Distinct")
	collationRest = nothingBut[ast.SetCollationExpr]("Expr", "Collate")
)

// pureOps are the operators of expressions.
var pureOps = map[tidbop.Op]bool{
	tidbop.LogicAnd: true, tidbop.LogicOr: true, tidbop.LogicXor: true, tidbop.LeftShift: true, tidbop.RightShift: true,
	tidbop.GE: true, tidbop.LE: true, tidbop.EQ: true, tidbop.NE: true, tidbop.LT: true, tidbop.GT: true, tidbop.NullEQ: true,
	tidbop.Plus: true, tidbop.Minus: true, tidbop.And: true, tidbop.Or: true, tidbop.Mod: true, tidbop.Xor: true,
	tidbop.Div: true, tidbop.Mul: true, tidbop.IntDiv: true,
	tidbop.Not: true, tidbop.Not2: true, tidbop.BitNeg: true,
}

// castTypes are what CAST and CONVERT give.
var castTypes = map[byte]bool{
	mysql.TypeVarString: true, mysql.TypeString: true, mysql.TypeLonglong: true, mysql.TypeNewDecimal: true, mysql.TypeDate: true,
	mysql.TypeDatetime: true, mysql.TypeDuration: true, mysql.TypeJSON: true, mysql.TypeDouble: true, mysql.TypeFloat: true, mysql.TypeYear: true,
}

// pureValue reports whether the value for column target is pure.
func (r *reading) pureValue(n ast.ExprNode, target int, in place) bool {
	if d, ok := n.(*ast.DefaultExpr); ok && d.Name == nil {
		return target >= 0 && r.t.Columns[target].Default != schema.DefaultExpr
	}
	return r.pure(n, in)
}

// pure reports whether an expression can be left to the shadow: every node of
// it is of a kind that is known to follow from the row, the parameters and
// what the side connection shares with the session.
func (r *reading) pure(n ast.ExprNode, in place) bool {
	switch n := n.(type) {
	case *test_driver.ParamMarkerExpr, *test_driver.ValueExpr:
		return true
	case *ast.ColumnNameExpr:
		return r.position(n.Name) >= 0 || in.aliases && n.Name.Table.O == "" && r.isAlias(n.Name.Name.O)
	case *ast.ParenthesesExpr:
		return r.pure(n.Expr, in)
	case *ast.UnaryOperationExpr:
		return pureOps[n.Op] && r.pure(n.V, in)
	case *ast.BinaryOperationExpr:
		return pureOps[n.Op] && r.pureAll(in, n.L, n.R)
	case *ast.BetweenExpr:
		return betweenRest(n) && r.pureAll(in, n.Expr, n.Left, n.Right)
	case *ast.PatternInExpr:
		return notInRest(n) && r.pure(n.Expr, in) && r.pureAll(in, n.List...)
	case *ast.PatternLikeOrIlikeExpr:
		return likeRest(n) && n.IsLike && r.pureAll(in, n.Expr, n.Pattern)
	case *ast.PatternRegexpExpr:
		return regexpRest(n) && r.pureAll(in, n.Expr, n.Pattern)
	case *ast.IsTruthExpr:
		return truthRest(n) && r.pure(n.Expr, in)
	case *ast.IsNullExpr:
		return isNullRest(n) && r.pure(n.Expr, in) && !r.isAuto(n.Expr)
	case *ast.RowExpr:
		return r.pureAll(in, n.Values...)
	case *ast.DefaultExpr:
		c := -1
		if n.Name != nil {
			c = r.position(n.Name)
		}
		return c >= 0 && r.t.Columns[c].Default != schema.DefaultExpr
	}
	return r.pureForm(n, in)
}

// pureForm is pure for the kinds of nodes that are written like functions.
func (r *reading) pureForm(n ast.ExprNode, in place) bool {
	switch n := n.(type) {
	case *ast.CaseExpr:
		ok := caseRest(n) && (n.Value == nil || r.pure(n.Value, in)) && (n.ElseClause == nil || r.pure(n.ElseClause, in))
		for _, w := range n.WhenClauses {
			ok = ok && whenRest(w) && r.pureAll(in, w.Expr, w.Result)
		}
		return ok
	case *ast.ValuesExpr:
		return in.inserted && r.position(n.Column.Name) >= 0
	case *ast.SetCollationExpr:
		return collationRest(n) && r.pure(n.Expr, in)
	case *ast.FuncCastExpr:
		return castRest(n) && n.Tp != nil && castTypes[n.Tp.GetType()] && !n.Tp.IsArray() && r.pure(n.Expr, in)
	case *ast.FuncCallExpr:
		name := n.FnName.L
		if name == "isnull" && (len(n.Args) != 1 || r.isAuto(n.Args[0])) {
			return false
		}
		return callRest(n) && (r.env.pureFunction(name, place{once: in.once}) || treeFunctions[name]) && r.pureAll(in, n.Args...)
	case *ast.AggregateFuncExpr:
		r.met = true
		return aggregateRest(n) && in.aggregate && aggregateFunctions[strings.ToLower(n.F)] && r.pureAll(place{}, n.Args...)
	case *ast.TimeUnitExpr, *ast.TrimDirectionExpr:
		return true
	}
	return false
}

// isAuto reports whether an expression is the AUTO_INCREMENT column, whose IS
// NULL means the last insert id under sql_auto_is_null.
func (r *reading) isAuto(n ast.ExprNode) bool {
	switch n := n.(type) {
	case *ast.ParenthesesExpr:
		return r.isAuto(n.Expr)
	case *ast.ColumnNameExpr:
		return r.t.AutoIncrement >= 0 && r.position(n.Name) == r.t.AutoIncrement
	}
	return false
}

// pureAll reports whether all expressions are pure.
func (r *reading) pureAll(in place, list ...ast.ExprNode) bool {
	for _, n := range list {
		if !r.pure(n, in) {
			return false
		}
	}
	return true
}

// selected compares what a SELECT for the shadow selects.
func (r *reading) selected(fields []*ast.SelectField) bool {
	if len(fields) != len(r.items) {
		return false
	}
	for i, f := range fields {
		it := r.items[i]
		if !fieldRest(f) || f.AsName.O != it.alias || (f.WildCard != nil) != it.star {
			return false
		}
		if it.star {
			if !r.field(f, &Plan{}) {
				return false
			}
		} else if !r.pure(f.Expr, place{aggregate: true}) {
			return false
		}
	}
	return true
}
