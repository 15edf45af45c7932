package e2e

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
)

// dump prints a table's rows by primary key, each value in hexadecimal: what
// two tables must have in common to be the same.
func dump(t *testing.T, db *sql.DB, database, table string) string {
	t.Helper()
	rows, err := db.Query(fmt.Sprintf("SELECT * FROM `%s`.`%s` ORDER BY 1", database, table))
	if err != nil {
		t.Fatalf("dump %s.%s: %v", database, table, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	values := make([]sql.RawBytes, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			if v == nil {
				fmt.Fprintf(&b, "%s=NULL ", columns[i])
			} else {
				fmt.Fprintf(&b, "%s=%q ", columns[i], v)
			}
		}
		b.WriteByte('\n')
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
