package sqlrewrite

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// fixedCatalog is a Catalog of hand-made tables and of names that reach them.
type fixedCatalog struct {
	version uint64
	tables  map[schema.Name]*schema.Table
	reach   map[string][]schema.Name          // lower case identifier -> tables
	related map[string]map[bool][]schema.Name // and those that foreign keys connect to it, for inserts or any write
}

// Version is raised by tests that change the catalog.
func (c *fixedCatalog) Version() uint64 { return c.version }

// Absorbed takes names as they are written.
func (c *fixedCatalog) Absorbed(n schema.Name) *schema.Table { return c.tables[n] }

// TouchedBy folds ASCII case.
func (c *fixedCatalog) TouchedBy(id string) []schema.Name { return c.reach[strings.ToLower(id)] }

// WrittenBy knows what of related the names have.
func (c *fixedCatalog) WrittenBy(id string, inserts bool) []schema.Name {
	return append(slices.Clone(c.reach[strings.ToLower(id)]), c.related[strings.ToLower(id)][inserts]...)
}

// Defines holds for every routine with such a name.
func (c *fixedCatalog) Defines(id string) bool {
	return strings.HasPrefix(strings.ToLower(id), "define")
}

// Indirect holds for what reaches a table under another name than its own.
func (c *fixedCatalog) Indirect(id string) bool {
	return slices.ContainsFunc(c.TouchedBy(id), func(n schema.Name) bool { return !strings.EqualFold(n.Table, id) })
}

// WrittenWith knows of no two tables with foreign keys and the same name.
func (c *fixedCatalog) WrittenWith(n schema.Name, inserts bool) []schema.Name {
	return append([]schema.Name{n}, c.related[strings.ToLower(n.Table)][inserts]...)
}

// All lists the tables in order.
func (c *fixedCatalog) All() []schema.Name {
	var all []schema.Name
	for n := range c.tables {
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b schema.Name) int { return strings.Compare(a.String(), b.String()) })
	return all
}

// add puts tables into the catalog.
func (c *fixedCatalog) add(tables ...*schema.Table) {
	for _, t := range tables {
		c.tables[t.Name] = t
		id := strings.ToLower(t.Name.Table)
		c.reach[id] = append(c.reach[id], t.Name)
	}
}

// newCatalog makes a catalog of tables.
func newCatalog(tables ...*schema.Table) *fixedCatalog {
	c := &fixedCatalog{version: 1, tables: map[schema.Name]*schema.Table{}, reach: map[string][]schema.Name{}}
	c.add(tables...)
	return c
}

// integer makes a nullable column, as the other makers do.
func integer(name string, ty schema.Type, unsigned bool) schema.Column {
	ct := map[schema.Type]string{schema.Tinyint: "tinyint", schema.Smallint: "smallint", schema.Mediumint: "mediumint", schema.Int: "int", schema.Bigint: "bigint"}[ty]
	if unsigned {
		ct += " unsigned"
	}
	return schema.Column{Name: name, Type: ty, ColumnType: ct, Unsigned: unsigned, Default: schema.DefaultNull, Scale: -1}
}

// decimal makes a DECIMAL.
func decimal(name string, precision, scale int) schema.Column {
	return schema.Column{Name: name, Type: schema.Decimal, ColumnType: "decimal(" + strconv.Itoa(precision) + "," + strconv.Itoa(scale) + ")", Precision: precision, Scale: scale, Default: schema.DefaultNull}
}

// varchar makes a VARCHAR of the collation's character set.
func varchar(name string, length int, collation string) schema.Column {
	cs, _, _ := strings.Cut(collation, "_")
	return schema.Column{Name: name, Type: schema.Varchar, ColumnType: "varchar(" + strconv.Itoa(length) + ")", Length: length, Charset: cs, Collation: collation, Default: schema.DefaultNull}
}

// datetimeColumn makes a DATETIME or TIMESTAMP.
func datetimeColumn(name string, ty schema.Type, fsp int) schema.Column {
	ct := map[schema.Type]string{schema.Datetime: "datetime", schema.Timestamp: "timestamp"}[ty]
	if fsp > 0 {
		ct += "(" + strconv.Itoa(fsp) + ")"
	}
	return schema.Column{Name: name, Type: ty, ColumnType: ct, Fsp: fsp, Default: schema.DefaultNull}
}

