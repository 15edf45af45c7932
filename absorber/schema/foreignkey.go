package schema

import (
	"fmt"
	"slices"
	"strings"
)

// ForeignKey is a FOREIGN KEY of a table: a row whose Columns are all not NULL
// needs a row of Parent with the same values.
type ForeignKey struct {
	Name    string
	Columns []int // positions in the child, in the key's order
	Parent  Name
	// Index is the parent's unique index that the key points to, and Target the
	// columns of that index alone, as a table that has them as its primary key:
	// what has to be known of the parent to find a row there, absorbed or not.
	Index  string
	Target *Table
}

// linkForeignKeys gives the tables their foreign keys, and refuses those that
// cannot be kept exactly.
func linkForeignKeys(d Dialect, tables []*Table, r *raw, o Options) error {
	known := make(map[Name]*Table, len(tables))
	for _, t := range tables {
		known[t.Name] = t
	}
	for _, fk := range r.foreignKeys {
		if p := known[fk.parent]; p != nil && len(p.Columns) > 0 {
			p.refer(&fk)
		}
		c := known[fk.child]
		if c == nil || len(c.Columns) == 0 {
			continue
		}
		p := known[fk.parent]
		if p == nil {
			var err error
			if p, err = newTable(d, rawTable{name: fk.parent, kind: "BASE TABLE", engine: "InnoDB"}, r, o); err != nil {
				return err
			}
		}
		if err := c.depend(&fk, p, o); err != nil {
			return err
		}
	}
	judgeLanes(tables, known, o)
	return nil
}

// refer notes that a foreign key points to t.
func (t *Table) refer(fk *rawForeignKey) {
	for _, name := range fk.parentColumns {
		if at := t.Column(name); at >= 0 && !slices.Contains(t.Referenced, at) {
			t.Referenced = append(t.Referenced, at)
		}
	}
	slices.Sort(t.Referenced)
	if fk.cascades {
		t.refuse(ReasonForeignKeyCascade, "foreign key %s of %s cascades: the server changes rows by itself", fk.name, fk.child)
	}
}

// depend gives t the foreign key fk to p, or refuses t.
func (t *Table) depend(fk *rawForeignKey, p *Table, o Options) error {
	if len(p.Columns) == 0 {
		t.refuse(ReasonForeignKeyHidden, "foreign key %s points to %s, which does not exist or may not be read: GRANT SELECT ON %s.*",
			fk.name, fk.parent, quoteName(fk.parent.DB))
		return nil
	}
	k := ForeignKey{Name: fk.name, Parent: p.Name}
	var at []int // in the parent
	for i, name := range fk.columns {
		c, pc := t.Column(name), p.Column(fk.parentColumns[i])
		if c < 0 || pc < 0 {
			return fmt.Errorf("read foreign key %s of %s: %w", fk.name, t.Name, errChanged)
		}
		k.Columns, at = append(k.Columns, c), append(at, pc)
		if doubt := incomparable(t.Dialect, &t.Columns[c], &p.Columns[pc], o); doubt != "" {
			t.refuse(ReasonForeignKeyType, "foreign key %s: %s", fk.name, doubt)
			return nil
		}
	}
	ix := uniqueOver(p, at)
	if ix == nil {
		t.refuse(ReasonForeignKeyIndex, "foreign key %s points to columns of %s that are no primary key and no unique index", fk.name, p.Name)
		return nil
	}
	k.Index = ix.Name
	k.Target = &Table{Name: p.Name, Dialect: p.Dialect, AutoIncrement: -1, Primary: Index{Name: "foreign key"}}
	for i, pc := range at {
		k.Target.Columns = append(k.Target.Columns, p.Columns[pc])
		k.Target.Primary.Columns = append(k.Target.Primary.Columns, i)
		k.Target.Primary.Prefix = append(k.Target.Primary.Prefix, 0)
	}
	k.Target.Version = definitionHash(k.Target)
	t.ForeignKeys = append(t.ForeignKeys, k)
	return nil
}

// incomparable says why equal values of the two columns may not look equal
// here, or not to InnoDB; "" if they do. With foreign_key_checks off a foreign
// key can be made between columns that do not fit.
func incomparable(d Dialect, c, p *Column, o Options) string {
	between := "column " + c.Name + " and the parent's " + p.Name
	switch {
	case c.Type != p.Type || c.Unsigned != p.Unsigned || c.Charset != p.Charset || c.Collation != p.Collation ||
		c.Precision != p.Precision || c.Scale != p.Scale || c.Fsp != p.Fsp:
		return between + " have different types"
	case c.Zerofill || p.Zerofill:
		return between + " are filled with zeros"
	case c.Generated || p.Generated:
		return between + " are generated"
	}
	switch c.Type {
	case Tinyint, Smallint, Mediumint, Int, Bigint, Decimal, Year, Date, Datetime, Timestamp, Time, Varbinary:
		return ""
	case Binary:
		if c.Length != p.Length {
			return between + " have different lengths"
		}
		return ""
	case Char, Varchar:
		if !o.CollationExact(c.Collation) || d == MariaDB && strings.Contains(c.Collation, "_0900_") {
			return between + " have the collation " + c.Collation
		}
		return ""
	}
	return between + " have the type " + c.ColumnType
}

// uniqueOver finds the unique index over exactly these whole columns.
func uniqueOver(t *Table, columns []int) *Index {
	whole := func(ix *Index) bool {
		return slices.Equal(ix.Columns, columns) && !slices.ContainsFunc(ix.Prefix, func(p int) bool { return p > 0 })
	}
	if whole(&t.Primary) {
		return &t.Primary
	}
	for i := range t.Uniques {
		if whole(&t.Uniques[i]) {
			return &t.Uniques[i]
		}
	}
	return nil
}

// judgeLanes refuses children whose parent is absorbed in another lane: nothing
// orders the two, in Redis or on their way to MySQL.
func judgeLanes(tables []*Table, known map[Name]*Table, o Options) {
	if o.Lane == nil {
		return
	}
	absorbable := map[Name]bool{}
	for _, t := range tables {
		absorbable[t.Name] = t.Absorbable()
	}
	for _, t := range tables {
		for i := range t.ForeignKeys {
			p := known[t.ForeignKeys[i].Parent]
			if p != nil && absorbable[p.Name] && o.Lane(t.Name) != o.Lane(p.Name) {
				t.refuse(ReasonForeignKeyLane, "foreign key %s points to %s, which is in lane %q and not in %q",
					t.ForeignKeys[i].Name, p.Name, o.Lane(p.Name), o.Lane(t.Name))
			}
		}
	}
}

// refuse adds a reason why t is not absorbed.
func (t *Table) refuse(reason, format string, args ...any) {
	t.Refusals = append(t.Refusals, Refusal{Reason: reason, Detail: fmt.Sprintf(format, args...)})
}
