package schema

import "testing"

func TestPure(t *testing.T) {
	tb := &Table{Columns: []Column{{Name: "a", Type: Int}, {Name: "b", Type: Varchar}, {Name: "at", Type: Timestamp}, {Name: "u", Type: Int, Unsigned: true},
		{Name: "y", Type: Year}, {Name: "t", Type: Time}, {Name: "d", Type: Date}, {Name: "v", Type: Int, Virtual: true}, {Name: "j", Type: JSON}}}
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
		"`u` + 1":                 true,
		"`u` - 1":                 false,
		"`y` - 2000":              false,
		"cast(`a` as unsigned)-1": false,
		"`a` - 1":                 true,
		"hour(`t`)":               true,
		"date(`t`)":               false,
		"`t` < `d`":               false,
		"":                        false,
	} {
		if got := pure(tb, clause); got != want {
			t.Errorf("%s: %v", clause, got)
		}
	}
}

func TestQuiet(t *testing.T) {
	tb := &Table{Columns: []Column{{Name: "a", Type: Int}, {Name: "b", Type: Varchar}, {Name: "d", Type: Date}, {Name: "v", Type: Int, Virtual: true}, {Name: "j", Type: JSON}}}
	for clause, want := range map[string]bool{
		"`a` * 2 + 1": true, "concat(_utf8mb4\\'n\\',`a`)": true, "concat('n',`b`)": true, "year(`d`)": true, "json_unquote(json_extract(`j`,'$.a'))": true, "upper(left(`b`,3))": true,
		"`a` / 2": false, "`a` % 2": false, "`b` + 1": false, "'x' + `a`": false, "cast(`b` as signed)": false, "year(`b`)": false, "`v` + 1": false, "json_extract(`b`,'$.a')": false, "sqrt(`a`)": false,
		"if(`a` > 1,1,2)": false,
	} {
		if got := quiet(tb, clause); got != want {
			t.Errorf("%s: %v", clause, got)
		}
	}
}

func TestComputable(t *testing.T) {
	for text, want := range map[string]bool{
		"uuid()": true, "`a` + 1": true, "concat(1,2)": true, "(concat(_utf8mb4\\'a\\',_utf8mb4\\'b\\'))": true, "current_timestamp() + interval 1 day": true, "curdate()": true,
		"nextval(`d`.`s`)": false, "user()": false, "current_user()": false, "sysdate()": false, "f()": false, "@x + 1": false, "1.5": false, "'abc'": false, "concat('é')": false,
	} {
		if got := computable(text, false); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