// with changes a column.
func with(c schema.Column, change func(*schema.Column)) schema.Column {
	change(&c)
	return c
}

// notNull makes a column NOT NULL without default.
func notNull(c schema.Column) schema.Column {
	return with(c, func(c *schema.Column) { c.NotNull, c.Default = true, schema.NoDefault })
}

// table makes a table whose first keys columns are the primary key.
func table(name string, keys int, columns ...schema.Column) *schema.Table {
	n, _ := schema.ParseName(name)
	t := &schema.Table{Name: n, Version: 1, Columns: columns, AutoIncrement: -1, Primary: schema.Index{Name: "PRIMARY"}}
	for i := range keys {
		t.Primary.Columns = append(t.Primary.Columns, i)
		t.Primary.Prefix = append(t.Primary.Prefix, 0)
	}
	for i := range columns {
		if columns[i].AutoIncrement {
			t.AutoIncrement = i
		}
	}
	return t
}

// shop is the catalog most tests use.
func shop() *fixedCatalog {
	auto := func(c *schema.Column) { c.AutoIncrement = true }
	users := table("app.users", 1,
		with(notNull(integer("id", schema.Bigint, true)), auto),
		notNull(varchar("email", 100, "utf8mb4_general_ci")),
		with(varchar("name", 50, "utf8mb4_general_ci"), func(c *schema.Column) { c.Default, c.DefaultValue = schema.DefaultLiteral, []byte("x") }),
		integer("n", schema.Int, false),
		decimal("balance", 12, 2),
		with(datetimeColumn("created", schema.Datetime, 0), func(c *schema.Column) { c.Default = schema.DefaultNow }),
		with(datetimeColumn("updated", schema.Timestamp, 3), func(c *schema.Column) { c.Default, c.OnUpdateNow = schema.DefaultNow, true }),
	)
	users.Uniques = []schema.Index{{Name: "email", Columns: []int{1}, Prefix: []int{0}}}
	items := table("app.order_items", 2,
		notNull(integer("order_id", schema.Bigint, false)),
		notNull(integer("line", schema.Int, false)),
		varchar("sku", 20, "utf8mb4_bin"),
		integer("qty", schema.Int, true),
	)
	c := newCatalog(users, items, table("other.users", 1, notNull(integer("id", schema.Int, false))))
	c.reach["active_users"] = []schema.Name{users.Name} // a view
	c.reach["add_user"] = []schema.Name{users.Name}     // a routine
	return c
}

// session is an ordinary session on database app.
func session() *Env {
	e := &Env{DB: "app", Mode: ModeStrict | ModeNoZeroDate | ModeNoZeroInDate | ModeErrorForDivisionByZero, Charset: "utf8mb4",
		ConnCollation: "utf8mb4_general_ci", Location: time.UTC, Now: time.Date(2026, 11, 22, 20, 1, 2, 123456000, time.UTC),
		Dialect: schema.MySQL, ForeignKeyChecks: true, UniqueChecks: true}
	e.AutoIncrement.Increment, e.AutoIncrement.Offset = 1, 1
	return e
}

// wideCatalog has one table of 12 columns.
func wideCatalog() *fixedCatalog {
	return newCatalog(table("app.wide", 1,
		notNull(integer("id", schema.Bigint, false)), integer("user_id", schema.Bigint, false), decimal("amount", 12, 2),
		varchar("currency", 3, "utf8mb4_general_ci"), varchar("status", 20, "utf8mb4_general_ci"), varchar("reference", 40, "utf8mb4_bin"),
		integer("n", schema.Int, false), varchar("note", 100, "utf8mb4_general_ci"), varchar("text", 100, "utf8mb4_general_ci"),
		decimal("fee", 8, 4), datetimeColumn("created", schema.Datetime, 0), datetimeColumn("updated", schema.Datetime, 3)))
}
