package proxy

import (
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// TestStorable: what a shadow holds but no literal of the drainer's stores.
func TestStorable(t *testing.T) {
	table := &schema.Table{Columns: []schema.Column{
		{Name: "e", Type: schema.Enum, Members: []string{"a", "b"}},
		{Name: "k", Type: schema.Varchar, Charset: "ascii"},
		{Name: "u", Type: schema.Varchar, Charset: "utf8mb4"},
	}}
	image := func(e, k, u string) row.Image { return row.Image{[]byte(e), []byte(k), []byte(u)} }
	for _, c := range []struct {
		what          string
		before, after []row.Image
		storable      bool
	}{
		{"plain values", nil, []row.Image{image("a", "x", "?")}, true},
		{"NULL", nil, []row.Image{{nil, nil, nil}}, true},
		{"the empty value of an ENUM", nil, []row.Image{image("a", "x", "x"), image("", "x", "x")}, false},
		{"a question mark in ascii, which may be another byte", nil, []row.Image{image("a", "x?", "x")}, false},
		{"one that was there", []row.Image{image("a", "x", "x"), image("a", "x?", "x")}, []row.Image{image("b", "x?", "y")}, true},
		{"another value with one", []row.Image{image("a", "x?", "x")}, []row.Image{image("b", "?", "y")}, false},
	} {
		if got := storable(table, c.before, c.after); got != c.storable {
			t.Errorf("%s: %v", c.what, got)
		}
	}
}
