package row_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// storeColumns are columns of every type. ColumnType is the DDL.
func storeColumns(d schema.Dialect) []schema.Column {
	cols := []schema.Column{
		{ColumnType: "tinyint", Type: schema.Tinyint}, {ColumnType: "tinyint unsigned", Type: schema.Tinyint, Unsigned: true},
		{ColumnType: "smallint", Type: schema.Smallint}, {ColumnType: "mediumint unsigned", Type: schema.Mediumint, Unsigned: true},
		{ColumnType: "int", Type: schema.Int}, {ColumnType: "int(7) unsigned zerofill", Type: schema.Int, Unsigned: true, Zerofill: true, Length: 7},
		{ColumnType: "bigint", Type: schema.Bigint}, {ColumnType: "bigint unsigned", Type: schema.Bigint, Unsigned: true},
		{ColumnType: "decimal(5,2)", Type: schema.Decimal, Precision: 5, Scale: 2}, {ColumnType: "decimal(65,30)", Type: schema.Decimal, Precision: 65, Scale: 30},
		{ColumnType: "decimal(20,4) unsigned", Type: schema.Decimal, Precision: 20, Scale: 4, Unsigned: true}, {ColumnType: "decimal(10,0)", Type: schema.Decimal, Precision: 10},
		{ColumnType: "float", Type: schema.Float, Scale: -1}, {ColumnType: "float unsigned", Type: schema.Float, Scale: -1, Unsigned: true},
		{ColumnType: "float(7,3)", Type: schema.Float, Precision: 7, Scale: 3}, {ColumnType: "double(12,4)", Type: schema.Double, Precision: 12, Scale: 4},
		{ColumnType: "double", Type: schema.Double, Scale: -1}, {ColumnType: "double unsigned", Type: schema.Double, Scale: -1, Unsigned: true},
		{ColumnType: "bit(1)", Type: schema.Bit, Length: 1}, {ColumnType: "bit(11)", Type: schema.Bit, Length: 11}, {ColumnType: "bit(64)", Type: schema.Bit, Length: 64},
		{ColumnType: "year", Type: schema.Year}, {ColumnType: "date", Type: schema.Date},
		{ColumnType: "datetime", Type: schema.Datetime}, {ColumnType: "datetime(3)", Type: schema.Datetime, Fsp: 3}, {ColumnType: "datetime(6)", Type: schema.Datetime, Fsp: 6},
		{ColumnType: "timestamp", Type: schema.Timestamp}, {ColumnType: "timestamp(2)", Type: schema.Timestamp, Fsp: 2}, {ColumnType: "timestamp(6)", Type: schema.Timestamp, Fsp: 6},
		{ColumnType: "time", Type: schema.Time}, {ColumnType: "time(4)", Type: schema.Time, Fsp: 4}, {ColumnType: "time(6)", Type: schema.Time, Fsp: 6},
		{ColumnType: "binary(4)", Type: schema.Binary, Length: 4}, {ColumnType: "varbinary(12)", Type: schema.Varbinary, Length: 12},
		{ColumnType: "tinyblob", Type: schema.Blob, Length: 255}, {ColumnType: "blob", Type: schema.Blob, Length: 65535},
	}
	collations := []string{"utf8mb4_general_ci", "utf8mb4_bin", "utf8mb3_unicode_ci", "latin1_swedish_ci", "ascii_general_ci"}
	if d == schema.MySQL {
		collations = append(collations, "utf8mb4_0900_ai_ci")
	}
	for _, coll := range collations {
		charset, _, _ := strings.Cut(coll, "_")
		text := func(c schema.Column) {
			c.ColumnType += " CHARACTER SET " + charset + " COLLATE " + coll
			c.Charset, c.Collation = charset, coll
			cols = append(cols, c)
		}
		text(schema.Column{ColumnType: "char(5)", Type: schema.Char, Length: 5})
		text(schema.Column{ColumnType: "varchar(8)", Type: schema.Varchar, Length: 8})
		text(schema.Column{ColumnType: "varchar(64)", Type: schema.Varchar, Length: 64})
		text(schema.Column{ColumnType: "tinytext", Type: schema.Text, Length: 255})
		text(schema.Column{ColumnType: "enum('a','b','Pending','O''K','2','é')", Type: schema.Enum, Members: []string{"a", "b", "Pending", "O'K", "2", "é"}})
		text(schema.Column{ColumnType: "set('a','b','Pending','7')", Type: schema.Set, Members: []string{"a", "b", "Pending", "7"}})
		if charset == "ascii" {
			cols[len(cols)-2].Members = cols[len(cols)-2].Members[:5]
			cols[len(cols)-2].ColumnType = strings.Replace(cols[len(cols)-2].ColumnType, ",'é'", "", 1)
		}
	}
	return append(cols, schema.Column{ColumnType: "json", Type: schema.JSON, Charset: "utf8mb4", Collation: "utf8mb4_bin", Length: math.MaxInt32})
}

