package sqlrewrite

// identEnd gives the end of the identifier characters from p on.
func (l *lexer) identEnd(p int) int {
	for p < len(l.src) && class[l.src[p]]&clsIdent != 0 {
		p++
	}
	return p
}

// digitsEnd gives the end of the digits from p on.
func (l *lexer) digitsEnd(p int) int {
	for p < len(l.src) && class[l.src[p]]&clsDigit != 0 {
		p++
	}
	return p
}

// word cuts what starts with an identifier character: a word, a number, or a
// prefixed literal. After a dot it is a word, even 1e5.
func (l *lexer) word(t *token, dotted bool) {
	c := l.src[l.pos]
	if !dotted {
		switch {
		case class[c]&clsDigit != 0:
			if l.number(t) {
				return
			}
		case (c|0x20 == 'x' || c|0x20 == 'b') && l.at(1) == '\'':
			t.kind = tokHex
			if c|0x20 == 'b' {
				t.kind = tokBits
			}
			l.pos++
			l.quoted(t, '\'', false)
			t.broken = t.broken || !wellFormed(t.kind, l.src[t.start+2:l.pos-1])
			return
		}
	}
	t.kind = tokWord
	l.pos = l.identEnd(l.pos + 1)
	l.afterIdent = true
}

// wellFormed checks the digits of x'..' and b'..'.
func wellFormed(kind tokenKind, digits []byte) bool {
	for _, c := range digits {
		if kind == tokHex && class[c]&clsHex == 0 || kind == tokBits && c != '0' && c != '1' {
			return false
		}
	}
	return kind == tokBits || len(digits)%2 == 0
}

// number cuts a number; false means that it is an identifier such as 1a, and
// nothing was cut.
func (l *lexer) number(t *token) bool {
	if l.src[l.pos] == '0' && (l.at(1) == 'x' || l.at(1) == 'b') {
		if end := l.identEnd(l.pos); end > l.pos+2 && radix(l.src[l.pos+1], l.src[l.pos+2:end]) {
			t.kind = tokHex
			if l.at(1) == 'b' {
				t.kind = tokBits
			}
			l.pos = end
			return true
		}
		return false
	}
	p := l.digitsEnd(l.pos)
	if p < len(l.src) && class[l.src[p]]&clsIdent != 0 {
		if end := l.exponent(p); end > 0 {
			t.kind, t.float = tokNumber, true
			l.pos = end
			return true
		}
		return false
	}
	t.kind = tokNumber
	l.pos = p
	if l.at(0) == '.' {
		l.fraction(t)
	}
	return true
}

// radix reports whether digits are all hexadecimal ('x') or binary ('b').
func radix(base byte, digits []byte) bool {
	for _, c := range digits {
		if base == 'x' && class[c]&clsHex == 0 || base == 'b' && c != '0' && c != '1' {
			return false
		}
	}
	return true
}

// exponent gives the end of an exponent that starts at p, 0 if there is none.
func (l *lexer) exponent(p int) int {
	if p >= len(l.src) || l.src[p]|0x20 != 'e' {
		return 0
	}
	q := p + 1
	if q < len(l.src) && (l.src[q] == '+' || l.src[q] == '-') {
		q++
	}
	if end := l.digitsEnd(q); end > q {
		return end
	}
	return 0
}

// fraction cuts a point, the digits after it, and an exponent.
func (l *lexer) fraction(t *token) {
	t.kind, t.point = tokNumber, true
	l.pos = l.digitsEnd(l.pos + 1)
	if end := l.exponent(l.pos); end > 0 {
		t.float, t.point = true, false
		l.pos = end
		return
	}
	// 1.e without an exponent is something else to each server.
	t.broken = l.at(0)|0x20 == 'e'
}

// quoted cuts what stands between two quotes, where the quote doubled stands
// for itself, and a backslash hides the next character if asked to.
func (l *lexer) quoted(t *token, quote byte, backslash bool) {
	p := l.pos + 1
	for p < len(l.src) {
		switch c := l.src[p]; {
		case c == quote:
			if p+1 >= len(l.src) || l.src[p+1] != quote {
				l.pos = p + 1
				return
			}
			t.escaped = true
			p += 2
		case c == '\\' && backslash:
			t.escaped = true
			p += 2
		default:
			p++
		}
	}
	t.broken = true
	l.pos = len(l.src)
}

// variable cuts @name, @'name' and @@name with its dots.
func (l *lexer) variable(t *token) {
	t.kind = tokVar
	l.pos++
	switch c := l.at(0); {
	case c == '@':
		l.pos++
		l.pos = l.dottedEnd(l.pos)
	case c == '`' || c == '"' || c == '\'':
		l.quoted(t, c, c != '`' && !l.noBackslash)
	default:
		end := l.dottedEnd(l.pos)
		if end == l.pos {
			t.kind = tokOp
		}
		l.pos = end
	}
}

// dottedEnd gives the end of identifier characters and dots from p on.
func (l *lexer) dottedEnd(p int) int {
	for p < len(l.src) && (class[l.src[p]]&clsIdent != 0 || l.src[p] == '.') {
		p++
	}
	return p
}
