package sink

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// AppendLiteral appends value, in the stored form of row.Image, as a literal
// that the server stores back as exactly that, and finds a row by. An error
// says that it is none of the column's values. It counts on the session's
// charset (utf8mb4), time zone (UTC) and sql_mode (NO_BACKSLASH_ESCAPES).
func AppendLiteral(dst []byte, c *schema.Column, value []byte) ([]byte, error) {
	if value == nil {
		return append(dst, "NULL"...), nil
	}
	switch c.Type {
	case schema.Tinyint, schema.Smallint, schema.Mediumint, schema.Int, schema.Bigint, schema.Decimal:
		return appendNumber(dst, c, value)
	case schema.Double:
		return appendDouble(dst, c, value)
	case schema.Float:
		// The double that equals the float: no second rounding on the way.
		f, err := strconv.ParseFloat(string(value), 32)
		if err != nil {
			return nil, fmt.Errorf("column %s holds no number", c.Name)
		}
		return appendDouble(dst, c, strconv.AppendFloat(nil, f, 'e', -1, 64))
	case schema.Bit:
		if len(value) > 8 {
			return nil, fmt.Errorf("column %s holds %d bytes of bits", c.Name, len(value))
		}
		var n uint64
		for _, b := range value {
			n = n<<8 | uint64(b)
		}
		return strconv.AppendUint(dst, n, 10), nil
	case schema.Binary, schema.Varbinary, schema.Blob:
		// Not x'..': that doubles the size, and a value the client could just
		// send would no longer fit into a packet.
		return appendQuoted(append(dst, "_binary"...), value), nil
	case schema.Year, schema.Date, schema.Datetime, schema.Timestamp, schema.Time,
		schema.Char, schema.Varchar, schema.Text, schema.Enum, schema.Set, schema.JSON:
		return appendQuoted(dst, value), nil
	default:
		return nil, fmt.Errorf("column %s has type %s, which is not absorbed", c.Name, c.ColumnType)
	}
}

// appendNumber appends an integer or decimal bare. Nothing but a number gets
// through: the text becomes part of a statement.
func appendNumber(dst []byte, c *schema.Column, value []byte) ([]byte, error) {
	digits := bytes.TrimPrefix(value, []byte("-"))
	dots := 0
	for _, b := range digits {
		if b == '.' {
			dots++
		} else if b < '0' || b > '9' {
			return nil, fmt.Errorf("column %s holds no number", c.Name)
		}
	}
	if len(digits) == dots || dots > 1 {
		return nil, fmt.Errorf("column %s holds no number", c.Name)
	}
	return append(dst, value...), nil
}

// appendDouble appends a floating-point number so that it is read as one:
// without an exponent it would be read as a DECIMAL.
func appendDouble(dst []byte, c *schema.Column, value []byte) ([]byte, error) {
	for _, b := range value {
		if (b < '0' || b > '9') && b != '.' && b != '-' && b != '+' && b != 'e' && b != 'E' {
			return nil, fmt.Errorf("column %s holds no number", c.Name)
		}
	}
	f, err := strconv.ParseFloat(string(value), 64)
	if err != nil {
		return nil, fmt.Errorf("column %s holds no number", c.Name)
	}
	if f == 0 {
		// MariaDB computes -0e0 as 0, but keeps the sign of a string.
		return appendQuoted(dst, value), nil
	}
	dst = append(dst, value...)
	if bytes.IndexByte(value, 'e') < 0 && bytes.IndexByte(value, 'E') < 0 {
		dst = append(dst, "e0"...)
	}
	return dst, nil
}

// appendQuoted appends a string literal. The session has
// NO_BACKSLASH_ESCAPES, so the quote is the only special byte; in utf8mb4 it is
// never part of a longer character.
func appendQuoted(dst, s []byte) []byte {
	dst = append(dst, '\'')
	for {
		i := bytes.IndexByte(s, '\'')
		if i < 0 {
			break
		}
		dst = append(append(dst, s[:i+1]...), '\'')
		s = s[i+1:]
	}
	return append(append(dst, s...), '\'')
}

// appendName appends an identifier in backticks.
func appendName(dst []byte, name string) []byte {
	dst = append(dst, '`')
	for i := range len(name) {
		if name[i] == '`' {
			dst = append(dst, '`')
		}
		dst = append(dst, name[i])
	}
	return append(dst, '`')
}

// appendTable appends `db`.`table`.
func appendTable(dst []byte, n schema.Name) []byte {
	return appendName(append(appendName(dst, n.DB), '.'), n.Table)
}

// QuoteName is name as an identifier in backticks.
func QuoteName(name string) string { return string(appendName(nil, name)) }

// QuoteText is s as a string literal for a session with NO_BACKSLASH_ESCAPES.
func QuoteText(s string) string { return string(appendQuoted(nil, []byte(s))) }
