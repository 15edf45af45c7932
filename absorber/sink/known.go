package sink

import (
	"fmt"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// Known gives a SELECT, for a session with TextSettings, of one number: how many
// rows (one or none) have this primary key and hold exactly what im does. With
// an im of nil it is how many rows have the key.
func Known(t *schema.Table, key [][]byte, im row.Image) (string, error) {
	sql := append(appendTable([]byte("SELECT COUNT(*) FROM "), t.Name), " WHERE "...)
	sql, err := appendHeld(sql, t, t.Primary, key)
	if err != nil {
		return "", err
	}
	for i := range im {
		c := &t.Columns[i]
		sql = append(sql, " AND "...)
		switch c.Type {
		case schema.Char, schema.Varchar, schema.Text, schema.Enum, schema.Set, schema.JSON:
			// By bytes: its collation takes other texts for the same.
			sql = append(appendName(append(sql, "CAST(CONVERT("...), c.Name), " USING utf8mb4) AS BINARY)<=>"...)
			if im[i] == nil {
				sql = append(sql, "NULL"...)
			} else {
				sql = fmt.Appendf(sql, "X'%x'", im[i])
			}
		default:
			sql = append(appendName(sql, c.Name), "<=>"...)
			if sql, err = AppendLiteral(sql, c, im[i]); err != nil {
				return "", err
			}
		}
	}
	return string(sql), nil
}

// Holding gives a SELECT, likewise, of how many rows have these values of a unique
// index, none of them NULL.
func Holding(t *schema.Table, ix schema.Index, values [][]byte) (string, error) {
	sql, err := appendHeld(append(appendTable([]byte("SELECT COUNT(*) FROM "), t.Name), " WHERE "...), t, ix, values)
	return string(sql), err
}

// appendHeld appends the condition that a row has these values of an index.
func appendHeld(sql []byte, t *schema.Table, ix schema.Index, values [][]byte) (_ []byte, err error) {
	for i, c := range ix.Columns {
		if i > 0 {
			sql = append(sql, " AND "...)
		}
		sql = append(appendName(sql, t.Columns[c].Name), '=')
		if sql, err = AppendLiteral(sql, &t.Columns[c], values[i]); err != nil {
			return nil, err
		}
	}
	return sql, nil
}

// Comparable reports whether Known finds all rows of the table that it should:
// the text of a floating-point number need not say all of it.
func Comparable(t *schema.Table) bool {
	for i := range t.Columns {
		if c := &t.Columns[i]; c.Type == schema.Float || c.Type == schema.Double {
			return false
		}
	}
	return true
}
