package sqlrewrite

import (
	"bytes"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// evaluation is the computing of one row.
type evaluation struct {
	t    *schema.Table
	env  *Env
	mode row.StoreMode
	args []Arg
	im   row.Image // the row as it is by now, nil for INSERT
	// inserted is the row that VALUES() is about; nil where it cannot stand.
	inserted row.Image
}

// assign computes what e leaves in column c.
func (v *evaluation) assign(c int, e *expr) ([]byte, Reason) {
	col := &v.t.Columns[c]
	switch e.op {
	case opDefault:
		return v.byDefault(c)
	case opColumn:
		return v.copied(col, int(e.n), v.im[e.n])
	case opValues:
		if !v.hasInserted(e) {
			return nil, ReasonExpression
		}
		return v.copied(col, int(e.n), v.inserted[e.n])
	case opAdd, opSub, opMul:
		return v.computed(col, e)
	case opNeg:
		if e.l.op == opSlot {
			return v.negated(col, v.args[e.l.n])
		}
		return v.computed(col, e)
	}
	a, r := v.leaf(col, e)
	if r != "" {
		return nil, r
	}
	return v.store(col, a)
}

// store puts a value into a column, if that changes nothing and warns of
// nothing.
func (v *evaluation) store(col *schema.Column, a Arg) ([]byte, Reason) {
	switch a.Kind {
	case row.KindNull:
		if col.NotNull {
			return nil, ReasonValue
		}
		return nil, ""
	case row.KindDate, row.KindDatetime, row.KindTime:
		if col.Type != schema.Date && col.Type != schema.Datetime && col.Type != schema.Timestamp && col.Type != schema.Time {
			return nil, ReasonValue
		}
	}
	stored, clean := row.Store(col, a, v.mode)
	if !clean {
		return nil, ReasonValue
	}
	return stored, ""
}

// leaf gives the value of a node without operands.
func (v *evaluation) leaf(col *schema.Column, e *expr) (Arg, Reason) {
	switch e.op {
	case opSlot:
		return v.args[e.n], ""
	case opInt:
		return Arg{Kind: row.KindInt, Text: []byte{'0' + byte(e.n)}}, ""
	case opNull:
		return Arg{Kind: row.KindNull}, ""
	case opUUID:
		if col.Type != schema.Char && col.Type != schema.Varchar {
			return Arg{}, ReasonExpression
		}
		return Arg{Kind: row.KindString, Text: newUUID(v.env.Now)}, ""
	}
	if e.op == opOther {
		return Arg{}, ReasonExpression
	}
	return v.clock(col, e)
}

// clock gives the value of a function of the statement's instant, for columns
// that hold all of it.
func (v *evaluation) clock(col *schema.Column, e *expr) (Arg, Reason) {
	if v.env.Location == nil {
		return Arg{}, ReasonTimeZone
	}
	if e.op == opToday {
		if col.Type != schema.Date {
			return Arg{}, ReasonExpression
		}
		return Arg{Kind: row.KindDate, Text: v.env.Now.In(v.env.Location).AppendFormat(nil, time.DateOnly)}, ""
	}
	if col.Type != schema.Datetime && col.Type != schema.Timestamp || int(e.n) > col.Fsp {
		return Arg{}, ReasonExpression
	}
	loc := v.env.Location
	if e.op == opUTC {
		loc = time.UTC
	}
	return Arg{Kind: row.KindDatetime, Text: datetime(v.env.Now, loc, int(e.n))}, ""
}

// datetime prints an instant with so many fraction digits, cut off.
func datetime(t time.Time, loc *time.Location, fsp int) []byte {
	b := t.In(loc).AppendFormat(nil, "2006-01-02 15:04:05.000000")
	if fsp == 0 {
		return b[:19]
	}
	return b[:20+fsp]
}

// byDefault gives a column's default.
func (v *evaluation) byDefault(c int) ([]byte, Reason) {
	col := &v.t.Columns[c]
	if r := defaultReason(col); r != "" {
		return nil, r
	}
	switch col.Default {
	case schema.DefaultLiteral:
		return col.DefaultValue, ""
	case schema.DefaultNow:
		return v.now(col)
	}
	return nil, ""
}

// lastTimestamp is the last second, in Unix time, that a TIMESTAMP holds in
// every version of both servers.
const lastTimestamp = 1<<31 - 1

// now gives CURRENT_TIMESTAMP as a DATETIME or TIMESTAMP column keeps it.
func (v *evaluation) now(col *schema.Column) ([]byte, Reason) {
	loc := time.UTC
	if col.Type == schema.Datetime {
		if loc = v.env.Location; loc == nil {
			return nil, ReasonTimeZone
		}
	} else if s := v.env.Now.Unix(); s <= 0 || s > lastTimestamp {
		return nil, ReasonRange
	}
	return datetime(v.env.Now, loc, col.Fsp), ""
}

// hasInserted reports whether VALUES() of a column is known: an AUTO_INCREMENT
// value may not be, yet.
func (v *evaluation) hasInserted(e *expr) bool {
	return v.inserted != nil && (int(e.n) != v.t.AutoIncrement || v.inserted[e.n] != nil)
}

// copied gives another column's value: as it is between columns of one type,
// and between integers and between character columns as their values.
func (v *evaluation) copied(col *schema.Column, from int, stored []byte) ([]byte, Reason) {
	src := &v.t.Columns[from]
	switch {
	case stored == nil:
		return v.store(col, Arg{Kind: row.KindNull})
	case src.Type == schema.Unknown:
		return nil, ReasonExpression
	case src.ColumnType == col.ColumnType && src.Collation == col.Collation && src.Charset == col.Charset:
		return stored, ""
	case textual(src.Type) && textual(col.Type):
		return v.store(col, Arg{Kind: row.KindString, Text: stored})
	}
	e, ok := exactColumn(src, stored)
	if !ok || !numeric(col.Type) {
		return nil, ReasonExpression
	}
	return v.store(col, e.value())
}

// textual reports whether a type is a string of characters.
func textual(t schema.Type) bool {
	return t == schema.Char || t == schema.Varchar || t == schema.Text
}

// numeric reports whether exact numbers go into a type as exact numbers.
func numeric(t schema.Type) bool {
	switch t {
	case schema.Tinyint, schema.Smallint, schema.Mediumint, schema.Int, schema.Bigint, schema.Decimal:
		return true
	}
	return false
}

// negated stores minus a literal.
func (v *evaluation) negated(col *schema.Column, a Arg) ([]byte, Reason) {
	n, ok := negateLiteral(a)
	if !ok {
		return nil, ReasonExpression
	}
	return v.store(col, n)
}

// computed stores the result of arithmetic.
func (v *evaluation) computed(col *schema.Column, e *expr) ([]byte, Reason) {
	if !numeric(col.Type) {
		return nil, ReasonExpression
	}
	x, r := v.exact(e)
	if r != "" {
		return nil, r
	}
	if x.double && col.Type == schema.Decimal {
		return nil, ReasonExpression
	}
	return v.store(col, x.value())
}

// exact computes a node of arithmetic.
func (v *evaluation) exact(e *expr) (exact, Reason) {
	var x exact
	ok := false
	switch e.op {
	case opAdd, opSub, opMul:
		a, r := v.exact(e.l)
		if r != "" {
			return x, r
		}
		b, r := v.exact(e.r)
		if r != "" {
			return x, r
		}
		if x, ok = combine(e.op, a, b, v.env.Mode); !ok {
			return x, ReasonRange
		}
		return x, ""
	case opNeg:
		return v.exactNeg(e.l)
	case opSlot:
		x, ok = exactOf(v.args[e.n])
	case opInt, opNull:
		a, _ := v.leaf(nil, e)
		x, ok = exactOf(a)
	case opColumn:
		x, ok = exactColumn(&v.t.Columns[e.n], v.im[e.n])
	case opValues:
		if ok = v.hasInserted(e); ok {
			x, ok = exactColumn(&v.t.Columns[e.n], v.inserted[e.n])
		}
	}
	if !ok {
		return x, ReasonExpression
	}
	return x, ""
}

// exactNeg computes minus a node; a literal keeps its class.
func (v *evaluation) exactNeg(e *expr) (exact, Reason) {
	if e.op == opSlot {
		a, ok := negateLiteral(v.args[e.n])
		if ok {
			if x, ok := exactOf(a); ok {
				return x, ""
			}
		}
		return exact{}, ReasonExpression
	}
	x, r := v.exact(e)
	if r != "" {
		return x, r
	}
	if x, ok := x.negate(); ok {
		return x, ""
	}
	return x, ReasonRange
}

// same reports whether two stored values are the same bytes, NULL being equal
// to NULL only.
func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }
