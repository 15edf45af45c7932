package schema

import (
	"errors"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestParseColumnType covers what the recorded servers do not print.
func TestParseColumnType(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Column
	}{
		{"bigint(20) unsigned", Column{Type: Bigint, Length: 20, Unsigned: true}},
		{"decimal(10,2) unsigned zerofill", Column{Type: Decimal, Precision: 10, Scale: 2, Unsigned: true, Zerofill: true}},
		{"double", Column{Type: Double, Scale: -1}},
		{"double(5,0)", Column{Type: Double, Precision: 5}},
		{"time(6)", Column{Type: Time, Fsp: 6}},
		{`set('a,b','','\\','it''s','x)')`, Column{Type: Set, Members: []string{"a,b", "", `\`, "it's", "x)"}}},
		{"longblob", Column{Type: Blob, Length: 4294967295}},
		{"varchar(3) /*M!100301 COMPRESSED*/", Column{}},
		{"datetime /* mariadb-5.3 */", Column{}},
		{"year(2)", Column{}},
		{"datetime(7)", Column{}},
		{"decimal(2,3)", Column{}},
		{"decimal", Column{}},
		{"int(1,2)", Column{}},
		{"enum('a'", Column{}},
		{"enum()", Column{}},
		{`enum('\x')`, Column{}},
		{"point", Column{}},
		{"INT", Column{}},
		{"", Column{}},
	} {
		var got Column
		ok := parseColumnType(c.in, &got)
		if ok != (c.want.Type != Unknown) || got.Type != c.want.Type {
			t.Errorf("%s: %v %+v", c.in, ok, got)
		}
		if ok && !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", c.in, got, c.want)
		}
	}
}

// FuzzColumnType feeds the parser anything; members survive being printed.
func FuzzColumnType(f *testing.F) {
	for _, s := range []string{"int(11)", "enum('a','it''s','\\\\')", "decimal(10,2) unsigned", "set(", "float(7,3)", "bit(1)", "enum('", "'\\"} {
		f.Add(s, "member")
	}
	f.Fuzz(func(t *testing.T, s, member string) {
		var c Column
		if parseColumnType(s, &c) != (c.Type != Unknown) {
			t.Errorf("%q: type %d", s, c.Type)
		}
		printed := "enum('x','" + strings.NewReplacer(`\`, `\\`, `'`, `''`, "\n", `\n`, "\x00", `\0`).Replace(member) + "')"
		c = Column{}
		if !parseColumnType(printed, &c) || !slices.Equal(c.Members, []string{"x", member}) {
			t.Errorf("%q as %s: %q", member, printed, c.Members)
		}
	})
}

// TestDoubtfulDefaults are texts that an expression default of MariaDB can
// show, or that do not fit: none may be taken for the stored form.
func TestDoubtfulDefaults(t *testing.T) {
	tiny := Column{Type: Tinyint, Length: 4}
	dec := Column{Type: Decimal, Precision: 5, Scale: 2}
	for _, c := range []struct {
		col  Column
		text string
	}{
		{tiny, "128"}, {tiny, "+1"}, {tiny, "01"}, {tiny, "-0"}, {tiny, "'5'"}, {tiny, "1.0"}, {tiny, "(1 + 2)"}, {tiny, "f()"}, {tiny, ""},
		{Column{Type: Tinyint, Unsigned: true}, "-1"}, {Column{Type: Tinyint, Unsigned: true, Zerofill: true, Length: 3}, "7"},
		{dec, "1"}, {dec, "1.005"}, {dec, "1000.00"}, {dec, "-0.00"}, {dec, ".50"}, {dec, "1."}, {dec, "00.50"}, {dec, "1e1"},
		{Column{Type: Decimal, Precision: 5, Scale: 2, Unsigned: true}, "-1.00"},
		{Column{Type: Float, Scale: -1}, "1.5"}, {Column{Type: Float, Precision: 5, Scale: 2}, "0"},
		{Column{Type: Double, Scale: -1}, "1.50"}, {Column{Type: Double, Scale: -1}, "1e20"}, {Column{Type: Double, Scale: -1}, "-0"},
		{Column{Type: Double, Scale: -1}, "NaN"}, {Column{Type: Double, Scale: -1}, "0.0000001"}, {Column{Type: Double, Precision: 5, Scale: 2}, "1.5"},
		{Column{Type: Bit, Length: 3}, "b'1111'"}, {Column{Type: Bit, Length: 3}, "b''"}, {Column{Type: Bit, Length: 3}, "b'12'"}, {Column{Type: Bit, Length: 3}, "5"},
		{Column{Type: Year}, "70"}, {Column{Type: Date}, "'2020-02-30'"}, {Column{Type: Date}, "'2020-1-2'"}, {Column{Type: Date}, "'0000-00-00'"},
		{Column{Type: Datetime, Fsp: 3}, "'2020-01-01 00:00:00'"}, {Column{Type: Datetime}, "'2020-01-01 00:00:00.5'"}, {Column{Type: Datetime}, "'2020-01-01'"},
		{Column{Type: Datetime, Fsp: 3}, "current_timestamp()"}, {Column{Type: Datetime}, "current_timestamp(3)"}, {Column{Type: Date}, "current_timestamp()"},
		{Column{Type: Timestamp}, "'2020-01-01 00:00:00'"}, {Column{Type: Time}, "'-10:00:00'"}, {Column{Type: Time, Fsp: 1}, "'10:00:00'"},
		{Column{Type: Char, Length: 3}, "'abcd'"}, {Column{Type: Char, Length: 3}, "'a '"}, {Column{Type: Varchar, Length: 3}, "abc"}, {Column{Type: Varchar, Length: 3}, "'a' + 'b'"},
		{Column{Type: Varchar, Length: 9, Charset: "utf8mb4"}, "'a?'"}, {Column{Type: Varchar, Length: 9}, "'a\xff'"}, {Column{Type: Varchar, Length: 9}, "'\uFFFD'"},
		{Column{Type: Text, Length: 2}, "'abc'"}, {Column{Type: Binary, Length: 2}, "'ab'"}, {Column{Type: Blob}, "''"},
		{Column{Type: Enum, Members: []string{"a"}}, "'A'"}, {Column{Type: Set, Members: []string{"a", "b"}}, "'b,a'"}, {Column{Type: Set, Members: []string{"a", "b"}}, "'a,a'"},
		{Column{Type: Set, Members: []string{"a", "b"}}, "'c'"}, {Column{Type: JSON}, "'{\"a\": 1}'"}, {Column{}, "'x'"},
	} {
		col := c.col
		setDefault(MariaDB, &col, []byte(c.text), "")
		if col.Default != DefaultExpr && col.Default != DefaultComputed || col.DefaultValue != nil {
			t.Errorf("type %d, %s: kind %d, %q", col.Type, c.text, col.Default, col.DefaultValue)
		}
	}
}

// TestParseVersion reads what servers and proxies in front of them announce.
func TestParseVersion(t *testing.T) {
	for in, want := range map[string][3]int{"8.0.36": {8, 0, 36}, "9.7.4-2": {9, 7, 4}, "10.11.19-MariaDB-0+deb12u1": {10, 11, 19},
		"5.5.5-11.4.2-MariaDB-log": {11, 4, 2}, "8.4": {8, 4, 0}} {
		if got, ok := parseVersion(in); !ok || got != want {
			t.Errorf("%s: %v %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "x", "8", "8.x"} {
		if got, ok := parseVersion(in); ok {
			t.Errorf("%q: %v", in, got)
		}
	}
}

// TestMatch names tables exactly and by globs on both halves.
func TestMatch(t *testing.T) {
	m := Match([]string{"a.b", "shop.*", "*.log_?", "we/ird.*", "nodot", "bad.[", `esc.a\*`})
	for name, want := range map[string]bool{"a.b": true, "a.bb": false, "A.b": false, "shop.x": true, "shop.a/b": true, "shop2.x": false,
		"any.log_1": true, "any.log_12": false, "we/ird.t": true, "weird.t": false, "bad.[": false, "esc.a*": true, "esc.ab": false} {
		n, _ := ParseName(name)
		if m(n) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
	if Match(nil)(Name{"a", "b"}) {
		t.Error("no pattern matches nothing")
	}
	if err := CheckPattern("a.[b"); !errors.Is(err, path.ErrBadPattern) {
		t.Errorf("a.[b: %v", err)
	}
	if CheckPattern("nodot") == nil || CheckPattern("*.*") != nil || CheckPattern("a.b") != nil {
		t.Error("CheckPattern is wrong about nodot, *.* or a.b")
	}
}

// TestGrants reads SHOW GRANTS of both servers.
func TestGrants(t *testing.T) {
	for _, c := range []struct {
		line, db, table string
		want            bool
	}{
		{"GRANT ALL PRIVILEGES ON *.* TO `root`@`%` WITH GRANT OPTION", "a", "b", true},
		{"GRANT SELECT, TRIGGER ON `sh\\_op`.* TO `u`@`%`", "sh_op", "b", true},
		{"GRANT SELECT, TRIGGER ON `sh\\_op`.* TO `u`@`%`", "shxop", "b", false},
		{"GRANT SELECT, TRIGGER ON `sh_op`.* TO `u`@`%`", "shxop", "b", true},
		{"GRANT TRIGGER ON `s%p`.* TO `u`@`%`", "shop", "b", true},
		{"GRANT TRIGGER ON `s*p`.* TO `u`@`%`", "shop", "b", false},
		{"GRANT TRIGGER ON `a`.`b` TO `u`@`%`", "a", "b", true},
		{"GRANT TRIGGER ON `a`.`b` TO `u`@`%`", "a", "c", false},
		{"GRANT TRIGGER ON `a. ON ``x`.`b` TO `u`@`%`", "a. ON `x", "b", true},
		{"GRANT SELECT, SHOW VIEW ON *.* TO `u`@`%`", "a", "b", false},
		{"GRANT SELECT (`TRIGGER`), INSERT (`a`, `TRIGGER`) ON `a`.`b` TO `u`@`%`", "a", "b", false},
		{"GRANT EXECUTE, TRIGGER ON PROCEDURE `a`.`b` TO `u`@`%`", "a", "b", false},
		{"GRANT `TRIGGER` TO `u`@`%`", "a", "b", false},
		{"GRANT PROXY ON ``@`%` TO `u`@`%`", "a", "b", false},
		{"SET DEFAULT ROLE `r` FOR `u`@`%`", "a", "b", false},
	} {
		var gs grants
		if g, ok := parseGrant(c.line); ok {
			gs = append(gs, g)
		}
		if gs.has("TRIGGER", Name{c.db, c.table}) != c.want {
			t.Errorf("%s: TRIGGER on %s.%s should be %v", c.line, c.db, c.table, c.want)
		}
	}
	all, _ := parseGrant("GRANT SELECT ON *.* TO `u`@`%`")
	revoke, _ := parseGrant("REVOKE SELECT ON `hidden`.* FROM `u`@`%`")
	gs := grants{all, revoke}
	if gs.has("SELECT", Name{"hidden", "t"}) || !gs.has("SELECT", Name{"shown", "t"}) || !gs.has("SELECT", Name{"*", "*"}) {
		t.Error("a partial revoke takes away one database")
	}
}

// TestPartitionDoubt covers what the recorded servers do not have.
func TestPartitionDoubt(t *testing.T) {
	for _, c := range []struct {
		p    *rawPartitions
		sure bool
	}{
		{&rawPartitions{method: "KEY"}, true},
		{&rawPartitions{method: "LINEAR KEY", expression: "`a`"}, true},
		{&rawPartitions{method: "LINEAR HASH", expression: "`a``b`"}, false},
		{&rawPartitions{method: "HASH", expression: "`a`,`b`"}, true},
		{&rawPartitions{method: "HASH", expression: "`a` + 1"}, false},
		{&rawPartitions{method: "HASH", expression: "`"}, false},
		{&rawPartitions{method: "HASH", expression: ""}, false},
		{&rawPartitions{method: "HASH", expression: "`a`,"}, false},
		{&rawPartitions{method: "SYSTEM_TIME", expression: "`a`"}, false},
		{&rawPartitions{method: "RANGE", expression: "`a`"}, false},
		{nil, false},
	} {
		if got := partitionDoubt(c.p); (got == "") != c.sure {
			t.Errorf("%+v: %q", c.p, got)
		}
	}
}

// TestDefaultNullColumns reads MySQL's CREATE TABLE.
func TestDefaultNullColumns(t *testing.T) {
	got := defaultNullColumns("CREATE TABLE `t` (\n  `id` int NOT NULL,\n  `a` int DEFAULT NULL,\n" +
		"  `b` int COMMENT 'x DEFAULT NULL it''s \\\\',\n  `c``d` timestamp NULL DEFAULT NULL COMMENT 'y',\n" +
		"  `e` enum('DEFAULT NULL',' DEFAULT NULL'),\n  `f` int DEFAULT NULL /*!80023 INVISIBLE */,\n  `g` varchar(5) DEFAULT ' DEFAULT NULL'\n" +
		"  `broken\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB")
	if want := map[string]bool{"a": true, "c`d": true, "f": true}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}
