package schema

import "strings"

// reading is one way to read a piece of SQL whose session is not known.
type reading struct {
	backslash bool // a backslash escapes inside strings (no NO_BACKSLASH_ESCAPES)
	versioned bool // the text of executable comments is code
}

// identifiers calls yield for everything in sql that may be an identifier:
// bare words, keywords and numbers among them, and what stands in backquotes
// or double quotes. Strings and comments are skipped. Where the reading depends
// on the session or the server's version (backslashes in strings, executable
// comments), all readings are tried, so that a word may come several times but
// none is missed. Quotes are taken off; nothing is folded.
func identifiers(sql string, yield func(word string)) {
	backslashes := []bool{true}
	if strings.Contains(sql, `\`) {
		backslashes = []bool{true, false}
	}
	comments := []bool{true}
	if strings.Contains(sql, "/*!") || strings.Contains(sql, "/*M!") {
		comments = []bool{true, false}
	}
	for _, b := range backslashes {
		for _, v := range comments {
			reading{backslash: b, versioned: v}.scan(sql, yield)
		}
	}
}

// scan is one pass of identifiers.
func (r reading) scan(s string, yield func(string)) {
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case wordByte(c):
			end := i + 1
			for end < len(s) && wordByte(s[end]) {
				end++
			}
			yield(s[i:end])
			i = end
		case c == '\'':
			i = r.skipQuoted(s, i, true)
		case c == '"':
			// A string, or with ANSI_QUOTES an identifier.
			end := r.skipQuoted(s, i, true)
			yield(unquoted(s[i:end], '"'))
			i = end
		case c == '`':
			end := r.skipQuoted(s, i, false)
			yield(unquoted(s[i:end], '`'))
			i = end
		default:
			i = r.skipComment(s, i)
		}
	}
}

// wordByte holds for the bytes of bare identifiers, those of UTF-8 included.
func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c >= 0x80
}

// skipQuoted returns the place after the quoted text that starts at i, or the
// end of s.
func (r reading) skipQuoted(s string, i int, escapes bool) int {
	quote := s[i]
	for i++; i < len(s); i++ {
		switch {
		case s[i] == '\\' && escapes && r.backslash:
			i++
		case s[i] == quote && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote:
			return i + 1
		}
	}
	return len(s)
}

// unquoted takes the quotes off; the last may be missing.
func unquoted(s string, quote byte) string {
	s = s[1:]
	if s != "" && s[len(s)-1] == quote {
		s = s[:len(s)-1]
	}
	q := string(quote)
	return strings.ReplaceAll(s, q+q, q)
}

// skipComment returns the place after the comment that starts at i, or i+1 if
// none does. Of an executable comment only the opening is skipped; its closing
// is no word and needs no care.
func (r reading) skipComment(s string, i int) int {
	rest := s[i:]
	switch {
	case rest[0] == '#', strings.HasPrefix(rest, "--") && (len(rest) == 2 || rest[2] <= ' '):
		if end := strings.IndexByte(rest, '\n'); end >= 0 {
			return i + end + 1
		}
		return len(s)
	case r.versioned && strings.HasPrefix(rest, "/*!"):
		return i + len("/*!")
	case r.versioned && strings.HasPrefix(rest, "/*M!"):
		return i + len("/*M!")
	case strings.HasPrefix(rest, "/*"):
		if end := strings.Index(rest[2:], "*/"); end >= 0 {
			return i + 2 + end + 2
		}
		return len(s)
	}
	return i + 1
}