// storeValues are the edges of every type and some thousand random values.
func storeValues() []row.Value {
	var vs []row.Value
	add := func(kind row.ValueKind, texts ...string) {
		for _, s := range texts {
			vs = append(vs, row.Value{Kind: kind, Text: []byte(s)})
		}
	}
	vs = append(vs, row.Value{})
	add(row.KindInt, "0", "1", "-1", "7", "12", "24", "70", "99", "100", "127", "128", "-128", "-129", "255", "256", "1900", "1901", "2024", "2155", "2156", "32767", "-32768", "8388607", "16777215", "16777217",
		"2147483647", "2147483648", "-2147483648", "4294967295", "4294967296", "20240229", "101112", "123456789012345678", "9223372036854775807", "-9223372036854775808", "9007199254740993")
	add(row.KindUint, "0", "5", "255", "2047", "2048", "65535", "9223372036854775808", "18446744073709551615")
	add(row.KindDecimal, "0.0", "0.5", "1.5", "2.5", "12.50", "12.345", "-12.34", "-0.00", "-0.01", "999.99", "999.995", "1000.0", "0.1", "00.5", "127.0", "127.4", "1.005", "123456.789", "18446744073709551616", "99999999999999999999", "0.000000000000000000000000000001", "12345678901234567890123456789012345.123456789012345678901234567890", "16777217.0", "3.4028235", ".5")
	add(row.KindFloat, "0e0", "1e0", "1e3", "1.5e0", "2.5e0", "1e10", "1e15", "1e16", "123456789012345.6", "0.1", "0.2", "12.34", "-12.34", "1e-5", "1e-16", "1e20", "1e38", "3.4e38", "1e39", "1e300", "1.7976931348623157e308", "123456789", "16777217", "0.1234567890123456", "5e-324", "1e-7", "100", "999.9", "2.2250738585072014e-308")
	add(row.KindBytes, "A", "abc", "\x00", "\x01", "\x07\xff", "\xff", "\x80abc", "é", "日本", "\x00\x00\x01", "a\x00b", "12", "\xff\xff\xff\xff\xff\xff\xff\xff", "{}", "")
	add(row.KindDate, "2024-02-29", "0000-00-00", "1999-12-31", "2038-01-19", "1970-01-01", "2024-00-10")
	add(row.KindDatetime, "2024-02-29 10:11:12", "2024-02-29 00:00:00", "2024-12-31 23:59:59.999999", "2024-02-29 10:11:12.123456", "2024-02-29 10:11:12.120000", "2024-02-29 10:11:12.500000", "0000-00-00 00:00:00", "2038-01-19 03:14:07", "2038-01-19 03:14:08", "1970-01-01 00:00:01", "1970-01-01 00:00:00")
	add(row.KindTime, "10:11:12", "-10:11:12", "838:59:59", "00:00:00", "10:11:12.345678", "-00:00:00.500000", "100:00:00.999999")
	add(row.KindString, stringValues...)
	add(row.KindString, jsonValues...)
	for _, s := range []string{"0", "0.1", "12.5", "-12.34", "1e+38", "16777216", "1.5e-10"} {
		vs = append(vs, row.Value{Kind: row.KindFloat, Text: []byte(s), Float32: true})
	}
	return append(vs, randomValues()...)
}

