package sqlrewrite

import (
	"bytes"
	"slices"
)

// scan is one pass over a statement: its normalised text, which is the text
// with every literal replaced by ?, comments dropped and whitespace collapsed,
// and the values of the literals in order.
type scan struct {
	// key is what the plan cache is asked for: the session's part (head bytes),
	// then the normalised text.
	key  []byte
	head int

	slots  []Arg
	params []int32 // as Statement.params
	num    int     // parameter markers seen

	several    bool // more than one statement
	executable bool // has /*! */ or /*M! */
	hint       bool // has /*+ */
	broken     bool // malformed
	uncached   bool // literals matter to what the statement touches: PREPARE, EXECUTE, CALL
}

// text is the normalised text.
func (s *scan) text() []byte { return s.key[s.head:] }

// reset makes the scan ready for another statement.
func (s *scan) reset() {
	clear(s.slots)
	*s = scan{key: s.key[:0], slots: s.slots[:0], params: s.params[:0]}
}

// run scans a statement. The caller has put the session's part into s.key.
func (s *scan) run(sql []byte, mode SQLMode) {
	s.head = len(s.key)
	l := newLexer(sql, mode)
	semi, precision := false, 0
	var t token
	for l.next(&t); t.kind != tokEOF; l.next(&t) {
		if t.kind == tokSemi && !semi {
			// A delimiter at the end adds nothing; it is written with what follows.
			semi = true
			continue
		}
		if semi {
			s.key = append(s.key, ';')
			semi, s.several = false, true
		}
		if len(s.key) == s.head {
			s.first(&l, &t)
		} else if t.spaced {
			s.key = append(s.key, ' ')
		}
		if t.kind == tokWord || precision != 0 {
			precision = timePrecision(&l, &t, precision)
		}
		s.token(&l, &t, precision == 3)
	}
	s.broken = s.broken || t.broken
	if text := s.text(); semi && bytes.HasSuffix(text, []byte{'-'}) || bytes.HasSuffix(text, []byte("--")) {
		s.key = append(s.key, ';') // "--" without it would be a comment
	}
}

// timePrecision follows NOW(6), whose digit is no literal but part of the
// function: 1 after the name, 2 after the parenthesis, 3 at the number.
func timePrecision(l *lexer, t *token, state int) int {
	switch {
	case t.kind == tokWord && isTimeFunction(l.src[t.start:t.end]):
		return 1
	case state == 1 && t.kind == tokOp && l.src[t.start] == '(':
		return 2
	case state == 2 && t.kind == tokNumber:
		return 3
	}
	return 0
}

// isTimeFunction reports whether a word is a function that takes a number of
// fraction digits.
func isTimeFunction(w []byte) bool {
	if len(w) < 3 || len(w) > 17 {
		return false
	}
	switch w[0] | 0x20 {
	case 'n':
		return is(w, "NOW")
	case 'c':
		return is(w, "CURRENT_TIMESTAMP") || is(w, "CURRENT_TIME") || is(w, "CURTIME")
	case 'l':
		return is(w, "LOCALTIME") || is(w, "LOCALTIMESTAMP")
	case 'u':
		return is(w, "UTC_TIMESTAMP") || is(w, "UTC_TIME")
	case 's':
		return is(w, "SYSDATE")
	}
	return false
}

// is compares a word of the text with a keyword in capitals.
func is(w []byte, keyword string) bool {
	if len(w) != len(keyword) {
		return false
	}
	for i := range w {
		c := w[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != keyword[i] {
			return false
		}
	}
	return true
}

// first looks at the first token of the text.
func (s *scan) first(l *lexer, t *token) {
	w := l.src[t.start:t.end]
	s.uncached = t.kind == tokWord && (is(w, "PREPARE") || is(w, "EXECUTE") || is(w, "CALL"))
}

// token adds a token to the normalised text, and to the slots if it is a
// literal or a parameter.
func (s *scan) token(l *lexer, t *token, verbatim bool) {
	switch t.kind {
	case tokOp:
		if t.end-t.start == 1 {
			s.key = append(s.key, l.src[t.start])
			return
		}
	case tokString, tokNumber, tokHex, tokBits:
		if verbatim {
			break
		}
		v, ok := literal(l, t)
		s.broken = s.broken || !ok
		s.slot(v, -1)
		return
	case tokParam:
		s.slot(Arg{}, int32(s.num))
		s.num++
		return
	case tokHint:
		s.hint = true
	case tokOpen:
		s.executable = true
	}
	s.broken = s.broken || t.broken
	s.key = append(s.key, l.src[t.start:t.end]...)
}

// slot adds a value and its marker.
func (s *scan) slot(v Arg, param int32) {
	s.key = append(s.key, '?')
	s.slots = append(s.slots, v)
	s.params = append(s.params, param)
}

// statement copies what outlives the scan.
func (s *scan) statement(p *Plan) *Statement {
	st := &Statement{Plan: p, NumParams: s.num}
	if p.Verb == PassThrough {
		return st
	}
	st.slots = slices.Clone(s.slots)
	if s.num > 0 && s.num < len(s.slots) {
		st.params = slices.Clone(s.params)
	}
	return st
}

// ascii reports whether b has no byte above 0x7f.
func ascii(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
