package sqlrewrite

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// exact is an operand of exact arithmetic: an integer (scale 0, BIGINT signed
// or unsigned) or a DECIMAL, or NULL of either.
type exact struct {
	n        *big.Int // unscaled; nil for NULL
	scale    int
	decimal  bool
	unsigned bool
	// double marks an integer that the servers compute with as a double,
	// because a driver sends all its numbers so. Below 2^53 that is the same.
	double bool
}

// Bounds of what arithmetic may give.
const (
	maxDigits = 65 // DECIMAL digits
	maxScale  = 30 // DECIMAL fraction digits of MySQL, the smaller of the two
)

// What integers, doubles and decimals hold; maxDouble and maxDecimal are the
// first values beyond.
var (
	minBigint  = big.NewInt(-1 << 63)
	maxBigint  = big.NewInt(1<<63 - 1)
	maxUBigint = new(big.Int).SetUint64(1<<64 - 1)
	maxDouble  = big.NewInt(1 << 53)
	maxDecimal = new(big.Int).Exp(big.NewInt(10), big.NewInt(maxDigits), nil)
)

// exactOf takes a literal or parameter; false for what is no integer and no
// decimal (a string makes it double arithmetic).
func exactOf(v Arg) (exact, bool) {
	switch v.Kind {
	case row.KindNull:
		return exact{}, true
	case row.KindInt, row.KindUint, row.KindDecimal:
		return exactText(v.Text, v.Kind == row.KindDecimal, v.Kind == row.KindUint)
	case row.KindFloat:
		if i, ok := integral(v); ok {
			return exact{n: big.NewInt(i), double: true}, true
		}
	}
	return exact{}, false
}

// maxIntegral bounds the doubles that are taken for integers.
const maxIntegral = 1e15

// integral gives the integer that a double is.
func integral(v Arg) (int64, bool) {
	f, err := strconv.ParseFloat(string(v.Text), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) >= maxIntegral || f == 0 && v.Text[0] == '-' {
		return 0, false
	}
	return int64(f), true
}

// exactColumn takes a column's stored value.
func exactColumn(c *schema.Column, stored []byte) (exact, bool) {
	switch c.Type {
	case schema.Tinyint, schema.Smallint, schema.Mediumint, schema.Int, schema.Bigint:
		if stored == nil {
			return exact{unsigned: c.Unsigned}, true
		}
		return exactText(stored, false, c.Unsigned)
	case schema.Decimal:
		if stored == nil {
			return exact{decimal: true}, true
		}
		return exactText(stored, true, false)
	}
	return exact{}, false
}

// exactText reads digits with at most one point.
func exactText(text []byte, decimal, unsigned bool) (exact, bool) {
	s := string(text)
	scale := 0
	if whole, frac, ok := strings.Cut(s, "."); ok {
		s, scale = whole+frac, len(frac)
	}
	n, ok := new(big.Int).SetString(s, 10)
	if !ok {
		return exact{}, false
	}
	e := exact{n: n, scale: scale, decimal: decimal, unsigned: unsigned}
	return e, e.fits()
}

// fits reports whether the value is one its type can have.
func (e exact) fits() bool {
	switch {
	case e.n == nil:
		return true
	case e.double:
		return e.scale == 0 && !e.decimal && e.n.CmpAbs(maxDouble) < 0
	case e.decimal:
		return e.scale <= maxScale && e.n.CmpAbs(maxDecimal) < 0
	case e.unsigned:
		return e.n.Sign() >= 0 && e.n.Cmp(maxUBigint) <= 0
	}
	return e.scale == 0 && e.n.Cmp(minBigint) >= 0 && e.n.Cmp(maxBigint) <= 0
}

// combine computes a op b; false if the servers would refuse it or treat it by
// rules of their own.
func combine(op opcode, a, b exact, mode SQLMode) (exact, bool) {
	e := exact{decimal: a.decimal || b.decimal, double: a.double || b.double}
	if e.double && (e.decimal || !a.exactDouble() || !b.exactDouble()) {
		return e, false
	}
	e.unsigned = !e.decimal && !e.double && (a.unsigned || b.unsigned)
	if op == opSub && e.unsigned && mode&ModeNoUnsignedSubtraction != 0 {
		return e, false
	}
	if op == opMul {
		e.scale = a.scale + b.scale
	} else {
		e.scale = max(a.scale, b.scale)
	}
	if a.n == nil || b.n == nil {
		return e, e.scale <= maxScale
	}
	e.n = new(big.Int)
	switch op {
	case opAdd:
		e.n.Add(a.scaled(e.scale), b.scaled(e.scale))
	case opSub:
		e.n.Sub(a.scaled(e.scale), b.scaled(e.scale))
	case opMul:
		e.n.Mul(a.n, b.n)
	}
	return e, e.fits()
}

// exactDouble reports whether the operand is the same as a double.
func (e exact) exactDouble() bool { return e.n == nil || e.n.CmpAbs(maxDouble) < 0 }

// negate computes -e. Unsigned columns have rules of their own.
func (e exact) negate() (exact, bool) {
	if e.unsigned || e.double && e.n != nil && e.n.Sign() == 0 { // -0e0 has a sign
		return e, false
	}
	if e.n != nil {
		e.n = new(big.Int).Neg(e.n)
	}
	return e, e.fits()
}

// scaled is the unscaled value with so many fraction digits.
func (e exact) scaled(scale int) *big.Int {
	if scale == e.scale {
		return e.n
	}
	f := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale-e.scale)), nil)
	return f.Mul(f, e.n)
}

// value is the result as a value to be stored.
func (e exact) value() Arg {
	switch {
	case e.n == nil:
		return Arg{Kind: row.KindNull}
	case !e.decimal && e.unsigned:
		return Arg{Kind: row.KindUint, Text: e.n.Append(nil, 10)}
	case !e.decimal:
		return Arg{Kind: row.KindInt, Text: e.n.Append(nil, 10)}
	}
	return Arg{Kind: row.KindDecimal, Text: decimalDigits(e.n, e.scale)}
}

// decimalDigits prints an unscaled value with its point.
func decimalDigits(n *big.Int, scale int) []byte {
	d := new(big.Int).Abs(n).Append(nil, 10)
	for len(d) <= scale {
		d = append([]byte{'0'}, d...)
	}
	var out []byte
	if n.Sign() < 0 {
		out = append(out, '-')
	}
	out = append(out, d[:len(d)-scale]...)
	if scale > 0 {
		out = append(append(out, '.'), d[len(d)-scale:]...)
	}
	return out
}

// negateLiteral computes minus a literal or parameter, which keeps its class.
func negateLiteral(v Arg) (Arg, bool) {
	switch v.Kind {
	case row.KindNull:
		return v, true
	case row.KindInt, row.KindDecimal:
		e, ok := exactOf(v)
		if !ok {
			return v, false
		}
		// -0.0 has a sign in some places and none in others.
		if e.n.Sign() == 0 && v.Kind == row.KindDecimal {
			return v, false
		}
		e, ok = e.negate()
		return e.value(), ok
	case row.KindUint:
		if e, ok := exactOf(v); ok && e.n.Cmp(new(big.Int).Neg(minBigint)) <= 0 {
			e.n.Neg(e.n)
			return exact{n: e.n}.value(), true
		}
	case row.KindFloat:
		if v.Text[0] != '-' && string(v.Text) != "0" && !v.Float32 {
			return Arg{Kind: row.KindFloat, Text: append([]byte{'-'}, v.Text...)}, true
		}
	}
	return v, false
}
