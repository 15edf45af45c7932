package schema

import "slices"

// graph says which identifiers stand in the body behind an identifier. Its
// nodes are folded bare names: objects of the same name in several databases,
// or of several kinds, are one node.
type graph struct {
	refs   map[string][]string // identifiers in the bodies of a name
	opaque map[string]bool     // names with a body that cannot be followed
}

// newGraph scans all bodies. A table is linked to what its triggers name, a
// parent to the children that its foreign keys change.
func newGraph(r *raw) *graph {
	g := &graph{refs: map[string][]string{}, opaque: map[string]bool{}}
	for _, bodies := range [][]rawBody{r.views, r.routines, r.triggers, r.events} {
		for _, b := range bodies {
			g.add(b)
		}
	}
	for _, fk := range r.foreignKeys {
		if fk.cascades {
			from := fold(fk.parent.Table)
			g.refs[from] = append(g.refs[from], fold(fk.child.Table))
		}
	}
	for name, words := range g.refs {
		slices.Sort(words)
		g.refs[name] = slices.Compact(words)
	}
	return g
}

// add links a body's name to its identifiers. Dynamic SQL can name anything.
func (g *graph) add(b rawBody) {
	from := fold(b.name.Table)
	if b.opaque {
		g.opaque[from] = true
		return
	}
	identifiers(b.sql, func(word string) {
		word = fold(word)
		if word == "prepare" || word == "execute" {
			g.opaque[from] = true
		}
		g.refs[from] = append(g.refs[from], word)
	})
}

// reached answers TouchedBy for one set of absorbed tables.
type reached struct {
	by  map[string][]Name // folded name -> absorbed tables behind it, sorted
	all []Name            // every absorbed table, sorted
}

// of returns the tables behind a folded name.
func (r *reached) of(folded string) []Name { return r.by[folded] }

// reach follows every name to the absorbed ones among tables.
func (g *graph) reach(tables []*Table) *reached {
	r := &reached{by: map[string][]Name{}}
	direct := map[string][]Name{}
	for _, t := range tables {
		if t.Absorbable() {
			r.all = append(r.all, t.Name)
			direct[fold(t.Name.Table)] = append(direct[fold(t.Name.Table)], t.Name)
		}
	}
	slices.SortFunc(r.all, compareNames)
	if len(r.all) == 0 {
		return r
	}
	for name := range direct {
		r.by[name] = g.follow(name, direct, r.all)
	}
	for _, names := range []map[string]bool{g.opaque, keys(g.refs)} {
		for name := range names {
			if found := g.follow(name, direct, r.all); len(found) > 0 {
				r.by[name] = found
			}
		}
	}
	return r
}

// keys is the set of a map's keys.
func keys(m map[string][]string) map[string]bool {
	set := make(map[string]bool, len(m))
	for k := range m {
		set[k] = true
	}
	return set
}

// follow collects the absorbed tables behind one name, through any number of
// bodies.
func (g *graph) follow(name string, direct map[string][]Name, all []Name) []Name {
	var found []Name
	seen := map[string]bool{name: true}
	for todo := []string{name}; len(todo) > 0; {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if g.opaque[at] {
			return all
		}
		found = append(found, direct[at]...)
		for _, next := range g.refs[at] {
			if !seen[next] {
				seen[next] = true
				todo = append(todo, next)
			}
		}
	}
	slices.SortFunc(found, compareNames)
	return slices.Compact(found)
}
