package absorber

import (
	"errors"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// A value of a unique prefix is MySQL's to judge: rows that begin alike are not
// found by the whole value. Who takes none, or keeps the one it has, is absorbed.
func TestUniquePrefixIsRefused(t *testing.T) {
	text := schema.Column{Name: "u", Type: schema.Varchar, Length: 20, Charset: "utf8mb4", Collation: "utf8mb4_general_ci"}
	table := &schema.Table{Name: schema.Name{DB: "d", Table: "t"}, Dialect: schema.MySQL, AutoIncrement: -1,
		Columns: []schema.Column{{Name: "id", Type: schema.Int}, text, {Name: "n", Type: schema.Int}},
		Primary: schema.Index{Name: "PRIMARY", Columns: []int{0}, Prefix: []int{0}},
		Uniques: []schema.Index{{Name: "u", Columns: []int{1}, Prefix: []int{2}}}}
	image := func(u, n string) row.Image { return row.Image{[]byte("1"), []byte(u), []byte(n)} }
	none := row.Image{[]byte("1"), nil, []byte("1")}
	for _, c := range []struct {
		what     string
		old, new row.Image
		refused  bool
	}{
		{"an INSERT", nil, image("abc", "1"), true},
		{"another beginning", image("abc", "1"), image("axc", "1"), true},
		{"from NULL", none, image("abc", "1"), true},
		{"NULL", nil, none, false},
		{"another column", image("abc", "1"), image("abc", "2"), false},
		{"the same beginning", image("abc", "1"), image("AB ", "1"), false},
		{"a DELETE", image("abc", "1"), nil, false},
	} {
		_, _, _, err := claims(table, []change{{key: "k", old: c.old, new: c.new}})
		var r *Refused
		if refused := errors.As(err, &r); refused != c.refused || err != nil && !refused {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}
