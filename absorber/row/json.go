package row

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

const (
	// maxJSONDepth is below the limit of both servers (32 and 100).
	maxJSONDepth = 30
	// maxJSONKey is the longest object key MySQL takes, in bytes.
	maxJSONKey = 1<<16 - 1
	// maxJSONDigits are the digits every double keeps.
	maxJSONDigits = 15
)

// storeJSON takes valid JSON. MariaDB keeps the text, MySQL its meaning, which
// it prints in one form.
func storeJSON(c *schema.Column, v Value, d schema.Dialect) ([]byte, bool) {
	if v.Kind != KindString || !utf8.Valid(v.Text) {
		return nil, false
	}
	p := jsonText{s: v.Text, verbatim: d == schema.MariaDB}
	out, ok := p.value(make([]byte, 0, len(v.Text)+len(v.Text)/8), 1)
	p.space()
	if !ok || p.i != len(p.s) {
		return nil, false
	}
	if !p.verbatim {
		return out, true
	}
	_, _, ok = fits(v.Text, c.Charset)
	return v.Text, ok
}

// jsonText is JSON text read up to i, by RFC 8259 and nothing beyond it. Its
// methods append what they read as MySQL prints it; they are false for what is
// not valid and for what MySQL might print in another way.
type jsonText struct {
	s []byte
	i int
	// verbatim is set where the text itself is stored: any valid number will do.
	verbatim bool
}

// space skips white space.
func (p *jsonText) space() {
	for p.i < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.i]) >= 0 {
		p.i++
	}
}

// next skips white space and takes c if it comes next.
func (p *jsonText) next(c byte) bool {
	p.space()
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

// value reads one value.
func (p *jsonText) value(dst []byte, depth int) ([]byte, bool) {
	p.space()
	if depth > maxJSONDepth || p.i == len(p.s) {
		return dst, false
	}
	switch p.s[p.i] {
	case '{':
		return p.object(dst, depth)
	case '[':
		return p.array(dst, depth)
	case '"':
		text, ok := p.text()
		return appendJSONText(dst, text), ok
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(string(p.s[p.i:min(len(p.s), p.i+5)]), word) {
			p.i += len(word)
			return append(dst, word...), true
		}
	}
	return p.number(dst)
}

// array reads '[' and what belongs to it.
func (p *jsonText) array(dst []byte, depth int) ([]byte, bool) {
	p.i++
	dst = append(dst, '[')
	if p.next(']') {
		return append(dst, ']'), true
	}
	for {
		var ok bool
		if dst, ok = p.value(dst, depth+1); !ok {
			return dst, false
		}
		if p.next(']') {
			return append(dst, ']'), true
		}
		if !p.next(',') {
			return dst, false
		}
		dst = append(dst, ", "...)
	}
}

// jsonMember is a member of an object: its key decoded, its value printed.
type jsonMember struct{ key, value []byte }

// object reads '{' and what belongs to it. MySQL sorts the keys by length, then
// bytes, and of a key given twice keeps the last value.
func (p *jsonText) object(dst []byte, depth int) ([]byte, bool) {
	p.i++
	var members []jsonMember
	for done := p.next('}'); !done; {
		p.space()
		if p.i == len(p.s) || p.s[p.i] != '"' {
			return dst, false
		}
		key, ok := p.text()
		if !ok || len(key) > maxJSONKey || !p.next(':') {
			return dst, false
		}
		value, ok := p.value(nil, depth+1)
		if !ok {
			return dst, false
		}
		members = append(members, jsonMember{key, value})
		if done = p.next('}'); !done && !p.next(',') {
			return dst, false
		}
	}
	slices.SortStableFunc(members, func(a, b jsonMember) int {
		return cmp.Or(cmp.Compare(len(a.key), len(b.key)), cmp.Compare(string(a.key), string(b.key)))
	})
	dst = append(dst, '{')
	comma := ""
	for i, m := range members {
		if i+1 < len(members) && string(members[i+1].key) == string(m.key) {
			continue
		}
		dst = append(appendJSONText(append(dst, comma...), m.key), ": "...)
		dst = append(dst, m.value...)
		comma = ", "
	}
	return append(dst, '}'), true
}

// text reads a string and decodes its escapes.
func (p *jsonText) text() ([]byte, bool) {
	p.i++
	start := p.i
	for p.i < len(p.s) && p.s[p.i] != '"' && p.s[p.i] != '\\' && p.s[p.i] >= 0x20 {
		p.i++
	}
	if p.i < len(p.s) && p.s[p.i] == '"' {
		p.i++
		return p.s[start : p.i-1], true
	}
	out := slices.Clone(p.s[start:p.i])
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			return out, true
		case c == '\\':
			var ok bool
			if out, ok = p.escape(out); !ok {
				return nil, false
			}
		case c < 0x20:
			return nil, false
		default:
			out = append(out, c)
			p.i++
		}
	}
	return nil, false
}

