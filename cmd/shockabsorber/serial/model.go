package serial

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/anishathalye/porcupine"
)

// rows is how many rows all transactions are about.
const rows = 4

// checkTime bounds the search for a serial order.
const checkTime = 60 * time.Second

// Table holds them.
const Table = "CREATE TABLE reg (id INT PRIMARY KEY, u VARCHAR(10) NOT NULL UNIQUE, v INT NOT NULL)"

// event is a part of a transaction: a row and its value as it was read, or written.
type event struct {
	row   int
	value int
	write bool
}

// model is the database as if one transaction ran after the other: a value for
// each row. The output of an operation says whether it was committed for sure;
// one of which that is not known has no end.
var model = porcupine.NondeterministicModel{
	Init: func() []any { return []any{[rows]int{}} },
	Step: func(state, input, output any) []any {
		now := state.([rows]int)
		next := now
		for _, e := range input.([]event) {
			switch {
			case e.write:
				next[e.row] = e.value
			case next[e.row] != e.value:
				if output.(bool) {
					return nil
				}
				return []any{now} // it was not committed: nobody knows of what it read
			}
		}
		if output.(bool) {
			return []any{next}
		}
		return []any{now, next}
	},
	Equal:             func(a, b any) bool { return a == b },
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%v %v", input, output) },
}

// explained reports whether some serial order explains a history.
func explained(operations []porcupine.Operation) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(model.ToModel(), operations, checkTime)
}

// firstWrong prints the part of a history before the first answer that no serial
// order explains.
func firstWrong(all []porcupine.Operation) string {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) })
	end := all[len(all)-1].Return
	n := sort.Search(len(all), func(n int) bool {
		known := slices.Clone(all)
		for i := n; i < len(known); i++ {
			known[i].Output, known[i].Return = false, end
		}
		return explained(known) != porcupine.Ok
	})
	text := ""
	for i, o := range all[:min(n+6, len(all))] {
		if i > n-16 {
			text += fmt.Sprintf("\n  %8d %8d %v %v", o.Call/1000, o.Return/1000, o.Input, o.Output)
		}
		if i == n-1 {
			text += "  <- not explained"
		}
	}
	return text
}
