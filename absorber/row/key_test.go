package row_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// keyed is a table whose primary key is the given columns.
func keyed(columns ...schema.Column) *schema.Table {
	t := &schema.Table{Name: schema.Name{DB: "d", Table: "t"}, Dialect: schema.MySQL, Columns: columns}
	for i := range columns {
		t.Primary.Columns = append(t.Primary.Columns, i)
	}
	return t
}

// keyOf encodes texts as a key and fails if that cannot be done.
func keyOf(t testing.TB, table *schema.Table, texts ...string) row.Key {
	t.Helper()
	var values [][]byte
	for _, s := range texts {
		values = append(values, []byte(s))
	}
	ref, err := row.EncodeKey(table, values)
	if err != nil {
		t.Fatalf("key of %q: %v", texts, err)
	}
	return ref.Key
}

var (
	general = schema.Column{Type: schema.Varchar, Length: 40, Charset: "utf8mb4", Collation: "utf8mb4_general_ci"}
	binText = schema.Column{Type: schema.Varchar, Length: 40, Charset: "utf8mb4", Collation: "utf8mb4_bin"}
	nopad   = schema.Column{Type: schema.Varchar, Length: 40, Charset: "utf8mb4", Collation: "utf8mb4_0900_ai_ci"}
	swedish = schema.Column{Type: schema.Varchar, Length: 40, Charset: "latin1", Collation: "latin1_swedish_ci"}
)

// TestKeyOrder has values of every type in the order of their index.
func TestKeyOrder(t *testing.T) {
	for _, c := range []struct {
		name   string
		column schema.Column
		values string
	}{
		{"signed", schema.Column{Type: schema.Bigint}, "-9223372036854775808 -2 -1 0 1 10 9223372036854775807"},
		{"unsigned", schema.Column{Type: schema.Bigint, Unsigned: true}, "0 1 9 10 9223372036854775808 18446744073709551615"},
		{"zerofill", schema.Column{Type: schema.Int, Unsigned: true, Zerofill: true, Length: 5}, "00000 00007 00100 123456"},
		{"decimal", schema.Column{Type: schema.Decimal, Precision: 6, Scale: 2}, "-9999.99 -100.00 -2.10 -2.01 -2.00 -0.01 0.00 0.01 1.00 2.00 10.50 9999.99"},
		{"double", schema.Column{Type: schema.Double, Scale: -1}, "-1e300 -1.5 -1e-300 0 1e-300 0.1 1 1.5 2 1e15 1e300"},
		{"float", schema.Column{Type: schema.Float, Scale: -1}, "-3.4e38 -1 -0.1 0 0.1 16777216 3.4e38"},
		{"year", schema.Column{Type: schema.Year}, "0000 1901 2024 2155"},
		{"date", schema.Column{Type: schema.Date}, "0000-00-00 1000-01-01 2024-02-28 2024-02-29 9999-12-31"},
		{"time", schema.Column{Type: schema.Time}, "-838:59:59 -100:00:00 -23:00:00 -00:00:01 00:00:00 00:00:01 99:00:00 100:00:00 838:59:59"},
		{"enum", schema.Column{Type: schema.Enum, Members: []string{"z", "a", "m"}}, "z a m"},
		{"set", schema.Column{Type: schema.Set, Members: []string{"z", "a", "m"}}, "z a z,a m z,m z,a,m"},
		{"bit", schema.Column{Type: schema.Bit, Length: 12}, "\x00\x00 \x00\x01 \x01\x00 \x0f\xff"},
		{"bytes", schema.Column{Type: schema.Varbinary, Length: 9}, "\x00 \x00\x00 \x00\x01 a a\x00 a\x00\x00 a\x00b ab \xff \xff\xff"},
		{"utf8mb4_general_ci", general, "a\tb a a!b ab b é\u00ff z \u65e5"},
		{"utf8mb4_bin", binText, "A\tb A A!b B a a\u0300 \u65e5 \U0001f600"},
		{"utf8mb4_0900_ai_ci", nopad, "_ 1 a ab b \u65e5"},
		{"latin1_swedish_ci", swedish, "a\t a a! ab b z å"},
	} {
		for _, alone := range []bool{true, false} {
			table, tail := keyed(c.column), []string(nil)
			if !alone {
				table, tail = keyed(c.column, binText), []string{"x"}
			}
			var before row.Key
			for i, v := range strings.Split(c.values, " ") {
				key := keyOf(t, table, append([]string{v}, tail...)...)
				if i > 0 && key <= before {
					t.Errorf("%s: %q does not come after the value before: %x, %x", c.name, v, before, key)
				}
				before = key
			}
		}
	}
}

