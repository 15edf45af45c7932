package sink

import (
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// TestKnown: a row is found by its bytes, and the statements that find and lock
// it name the whole key.
func TestKnown(t *testing.T) {
	table := &schema.Table{Name: schema.Name{DB: "d", Table: "t"}, Primary: schema.Index{Name: "PRIMARY", Columns: []int{0, 1}}, Columns: []schema.Column{
		{Name: "a", Type: schema.Int}, {Name: "b", Type: schema.Varchar}, {Name: "n`", Type: schema.Text}, {Name: "x", Type: schema.Varbinary},
	}}
	key := [][]byte{[]byte("7"), []byte("it's")}
	for _, c := range []struct {
		im   row.Image
		want string
	}{
		{nil, "SELECT COUNT(*) FROM `d`.`t` WHERE `a`=7 AND `b`='it''s'"},
		{row.Image{[]byte("7"), []byte("it's"), nil, []byte("\\'")},
			"SELECT COUNT(*) FROM `d`.`t` WHERE `a`=7 AND `b`='it''s' AND `a`<=>7 AND CAST(CONVERT(`b` USING utf8mb4) AS BINARY)<=>X'69742773'" +
				" AND CAST(CONVERT(`n``` USING utf8mb4) AS BINARY)<=>NULL AND `x`<=>_binary'\\'''"},
	} {
		if got, err := Known(table, key, c.im); err != nil || got != c.want {
			t.Errorf("%s, %v; want %s", got, err, c.want)
		}
	}
	var keys [][][]byte
	for range 101 {
		keys = append(keys, key)
	}
	got, err := Locking(table, table.Primary, keys[:1], false)
	if err != nil || len(got) != 1 || got[0] != "SELECT 1 FROM `d`.`t` WHERE (`a`=7 AND `b`='it''s') FOR UPDATE" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err = Locking(table, table.Primary, keys, false); err != nil || len(got) != 2 || got[1] != "SELECT 1 FROM `d`.`t` WHERE (`a`=7 AND `b`='it''s') FOR UPDATE" {
		t.Errorf("%d statements, %v", len(got), err)
	}
	if !Comparable(table) || Comparable(&schema.Table{Columns: []schema.Column{{Type: schema.Double}}}) {
		t.Error("a floating-point number's text is taken for its value")
	}
}
