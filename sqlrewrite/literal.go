package sqlrewrite

import (
	"bytes"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// literal gives the value of a literal token; false if no server accepts it.
// The value aliases the source where its bytes stand there as they are.
func literal(l *lexer, t *token) (Arg, bool) {
	text := l.src[t.start:t.end]
	switch t.kind {
	case tokNumber:
		return number(text, t)
	case tokString:
		if t.broken {
			return Arg{Kind: row.KindString, Text: []byte{}}, false
		}
		inner := text[1 : len(text)-1]
		if t.escaped {
			inner = unescape(inner, text[0], !l.noBackslash)
		}
		return Arg{Kind: row.KindString, Text: inner}, true
	}
	if t.broken {
		return Arg{Kind: row.KindBytes, Text: []byte{}}, false
	}
	digits := text[2:]
	if text[1] == '\'' {
		digits = text[2 : len(text)-1]
	}
	if t.kind == tokBits {
		return Arg{Kind: row.KindBytes, Text: pack(digits, 1)}, true
	}
	return Arg{Kind: row.KindBytes, Text: pack(digits, 4)}, true
}

// number gives the value of a number: the integers in canonical form, the
// decimals with a digit before the point, the floats in their shortest form.
func number(text []byte, t *token) (Arg, bool) {
	switch {
	case t.broken:
		return Arg{Kind: row.KindDecimal, Text: text}, false
	case t.float:
		f, err := strconv.ParseFloat(string(text), 64)
		return Arg{Kind: row.KindFloat, Text: strconv.AppendFloat(nil, f, 'g', -1, 64)}, err == nil
	case t.point:
		return Arg{Kind: row.KindDecimal, Text: decimalText(text)}, true
	}
	n := text
	for len(n) > 1 && n[0] == '0' {
		n = n[1:]
	}
	return Arg{Kind: integerKind(n), Text: n}, true
}

// Largest integers of their kinds, to compare digits with.
const (
	maxInt64  = "9223372036854775807"
	maxUint64 = "18446744073709551615"
)

// integerKind is the kind of a non-negative canonical integer.
func integerKind(n []byte) row.ValueKind {
	switch {
	case len(n) < len(maxInt64) || len(n) == len(maxInt64) && string(n) <= maxInt64:
		return row.KindInt
	case len(n) < len(maxUint64) || len(n) == len(maxUint64) && string(n) <= maxUint64:
		return row.KindUint
	}
	return row.KindDecimal
}

// decimalText brings .5, 5. and 00.5 into the form 0.5, 5 and 0.5.
func decimalText(text []byte) []byte {
	n := text
	for len(n) > 1 && n[0] == '0' && n[1] != '.' {
		n = n[1:]
	}
	if n[0] == '.' {
		n = append([]byte{'0'}, n...)
	}
	return bytes.TrimSuffix(n, []byte{'.'})
}

// unescape decodes the inside of a string.
func unescape(in []byte, quote byte, backslash bool) []byte {
	out := make([]byte, 0, len(in))
	for i := 0; i < len(in); i++ {
		c := in[i]
		if c == quote {
			i++ // doubled
		} else if c == '\\' && backslash && i+1 < len(in) {
			i++
			if in[i] == '%' || in[i] == '_' {
				out = append(out, '\\')
			}
			c = escapes(in[i])
		}
		out = append(out, c)
	}
	return out
}

// escapes gives what a backslash and c stand for.
func escapes(c byte) byte {
	switch c {
	case '0':
		return 0
	case 'b':
		return '\b'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'Z':
		return 0x1a
	}
	return c
}

// pack puts hexadecimal (4 bits) or binary (1 bit) digits into bytes, aligned
// to the right.
func pack(digits []byte, bits int) []byte {
	out := make([]byte, (len(digits)*bits+7)/8)
	at := len(out) * 8
	for i := len(digits) - 1; i >= 0; i-- {
		at -= bits
		// The next digit from the right goes to the next higher bits.
		shift := 8 - bits - at%8
		out[at/8] |= hexDigit(digits[i]) << shift
	}
	return out
}

// hexDigit is the value of a digit.
func hexDigit(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}