func TestKeyEquality(t *testing.T) {
	for _, c := range []struct {
		name   string
		column schema.Column
		a, b   string
		equal  bool
	}{
		{"case", general, "Straße", "STRAsE", true}, {"accent", general, "é", "E", true}, {"trailing spaces", general, "a", "a   ", true},
		{"only spaces", general, "", "  ", true}, {"inner spaces", general, "a b", "a  b", false}, {"leading space", general, " a", "a", false},
		{"binary case", binText, "a", "A", false}, {"binary trailing space", binText, "a", "a ", true}, {"tab is no pad", binText, "a", "a\t", false},
		{"no pad", nopad, "a", "a ", false}, {"no pad accent", nopad, "é", "E", true}, {"latin1", swedish, "É", "e", true}, {"latin1 euro", swedish, "€", "e", false},
		{"minus zero", schema.Column{Type: schema.Double, Scale: -1}, "-0", "0", true},
		{"decimal zeros", schema.Column{Type: schema.Decimal, Precision: 9, Scale: 3}, "1.5", "001.500", true},
		{"decimal minus zero", schema.Column{Type: schema.Decimal, Precision: 9, Scale: 3}, "-0.000", "0", true},
		{"time", schema.Column{Type: schema.Time, Fsp: 2}, "-01:00:00.50", "-01:00:00.50", true},
	} {
		a, b := keyOf(t, keyed(c.column), c.a), keyOf(t, keyed(c.column), c.b)
		if (a == b) != c.equal {
			t.Errorf("%s: %q and %q have keys %x and %x", c.name, c.a, c.b, a, b)
		}
	}
}

// TestCompositeKeysDoNotRunTogether looks for two different rows of one key.
func TestCompositeKeysDoNotRunTogether(t *testing.T) {
	bin := schema.Column{Type: schema.Varbinary, Length: 9}
	rapid.Check(t, func(rt *rapid.T) {
		table := keyed(rapid.SampledFrom([]schema.Column{general, binText, nopad, bin}).Draw(rt, "first"), rapid.SampledFrom([]schema.Column{binText, bin}).Draw(rt, "second"))
		text := rapid.StringOfN(rapid.SampledFrom([]rune("a \x00\x01\t!b")), 0, 5, -1)
		a1, a2, b1, b2 := text.Draw(rt, "a1"), text.Draw(rt, "a2"), text.Draw(rt, "b1"), text.Draw(rt, "b2")
		first := func(s string) row.Key { return keyOf(t, keyed(table.Columns[0]), s) }
		second := func(s string) row.Key { return keyOf(t, keyed(table.Columns[1]), s) }
		want := cmp.Or(strings.Compare(string(first(a1)), string(first(b1))), strings.Compare(string(second(a2)), string(second(b2))))
		got := bytes.Compare([]byte(keyOf(t, table, a1, a2)), []byte(keyOf(t, table, b1, b2)))
		if got != want {
			rt.Fatalf("(%q,%q) and (%q,%q) compare %d, their columns %d", a1, a2, b1, b2, got, want)
		}
	})
}

// TestPadSpaceOrder compares keys with the definition: pad with spaces, then
// compare.
func TestPadSpaceOrder(t *testing.T) {
	text := rapid.StringOfN(rapid.SampledFrom([]rune("  \x01\t!ab")), 0, 8, -1)
	rapid.Check(t, func(rt *rapid.T) {
		a, b := text.Draw(rt, "a"), text.Draw(rt, "b")
		pad := func(s string) string { return s + strings.Repeat(" ", 10-len(s)) }
		want := strings.Compare(pad(a), pad(b))
		if got := strings.Compare(string(keyOf(t, keyed(binText), a)), string(keyOf(t, keyed(binText), b))); got != want {
			rt.Fatalf("%q and %q: keys compare %d, padded text %d", a, b, got, want)
		}
	})
}

func TestNumericKeysSortAsNumbers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := rapid.Float64().Draw(rt, "a"), rapid.Float64().Draw(rt, "b")
		if math.IsInf(a, 0) || math.IsInf(b, 0) || math.IsNaN(a) || math.IsNaN(b) {
			return
		}
		table := keyed(schema.Column{Type: schema.Double, Scale: -1})
		x, y := keyOf(t, table, string(row.FormatFloat64(a))), keyOf(t, table, string(row.FormatFloat64(b)))
		if cmp.Compare(x, y) != cmp.Compare(a, b) {
			rt.Fatalf("%v and %v: keys %x, %x", a, b, x, y)
		}
		i, j := rapid.Int64().Draw(rt, "i"), rapid.Int64().Draw(rt, "j")
		table = keyed(schema.Column{Type: schema.Bigint})
		if cmp.Compare(keyOf(t, table, strconv.FormatInt(i, 10)), keyOf(t, table, strconv.FormatInt(j, 10))) != cmp.Compare(i, j) {
			rt.Fatalf("%d and %d", i, j)
		}
		table = keyed(schema.Column{Type: schema.Decimal, Precision: 20, Scale: 4})
		i, j = i/1e3, j/1e3
		dec := func(n int64) string { return fmt.Sprintf("%s%d.%04d", sign(n), abs(n)/1e4, abs(n)%1e4) }
		if cmp.Compare(keyOf(t, table, dec(i)), keyOf(t, table, dec(j))) != cmp.Compare(i, j) {
			rt.Fatalf("%s and %s", dec(i), dec(j))
		}
	})
}

