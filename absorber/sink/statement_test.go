package sink

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// twoTables gives a table with a simple key and one with a composite key.
func twoTables() (one, two *schema.Table) {
	cols := []schema.Column{{Name: "id", Type: schema.Int}, {Name: "v", Type: schema.Varchar}, {Name: "u", Type: schema.Int}}
	one = &schema.Table{Name: schema.Name{DB: "d", Table: "o`ne"}, Columns: cols, Primary: schema.Index{Columns: []int{0}}}
	two = &schema.Table{Name: schema.Name{DB: "d", Table: "two"}, Columns: cols, Primary: schema.Index{Columns: []int{0, 2}}}
	return one, two
}

// texts are the statements without their mark.
func texts(t *testing.T, b Batch, limit int) []string {
	t.Helper()
	b.Lane, b.From, b.To = "la*/ne", 4, 9
	statements, err := script(&b, limit)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, st := range statements {
		text, ok := strings.CutPrefix(string(st.sql), "/* shock_absorber lane=la__ne lsn=5-9 */ ")
		if !ok {
			t.Fatalf("no mark in %s", st.sql)
		}
		out = append(out, fmt.Sprintf("%d %d %s", st.want, st.lsn, text))
	}
	return out
}

func TestScriptGroupsByOpAndTable(t *testing.T) {
	one, two := twoTables()
	b := Batch{Changes: []Change{
		change(one, 7, row.Insert, 1, "a", 10), change(two, 6, row.Delete, 2, "b", 20), change(one, 8, row.Update, 3, "it's", 30, 1, 2),
		change(one, 5, row.Insert, 4, "d", 40), change(one, 6, row.Delete, 5, "e", 50), change(two, 9, row.Delete, 6, "f", 60)}}
	want := []string{
		"2 6 DELETE FROM `d`.`two` WHERE (`id`=2 AND `u`=20) OR (`id`=6 AND `u`=60)",
		"1 6 DELETE FROM `d`.`o``ne` WHERE `id` IN (5)",
		"1 8 UPDATE `d`.`o``ne` SET `v`='it''s',`u`=30 WHERE `id`=3",
		"2 5 INSERT INTO `d`.`o``ne` (`id`,`v`,`u`) VALUES (1,'a',10),(4,'d',40)",
	}
	if got := texts(t, b, 1<<20); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestScriptGroupsUpdatesThatAssignTheSameColumns(t *testing.T) {
	one, two := twoTables()
	one.Uniques = []schema.Index{{Columns: []int{2}}}
	b := Batch{Changes: []Change{
		change(one, 5, row.Update, 1, "a", 10, 1), change(one, 6, row.Update, 2, "b", 20, 1), change(one, 7, row.Update, 3, "c", 30, 2),
		change(one, 8, row.Update, 4, "d", 40, 2), change(one, 9, row.Update, 5, "e", 50), change(two, 5, row.Update, 6, "f", 60, 1), change(two, 6, row.Update, 7, "g", 70, 1)}}
	want := []string{
		"2 5 UPDATE `d`.`o``ne` SET `v`=CASE WHEN `id`=1 THEN 'a' WHEN `id`=2 THEN 'b' END WHERE `id`=1 OR `id`=2",
		"1 7 UPDATE `d`.`o``ne` SET `u`=30 WHERE `id`=3",
		"1 8 UPDATE `d`.`o``ne` SET `u`=40 WHERE `id`=4",
		"2 5 UPDATE `d`.`two` SET `v`=CASE WHEN `id`=6 AND `u`=60 THEN 'f' WHEN `id`=7 AND `u`=70 THEN 'g' END WHERE `id`=6 AND `u`=60 OR `id`=7 AND `u`=70",
	}
	if got := texts(t, b, 1<<20); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := texts(t, b, 100); len(got) != 6 {
		t.Errorf("above the limit: %d statements", len(got))
	}
}

func TestScriptKeepsTheOrderWhenAsked(t *testing.T) {
	one, _ := twoTables()
	b := Batch{InOrder: true, Changes: []Change{
		change(one, 5, row.Insert, 1, "a", 10), change(one, 5, row.Insert, 2, "b", 20), change(one, 6, row.Update, 1, "c", 10, 1),
		change(one, 7, row.Delete, 1, "c", 10), change(one, 8, row.Insert, 1, "d", 10)}}
	want := []string{
		"2 5 INSERT INTO `d`.`o``ne` (`id`,`v`,`u`) VALUES (1,'a',10),(2,'b',20)",
		"1 6 UPDATE `d`.`o``ne` SET `v`='c' WHERE `id`=1",
		"1 7 DELETE FROM `d`.`o``ne` WHERE `id` IN (1)",
		"1 8 INSERT INTO `d`.`o``ne` (`id`,`v`,`u`) VALUES (1,'d',10)",
	}
	if got := texts(t, b, 1<<20); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestScriptKeepsBelowTheLimit(t *testing.T) {
	one, two := twoTables()
	for _, tab := range []*schema.Table{one, two} {
		for _, op := range []row.Op{row.Insert, row.Delete} {
			var b Batch
			const n = 1300
			for i := range n {
				b.Changes = append(b.Changes, change(tab, 5, op, i, strings.Repeat("v", 20), i))
			}
			rows := uint64(0)
			statements, err := script(&b, 2000)
			if err != nil {
				t.Fatal(err)
			}
			for _, st := range statements {
				rows += st.want
				if len(st.sql) > 2000 {
					t.Errorf("%s of %d bytes", op, len(st.sql))
				}
			}
			if rows != n {
				t.Errorf("%s: %d rows in %d statements", op, rows, len(statements))
			}
			if statements, err = script(&b, 1<<30); err != nil || len(statements) != 3 {
				t.Errorf("%s: %d statements without a limit, %v", op, len(statements), err)
			}
		}
	}
}

// A number is the only literal that is not quoted: nothing else gets through.
func FuzzLiteralCannotEndItsStatement(f *testing.F) {
	for _, s := range []string{"1", "-1.5", "1e5", "1;DROP", "--", ".", "-", "", "1.2.3", "0x1", "nan", "inf", "'", "\\'", "1e5e5", "1_000"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		for typ := schema.Tinyint; typ <= schema.JSON; typ++ {
			lit, err := AppendLiteral(nil, &schema.Column{Name: "c", Type: typ}, value)
			if err != nil || value == nil {
				continue
			}
			text := strings.TrimPrefix(string(lit), "_binary")
			if strings.HasPrefix(text, "'") {
				inner := text[1 : len(text)-1]
				if strings.Contains(strings.ReplaceAll(inner, "''", ""), "'") {
					t.Errorf("type %d: %q", typ, lit)
				}
				continue
			}
			if strings.Trim(text, "0123456789.eE+-") != "" || strings.Contains(text, "--") || text == "" {
				t.Errorf("type %d: %q of %q", typ, lit, value)
			}
		}
	})
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		code  uint16
		state string
		kind  row.Kind
	}{
		{1062, "23000", row.Permanent}, {1406, "22001", row.Permanent}, {1366, "HY000", row.Permanent}, {3819, "HY000", row.Permanent},
		{1146, "42S02", row.Permanent}, {1644, "45000", row.Permanent}, {1265, "01000", row.Permanent}, {1452, "23000", row.Permanent},
		{1205, "HY000", row.Transient}, {1213, "40001", row.Transient}, {1040, "08004", row.Transient}, {1203, "42000", row.Transient},
		{1290, "HY000", row.Transient}, {1836, "HY000", row.Transient}, {1053, "08S01", row.Transient}, {1927, "70100", row.Transient},
		{1021, "HY000", row.Transient}, {1114, "HY000", row.Transient}, {1142, "42000", row.Transient}, {1045, "28000", row.Transient},
		{3, "HY000", row.Transient}, {1158, "08S01", row.Transient},
	} {
		err := wrap(opApply, "main", 7, fmt.Errorf("insert: %w", &mysql.MyError{Code: c.code, State: c.state, Message: "m"}))
		var e *row.Error
		if !errors.As(err, &e) || e.Kind != c.kind || e.LSN != 7 || Code(err) != c.code {
			t.Errorf("%d: %v", c.code, err)
		}
	}
	if wrap(opApply, "main", 7, nil) != nil {
		t.Error("no error became one")
	}
}

