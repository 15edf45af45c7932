package differential

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// columnType is a type of column with the values to try. A value is SQL, or,
// behind a leading quote, the contents of a string.
type columnType struct {
	sql    string
	family string   // "int", "dec", "float", "text", "bytes", "time", "member", "json", "bit"
	clean  []string // stored as they are, without a word
	edge   []string // converted, warned about or refused
	keys   []string // a few values to find rows by; nil: no column of a key
	alike  []string // other ways to write some of the keys, and values near them
}

// oddNumbers are edge values for every number.
var oddNumbers = []string{"'", "'abc", "'12abc", "' 7 ", "1.5", "'1.5", "'2.5", "1e2", "'1e2", "0x05", "b'101'", "TRUE", "-0", "'-0", "18446744073709551616", "-9223372036854775809",
	"'2020-01-01", "1e400", "'1e400", "99999999999999999999999999", "'5 x", "'+5", "'0x05", "-1e-5", ".5"}

// integer is an integer type with its ends.
func integer(sql, low, high, below, above string) columnType {
	return columnType{sql: sql, family: "int", clean: []string{low, high, "0", "1", "2", "7", "100"}, edge: append([]string{below, above}, oddNumbers...),
		keys: []string{"1", "2", "3", "4", "5", "6", "7", "8", low, high}, alike: []string{"'1", "1.0", "'2", "'02", "3e0", "'3x", "4.5", "-5", "'4 "}}
}

// text is a type of text that holds n characters.
func text(sql string, n int, keyed bool) columnType {
	fit := func(values ...string) (out []string) {
		for _, v := range values {
			if len([]rune(v))-1 <= n {
				out = append(out, v)
			}
		}
		return out
	}
	c := columnType{sql: sql, family: "text", clean: fit("'", "'a", "'abc", "'A", "'It's", "'back\\slash", "'tab\tnl\n", "'é", "'x y", "'%_", "'\"q\"", "'12"),
		edge: []string{"5", "1.50", "TRUE", "0x41", "X'C3'", "b'1000001'", "_utf8mb4'abc'", "_latin1'abc'", "N'abc'", "'trail  ", "'łódź", "'😀", "1e3", "-7",
			"'" + strings.Repeat("x", n+1), "'" + strings.Repeat("y", n) + "  ", "DATE'2020-01-02'", "'a' 'b'"}}
	if n > 60000 {
		c.edge = c.edge[:len(c.edge)-4]
	}
	if keyed {
		c.keys = fit("'a", "'b", "'c", "'d", "'ab", "'x y", "'z1", "'é", "'", "'0")
		c.alike = []string{"'A", "'a ", "'B", "'ä", "'e", "'E", "'AB", "'É", "'ß", "'ss", "0", "' a", "'X Y"}
	}
	return c
}

// octets is a binary type of n bytes.
func octets(sql string, n int, keyed bool) columnType {
	c := columnType{sql: sql, family: "bytes", clean: []string{"'", "'abc", "X'00FF'", "X'0D0A5C27'", "'it's"},
		edge: []string{"5", "0x4142", "'ł", "b'01'", "'" + strings.Repeat("x", min(n+1, 70000)), "TRUE", "1.5", "'trail  "}}
	if keyed {
		c.keys = []string{"'a", "'b", "'c", "'d", "'ab", "'", "X'00'", "X'FF'"}
		c.alike = []string{"'A", "'a ", "'a\x00", "0x61", "97"}
	}
	return c
}

// moment is DATETIME or TIMESTAMP with fsp digits.
func moment(sql string, fsp int, low, high string) columnType {
	c := columnType{sql: sql, family: "time", clean: []string{"'2020-01-01 10:11:12", "'2020-02-29 23:59:59", "'" + low, "'" + high, "'2001-09-09 01:46:40"},
		edge: []string{"'0000-00-00 00:00:00", "'2020-00-10 00:00:00", "'2021-02-29 00:00:00", "'2020-01-01T10:11:12", "'2020-01-01 25:00:00", "20200101101112", "'20200101101112",
			"'2020-01-01", "'2020-01-01 10:11", "'abc", "'", "0", "'2020-01-01 10:11:12.9999999", "'2020-01-01 10:11:12.5555555", "'1969-12-31 00:00:00", "'2038-01-19 03:14:08",
			"'99-12-31 00:00:00", "20200101", "1.5", "TIMESTAMP'2020-01-01 10:11:12.345678'", "DATE'2020-01-01'", "'2020-1-2 3:4:5", "'2020-01-01 10:11:12 x", "TRUE", "'2020-01-01 10:11:12+02:00"},
		keys:  []string{"'2020-01-01 00:00:00", "'2020-01-02 00:00:00", "'2020-01-03 10:11:12", "'2021-01-01 00:00:00", "'2022-02-02 02:02:02"},
		alike: []string{"'2020-01-01", "20200102000000", "'2020-01-03 10:11:12.0", "'2020-1-1 0:0:0"}}
	if fsp > 0 {
		c.clean = append(c.clean, "'2020-01-01 10:11:12."+"123456"[:fsp], "'2020-01-01 10:11:12."+"500000"[:fsp])
	}
	return c
}

