package sqlrewrite

import (
	"slices"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// planning is the making of one plan.
type planning struct {
	sql  []byte
	env  *Env
	cat  Catalog
	scan *scan
	plan *Plan
	// foreign: an identifier is not in UTF-8, so the catalog cannot be asked.
	foreign bool
	// single: it is one statement, executed at once, whose tokens are not in doubt.
	single bool
	// hides: absorbed tables may be behind temporary ones afterwards.
	hides bool
}

// maxNesting is how deep texts that execute texts are followed.
const maxNesting = 3

// classify fills the plan of a statement that is passed through: what it
// touches and what it does to the session. The pieces are returned for a look
// at whether it can be absorbed after all.
func (g *planning) classify(nesting int) []*piece {
	toks := tokenise(g.sql, g.env.Mode, false)
	list := pieces(g.sql, toks)
	if g.scan.executable {
		list = append(list, pieces(g.sql, tokenise(g.sql, g.env.Mode, true))...)
	}
	opaque := g.unreadable()
	for _, p := range list {
		p.read(g.env.Mode)
		opaque = opaque || p.opaque
	}
	g.single = nesting == 0 && len(list) == 1 && !opaque && !g.scan.executable
	write := opaque
	for _, p := range list {
		g.merge(p, nesting)
		write = write || p.write
	}
	if opaque || g.scan.executable {
		g.words(g.sql, write, opaque)
	}
	if g.foreign {
		g.plan.Effect |= EffectUnknown
	}
	if g.hides || opaque {
		g.suspects()
	}
	switch {
	case len(list) > 1 && !g.scan.executable && !g.unreadable() && definition(g.sql, toks):
		g.defines(list[0])
	case len(list) > 1 || opaque:
		g.blur()
	}
	g.plan.Reason, g.plan.Snapshot = g.reason(list), g.snapshot(list, opaque)
	g.tidy()
	g.plan.Named = g.named(list)
	return list
}

// unreadable reports whether the tokens may not be what the server sees.
func (g *planning) unreadable() bool {
	return g.scan.broken || g.doubtful() || g.scan.executable && strings.Count(string(g.sql), "/*") > 1 && startsExecutable(g.sql, g.env.Mode)
}

// doubtful reports whether the text is in a character set in which a byte of
// a character may look like a quote or a backslash.
func (g *planning) doubtful() bool { return !safeCharset(g.env.Charset) && !ascii(g.sql) }

// safeCharset reports whether all bytes below 0x80 stand for themselves in
// texts of the character set.
func safeCharset(cs string) bool {
	switch cs {
	case "utf8mb4", "utf8mb3", "utf8", "latin1", "ascii", "binary":
		return true
	}
	return false
}

// startsExecutable reports whether the first word depends on which executable
// comments the server executes.
func startsExecutable(sql []byte, mode SQLMode) bool {
	l := newLexer(sql, mode)
	var t token
	l.next(&t)
	return t.kind == tokOpen
}

// merge adds what a piece does to the plan.
func (g *planning) merge(p *piece, nesting int) {
	g.plan.Effect |= p.effect
	g.plan.Uses |= p.uses
	g.name(p)
	if p.all {
		g.touch(g.cat.All(), false)
	}
	if p.dropped != "" {
		g.touch(g.inside(p.dropped), true)
	}
	a := p.access()
	for i := range p.toks {
		if a == reads && (p.op(i+1, "(") || p.op(i+1, ".") && p.op(i+3, "(")) && len(g.behind(p, i, writes)) > 0 {
			// May be a stored function, or a package that has one: all that the
			// statement names may be written, also what stands before it.
			p.write, a = true, writes
			break
		}
	}
	for i := range p.toks {
		g.touch(g.behind(p, i, a), a != reads)
	}
	if p.within {
		for i, t := range p.toks {
			if name, ok := p.name(i); ok && g.cat.Defines(name) || g.foreign {
				g.plan.Effect |= EffectMayDefine
			}
			if t.kind == tokString {
				g.words(p.src[t.start:t.end], true, false)
			}
		}
	}
	if p.inner != nil || p.effect&EffectPrepare != 0 {
		g.nest(p, nesting)
	}
}

// name takes over the names a piece brings along.
func (g *planning) name(p *piece) {
	g.hides = g.hides || p.hides
	if p.effect&EffectDB != 0 {
		g.plan.Database = p.named
	}
	if p.effect&(EffectPrepare|EffectExecute) != 0 {
		g.plan.Prepared = strings.ToLower(p.named)
	}
	g.define(p.defined)
	for _, n := range p.temp {
		if n.db == "" {
			n.db = g.env.DB
		}
		g.plan.Temporary = append(g.plan.Temporary, strings.ToLower(n.db+"."+n.table))
	}
}

// define takes over the names of what DDL defines, if the statement is alone
// and all of them are certain.
func (g *planning) define(names []tableName) {
	if !g.single {
		return
	}
	var all []schema.Name
	for _, n := range names {
		if n.db == "" {
			n.db = g.env.DB
		}
		if n.db == "" || g.env.Charset != "utf8mb4" && !ascii([]byte(n.db+n.table)) {
			return
		}
		all = append(all, schema.Name{DB: n.db, Table: n.table})
	}
	g.plan.Defined = all
}

// inside finds the absorbed tables of a database, and what foreign keys connect
// to them.
func (g *planning) inside(db string) []schema.Name {
	if !ascii([]byte(db)) { // the server may fold other letters than this does
		g.foreign = true
		return nil
	}
	var names []schema.Name
	for _, n := range g.cat.All() {
		if strings.EqualFold(n.DB, db) {
			names = append(names, g.cat.WrittenWith(n, false)...)
		}
	}
	return names
}

// touched asks the catalog for the tables behind an identifier.
func (g *planning) touched(name string, a access) []schema.Name {
	if cs := g.env.Charset; cs != "utf8mb4" && cs != "utf8mb3" && cs != "utf8" && !ascii([]byte(name)) {
		g.foreign = true
		return nil
	}
	if a == reads {
		return g.cat.TouchedBy(name)
	}
	return g.cat.WrittenBy(name, a == inserts)
}

// touch adds tables to what the plan reads or writes.
func (g *planning) touch(names []schema.Name, write bool) {
	if write {
		g.plan.Writes = append(g.plan.Writes, names...)
	} else {
		g.plan.Reads = append(g.plan.Reads, names...)
	}
}

// nest follows the text that a PREPARE or an EXECUTE IMMEDIATE brings along.
func (g *planning) nest(p *piece, nesting int) {
	inner := anything()
	if p.inner != nil && nesting < maxNesting {
		in := planning{sql: p.inner, env: g.env, cat: g.cat, scan: &scan{}, plan: &Plan{}}
		in.scan.run(p.inner, g.env.Mode)
		in.classify(nesting + 1)
		in.plan.Reason = ""
		if len(in.plan.Reads)+len(in.plan.Writes) > 0 {
			in.plan.Reason = ReasonPrepared
		}
		inner = in.plan
	}
	g.plan.Reads = append(g.plan.Reads, inner.Reads...)
	g.plan.Writes = append(g.plan.Writes, inner.Writes...)
	if p.effect&EffectPrepare != 0 {
		g.plan.Inner = inner
		return
	}
	g.plan.Effect |= inner.Effect
	g.plan.Uses |= inner.Uses
	g.plan.Temporary = append(g.plan.Temporary, inner.Temporary...)
	g.plan.Database = inner.Database
}

// words takes every word of a text, wherever it stands, for an identifier, and
// with effects for what it might do as a statement's first word.
func (g *planning) words(text []byte, write, effects bool) {
	for i := 0; i < len(text); {
		j := i
		for j < len(text) && class[text[j]]&clsIdent != 0 {
			j++
		}
		if j == i {
			i++
			continue
		}
		a := reads
		if write {
			a = writes
		}
		g.touch(g.touched(string(text[i:j]), a), write)
		if effects {
			g.plan.Effect |= wordEffects[lower(text[i:j])]
		}
		i = j
	}
}

// suspects adds the tables that a statement may have hidden behind temporary
// ones: those whose names it knows.
func (g *planning) suspects() {
	for _, n := range slices.Concat(g.plan.Reads, g.plan.Writes) {
		g.plan.Temporary = append(g.plan.Temporary, strings.ToLower(n.String()))
	}
}

// blur takes away names that may be those of another statement of the text.
func (g *planning) blur() {
	g.plan.Database = ""
	if g.plan.Effect&(EffectPrepare|EffectExecute) != 0 {
		g.plan.Prepared = ""
		g.plan.Inner = anything()
		g.plan.Effect |= effectAnything
	}
}

// defines leaves of what the statements of a routine's body would do to the
// session what its definition does. The tables they name are still touched.
func (g *planning) defines(create *piece) {
	g.plan.Effect = create.effect | g.plan.Effect&(EffectUnknown|EffectMayDefine)
	g.plan.Database, g.plan.Prepared, g.plan.Inner = "", "", nil
}

// anything is the plan of a statement nothing is known of.
func anything() *Plan {
	return &Plan{Effect: effectAnything | EffectTempTable | EffectDB | EffectPrepare, Snapshot: SnapshotMay}
}

// tidy removes repeats, and from Reads what is also written.
func (g *planning) tidy() {
	g.plan.Writes = unique(g.plan.Writes, nil)
	slices.Sort(g.plan.Temporary)
	g.plan.Temporary = slices.Compact(g.plan.Temporary)
	g.plan.Reads = unique(g.plan.Reads, g.plan.Writes)
	if len(g.plan.Reads)+len(g.plan.Writes) == 0 && g.plan.Effect&EffectUnknown == 0 {
		g.plan.Reason = ""
	}
}

// unique is names without repeats and without those in other.
func unique(names, other []schema.Name) []schema.Name {
	var out []schema.Name
	for _, n := range names {
		if !slices.Contains(out, n) && !slices.Contains(other, n) {
			out = append(out, n)
		}
	}
	return out
}

// reason says why a statement of these pieces is not absorbed.
func (g *planning) reason(list []*piece) Reason {
	switch {
	case g.doubtful():
		return ReasonSessionCharset
	case g.scan.broken:
		return ReasonMalformed
	case g.scan.executable:
		return ReasonExecutableComment
	case g.scan.several, len(list) != 1:
		return ReasonMultiStatement
	case g.scan.hint:
		return ReasonOptimizerHint
	case list[0].word(0, "REPLACE"):
		return ReasonReplace
	}
	return list[0].reason
}
