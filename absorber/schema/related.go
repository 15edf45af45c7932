package schema

import "slices"

// purpose is what a statement does with the things that it names.
type purpose int

const (
	asking    purpose = iota // reads them
	inserting                // adds rows to them
	writing                  // may do anything to them
	purposes
)

// relations are the foreign keys of all tables: what a statement on one table
// does to, or needs of, others.
//
// A write to a table in MySQL needs the rows of its parents there, and that
// nothing of them drains meanwhile: InnoDB locks them until the transaction
// ends. A write that takes rows or keys away is judged by the children, which
// must be there too; where a foreign key cascades, the children are written.
// New rows alone concern no child.
type relations[K comparable] struct {
	parents  map[K][]K
	children map[K][]dependant[K]
}

// dependant is a child of a table.
type dependant[K comparable] struct {
	name     K
	cascades bool // a write to the parent may write the child
}

// relate collects the foreign keys, the tables named by name.
func relate[K comparable](keys []rawForeignKey, name func(Name) K) *relations[K] {
	r := &relations[K]{parents: map[K][]K{}, children: map[K][]dependant[K]{}}
	for _, fk := range keys {
		c, p := name(fk.child), name(fk.parent)
		r.parents[c] = append(r.parents[c], p)
		r.children[p] = append(r.children[p], dependant[K]{c, fk.cascades})
	}
	return r
}

// of lists the tables that a write to name concerns, name among them.
func (r *relations[K]) of(name K, inserts bool) []K {
	out := []K{name}
	add := func(n K) {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	written := []K{name}
	for i := 0; i < len(written); i++ {
		at := written[i]
		for _, p := range r.parents[at] {
			add(p)
		}
		if inserts {
			break
		}
		for _, c := range r.children[at] {
			if c.cascades && !slices.Contains(written, c.name) {
				written = append(written, c.name)
			}
			add(c.name)
		}
	}
	return out
}
