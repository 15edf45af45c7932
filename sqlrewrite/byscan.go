package sqlrewrite

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// scanned lets a statement whose WHERE names no key find its rows by a query,
// ScanQuery: s are the tokens of WHERE, none if there is no WHERE.
func (p *parser) scanned(plan *Plan, s span) bool {
	if !p.scannable(plan) {
		return false
	}
	plan.Reason, p.reason = p.reason, ""
	plan.Scans, plan.where.scan = true, scanParts{where: s, alias: p.alias, terms: p.terms}
	plan.where.scan.numbers, plan.where.scan.quiet = p.quietParts(p.unknown)
	plan.where.scan.alone = len(p.terms) < 2 && !slices.ContainsFunc(p.unknown, p.joins)
	for i := s.from; i < s.to; i++ {
		plan.where.scan.clock = plan.where.scan.clock || p.toks[i].kind == tokWord && clocks[lower(p.text(i))]
	}
	return true
}

// scanParts are where the parts of a ScanQuery stand in a statement: tokens.
type scanParts struct {
	where, order span
	alias        string
	whole        bool // the result depends on all rows, whatever LIMIT says
	clock        bool // they ask for the time

	terms   []term // the conditions of WHERE, see quiet.go
	alone   bool   // there is only one
	quiet   bool
	numbers []int32
}

// ordersByAlias reports whether an order names an expression of the select list,
// which a ScanQuery does not have: there the name may be a column's.
func (p *parser) ordersByAlias(order span) bool {
	for i := order.from; i < order.to; i++ {
		name, ok := identifier(p.text(i), p.toks[i])
		if ok && slices.ContainsFunc(p.items, func(it item) bool {
			return it.alias != "" && (strings.EqualFold(it.alias, name) || !ascii([]byte(it.alias)))
		}) {
			return true
		}
	}
	return false
}

// scannable reports whether the query can be asked, and what it answers be read:
// the session's text has to be ours, and the key to be of types that have one text.
func (p *parser) scannable(plan *Plan) bool {
	if plan.Ignore || p.env.Mode&ModePadCharToFullLength != 0 || p.env.Charset == "" || !safeCharset(p.env.Charset) || !ascii([]byte(p.alias)) {
		return false
	}
	return scanSize(p.t) != "" && !slices.ContainsFunc(p.t.Primary.Columns, func(c int) bool {
		return scanColumn(&p.t.Columns[c]) == ""
	})
}

// scanSize is the expression that gives how many bytes the columns of a row have
// that are stored beside it, which may be any number; "" if there is none.
func scanSize(t *schema.Table) string {
	sum := "0"
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Virtual || c.Type != schema.Text && c.Type != schema.Blob && c.Type != schema.JSON {
			continue
		}
		if !ascii([]byte(c.Name)) {
			return ""
		}
		sum += "+COALESCE(LENGTH(" + quoteName(c.Name) + "),0)"
	}
	return sum
}

// scanColumn is the expression that gives a column of the key in a ScanQuery's
// result, "" if there is none: text and bytes in hexadecimal digits, so that no
// character set converts them.
func scanColumn(c *schema.Column) string {
	name := quoteName(c.Name)
	switch {
	case !ascii([]byte(c.Name)):
		return ""
	case numeric(c.Type), c.Type == schema.Date, c.Type == schema.Datetime:
		return name
	case c.Type == schema.Binary, c.Type == schema.Varbinary:
		return "HEX(" + name + ")"
	case c.Type == schema.Char, c.Type == schema.Varchar:
		return "HEX(CONVERT(" + name + " USING utf8mb4))"
	}
	return ""
}

// ScanQuery is the query that names the rows of a plan with Scans as MySQL has
// them: it gives their primary keys, for ScanRef, and at most most of them. sql is
// the statement, args as for Args. In the statement's order if that is total.
func (p *Plan) ScanQuery(sql []byte, args []Arg, env *Env, most int) (string, Reason) {
	if !p.Scans {
		return "", ReasonNoKey
	}
	if len(args) < p.slots {
		return "", ReasonParameters
	}
	if !p.scanQuiet(args, env) {
		return "", ReasonCondition
	}
	q := newParser(sql, tokenise(sql, env.Mode, false), env, nil)
	var b strings.Builder
	for i, c := range p.Table.Primary.Columns {
		b.WriteString([2]string{"SELECT ", ","}[min(i, 1)])
		b.WriteString(scanColumn(&p.Table.Columns[c]))
	}
	b.WriteString("," + scanSize(p.Table))
	b.WriteString(" FROM " + quoteName(p.Table.Name.DB) + "." + quoteName(p.Table.Name.Table))
	if p.where.scan.alias != "" {
		b.WriteString(" AS " + quoteName(p.where.scan.alias))
	}
	write := func(word string, s span) Reason {
		if s.from == s.to {
			return ""
		}
		b.WriteString(word)
		return q.spell(&b, s, args)
	}
	if r := write(" WHERE ", p.where.scan.where); r != "" {
		return "", r
	}
	if p.where.total && !p.where.scan.whole {
		if r := write(" ORDER BY ", p.where.scan.order); r != "" {
			return "", r
		}
	}
	b.WriteString(" LIMIT " + strconv.Itoa(most))
	return b.String(), ""
}

