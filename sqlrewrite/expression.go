package sqlrewrite

import "github.com/rzpsarthak13/shock-absorber/absorber/schema"

// opcode is what a node of an expression computes.
type opcode uint8

const (
	opSlot    opcode = iota // literal or parameter n
	opInt                   // the integer n: TRUE and FALSE
	opNull                  // NULL
	opDefault               // DEFAULT
	opNow                   // NOW() in the session's time zone with n fraction digits
	opUTC                   // UTC_TIMESTAMP() with n fraction digits
	opToday                 // CURDATE()
	opUUID                  // UUID()
	opColumn                // column n of the row as it is by now
	opValues                // VALUES(n): column n of the row that INSERT brings along
	opOther                 // anything that only the shadow computes
	opNeg                   // -l
	opAdd                   // l + r
	opSub                   // l - r
	opMul                   // l * r
)

// expr is a node of an expression.
type expr struct {
	op   opcode
	n    int32
	l, r *expr
}

// expression reads the value for column target (-1: none); columns says
// whether the row's own columns may stand in it.
func (p *parser) expression(target int, columns bool) (expr, bool) {
	if p.at("DEFAULT") {
		return p.defaultValue(target)
	}
	return p.sum(columns, 0)
}

// defaultValue reads DEFAULT, or DEFAULT(c) for c itself.
func (p *parser) defaultValue(target int) (expr, bool) {
	p.i++
	e := expr{op: opDefault}
	if target < 0 {
		return e, p.fail(ReasonColumnCount)
	}
	if p.at("(") {
		p.i++
		c, ok := p.column()
		if !ok || !p.expect(")") {
			return e, false
		}
		// Of another column, of AUTO_INCREMENT or of CURRENT_TIMESTAMP it is
		// something else than DEFAULT.
		col := &p.t.Columns[c]
		plain := col.Default == schema.DefaultLiteral || col.Default == schema.DefaultNull
		if c != target || col.AutoIncrement || !plain {
			return e, p.fail(ReasonExpression)
		}
		return e, true
	}
	if target != p.t.AutoIncrement {
		if r := defaultReason(&p.t.Columns[target]); r != "" {
			return e, p.fail(r)
		}
	}
	return e, true
}

// sum reads products joined by + and -.
func (p *parser) sum(columns bool, depth int) (expr, bool) {
	return p.chain(columns, depth, map[string]opcode{"+": opAdd, "-": opSub}, p.product)
}

// product reads factors joined by *.
func (p *parser) product(columns bool, depth int) (expr, bool) {
	return p.chain(columns, depth, map[string]opcode{"*": opMul}, p.factor)
}

// chain reads operands of a left-associative level.
func (p *parser) chain(columns bool, depth int, ops map[string]opcode, operand func(bool, int) (expr, bool)) (expr, bool) {
	e, ok := operand(columns, depth)
	for n := depth; ok && p.i < len(p.toks) && p.toks[p.i].kind == tokOp; n++ {
		op, is := ops[string(p.text(p.i))]
		if !is {
			break
		}
		if n == maxDepth {
			return e, p.fail(ReasonExpression)
		}
		p.i++
		l := e
		var r expr
		if r, ok = operand(columns, depth); ok {
			e = expr{op: op, l: &l, r: &r}
		}
	}
	return e, ok
}

// factor reads a primary with any number of minus signs.
func (p *parser) factor(columns bool, depth int) (expr, bool) {
	if depth == maxDepth {
		return expr{}, p.fail(ReasonExpression)
	}
	if p.accept("-") {
		in, ok := p.factor(columns, depth+1)
		return expr{op: opNeg, l: &in}, ok
	}
	if p.accept("(") {
		in, ok := p.sum(columns, depth+1)
		return in, ok && (p.accept(")") || p.unexpected(ReasonExpression))
	}
	return p.primary(columns)
}

// primary reads a literal, a parameter, a column or a function.
func (p *parser) primary(columns bool) (expr, bool) {
	if s, ok := p.slot(); ok {
		// 'a' 'b' is one string, and 'a' COLLATE x another value; the token
		// after a literal is checked by the caller.
		return expr{op: opSlot, n: s}, true
	}
	switch {
	case p.accept("NULL"):
		return expr{op: opNull}, true
	case p.accept("TRUE"):
		return expr{op: opInt, n: 1}, true
	case p.accept("FALSE"):
		return expr{op: opInt, n: 0}, true
	}
	if e, ok, is := p.function(); is {
		return e, ok
	}
	if p.duplicate {
		if e, ok, is := p.insertedColumn(); is {
			return e, ok
		}
		// Beside a row alias, a bare name may mean either row.
		columns = columns && (p.rowAlias == "" || p.qualified())
	}
	if !columns || !p.atIdentifier() || p.called() {
		return expr{}, p.unexpected(ReasonExpression)
	}
	c, ok := p.column()
	return expr{op: opColumn, n: int32(c)}, ok
}

// called reports whether a parenthesis follows the current token.
func (p *parser) called() bool {
	return p.i+1 < len(p.toks) && p.toks[p.i+1].kind == tokOp && p.text(p.i + 1)[0] == '('
}

// functions are those that are known: the node, whether they may have a number
// of fraction digits, and whether they may stand without parentheses.
var functions = map[string]struct {
	op        opcode
	precision bool
	bare      bool
}{
	"now": {op: opNow, precision: true}, "current_timestamp": {opNow, true, true},
	"localtime": {opNow, true, true}, "localtimestamp": {opNow, true, true},
	"utc_timestamp": {opUTC, true, true},
	"curdate":       {op: opToday}, "current_date": {op: opToday, bare: true},
	"uuid": {op: opUUID},
}

// function reads a known function; is reports whether there was one.
func (p *parser) function() (e expr, ok, is bool) {
	if p.i >= len(p.toks) || p.toks[p.i].kind != tokWord {
		return e, false, false
	}
	f, known := functions[lower(p.text(p.i))]
	if !known || !f.bare && !p.called() {
		return e, false, false
	}
	e.op = f.op
	p.i++
	if !p.at("(") {
		return e, true, true
	}
	if p.toks[p.i].spaced { // NOW () is a stored function
		return e, p.fail(ReasonSyntax), true
	}
	p.i++
	if f.precision && p.i < len(p.toks) && p.toks[p.i].kind == tokNumber {
		n := p.text(p.i)
		if len(n) != 1 || n[0] > '6' {
			return e, p.fail(ReasonExpression), true
		}
		e.n = int32(n[0] - '0')
		p.i++
	}
	return e, p.expect(")"), true
}