// columnTypes are all types. %s in a type of text is its character set and
// collation.
var columnTypes = []columnType{
	integer("TINYINT", "-128", "127", "-129", "128"),
	integer("TINYINT UNSIGNED", "0", "255", "-1", "256"),
	integer("SMALLINT", "-32768", "32767", "-32769", "32768"),
	integer("MEDIUMINT UNSIGNED", "0", "16777215", "-1", "16777216"),
	integer("INT", "-2147483648", "2147483647", "-2147483649", "2147483648"),
	integer("INT UNSIGNED", "0", "4294967295", "-1", "4294967296"),
	integer("INT(7) UNSIGNED ZEROFILL", "0", "4294967295", "-1", "4294967296"),
	integer("BIGINT", "-9223372036854775808", "9223372036854775807", "-9223372036854775809", "9223372036854775808"),
	integer("BIGINT UNSIGNED", "0", "18446744073709551615", "-1", "18446744073709551616"),
	{sql: "DECIMAL(10,2)", family: "dec", clean: []string{"0.00", "1.25", "-99999999.99", "99999999.99", "100.00", "7.50"},
		edge: append([]string{"100000000.00", "-123456789.5", "1.255", "1.005", "-0.001", "5", "0.004999"}, oddNumbers...), keys: []string{"1.00", "2.00", "2.50", "3.00", "4.75"}, alike: []string{"1", "2.5", "'2.50", "3.000", "1.001"}},
	{sql: "DECIMAL(65,30)", family: "dec", clean: []string{"0.000000000000000000000000000000", "12345678901234567890123456789012345.123456789012345678901234567890"},
		edge: append([]string{"100000000000000000000000000000000000.5", "-100000000000000000000000000000000000", "0.0000000000000000000000000000001", "1e34", "1e36", "7"}, oddNumbers...)},
	{sql: "DECIMAL(5,0) UNSIGNED", family: "dec", clean: []string{"0", "99999", "12"}, edge: append([]string{"-1", "100000", "12.5"}, oddNumbers...), keys: []string{"1", "2", "3", "4", "5"}, alike: []string{"'1", "2.0"}},
	{sql: "FLOAT", family: "float", clean: []string{"1.5", "0", "-2.25", "16777216", "0.1", "3.4e38"}, edge: append([]string{"1e39", "16777217", "1e-46", "123456.789"}, oddNumbers...)},
	{sql: "FLOAT(7,3)", family: "float", clean: []string{"1.5", "0.125", "9999.5"}, edge: append([]string{"1.23456", "99999", "0.0005"}, oddNumbers...)},
	{sql: "DOUBLE", family: "float", clean: []string{"1.5", "0", "-2.25e300", "0.1", "1e22"}, edge: append([]string{"1e309", "123456789.123456789", "1e-320"}, oddNumbers...)},
	{sql: "BIT(1)", family: "bit", clean: []string{"b'1'", "b'0'", "0", "1"}, edge: []string{"2", "'a", "'1", "1.5", "NULL", "''", "-1", "TRUE"}},
	{sql: "BIT(20)", family: "bit", clean: []string{"b'1'", "b'11110000111100001111'", "0", "77"}, edge: []string{"1048576", "'abcd", "1.5", "0x41", "-1"}, keys: []string{"1", "2", "3", "b'100'"}, alike: []string{"b'1'", "'1"}},
	{sql: "YEAR", family: "int", clean: []string{"2020", "1901", "2155", "1999"}, edge: append([]string{"0", "'20", "70", "1900", "2156", "'2020-01-01"}, oddNumbers...), keys: []string{"2001", "2002", "2003", "2004", "2005"}, alike: []string{"'2001", "2", "'2003 "}},
	{sql: "DATE", family: "time", clean: []string{"'2020-02-29", "'1000-01-01", "'9999-12-31", "'2001-09-09"},
		edge: []string{"'2021-02-29", "'0000-00-00", "'2020-00-10", "'20200101", "20200101", "'2020-1-1", "'2020-01-01 10:11:12", "'abc", "'99-01-01", "'2020-13-01", "DATE'2020-01-01'", "'2020-01-01x", "0", "'", "1.5", "TIMESTAMP'2020-01-01 10:11:12'", "'2020/03/04"},
		keys: []string{"'2020-01-01", "'2020-01-02", "'2020-01-03", "'2020-01-04"}, alike: []string{"'2020-1-1", "20200102", "'20200103", "'2020-01-04 00:00:00", "DATE'2020-01-01'"}},
	moment("DATETIME", 0, "1000-01-01 00:00:00", "9999-12-31 23:59:59"),
	moment("DATETIME(3)", 3, "1000-01-01 00:00:00", "9999-12-31 23:59:59"),
	moment("DATETIME(6)", 6, "1000-01-01 00:00:00", "9999-12-31 23:59:59"),
	moment("TIMESTAMP", 0, "1975-01-02 00:00:01", "2037-01-18 03:14:07"),
	moment("TIMESTAMP(6)", 6, "1975-01-02 00:00:01", "2037-01-18 03:14:07"),
	{sql: "TIME", family: "time", clean: []string{"'10:11:12", "'-838:59:59", "'838:59:59", "'00:00:00"}, edge: []string{"'839:00:00", "'10:11", "'101112", "101112", "'1 10:11:12", "'10:11:12.567", "'abc", "'10:61:00", "0", "'2020-01-01 10:11:12", "-5", "'"},
		keys: []string{"'01:00:00", "'02:00:00", "'03:00:00", "'-04:00:00"}, alike: []string{"'1:0:0", "20000", "'03:00:00.0"}},
	{sql: "TIME(4)", family: "time", clean: []string{"'10:11:12.1234", "'-00:00:01.5000", "'838:59:59.0000"}, edge: []string{"'10:11:12.56785", "'839:00:00", "'10:11:12.99999", "101112.5", "'-0:0:0"}},
	text("CHAR(10) %s", 10, true),
	text("VARCHAR(20) %s", 20, true),
	text("VARCHAR(300) %s", 300, false),
	text("TINYTEXT %s", 255, false),
	text("TEXT %s", 65535, false),
	octets("BINARY(6)", 6, true),
	octets("VARBINARY(20)", 20, true),
	octets("BLOB", 65535, false),
	{sql: "ENUM('a','b','c d','é') %s", family: "member", clean: []string{"'a", "'b", "'c d", "'é"}, edge: []string{"'A", "'b ", "2", "'2", "0", "9", "'zzz", "'", "1.5", "TRUE"}, keys: []string{"'a", "'b", "'c d"}, alike: []string{"'A", "1", "'b "}},
	{sql: "SET('x','y','z') %s", family: "member", clean: []string{"'x", "'x,z", "'", "'x,y,z"}, edge: []string{"'X", "'z,x", "'x,x", "3", "8", "'q", "'x,q", "'x, y", "'3"}},
	{sql: "JSON", family: "json", clean: []string{`'{"a": 1}`, "'[]", "'null", "'5", `'"s"`}, edge: []string{"'{bad", "'", "5", `'{"b":1,"a":2}`, "'[1,2", "TRUE", "'  {}  ", "1.5"}},
}

