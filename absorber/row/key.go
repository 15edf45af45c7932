package row

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// ErrKey says that values are no key of their table: NULL in a primary key, a
// value that is not in stored form, a type or collation that has no key.
var ErrKey = errors.New("not a key")

// keyRoom is the size of most keys; longer ones cost an allocation more.
const keyRoom = 96

// EncodeKey names the row whose primary key has these values, stored form, in
// the order of t.Primary.Columns. Two keys have equal bytes exactly if the
// server calls the values equal, and bytes.Compare orders keys as the index
// does. Ref.Values is values itself. The error is ErrKey.
func EncodeKey(t *schema.Table, values [][]byte) (Ref, error) {
	key, null, err := encode(t, t.Primary, values)
	if err == nil && (null || len(values) == 0) {
		err = fmt.Errorf("%w: a primary key of %s without all its values", ErrKey, t.Name)
	}
	if err != nil {
		return Ref{}, err
	}
	return Ref{Key: Key(key), Values: values}, nil
}

// EncodeIndex encodes the values of a unique index, stored form, in the order
// of ix.Columns, as EncodeKey does for the primary key. claim is false if one
// of them is NULL: such a row clashes with no other. The error is ErrKey; what
// cannot be encoded must not be taken for a value without a claim.
func EncodeIndex(t *schema.Table, ix schema.Index, values [][]byte) (key string, claim bool, err error) {
	key, null, err := encode(t, ix, values)
	return key, err == nil && !null, err
}

// IndexRef names the row of an image by its primary key. Ref.Values alias the
// image. The error is ErrKey.
func IndexRef(t *schema.Table, im Image) (Ref, error) {
	values := make([][]byte, len(t.Primary.Columns))
	for i, c := range t.Primary.Columns {
		if c < 0 || c >= len(im) {
			return Ref{}, fmt.Errorf("%w: %s has no column %d in its image", ErrKey, t.Name, c)
		}
		values[i] = im[c]
	}
	return EncodeKey(t, values)
}

// encode appends the columns of an index one after the other.
func encode(t *schema.Table, ix schema.Index, values [][]byte) (key string, null bool, err error) {
	if len(values) != len(ix.Columns) {
		return "", false, fmt.Errorf("%w: %d values for %d columns of %s", ErrKey, len(values), len(ix.Columns), t.Name)
	}
	for _, v := range values {
		if v == nil {
			return "", true, nil
		}
	}
	var room [keyRoom]byte
	dst := room[:0]
	for i, at := range ix.Columns {
		if at < 0 || at >= len(t.Columns) {
			return "", false, fmt.Errorf("%w: %s has no column %d", ErrKey, t.Name, at)
		}
		c := &t.Columns[at]
		prefix := 0
		if i < len(ix.Prefix) {
			prefix = ix.Prefix[i]
		}
		var ok bool
		if dst, ok = appendKey(dst, t, c, values[i], prefix, i == len(values)-1); !ok {
			return "", false, fmt.Errorf("%w: column %s of %s", ErrKey, c.Name, t.Name)
		}
	}
	return string(dst), false, nil
}

// appendKey appends one column's value; false if it is not in stored form.
func appendKey(dst []byte, t *schema.Table, c *schema.Column, v []byte, prefix int, last bool) ([]byte, bool) {
	switch c.Type {
	case schema.Tinyint, schema.Smallint, schema.Mediumint, schema.Int, schema.Bigint:
		return appendIntKey(dst, c, v)
	case schema.Decimal:
		return appendDecimalKey(dst, c, v)
	case schema.Float, schema.Double:
		return appendFloatKey(dst, c, v)
	case schema.Bit:
		return append(dst, v...), len(v) == (c.Length+7)/8
	case schema.Year:
		return append(dst, v...), len(v) == 4 && allDigits(v)
	case schema.Date:
		return append(dst, v...), len(v) == len(zeroDate)
	case schema.Datetime, schema.Timestamp:
		return append(dst, v...), len(v) == len(zeroDatetime)+fractionSize(c.Fsp)
	case schema.Time:
		return appendTimeKey(dst, v)
	case schema.Enum:
		return appendEnumKey(dst, c, v)
	case schema.Set:
		bits, ok := setBits(c, v)
		return binary.BigEndian.AppendUint64(dst, bits), ok
	case schema.Char, schema.Varchar, schema.Text:
		coll := collatorFor(t.Dialect, c)
		if coll == nil {
			return dst, false
		}
		if prefix > 0 {
			v = cutChars(v, prefix)
		}
		return coll.appendText(dst, v, last)
	case schema.Binary, schema.Varbinary, schema.Blob:
		if prefix > 0 && len(v) > prefix {
			v = v[:prefix]
		}
		return appendRaw(dst, v, last), true
	}
	return dst, false
}

