package schema

import "slices"

// graph says which identifiers stand in the body behind an identifier. Its
// nodes are folded bare names: objects of the same name in several databases,
// or of several kinds, are one node.
type graph struct {
	refs    map[string][]string // identifiers in the bodies of a name
	opaque  map[string]bool     // names with a body that cannot be followed
	defines map[string]bool     // names of which a CALL may change definitions

	byWord *relations[string] // foreign keys between folded bare names
	byName *relations[Name]
}

// newGraph scans all bodies. A table is linked to what its triggers name.
func newGraph(r *raw) *graph {
	g := &graph{refs: map[string][]string{}, opaque: map[string]bool{}, defines: map[string]bool{}}
	g.byWord = relate(r.foreignKeys, func(n Name) string { return fold(n.Table) })
	g.byName = relate(r.foreignKeys, func(n Name) Name { return n })
	for _, bodies := range [][]rawBody{r.views, r.routines, r.triggers, r.events} {
		for _, b := range bodies {
			g.add(b)
		}
	}
	for name, words := range g.refs {
		slices.Sort(words)
		g.refs[name] = slices.Compact(words)
	}
	g.spread()
	return g
}

// spread passes on what may change definitions to all that may run it.
func (g *graph) spread() {
	each(g.opaque, func(name string) { g.defines[name] = true })
	if len(g.defines) == 0 {
		return
	}
	for grown := true; grown; {
		grown = false
		for name, words := range g.refs {
			if !g.defines[name] && slices.ContainsFunc(words, func(w string) bool { return g.defines[w] }) {
				g.defines[name], grown = true, true
			}
		}
	}
}

// add links a body's name to its identifiers.
func (g *graph) add(b rawBody) {
	from := fold(b.name.Table)
	if b.defines {
		g.defines[from] = true
	}
	if b.opaque {
		g.opaque[from] = true
		return
	}
	g.refs[from] = append(g.refs[from], b.words...)
}

// reached answers TouchedBy or WrittenBy for one set of absorbed tables.
type reached struct {
	by  map[string][]Name // folded name -> absorbed tables behind it, sorted
	all []Name            // every absorbed table, sorted
}

// reach follows every name to the absorbed ones among tables.
func (g *graph) reach(tables []*Table, p purpose) *reached {
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
	names := map[string]bool{}
	add := func(name string) { names[name] = true }
	each(direct, add)
	each(g.opaque, add)
	each(g.refs, add)
	if p != asking {
		each(g.byWord.parents, add)
		each(g.byWord.children, add)
	}
	for name := range names {
		if found := g.follow(name, p, direct, r.all); len(found) > 0 {
			r.by[name] = found
		}
	}
	return r
}

// each calls f for the keys of a map.
func each[V any](m map[string]V, f func(string)) {
	for k := range m {
		f(k)
	}
}

// follow collects the absorbed tables behind one name, through any number of
// bodies, and along the foreign keys of what is written. Only what the
// statement itself names is sure to be inserted into, not what a trigger, view
// or routine of that name names.
func (g *graph) follow(name string, p purpose, direct map[string][]Name, all []Name) []Name {
	var found []Name
	seen := map[string]bool{name: true}
	for stack := []string{name}; len(stack) > 0; {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if g.opaque[at] {
			return all
		}
		found = append(found, direct[at]...)
		if p != asking {
			inserts := p == inserting && at == name && len(g.refs[at]) == 0
			for _, related := range g.byWord.of(at, inserts) {
				found = append(found, direct[related]...)
			}
		}
		for _, next := range g.refs[at] {
			if !seen[next] {
				seen[next] = true
				stack = append(stack, next)
			}
		}
	}
	slices.SortFunc(found, compareNames)
	return slices.Compact(found)
}
