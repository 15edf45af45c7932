package schema

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// setDefault works out where c's value comes from when none is given. text is
// COLUMN_DEFAULT (nil for NULL), extra is EXTRA. Whatever is not certain is
// DefaultExpr, which only MySQL's own table knows.
func setDefault(d Dialect, c *Column, text []byte, extra string) {
	c.Default, c.DefaultValue = NoDefault, nil
	switch {
	case c.AutoIncrement || c.Generated:
	case text == nil && c.Type == Enum && c.NotNull:
		// The server quietly takes the first member.
		c.Default = DefaultComputed
	case text == nil:
		if !c.NotNull {
			c.Default = DefaultNull
		}
	case d == MariaDB:
		setMariaDBDefault(c, string(text))
	case strings.Contains(strings.ToUpper(extra), "DEFAULT_GENERATED"):
		setExpression(c, string(text), true)
	default:
		setLiteral(c, string(text))
	}
}

// setMariaDBDefault reads MariaDB's form, which is SQL: literals in quotes,
// NULL, numbers and expressions bare.
func setMariaDBDefault(c *Column, text string) {
	c.Default = DefaultExpr
	switch {
	case text == "NULL":
		c.Default = DefaultNull
		return
	case isNow(c, text):
		c.Default = DefaultNow
		return
	}
	value, rest, quoted := parseLiteral(text)
	if quoted && rest != "" {
		setExpression(c, text, false)
		return
	}
	numeric := c.Type <= Year && c.Type != Unknown
	if !quoted {
		value = text
	}
	if quoted != numeric { // else an expression, or a literal of another class than the column
		setLiteral(c, value)
	}
	if c.Default == DefaultExpr && !quoted && !number.MatchString(text) {
		setExpression(c, text, false)
	}
}

// number is a numeric literal.
var number = regexp.MustCompile(`^-?[0-9.]+(e[-+]?[0-9]+)?$`)

// setExpression takes text as an expression; literal says that it may be one
// without operators.
func setExpression(c *Column, text string, literal bool) {
	switch c.Default = DefaultExpr; {
	case isNow(c, text):
		c.Default = DefaultNow
	case computable(text, literal):
		c.Default = DefaultComputed
	}
}

// isNow reports whether text is CURRENT_TIMESTAMP with just the column's
// fractional digits, as one of the servers prints it.
func isNow(c *Column, text string) bool {
	if c.Type != Datetime && c.Type != Timestamp {
		return false
	}
	text = strings.ToLower(text)
	rest, ok := strings.CutPrefix(text, "current_timestamp")
	if !ok {
		if rest, ok = strings.CutPrefix(text, "now"); !ok {
			return false
		}
	}
	fsp := strconv.Itoa(c.Fsp)
	return rest == "("+fsp+")" || c.Fsp == 0 && (rest == "" || rest == "()")
}

// setLiteral takes value as the stored form if it certainly is.
func setLiteral(c *Column, value string) {
	c.Default = DefaultExpr
	stored, ok := storedLiteral(c, value)
	switch {
	case ok:
		c.Default, c.DefaultValue = DefaultLiteral, stored
	case c.Type == Date || c.Type == Datetime || c.Type == Timestamp || c.Type == Time || c.Type == Double && c.Scale < 0:
		// SHOW CREATE TABLE prints all of it, and in the zone that reads it back.
		c.Default = DefaultComputed
	}
}

// storedLiteral is the stored form of a literal default, which the servers
// print as the column would. False where their print is not exact: FLOAT (six
// digits), binary strings (cut at a zero byte), zero dates (an error under
// some modes), TIMESTAMP (in the zone of whoever asks).
func storedLiteral(c *Column, s string) ([]byte, bool) {
	ok := false
	switch c.Type {
	case Tinyint, Smallint, Mediumint, Int, Bigint:
		ok = storedInt(c, s)
	case Decimal:
		ok = storedDecimal(c, s)
	case Float:
		ok = s == "0" && c.Scale < 0
	case Double:
		ok = storedDouble(c, s)
	case Bit:
		return storedBit(c, s)
	case Year:
		ok = len(s) == 4 && digits(s)
	case Date:
		ok = storedTime(s, time.DateOnly)
	case Datetime:
		layout := time.DateTime
		if c.Fsp > 0 {
			layout += "." + strings.Repeat("0", c.Fsp)
		}
		ok = storedTime(s, layout)
	case Time:
		ok = storedClock(c, s)
	case Char, Varchar, Text:
		ok = storedText(c, s)
	case Enum:
		ok = storedText(c, s) && memberAt(c, s) >= 0
	case Set:
		ok = storedText(c, s) && storedSet(c, s)
	case JSON: // MariaDB keeps it verbatim; what its json_valid accepts is not judged here
		ok = s == "{}" || s == "[]" || s == "null"
	}
	return []byte(s), ok
}

