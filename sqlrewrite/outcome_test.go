package sqlrewrite

import "testing"

func TestSubstitute(t *testing.T) {
	o := Outcome{RowCount: 3, FoundRows: 7, Warnings: 2, Errors: 1}
	for _, c := range []struct {
		sql, want string
		warned    bool
	}{
		{"SELECT ROW_COUNT()", "SELECT 3", false},
		{"select row_count ( ) as n;", "select 3 as n;", false},
		{"SELECT LAST_INSERT_ID() + 1 AS x, ROW_COUNT() AS y", "SELECT LAST_INSERT_ID() + 1 AS x, 3 AS y", false},
		{"SELECT @@warning_count, @@session.error_count", "SELECT 2, 1", true},
		{"SELECT FOUND_ROWS(), 'ROW_COUNT()'", "SELECT 7, 'ROW_COUNT()'", false},
		{"SELECT @@global.warning_count", "", false},
		{"SELECT @warning_count", "", false},
		{"SELECT a.row_count()", "", false},
		{"SELECT ROW_COUNT(), ?", "", false},
		{"SELECT ROW_COUNT() FROM t", "", false},
		{"SELECT ROW_COUNT() UNION SELECT 2", "", false},
		{"SELECT ROW_COUNT() INTO @x", "", false},
		{"SELECT ROW_COUNT(); SELECT 1", "", false},
		{"SELECT 1", "", false},
		{"DO ROW_COUNT()", "", false},
		{"SELECT /*! ROW_COUNT() */ 1", "", false},
		{"SELECT ROW_COUNT(), 'x", "", false},
	} {
		text, warned, ok := Substitute([]byte(c.sql), 0, o)
		if ok != (c.want != "") || ok && (string(text) != c.want || warned != c.warned) {
			t.Errorf("%s: %q, %v, %v", c.sql, text, warned, ok)
		}
	}
	if text, _, ok := Substitute([]byte("SELECT @@warning_count, ROW_COUNT()"), 0, Outcome{Warnings: -2}); ok {
		t.Errorf("an unknown count was written as %q", text)
	}
}
