package row_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

var strict = row.StoreMode{Dialect: schema.MySQL, Strict: true, NoZeroDate: true, NoZeroInDate: true, Location: time.UTC}

// TestStoreCases has one line for each rule; the proof against the servers is
// TestStoreOnRealServers.
func TestStoreCases(t *testing.T) {
	const refused = "\x00refused"
	maria := strict
	maria.Dialect = schema.MariaDB
	lax := row.StoreMode{Location: time.UTC}
	decimal := schema.Column{Type: schema.Decimal, Precision: 6, Scale: 2}
	moment := schema.Column{Type: schema.Datetime}
	char := schema.Column{Type: schema.Char, Length: 3, Charset: "utf8mb4", Collation: "utf8mb4_general_ci"}
	latin := schema.Column{Type: schema.Varchar, Length: 3, Charset: "latin1", Collation: "latin1_swedish_ci"}
	enum := schema.Column{Type: schema.Enum, Members: []string{"new", "paid"}, Charset: "utf8mb4", Collation: "utf8mb4_general_ci"}
	set := schema.Column{Type: schema.Set, Members: []string{"a", "b", "c"}, Charset: "utf8mb4", Collation: "utf8mb4_general_ci"}
	doc := schema.Column{Type: schema.JSON, Charset: "utf8mb4"}
	for _, c := range []struct {
		column schema.Column
		kind   row.ValueKind
		text   string
		mode   row.StoreMode
		want   string
	}{
		{schema.Column{Type: schema.Tinyint}, row.KindInt, "-128", strict, "-128"},
		{schema.Column{Type: schema.Tinyint}, row.KindInt, "128", lax, refused},
		{schema.Column{Type: schema.Bigint, Unsigned: true}, row.KindUint, "18446744073709551615", strict, "18446744073709551615"},
		{schema.Column{Type: schema.Int}, row.KindString, "007", strict, "7"},
		{schema.Column{Type: schema.Int}, row.KindString, "7 ", strict, refused},
		{schema.Column{Type: schema.Int}, row.KindFloat, "1e03", strict, "1000"}, // as many characters as digits
		{schema.Column{Type: schema.Int}, row.KindDecimal, "1.5", strict, refused},
		{schema.Column{Type: schema.Int, Unsigned: true, Zerofill: true, Length: 5}, row.KindInt, "42", strict, "00042"},
		{decimal, row.KindString, "12.5", strict, "12.50"},
		{decimal, row.KindFloat, "12.5", strict, "12.50"},
		{decimal, row.KindString, "12.345", lax, refused},
		{decimal, row.KindInt, "10000", strict, refused},
		{schema.Column{Type: schema.Float, Scale: -1}, row.KindDecimal, "0.1", strict, "0.1"},
		{schema.Column{Type: schema.Float, Scale: -1}, row.KindInt, "16777217", strict, "16777216"},
		{schema.Column{Type: schema.Double, Scale: -1}, row.KindFloat, "1e20", strict, "1e20"},
		{schema.Column{Type: schema.Double, Scale: -1}, row.KindFloat, "-0", strict, refused},
		{schema.Column{Type: schema.Bit, Length: 9}, row.KindInt, "257", strict, "\x01\x01"},
		{schema.Column{Type: schema.Bit, Length: 1}, row.KindBytes, "\x02", strict, refused},
		{schema.Column{Type: schema.Year}, row.KindInt, "70", strict, refused},
		{moment, row.KindString, "2024-12-31 23:59:59.5", strict, "2025-01-01 00:00:00"},
		{moment, row.KindString, "2024-12-31 23:59:59.5", maria, "2024-12-31 23:59:59"},
		{moment, row.KindString, "9999-12-31 23:59:59.5", strict, refused},
		{moment, row.KindString, "0000-00-00", lax, "0000-00-00 00:00:00"},
		{moment, row.KindString, "0000-00-00", strict, refused},
		{moment, row.KindString, "2024-02-29 10:11:12+02:00", strict, refused},
		{schema.Column{Type: schema.Date}, row.KindDatetime, "2024-02-29 00:00:01", strict, refused},
		{schema.Column{Type: schema.Date}, row.KindString, "2023-02-29", lax, refused},
		{schema.Column{Type: schema.Timestamp, Fsp: 3}, row.KindString, "2024-02-29 10:11:12.5", strict, "2024-02-29 10:11:12.500"},
		{schema.Column{Type: schema.Timestamp}, row.KindString, "2024-02-29 10:11:12", row.StoreMode{}, refused},
		{schema.Column{Type: schema.Time, Fsp: 1}, row.KindString, "-101:02:03.26", strict, "-101:02:03.3"},
		{schema.Column{Type: schema.Time}, row.KindString, "839:00:00", lax, refused},
		{char, row.KindString, "äb   ", strict, "äb"},
		{char, row.KindString, "abcd", lax, refused},
		{char, row.KindInt, "-12", strict, "-12"},
		{latin, row.KindString, "€é", strict, "€é"},
		{latin, row.KindString, "日", lax, refused},
		{schema.Column{Type: schema.Binary, Length: 3}, row.KindBytes, "\xff", strict, "\xff\x00\x00"},
		{enum, row.KindString, "PAID", strict, "paid"}, {enum, row.KindInt, "1", strict, "new"}, {enum, row.KindInt, "0", lax, refused}, {enum, row.KindString, "", lax, refused},
		{set, row.KindString, "C,a", strict, "a,c"}, {set, row.KindInt, "6", strict, "b,c"}, {set, row.KindString, "", strict, ""}, {set, row.KindString, "d", lax, refused},
		{doc, row.KindString, `{"bb":1.0,"a":[]}`, strict, `{"a": [], "bb": 1.0}`}, {doc, row.KindString, `{"bb":1.0,"a":[]}`, maria, `{"bb":1.0,"a":[]}`},
		{doc, row.KindString, `{"a":1,"a":2}`, strict, `{"a": 2}`}, {doc, row.KindString, `{a:1}`, lax, refused}, {doc, row.KindString, `1e5`, strict, refused}, {doc, row.KindString, `1e5`, maria, `1e5`},
		{schema.Column{Type: schema.Int, Generated: true}, row.KindInt, "1", strict, refused},
		{schema.Column{Type: schema.Unknown}, row.KindString, "x", lax, refused},
		{schema.Column{Type: schema.Int}, row.KindDefault, "", lax, refused},
	} {
		stored, clean := row.Store(&c.column, row.Value{Kind: c.kind, Text: []byte(c.text)}, c.mode)
		if got := string(stored); clean && got != c.want || clean == (c.want == refused) || !clean && stored != nil {
			t.Errorf("type %d <- %q (kind %d): %q, clean %v; want %q", c.column.Type, c.text, c.kind, stored, clean, c.want)
		}
	}
}