func abs(n int64) int64 { return max(n, -n) }

func sign(n int64) string {
	if n < 0 {
		return "-"
	}
	return ""
}

func TestEncodeIndex(t *testing.T) {
	table := keyed(general, schema.Column{Type: schema.Varbinary, Length: 20})
	index := schema.Index{Name: "u", Columns: []int{0, 1}, Prefix: []int{2, 1}}
	a, claimA, errA := row.EncodeIndex(table, index, [][]byte{[]byte("éxy"), []byte("12")})
	b, claimB, errB := row.EncodeIndex(table, index, [][]byte{[]byte("EXz"), []byte("13")})
	if a != b || !claimA || !claimB || errA != nil || errB != nil {
		t.Errorf("prefixes differ: %x, %x", a, b)
	}
	if _, claim, err := row.EncodeIndex(table, index, [][]byte{nil, []byte("1")}); claim || err != nil {
		t.Errorf("NULL claims a value: %v, %v", claim, err)
	}
	if _, claim, err := row.EncodeIndex(table, index, [][]byte{[]byte("\xff"), []byte("1")}); claim || !errors.Is(err, row.ErrKey) {
		t.Errorf("text that is none: %v, %v", claim, err)
	}
}

func TestIndexRef(t *testing.T) {
	table := keyed(schema.Column{Type: schema.Int}, general, general)
	table.Primary.Columns = []int{2, 0}
	im := row.Image{[]byte("7"), []byte("other"), []byte("Key")}
	ref, err := row.IndexRef(table, im)
	want, errWant := row.EncodeKey(table, [][]byte{[]byte("KEY "), []byte("7")})
	if err != nil || errWant != nil || ref.Key != want.Key {
		t.Errorf("%x (%v), want %x (%v)", ref.Key, err, want.Key, errWant)
	}
	if !slices.EqualFunc(ref.Values, [][]byte{[]byte("Key"), []byte("7")}, bytes.Equal) {
		t.Errorf("values %q", ref.Values)
	}
	if _, err := row.IndexRef(table, im[:1]); !errors.Is(err, row.ErrKey) {
		t.Errorf("short image: %v", err)
	}
}

func TestNoKey(t *testing.T) {
	mariadb := keyed(nopad)
	mariadb.Dialect = schema.MariaDB
	croatian := general
	croatian.Collation = "utf8mb4_croatian_ci"
	for name, c := range map[string]struct {
		table *schema.Table
		value []byte
	}{
		"NULL": {keyed(general), nil}, "no number": {keyed(schema.Column{Type: schema.Int}), []byte("x")},
		"too many digits": {keyed(schema.Column{Type: schema.Decimal, Precision: 4, Scale: 2}), []byte("100.00")},
		"no date":         {keyed(schema.Column{Type: schema.Date}), []byte("2024")}, "no time": {keyed(schema.Column{Type: schema.Time}), []byte("10:11")},
		"no member": {keyed(schema.Column{Type: schema.Enum, Members: []string{"a"}}), []byte("b")}, "JSON": {keyed(schema.Column{Type: schema.JSON}), []byte("1")},
		"0900 on MariaDB": {mariadb, []byte("a")}, "collation not known": {keyed(croatian), []byte("a")}, "U+FFFF": {keyed(general), []byte("\uffff")},
		"emoji in latin1": {keyed(swedish), []byte("😀")},
	} {
		if ref, err := row.EncodeKey(c.table, [][]byte{c.value}); !errors.Is(err, row.ErrKey) {
			t.Errorf("%s: key %x, error %v", name, ref.Key, err)
		}
	}
	if _, err := row.EncodeKey(keyed(general), nil); !errors.Is(err, row.ErrKey) {
		t.Errorf("no values: %v", err)
	}
	for name, want := range map[string]bool{
		"utf8mb4_general_ci": true, "utf8_general_ci": true, "utf8mb3_bin": true, "latin1_swedish_ci": true, "ascii_bin": true, "binary": true, "utf8mb4_0900_as_cs": true, "utf8mb4_unicode_520_ci": true,
		"utf8mb4_uca1400_ai_ci": false, "utf8mb4_general_nopad_ci": false, "utf8mb4_nopad_bin": false, "gbk_chinese_ci": false, "big5_bin": false, "gb18030_chinese_ci": false, "utf8mb4_croatian_ci": false, "ucs2_general_ci": false, "": false, "nonsense": false,
	} {
		if row.CollationExact(name) != want {
			t.Errorf("CollationExact(%q) is %v", name, !want)
		}
	}
}
