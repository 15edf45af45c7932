package row

import (
	"bytes"
	"strconv"
)

// maxDigits bounds the digits of a number looked at here; DECIMAL has 65.
const maxDigits = 81

// number is an exact decimal: digits before the point without leading zeros,
// digits after it without trailing zeros. The slices alias the text.
type number struct {
	negative    bool
	whole, frac []byte
}

// parseNumber reads [+-]digits[.digits] and nothing else: no blanks, no
// exponent, at least one digit before or after the point.
func parseNumber(s []byte) (n number, ok bool) {
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		n.negative = s[0] == '-'
		s = s[1:]
	}
	if len(s) == 0 || len(s) > maxDigits {
		return n, false
	}
	whole, frac, point := bytes.Cut(s, []byte{'.'})
	if !allDigits(whole) || !allDigits(frac) || len(whole)+len(frac) == 0 || point && len(frac) == 0 {
		return n, false
	}
	n.whole = bytes.TrimLeft(whole, "0")
	n.frac = bytes.TrimRight(frac, "0")
	return n, true
}

// allDigits reports whether s has only ASCII digits; true when it is empty.
func allDigits(s []byte) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// zero reports whether the number is 0 or -0.
func (n number) zero() bool { return len(n.whole)+len(n.frac) == 0 }

// appendTo appends the number with exactly scale digits after the point; there
// must not be more than that. Zero has no sign.
func (n number) appendTo(dst []byte, scale int) []byte {
	if n.negative && !n.zero() {
		dst = append(dst, '-')
	}
	if len(n.whole) == 0 {
		dst = append(dst, '0')
	}
	dst = append(dst, n.whole...)
	if scale > 0 {
		dst = append(append(dst, '.'), n.frac...)
		for i := len(n.frac); i < scale; i++ {
			dst = append(dst, '0')
		}
	}
	return dst
}

// magnitude gives the whole part as an unsigned integer; false beyond 64 bits.
func (n number) magnitude() (uint64, bool) {
	if len(n.whole) == 0 {
		return 0, true
	}
	if len(n.whole) > 20 {
		return 0, false
	}
	u, err := strconv.ParseUint(string(n.whole), 10, 64)
	return u, err == nil
}

// numberOf gives the exact decimal a value stands for, as the server sees it
// when it stores the value into an integer or DECIMAL column. A float is its
// shortest decimal, which is how the servers convert it.
func numberOf(v Value) (number, bool) {
	switch v.Kind {
	case KindInt, KindUint, KindDecimal, KindString:
		return parseNumber(v.Text)
	case KindFloat:
		if v.Float32 {
			return number{}, false
		}
		f, err := strconv.ParseFloat(string(v.Text), 64)
		if err != nil || !(f > -maxExactFloat && f < maxExactFloat) {
			return number{}, false
		}
		return parseNumber(strconv.AppendFloat(nil, f, 'f', -1, 64))
	}
	return number{}, false
}

// maxExactFloat is where a double's shortest decimal needs an exponent on the
// servers; below it the text has no rounding of its own.
const maxExactFloat = 1e15
