package absorber

import (
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// inOrder puts the changes of one statement into an order in which MySQL can
// make them one by one without two rows having the same unique value in
// between: deletes, updates, inserts, and an update that takes a value behind
// the one that gives it up. false if there is none, because rows swap values.
func inOrder(t *schema.Table, changes []change) ([]change, bool) {
	var deletes, updates, inserts []change
	for _, c := range changes {
		switch {
		case c.new == nil:
			deletes = append(deletes, c)
		case c.old == nil:
			inserts = append(inserts, c)
		default:
			updates = append(updates, c)
		}
	}
	updates, ok := giversFirst(t, updates)
	return append(append(deletes, updates...), inserts...), ok
}

// giversFirst orders updates so that a unique value is given up before it is
// taken.
func giversFirst(t *schema.Table, updates []change) ([]change, bool) {
	held := map[wal.ClaimKey]int{} // values that updates still to come will give up
	takes := make([][]wal.ClaimKey, len(updates))
	moves := false
	for i, c := range updates {
		for _, ix := range t.Uniques {
			was, had, err := claimKey(t, ix, c.old)
			if err != nil {
				return nil, false
			}
			is, has, err := claimKey(t, ix, c.new)
			if err != nil {
				return nil, false
			}
			if had && has && was == is {
				continue
			}
			if had {
				held[was]++
			}
			if has {
				takes[i] = append(takes[i], is)
				moves = true
			}
		}
	}
	if !moves {
		return updates, true
	}
	free := func(i int) bool {
		for _, k := range takes[i] {
			if held[k] > 0 {
				return false
			}
		}
		return true
	}
	out := make([]change, 0, len(updates))
	done := make([]bool, len(updates))
	for len(out) < len(updates) {
		before := len(out)
		for i, c := range updates {
			if done[i] || !free(i) {
				continue
			}
			done[i] = true
			out = append(out, c)
			for _, ix := range t.Uniques {
				if was, had, _ := claimKey(t, ix, c.old); had { // encoded above without an error
					held[was]--
				}
			}
		}
		if len(out) == before {
			return nil, false
		}
	}
	return out, true
}
