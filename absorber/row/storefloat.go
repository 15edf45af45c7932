package row

import (
	"math"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// Beyond these the servers' own conversion of text has not been compared.
const (
	maxFloatText   = 40    // bytes of a number's text
	maxFloatValue  = 1e300 // DOUBLE
	minFloatValue  = 1e-300
	maxFloat4Value = 3.4e38 // FLOAT
	minFloat4Value = 1.2e-38
)

// storeFloat takes numbers that a FLOAT or DOUBLE column keeps as the nearest
// value, and for FLOAT(m,d) and DOUBLE(m,d) those that need no rounding to d.
func storeFloat(c *schema.Column, v Value) ([]byte, bool) {
	f, ok := floatOf(v)
	if !ok || c.Zerofill || c.Unsigned && f < 0 {
		return nil, false
	}
	if v.Float32 && c.Type != schema.Float {
		return nil, false
	}
	if f != 0 {
		low, high := minFloatValue, maxFloatValue
		if c.Type == schema.Float {
			low, high = minFloat4Value, maxFloat4Value
		}
		if a := math.Abs(f); a < low || a > high {
			return nil, false
		}
	}
	if c.Scale >= 0 {
		return storeScaledFloat(c, v, f)
	}
	if c.Type == schema.Float {
		return FormatFloat32(float32(f)), true
	}
	return FormatFloat64(f), true
}

// floatOf is the double a value stands for; not for -0, infinities, and text
// that is no plain number.
func floatOf(v Value) (float64, bool) {
	if len(v.Text) > maxFloatText {
		return 0, false
	}
	switch v.Kind {
	case KindInt, KindUint, KindDecimal, KindString:
		if _, ok := parseNumber(v.Text); !ok {
			return 0, false
		}
	case KindFloat:
	default:
		return 0, false
	}
	bits := 64
	if v.Float32 {
		bits = 32
	}
	f, err := strconv.ParseFloat(string(v.Text), bits)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) || f == 0 && math.Signbit(f) {
		return 0, false
	}
	return f, true
}

// storeScaledFloat stores into FLOAT(m,d) or DOUBLE(m,d): only values with few
// enough digits that rounding to d digits changes nothing.
func storeScaledFloat(c *schema.Column, v Value, f float64) ([]byte, bool) {
	n, ok := numberOf(v)
	if !ok || len(n.frac) > c.Scale || c.Precision <= 0 || len(n.whole) > c.Precision-c.Scale {
		return nil, false
	}
	exact := 15
	if c.Type == schema.Float {
		exact = floatDigits
	}
	if len(n.whole)+c.Scale > exact {
		return nil, false
	}
	if c.Type == schema.Float {
		return FormatFloat32(float32(f)), true
	}
	return n.appendTo(nil, c.Scale), true
}
