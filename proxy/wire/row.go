package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
)

// AppendTextRow appends the payload of a text-protocol row; nil is NULL.
func AppendTextRow(dst []byte, values [][]byte) []byte {
	for _, v := range values {
		if v == nil {
			dst = append(dst, 0xfb)
			continue
		}
		dst = AppendString(dst, v)
	}
	return dst
}

// ParseTextRow splits a text-protocol row into its values, nil for NULL, and
// appends them to dst.
func ParseTextRow(dst [][]byte, p []byte, columns int) ([][]byte, error) {
	c := cursor{p: p}
	for range columns {
		if len(c.p) > 0 && c.p[0] == 0xfb {
			c.u8()
			dst = append(dst, nil)
			continue
		}
		v := c.str()
		if v == nil && !c.bad {
			v = []byte{}
		}
		dst = append(dst, v)
	}
	if c.bad || len(c.p) > 0 {
		return nil, ErrMalformed
	}
	return dst, nil
}

// AppendBinaryRow appends the payload of a binary-protocol row. Values are in
// the text form that the text protocol would send for the column, with one
// exception: FLOAT takes any text that reads back as the same float32, which
// the 6 digits of the text protocol may not. nil is NULL.
func AppendBinaryRow(dst []byte, columns []ColumnDef, values [][]byte) ([]byte, error) {
	if len(columns) != len(values) {
		return nil, fmt.Errorf("binary row: %d values for %d columns", len(values), len(columns))
	}
	dst = append(dst, 0)
	nulls := len(dst)
	for range (len(columns) + 7 + 2) / 8 {
		dst = append(dst, 0)
	}
	for i, v := range values {
		if v == nil {
			dst[nulls+(i+2)/8] |= 1 << ((i + 2) % 8)
			continue
		}
		var err error
		if dst, err = appendBinary(dst, &columns[i], v); err != nil {
			return nil, fmt.Errorf("binary row: column %d: %w", i, err)
		}
	}
	return dst, nil
}

// appendBinary appends one value that is not NULL.
func appendBinary(dst []byte, d *ColumnDef, v []byte) ([]byte, error) {
	switch d.Type {
	case TypeTiny, TypeShort, TypeYear, TypeLong, TypeInt24, TypeLongLong:
		return appendBinaryInt(dst, d, v)
	case TypeFloat:
		f, err := strconv.ParseFloat(string(v), 32)
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(f))), err
	case TypeDouble:
		f, err := strconv.ParseFloat(string(v), 64)
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f)), err
	case TypeDate, TypeNewDate, TypeDatetime, TypeTimestamp:
		return appendBinaryDatetime(dst, v, d.Type == TypeDate)
	case TypeTime:
		return appendBinaryTime(dst, v)
	default:
		return AppendString(dst, v), nil
	}
}

// appendBinaryInt appends an integer in its column's width.
func appendBinaryInt(dst []byte, d *ColumnDef, v []byte) ([]byte, error) {
	var n uint64
	var err error
	if d.Flags&FlagUnsigned != 0 || d.Type == TypeYear {
		n, err = strconv.ParseUint(string(v), 10, 64)
	} else {
		var i int64
		i, err = strconv.ParseInt(string(v), 10, 64)
		n = uint64(i)
	}
	if err != nil {
		return nil, err
	}
	switch d.Type {
	case TypeTiny:
		return append(dst, byte(n)), nil
	case TypeShort, TypeYear:
		return append(dst, byte(n), byte(n>>8)), nil
	case TypeLong, TypeInt24:
		return binary.LittleEndian.AppendUint32(dst, uint32(n)), nil
	}
	return binary.LittleEndian.AppendUint64(dst, n), nil
}
