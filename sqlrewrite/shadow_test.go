package sqlrewrite

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// shadowSession is a session whose caller knows shadows.
func shadowSession(d schema.Dialect) *Env {
	e := session()
	e.Shadows, e.Dialect, e.Version = true, d, 80400
	if d == schema.MariaDB {
		e.Version = 101100
	}
	return e
}

func TestShadowGolden(t *testing.T) {
	p, cat := NewPlanner(100), shop()
	with := func(mode SQLMode, charset string, d schema.Dialect) func(string) string {
		env := shadowSession(d)
		env.Mode |= mode
		env.Charset = charset
		return func(sql string) string { return describe(p.Plan([]byte(sql), env, cat).Plan) }
	}
	golden(t, "shadow.txt", with(0, "utf8mb4", schema.MySQL))
	golden(t, "impure.txt", with(0, "utf8mb4", schema.MySQL))
	golden(t, "shadow_mariadb.txt", with(0, "utf8mb4", schema.MariaDB))
	golden(t, "shadow_pad.txt", with(ModePadCharToFullLength, "utf8mb4", schema.MySQL))
	golden(t, "shadow_concat.txt", with(ModePipesAsConcat|ModeHighNotPrecedence|ModeANSIQuotes, "utf8mb4", schema.MySQL))
	golden(t, "shadow_latin1.txt", with(0, "latin1", schema.MySQL))
}

// computedCatalog has one table with generated columns.
func computedCatalog() *fixedCatalog {
	generated := func(virtual, loud bool) func(*schema.Column) {
		return func(c *schema.Column) {
			c.Generated, c.Virtual, c.Loud, c.Default = true, virtual, loud, schema.NoDefault
		}
	}
	t := table("app.totals", 1, notNull(integer("id", schema.Int, false)), integer("a", schema.Int, false), integer("b", schema.Int, false), varchar("s", 20, "utf8mb4_bin"),
		with(integer("g", schema.Bigint, false), generated(true, false)), with(decimal("loud", 14, 4), generated(true, true)), with(varchar("k", 20, "utf8mb4_bin"), generated(false, false)))
	t.Computed = true
	t.Uniques = []schema.Index{{Name: "k", Columns: []int{6}, Prefix: []int{0}}}
	return newCatalog(t)
}

func TestComputedGolden(t *testing.T) {
	for file, d := range map[string]schema.Dialect{"computed.txt": schema.MySQL, "computed_mariadb.txt": schema.MariaDB} {
		env := shadowSession(d)
		golden(t, file, func(sql string) string { return describe(NewPlanner(1).Plan([]byte(sql), env, computedCatalog()).Plan) })
	}
}

// shadowBind prints what the methods of a plan say of one statement.
func shadowBind(sql string, env *Env, params ...Arg) string {
	st := NewPlanner(1).Plan([]byte(sql), env, shop())
	args, p := st.Args(params), st.Plan
	if p.Verb == PassThrough {
		return "passthrough " + string(p.Reason)
	}
	out := []string{p.Shadow.String()}
	say := func(name string, v any, r Reason) {
		if r != "" {
			v = "!" + string(r)
		}
		out = append(out, fmt.Sprintf("%s %v", name, v))
	}
	if p.insert != nil {
		n, mixed, r := p.Generates(args, env)
		say("generates", fmt.Sprint(n, mixed), r)
		rows, r := p.Rows(args, env)
		var list []string
		for _, n := range rows {
			list = append(list, printRow(n.Image))
		}
		say("rows", strings.Join(list, "; "), r)
		if p.Verb == Upsert && r == "" {
			rows[0].Image[0] = []byte("7")
			im, changed, r := p.ApplyDuplicate(shopRow(p.Table), rows[0].Image, args, env)
			say("duplicate", fmt.Sprint(printRow(im), " changed ", changed), r)
		}
		return strings.Join(out, ", ")
	}
	if p.Scans {
		query, r := p.ScanQuery([]byte(sql), args, env, 101)
		say("scan", query, r)
		return strings.Join(out, ", ")
	}
	if p.Index == nil {
		refs, r := p.Keys(args, env)
		say("keys", printRefs(refs), r)
	} else {
		keys, r := p.IndexKeys(args, env)
		say(p.Index.Name, printIndex(keys), r)
	}
	refs, index, r := p.Candidates(args, env)
	say("candidates", printRefs(refs)+printIndex(index), r)
	ok, r := p.Matches(shopRow(p.Table), args, env)
	say("matches", ok, r)
	if p.Verb == Update {
		im, changed, r := p.Apply(shopRow(p.Table), args, env)
		say("apply", fmt.Sprint(printRow(im), " changed ", changed), r)
	}
	return strings.Join(out, ", ")
}

