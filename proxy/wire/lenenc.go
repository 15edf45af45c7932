package wire

import (
	"encoding/binary"
	"errors"
)

// ErrMalformed is the answer to bytes that are not what they should be.
var ErrMalformed = errors.New("malformed packet")

// AppendInt appends a length-encoded integer.
func AppendInt(dst []byte, n uint64) []byte {
	switch {
	case n < 251:
		return append(dst, byte(n))
	case n < 1<<16:
		return append(dst, 0xfc, byte(n), byte(n>>8))
	case n < 1<<24:
		return append(dst, 0xfd, byte(n), byte(n>>8), byte(n>>16))
	}
	return binary.LittleEndian.AppendUint64(append(dst, 0xfe), n)
}

// AppendString appends a length-encoded string.
func AppendString[S ~string | ~[]byte](dst []byte, s S) []byte {
	return append(AppendInt(dst, uint64(len(s))), s...)
}

// cursor reads fields from the front of a payload. The first failure sticks:
// every later read gives zero, so a parser checks bad once, at its end.
type cursor struct {
	p   []byte
	bad bool
}

// take returns the next n bytes.
func (c *cursor) take(n int) []byte {
	if c.bad || n < 0 || n > len(c.p) {
		c.bad = true
		return nil
	}
	b := c.p[:n:n]
	c.p = c.p[n:]
	return b
}

// u8 reads one byte.
func (c *cursor) u8() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

// u16 reads a little-endian number.
func (c *cursor) u16() uint16 {
	if b := c.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

// u32 reads a little-endian number.
func (c *cursor) u32() uint32 {
	if b := c.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// u64 reads a little-endian number.
func (c *cursor) u64() uint64 {
	if b := c.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// int reads a length-encoded integer; 0xfb (NULL) and 0xff are malformed.
func (c *cursor) int() uint64 {
	switch b := c.u8(); b {
	case 0xfb, 0xff:
		c.bad = true
		return 0
	case 0xfc:
		return uint64(c.u16())
	case 0xfd:
		if b := c.take(3); b != nil {
			return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16
		}
		return 0
	case 0xfe:
		return c.u64()
	default:
		return uint64(b)
	}
}

// str reads a length-encoded string.
func (c *cursor) str() []byte {
	n := c.int()
	if n > uint64(len(c.p)) {
		c.bad = true
		return nil
	}
	return c.take(int(n))
}

// nul reads up to and over a zero byte.
func (c *cursor) nul() []byte {
	for i, b := range c.p {
		if b == 0 {
			s := c.take(i)
			c.take(1)
			return s
		}
	}
	c.bad = true
	return nil
}

// rest takes what is left.
func (c *cursor) rest() []byte { return c.take(len(c.p)) }