var stringValues = []string{
	"", " ", "a", "A", "b", "B", "a ", " a", "a,b", "b,a", "A,a", "a,", ",a", "a,x", "a, b", "pending", "PENDING", "Pending", "O'K", "2", "7", "é", "É", "e", "áb", "日本語", "😀", "😀😀😀😀😀", "日本語日本語日本語", "€uro", "\u0081", "\u00a0", "ü\u0308", "\uffff", "a\x00b", "\x00", "back\\slash", "quote'\"", "tab\tnew\n", "12345678", "123456789", "abcde", "abcde   ", "abcdef", "abcdefgh ", "\xff", "a\xc3", "\xed\xa0\x80", "\xf5\x80\x80\x80",
	"0", "00", "007", "-0", "+5", "-5", " 12", "12 ", "12abc", "abc", "1.5", "1.0", "12.0", "-1.5", "1e3", "0x10", "127", "128", "255", "256", "65536", "2147483647", "4294967295", "9223372036854775807", "-9223372036854775808", "18446744073709551615", "18446744073709551616", "12.34", "12.345", "12.340", "-12.34", "-0.00", "999.99", "999.999", ".5", "5.", "+.5", "0.1", "00012.50", "12,5", "123456.789", "1234567890123456789", "3.14159265358979", "1e400",
	"2024", "24", "1900", "1901", "2155", "2156", "0000", "70", "02024",
	"2024-02-29", "2024-02-30", "2023-02-29", "2024-04-31", "2024-13-01", "2024-00-10", "2024-01-00", "0000-00-00", "0000-01-01", "0001-01-01", "9999-12-31", "24-02-29", "2024-2-9", "20240229", "2024/02/29", "2024.02.29", "2024-02-29 ", " 2024-02-29", "2024-02-29x", "1000-01-01", "0000-02-29", "1900-02-29", "2000-02-29", "2024-02-32",
	"2024-02-29 00:00:00", "2024-02-29 10:11:12", "2024-02-29T10:11:12", "2024-02-29T10:11:12Z", "2024-02-29 10:11:12+02:00", "2024-02-29 10:11:12-00:00", "2024-02-29 10:11", "2024-02-29 24:00:00", "2024-02-29 10:60:00", "2024-02-29 10:11:60", "2024-02-29 10:11:12.", "2024-02-29 10:11:12.1", "2024-02-29 10:11:12.12", "2024-02-29 10:11:12.005", "2024-02-29 10:11:12.0049999", "2024-02-29 10:11:12.123456", "2024-02-29 10:11:12.1234567", "2024-02-29 10:11:12.5", "2024-02-29 10:11:12.49", "2024-02-29 23:59:59.999999", "2024-12-31 23:59:59.9", "9999-12-31 23:59:59", "9999-12-31 23:59:59.9", "9999-12-31 23:59:59.999999", "2024-02-29  10:11:12", "2024-02-29 10:11:12.000", "2024-02-29 00:00:00.000000", "2024-02-29 00:00:00.4", "2024-02-29 00:00:00.9", "2024-04-31 10:11:12", "2024-04-31 23:59:59.9", "2024-00-00 00:00:00", "2024-00-10 23:59:59.9", "0000-00-00 00:00:00", "0000-00-00 00:00:01", "0000-00-00 00:00:00.4", "0000-00-00 00:00:00.9", "0000-00-00 00:00:00.000001", "0000-01-01 00:00:00", "0000-00-01 00:00:00",
	"1969-12-31 23:59:59", "1970-01-01 00:00:00", "1970-01-01 00:00:01", "1970-01-01 00:00:00.5", "1970-01-01 00:00:00.9", "1969-12-31 23:59:59.9", "1970-01-01 05:30:00", "1970-01-01 05:30:01", "2038-01-19 03:14:07", "2038-01-19 03:14:07.4", "2038-01-19 03:14:07.9", "2038-01-19 03:14:07.999999", "2038-01-19 03:14:08", "2038-01-19 08:44:07", "2038-01-19 08:44:08", "2023-12-31 23:59:59",
	"10:11:12", "-10:11:12", "1:02:03", "10:11", "101112", "1 10:11:12", "838:59:59", "-838:59:59", "838:59:59.5", "838:59:59.4", "838:59:58.9", "839:00:00", "-00:00:00", "-00:00:01", "00:00:00", "-00:00:00.5", "-00:00:00.4", "-10:11:12.9", "-10:11:12.99999", "10:11:12.5", "10:11:12.49", "10:11:12.123456", "10:11:12.1234567", "10:59:59.9", "99:59:59.9", "099:59:59.5", "010:11:12", "000:00:01", "10:60:12", "10:11:60", "23:59:59.999999", "100:10:10.123", "838:00:00.00001", "10:11:12 ", "24:00:00", "-838:59:59.999999", "838:59:59.000000", "12:13:14.15", "20:24:02.291011", "020:24:02.291011",
}

var jsonValues = []string{
	`{}`, `[]`, `null`, `true`, `false`, `1`, `-1`, `0`, `-0`, `1.0`, `1.5`, `1.50`, `-0.0`, `0.1`, `0.00001`, `0.000000001`, `1e3`, `1E+2`, `1e-3`, `1.5e300`, `1e400`, `01`, `1.`, `.5`, `+1`, `123456789012345.6`, `12345678901234.5`, `1234567890123456.5`, `18446744073709551615`, `18446744073709551616`, `9223372036854775808`, `-9223372036854775808`, `-9223372036854775809`,
	`"x"`, `"é😀"`, `"\u00e9"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ude00\ud83d"`, `"\u0000"`, `"\u0001\u001F"`, `"\/"`, `"/"`, `"\b\f\n\r\t\"\\"`, `"\x"`, `"` + "\t" + `"`, `"` + "\x7f" + `"`, `"\u007f\u2028"`, `"a`, `'a'`, `{"a":1}`, `{"b":1,"a":[1,2]}`, `{"bb":1,"a":2,"c":3,"aa":4}`, `{"a":1,"a":2}`, `{"a":1,"b":3,"a":2}`, `{"é":1,"zz":2,"a":{"y":{},"x":[]}}`, `{"":1}`, `{ "a" : 1 , "b" : [ true , false , null ] }`, ` [1] `, "\n{\"a\":\t1}\r\n", `{"a":1,}`, `[1,]`, `{a:1}`, `{"a" 1}`, `[1 2]`, `{"a":}`, `NaN`, `tru`, `truex`, `[1]x`, `{"A":1,"a":2}`, `{"a\u0000b":1,"a":2}`, `"` + strings.Repeat("y", 300) + `"`, `{"k":"\ud800x"}`, `nullnull`, `[-1.25,2.750,100.0]`, `"\u0080\u00ff"`,
	strings.Repeat("[", 30) + strings.Repeat("]", 30), strings.Repeat("[", 31) + strings.Repeat("]", 31), strings.Repeat(`{"a":`, 29) + "1" + strings.Repeat("}", 29), strings.Repeat(`{"a":[`, 15) + strings.Repeat("]}", 15), strings.Repeat(`{"a":`, 30) + "1" + strings.Repeat("}", 30),
	`{"amount":12.5,"currency":"EUR","meta":{"tries":3,"ok":true,"tags":["a","b"]},"id":9007199254740993}`,
}

