package schema

import (
	"slices"
	"strconv"
	"strings"
)

// Catalog is an immutable snapshot of the schema: the tables that were asked
// for, which of them are absorbed, and what reaches those. It is safe for
// concurrent use; the slices it returns must not be changed.
type Catalog struct {
	server   server
	version  uint64
	tables   []*Table
	byName   map[Name]*Table
	absorbed map[Name]*Table
	graph    *graph
	touched  [purposes]*reached
	warnings []string
	raw      *raw // what it was built of, for Refresh; nil after Without
}

// newCatalog derives everything that lookups need.
func newCatalog(s server, tables []*Table, g *graph, warnings []string) *Catalog {
	c := &Catalog{server: s, tables: tables, graph: g, warnings: warnings,
		byName: make(map[Name]*Table, len(tables)), absorbed: map[Name]*Table{}}
	for p := range c.touched {
		c.touched[p] = g.reach(tables, purpose(p))
	}
	for _, t := range tables {
		n := c.key(t.Name)
		c.byName[n] = t
		if t.Absorbable() {
			c.absorbed[n] = t
		}
	}
	c.version = catalogHash(c)
	return c
}

// key is the name by which tables are found.
func (c *Catalog) key(n Name) Name {
	if c.server.lower == 0 {
		return n
	}
	return lowerName(n)
}

// Version is a hash of all that the catalog answers: equal versions give equal
// answers.
func (c *Catalog) Version() uint64 { return c.version }

// Absorbed returns the table if it is absorbed, else nil. The name is as
// written in a statement, database filled in; case counts as the server's
// lower_case_table_names says.
func (c *Catalog) Absorbed(n Name) *Table { return c.absorbed[c.key(n)] }

// Table returns a wanted table, also one that is refused; nil if it was not
// wanted or does not exist.
func (c *Catalog) Table(n Name) *Table { return c.byName[c.key(n)] }

// Tables returns every wanted table, sorted by database and name.
func (c *Catalog) Tables() []*Table { return c.tables }

// All returns the names of every absorbed table, sorted.
func (c *Catalog) All() []Name { return c.touched[asking].all }

// TouchedBy returns the absorbed tables that a statement may read by using the
// identifier: the table itself in any database, and what is reached through a
// view, routine or trigger of that name. The identifier is bare, without
// quotes, in any case. It returns too many rather than too few, nil for most
// words.
func (c *Catalog) TouchedBy(identifier string) []Name {
	return c.touched[asking].of(identifier)
}

// WrittenBy is TouchedBy for a statement that writes. Along foreign keys it
// also returns what the statement may change, what has to be in MySQL for it to
// be judged there, and what was judged by rows that it may take away. With
// inserts the statement only adds rows.
func (c *Catalog) WrittenBy(identifier string, inserts bool) []Name {
	if inserts {
		return c.touched[inserting].of(identifier)
	}
	return c.touched[writing].of(identifier)
}

// Defines reports whether a routine of that name may change definitions or
// rights, by itself or by what it calls. The identifier is as for TouchedBy.
func (c *Catalog) Defines(identifier string) bool { return c.graph.defines[fold(identifier)] }

// Indirect reports whether a view, routine or trigger of that name may reach
// absorbed tables. The identifier is as for TouchedBy.
func (c *Catalog) Indirect(identifier string) bool {
	name := fold(identifier)
	return c.graph.opaque[name] || len(c.graph.refs[name]) > 0
}

// WrittenWith is WrittenBy for an absorbed table named in full, n among the
// tables returned. It has no triggers, and cascades set off none.
func (c *Catalog) WrittenWith(n Name, inserts bool) []Name {
	var names []Name
	for _, related := range c.graph.byName.of(n, inserts) {
		if t := c.Absorbed(related); t != nil {
			names = append(names, t.Name)
		}
	}
	return names
}

// of returns the tables behind an identifier.
func (r *reached) of(identifier string) []Name {
	var room [64]byte
	if len(identifier) > len(room) {
		return r.by[fold(identifier)]
	}
	for i := range len(identifier) {
		b := identifier[i]
		switch {
		case b >= 0x80:
			return r.by[fold(identifier)]
		case b >= 'A' && b <= 'Z':
			b += 'a' - 'A'
		}
		room[i] = b
	}
	return r.by[string(room[:len(identifier)])]
}

// Dialect is the family of the server.
func (c *Catalog) Dialect() Dialect { return c.server.dialect }

// LowerCaseNames is the server's lower_case_table_names: 0, 1 or 2.
func (c *Catalog) LowerCaseNames() int { return c.server.lower }

// ServerVersion is VERSION() as the server says it.
func (c *Catalog) ServerVersion() string { return c.server.version }

// Warnings are sentences for the operator: what the account's grants hide, and
// which events write to absorbed tables without passing the proxy.
func (c *Catalog) Warnings() []string { return c.warnings }

// ReasonDisabled is the refusal of a table that Without took out.
const ReasonDisabled = "disabled"

// Without returns a catalog in which the named tables are not absorbed, with
// the reason "disabled". The receiver does not change.
func (c *Catalog) Without(names ...Name) *Catalog {
	tables := slices.Clone(c.tables)
	for i, t := range tables {
		if !slices.ContainsFunc(names, func(n Name) bool { return c.key(n) == c.key(t.Name) }) {
			continue
		}
		off := *t
		off.Refusals = append(slices.Clone(t.Refusals), Refusal{Reason: ReasonDisabled, Detail: "it was switched off"})
		tables[i] = &off
	}
	return newCatalog(c.server, tables, c.graph, c.warnings)
}

// Explain says in one line how the table is absorbed, or why it is not:
// "absorbed: key (id), AUTO_INCREMENT, 1 unique index", or "passed through:
// foreign_key_index: foreign key fk points to ...; trigger: ...".
func (t *Table) Explain() string {
	if !t.Absorbable() {
		why := make([]string, len(t.Refusals))
		for i, r := range t.Refusals {
			why[i] = r.Reason + ": " + r.Detail
		}
		return "passed through: " + strings.Join(why, "; ")
	}
	names := make([]string, len(t.Primary.Columns))
	for i, at := range t.Primary.Columns {
		names[i] = t.Columns[at].Name
	}
	s := "absorbed: key (" + strings.Join(names, ", ") + ")"
	if t.AutoIncrement >= 0 {
		s += ", AUTO_INCREMENT"
	}
	switch n := len(t.Uniques); n {
	case 0:
	case 1:
		s += ", 1 unique index"
	default:
		s += ", " + strconv.Itoa(n) + " unique indexes"
	}
	switch n := len(t.ForeignKeys); n {
	case 0:
	case 1:
		s += ", 1 foreign key"
	default:
		s += ", " + strconv.Itoa(n) + " foreign keys"
	}
	return s
}
