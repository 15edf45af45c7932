package absorber

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// columns makes a table's definition of "name type" texts.
func columns(version uint32, texts ...string) *schema.Table {
	t := &schema.Table{Name: schema.Name{DB: "d", Table: "t"}, Version: version, AutoIncrement: -1, Primary: schema.Index{Name: "PRIMARY", Columns: []int{0}, Prefix: []int{0}}}
	for _, text := range texts {
		name, kind, _ := strings.Cut(text, " ")
		c := schema.Column{Name: name, ColumnType: kind, Type: schema.Varchar, Length: 50, Charset: "utf8mb4", Collation: "utf8mb4_bin", Default: schema.DefaultNull}
		if strings.HasPrefix(kind, "int") {
			c.Type = schema.Int
		}
		if _, def, ok := strings.Cut(kind, "="); ok {
			c.Default, c.DefaultValue = schema.DefaultLiteral, []byte(def)
		}
		if strings.HasSuffix(kind, "!") {
			c.Default, c.NotNull = schema.NoDefault, true
		}
		t.Columns = append(t.Columns, c)
	}
	return t
}

// What ALTER TABLE did to the table is done to the letter.
func TestFitFollowsTheTable(t *testing.T) {
	was := columns(1, "id int", "a varchar(10)", "b varchar(10)")
	defs := addDefinition(nil, "d.t", was)
	text := func(im row.Image) string {
		var out []string
		for _, v := range im {
			if v == nil {
				out = append(out, "NULL")
			} else {
				out = append(out, string(v))
			}
		}
		return strings.Join(out, " ")
	}
	for _, c := range []struct {
		name string
		now  *schema.Table
		op   row.Op
		want string
		err  string
	}{
		{"nothing changed", columns(1, "id int", "a varchar(10)", "b varchar(10)"), row.Insert, "1 A B [1]", ""},
		{"wider", columns(2, "id bigint", "a varchar(99)", "b text"), row.Update, "1 A B [1]", ""},
		{"another order", columns(2, "id int", "b varchar(10)", "a varchar(10)"), row.Update, "1 B A [2]", ""},
		{"dropped", columns(2, "id int", "b varchar(10)"), row.Update, "1 B []", ""},
		{"new, with a default", columns(2, "id int", "n varchar(5)=x", "A varchar(10)", "b varchar(10)"), row.Insert, "1 x A B [2]", ""},
		{"new, NULL", columns(2, "id int", "n varchar(5)", "a varchar(10)", "b varchar(10)"), row.Insert, "1 NULL A B [2]", ""},
		{"new, without", columns(2, "id int", "n varchar(5)!", "a varchar(10)", "b varchar(10)"), row.Insert, "", "no constant default"},
		{"new, without, but not inserted", columns(2, "id int", "n varchar(5)!", "a varchar(10)", "b varchar(10)"), row.Update, "1 NULL A B [2]", ""},
		{"another type", columns(2, "id int", "a datetime", "b varchar(10)"), row.Update, "", "was varchar(10) and is datetime"},
		{"another key", columns(2, "key int", "a varchar(10)", "b varchar(10)"), row.Update, "", "primary key"},
		{"gone", nil, row.Update, "", "not known"},
	} {
		m := row.Mutation{Table: "d.t", Op: c.op, Schema: 1, Image: row.Image{[]byte("1"), []byte("A"), []byte("B")}, Changed: []uint16{1}}
		got, err := fit(m, defs, c.now, nil)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if s := text(got.Image) + fmt.Sprint(" ", got.Changed); err != nil || s != c.want || got.Schema != c.now.Version {
			t.Errorf("%s: %q, want %q, %v", c.name, s, c.want, err)
		}
	}
	if _, err := fit(row.Mutation{Table: "d.t", Schema: 1}, nil, columns(2, "id int"), nil); err == nil {
		t.Error("a letter without a definition fits an altered table")
	}
}

// An edit gives a value to a column that is new, and the letter is readable
// before and after.
func TestEditUnderAnotherDefinition(t *testing.T) {
	was := columns(1, "id int", "a varchar(10)")
	now := columns(2, "id int", "n varchar(5)!", "a varchar(10)")
	unit := &row.Unit{Lane: "main", AcceptedMs: 5, Mutations: []row.Mutation{
		{Table: "d.t", Key: "k", Op: row.Insert, Schema: 1, Image: row.Image{[]byte("1"), nil}},
		{Table: "d.t", Key: "l", Op: row.Delete, Schema: 1, Image: row.Image{[]byte("2"), []byte("x")}},
	}}
	data, err := wal.Encode(unit)
	if err != nil {
		t.Fatal(err)
	}
	p := &pendingUnit{unit: unit, tables: []*schema.Table{was, was}}
	d := &sink.DeadLetter{ID: 4, Lane: "main", LSN: 9, Unit: data, Definition: define(p)}
	current := func(string) *schema.Table { return now }
	detail, err := Detail(d, current)
	if err != nil || len(detail.Rows) != 2 || !strings.Contains(detail.Rows[0].Err, "no constant default") || detail.Rows[1].SQL != "DELETE FROM `d`.`t` WHERE `id` IN (2)" ||
		detail.Rows[0].Columns[1].Name != "a" || detail.Rows[0].Columns[1].Value != nil {
		t.Fatalf("%+v, %v", detail, err)
	}
	edit := func(sets string) (*sink.DeadLetter, error) {
		l, err := openLetter(d)
		if err != nil {
			t.Fatal(err)
		}
		return l.edit(&sink.Request{ID: 3, By: "me", Argument: []byte(sets)}, detail.Accepted, current)
	}
	if _, err := edit(`[{"column":"a","value":"x"}]`); err == nil {
		t.Error("the new column got no value")
	}
	if _, err := edit(`[{"row":2,"column":"a","value":"x"}]`); err == nil || !strings.Contains(err.Error(), "deleted") {
		t.Errorf("edit of a delete: %v", err)
	}
	if d, err = edit(`[{"column":"n","value":"new"},{"column":"a","value":"it's"}]`); err != nil {
		t.Fatal(err)
	}
	detail, err = Detail(d, current)
	if err != nil || detail.Rows[0].SQL != "INSERT INTO `d`.`t` (`id`,`n`,`a`) VALUES (1,'new','it''s')" || len(detail.Edits) != 2 || detail.Edits[1].From != nil || detail.Edits[1].Request != 3 {
		out, _ := json.Marshal(detail)
		t.Errorf("%s, %v", out, err)
	}
}
