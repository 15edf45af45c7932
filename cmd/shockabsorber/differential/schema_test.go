package differential

import (
	"fmt"
	"slices"
	"strings"
)

// column is a column of a generated table.
type column struct {
	name     string
	typ      columnType
	notNull  bool
	def      string   // the DEFAULT and ON UPDATE clauses, "" for none
	optional bool     // may be left out in every sql_mode
	computed string   // the clauses of a generated column, "" for none
	auto     bool     // AUTO_INCREMENT
	domain   []string // the values it mostly gets; nil: all of its type
}

// key is a primary or unique key.
type key struct {
	columns []*column
	ddl     string
}

// table is a generated table.
type table struct {
	name    string
	traits  []trait // what is special about it
	columns []*column
	primary key
	uniques []key
	more    []string // CHECKs, foreign keys
}

// ddl is the CREATE TABLE statement.
func (t *table) ddl() string {
	var parts []string
	for _, c := range t.columns {
		s := c.name + " " + c.typ.sql
		if c.computed != "" {
			parts = append(parts, s+" "+c.computed)
			continue
		}
		if c.notNull {
			s += " NOT NULL"
		} else {
			s += " NULL"
		}
		if c.auto {
			s += " AUTO_INCREMENT"
		}
		parts = append(parts, strings.TrimRight(s+" "+c.def, " "))
	}
	parts = append(parts, "PRIMARY KEY "+t.primary.ddl)
	for i, u := range t.uniques {
		parts = append(parts, fmt.Sprintf("UNIQUE KEY u%d %s", i, u.ddl))
	}
	return fmt.Sprintf("CREATE TABLE %s (%s) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4", t.name, strings.Join(append(parts, t.more...), ", "))
}

// writable are the columns that a statement may name as a target.
func (t *table) writable() []*column {
	return slices.DeleteFunc(slices.Clone(t.columns), func(c *column) bool { return c.computed != "" })
}

// order is the primary key as a list.
func (t *table) order() string { return names(t.primary.columns) }

// names lists columns.
func names(columns []*column) string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.name
	}
	return strings.Join(out, ", ")
}

// schema makes the tables of a chapter. Their names are t0, t1, ...
func (g *generator) schema() {
	makers := []func(*table){(*table).nothing, g.withUniques, g.withAuto}
	special := []func(*table){g.withGenerated, g.withCheck, g.withDefaults, g.withUniques, g.withAuto}
	makers = append(makers, special[g.r.IntN(len(special))])
	for _, m := range makers {
		g.table(m)
	}
	if g.chance(30) && !avoids(traitChild) {
		g.family()
	}
}

// nothing adds nothing to a plain table.
func (t *table) nothing() {}

// table adds a table to the schema.
func (g *generator) table(more func(*table)) *table {
	t := &table{name: fmt.Sprintf("t%d", len(g.tables))}
	g.primary(t)
	for i := range 3 + g.r.IntN(4) {
		g.column(t, fmt.Sprintf("c%d", i), g.anyType())
	}
	number := 4 // for arithmetic and conditions
	if g.chance(30) {
		number = narrow[g.r.IntN(len(narrow))]
	}
	g.column(t, "n", columnTypes[number])
	more(t)
	if g.clocks && g.chance(60) {
		g.withClocks(t)
	}
	g.tables = append(g.tables, t)
	return t
}

// column adds one.
func (g *generator) column(t *table, name string, typ columnType) *column {
	c := &column{name: name, typ: typed(g.r, typ, g.mysql), notNull: g.chance(40)}
	if c.optional = !c.notNull; c.optional && g.chance(30) {
		c.def = "DEFAULT NULL"
	}
	large := slices.Contains([]string{"TINYTEXT", "TEXT", "BLOB", "JSON"}, strings.Fields(c.typ.sql)[0])
	if !large && g.chance(45) {
		c.def, c.optional = "DEFAULT "+plainLiteral(g.pick(c.typ.clean)), true
		if c.typ.family == "float" || c.typ.family == "bytes" || strings.HasPrefix(c.typ.sql, "TIME") {
			t.traits = append(t.traits, traitOddDefault)
		}
	}
	t.columns = append(t.columns, c)
	return c
}

