package sqlrewrite

import (
	"strings"
	"testing"
)

// insert200 is an INSERT of about 200 bytes.
const insert200 = "INSERT INTO payments (id, user_id, amount, currency, status, reference, created_at, updated_at) VALUES (1234567, 42, 199.99, 'EUR', 'pending', 'ref-2026-000123', '2026-11-22 20:01:02', '2026-11-22 20:01:02')"

func BenchmarkScan(b *testing.B) {
	s, sql := new(scan), []byte(insert200)
	b.ReportAllocs()
	b.SetBytes(int64(len(sql)))
	for b.Loop() {
		s.reset()
		s.run(sql, 0)
	}
}

// plan measures a statement that the cache knows.
func plan(b *testing.B, sql string) {
	p, cat, env := NewPlanner(1000), shop(), session()
	text := []byte(sql)
	p.Plan(text, env, cat)
	b.ReportAllocs()
	for b.Loop() {
		p.Plan(text, env, cat)
	}
}

func BenchmarkPlanHitInsert(b *testing.B) { plan(b, insert200) }

func BenchmarkPlanHitUpdate(b *testing.B) { plan(b, "UPDATE users SET n = n + 1 WHERE id = 7") }

func BenchmarkPlanHitPass(b *testing.B) { plan(b, "SELECT a, b FROM elsewhere WHERE c = 5") }

func BenchmarkPlanMissUpdate(b *testing.B) {
	miss(b, "UPDATE users SET n = n + 1 WHERE id = 7", shop())
}

func BenchmarkRows12(b *testing.B) {
	p, cat, env := NewPlanner(10), wideCatalog(), session()
	st := p.Plan([]byte("INSERT INTO wide VALUES (1234567, 42, 199.99, 'EUR', 'pending', 'ref-2026-000123', 7, NULL, 'a longer text of some words', 12.5, NOW(), NOW(3))"), env, cat)
	args := st.Args(nil)
	if _, r := st.Plan.Rows(args, env); r != "" {
		b.Fatal(r)
	}
	b.ReportAllocs()
	for b.Loop() {
		st.Plan.Rows(args, env)
	}
}

func BenchmarkKeysApply(b *testing.B) {
	p, cat, env := NewPlanner(10), wideCatalog(), session()
	st := p.Plan([]byte("INSERT INTO wide VALUES (7, 42, 199.99, 'EUR', 'pending', 'ref', 7, NULL, 'text', 12.5, NOW(), NOW(3))"), env, cat)
	rows, r := st.Plan.Rows(st.Args(nil), env)
	if r != "" {
		b.Fatal(r)
	}
	up := p.Plan([]byte("UPDATE wide SET n = n + 1, amount = amount - 0.50 WHERE id = 7"), env, cat)
	args := up.Args(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, r := up.Plan.Keys(args, env); r != "" {
			b.Fatal(r)
		}
		if _, _, r := up.Plan.Apply(rows[0].Image, args, env); r != "" {
			b.Fatal(r)
		}
	}
}

// miss measures the making of a plan, with the second reading.
func miss(b *testing.B, sql string, cat Catalog) {
	env, text, s := session(), []byte(sql), new(scan)
	s.run(text, env.Mode)
	if p := makePlan(text, env, cat, s); p.Verb == PassThrough {
		b.Fatal(p.Reason)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(sql)))
	for b.Loop() {
		s.reset()
		s.run(text, env.Mode)
		makePlan(text, env, cat, s)
	}
}

func BenchmarkPlanMissRead(b *testing.B) {
	miss(b, "SELECT id, email, balance FROM users WHERE id = 7", shop())
}

// Many rows in one INSERT are a shape of their own, so they often miss.
func BenchmarkPlanMissRows1000(b *testing.B) {
	row := "(1234567, 42, 199.99, 'EUR', 'pending', 'ref-2026-000123', 7, NULL, 'a longer text of some words', 12.5, NOW(), NOW(3))"
	miss(b, "INSERT INTO wide VALUES "+row+strings.Repeat(", "+row, 999), wideCatalog())
}
