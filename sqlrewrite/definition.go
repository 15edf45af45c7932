package sqlrewrite

// definition reports whether a text is one CREATE of a routine, a trigger or an
// event with a body of BEGIN and END, and nothing behind it: what stands in the
// body is not executed. False if that is not certain.
func definition(src []byte, toks []token) bool {
	p := &piece{src: src, toks: toks}
	begin, ok := p.bodyBegins()
	if !ok {
		return false
	}
	b := body{piece: p, open: []blockKind{blockStatements}, starts: true}
	for i := begin + 1; i < len(toks); {
		if i = b.step(i); i < 0 {
			return false
		}
		if len(b.open) == 0 {
			return b.ends(i)
		}
	}
	return false
}

// bodyBegins finds the BEGIN of the body: outside of parentheses, where no name can
// stand.
func (p *piece) bodyBegins() (at int, ok bool) {
	if !p.word(0, "CREATE") {
		return 0, false
	}
	depth, defines := 0, false
	for i := 1; i < len(p.toks); i++ {
		switch t := p.toks[i]; {
		case t.kind == tokSemi, t.kind == tokOpen, t.kind == tokClose:
			return 0, false
		case p.op(i, "("):
			depth++
		case p.op(i, ")"):
			depth--
		case depth > 0:
		case p.word(i, "PROCEDURE", "FUNCTION", "TRIGGER", "EVENT"):
			defines = true
		case p.word(i, "BEGIN"):
			named := p.word(i-1, "PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "EXISTS", "ON", "FOLLOWS", "PRECEDES", "COLLATE", "CHARSET", "SET", "AS", "AT", "STARTS", "ENDS")
			operand := i > 0 && p.toks[i-1].kind == tokOp && !p.op(i-1, ")") && !p.op(i-1, ":")
			return i, defines && !named && !operand
		}
	}
	return 0, false
}

// blockKind is what an END ends.
type blockKind uint8

const (
	blockStatements blockKind = iota // BEGIN, IF, CASE, LOOP, REPEAT, WHILE, FOR
	blockExpression                  // the CASE of an expression
)

// body follows the blocks of a compound statement.
type body struct {
	*piece
	open   []blockKind
	starts bool // a statement begins here
	caught bool // in DECLARE ... HANDLER FOR, behind which a statement stands
}

// step reads token i and gives the next one to read, -1 if it cannot follow.
func (b *body) step(i int) int {
	starts := b.starts
	b.starts = false
	inside := b.open[len(b.open)-1]
	switch t := b.toks[i]; {
	case t.kind == tokOpen, t.kind == tokClose, t.kind == tokHint:
		return -1
	case t.kind == tokSemi:
		if inside == blockExpression {
			return -1
		}
		b.starts, b.caught = true, false
	case t.kind != tokWord:
	case b.word(i, "END"):
		b.open = b.open[:len(b.open)-1]
		if inside == blockStatements && b.word(i+1, "IF", "CASE", "LOOP", "REPEAT", "WHILE", "FOR") {
			return i + 2
		}
	case starts && b.op(i+1, ":"): // a label
		b.starts = true
		return i + 2
	case b.word(i, "BEGIN") && (starts || b.caught && (b.word(i-1, "FOUND", "SQLEXCEPTION", "SQLWARNING") || b.toks[i-1].kind == tokString)):
		b.open, b.starts = append(b.open, blockStatements), true
	case starts && b.word(i, "LOOP", "REPEAT"):
		b.open, b.starts = append(b.open, blockStatements), true
	case starts && b.word(i, "IF", "CASE", "WHILE", "FOR"):
		b.open = append(b.open, blockStatements)
	case b.word(i, "CASE"):
		b.open = append(b.open, blockExpression)
	case b.word(i, "THEN", "ELSE", "DO"):
		b.starts = inside == blockStatements
	case b.word(i, "HANDLER"):
		b.caught = true
	}
	return i + 1
}

// ends reports whether nothing but a label and delimiters stands from token i on.
func (b *body) ends(i int) bool {
	if i < len(b.toks) && (b.toks[i].kind == tokWord || b.toks[i].kind == tokQuoted) {
		i++
	}
	for ; i < len(b.toks); i++ {
		if b.toks[i].kind != tokSemi {
			return false
		}
	}
	return true
}
