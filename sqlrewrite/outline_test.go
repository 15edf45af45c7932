package sqlrewrite

import (
	"database/sql"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// outlined is what our own parser makes of a statement for the shadow.
type outlined struct {
	*parser
	plan *Plan
}

// outlines are the statements of the golden files that our own parser can
// outline, whether they need the shadow or not, and whether TiDB's agrees.
func outlines(t *testing.T, env *Env, cat Catalog) []outlined {
	t.Helper()
	var out []outlined
	for _, file := range []string{"shadow.txt", "impure.txt", "absorb.txt"} {
		data, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			text, ok := strings.CutPrefix(strings.TrimSpace(line), "> ")
			if !ok || strings.ContainsAny(text, ";\\") || strings.Contains(text, "/*") {
				continue
			}
			s := new(scan)
			s.run([]byte(text), env.Mode)
			o := outlined{newParser([]byte(text), pieces([]byte(text), tokenise([]byte(text), env.Mode, false))[0].toks, env, cat), &Plan{slots: len(s.slots), Shadow: ShadowMust}}
			if !s.broken && o.outline(o.plan) {
				out = append(out, o)
			}
		}
	}
	return out
}

// findings are what the second reader has to confirm of an outline.
func (o *outlined) findings() []any {
	p := *o.plan
	list := []any{p.Verb, p.Ignore, p.slots, o.name, o.alias, o.terms, p.set, p.insert, o.distinct, o.aggregate}
	for _, it := range o.items {
		list = append(list, it.alias, it.star)
	}
	if k := p.where; k != nil {
		list = append(list, k.order, k.limit, k.offset)
	}
	return list
}

// TestOutlinePairs: what our parser says of one statement is not confirmed by
// the text of another, unless it says the same of that.
func TestOutlinePairs(t *testing.T) {
	env, cat := shadowSession(schema.MySQL), shop()
	list := outlines(t, env, cat)
	own, others := 0, 0
	for i, a := range list {
		for k, b := range list {
			mixed := *b.parser
			mixed.src, mixed.toks, mixed.slots, mixed.rowAlias = a.src, a.toks, a.slots, a.rowAlias
			if a.plan.slots != b.plan.slots || !mixed.confirmed(nil, b.plan) {
				continue
			}
			if i == k {
				own++
				continue
			}
			others++
			if x, y := a.findings(), b.findings(); !reflect.DeepEqual(x, y) {
				t.Errorf("%s: taken for %s\n%v\n%v", a.src, b.src, x, y)
			}
		}
	}
	if own < 150 || others < 50 {
		t.Errorf("%d of %d statements confirmed, %d as others", own, len(list), others)
	}
}

// TestMissingFunctions: a function that the server does not have is nothing that
// the shadow may compute, also if it was planned when the server was another one.
func TestMissingFunctions(t *testing.T) {
	p, cat := NewPlanner(10), shop()
	env := shadowSession(schema.MySQL)
	const sql = "UPDATE users SET n = CRC32('x') WHERE id = 1"
	if plan := p.Plan([]byte(sql), env, cat).Plan; plan.Shadow != ShadowMust {
		t.Errorf("%s: %s", sql, describe(plan))
	}
	env.Missing = map[string]bool{"crc32": true}
	if plan := p.Plan([]byte(sql), env, cat).Plan; plan.Verb != PassThrough || plan.Reason != ReasonFunction {
		t.Errorf("%s without CRC32: %s", sql, describe(plan))
	}
}

// TestPureFunctionsAreNative: each function that the shadow may compute is the
// server's own, so that no stored function can have its name.
func TestPureFunctionsAreNative(t *testing.T) {
	both(t, func(t *testing.T, db *servertest.DB) {
		pool := db.Open(t, db.Database(t))
		words := pureWords + " " + onceWords + " " + aggregateWords
		var version string
		if err := pool.QueryRow("SELECT VERSION()").Scan(&version); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(version, "MariaDB") {
			words += " " + pureWordsMySQL8
		}
		for w := range strings.FieldsSeq(words) {
			var e *mysql.MySQLError
			var v sql.RawBytes
			rows, err := pool.Query("SELECT " + w + "(1)")
			if err == nil {
				for rows.Next() {
					err = rows.Scan(&v)
				}
				err = errors.Join(err, rows.Err(), rows.Close())
			}
			if errors.As(err, &e) && (e.Number == 1305 || e.Number == 1630) {
				t.Errorf("%s: %v", w, err)
			}
		}
	})
}
