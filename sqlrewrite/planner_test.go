package sqlrewrite

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// TestCacheBounds: the cache drops what was used least recently and keeps no
// more than it should.
func TestCacheBounds(t *testing.T) {
	c := newPlanCache(cacheShards * 4)
	first := []byte("the first")
	c.put(first, &Plan{})
	for i := range 10000 {
		c.put(fmt.Appendf(nil, "key %d", i), &Plan{})
		if c.get(first) == nil {
			t.Fatalf("a plan in use was dropped after %d others", i)
		}
	}
	long := bytes.Repeat([]byte("x"), 4*bytesPerPlan+1)
	c.put(long, &Plan{})
	if c.get(long) != nil {
		t.Error("a key beyond a shard's share was kept")
	}
	for i := range c.shards {
		s := &c.shards[i]
		size := 0
		for k := range s.plans {
			size += len(k)
		}
		if len(s.plans) != s.order.Len() || len(s.plans) > s.max || size != s.size || size > s.max*bytesPerPlan {
			t.Errorf("shard %d: %d plans in the map, %d in order, %d bytes counted as %d", i, len(s.plans), s.order.Len(), size, s.size)
		}
	}
}

// TestCacheShares: statements that differ in literals share a plan, and
// sessions on different databases do not.
func TestCacheShares(t *testing.T) {
	p, cat, env := NewPlanner(100), shop(), session()
	a := p.Plan([]byte("UPDATE users SET n = 1 WHERE id = 2"), env, cat)
	b := p.Plan([]byte("UPDATE users SET n = 10 WHERE id = 'x'"), env, cat)
	if a.Plan != b.Plan {
		t.Error("two plans for one shape")
	}
	if string(b.Args(nil)[1].Text) != "x" || string(a.Args(nil)[1].Text) != "2" {
		t.Error("values of one statement in another")
	}
	env.DB = "other"
	if c := p.Plan([]byte("UPDATE users SET n = 1 WHERE id = 2"), env, cat); c.Plan == a.Plan {
		t.Error("one plan for two databases")
	}
	text := p.Plan([]byte("PREPARE s FROM 'DELETE FROM users'"), session(), cat).Plan
	other := p.Plan([]byte("PREPARE s FROM 'DELETE FROM order_items'"), session(), cat).Plan
	if describe(text) == describe(other) {
		t.Error("prepared texts share a plan")
	}
}

// TestConcurrent: a Planner may be used by many sessions at once.
func TestConcurrent(t *testing.T) {
	p, cat := NewPlanner(32), shop()
	list := corpus(t)
	want := make([]string, len(list))
	for i, sql := range list {
		want[i] = describe(NewPlanner(1).Plan([]byte(sql), session(), cat).Plan)
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for n := range 500 {
				i := (n*7 + w*31) % len(list)
				if got := describe(p.Plan([]byte(list[i]), session(), cat).Plan); got != want[i] {
					t.Errorf("%s: %s, want %s", list[i], got, want[i])
				}
			}
		})
	}
	wg.Wait()
}

// TestReasonsDocumented: reason.go's constants, their texts and DESIGN.md's
// table are the same list.
func TestReasonsDocumented(t *testing.T) {
	src, err := os.ReadFile("reason.go")
	if err != nil {
		t.Fatal(err)
	}
	constants := regexp.MustCompile(`(?m)^\tReason\w+ +Reason = "(\w+)"`).FindAllStringSubmatch(string(src), -1)
	if len(constants) != len(reasonText) || len(constants) != len(Reasons()) {
		t.Errorf("%d constants, %d texts", len(constants), len(reasonText))
	}
	doc, err := os.ReadFile("DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range constants {
		r := Reason(c[1])
		if line := fmt.Sprintf("| `%s` | %s |", r, r.Explain()); !strings.Contains(string(doc), line) {
			t.Errorf("DESIGN.md lacks the line: %s", line)
		}
	}
}

// TestForeignKeysWrite: a statement that writes touches what foreign keys
// connect to the tables it names, an INSERT less of it, and one that reads
// nothing of it.
func TestForeignKeysWrite(t *testing.T) {
	cat := shop()
	n := func(s string) schema.Name { name, _ := schema.ParseName(s); return name }
	users, items := n("app.users"), n("app.order_items")
	// orders is not absorbed; its children are order_items. users has a parent of its own, items.
	cat.related = map[string]map[bool][]schema.Name{"orders": {false: {items}}, "drop_orders": {false: {items}, true: {items}},
		"order_items": {false: {users}, true: {users}}}
	delete(cat.tables, n("other.users"))
	cat.reach["users"] = []schema.Name{users}
	for text, want := range map[string][2]string{
		"SELECT * FROM orders":                                           {"[]", "[]"},
		"SELECT * FROM orders WHERE id = 1 FOR UPDATE":                   {"[]", "[app.order_items]"},
		"INSERT INTO orders VALUES (1)":                                  {"[]", "[]"},
		"INSERT INTO orders VALUES (1) ON DUPLICATE KEY UPDATE id = 2":   {"[]", "[app.order_items]"},
		"REPLACE INTO orders VALUES (1)":                                 {"[]", "[app.order_items]"},
		"LOAD DATA INFILE 'x' INTO TABLE orders":                         {"[]", "[app.order_items]"},
		"UPDATE orders JOIN x USING (id) SET orders.id = 5":              {"[]", "[app.order_items]"},
		"TRUNCATE orders":                                                {"[]", "[app.order_items]"},
		"ALTER TABLE orders DROP PRIMARY KEY":                            {"[]", "[app.order_items]"},
		"RENAME TABLE orders TO other_orders":                            {"[]", "[app.order_items]"},
		"LOCK TABLES orders WRITE":                                       {"[]", "[app.order_items]"},
		"SELECT drop_orders(1), name FROM users":                         {"[]", "[app.order_items app.users]"},
		"CALL drop_orders(1)":                                            {"[]", "[app.order_items]"},
		"BEGIN; DELETE FROM orders; COMMIT":                              {"[]", "[app.order_items]"},
		"/*!50000 DELETE */ FROM orders":                                 {"[]", "[app.order_items]"},
		"PREPARE s FROM 'DELETE FROM orders'":                            {"[]", "[app.order_items]"},
		"INSERT INTO order_items VALUES (1, 2, 'x', 3)":                  {"[]", "[app.order_items app.users]"},
		"SELECT qty FROM order_items WHERE order_id = 1 AND line = 2":    {"[app.order_items]", "[]"},
		"DELETE FROM app.order_items WHERE order_id = 1 AND line = 2":    {"[]", "[app.order_items app.users]"},
		"UPDATE users SET n = 1 WHERE id = 1":                            {"[]", "[app.users]"},
		"INSERT INTO orders SELECT id FROM users":                        {"[]", "[app.users]"},
		"EXPLAIN ANALYZE DELETE FROM orders":                             {"[]", "[app.order_items]"},
		"WITH x AS (SELECT 1) DELETE FROM orders WHERE id IN (SELECT 1)": {"[]", "[app.order_items]"},
	} {
		p := NewPlanner(10).Plan([]byte(text), session(), cat).Plan
		for _, names := range [][]schema.Name{p.Reads, p.Writes} {
			slices.SortFunc(names, func(a, b schema.Name) int { return strings.Compare(a.String(), b.String()) })
		}
		if got := [2]string{fmt.Sprint(p.Reads), fmt.Sprint(p.Writes)}; got != want {
			t.Errorf("%s: reads %s, writes %s; want %s", text, got[0], got[1], want)
		}
	}
}
