package sqlrewrite

import "testing"

func TestSubstitute(t *testing.T) {
	o := Outcome{RowCount: 3, FoundRows: 7, Warnings: 2, Errors: 1}
	for _, c := range []struct {
		sql, want string
	}{
		{"SELECT ROW_COUNT()", "SELECT 3"},
		{"select row_count ( ) as n;", "select 3 as n;"},
		{"SELECT LAST_INSERT_ID() + 1 AS x, ROW_COUNT() AS y", "SELECT LAST_INSERT_ID() + 1 AS x, 3 AS y"},
		{"SELECT @@warning_count, @@session.error_count", "SELECT 2, 1"},
		{"SELECT FOUND_ROWS(), 'ROW_COUNT()'", "SELECT 7, 'ROW_COUNT()'"},
		{"SELECT @@global.warning_count", ""},
		{"SELECT @warning_count", ""},
		{"SELECT a.row_count()", ""},
		{"SELECT ROW_COUNT(), ?", ""},
		{"SELECT ROW_COUNT() FROM t", ""},
		{"SELECT ROW_COUNT() UNION SELECT 2", ""},
		{"SELECT ROW_COUNT() INTO @x", ""},
		{"SELECT ROW_COUNT(); SELECT 1", ""},
		{"SELECT 1", ""},
		{"SELECT ROW_COUNT(), (SELECT 2)", ""},
		{"DO ROW_COUNT()", ""},
		{"SELECT /*! ROW_COUNT() */ 1", ""},
		{"SELECT ROW_COUNT(), 'x", ""},
		{"SELECT ROW_COUNT(), @v := @v + 1", ""},
		{"SELECT ROW_COUNT(), @v:=1", ""},
		{"SELECT ROW_COUNT(), GET_LOCK('a', 1)", ""},
		{"SELECT ROW_COUNT(), log_it()", ""},
		{"SELECT ROW_COUNT(), d.`log_it`()", ""},
		{"SELECT LAST_INSERT_ID(LAST_INSERT_ID() + 1), ROW_COUNT()", ""},
		{"SELECT NEXTVAL(s), FOUND_ROWS()", ""},
		{"SELECT (ROW_COUNT() + 1) * 2, IF(FOUND_ROWS() > 1, DATABASE(), @v)", "SELECT (3 + 1) * 2, IF(7 > 1, DATABASE(), @v)"},
	} {
		text, ok := Substitute([]byte(c.sql), 0, o)
		if ok != (c.want != "") || ok && (string(text) != c.want) {
			t.Errorf("%s: %q, %v", c.sql, text, ok)
		}
	}
	o.Kept = true
	for sql, want := range map[string]bool{"SELECT LAST_INSERT_ID()": true, "SELECT @@identity, 1": true, "SELECT LAST_INSERT_ID(5)": false, "SELECT LAST_INSERT_ID() FROM t": false, "SELECT 1": false} {
		if text, ok := Substitute([]byte(sql), 0, o); ok != want || ok && string(text) != sql {
			t.Errorf("%s, with warnings that are kept: %q, %v", sql, text, ok)
		}
	}
	if text, ok := Substitute([]byte("SELECT @@warning_count, ROW_COUNT()"), 0, Outcome{Warnings: -2}); ok {
		t.Errorf("an unknown count was written as %q", text)
	}
}

func TestDiagnostics(t *testing.T) {
	o := Outcome{RowCount: 3, Warnings: 2}
	for sql, want := range map[string]string{
		"GET DIAGNOSTICS @a = NUMBER":                                      "SET @a = CAST(2 AS UNSIGNED)",
		"get current diagnostics @a = ROW_COUNT /* c */, @`b c` = number;": "SET @a = 3, @`b c` = CAST(2 AS UNSIGNED)",
		"GET STACKED DIAGNOSTICS @a = NUMBER":                              "",
		"GET DIAGNOSTICS CONDITION 1 @a = MESSAGE_TEXT":                    "",
		"GET DIAGNOSTICS @a = NUMBER, @b = MESSAGE_TEXT":                   "",
		"GET DIAGNOSTICS @@a = NUMBER":                                     "",
		"GET DIAGNOSTICS a = NUMBER":                                       "",
		"GET DIAGNOSTICS @a = NUMBER,":                                     "",
		"GET DIAGNOSTICS @a = NUMBER @b":                                   "",
		"GET DIAGNOSTICS":                                                  "",
		"GET DIAGNOSTICS @a = NUMBER; SELECT 1":                            "",
		"GET DIAGNOSTICS @a = /*! NUMBER */":                               "",
	} {
		text, ok := Diagnostics([]byte(sql), 0, o)
		if ok != (want != "") || ok && string(text) != want {
			t.Errorf("%s: %q, %v", sql, text, ok)
		}
	}
}