// plainLiteral is a value of a type as SQL for a session with default settings.
func plainLiteral(v string) string {
	if !strings.HasPrefix(v, "'") {
		return v
	}
	return "'" + strings.NewReplacer("'", "''", `\`, `\\`).Replace(v[1:]) + "'"
}

// keyed makes a column that rows can be found by.
func (g *generator) keyed(t *table, name string) *column {
	for {
		typ := g.anyType()
		if len(typ.keys) == 0 || typ.family != "text" && g.chance(50) {
			continue
		}
		c := &column{name: name, typ: typed(g.r, typ, g.mysql), notNull: true}
		c.domain = c.typ.keys[:min(len(c.typ.keys), 4+g.r.IntN(5))]
		if c.typ.family == "text" && g.chance(70) {
			c.domain = g.related(c.typ)
		}
		t.columns = append(t.columns, c)
		return c
	}
}

// primary gives the table a primary key of one or two columns.
func (g *generator) primary(t *table) {
	k := []*column{g.keyed(t, "id")}
	if g.chance(25) {
		k = append(k, g.keyed(t, "id2"))
		if g.chance(50) {
			slices.Reverse(k)
		}
	}
	t.primary = key{columns: k, ddl: "(" + names(k) + ")"}
	if g.chance(30) {
		k[0].def = "DEFAULT " + plainLiteral(g.pick(k[0].domain))
		k[0].optional = true
		t.traits = append(t.traits, traitOddDefault)
	}
}

// withUniques adds unique keys: of one or two columns, or of a prefix.
func (g *generator) withUniques(t *table) {
	t.traits = append(t.traits, traitUnique)
	for i := range 1 + g.r.IntN(2) {
		c := g.keyed(t, fmt.Sprintf("u%d", i))
		c.notNull = g.chance(30)
		c.optional = !c.notNull
		k := key{columns: []*column{c}, ddl: "(" + c.name + ")"}
		switch {
		case g.chance(25):
			d := g.keyed(t, fmt.Sprintf("w%d", i))
			d.notNull, d.optional = false, true
			k = key{columns: []*column{c, d}, ddl: "(" + c.name + ", " + d.name + ")"}
		case c.typ.family == "text" && g.chance(30):
			t.traits = append(t.traits, traitPrefix)
			k.ddl = "(" + c.name + "(2))"
		}
		t.uniques = append(t.uniques, k)
	}
}

// withAuto makes the primary key AUTO_INCREMENT.
func (g *generator) withAuto(t *table) {
	if avoids(traitAuto) {
		return
	}
	t.traits = append(t.traits, traitAuto)
	t.columns = slices.DeleteFunc(t.columns, func(c *column) bool { return slices.Contains(t.primary.columns, c) })
	types := []int{4, 5, 7, 8, 2}
	c := &column{name: "id", typ: columnTypes[types[g.r.IntN(len(types))]], notNull: true, auto: true, optional: true, domain: []string{"1", "2", "3", "4", "5", "6", "7", "8", "12", "20"}}
	t.columns = append([]*column{c}, t.columns...)
	t.primary = key{columns: []*column{c}, ddl: "(id)"}
	if g.chance(60) {
		g.withUniques(t)
	}
}

// withGenerated adds generated columns.
func (g *generator) withGenerated(t *table) {
	t.traits = append(t.traits, traitGenerated)
	stored := "VIRTUAL"
	if g.chance(50) {
		stored = "STORED"
	}
	t.columns = append(t.columns, &column{name: "g0", typ: columnType{sql: "BIGINT", family: "int", clean: []string{"1"}, edge: []string{"'x"}}, computed: "AS (n * 2) " + stored})
	t.columns = append(t.columns, &column{name: "g1", typ: columnType{sql: "VARCHAR(60)", family: "text", clean: []string{"'a"}, edge: []string{"5"}}, computed: "AS (CONCAT('n', n)) " + stored})
	if g.chance(40) {
		t.uniques = append(t.uniques, key{columns: t.columns[len(t.columns)-1:], ddl: "(g1)"})
	}
}

// withCheck adds CHECK constraints.
func (g *generator) withCheck(t *table) {
	t.traits = append(t.traits, traitCheck)
	t.more = append(t.more, "CONSTRAINT "+t.name+"_n CHECK (n <> 7)")
	if g.chance(50) {
		t.more = append(t.more, "CONSTRAINT "+t.name+"_m CHECK (n + 1 > -100)")
	}
}

// withDefaults adds columns whose defaults are expressions.
func (g *generator) withDefaults(t *table) {
	t.traits = append(t.traits, traitDefault)
	for i, d := range []string{"(1 + 2)", "(LENGTH('abc') * 2)", "(CONCAT('a', 'b'))"} {
		typ := columnTypes[4]
		if i == 2 {
			typ = text("VARCHAR(20)", 20, false)
		}
		t.columns = append(t.columns, &column{name: fmt.Sprintf("d%d", i), typ: typ, def: "DEFAULT " + d, optional: true})
	}
}

// withClocks adds columns that the server fills with the time.
func (g *generator) withClocks(t *table) {
	t.traits = append(t.traits, traitClock)
	for i, typ := range []string{"DATETIME(6)", "TIMESTAMP(3)"} {
		fsp := typ[strings.Index(typ, "("):]
		c := &column{name: fmt.Sprintf("m%d", i), typ: moment(typ, 3, "2001-01-01 00:00:00", "2002-01-01 00:00:00"), def: "DEFAULT CURRENT_TIMESTAMP" + fsp, optional: true}
		if i == 0 && g.chance(60) {
			c.def += " ON UPDATE CURRENT_TIMESTAMP" + fsp
		}
		t.columns = append(t.columns, c)
	}
}

// family adds a parent and a child with a foreign key.
func (g *generator) family() {
	number := columnTypes[4]
	related := func(tr trait, more func(*table)) *table {
		t := g.table(more)
		t.traits = append(t.traits, tr)
		return t
	}
	parent := related(traitParent, func(t *table) {
		t.columns = slices.DeleteFunc(t.columns, func(c *column) bool { return slices.Contains(t.primary.columns, c) })
		id := &column{name: "id", typ: number, notNull: true, domain: []string{"1", "2", "3", "4", "5"}}
		t.columns, t.primary = append([]*column{id}, t.columns...), key{columns: []*column{id}, ddl: "(id)"}
	})
	action := []string{"", " ON DELETE CASCADE", " ON DELETE SET NULL", " ON UPDATE CASCADE"}[g.r.IntN(4)]
	related(traitChild, func(t *table) {
		t.columns = append(t.columns, &column{name: "p", typ: number, optional: true, domain: []string{"1", "2", "3", "4", "5", "6", "7"}})
		t.more = append(t.more, fmt.Sprintf("CONSTRAINT %s_p FOREIGN KEY (p) REFERENCES %s (id)%s", t.name, parent.name, action))
	})
}

// exact are columns that tell all of what SELECT * shows in part: of a FLOAT six
// digits.
func (t *table) exact() (list string) {
	for _, c := range t.columns {
		switch c.typ.family {
		case "float":
			list += ", " + c.name + " * 1e0"
		case "text", "bytes", "member", "bit":
			list += ", HEX(" + c.name + ")"
		}
	}
	return list
}
