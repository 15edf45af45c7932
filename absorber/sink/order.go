package sink

import (
	"slices"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// ordered divides the net changes of a batch into runs of one table and one op.
//
// A unique value that one row gives up may be taken by another in the same
// batch: deleting first and inserting last lets most of them pass. A row needs
// its parent: children are deleted before parents, and what a parent gets comes
// before what its children get. Where neither is possible, between the rows of
// a table that points to itself or in a circle of tables, MySQL may refuse the
// batch; then it is replayed unit by unit, in the order of acknowledgement, in
// which it was checked.
func ordered(changes []Change) [][]Change {
	deletes, updates, inserts := group(changes, row.Delete), group(changes, row.Update), group(changes, row.Insert)
	if !slices.ContainsFunc(changes, func(c Change) bool { return len(c.Table.ForeignKeys) > 0 }) {
		return slices.Concat(deletes, updates, inserts)
	}
	depth := depths(changes)
	at := func(run []Change) int { return depth[run[0].Table.Name] }
	slices.SortStableFunc(deletes, func(a, b []Change) int { return at(b) - at(a) })
	writes := slices.Concat(updates, inserts)
	slices.SortStableFunc(writes, func(a, b []Change) int { return at(a) - at(b) })
	return append(deletes, writes...)
}

// depths gives each table of the batch a number above those of its parents in
// the batch. A circle is cut where it is entered.
func depths(changes []Change) map[schema.Name]int {
	tables := map[schema.Name]*schema.Table{}
	for _, c := range changes {
		tables[c.Table.Name] = c.Table
	}
	depth := make(map[schema.Name]int, len(tables))
	var visit func(t *schema.Table) int
	visit = func(t *schema.Table) int {
		if d, ok := depth[t.Name]; ok {
			return d
		}
		depth[t.Name] = 0
		d := 0
		for i := range t.ForeignKeys {
			if p := tables[t.ForeignKeys[i].Parent]; p != nil && p.Name != t.Name {
				d = max(d, 1+visit(p))
			}
		}
		depth[t.Name] = d
		return d
	}
	for _, c := range changes {
		visit(c.Table)
	}
	return depth
}