// digits reports whether s is decimal digits and nothing else.
func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// intBits is the width of the integer types.
var intBits = map[Type]int{Tinyint: 8, Smallint: 16, Mediumint: 24, Int: 32, Bigint: 64}

// storedInt accepts an integer in the column's range as the column prints it.
func storedInt(c *Column, s string) bool {
	bits := intBits[c.Type]
	if c.Unsigned {
		n, err := strconv.ParseUint(s, 10, bits)
		want := strconv.FormatUint(n, 10)
		if c.Zerofill && len(want) < c.Length {
			want = strings.Repeat("0", c.Length-len(want)) + want
		}
		return err == nil && s == want
	}
	n, err := strconv.ParseInt(s, 10, bits)
	return err == nil && s == strconv.FormatInt(n, 10)
}

// storedDecimal accepts digits with exactly the column's scale.
func storedDecimal(c *Column, s string) bool {
	if digitsOnly, negative := strings.CutPrefix(s, "-"); negative {
		if c.Unsigned || strings.Trim(digitsOnly, "0.") == "" {
			return false
		}
		s = digitsOnly
	}
	whole, frac, point := strings.Cut(s, ".")
	if !digits(whole) || point != (c.Scale > 0) || len(frac) != c.Scale || point && !digits(frac) {
		return false
	}
	width := c.Precision - c.Scale
	if c.Zerofill {
		return len(whole) == max(width, 1)
	}
	return whole == "0" || whole[0] != '0' && len(whole) <= width
}

// storedDouble accepts plain numbers that print as they were read.
func storedDouble(c *Column, s string) bool {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || c.Zerofill || f == 0 && s[0] == '-' || c.Unsigned && f < 0 {
		return false
	}
	if a := math.Abs(f); a != 0 && a < 1e-3 || a >= 1e15 {
		return false // the servers turn to exponents somewhere beyond
	}
	if c.Scale >= 0 {
		return len(s) <= 15 && strconv.FormatFloat(f, 'f', c.Scale, 64) == s
	}
	return strconv.FormatFloat(f, 'f', -1, 64) == s
}

// storedBit turns b'101' into big-endian bytes.
func storedBit(c *Column, s string) ([]byte, bool) {
	s, ok := strings.CutPrefix(s, "b'")
	s, end := strings.CutSuffix(s, "'")
	if !ok || !end || len(s) > c.Length {
		return nil, false
	}
	n, err := strconv.ParseUint(s, 2, 64)
	if err != nil {
		return nil, false
	}
	out := make([]byte, (c.Length+7)/8)
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = byte(n)
		n >>= 8
	}
	return out, true
}

// storedTime accepts a date that exists, in the given layout.
func storedTime(s, layout string) bool {
	t, err := time.Parse(layout, s)
	return err == nil && t.Format(layout) == s && t.Year() >= 1000
}

// storedClock accepts a TIME that is a time of day.
func storedClock(c *Column, s string) bool {
	layout := time.TimeOnly
	if c.Fsp > 0 {
		layout += "." + strings.Repeat("0", c.Fsp)
	}
	t, err := time.Parse(layout, s)
	return err == nil && t.Format(layout) == s
}

// storedText accepts text that fits and was not damaged on the way: a
// character beyond U+FFFF is shown as '?'.
func storedText(c *Column, s string) bool {
	if !utf8.ValidString(s) || strings.ContainsRune(s, utf8.RuneError) {
		return false
	}
	if c.Charset == "utf8mb4" && strings.Contains(s, "?") {
		return false
	}
	switch c.Type {
	case Char:
		return utf8.RuneCountInString(s) <= c.Length && !strings.HasSuffix(s, " ")
	case Varchar:
		return utf8.RuneCountInString(s) <= c.Length
	}
	return c.Type != Text || len(s) <= c.Length
}

// memberAt is the position of an ENUM's or SET's member, -1 if there is none
// with these very bytes.
func memberAt(c *Column, s string) int {
	for i, m := range c.Members {
		if m == s {
			return i
		}
	}
	return -1
}

// storedSet accepts members in their order, each once.
func storedSet(c *Column, s string) bool {
	last := -1
	if s == "" {
		return true
	}
	for m := range strings.SplitSeq(s, ",") {
		at := memberAt(c, m)
		if at <= last {
			return false
		}
		last = at
	}
	return true
}
