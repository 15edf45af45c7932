package sqlrewrite

import "bytes"

// secondText writes the statement for the second reader, and where each slot's
// marker stands in it, -1 if there is none. It is the normalised text with two
// differences that keep its meaning: where the grammar wants a literal, one
// stands for all, since which does not change what is read; and the row alias
// of INSERT, which that reader does not know, is written as VALUES(column).
func (p *parser) secondText(slots int) ([]byte, []int) {
	var out bytes.Buffer
	places := make([]int, slots)
	for i := range places {
		places[i] = -1
	}
	length := false // in the parentheses behind a type
	saved := p.i
	defer func() { p.i = saved }()
	for p.i = 0; p.i < len(p.toks); p.i++ {
		t := &p.toks[p.i]
		if p.i > 0 && t.spaced {
			out.WriteByte(' ')
		}
		switch {
		case p.atAliasClause():
			p.i++
			continue
		case p.atRowAlias() && p.i > 0:
			p.i += 2
			out.WriteString(" VALUES(")
			out.Write(p.text(p.i))
			out.WriteByte(')')
			continue
		case p.opAt(p.i, "("):
			length = p.i > 0 && p.toks[p.i-1].kind == tokWord && typeLengths[lower(p.text(p.i-1))]
		case p.opAt(p.i, ")"):
			length = false
		}
		slot := p.slots[p.i]
		switch {
		case slot < 0:
			out.Write(p.text(p.i))
		case t.kind == tokNumber && length:
			out.WriteByte('1')
		case t.kind != tokParam && t.kind != tokNumber && p.wantsLiteral():
			out.WriteString(literalFor[t.kind])
		default:
			places[slot] = out.Len()
			out.WriteByte('?')
		}
	}
	return out.Bytes(), places
}

// typeLengths are types that have a length.
var typeLengths = wordSet("char binary decimal time datetime")

// literalFor stands for all literals of a kind.
var literalFor = map[tokenKind]string{tokString: "'x'", tokHex: "x'00'", tokBits: "b'0'"}

// wantsLiteral reports whether the grammar takes only a literal in the place of
// the current token.
func (p *parser) wantsLiteral() bool {
	i := p.i - 1
	if i < 0 {
		return false
	}
	if p.opAt(i, "->") || p.opAt(i, "->>") {
		return true
	}
	if p.toks[i].kind != tokWord {
		return false
	}
	switch w := p.text(i); {
	case is(w, "ESCAPE"), is(w, "DATE"), is(w, "TIME"), is(w, "TIMESTAMP"):
		return true
	case w[0] == '_':
		return reserved[lower(w)]
	}
	return false
}

// atAliasClause reports whether AS and the row alias are next.
func (p *parser) atAliasClause() bool {
	if p.rowAlias == "" || !p.at("AS") || p.i+1 >= len(p.toks) || p.i+2 < len(p.toks) && p.opAt(p.i+2, "(") {
		return false
	}
	name, ok := identifier(p.text(p.i+1), p.toks[p.i+1])
	return ok && name == p.rowAlias
}
