package schema

import "testing"

func TestPure(t *testing.T) {
	tb := &Table{Columns: []Column{{Name: "a", Type: Int}, {Name: "b", Type: Varchar}, {Name: "at", Type: Timestamp}}}
	for clause, want := range map[string]bool{
		"`a` + 1":                      true,
		"(`a` > 0 and `b` <> 'now()')": true,
		"concat(`b`,_utf8mb4'x')":      true,
		"(`b` in (_utf8mb4\\'x\\',_utf8mb4\\'it\\'\\'s\\'))":                true,
		"json_unquote(json_extract(`b`,'$.a'))":                             true,
		"case when `a` between 1 and 5 then 1 else round(`a` * 1.5, 2) end": true,
		"`a` < now()":             false,
		"`a` < NOW ( )":           false,
		"`a` < current_timestamp": false,
		"`b` = user()":            false,
		"`b` = current_user":      false,
		"`a` > @x":                false,
		"`a` > @@sql_mode":        false,
		"year(`at`) > 2000":       false,
		"dayname(`b`) = 'Monday'": false,
		"rand() < 1":              false,
		"`db`.`f`(`a`) > 1":       false,
		"db.f(`a`) > 1":           false,
		"":                        false,
	} {
		if got := pure(tb, clause); got != want {
			t.Errorf("%s: %v", clause, got)
		}
	}
}
