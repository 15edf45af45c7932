package sqlrewrite

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// printRow prints stored values.
func printRow(im row.Image) string {
	var out []string
	for _, v := range im {
		if v == nil {
			out = append(out, "NULL")
		} else {
			out = append(out, string(v))
		}
	}
	return strings.Join(out, "|")
}

// bind runs a statement of the shop to the end and prints what came out.
func bind(sql string, env *Env, params ...Arg) string {
	st := NewPlanner(1).Plan([]byte(sql), env, shop())
	args := st.Args(params)
	p := st.Plan
	switch p.Verb {
	case PassThrough:
		return "passthrough " + string(p.Reason)
	case Insert:
		rows, r := p.Rows(args, env)
		if r != "" {
			return string(r)
		}
		var out []string
		for _, n := range rows {
			s := printRow(n.Image)
			if n.Generate {
				s += " generate"
			}
			out = append(out, s)
		}
		return strings.Join(out, "; ")
	}
	refs, r := p.Keys(args, env)
	if r != "" {
		return string(r)
	}
	var keys []string
	for _, ref := range refs {
		keys = append(keys, printRow(ref.Values))
	}
	out := "keys " + strings.Join(keys, " ")
	if p.Verb == Update {
		im := row.Image{[]byte("7"), []byte("a@b"), []byte("x"), []byte("41"), []byte("10.50"), []byte("2020-01-01 00:00:00"), []byte("2020-01-01 00:00:00.000")}
		if p.Table.Name.Table != "users" {
			im = row.Image{[]byte("1"), []byte("2"), nil, []byte("3")}
		}
		now, changed, r := p.Apply(im, args, env)
		if r != "" {
			return string(r)
		}
		out += fmt.Sprintf(" row %s changed %v", printRow(now), changed)
	}
	return out
}

func TestBindGolden(t *testing.T) {
	golden(t, "bind.txt", func(sql string) string { return bind(sql, session()) })
	zero := session()
	zero.Mode |= ModeNoAutoValueOnZero
	golden(t, "bind_zero.txt", func(sql string) string { return bind(sql, zero) })
}

// TestBindParams: parameters stand where literals may, and too few are no panic.
func TestBindParams(t *testing.T) {
	text := func(k row.ValueKind, s string) Arg { return Arg{Kind: k, Text: []byte(s)} }
	for _, c := range []struct {
		sql, want string
		params    []Arg
	}{
		{"UPDATE users SET n = n + ?, name = 'y' WHERE id = ?", "keys 7 row 7|a@b|y|44|10.50|2020-01-01 00:00:00|2026-11-22 20:01:02.123 changed [2 3 6]", []Arg{text(row.KindInt, "3"), text(row.KindUint, "7")}},
		{"UPDATE users SET n = n + ? WHERE id = 7", "keys 7 row 7|a@b|x|43|10.50|2020-01-01 00:00:00|2026-11-22 20:01:02.123 changed [3 6]", []Arg{text(row.KindFloat, "2")}},
		{"UPDATE users SET n = n + ? WHERE id = 7", "expression", []Arg{text(row.KindString, "2")}},
		{"UPDATE users SET balance = balance + ? WHERE id = 7", "arithmetic_range", []Arg{text(row.KindFloat, "2")}},
		{"UPDATE users SET n = ? WHERE id = ?", "parameters", []Arg{text(row.KindInt, "3")}},
		{"DELETE FROM users WHERE id IN (?, ?, 5)", "keys 3 5", []Arg{text(row.KindInt, "5"), text(row.KindInt, "3")}},
		{"DELETE FROM users WHERE id = ?", "keys 5", []Arg{text(row.KindFloat, "5")}},
		{"DELETE FROM users WHERE id = ?", "key_value", []Arg{text(row.KindFloat, "5.5")}},
		{"DELETE FROM users WHERE id IN (?, 5)", "key_value", []Arg{text(row.KindFloat, "5")}},
		{"DELETE FROM users WHERE id = ? LIMIT ?", "keys 5", []Arg{text(row.KindInt, "5"), text(row.KindInt, "1")}},
		{"DELETE FROM users WHERE id = ? LIMIT ?", "limit", []Arg{text(row.KindInt, "5"), text(row.KindString, "1")}},
		{"DELETE FROM users WHERE id = ?", "key_value", []Arg{{Kind: row.KindNull}}},
		{"INSERT INTO users (email, created) VALUES (?, ?)", "value_not_exact", []Arg{text(row.KindDate, "2020-01-01"), {Kind: row.KindNull}}},
		{"INSERT INTO users (id, email, created) VALUES (?, ?, ?)", "NULL|e|x|NULL|NULL|NULL|2026-11-22 20:01:02.123 generate", []Arg{{Kind: row.KindNull}, text(row.KindString, "e"), {Kind: row.KindNull}}},
	} {
		if got := bind(c.sql, session(), c.params...); got != c.want {
			t.Errorf("%s %v\n got %s\nwant %s", c.sql, c.params, got, c.want)
		}
	}
}

