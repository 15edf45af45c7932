package sqlrewrite

import "github.com/rzpsarthak13/shock-absorber/absorber/schema"

// access is what a statement does with the things it names.
type access int

const (
	reads   access = iota
	inserts        // adds rows: an INSERT that changes none
	writes         // anything
)

// access is that of a piece.
func (p *piece) access() access {
	switch {
	case !p.write:
		return reads
	case p.word(0, "INSERT") && !p.opaque && !p.has("DUPLICATE"):
		return inserts
	}
	return writes
}

// behind finds the absorbed tables behind the identifier at token i, if there
// is one. The catalog knows bare names only: a table, view or routine of that
// name in any database. Where the statement names db.t in full and that is an
// absorbed table, it touches that table alone, and what foreign keys connect to
// it: no view has its name, and it has no triggers, or it would not be absorbed.
func (g *planning) behind(p *piece, i int, a access) []schema.Name {
	name, ok := p.name(i)
	if !ok {
		return nil
	}
	names := g.touched(name, a)
	if len(names) < 2 || !g.single || !p.namesTable(i) {
		return names
	}
	db, ok := p.name(i - 2)
	if !ok || g.env.Charset != "utf8mb4" && !ascii([]byte(db+name)) {
		return names
	}
	if t := g.cat.Absorbed(schema.Name{DB: db, Table: name}); t != nil {
		if a == reads {
			return []schema.Name{t.Name}
		}
		return g.cat.WrittenWith(t.Name, a == inserts)
	}
	return names
}

// namesTable reports whether token i, if the name before its point is a
// database, can only be a table's name. In other statements than these it may
// be a routine's, an event's or a new table's, and before a parenthesis a
// function's or, in MariaDB, a package's (db.package.function()).
func (p *piece) namesTable(i int) bool {
	if !p.word(0, "SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE") || p.hides || p.opaque {
		return false
	}
	if !p.op(i-1, ".") || p.op(i-3, ".") {
		return false
	}
	if p.op(i+1, ".") {
		return !p.op(i+3, "(")
	}
	return !p.op(i+1, "(") || p.word(i-3, "INTO") && !p.word(0, "SELECT")
}