// randomValues are reproducible.
func randomValues() (vs []row.Value) {
	rng := rand.New(rand.NewPCG(2026, 11))
	text := func(kind row.ValueKind, s string) { vs = append(vs, row.Value{Kind: kind, Text: []byte(s)}) }
	pad := func(n, width int) string { s := strconv.Itoa(n); return strings.Repeat("0", max(0, width-len(s))) + s }
	fraction := func() string {
		if n := rng.IntN(8); n > 0 {
			return "." + pad(rng.IntN(int(math.Pow10(n))), n)
		}
		return ""
	}
	for range 80 {
		f := math.Float64frombits(rng.Uint64())
		if rng.IntN(2) == 0 {
			f = (rng.Float64() - 0.5) * math.Pow10(rng.IntN(20))
		}
		if math.IsNaN(f) || math.IsInf(f, 0) {
			continue
		}
		text(row.KindFloat, strconv.FormatFloat(f, 'e', -1, 64))
		text(row.KindInt, strconv.FormatInt(int64(rng.Uint64())>>rng.IntN(64), 10))
		digits := strconv.FormatInt(int64(rng.Uint64())>>rng.IntN(64), 10) + "." + pad(rng.IntN(10000), 4)
		text(row.KindDecimal, digits)
		text(row.KindString, digits)
		clock := pad(rng.IntN(24), 2) + ":" + pad(rng.IntN(60), 2) + ":" + pad(rng.IntN(60), 2) + fraction()
		day := pad(rng.IntN(10000), 4) + "-" + pad(rng.IntN(13), 2) + "-" + pad(rng.IntN(32), 2)
		text(row.KindString, day+" "+clock)
		text(row.KindString, pad(1970+rng.IntN(69), 4)+"-"+pad(1+rng.IntN(12), 2)+"-"+pad(1+rng.IntN(31), 2)+" "+clock)
		text(row.KindString, clock)
		text(row.KindString, pad(rng.IntN(850), 3)+clock[2:])
		text(row.KindString, day)
		var b bytes.Buffer
		for range rng.IntN(10) {
			b.WriteRune([]rune("aAbBzZ 0é€ßœ日😀\u0300ﬀ,\t")[rng.IntN(18)])
		}
		text(row.KindString, b.String())
		text(row.KindString, randomJSON(rng, 3))
	}
	return vs
}

func randomJSON(rng *rand.Rand, depth int) string {
	space := []string{"", "", " ", "\n"}[rng.IntN(4)]
	switch n := rng.IntN(8); {
	case n < 2 && depth > 0:
		var items []string
		for range rng.IntN(4) {
			items = append(items, randomJSON(rng, depth-1))
		}
		return "[" + space + strings.Join(items, space+",") + "]"
	case n < 5 && depth > 0:
		var items []string
		for range rng.IntN(5) {
			key := []string{"a", "b", "ab", "B", "é", "\\u0041", "id", "", "zzz"}[rng.IntN(9)]
			items = append(items, `"`+key+`"`+space+":"+randomJSON(rng, depth-1))
		}
		return "{" + strings.Join(items, ","+space) + "}" + space
	case n == 5:
		return strconv.FormatInt(int64(rng.Uint64())>>rng.IntN(64), 10)
	case n == 6:
		return strconv.FormatFloat(math.Round((rng.Float64()-0.5)*1e7)/math.Pow10(rng.IntN(12)), 'f', -1, 64)
	}
	return `"` + []string{"x", "a\\nb", "ü", "\\u20ac", "\\\"", "", "😀"}[rng.IntN(7)] + `"`
}