// ScanClock reports whether a ScanQuery asks for the time, which is the statement's.
func (p *Plan) ScanClock() bool { return p.where.scan.clock }

// clocks are the functions of the time, bare or called.
var clocks = wordSet("curdate current_date current_time current_timestamp curtime localtime localtimestamp now unix_timestamp utc_date utc_time utc_timestamp")

// quoteName quotes a name in a way that every sql_mode reads.
func quoteName(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }

// spell writes tokens as they stand in the text, with values in place of markers.
func (p *parser) spell(b *strings.Builder, s span, args []Arg) Reason {
	if s.to > len(p.toks) {
		return ReasonSyntax
	}
	at := p.toks[s.from].start
	for i := s.from; i < s.to; i++ {
		if p.toks[i].kind != tokParam {
			continue
		}
		b.Write(p.src[at:p.toks[i].start])
		at = p.toks[i].end
		a := args[p.slots[i]]
		switch a.Kind {
		case row.KindNull:
			b.WriteString("NULL")
		case row.KindInt, row.KindUint:
			b.WriteString("(" + string(a.Text) + ")") // -1 behind a minus
		case row.KindString:
			b.WriteString(quoteText(a.Text, p.env.Mode))
		default:
			return ReasonValue
		}
	}
	b.Write(p.src[at:p.toks[s.to-1].end])
	return ""
}

// quoteText quotes a text as the session's sql_mode reads it.
func quoteText(s []byte, mode SQLMode) string {
	text := strings.ReplaceAll(string(s), "'", "''")
	if mode&ModeNoBackslashEscapes == 0 {
		text = strings.ReplaceAll(text, `\`, `\\`)
	}
	return "'" + text + "'"
}

// ScanRef names the row that a line of a ScanQuery's result gives, and tells how
// many bytes its long columns have.
func (p *Plan) ScanRef(line [][]byte) (ref row.Ref, bytes int, ok bool) {
	last := len(line) - 1
	if last != len(p.Table.Primary.Columns) {
		return row.Ref{}, 0, false
	}
	bytes, err := strconv.Atoi(string(line[last]))
	if err != nil {
		return row.Ref{}, 0, false
	}
	values := make([][]byte, last)
	for i, c := range p.Table.Primary.Columns {
		v, ok := line[i], line[i] != nil
		if strings.HasPrefix(scanColumn(&p.Table.Columns[c]), "HEX") {
			n, err := hex.Decode(v, v)
			v, ok = v[:n], ok && err == nil
		}
		if !ok {
			return row.Ref{}, 0, false
		}
		values[i] = v
	}
	ref, err = row.EncodeKey(p.Table, values)
	return ref, bytes, err == nil
}

// ScanSuffices reports whether rows that are found by a ScanQuery and pending ones
// are enough to compute the statement on, when MySQL gave got rows, and at most
// most were asked for. If there may be more of them, the statement must want less:
// in a total order the first n rows are among the first n of MySQL's that are not
// pending, and the pending ones.
func (p *Plan) ScanSuffices(args []Arg, got, most, pending int) Reason {
	k := p.where
	if got < most {
		return ""
	}
	room := most - pending
	if k.limit < 0 || !k.total || k.scan.whole {
		return ReasonScanRows
	}
	n, ok := smallNumber(args[k.limit])
	offset := 0
	if ok && k.offset >= 0 {
		offset, ok = smallNumber(args[k.offset])
	}
	if !ok || n+offset > room {
		return ReasonScanRows
	}
	return ""
}

// Offset is how many rows of its result a SELECT leaves out: FOUND_ROWS() counts
// those of them that there are. It is 0 for a statement by key.
func (p *Plan) Offset(args []Arg) int {
	if p.where == nil || p.where.offset < 0 {
		return 0
	}
	n, _ := smallNumber(args[p.where.offset])
	return n
}

// smallNumber is a number of LIMIT that is not large.
func smallNumber(a Arg) (int, bool) {
	n, err := strconv.ParseUint(string(a.Text), 10, 16)
	return int(n), err == nil && (a.Kind == row.KindInt || a.Kind == row.KindUint)
}

// ScanLimits says why the statement's result on rows many candidates may depend on
// the order in which they are read. The order of a SELECT's result is another
// matter: see Ordered.
func (p *Plan) ScanLimits(rows int, args []Arg) Reason { return p.where.shadowLimited(rows, args) }

// Ordered reports whether the rows of a SELECT have one order.
func (p *Plan) Ordered() bool { return p.where != nil && p.where.total }
