package absorber

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// parkedUnits makes parked letters of units given as the rows they touch.
func parkedUnits(units ...[]string) *parkedRows {
	p := &parkedRows{}
	for i, keys := range units {
		u := &row.Unit{LSN: row.LSN(i + 1)}
		for _, k := range keys {
			u.Mutations = append(u.Mutations, row.Mutation{Table: "t", Key: row.Key(k), Op: row.Update})
		}
		p.add(u)
	}
	return p
}

func TestChain(t *testing.T) {
	p := parkedUnits([]string{"a"}, []string{"b"}, []string{"a", "c"}, []string{"b", "c"}, []string{"c"}, []string{"d"}, []string{"a"})
	for lsn, want := range map[row.LSN][]row.LSN{
		1: {1, 3, 7}, // 4 waits for 2 as well, and 5 for 4
		2: {2},
		4: {1, 2, 3, 4, 5, 7}, // what it waits behind comes along, and what that frees
		6: {6},
		7: {1, 3, 7},
		9: nil,
	} {
		if got := p.chain(lsn); !slices.Equal(got, want) {
			t.Errorf("chain of %d is %v, want %v", lsn, got, want)
		}
	}
	p.remove([]row.LSN{1, 3})
	if got := p.chain(7); !slices.Equal(got, []row.LSN{7}) || p.has(3) || len(p.rows) != 4 {
		t.Errorf("after 1 and 3 have gone: %v, rows %v", got, p.rows)
	}
}

// Whatever chain is taken, no letter in it overtakes one outside, and the
// letter itself is in it.
func TestChainOvertakesNothing(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		var units [][]string
		for range 1 + rnd.IntN(12) {
			var keys []string
			for range 1 + rnd.IntN(3) {
				keys = append(keys, fmt.Sprint(rnd.IntN(6)))
			}
			units = append(units, keys)
		}
		p := parkedUnits(units...)
		lsn := row.LSN(1 + rnd.IntN(len(units)))
		chain := p.chain(lsn)
		if !slices.Contains(chain, lsn) || !slices.IsSorted(chain) {
			t.Fatalf("%v: chain of %d is %v", units, lsn, chain)
		}
		for _, l := range chain {
			for earlier := row.LSN(1); earlier < l; earlier++ {
				if slices.Contains(chain, earlier) {
					continue
				}
				for _, k := range units[earlier-1] {
					if slices.Contains(units[l-1], k) {
						t.Fatalf("%v: chain of %d is %v, where %d overtakes %d", units, lsn, chain, l, earlier)
					}
				}
			}
		}
	}
}
