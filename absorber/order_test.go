package absorber

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// A statement's changes, made one by one in the order that inOrder gives,
// never let two rows have the same unique value; and if it gives none, every
// order does.
func TestOrderKeepsValuesUnique(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n = 4
		values := rapid.Permutation([]int{1, 2, 3, 4, 5, 6})
		old, now := values.Draw(t, "old"), values.Draw(t, "new")
		was, is := rapid.IntRange(0, 1<<n-1).Draw(t, "was"), rapid.IntRange(0, 1<<n-1).Draw(t, "is")
		image := func(id, u int) row.Image { return row.Image{fmt.Append(nil, id), []byte("v"), fmt.Append(nil, u)} }
		var changes []change
		before := table{}
		for id := range n {
			c := change{}
			im := image(id, old[id])
			if ref, err := row.IndexRef(pairs, im); err == nil {
				c.key = ref.Key
			}
			if was&(1<<id) != 0 {
				c.old, before[c.key] = im, im
			}
			if is&(1<<id) != 0 {
				c.new = image(id, now[id])
			}
			if c.old != nil || c.new != nil {
				changes = append(changes, c)
			}
		}
		ordered, ok := inOrder(pairs, changes)
		if ok && (len(ordered) != len(changes) || !possible(before, ordered)) {
			t.Fatalf("%v does not keep the values unique", ordered)
		}
		if !ok && anyOrder(before, changes) {
			t.Fatalf("%v has an order", changes)
		}
	})
}

// possible makes the changes on a copy of the twin of MySQL.
func possible(before table, changes []change) bool {
	tb := table{}
	for k, im := range before {
		tb[k] = im
	}
	for _, c := range changes {
		m := c.mutation()
		if m.Op == row.Update && len(m.Changed) == 0 {
			continue
		}
		if tb.apply(m) != nil {
			return false
		}
	}
	return true
}

// anyOrder reports whether one of all orders of the changes is possible.
func anyOrder(before table, changes []change) bool {
	if len(changes) == 0 {
		return true
	}
	for i, c := range changes {
		tb := table{}
		for k, im := range before {
			tb[k] = im
		}
		if m := c.mutation(); (m.Op != row.Update || len(m.Changed) > 0) && tb.apply(m) != nil {
			continue
		}
		rest := append(append([]change(nil), changes[:i]...), changes[i+1:]...)
		if anyOrder(tb, rest) {
			return true
		}
	}
	return false
}
