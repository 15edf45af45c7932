package schema

import (
	"fmt"
	"slices"
	"strings"
)

// rawTable is a row of information_schema.TABLES.
type rawTable struct {
	name    Name
	kind    string // TABLE_TYPE
	engine  string
	options string // CREATE_OPTIONS
}

// rawColumn is a row of information_schema.COLUMNS.
type rawColumn struct {
	name, columnType, nullable, extra string
	def                               []byte // COLUMN_DEFAULT, nil for NULL
	charset, collation, generation    string
	json                              bool // MariaDB: has the check that makes it JSON
}

// rawPart is a row of information_schema.STATISTICS: one column of an index.
type rawPart struct {
	index  string
	unique bool
	column string // "" for an expression
	prefix int    // SUB_PART, 0 for the whole column
	kind   string // INDEX_TYPE
}

// rawForeignKey is a row of information_schema.REFERENTIAL_CONSTRAINTS.
type rawForeignKey struct {
	name          string
	child, parent Name
	cascades      bool // a change of the parent changes the child
	// The columns of both, in the key's order.
	columns, parentColumns []string
}

// rawCheck is an enforced CHECK constraint.
type rawCheck struct{ name, clause string }

// rawBody is a stored piece of SQL: a view, routine, trigger or event.
type rawBody struct {
	name    Name // a trigger's: the table it stands on
	title   string
	words   []string // identifiers in it, folded, sorted
	defines bool     // it may change definitions or rights: see defining
	opaque  bool     // the body cannot be seen, is not SQL, or what it does cannot be read off its words
}

// raw is all that was read for one catalog. Refresh reads a part of it anew.
type raw struct {
	tables      []rawTable // the wanted ones
	columns     map[Name][]rawColumn
	indexes     map[Name][]rawPart
	foreignKeys []rawForeignKey
	checks      map[Name][]rawCheck
	partitions  map[Name]*rawPartitions
	nullable    map[Name]map[string]bool // MySQL: columns defined with DEFAULT NULL, once they have been asked for
	order       map[string][]string      // by InnoDB's name of a table: its unique indexes, once they have been asked for
	triggers    []rawBody
	views       []rawBody
	routines    []rawBody
	events      []rawBody
	grants      grants
}

// ownDatabases are never absorbed and their views reach no user's table.
var ownDatabases = []string{"mysql", "sys", "information_schema", "performance_schema", "ndbinfo", "shock_absorber"}

// ownSchemas is their SQL list.
var ownSchemas = "('" + strings.Join(ownDatabases, "','") + "')"

// noForeignKeys are databases without foreign keys. MariaDB opens every table
// and view of the others to find some.
const noForeignKeys = "('sys','information_schema','performance_schema','ndbinfo','shock_absorber')"

// scope is a condition on information_schema: it gets the names of the columns
// that hold a table's database and name.
type scope func(db, table string) string

// outside is everything but the databases listed.
func outside(list string) scope {
	return func(db, _ string) string { return db + " NOT IN " + list }
}

// within is the databases listed.
func within(list string) scope {
	return func(db, _ string) string { return db + " IN " + list }
}

// only is one table. The server finds it by its name without looking at others;
// it may find one whose name differs in case as well.
func only(n Name) scope {
	return func(db, table string) string {
		return db + " = " + quote(n.DB) + " AND " + table + " = " + quote(n.Table)
	}
}

// newRaw is one without anything in it.
func newRaw() *raw {
	return &raw{columns: map[Name][]rawColumn{}, indexes: map[Name][]rawPart{}, checks: map[Name][]rawCheck{},
		partitions: map[Name]*rawPartitions{}, nullable: map[Name]map[string]bool{}, order: map[string][]string{}}
}

// readAll reads everything that is not asked table by table, in two round trips
// where the Queryer can.
func readAll(q Queryer, s server, want func(Name) bool) (*raw, error) {
	known, err := atOnce(q, func(q Queryer) error { return newRaw().readOverview(q, s, want) })
	if err != nil {
		return nil, err
	}
	r := newRaw()
	if err := r.readOverview(known, s, want); err != nil {
		return nil, err
	}
	if in := r.schemaList(); in != "" {
		known, err := atOnce(q, func(q Queryer) error {
			asked := newRaw()
			asked.tables = r.tables
			return asked.readDetails(q, within(in))
		})
		if err != nil {
			return nil, err
		}
		if err := r.readDetails(known, within(in)); err != nil {
			return nil, err
		}
	}
	r.sortTables()
	return r, nil
}

// readOverview reads which tables there are, and what reaches them.
func (r *raw) readOverview(q Queryer, s server, want func(Name) bool) (err error) {
	if err := r.readTables(q, want, outside(ownSchemas)); err != nil {
		return err
	}
	if err := r.readForeignKeys(q, s, outside(noForeignKeys)); err != nil {
		return err
	}
	if err := r.readChecks(q, s.dialect, outside(ownSchemas)); err != nil {
		return err
	}
	if err := r.readTriggers(q, outside(ownSchemas)); err != nil {
		return err
	}
	if err := r.readBodies(q); err != nil {
		return err
	}
	r.grants, err = readGrants(q)
	return err
}

