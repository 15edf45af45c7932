package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// TestSessionCharset writes and reads in sessions of other character sets, as
// text and prepared: every answer is that of a direct session.
func TestSessionCharset(t *testing.T) {
	const ddl = "CREATE TABLE w (id VARCHAR(20) COLLATE utf8mb4_bin NOT NULL PRIMARY KEY, v VARCHAR(20), l VARCHAR(20) CHARACTER SET latin1, j JSON, e ENUM('é', 'b'))"
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			db := backend.start(t)
			cfg := settings(t, db, servertest.Redis(t).Addr)
			direct, proxied := db.Database(t), db.Database(t)
			p := start(t, db, cfg)
			db.Exec(t, direct, ddl)
			db.Exec(t, proxied, ddl)
			mustExec(t, p.open(t, ""), "CALL shock_absorber.enable('"+proxied+".w')")
			for _, names := range []string{"latin1", "binary", "utf8mb3", "utf8mb4"} {
				a, b := charsetSession(t, openDSN(t, db.DSN(direct)), names), charsetSession(t, p.open(t, proxied), names)
				for _, st := range charsetStatements(names) {
					want, got := st.run(a), strings.ReplaceAll(st.run(b), proxied, direct)
					if want != got {
						t.Errorf("%s: %q %q\n direct %s\nproxied %s", names, st.sql, st.args, want, got)
					}
				}
				if n := passedThrough(t, p.open(t, ""))["session_charset"]; names == "latin1" && n != "" { // in the others \xe9 is no text, which is MySQL's to say
					t.Errorf("%s statements were passed through for their character set", n)
				}
			}
		})
	}
}

// charsetStatement is a statement and its parameters.
type charsetStatement struct {
	sql  string
	args []any
}

// charsetStatements write and read one row.
func charsetStatements(names string) []charsetStatement {
	id := "k" + names
	return []charsetStatement{
		{"INSERT INTO w (id, v, l, j) VALUES ('" + id + "', 'caf\xe9', 'x', NULL)", nil},
		{"INSERT INTO w (id, v, l) VALUES (?, ?, ?)", []any{id + "2", "caf\xe9", "\xe9"}},
		{"INSERT INTO w (id, v, l) VALUES (?, ?, ?)", []any{id + "3", "plain", "plain"}},
		{"INSERT INTO w (id, j) VALUES ('" + id + "4', '{\"a\": 1}')", nil},
		{"INSERT INTO w (id, j) VALUES (?, ?)", []any{id + "5", `{"a": 2}`}},
		{"REPLACE INTO w SET id = '" + id + "4', j = '[2]'", nil},
		{"INSERT IGNORE INTO w (id, j) VALUES ('" + id + "6', '{}')", nil},
		{"INSERT INTO w (id, j) VALUES ('" + id + "4', '[3]') ON DUPLICATE KEY UPDATE j = '[4]'", nil},
		{"SELECT id, j FROM w WHERE id IN ('" + id + "4', '" + id + "5', '" + id + "6')", nil},
		{"UPDATE w SET v = CONCAT(v, 'é') WHERE id = '" + id + "'", nil},
		{"UPDATE w SET j = ? WHERE id = ?", []any{`[1]`, id + "3"}},
		{"UPDATE w SET e = '\xe9' WHERE id = '" + id + "'", nil},
		{"SELECT * FROM w WHERE id = '" + id + "'", nil},
		{"SELECT * FROM w WHERE id = ?", []any{id + "2"}},
		{"SELECT v, l FROM w WHERE id = '" + id + "\xe9'", nil},
		{"INSERT INTO w (id) VALUES ('" + id + "\xe9')", nil},
		{"INSERT INTO w (id) VALUES (?)", []any{id + "\xe9"}},
		{"SELECT id FROM w WHERE id = '" + id + "\xe9'", nil},
		{"SELECT id FROM w WHERE id = ?", []any{id + "\xe9"}},
		{"SELECT id FROM w WHERE id = '" + id + "é'", nil},
		{"INSERT INTO w (id, v) VALUES ('" + id + "é', 'żółw')", nil},
		{"SELECT id, v, LENGTH(v) FROM w WHERE id = '" + id + "é'", nil},
		{"DELETE FROM w WHERE id = '" + id + "\xe9'", nil},
		{"DELETE FROM w WHERE id = ?", []any{id + "é"}},
	}
}

// charsetSession is one connection with SET NAMES.
func charsetSession(t *testing.T, pool *sql.DB, names string) *sql.Conn {
	t.Helper()
	c, err := pool.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := c.ExecContext(context.Background(), "SET NAMES "+names); err != nil {
		t.Fatal(err)
	}
	return c
}

// run is all that the session gets to see.
func (st charsetStatement) run(c *sql.Conn) string {
	rows, err := c.QueryContext(context.Background(), st.sql, st.args...)
	if err != nil {
		return err.Error()
	}
	defer rows.Close()
	out := ""
	columns, _ := rows.Columns()
	for rows.Next() {
		cells := make([]sql.RawBytes, len(columns))
		into := make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err.Error()
		}
		out += fmt.Sprintf("%q", cells)
	}
	if err := rows.Err(); err != nil {
		out += err.Error()
	}
	return out
}
