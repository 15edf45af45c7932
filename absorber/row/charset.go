package row

import "unicode/utf8"

// charsetName gives a character set the name used here: "utf8" is utf8mb3.
func charsetName(name string) string {
	if name == "utf8" {
		return "utf8mb3"
	}
	return name
}

// fits counts the characters of s and reports whether the character set has all
// of them. It also gives the bytes they take up there. Only character sets
// whose conversion is known exactly are handled; ok is false for others.
func fits(s []byte, charset string) (chars, bytes int, ok bool) {
	switch charset {
	case "utf8mb4", "utf8mb3", "utf8", "latin1", "ascii":
	default:
		return 0, 0, false
	}
	for i := 0; i < len(s); chars++ {
		if s[i] < utf8.RuneSelf {
			i++
			bytes++
			continue
		}
		r, size := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError && size <= 1 {
			return 0, 0, false
		}
		switch charset {
		case "utf8mb4":
			bytes += size
		case "utf8mb3", "utf8":
			if size == 4 {
				return 0, 0, false
			}
			bytes += size
		case "latin1":
			if _, ok := latin1(r); !ok {
				return 0, 0, false
			}
			bytes++
		default:
			return 0, 0, false
		}
		i += size
	}
	return chars, bytes, true
}

// Converts reports whether UTF-8 text can be converted to a character set
// without loss, as far as that is known here.
func Converts(s []byte, charset string) bool {
	_, _, ok := fits(s, charset)
	return ok
}

// toLatin1 converts UTF-8 into MySQL's latin1; false if a character is missing
// there.
func toLatin1(dst, s []byte) ([]byte, bool) {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRune(s[i:])
		c, ok := latin1(r)
		if !ok || r == utf8.RuneError && size <= 1 {
			return dst, false
		}
		dst = append(dst, c)
		i += size
	}
	return dst, true
}

// FromLatin1 converts text in MySQL's latin1 into UTF-8.
func FromLatin1(s []byte) []byte {
	out := make([]byte, 0, len(s)+len(s)/2)
	for _, c := range s {
		r := rune(c)
		if c >= 0x80 && c < 0xa0 && windows1252[c-0x80] != 0 {
			r = windows1252[c-0x80]
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

// latin1 is a character's byte in MySQL's latin1, which is Windows-1252 with
// the five unused bytes standing for the control characters of their number.
func latin1(r rune) (byte, bool) {
	switch {
	case r < 0x80, r >= 0xa0 && r <= 0xff:
		return byte(r), true
	case r == 0x81, r == 0x8d, r == 0x8f, r == 0x90, r == 0x9d:
		return byte(r), true
	case r < 0x100:
		return 0, false
	}
	for i, w := range windows1252 {
		if w == r {
			return byte(0x80 + i), true
		}
	}
	return 0, false
}

// windows1252 are the characters of the bytes 0x80 to 0x9f, 0 where unused.
var windows1252 = [32]rune{
	0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017d, 0,
	0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178,
}

// cutChars is the first n characters of UTF-8 text.
func cutChars(s []byte, n int) []byte {
	for i := 0; i < len(s); n-- {
		if n == 0 {
			return s[:i]
		}
		_, size := utf8.DecodeRune(s[i:])
		i += size
	}
	return s
}