// shopRow is a row of a table of the shop.
func shopRow(t *schema.Table) row.Image {
	if t.Name.Table == "users" {
		return row.Image{[]byte("7"), []byte("a@b"), []byte("x"), []byte("41"), []byte("10.50"), []byte("2020-01-01 00:00:00"), []byte("2020-01-01 00:00:00.000")}
	}
	return row.Image{[]byte("1"), []byte("2"), nil, []byte("3")}[:len(t.Columns)]
}

// printRefs prints the values of primary keys.
func printRefs(refs []row.Ref) string {
	var out []string
	for _, r := range refs {
		out = append(out, printRow(r.Values))
	}
	return strings.Join(out, " ")
}

// printIndex prints the values of a unique index.
func printIndex(keys []IndexKey) string {
	var out []string
	for _, k := range keys {
		out = append(out, printRow(k.Values))
	}
	return strings.Join(out, " ")
}

func TestShadowBindGolden(t *testing.T) {
	golden(t, "shadow_bind.txt", func(sql string) string { return shadowBind(sql, shadowSession(schema.MySQL)) })
	golden(t, "shadow_bind_mariadb.txt", func(sql string) string { return shadowBind(sql, shadowSession(schema.MariaDB)) })
	latin1 := shadowSession(schema.MySQL)
	latin1.Charset = "latin1"
	golden(t, "shadow_bind_latin1.txt", func(sql string) string {
		return shadowBind(strings.ReplaceAll(sql, "é", "\xe9"), latin1)
	})
	binary := shadowSession(schema.MySQL)
	binary.Charset, binary.ConnCollation = "binary", "binary"
	golden(t, "shadow_bind_binary.txt", func(sql string) string { return shadowBind(sql, binary) })
}

// TestShadowNeedsConsent: a caller that does not know shadows gets plans that
// need none, and does not share them with one that does.
func TestShadowNeedsConsent(t *testing.T) {
	p, cat := NewPlanner(100), shop()
	for _, sql := range []string{
		"UPDATE users SET n = 1 WHERE id = 1 AND n = 2", "REPLACE INTO users (email) VALUES ('x')", "INSERT IGNORE INTO users (email) VALUES ('x')",
		"SELECT id FROM users WHERE email = 'x'", "DELETE IGNORE FROM users WHERE id = 1", "UPDATE users SET n = ABS(n) WHERE id = 1",
	} {
		if plan := p.Plan([]byte(sql), shadowSession(schema.MySQL), cat).Plan; plan.Verb == PassThrough {
			t.Errorf("%s: %s", sql, describe(plan))
		}
		if plan := p.Plan([]byte(sql), session(), cat).Plan; plan.Verb != PassThrough || plan.Shadow != ShadowNo || plan.Reason == "" {
			t.Errorf("%s: %s", sql, describe(plan))
		}
	}
	if plan := p.Plan([]byte("UPDATE users SET n = 1 WHERE id = 1"), session(), cat).Plan; plan.Shadow != ShadowNo {
		t.Error(describe(plan))
	}
}
