package sqlrewrite

import (
	"slices"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// What a SELECT names is all that it depends on, or it says that it does not know.
func TestNamed(t *testing.T) {
	cat := shop()
	computed := table("app.computed", 1, notNull(integer("id", schema.Int, false)), integer("n", schema.Int, false), integer("twice", schema.Int, false))
	computed.Columns[2].Generated = true
	cat.add(computed)
	users := cat.tables[schema.Name{DB: "app", Table: "users"}]
	at := func(names ...string) []int {
		out := []int{}
		for _, n := range names {
			out = append(out, users.Column(n))
		}
		slices.Sort(out)
		return out
	}
	for _, c := range []struct {
		sql  string
		want []int // of app.users; nil: any of them
	}{
		{"SELECT COUNT(*) FROM app.users", at()},
		{"SELECT email FROM app.users WHERE id > 5", at("id", "email")},
		{"SELECT `EMAIL` AS x FROM app.users u WHERE u.`id` > 5", at("id", "email")},
		{"SELECT id * 2 FROM app.users", nil},
		{"SELECT 2 * id FROM app.users", at("id")},
		{"SELECT (id) * email FROM app.users", at("id", "email")},
		{"SELECT COUNT(DISTINCT email) FROM app.users GROUP BY created HAVING MAX(updated) > 1", at("email", "created", "updated")},
		{"SELECT 1 FROM app.users WHERE EXISTS (SELECT sku FROM app.order_items WHERE order_id = users.id)", at("id")},
		{"WITH w AS (SELECT id FROM app.users) SELECT COUNT(*) FROM w", at("id")},
		{"SELECT * FROM app.users", nil},
		{"SELECT u.* FROM app.users u", nil},
		{"SELECT DISTINCT * FROM app.users", nil},
		{"SELECT COUNT(*), x.* FROM app.users x", nil},
		{"SELECT 1 FROM app.users NATURAL JOIN app.order_items", nil},
		{"SELECT 1 FROM (TABLE app.users) x", nil},
		{"SELECT email FROM app.users FOR UPDATE", nil},
		{"SELECT email FROM app.users, active_users", nil},
		{"SELECT add_user(email) FROM app.users", nil},
		{"SELECT email, é FROM app.users", nil},
		{"INSERT INTO app.order_items SELECT 1, 2, email, 3 FROM app.users", nil},
		{"TABLE app.users", nil},
		{"HANDLER app.users READ FIRST", nil},
		{"SELECT email FROM app.users; SELECT 1", nil},
		{"SELECT /*!50000 email */ id FROM app.users", nil},
		{"SELECT email INTO @a FROM app.users", at("email")},
	} {
		env := session()
		env.Shadows = true
		p := NewPlanner(10).Plan([]byte(c.sql), env, cat).Plan
		got, known := p.Named["app.users"]
		slices.Sort(got)
		if known != (c.want != nil) || known && !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, known %v; want %v", c.sql, got, known, c.want)
		}
	}
	env := session()
	p := NewPlanner(10).Plan([]byte("SELECT twice, sku FROM app.computed, app.order_items"), env, cat).Plan
	if _, known := p.Named["app.computed"]; known {
		t.Error("what a generated column is made of is not known")
	}
	if got := p.Named["app.order_items"]; !slices.Equal(got, []int{2}) {
		t.Errorf("of order_items %v", got)
	}
}
