package sqlrewrite

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// wide has a column of every type that values are computed for.
const wide = `CREATE TABLE w (
 id BIGINT UNSIGNED NOT NULL PRIMARY KEY, ti TINYINT, tu TINYINT UNSIGNED, si SMALLINT NOT NULL DEFAULT 7, mi MEDIUMINT,
 i INT, iu INT UNSIGNED, bi BIGINT, bu BIGINT UNSIGNED, zi INT(6) ZEROFILL,
 d DECIMAL(12,2), d4 DECIMAL(20,4) NOT NULL DEFAULT 0, d0 DECIMAL(10,0), du DECIMAL(10,3) UNSIGNED, db DOUBLE, f FLOAT,
 v VARCHAR(40), c CHAR(10), vl VARCHAR(20) CHARACTER SET latin1, vb VARCHAR(20) COLLATE utf8mb4_bin NOT NULL DEFAULT 'q',
 t TEXT, b VARBINARY(20), bn BINARY(4), dt DATETIME, dt6 DATETIME(6), ts TIMESTAMP NULL, ts3 TIMESTAMP(3) NULL,
 da DATE, tm TIME, y YEAR, e ENUM('a','b','x'), s SET('p','q','r'),
 created DATETIME(3) DEFAULT CURRENT_TIMESTAMP(3),
 upd TIMESTAMP(6) NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6))`

