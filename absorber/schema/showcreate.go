package schema

import (
	"fmt"
	"strings"
)

// findDroppedDefaults finds MySQL's nullable columns whose default was dropped:
// leaving them out of an INSERT is error 1364, and COLUMN_DEFAULT shows NULL
// for them as for any other. Their default becomes DefaultExpr: the server
// must answer.
func findDroppedDefaults(q Queryer, r *raw, t *Table) error {
	withNull, known := r.nullable[t.Name]
	if !known {
		var err error
		if withNull, err = readDefaultNull(q, t.Name); err != nil {
			return err
		}
		r.nullable[t.Name] = withNull
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		// The server prints no DEFAULT NULL for large objects, and lets an ENUM
		// be left out in any case.
		if c.Default != DefaultNull || c.Type == Text || c.Type == Blob || c.Type == JSON || c.Type == Enum {
			continue
		}
		if !withNull[c.Name] {
			c.Default = DefaultExpr
		}
	}
	return nil
}

// readDefaultNull asks for the columns of a table that have DEFAULT NULL.
func readDefaultNull(q Queryer, n Name) (map[string]bool, error) {
	rows, err := q.Query("SHOW CREATE TABLE " + quoteName(n.DB) + "." + quoteName(n.Table))
	if err != nil {
		return nil, fmt.Errorf("read the definition of %s: %w", n, err)
	}
	if len(rows) != 1 || len(rows[0]) < 2 {
		return nil, fmt.Errorf("read the definition of %s: %w", n, errChanged)
	}
	return defaultNullColumns(string(rows[0][1])), nil
}

// defaultNullColumns gives the columns that a CREATE TABLE statement, as MySQL
// prints it with quoted names, defines with DEFAULT NULL.
func defaultNullColumns(create string) map[string]bool {
	found := map[string]bool{}
	for line := range strings.SplitSeq(create, "\n") {
		rest, ok := strings.CutPrefix(line, "  `")
		if !ok {
			continue
		}
		end := 0
		for end < len(rest) && (rest[end] != '`' || strings.HasPrefix(rest[end:], "``")) {
			if rest[end] == '`' {
				end++
			}
			end++
		}
		if end >= len(rest) {
			continue
		}
		if strings.Contains(outsideStrings(rest[end+1:]), " DEFAULT NULL") {
			found[strings.ReplaceAll(rest[:end], "``", "`")] = true
		}
	}
	return found
}

// outsideStrings drops string literals: a comment may well say DEFAULT NULL.
func outsideStrings(s string) string {
	var b strings.Builder
	for s != "" {
		at := strings.IndexByte(s, '\'')
		if at < 0 {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:at])
		_, rest, ok := parseLiteral(s[at:])
		if !ok {
			break
		}
		s = rest
	}
	return b.String()
}
