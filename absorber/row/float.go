package row

import (
	"bytes"
	"strconv"
)

// FormatFloat64 prints a DOUBLE as MySQL's text protocol does: the shortest
// decimal that reads back as f, with an exponent below 1e-15 and, unless there
// are digits after the point, from 1e15 up.
func FormatFloat64(f float64) []byte { return appendShortest(nil, f, -1, 64) }

// FormatFloat32 prints a FLOAT in the stored form: the shortest decimal that
// reads back as the same 4-byte float, written as FormatFloat64 writes it.
func FormatFloat32(f float32) []byte { return appendShortest(nil, float64(f), -1, 32) }

// floatDigits is how many significant digits of a FLOAT the text protocol shows.
const floatDigits = 6

// appendShortest appends f with that many significant digits (-1: as many as
// it takes to read back the same), trailing zeros removed.
func appendShortest(dst []byte, f float64, digits, bits int) []byte {
	if digits > 0 {
		digits--
	}
	var buf [32]byte
	s := strconv.AppendFloat(buf[:0], f, 'e', digits, bits)
	at := bytes.IndexByte(s, 'e')
	if at < 0 { // infinities are no column's value
		return append(dst, s...)
	}
	mantissa := s[:at]
	exp, err := strconv.Atoi(string(s[at+1:]))
	if err != nil {
		return append(dst, s...)
	}
	if mantissa[0] == '-' {
		dst, mantissa = append(dst, '-'), mantissa[1:]
	}
	figures := make([]byte, 0, 20)
	figures = append(figures, mantissa[0])
	if len(mantissa) > 2 {
		figures = append(figures, mantissa[2:]...)
	}
	figures = bytes.TrimRight(figures, "0")
	if len(figures) == 0 {
		return append(dst, '0')
	}
	if exp < -15 || exp >= 15 && len(figures) <= exp+1 {
		return appendExponent(dst, figures, exp)
	}
	return appendFixed(dst, figures, exp)
}

// appendExponent writes figures as d.ddde±x.
func appendExponent(dst, figures []byte, exp int) []byte {
	dst = append(dst, figures[0])
	if len(figures) > 1 {
		dst = append(append(dst, '.'), figures[1:]...)
	}
	return strconv.AppendInt(append(dst, 'e'), int64(exp), 10)
}

// appendFixed writes figures, the first of which counts 10^exp, without an
// exponent.
func appendFixed(dst, figures []byte, exp int) []byte {
	if exp < 0 {
		dst = append(dst, '0', '.')
		for i := -1; i > exp; i-- {
			dst = append(dst, '0')
		}
		return append(dst, figures...)
	}
	for i := 0; i <= exp; i++ {
		if i < len(figures) {
			dst = append(dst, figures[i])
		} else {
			dst = append(dst, '0')
		}
	}
	if len(figures) > exp+1 {
		dst = append(append(dst, '.'), figures[exp+1:]...)
	}
	return dst
}