// pools are literals by class.
var pools = map[string][]string{
	"int": {"0", "1", "-1", "2", "7", "10", "100", "127", "128", "-128", "255", "1000", "32768", "65535", "-32768", "8388607", "2147483647",
		"-2147483648", "4294967295", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551615", "007"},
	"dec": {"0.5", "1.25", "-1.25", "10.00", "99999999.99", ".5", "5.", "0.001", "-0.00", "123456789012345.1234", "12345678901234567890123", "1e2", "1.5e0", "-2e-1"},
	"str": {"''", "'a'", "'A'", "'abc'", "'a '", "'it''s'", `'x\ny'`, `'50\%'`, "'é'", "'日本'", "'😀'", "'12'", "'-5'", "'1.50'", "'b'", "'p,q'", `"dq"`, "'q'",
		"'aaaaaaaaaaaaaaaaaaaa'", "'2020'", "'true'"},
	"time": {"'2020-02-29'", "'2020-02-30'", "'2020-01-02 03:04:05'", "'2020-01-02 03:04:05.5'", "'2020-01-02 03:04:05.123456'", "'0000-00-00'",
		"'10:11:12'", "'-10:11:12'", "'838:59:59'", "20200102", "'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'2039-01-01 00:00:00'"},
	"hex":  {"x'4142'", "0x41", "b'01000001'", "x''", "x'ff00'"},
	"func": {"NOW()", "CURRENT_TIMESTAMP", "NOW(3)", "CURRENT_TIMESTAMP(6)", "CURDATE()", "CURRENT_DATE", "UTC_TIMESTAMP()", "UTC_TIMESTAMP(3)", "LOCALTIME"},
	"word": {"NULL", "DEFAULT", "TRUE", "FALSE", "null"},
}

// generator makes random statements with literals, or with parameters in the
// place of some.
type generator struct {
	r        *rand.Rand
	t        *schema.Table
	prepared bool
	params   []any // for the driver
	args     []Arg // the same for the plan
}

// pick takes one at random.
func (g *generator) pick(list []string) string { return list[g.r.IntN(len(list))] }

// suits are the pools that fit a column.
func suits(c *schema.Column) []string {
	switch c.Type {
	case schema.Tinyint, schema.Smallint, schema.Mediumint, schema.Int, schema.Bigint, schema.Year:
		return []string{"int", "int", "int", "word", "dec"}
	case schema.Decimal, schema.Double, schema.Float:
		return []string{"int", "dec", "dec", "word"}
	case schema.Date, schema.Datetime, schema.Timestamp, schema.Time:
		return []string{"time", "time", "func", "func", "word"}
	}
	return []string{"str", "str", "str", "hex", "word"}
}

// value makes a value for a column: mostly one that fits.
func (g *generator) value(c *schema.Column) string {
	pool := g.pick(suits(c))
	if g.r.IntN(12) == 0 {
		pool = g.pick([]string{"int", "dec", "str", "time", "hex", "func", "word"})
	}
	text := g.pick(pools[pool])
	if g.prepared && g.r.IntN(2) == 0 && pool != "func" && pool != "word" && pool != "hex" {
		return g.param(text)
	}
	return text
}

// param turns a literal into a parameter of a type a driver might choose.
func (g *generator) param(text string) string {
	var p any = strings.Trim(text, `'"`)
	a := Arg{Kind: row.KindString, Text: []byte(p.(string))}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil && g.r.IntN(4) > 0 {
		p, a = i, Arg{Kind: row.KindInt, Text: strconv.AppendInt(nil, i, 10)}
		if i >= 0 && g.r.IntN(3) == 0 {
			p, a.Kind = uint64(i), row.KindUint
		}
	} else if f, err := strconv.ParseFloat(text, 64); err == nil && g.r.IntN(3) > 0 {
		p, a = f, Arg{Kind: row.KindFloat, Text: strconv.AppendFloat(nil, f, 'g', -1, 64)}
	} else if g.r.IntN(20) == 0 {
		p, a = nil, Arg{Kind: row.KindNull}
	}
	g.params, g.args = append(g.params, p), append(g.args, a)
	return "?"
}

// expression makes a value, a copy of a column, or arithmetic.
func (g *generator) expression(c *schema.Column, columns bool, depth int) string {
	switch n := g.r.IntN(10); {
	case n < 5 || !numeric(c.Type) && n < 9 || !columns && n < 9:
		return g.value(c)
	case n < 6 && columns:
		return g.t.Columns[g.r.IntN(len(g.t.Columns))].Name
	case depth > 2:
		return g.pick(pools["int"])
	}
	op := g.pick([]string{" + ", " - ", " * ", "+", " -", "*"})
	return g.operand(c, columns, depth) + op + g.operand(c, columns, depth)
}

// operand makes one side of arithmetic.
func (g *generator) operand(c *schema.Column, columns bool, depth int) string {
	switch n := g.r.IntN(10); {
	case n < 4 && columns:
		return g.t.Columns[1+g.r.IntN(13)].Name // the numbers
	case n < 5 && columns:
		return c.Name
	case n < 6:
		return "(" + g.expression(c, columns, depth+1) + ")"
	case n < 7:
		return "-" + g.pick([]string{"5", "i", "2.50", "(3)", "d"}[:3])
	case n < 9:
		if g.prepared && g.r.IntN(2) == 0 {
			return g.param(g.pick([]string{"1", "2", "-3", "10"}))
		}
		return g.pick([]string{"1", "2", "3", "10", "0.1", "1.05", "100"})
	}
	return g.value(&schema.Column{Type: schema.Int})
}

// insert makes an INSERT of one row; it gives the text.
func (g *generator) insert(id int) string {
	cols, vals := []string{"id"}, []string{strconv.Itoa(id)}
	for i := 1; i < len(g.t.Columns); i++ {
		if g.r.IntN(9) == 0 {
			cols = append(cols, g.t.Columns[i].Name)
			vals = append(vals, g.expression(&g.t.Columns[i], false, 0))
		}
	}
	if g.r.IntN(4) == 0 {
		for i := range cols {
			cols[i] += " = " + vals[i]
		}
		return "INSERT INTO w SET " + strings.Join(cols, ", ")
	}
	return fmt.Sprintf("INSERT INTO w (%s) VALUES (%s)", strings.Join(cols, ", "), strings.Join(vals, ", "))
}

// update makes an UPDATE of one row.
func (g *generator) update(id int) string {
	var sets []string
	for range 1 + g.r.IntN(3) {
		c := &g.t.Columns[1+g.r.IntN(len(g.t.Columns)-1)]
		if !strings.Contains(strings.Join(sets, ","), c.Name+" =") {
			sets = append(sets, c.Name+" = "+g.expression(c, true, 0))
		}
	}
	return fmt.Sprintf("UPDATE w SET %s WHERE id = %d", strings.Join(sets, ", "), id)
}

// shortFloat is the shortest text that reads back as the same float32.
func shortFloat(t *testing.T, text []byte) []byte {
	t.Helper()
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.AppendFloat(nil, f, 'g', -1, 32)
}
