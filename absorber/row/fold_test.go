package row_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// apply is what MySQL does with a mutation: the row afterwards, nil if there is
// none. It fails where MySQL would.
func apply(state row.Image, m row.Mutation) (row.Image, error) {
	switch m.Op {
	case row.Insert:
		if state != nil {
			return nil, fmt.Errorf("insert of a row that exists")
		}
		return m.Image.Clone(), nil
	case row.Update:
		if state == nil {
			return nil, fmt.Errorf("update of no row")
		}
		next := slices.Clone(state)
		for _, i := range m.Changed {
			next[i] = m.Image[i]
		}
		return next, nil
	case row.Delete:
		if state == nil {
			return nil, fmt.Errorf("delete of no row")
		}
		return nil, nil
	}
	return nil, fmt.Errorf("unknown op %d", m.Op)
}

// drawImage draws a row of four columns; the first is the key.
func drawImage(rt *rapid.T) row.Image {
	im := row.Image{[]byte("k")}
	for i := range 3 {
		v := rapid.SampledFrom([]string{"", "a", "b", "NULL"}).Draw(rt, fmt.Sprint("column ", i+1))
		if v == "NULL" {
			im = append(im, nil)
		} else {
			im = append(im, []byte(v))
		}
	}
	return im
}

// drawNext draws a mutation that is valid on the state.
func drawNext(rt *rapid.T, state row.Image) row.Mutation {
	m := row.Mutation{Table: "d.t", Key: "k", Schema: 1}
	if state == nil {
		m.Op, m.Image = row.Insert, drawImage(rt)
		return m
	}
	if rapid.Bool().Draw(rt, "delete") {
		m.Op, m.Image = row.Delete, state
		return m
	}
	m.Op, m.Image = row.Update, state.Clone()
	other := drawImage(rt)
	for _, i := range []uint16{1, 2, 3} {
		if rapid.Bool().Draw(rt, fmt.Sprint("change ", i)) {
			m.Image[i] = other[i]
			m.Changed = append(m.Changed, i)
		}
	}
	return m
}

// TestFoldEqualsBothInOrder folds a history step by step into at most one
// mutation and applies that.
func TestFoldEqualsBothInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var start row.Image
		if rapid.Bool().Draw(rt, "exists") {
			start = drawImage(rt)
		}
		want := start
		var folded row.Mutation
		pending := false
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			m := drawNext(rt, want)
			var err error
			if want, err = apply(want, m); err != nil {
				rt.Fatal(err)
			}
			if !pending {
				folded, pending = m, true
				continue
			}
			if !row.Follows(folded.Op, m.Op) {
				rt.Fatalf("%s cannot follow %s", m.Op, folded.Op)
			}
			var gone bool
			folded, gone = row.Fold(folded, m)
			pending = !gone
			if pending && !slices.IsSorted(folded.Changed) {
				rt.Fatalf("changed columns out of order: %v", folded.Changed)
			}
		}
		got := start
		if pending {
			var err error
			if got, err = apply(start, folded); err != nil {
				rt.Fatalf("%s: %v", folded.Op, err)
			}
			if want != nil && !folded.Image.Equal(want) {
				rt.Fatalf("image %q of a row that is %q", folded.Image, want)
			}
		}
		if (got == nil) != (want == nil) || !got.Equal(want) {
			rt.Fatalf("folded to %q, in order %q", got, want)
		}
	})
}

func TestFoldCases(t *testing.T) {
	a, b := row.Image{[]byte("1"), []byte("x")}, row.Image{[]byte("1"), []byte("y")}
	m := func(op row.Op, im row.Image, changed ...uint16) row.Mutation {
		return row.Mutation{Table: "d.t", Key: "1", Op: op, Schema: 7, Image: im, Changed: changed}
	}
	for _, c := range []struct {
		name  string
		a, b  row.Mutation
		op    row.Op
		image row.Image
		want  []uint16
		gone  bool
	}{
		{"insert, update", m(row.Insert, a), m(row.Update, b, 1), row.Insert, b, nil, false},
		{"insert, delete", m(row.Insert, a), m(row.Delete, a), 0, nil, nil, true},
		{"update, update", m(row.Update, a, 0), m(row.Update, b, 1), row.Update, b, []uint16{0, 1}, false},
		{"update, delete", m(row.Update, a, 1), m(row.Delete, a), row.Delete, a, nil, false},
		{"delete, insert", m(row.Delete, a), m(row.Insert, b), row.Update, b, []uint16{0, 1}, false},
	} {
		got, gone := row.Fold(c.a, c.b)
		if gone != c.gone || got.Op != c.op || !got.Image.Equal(c.image) || !slices.Equal(got.Changed, c.want) {
			t.Errorf("%s: %+v, gone %v", c.name, got, gone)
		}
		if !row.Follows(c.a.Op, c.b.Op) {
			t.Errorf("%s: called impossible", c.name)
		}
	}
	for _, pair := range [][2]row.Op{{row.Insert, row.Insert}, {row.Update, row.Insert}, {row.Delete, row.Update}, {row.Delete, row.Delete}} {
		if row.Follows(pair[0], pair[1]) {
			t.Errorf("%s after %s: called possible", pair[1], pair[0])
		}
	}
	before := m(row.Update, a, 0)
	before.Schema = 6
	if got, _ := row.Fold(before, m(row.Update, b, 1)); !slices.Equal(got.Changed, []uint16{0, 1}) {
		t.Errorf("update over a change of the schema: changed %v", got.Changed)
	}
}
