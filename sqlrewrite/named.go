package sqlrewrite

import "slices"

// named finds the columns of each absorbed table that a SELECT may depend on: all
// whose names stand in it anywhere. It is nil if that may not be all: what a view
// or a routine asks for is not seen, nor are columns that are named together, or
// not at all.
func (g *planning) named(list []*piece) map[string][]int {
	if len(list) != 1 || g.plan.Snapshot != SnapshotTake || len(g.plan.Writes) > 0 || g.plan.Effect != EffectNone || g.unreadable() || g.scan.executable || g.scan.hint {
		return nil
	}
	p, out := list[0], map[string][]int{}
	for _, n := range g.plan.Reads {
		t := g.cat.Absorbed(n)
		if t == nil {
			return nil
		}
		computed := false
		for i := range t.Columns {
			computed = computed || t.Columns[i].Generated
		}
		if !computed { // what a generated column is made of is not seen either
			out[n.String()] = nil
		}
	}
	if p.has("NATURAL", "TABLE") {
		return nil
	}
	for i := range p.toks {
		if p.op(i, "*") && !p.counts(i) {
			return nil
		}
		name, ok := p.name(i)
		if !ok {
			continue
		}
		if !ascii([]byte(name)) || g.cat.Indirect(name) {
			return nil
		}
		for _, n := range g.plan.Reads {
			columns, known := out[n.String()]
			if c := g.cat.Absorbed(n).Column(name); known && c >= 0 && !slices.Contains(columns, c) {
				out[n.String()] = append(columns, c)
			}
		}
	}
	return out
}

// counts reports whether the asterisk at token i is that of COUNT(*), or stands
// behind a value, so that it multiplies.
func (p *piece) counts(i int) bool {
	if i == 0 {
		return false
	}
	switch p.toks[i-1].kind {
	case tokNumber, tokParam, tokString:
		return true
	}
	return p.op(i-1, ")") || p.op(i-1, "(") && p.word(i-2, "COUNT") && p.op(i+1, ")")
}
