package differential

import "math/rand/v2"

// burstWeight is how often a burst begins, against the weights of choices.
const burstWeight = 4

// bursts are the statements of a burst: they are absorbed, and write or read
// rows by their keys.
func bursts() []choice {
	return []choice{
		{4, one((*generator).insert)}, {1, one((*generator).insertSet)}, {1, one(several(kindReplace, "REPLACE", 1))}, {2, one((*generator).onDuplicate)},
		{7, one((*generator).updateKey)}, {3, one((*generator).updateArithmetic)}, {2, one((*generator).updateUnique)}, {1, one((*generator).updateExpression)},
		{3, one((*generator).deleteKey)}, {2, one((*generator).selectKey)}, {1, one((*generator).selectUnique)},
	}
}

// burst adds some steps that write the same one or two rows again and again, by
// any session, while nothing drains: what is pending of a row is folded, and
// what is pending of unique values is all that tells that they are taken.
func (g *generator) burst(at int) {
	g.only = g.tables[g.r.IntN(len(g.tables))]
	defer g.narrow()()
	g.happen(slow)
	total := 0
	for _, c := range bursts() {
		total += c.weight
	}
	for range 3 + g.r.IntN(6) {
		if g.chance(30) {
			at = g.r.IntN(len(g.sessions))
		}
		g.choice(at, g.r.IntN(total), bursts())
	}
	if g.chance(60) {
		g.happen(drain)
	}
}

// narrow leaves the keys of the table few values, until it is undone.
func (g *generator) narrow() (undo func()) {
	t, before := g.only, map[*column][]string{}
	for _, k := range append([]key{t.primary}, t.uniques...) {
		for _, c := range k.columns {
			if _, done := before[c]; done || c.domain == nil {
				continue
			}
			before[c] = c.domain
			c.domain = few(g.r, c.domain)
		}
	}
	return func() {
		g.only = nil
		for c, domain := range before {
			c.domain = domain
		}
	}
}

// few are one or two of the values.
func few(r *rand.Rand, values []string) []string {
	i, j := r.IntN(len(values)), r.IntN(len(values))
	return []string{values[i], values[i], values[j]}
}
