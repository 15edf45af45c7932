package row

import (
	"bytes"
	"unicode/utf8"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// textOf is the text a value has when it is stored into a text or binary
// column.
func textOf(v Value) ([]byte, bool) {
	switch v.Kind {
	case KindString, KindBytes:
		return v.Text, true
	case KindInt, KindUint:
		n, ok := parseNumber(v.Text)
		return n.appendTo(nil, 0), ok && len(n.frac) == 0
	case KindDecimal:
		n, ok := parseNumber(v.Text)
		plain := ok && len(v.Text) > 1 && v.Text[0] != '+' && v.Text[0] != '.' && !(n.negative && n.zero())
		if !plain || len(v.Text) > 2 && v.Text[0] == '0' && v.Text[1] == '0' || v.Text[0] == '-' && v.Text[1] == '.' {
			return nil, false
		}
		return v.Text, true
	}
	return nil, false
}

// storeText takes text that the column's character set has and that fits. CHAR
// loses its trailing spaces.
func storeText(c *schema.Column, v Value) ([]byte, bool) {
	s, ok := textOf(v)
	if !ok {
		return nil, false
	}
	chars, size, ok := fits(s, c.Charset)
	if !ok || v.Kind == KindBytes && charsetName(c.Charset) != "utf8mb4" && size != chars {
		return nil, false // bytes are in the column's character set already
	}
	if v.Kind == KindBytes && c.Charset == "latin1" && !ascii(s) {
		return nil, false
	}
	switch c.Type {
	case schema.Text:
		return s, size <= c.Length
	case schema.Char:
		trimmed := bytes.TrimRight(s, " ")
		return trimmed, chars-(len(s)-len(trimmed)) <= c.Length
	}
	return s, chars <= c.Length
}

// storeBytes takes bytes that fit; BINARY is padded with zeros.
func storeBytes(c *schema.Column, v Value) ([]byte, bool) {
	s, ok := textOf(v)
	if !ok || len(s) > c.Length || v.Kind == KindString && !utf8.Valid(s) {
		return nil, false // a literal that is not valid text gets a warning
	}
	if c.Type == schema.Binary && len(s) < c.Length {
		padded := make([]byte, c.Length)
		copy(padded, s)
		s = padded
	}
	return s, true
}