// collatorFor is the collator of a text column, nil if it has none. The 0900
// collations are MySQL's: newer MariaDB maps their names to other weights.
func collatorFor(d schema.Dialect, c *schema.Column) *collator {
	coll := collatorOf(c.Collation)
	if coll != nil && d == schema.MariaDB && coll.charset == "utf8mb4" && coll.pad == nil {
		return nil
	}
	return coll
}

// appendIntKey appends 8 bytes, big endian, the sign bit flipped if signed.
func appendIntKey(dst []byte, c *schema.Column, v []byte) ([]byte, bool) {
	if c.Unsigned {
		u, err := strconv.ParseUint(string(v), 10, 64)
		return binary.BigEndian.AppendUint64(dst, u), err == nil
	}
	i, err := strconv.ParseInt(string(v), 10, 64)
	return binary.BigEndian.AppendUint64(dst, uint64(i)^1<<63), err == nil
}

// appendDecimalKey appends a sign byte and one byte per digit, padded on both
// sides to the column's digits; those of negative numbers are complemented.
func appendDecimalKey(dst []byte, c *schema.Column, v []byte) ([]byte, bool) {
	n, ok := parseNumber(v)
	if !ok || len(n.whole) > c.Precision-c.Scale || len(n.frac) > c.Scale {
		return dst, false
	}
	sign, flip := byte(1), byte(0)
	if n.negative && !n.zero() {
		sign, flip = 0, 0xff
	}
	dst = append(dst, sign)
	for i := len(n.whole); i < c.Precision-c.Scale; i++ {
		dst = append(dst, '0'^flip)
	}
	for _, d := range n.whole {
		dst = append(dst, d^flip)
	}
	for _, d := range n.frac {
		dst = append(dst, d^flip)
	}
	for i := len(n.frac); i < c.Scale; i++ {
		dst = append(dst, '0'^flip)
	}
	return dst, true
}

// appendFloatKey appends the bits of a double in an order that bytes.Compare
// follows; -0 is 0.
func appendFloatKey(dst []byte, c *schema.Column, v []byte) ([]byte, bool) {
	size := 64
	if c.Type == schema.Float {
		size = 32
	}
	f, err := strconv.ParseFloat(string(v), size)
	if err != nil || math.IsNaN(f) {
		return dst, false
	}
	bits := math.Float64bits(f + 0) // -0 + 0 is +0
	if bits>>63 == 1 {
		bits = ^bits
	} else {
		bits |= 1 << 63
	}
	return binary.BigEndian.AppendUint64(dst, bits), true
}

// appendTimeKey appends a TIME as microseconds, 8 bytes, the sign bit flipped.
func appendTimeKey(dst, v []byte) ([]byte, bool) {
	t, ok := parseTime(v)
	if !ok {
		return dst, false
	}
	return binary.BigEndian.AppendUint64(dst, uint64(t.total())^1<<63), true
}

// appendEnumKey appends the member's number, 2 bytes; 0 is the empty string
// that stands for a bad value.
func appendEnumKey(dst []byte, c *schema.Column, v []byte) ([]byte, bool) {
	for i, m := range c.Members {
		if m == string(v) {
			return binary.BigEndian.AppendUint16(dst, uint16(i+1)), true
		}
	}
	return append(dst, 0, 0), len(v) == 0
}