// narrow are the places in columnTypes of the integers that are next to their
// ends soonest.
var narrow = []int{0, 1, 2, 0, 1}

// anyType picks a type.
func (g *generator) anyType() columnType {
	if g.chance(15) {
		return columnTypes[narrow[g.r.IntN(len(narrow))]]
	}
	return columnTypes[g.r.IntN(len(columnTypes))]
}

// relatives are values that some collation takes for the same.
var relatives = [][]string{
	{"'a", "'A", "'ä", "'a ", "'Ä", "'á "}, {"'e", "'E", "'é", "'e ", "'ê"}, {"'ab", "'AB", "'äb", "'Ab "}, {"'ss", "'ß", "'SS", "'s"}, {"'", "' ", "'  "},
	{"'x y", "'X Y", "'x  y", "'x y "}, {"'o", "'ö", "'Ö", "'oe", "'ø"},
}

// related are values for a key of text, of which many are related.
func (g *generator) related(typ columnType) []string {
	i, j := g.r.IntN(len(relatives)), g.r.IntN(len(relatives))
	values := append(slices.Clone(relatives[i]), relatives[j]...)
	values = append(values, typ.keys...)[:len(relatives[i])+len(relatives[j])+2]
	if strings.Contains(typ.sql, "ascii") {
		values = onlyASCII(values)
	}
	return values
}

// collations are what columns of text have. {0900} stands only for MySQL.
var collations = []string{
	"CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", "CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci", "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
	"CHARACTER SET latin1 COLLATE latin1_swedish_ci", "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", "CHARACTER SET ascii COLLATE ascii_general_ci",
	"CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci", // the last: only MySQL has it
}

// typed gives a type its collation.
func typed(r *rand.Rand, t columnType, mysql bool) columnType {
	if !strings.Contains(t.sql, "%s") {
		return t
	}
	n := len(collations)
	if !mysql {
		n--
	}
	collation := collations[r.IntN(n)]
	t.sql = fmt.Sprintf(t.sql, collation)
	if strings.Contains(collation, "ascii") {
		t.clean, t.edge = onlyASCII(t.clean), append(t.edge[:len(t.edge):len(t.edge)], "'é")
		t.keys = onlyASCII(t.keys)
		t.sql = strings.ReplaceAll(t.sql, ",'é'", "")
	}
	return t
}

// onlyASCII leaves out the values that an ascii column cannot hold.
func onlyASCII(values []string) (out []string) {
	for _, v := range values {
		if strings.IndexFunc(v, func(r rune) bool { return r > 126 }) < 0 {
			out = append(out, v)
		}
	}
	return out
}