func TestStoreNull(t *testing.T) {
	if stored, clean := row.Store(&schema.Column{Type: schema.Int}, row.Value{}, strict); stored != nil || !clean {
		t.Errorf("NULL into a nullable column: %q, %v", stored, clean)
	}
	if _, clean := row.Store(&schema.Column{Type: schema.Int, NotNull: true}, row.Value{}, row.StoreMode{}); clean {
		t.Errorf("NULL into a NOT NULL column is clean")
	}
	c := schema.Column{Type: schema.Varchar, Length: 3, Charset: "utf8mb4", NotNull: true}
	if stored, clean := row.Store(&c, row.Value{Kind: row.KindString}, strict); stored == nil || !clean {
		t.Errorf("the empty string without bytes: %v, %v", stored, clean)
	}
}

// TestStoredFormIsStable stores the stored form again: nothing may change, or a
// drained row would differ from the cached one.
func TestStoredFormIsStable(t *testing.T) {
	stable := 0
	for _, dialect := range []schema.Dialect{schema.MySQL, schema.MariaDB} {
		mode := row.StoreMode{Dialect: dialect, Location: time.UTC}
		for _, col := range storeColumns(dialect) {
			for _, v := range storeValues() {
				stored, clean := row.Store(&col, v, mode)
				if !clean || stored == nil || col.Type == schema.Bit {
					continue
				}
				again := row.Value{Kind: row.KindString, Text: stored}
				switch {
				case col.Type == schema.Float || col.Type == schema.Double:
					again.Kind = row.KindFloat
				case col.Type >= schema.Binary && col.Type <= schema.Blob:
					again.Kind = row.KindBytes
				}
				if second, ok := row.Store(&col, again, mode); !ok || !bytes.Equal(second, stored) {
					t.Errorf("%s: %q (kind %d) is stored as %q, that as %q, %v", col.ColumnType, v.Text, v.Kind, stored, second, ok)
				}
				stable++
			}
		}
	}
	if stable < 10000 {
		t.Errorf("only %d values", stable)
	}
}

