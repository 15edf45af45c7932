package sqlrewrite

// tokenKind is the class of a token.
type tokenKind uint8

const (
	tokEOF    tokenKind = iota
	tokWord             // bare identifier or keyword
	tokQuoted           // `identifier`, and "identifier" under ANSI_QUOTES
	tokString           // '..', and ".." without ANSI_QUOTES
	tokNumber           // 1, 1.5, .5, 1e3
	tokHex              // x'..', 0x..
	tokBits             // b'..', 0b..
	tokParam            // ?
	tokVar              // @user, @'user', @@system
	tokOp               // operators and punctuation
	tokSemi             // ;
	tokHint             // /*+ .. */
	tokOpen             // /*!50000 or /*M!100000: what follows is code
	tokClose            // */ of it
)

// token is a piece of the source. Its text is src[start:end].
type token struct {
	kind       tokenKind
	spaced     bool // whitespace or a comment stands before it
	escaped    bool // a string or quoted identifier with escapes or doubled quotes
	float      bool // a number with an exponent
	point      bool // a number with a point and no exponent
	broken     bool // unterminated or malformed: the server will refuse it
	start, end int
}

// lexer cuts SQL text into tokens as the servers do. It never fails: what is
// malformed becomes a broken token.
type lexer struct {
	src            []byte
	pos            int
	ansiQuotes     bool // "x" is an identifier
	noBackslash    bool // \ is an ordinary character in strings
	skipExecutable bool // take /*! */ for the comment it is to other servers
	depth          int  // open executable comments
	afterIdent     bool // the last token was an identifier
	afterDot       bool // it was a '.' that belongs to an identifier
	unclosed       bool // a comment did not end
}

// newLexer prepares a lexer for a session's modes.
func newLexer(src []byte, mode SQLMode) lexer {
	return lexer{src: src, ansiQuotes: mode&ModeANSIQuotes != 0, noBackslash: mode&ModeNoBackslashEscapes != 0}
}

// Character classes.
const (
	clsSpace = 1 << iota
	clsIdent
	clsDigit
	clsHex
	clsMaySkip // whitespace, or what may start a comment
	clsSingle  // an operator on its own, whatever follows
)

// class gives each byte's classes. Whitespace is what my_isspace says.
var class = func() (t [256]uint8) {
	for _, c := range " \t\n\v\f\r" {
		t[c] |= clsSpace | clsMaySkip
	}
	for _, c := range "#-/" {
		t[c] |= clsMaySkip
	}
	for _, c := range "(),=+" {
		t[c] |= clsSingle
	}
	for c := range 256 {
		switch {
		case c >= '0' && c <= '9':
			t[c] |= clsIdent | clsDigit | clsHex
		case c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F':
			t[c] |= clsIdent | clsHex
		case c >= 'g' && c <= 'z' || c >= 'G' && c <= 'Z' || c == '_' || c == '$' || c >= 0x80:
			t[c] |= clsIdent
		}
	}
	return t
}()

// at gives the byte n after the current one, 0 beyond the end.
func (l *lexer) at(n int) byte {
	if l.pos+n < len(l.src) {
		return l.src[l.pos+n]
	}
	return 0
}

// next cuts the next token. It is the inner loop of every statement, hence the
// pointer.
func (l *lexer) next(t *token) {
	*t = token{}
	if l.pos < len(l.src) && class[l.src[l.pos]]&clsMaySkip != 0 {
		t.spaced = l.space()
	}
	t.start = l.pos
	dotted := l.afterDot && !t.spaced
	ident := l.afterIdent && !t.spaced
	l.afterDot, l.afterIdent = false, false
	if l.pos >= len(l.src) {
		t.broken = l.depth > 0 || l.unclosed
		t.end = l.pos
		return
	}
	c := l.src[l.pos]
	switch {
	case class[c]&clsIdent != 0:
		l.word(t, dotted)
	case class[c]&clsSingle != 0:
		t.kind = tokOp
		l.pos++
	case c == '\'' || c == '"' && !l.ansiQuotes:
		t.kind = tokString
		l.quoted(t, c, !l.noBackslash)
	case c == '`' || c == '"':
		t.kind = tokQuoted
		l.quoted(t, c, false)
		l.afterIdent = true
	case c == '.' && !ident && class[l.at(1)]&clsDigit != 0:
		l.fraction(t)
	case c == '@':
		l.variable(t)
	case c == '?':
		t.kind = tokParam
		l.pos++
	case c == ';':
		t.kind = tokSemi
		l.pos++
	case c == '/' && l.at(1) == '*':
		l.openComment(t)
	case c == '*' && l.at(1) == '/' && l.depth > 0:
		t.kind = tokClose
		l.depth--
		l.pos += 2
	default:
		t.kind = tokOp
		l.afterDot = c == '.'
		l.operator(c)
	}
	t.end = l.pos
}

// space skips whitespace and plain comments and reports whether there were any.
func (l *lexer) space() bool {
	from := l.pos
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		switch {
		case class[c]&clsSpace != 0:
			l.pos++
		case c == '#', c == '-' && l.at(1) == '-' && l.lineComment():
			for l.pos < len(l.src) && l.src[l.pos] != '\n' {
				l.pos++
			}
		case c == '/' && l.at(1) == '*' && l.plainComment():
			l.pos = l.commentEnd(l.pos + 2)
		default:
			return l.pos > from
		}
	}
	return l.pos > from
}

// lineComment reports whether the -- at the current place starts a comment:
// a space, a control character or the end must follow.
func (l *lexer) lineComment() bool {
	c := l.at(2)
	return c <= ' ' || c == 0x7f
}

// plainComment reports whether the /* at the current place is no hint and not
// executable.
func (l *lexer) plainComment() bool {
	switch c := l.at(2); {
	case c == '+':
		return false
	case c == '!', c == 'M' && l.at(3) == '!':
		return l.skipExecutable
	}
	return true
}

// commentEnd gives the place after the next */ from p on.
func (l *lexer) commentEnd(p int) int {
	for ; p+1 < len(l.src); p++ {
		if l.src[p] == '*' && l.src[p+1] == '/' {
			return p + 2
		}
	}
	l.unclosed = true
	return len(l.src)
}

// openComment cuts a hint whole, or the start of an executable comment with
// its version number.
func (l *lexer) openComment(t *token) {
	if l.at(2) == '+' {
		t.kind = tokHint
		l.pos = l.commentEnd(l.pos + 3)
		t.broken = l.unclosed
		return
	}
	t.kind = tokOpen
	l.depth++
	l.pos += 3
	if l.src[l.pos-1] == 'M' {
		l.pos++
	}
	n := 0
	for n < 6 && class[l.at(n)]&clsDigit != 0 {
		n++
	}
	if n >= 5 {
		l.pos += n
	}
}

// operator skips an operator that starts with c.
func (l *lexer) operator(c byte) {
	n := 1
	d := l.at(1)
	switch c {
	case '<':
		switch {
		case d == '=' && l.at(2) == '>':
			n = 3
		case d == '=' || d == '>' || d == '<':
			n = 2
		}
	case '>':
		if d == '=' || d == '>' {
			n = 2
		}
	case '!', ':':
		if d == '=' {
			n = 2
		}
	case '|', '&':
		if d == c {
			n = 2
		}
	case '-':
		if d == '>' {
			n = 2
			if l.at(2) == '>' {
				n = 3
			}
		}
	}
	l.pos += n
}
