package row

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// Store converts a value into the stored form (see Image) a column would have
// after an INSERT or UPDATE of that value. clean is true only if the server
// would store exactly these bytes, with no error, no warning and no note, in
// strict mode and without. Whatever is doubtful is not clean, and is for the
// server to decide; stored is nil then.
//
// Not looked at here: defaults, AUTO_INCREMENT's meaning of NULL and 0,
// uniqueness, and ALLOW of NULL by a NOT NULL TIMESTAMP; NULL into a NOT NULL
// column is not clean. stored may alias v.Text or c.Members.
func Store(c *schema.Column, v Value, m StoreMode) (stored []byte, clean bool) {
	if c.Generated {
		return nil, false
	}
	switch v.Kind {
	case KindNull:
		return nil, !c.NotNull
	case KindDefault:
		return nil, false
	}
	if v.Text == nil {
		v.Text = []byte{}
	}
	stored, clean = store(c, v, &m)
	if !clean {
		return nil, false
	}
	return stored, true
}

// store is Store for a value that is not NULL.
func store(c *schema.Column, v Value, m *StoreMode) ([]byte, bool) {
	switch c.Type {
	case schema.Tinyint, schema.Smallint, schema.Mediumint, schema.Int, schema.Bigint:
		return storeInt(c, v)
	case schema.Decimal:
		return storeDecimal(c, v)
	case schema.Float, schema.Double:
		return storeFloat(c, v)
	case schema.Bit:
		return storeBit(c, v, m.Dialect)
	case schema.Year:
		return storeYear(v)
	case schema.Date:
		return storeDate(v, m)
	case schema.Datetime, schema.Timestamp:
		return storeDatetime(c, v, m)
	case schema.Time:
		return storeTime(c, v, m)
	case schema.Char, schema.Varchar, schema.Text:
		return storeText(c, v)
	case schema.Binary, schema.Varbinary, schema.Blob:
		return storeBytes(c, v)
	case schema.Enum:
		return storeEnum(c, v, m.Dialect)
	case schema.Set:
		return storeSet(c, v, m.Dialect)
	case schema.JSON:
		return storeJSON(c, v, m.Dialect)
	}
	return nil, false
}

// intBits is the width of an integer type.
func intBits(t schema.Type) uint {
	switch t {
	case schema.Tinyint:
		return 8
	case schema.Smallint:
		return 16
	case schema.Mediumint:
		return 24
	case schema.Int:
		return 32
	}
	return 64
}

// storeInt takes whole numbers in range; a fraction is left to the server.
func storeInt(c *schema.Column, v Value) ([]byte, bool) {
	n, ok := numberOf(v)
	if !ok || len(n.frac) > 0 {
		return nil, false
	}
	u, ok := n.magnitude()
	if !ok {
		return nil, false
	}
	bits := intBits(c.Type)
	limit := uint64(1) << (bits - 1)
	switch {
	case c.Unsigned && n.negative:
		return nil, false
	case c.Unsigned:
		ok = u <= uint64(1)<<bits-1 // bits = 64: 1<<64 is 0
	case n.negative:
		ok = u <= limit
	default:
		ok = u < limit
	}
	if !ok {
		return nil, false
	}
	if c.Zerofill {
		return zerofill(u, c.Length)
	}
	if bytes.Equal(n.whole, v.Text) {
		return v.Text, true
	}
	return n.appendTo(nil, 0), true
}

// zerofill pads an integer to its display width; without a known width the
// result is not known.
func zerofill(u uint64, width int) ([]byte, bool) {
	if width <= 0 || width > 255 {
		return nil, false
	}
	digits := strconv.AppendUint(nil, u, 10)
	out := make([]byte, 0, max(width, len(digits)))
	for i := len(digits); i < width; i++ {
		out = append(out, '0')
	}
	return append(out, digits...), true
}

// storeDecimal takes numbers that fit without rounding.
func storeDecimal(c *schema.Column, v Value) ([]byte, bool) {
	n, ok := numberOf(v)
	if !ok || c.Zerofill || n.negative && (c.Unsigned || n.zero()) {
		return nil, false
	}
	if len(n.frac) > c.Scale || len(n.whole) > c.Precision-c.Scale {
		return nil, false
	}
	return n.appendTo(make([]byte, 0, c.Precision+3), c.Scale), true
}

// storeYear takes four-digit years and zero. Two digits are left to the server.
func storeYear(v Value) ([]byte, bool) {
	switch v.Kind {
	case KindInt, KindUint:
		if string(v.Text) == "0" {
			return []byte("0000"), true
		}
	case KindString:
	default:
		return nil, false
	}
	if len(v.Text) != 4 || !allDigits(v.Text) {
		return nil, false
	}
	y := twoDigits(v.Text)*100 + twoDigits(v.Text[2:])
	return v.Text, y >= 1901 && y <= 2155 || y == 0 && v.Kind == KindString
}

// storeBit takes a number in range, or bytes that fit. MySQL reads a string as
// its bytes in a literal and as a number in a parameter, so it is not clean
// there.
func storeBit(c *schema.Column, v Value, d schema.Dialect) ([]byte, bool) {
	size := (c.Length + 7) / 8
	if c.Length < 1 || c.Length > 64 {
		return nil, false
	}
	var u uint64
	switch v.Kind {
	case KindInt, KindUint:
		var err error
		if u, err = strconv.ParseUint(string(v.Text), 10, 64); err != nil {
			return nil, false
		}
	case KindBytes, KindString:
		if v.Kind == KindString && (d == schema.MySQL || !utf8.Valid(v.Text)) || len(v.Text) == 0 || len(v.Text) > 8 {
			return nil, false
		}
		for _, b := range v.Text {
			u = u<<8 | uint64(b)
		}
	default:
		return nil, false
	}
	if c.Length < 64 && u>>c.Length != 0 {
		return nil, false
	}
	out := make([]byte, size)
	for i := range out {
		out[i] = byte(u >> (8 * (size - 1 - i)))
	}
	return out, true
}
