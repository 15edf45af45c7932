package absorber

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// FuzzLetter reads a dead letter whose definitions and edits may be anything,
// edits it with anything, and reads it again: an edit that is accepted is what
// the letter then shows, and keeps rows and order.
func FuzzLetter(f *testing.F) {
	was := columns(1, "id int", "a varchar(10)")
	now := columns(2, "id int", "n varchar(5)!", "a varchar(10)")
	p := &pendingUnit{unit: &row.Unit{Mutations: []row.Mutation{{Table: "d.t", Schema: 1}}}, tables: []*schema.Table{was}}
	good := string(define(p))
	for _, sets := range []string{`[{"column":"n","value":"new"},{"column":"a","value":"it's"}]`, `[{"row":2,"column":"a","value":null}]`, `[{"row":-1}]`, `null`, `[{"column":"id","value":"9"}]`} {
		f.Add(good, "", sets, "x")
	}
	f.Add(`[{"table":"d.t","version":1,"columns":[{}]}]`, `[{"row":1}]`, `[]`, "")
	f.Add(strings.Replace(good, "varchar", "(", 1), "[", `[{}]`, "\x00")
	f.Fuzz(func(t *testing.T, definition, edits, sets, value string) {
		unit := &row.Unit{Lane: "main", AcceptedMs: 5, Mutations: []row.Mutation{
			{Table: "d.t", Key: "k", Op: row.Insert, Schema: 1, Image: row.Image{[]byte("1"), []byte(value)}},
			{Table: "d.t", Key: "l", Op: row.Update, Schema: 1, Image: row.Image{[]byte("2"), nil}, Changed: []uint16{1}},
			{Table: "d.t", Key: "m", Op: row.Delete, Schema: 1, Image: row.Image{[]byte("3"), []byte("x")}},
		}}
		data, err := wal.Encode(unit)
		if err != nil {
			t.Fatal(err)
		}
		d := &sink.DeadLetter{ID: 4, Lane: "main", LSN: 9, Unit: data, Definition: []byte(definition), Edits: []byte(edits)}
		current := func(string) *schema.Table { return now }
		before, err := Detail(d, current)
		l, lerr := openLetter(d)
		if (err == nil) != (lerr == nil) && len(edits) == 0 {
			t.Fatalf("shown: %v, opened: %v", err, lerr)
		}
		if err != nil || lerr != nil {
			return
		}
		next, err := l.edit(&sink.Request{ID: 3, By: "me", Argument: []byte(sets)}, before.Accepted, current)
		if err != nil {
			return
		}
		after, err := Detail(next, current)
		if err != nil || len(after.Rows) != len(before.Rows) || len(after.Edits) <= len(before.Edits) {
			t.Fatalf("after %s: %+v, %v", sets, after, err)
		}
		if next.ID != d.ID || next.LSN != d.LSN || next.Lane != d.Lane {
			t.Errorf("%s moved the letter: %+v", sets, next)
		}
		for i := range after.Rows {
			if after.Rows[i].Op != before.Rows[i].Op || after.Rows[i].Table != before.Rows[i].Table {
				t.Errorf("%s made row %d another one", sets, i)
			}
		}
		if _, err := json.Marshal(after); err != nil {
			t.Errorf("after %s the letter cannot be shown: %v", sets, err)
		}
	})
}
