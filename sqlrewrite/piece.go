package sqlrewrite

import "bytes"

// tokenise cuts the whole text; with skip, executable comments are left out.
func tokenise(src []byte, mode SQLMode, skip bool) []token {
	l := newLexer(src, mode)
	l.skipExecutable = skip
	var toks []token
	for {
		var t token
		if l.next(&t); t.kind == tokEOF {
			return toks
		}
		toks = append(toks, t)
	}
}

// piece is one statement of a text, and what reading it says.
type piece struct {
	src  []byte
	toks []token

	effect Effect
	uses   Use
	write  bool        // it may change the absorbed tables it names
	opaque bool        // what it does cannot be read off its first words
	reason Reason      // if it names absorbed tables
	temp   []tableName // temporary tables it makes or drops
	hides  bool        // it may put temporary tables before any it names
	named  string      // the database of USE, the name of a prepared statement
	inner  []byte      // text that it prepares or executes
	all    bool        // it reads every table there is
	within bool        // words inside string literals may name tables too

	defined []tableName // what DDL defines anew; none if that is not known
	dropped string      // the database that goes with all that is in it
}

// tableName is a name as written; db is "" if it is not qualified.
type tableName struct{ db, table string }

// pieces splits tokens at the delimiters, leaving out what is empty and the
// marks of executable comments and hints.
func pieces(src []byte, toks []token) []*piece {
	var out []*piece
	p := &piece{src: src}
	for _, t := range toks {
		switch t.kind {
		case tokSemi:
			if len(p.toks) > 0 {
				out = append(out, p)
			}
			p = &piece{src: src}
		case tokOpen, tokClose, tokHint:
		default:
			p.toks = append(p.toks, t)
		}
	}
	if len(p.toks) > 0 {
		out = append(out, p)
	}
	return out
}

// text is the source of token i, "" beyond the end.
func (p *piece) text(i int) []byte {
	if i < 0 || i >= len(p.toks) {
		return nil
	}
	return p.src[p.toks[i].start:p.toks[i].end]
}

// word reports whether token i is one of the bare words.
func (p *piece) word(i int, words ...string) bool {
	if i < 0 || i >= len(p.toks) || p.toks[i].kind != tokWord {
		return false
	}
	for _, w := range words {
		if is(p.text(i), w) {
			return true
		}
	}
	return false
}

// op reports whether token i is the operator.
func (p *piece) op(i int, op string) bool {
	return i >= 0 && i < len(p.toks) && p.toks[i].kind == tokOp && string(p.text(i)) == op
}

// has reports whether one of the bare words stands anywhere.
func (p *piece) has(words ...string) bool {
	for i := range p.toks {
		if p.word(i, words...) {
			return true
		}
	}
	return false
}

// follow reports whether the bare words stand one after the other anywhere.
func (p *piece) follow(words ...string) bool {
next:
	for i := range p.toks {
		for k, w := range words {
			if !p.word(i+k, w) {
				continue next
			}
		}
		return true
	}
	return false
}

// rest is the piece from token i on.
func (p *piece) rest(i int) *piece {
	return &piece{src: p.src, toks: p.toks[min(i, len(p.toks)):]}
}

// name decodes the identifier at token i; false if it is none.
func (p *piece) name(i int) (string, bool) {
	if i < 0 || i >= len(p.toks) {
		return "", false
	}
	return identifier(p.text(i), p.toks[i])
}

// identifier decodes a word or a quoted identifier.
func identifier(text []byte, t token) (string, bool) {
	switch {
	case t.kind == tokWord:
		return string(text), true
	case t.kind != tokQuoted || t.broken:
		return "", false
	}
	inner := text[1 : len(text)-1]
	if t.escaped {
		q := text[:1]
		inner = bytes.ReplaceAll(inner, append(q[:1:1], q...), q)
	}
	return string(inner), true
}

// table reads a table's name at token i and gives the token after it.
func (p *piece) table(i int) (tableName, int, bool) {
	a, ok := p.name(i)
	if !ok {
		return tableName{}, i, false
	}
	if !p.op(i+1, ".") {
		return tableName{table: a}, i + 1, true
	}
	b, ok := p.name(i + 2)
	return tableName{db: a, table: b}, i + 3, ok
}

// str decodes the string literal at token i.
func (p *piece) str(i int, mode SQLMode) ([]byte, bool) {
	if i >= len(p.toks) || p.toks[i].kind != tokString {
		return nil, false
	}
	l := newLexer(p.src, mode)
	v, ok := literal(&l, &p.toks[i])
	return v.Text, ok
}