// TestTimestampAroundClockChanges has hours that a zone skips or shows twice.
func TestTimestampAroundClockChanges(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	c := schema.Column{Type: schema.Timestamp}
	mode := row.StoreMode{Strict: true, Location: berlin}
	for text, want := range map[string]string{
		"2024-03-31 01:59:59": "2024-03-31 00:59:59", "2024-03-31 02:00:00": "", "2024-03-31 02:59:59": "", "2024-03-31 03:00:00": "2024-03-31 01:00:00",
		"2024-10-27 01:59:59": "2024-10-26 23:59:59", "2024-10-27 02:00:00": "", "2024-10-27 02:59:59": "", "2024-10-27 03:00:00": "2024-10-27 02:00:00",
		"1970-01-01 01:00:00": "", "1970-01-01 01:00:01": "1970-01-01 00:00:01", "2038-01-19 04:14:07": "2038-01-19 03:14:07", "2038-01-19 04:14:08": "",
	} {
		stored, clean := row.Store(&c, row.Value{Kind: row.KindString, Text: []byte(text)}, mode)
		if string(stored) != want || clean != (want != "") {
			t.Errorf("%s: %q, clean %v, want %q", text, stored, clean, want)
		}
		if clean {
			if shown, ok := row.Print(&c, stored, berlin); !ok || string(shown) != text {
				t.Errorf("%s is shown as %q", text, shown)
			}
		}
	}
	if _, ok := row.Print(&c, []byte("2024-01-01 00:00:00"), nil); ok {
		t.Errorf("a TIMESTAMP is printed without a zone")
	}
	if shown, ok := row.Print(&c, []byte("0000-00-00 00:00:00"), berlin); !ok || string(shown) != "0000-00-00 00:00:00" {
		t.Errorf("the zero TIMESTAMP is shown as %q", shown)
	}
}

// TestJSONKeepsItsMeaning compares what MySQL's form means with the original.
func TestJSONKeepsItsMeaning(t *testing.T) {
	c := schema.Column{Type: schema.JSON, Charset: "utf8mb4"}
	rapid.Check(t, func(rt *rapid.T) {
		text := []byte(rapid.SampledFrom(jsonValues).Draw(rt, "json"))
		checkJSON(rt.Fatalf, &c, text)
	})
}

func checkJSON(fail func(string, ...any), c *schema.Column, text []byte) {
	stored, clean := row.Store(c, row.Value{Kind: row.KindString, Text: text}, strict)
	if !clean {
		return
	}
	var before, after any
	if err := json.Unmarshal(text, &before); err != nil || !utf8.Valid(text) {
		fail("%q is no JSON: %v", text, err)
		return
	}
	if err := json.Unmarshal(stored, &after); err != nil || !reflect.DeepEqual(before, after) {
		fail("%q became %q: %v", text, stored, err)
	}
}

func FuzzStore(f *testing.F) {
	for _, s := range append(stringValues, jsonValues...) {
		f.Add(s, uint8(row.KindString), false)
	}
	f.Add("12.50", uint8(row.KindDecimal), true)
	f.Fuzz(func(t *testing.T, text string, kind uint8, mariadb bool) {
		mode := strict
		if mariadb {
			mode.Dialect = schema.MariaDB
		}
		v := row.Value{Kind: row.ValueKind(kind % uint8(row.KindDefault+1)), Text: []byte(text)}
		for _, c := range storeColumns(mode.Dialect) {
			stored, clean := row.Store(&c, v, mode)
			if !clean || stored == nil {
				continue
			}
			if c.Type == schema.JSON && !mariadb {
				checkJSON(t.Errorf, &c, v.Text)
			}
			if _, ok := row.Print(&c, stored, time.UTC); !ok && !c.Zerofill {
				t.Errorf("%s: stored %q cannot be printed", c.ColumnType, stored)
			}
			if c.Type == schema.JSON {
				continue
			}
			if _, err := row.EncodeKey(keyed(c), [][]byte{stored}); err != nil && !bytes.Contains(stored, []byte("\uffff")) {
				t.Errorf("%s: stored %q has no key: %v", c.ColumnType, stored, err)
			}
		}
	})
}