// A parent is written before its children, and deleted after them; what a
// table gives up itself it gives up first.
func TestScriptPutsParentsFirst(t *testing.T) {
	one, two := twoTables()
	three := &schema.Table{Name: schema.Name{DB: "d", Table: "three"}, Columns: one.Columns, Primary: one.Primary}
	two.ForeignKeys = []schema.ForeignKey{{Parent: one.Name}, {Parent: two.Name}}
	three.ForeignKeys = []schema.ForeignKey{{Parent: two.Name}, {Parent: schema.Name{DB: "d", Table: "elsewhere"}}}
	b := Batch{Changes: []Change{
		change(three, 5, row.Insert, 1, "a", 10), change(one, 5, row.Delete, 2, "b", 20), change(two, 6, row.Update, 3, "c", 30, 1),
		change(three, 6, row.Update, 4, "d", 40, 1), change(two, 7, row.Insert, 5, "e", 50), change(one, 7, row.Insert, 6, "f", 60),
		change(three, 8, row.Delete, 7, "g", 70), change(two, 8, row.Delete, 8, "h", 80), change(one, 9, row.Update, 9, "i", 90, 1)}}
	want := "DELETE three, DELETE two, DELETE o``ne, UPDATE o``ne, INSERT o``ne, UPDATE two, INSERT two, UPDATE three, INSERT three"
	var got []string
	for _, text := range texts(t, b, 1<<20) {
		words := strings.Fields(text)
		table := words[3]
		if words[2] == "DELETE" || words[2] == "INSERT" {
			table = words[4]
		}
		got = append(got, words[2]+" "+strings.Trim(strings.TrimPrefix(table, "`d`."), "`"))
	}
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
}
