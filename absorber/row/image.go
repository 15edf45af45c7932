package row

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// ErrImage says that bytes are not the encoding of an image with the number of
// columns asked for: truncated, too long, or not canonical.
var ErrImage = errors.New("row image is damaged")

// The first byte of a length-encoded value: below lenNull the length itself,
// else what follows.
const (
	lenNull = 0xfb // NULL, nothing follows
	len2    = 0xfc // 2 bytes of length, little endian
	len3    = 0xfd // 3 bytes
	len8    = 0xfe // 8 bytes
)

// AppendTo appends the image as the body of a text-protocol row: each value as
// a length-encoded string, 0xfb for NULL. A SELECT of all columns can send
// these bytes as they are, FLOAT and TIMESTAMP columns excepted (see Print).
func (im Image) AppendTo(dst []byte) []byte {
	for _, v := range im {
		if v == nil {
			dst = append(dst, lenNull)
			continue
		}
		dst = AppendValue(dst, v)
	}
	return dst
}

// AppendValue appends one value that is not NULL as a length-encoded string.
func AppendValue(dst, v []byte) []byte {
	switch n := len(v); {
	case n < lenNull:
		dst = append(dst, byte(n))
	case n < 1<<16:
		dst = append(dst, len2, byte(n), byte(n>>8))
	case n < 1<<24:
		dst = append(dst, len3, byte(n), byte(n>>8), byte(n>>16))
	default:
		dst = binary.LittleEndian.AppendUint64(append(dst, len8), uint64(n))
	}
	return append(dst, v...)
}

// DecodeImage reads what AppendTo wrote for a row of that many columns. The
// values alias b. Only the canonical encoding is accepted, so a decoded image
// appends to the same bytes again. The error is ErrImage.
func DecodeImage(b []byte, columns int) (Image, error) {
	if columns < 0 || columns > len(b) {
		return nil, ErrImage
	}
	im := make(Image, columns)
	for i := range im {
		if len(b) == 0 {
			return nil, ErrImage
		}
		if b[0] == lenNull {
			b = b[1:]
			continue
		}
		n, head, ok := valueLength(b)
		if !ok || n > uint64(len(b)-head) {
			return nil, ErrImage
		}
		end := head + int(n)
		im[i] = b[head:end:end]
		b = b[end:]
	}
	if len(b) != 0 {
		return nil, ErrImage
	}
	return im, nil
}

// valueLength reads the length before a value and the size of that length
// itself. It fails on a truncated length and on one that has a shorter form.
func valueLength(b []byte) (n uint64, head int, ok bool) {
	switch c := b[0]; {
	case c < lenNull:
		return uint64(c), 1, true
	case c == len2 && len(b) >= 3:
		n = uint64(binary.LittleEndian.Uint16(b[1:]))
		return n, 3, n >= lenNull
	case c == len3 && len(b) >= 4:
		n = uint64(b[1]) | uint64(b[2])<<8 | uint64(b[3])<<16
		return n, 4, n >= 1<<16
	case c == len8 && len(b) >= 9:
		n = binary.LittleEndian.Uint64(b[1:])
		return n, 9, n >= 1<<24
	}
	return 0, 0, false
}

// Clone copies the image and its values into one new buffer.
func (im Image) Clone() Image {
	if im == nil {
		return nil
	}
	size := 0
	for _, v := range im {
		size += len(v)
	}
	buf := make([]byte, 0, size)
	out := make(Image, len(im))
	for i, v := range im {
		if v == nil {
			continue
		}
		at := len(buf)
		buf = append(buf, v...)
		out[i] = buf[at:len(buf):len(buf)]
	}
	return out
}

// Equal reports whether both images have the same values, byte for byte. NULL
// equals NULL and differs from the empty string.
func (im Image) Equal(other Image) bool {
	if len(im) != len(other) {
		return false
	}
	for i, v := range im {
		if (v == nil) != (other[i] == nil) || !bytes.Equal(v, other[i]) {
			return false
		}
	}
	return true
}