// readDetails reads what the tables of some databases look like.
func (r *raw) readDetails(q Queryer, in scope) error {
	if err := r.readColumns(q, in); err != nil {
		return err
	}
	if err := r.readIndexes(q, in); err != nil {
		return err
	}
	return r.readPartitions(q, in)
}

// query runs sql and checks that each row has as many columns as asked for.
func query(q Queryer, what string, columns int, sql string) ([][][]byte, error) {
	rows, err := q.Query(sql)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	for _, r := range rows {
		if len(r) != columns {
			return nil, fmt.Errorf("read %s: %w: %d columns instead of %d", what, ErrUnsupported, len(r), columns)
		}
	}
	return rows, nil
}

// nameOf makes a Name of two columns.
func nameOf(db, table []byte) Name { return Name{DB: string(db), Table: string(table)} }

// readTables finds the wanted tables, views and sequences.
func (r *raw) readTables(q Queryer, want func(Name) bool, in scope) error {
	rows, err := query(q, "the tables", 5, "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, CREATE_OPTIONS"+
		" FROM information_schema.TABLES WHERE "+in("TABLE_SCHEMA", "TABLE_NAME"))
	if err != nil {
		return err
	}
	for _, v := range rows {
		t := rawTable{name: nameOf(v[0], v[1]), kind: string(v[2]), engine: string(v[3]), options: string(v[4])}
		if !strings.HasPrefix(t.kind, "TEMPORARY") && want(t.name) {
			r.tables = append(r.tables, t)
		}
	}
	return nil
}

// sortTables orders them by name, and what belongs to a table by its name.
func (r *raw) sortTables() {
	slices.SortFunc(r.tables, func(a, b rawTable) int { return compareNames(a.name, b.name) })
	slices.SortStableFunc(r.foreignKeys, func(a, b rawForeignKey) int { return compareNames(a.child, b.child) })
	slices.SortStableFunc(r.triggers, func(a, b rawBody) int { return compareNames(a.name, b.name) })
}

// compareNames orders by database, then table.
func compareNames(a, b Name) int {
	if c := strings.Compare(a.DB, b.DB); c != 0 {
		return c
	}
	return strings.Compare(a.Table, b.Table)
}

// schemaList is the SQL list of the databases with wanted tables, and with the
// parents of those; "" if none.
func (r *raw) schemaList() string {
	wanted := map[Name]bool{}
	var quoted []string
	for _, t := range r.tables {
		wanted[t.name] = true
		quoted = append(quoted, quote(t.name.DB))
	}
	for _, fk := range r.foreignKeys {
		if wanted[fk.child] {
			quoted = append(quoted, quote(fk.parent.DB))
		}
	}
	if len(quoted) == 0 {
		return ""
	}
	slices.Sort(quoted)
	return "(" + strings.Join(slices.Compact(quoted), ",") + ")"
}

// readColumns reads the columns of all tables in the scope.
func (r *raw) readColumns(q Queryer, in scope) error {
	rows, err := query(q, "the columns", 10, "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE,"+
		" COLUMN_DEFAULT, EXTRA, CHARACTER_SET_NAME, COLLATION_NAME, GENERATION_EXPRESSION"+
		" FROM information_schema.COLUMNS WHERE "+in("TABLE_SCHEMA", "TABLE_NAME")+
		" ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION")
	if err != nil {
		return err
	}
	for _, v := range rows {
		n := nameOf(v[0], v[1])
		r.columns[n] = append(r.columns[n], rawColumn{name: string(v[2]), columnType: string(v[3]),
			nullable: string(v[4]), def: v[5], extra: string(v[6]),
			charset: string(v[7]), collation: string(v[8]), generation: string(v[9])})
	}
	return nil
}

// readIndexes reads the indexes, in the order in which the server lists them.
func (r *raw) readIndexes(q Queryer, in scope) error {
	rows, err := query(q, "the indexes", 8, "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME,"+
		" SUB_PART, INDEX_TYPE, SEQ_IN_INDEX FROM information_schema.STATISTICS WHERE "+in("TABLE_SCHEMA", "TABLE_NAME")+
		" ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX")
	if err != nil {
		return err
	}
	for _, v := range rows {
		n := nameOf(v[0], v[1])
		prefix := 0
		if v[5] != nil {
			if _, err := fmt.Sscan(string(v[5]), &prefix); err != nil {
				return fmt.Errorf("read the indexes: SUB_PART of %s: %w", n, err)
			}
		}
		r.indexes[n] = append(r.indexes[n], rawPart{index: string(v[2]), unique: string(v[3]) == "0",
			column: string(v[4]), prefix: prefix, kind: string(v[6])})
	}
	return nil
}
