package absorber

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// definition is what a dead letter keeps of the tables its images were made
// under. A unit names columns by their place; by the time somebody deals with
// the letter the table may have been altered, often because of it.
type definition struct {
	Table   string             `json:"table"` // "db.table"
	Version uint32             `json:"version"`
	Columns []columnDefinition `json:"columns"`
}

// columnDefinition is one column of an image.
type columnDefinition struct {
	Name string `json:"name"`
	Type string `json:"type"` // COLUMN_TYPE
}

// define is the definition of a unit's tables, encoded.
func define(u *pendingUnit) []byte {
	var defs []definition
	for i := range u.unit.Mutations {
		defs = addDefinition(defs, u.unit.Mutations[i].Table, u.tables[i])
	}
	out, err := json.Marshal(defs)
	if err != nil {
		return nil // strings and numbers only: it cannot fail
	}
	return out
}

// addDefinition adds a table's present definition, unless it is there.
func addDefinition(defs []definition, name string, t *schema.Table) []definition {
	if findDefinition(defs, name, t.Version) != nil {
		return defs
	}
	d := definition{Table: name, Version: t.Version}
	for i := range t.Columns {
		d.Columns = append(d.Columns, columnDefinition{t.Columns[i].Name, t.Columns[i].ColumnType})
	}
	return append(defs, d)
}

// findDefinition finds a table's definition of one version, nil if it is not there.
func findDefinition(defs []definition, name string, version uint32) *definition {
	at := slices.IndexFunc(defs, func(d definition) bool { return d.Table == name && d.Version == version })
	if at < 0 {
		return nil
	}
	return &defs[at]
}

// readDefinitions reads what define wrote; a letter of an older version has none.
func readDefinitions(text []byte) ([]definition, error) {
	if len(text) == 0 {
		return nil, nil
	}
	var defs []definition
	if err := json.Unmarshal(text, &defs); err != nil {
		return nil, fmt.Errorf("the definition in the dead letter cannot be read: %w", err)
	}
	return defs, nil
}

// fit gives a mutation as it is under the table's present definition: its
// values by the names of their columns. What ALTER TABLE would have done to the
// row, had the write reached it before, is what happens here: columns that were
// dropped are gone, new ones have their default. given are columns whose value
// the caller will set.
func fit(m row.Mutation, defs []definition, now *schema.Table, given map[int]bool) (row.Mutation, error) {
	if now == nil {
		return m, fmt.Errorf("table %s is not known here any more: it was dropped, or taken out of the configuration", m.Table)
	}
	if now.Version == m.Schema {
		return m, nil
	}
	was := findDefinition(defs, m.Table, m.Schema)
	if was == nil || len(was.Columns) != len(m.Image) {
		return m, fmt.Errorf("table %s was altered, and the dead letter does not say how it was: put the definition back, or discard the letter", m.Table)
	}
	at := map[string]int{}
	for i, c := range was.Columns {
		at[strings.ToLower(c.Name)] = i
	}
	out := m
	out.Schema, out.Image, out.Changed = now.Version, make(row.Image, len(now.Columns)), nil
	for i := range now.Columns {
		c := &now.Columns[i]
		old, ok := at[strings.ToLower(c.Name)]
		switch {
		case ok && !sameFamily(was.Columns[old].Type, c.ColumnType):
			return m, fmt.Errorf("column %s of %s was %s and is %s now: edit the table back, or discard the letter", c.Name, m.Table, was.Columns[old].Type, c.ColumnType)
		case ok:
			out.Image[i] = m.Image[old]
			if slices.Contains(m.Changed, uint16(old)) {
				out.Changed = append(out.Changed, uint16(i))
			}
		case slices.Contains(now.Primary.Columns, i):
			return m, fmt.Errorf("column %s of the primary key of %s is new: the row has no value for it; discard the letter", c.Name, m.Table)
		case c.Default == schema.DefaultLiteral:
			out.Image[i] = c.DefaultValue
		case m.Op == row.Insert && !c.Generated && c.Default != schema.DefaultNull && !given[i]:
			return m, fmt.Errorf("column %s of %s is new and has no constant default: give it a value with edit", c.Name, m.Table)
		case m.Op == row.Update && c.OnUpdateNow:
			return m, fmt.Errorf("column %s of %s is new and set by each UPDATE: discard the letter", c.Name, m.Table)
		}
	}
	return out, nil
}

// families are the types whose stored values have one form.
var families = map[string]string{
	"tinyint": "integer", "smallint": "integer", "mediumint": "integer", "int": "integer", "bigint": "integer",
	"decimal": "integer", // an integer is a decimal without a fraction; the server judges the other way
	"char":    "text", "varchar": "text", "tinytext": "text", "text": "text", "mediumtext": "text", "longtext": "text", "enum": "text", "set": "text", "json": "text",
	"binary": "bytes", "varbinary": "bytes", "tinyblob": "bytes", "blob": "bytes", "mediumblob": "bytes", "longblob": "bytes",
	"float": "float", "double": "float",
}

// sameFamily reports whether values of one column type may be written to the other.
func sameFamily(was, now string) bool {
	return family(was) == family(now)
}

// family is the first word of a column type, or the family it is of.
func family(columnType string) string {
	word := strings.ToLower(columnType)
	if end := strings.IndexAny(word, "( "); end >= 0 {
		word = word[:end]
	}
	if f, ok := families[word]; ok {
		return f
	}
	return word
}