// TestSessionCharset: what is not ASCII is the server's to convert.
func TestSessionCharset(t *testing.T) {
	env := session()
	for _, c := range []struct{ charset, sql, want string }{
		{"latin1", "UPDATE order_items SET sku = 'abc' WHERE order_id = 1 AND line = 2", "keys 1|2 row 1|2|abc|3 changed [2]"},
		{"latin1", "UPDATE order_items SET sku = '\xe9' WHERE order_id = 1 AND line = 2", "session_charset"},
		{"utf8mb3", "UPDATE order_items SET sku = 'é' WHERE order_id = 1 AND line = 2", "session_charset"},
		{"utf8mb3", "SELECT line FROM order_items WHERE order_id = 1 AND line = 2", "passthrough session_charset"},
		{"gbk", "UPDATE order_items SET sku = 'abc' WHERE order_id = 1 AND line = 2", "keys 1|2 row 1|2|abc|3 changed [2]"},
		{"gbk", "UPDATE order_items SET sku = '\xe5\x5c' WHERE order_id = 1 AND line = 2", "passthrough session_charset"},
		{"", "UPDATE order_items SET sku = 'abc' WHERE order_id = 1 AND line = 2", "keys 1|2 row 1|2|abc|3 changed [2]"},
		{"utf8mb4", "UPDATE order_items SET sku = '\xe9' WHERE order_id = 1 AND line = 2", "value_not_exact"},
		{"utf8mb4", "UPDATE order_items SET sku = 'é' WHERE order_id = 1 AND line = 2", "keys 1|2 row 1|2|é|3 changed [2]"},
	} {
		env.Charset = c.charset
		if got := bind(c.sql, env); got != c.want {
			t.Errorf("%s: %s: got %s, want %s", c.charset, c.sql, got, c.want)
		}
	}
	// In gbk the backslash is the second half of a character, so the string
	// ends there and the table is outside of it.
	env.Charset = "gbk"
	p := NewPlanner(1).Plan([]byte("SELECT '\xe5\x5c', a FROM users -- '"), env, shop()).Plan
	if len(p.Writes) == 0 {
		t.Errorf("a doubtful text touches nothing: %s", describe(p))
	}
}

// TestModes: sessions whose modes change the meaning do not share plans.
func TestModes(t *testing.T) {
	p, cat := NewPlanner(100), shop()
	sql := []byte(`UPDATE users SET name = "email" WHERE id = 1`)
	env := session()
	if plan := p.Plan(sql, env, cat).Plan; plan.Verb != Update || plan.set[0].value.op != opSlot {
		t.Errorf("a string: %s", describe(plan))
	}
	env.Mode |= ModeANSIQuotes
	if plan := p.Plan(sql, env, cat).Plan; plan.Verb != Update || plan.set[0].value.op != opColumn {
		t.Errorf("a column: %s", describe(plan))
	}
	for _, m := range []SQLMode{ModePadCharToFullLength, ModeOther} {
		env.Mode = m
		if plan := p.Plan(sql, env, cat).Plan; plan.Reason != ReasonSQLMode {
			t.Errorf("mode %b: %s", m, describe(plan))
		}
	}
	env.Mode = ModeIgnoreSpace
	for sql, want := range map[string]Reason{
		`UPDATE users SET name = 'x' WHERE id = 1`:          "",
		`UPDATE users SET name = 'x' WHERE id IN (1)`:       "",
		`INSERT INTO users (id, email) VALUES (1, 'a')`:     "",
		`UPDATE users SET created = NOW() WHERE id = 1`:     "",
		`UPDATE users SET created = now () WHERE id = 1`:    ReasonSQLMode,
		`UPDATE users SET created = NOW/**/() WHERE id = 1`: ReasonSQLMode,
		"SELECT COUNT (*) FROM users WHERE id = 1":          ReasonSQLMode,
	} {
		if plan := p.Plan([]byte(sql), env, cat).Plan; plan.Reason != want || (want == "") != (plan.Verb != PassThrough) {
			t.Errorf("IGNORE_SPACE: %s: %s", sql, describe(plan))
		}
	}
	env = session()
	env.DB = ""
	if plan := p.Plan(sql, env, cat).Plan; plan.Verb != PassThrough {
		t.Errorf("no database: %s", describe(plan))
	}
	env = session()
	env.Temporary = map[string]bool{"app.users": true}
	if plan := p.Plan(sql, env, cat).Plan; plan.Reason != ReasonTemporary || len(plan.Writes) == 0 {
		t.Errorf("temporary: %s", describe(plan))
	}
	cat.version++
	cat.tables = map[schema.Name]*schema.Table{}
	if plan := p.Plan(sql, session(), cat).Plan; plan.Verb != PassThrough {
		t.Errorf("after a change of the catalog: %s", describe(plan))
	}
}

// TestClock: functions of time need a zone, and the instant is the statement's.
func TestClock(t *testing.T) {
	env := session()
	env.Location = nil
	if got := bind("UPDATE users SET created = NOW() WHERE id = 7", env); got != string(ReasonTimeZone) {
		t.Errorf("without a zone: %s", got)
	}
	if got := bind("INSERT INTO users (email) VALUES ('x')", env); got != string(ReasonTimeZone) {
		t.Errorf("a default without a zone: %s", got)
	}
	if got := bind("UPDATE order_items SET qty = 4 WHERE order_id = 1 AND line = 2", env); !strings.HasPrefix(got, "keys") {
		t.Errorf("no clock needed: %s", got)
	}
	a, b := newUUID(session().Now), newUUID(session().Now)
	if string(a) == string(b) || len(a) != 36 || a[14] != '1' {
		t.Errorf("UUIDs %s and %s", a, b)
	}
}