// escape reads a backslash and what belongs to it. Half a surrogate pair is
// refused.
func (p *jsonText) escape(dst []byte) ([]byte, bool) {
	if p.i+1 == len(p.s) {
		return dst, false
	}
	c := p.s[p.i+1]
	p.i += 2
	if at := strings.IndexByte(`"\/bfnrt`, c); at >= 0 {
		return append(dst, "\"\\/\b\f\n\r\t"[at]), true
	}
	r, ok := p.hex()
	if c != 'u' || !ok {
		return dst, false
	}
	if utf16.IsSurrogate(r) {
		if p.i+2 > len(p.s) || p.s[p.i] != '\\' || p.s[p.i+1] != 'u' {
			return dst, false
		}
		p.i += 2
		low, ok := p.hex()
		if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
			return dst, false
		}
	}
	return utf8.AppendRune(dst, r), true
}

// hex reads four hexadecimal digits.
func (p *jsonText) hex() (rune, bool) {
	if p.i+4 > len(p.s) {
		return 0, false
	}
	n := rune(0)
	for _, c := range p.s[p.i : p.i+4] {
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if digit < 0 || c < '0' {
			return 0, false
		}
		n = n<<4 | rune(digit)
	}
	p.i += 4
	return n, true
}

// number reads a number. For MySQL it must be an integer of 64 bits, or have a
// point, no exponent and not more digits than a double keeps.
func (p *jsonText) number(dst []byte) ([]byte, bool) {
	start := p.i
	if p.s[p.i] == '-' {
		p.i++
	}
	whole := p.digits()
	if len(whole) == 0 || len(whole) > 1 && whole[0] == '0' {
		return dst, false
	}
	var frac []byte
	if p.i < len(p.s) && p.s[p.i] == '.' {
		p.i++
		if frac = p.digits(); len(frac) == 0 {
			return dst, false
		}
	}
	if p.i < len(p.s) && p.s[p.i]|0x20 == 'e' {
		p.i++
		if p.i < len(p.s) && (p.s[p.i] == '+' || p.s[p.i] == '-') {
			p.i++
		}
		return dst, len(p.digits()) > 0 && p.verbatim
	}
	if p.verbatim {
		return dst, true
	}
	text := string(p.s[start:p.i])
	if frac == nil {
		_, errSigned := strconv.ParseInt(text, 10, 64)
		_, errUnsigned := strconv.ParseUint(text, 10, 64)
		return append(dst, text...), text != "-0" && (errSigned == nil || errUnsigned == nil)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f == 0 && text[0] == '-' || len(whole)+len(frac) > maxJSONDigits {
		return dst, false
	}
	printed := FormatFloat64(f)
	dst = append(dst, printed...)
	if !slices.Contains(printed, '.') {
		dst = append(dst, ".0"...)
	}
	return dst, true
}

// digits reads decimal digits.
func (p *jsonText) digits() []byte {
	start := p.i
	for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
		p.i++
	}
	return p.s[start:p.i]
}

// appendJSONText appends a string in quotes, escaped as MySQL does it.
func appendJSONText(dst, s []byte) []byte {
	dst = append(dst, '"')
	for _, c := range s {
		switch at := strings.IndexByte("\"\\\b\f\n\r\t", c); {
		case at >= 0:
			dst = append(dst, '\\', `"\bfnrt`[at])
		case c < 0x20:
			const hex = "0123456789abcdef"
			dst = append(dst, `\u00`...)
			dst = append(dst, hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
