package sqlrewrite

// readCreate finds the name of a temporary table, and what is defined. A new
// database holds nothing yet, and accounts are not in the catalog.
func readCreate(p *piece, _ SQLMode) {
	i := 1
	replace := p.word(i, "OR")
	if replace {
		i += 2
	}
	switch {
	case p.word(i, "TEMPORARY"):
		p.effect, p.write = EffectTempTable, false
		if n, _, ok := p.table(p.existing(i + 2)); ok {
			p.temp = append(p.temp, n)
		}
	case p.word(i, "DATABASE", "SCHEMA") && replace:
		p.drops(i + 1)
	case p.word(i, "DATABASE", "SCHEMA"):
		p.effect, p.write = EffectEnd, false
	case p.word(i, "USER", "ROLE"):
		p.effect = EffectEnd
	case p.word(i, "TABLE"):
		p.define(p.existing(i + 1))
	default:
		p.indexes(i)
	}
}

// readDrop finds the tables that are no temporary ones any more. DROP PREPARE
// touches nothing.
func readDrop(p *piece, _ SQLMode) {
	i := 1
	temporary := p.word(i, "TEMPORARY")
	if temporary {
		i++
		p.effect = EffectTempDrop
	}
	switch {
	case p.word(i, "PREPARE"):
		p.effect, p.write = EffectNone, false
		return
	case p.word(i, "DATABASE", "SCHEMA"):
		p.drops(i + 1)
		return
	case p.word(i, "USER", "ROLE"):
		p.effect = EffectEnd
		return
	case !p.word(i, "TABLE", "TABLES"):
		p.indexes(i)
		return
	}
	p.effect |= EffectTempDrop
	for i = p.existing(i + 1); ; i++ {
		n, next, ok := p.table(i)
		if !ok {
			p.defined = nil
			return
		}
		p.temp, p.defined = append(p.temp, n), append(p.defined, n)
		if i = next; !p.op(i, ",") {
			return
		}
	}
}

// readAlter: a temporary table may get another name. What renames a table or a
// column, or exchanges tables, defines more than the table that it names first.
func readAlter(p *piece, _ SQLMode) {
	if p.has("RENAME") {
		p.effect |= EffectTempTable
		p.hides = true
	}
	i := 1
	for p.word(i, "ONLINE", "OFFLINE", "IGNORE") {
		i++
	}
	switch {
	case p.word(i, "DATABASE", "SCHEMA") && !p.has("UPGRADE"), p.word(i, "USER", "ROLE"):
		p.effect &^= EffectDDL
	case p.word(i, "TABLE") && !p.has("RENAME", "CHANGE", "EXCHANGE") && !(p.has("CONVERT") && p.has("PARTITION")):
		p.define(p.existing(i + 1))
	}
}

// readTruncate: the definition stays, but for the AUTO_INCREMENT counter.
func readTruncate(p *piece, _ SQLMode) {
	i := 1
	if p.word(i, "TABLE") {
		i++
	}
	p.define(i)
}

// existing is the token after IF EXISTS or IF NOT EXISTS at token i.
func (p *piece) existing(i int) int {
	if !p.word(i, "IF") {
		return i
	}
	if p.word(i+1, "NOT") {
		i++
	}
	return i + 2
}

// drops reads the name of a database that is dropped with all that is in it.
func (p *piece) drops(i int) {
	if n, ok := p.name(p.existing(i)); ok {
		p.dropped = n
		p.effect |= EffectDB
		return
	}
	p.effect |= EffectUnknown
}

// define notes the table named at token i.
func (p *piece) define(i int) {
	if n, _, ok := p.table(i); ok {
		p.defined = append(p.defined, n)
	}
}

// indexes notes the table of CREATE or DROP INDEX, whose words begin at token i.
func (p *piece) indexes(i int) {
	for p.word(i, "UNIQUE", "FULLTEXT", "SPATIAL", "ONLINE", "OFFLINE") {
		i++
	}
	if !p.word(i, "INDEX") {
		return
	}
	for ; i < len(p.toks); i++ {
		if p.word(i, "ON") {
			p.define(i + 1)
			return
		}
	}
}
