package sqlrewrite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// conditioned is a table with a key of two columns, a unique key, and numbers.
const conditioned = `CREATE TABLE k (a INT NOT NULL, b SMALLINT UNSIGNED NOT NULL, u VARCHAR(10) COLLATE utf8mb4_general_ci, n INT, ti TINYINT UNSIGNED,
 bi BIGINT, bu BIGINT UNSIGNED, zi INT(5) ZEROFILL, d DECIMAL(12,2), d6 DECIMAL(30,6), s VARCHAR(20), dt DATETIME, da DATE NOT NULL,
 PRIMARY KEY (a, b), UNIQUE KEY u (u))`

// conditions makes random conditions on that table.
type conditions struct{ generator }

// atom makes a condition without AND and OR at its top, or one in parentheses.
func (g *conditions) atom(depth int) string {
	v := func() string { return g.pick([]string{"0", "1", "2", "3", "5", "-1", "'1'", "2.0", "1e0", "NULL"}) }
	col := func() string {
		return g.pick([]string{"a", "b", "n", "k.a", "k.b", "ti", "bi", "bu", "zi", "d", "d6", "a", "b"})
	}
	number := func() string {
		return g.pick(append(pools["int"], "0.5", "1.25", "2.50", "-0.01", "1.000000", "99999999.99", "3e0"))
	}
	n := g.r.IntN(24)
	if depth > 2 && n >= 18 {
		n -= 18
	}
	switch n {
	case 0, 1, 2, 3, 4:
		return col() + " = " + g.pick([]string{"1", "2", "3"})
	case 5:
		return g.pick([]string{"a", "b", "n"}) + " IN (" + v() + ", " + v() + ")"
	case 6, 7:
		return "u = " + g.pick([]string{"'a'", "'B'", "'c'", "'zz'"})
	case 8:
		return "(a, b) IN ((1, " + v() + "), (2, 2))"
	case 9, 10, 11:
		return col() + g.pick([]string{" = ", " <> ", " < ", " <= ", " > ", " >= ", " != "}) + number()
	case 12:
		return number() + g.pick([]string{" = ", " <> ", " < ", " <= ", " > ", " >= "}) + col()
	case 13:
		return col() + " IN (" + number() + ", " + number() + ", " + number() + ")"
	case 14:
		return g.pick([]string{"u", "n", "s", "dt", "da", "d"}) + g.pick([]string{" IS NULL", " IS NOT NULL"})
	case 15:
		return col() + g.pick([]string{" BETWEEN ", " NOT BETWEEN "}) + v() + " AND " + v()
	case 16:
		return "dt " + g.pick([]string{"<", ">"}) + " NOW() - INTERVAL " + v() + " DAY"
	case 17:
		return "s LIKE " + g.pick([]string{"'a%'", "'%'"}) + g.pick([]string{"", " ESCAPE '!'"})
	case 18:
		return "NOT " + g.atom(depth+1)
	case 19:
		return "CASE WHEN " + g.joined(depth+1) + " THEN 1 ELSE " + g.atom(depth+1) + " END"
	case 20:
		return g.pick([]string{"IF", "IFNULL", "COALESCE", "GREATEST"}) + "(" + g.joined(depth+1) + ", 1" + ")"
	case 21:
		return col() + " = " + g.pick([]string{"1 = ", "1 + ", "-1 + ", "1 IS TRUE = ", "1 || "}) + v()
	}
	return "(" + g.joined(depth+1) + ")"
}

// joined joins conditions, mostly by AND.
func (g *conditions) joined(depth int) string {
	out := g.atom(depth)
	for range g.r.IntN(4) {
		out += g.pick([]string{" AND ", " AND ", " AND ", " AND ", " and ", " && ", " OR ", " XOR ", " || "}) + g.atom(depth)
	}
	return out
}

// TestCandidatesDifferential: whatever random conditions say, the rows that the
// server finds are among the candidates, and where the conditions are judged
// here, they are those that Matches lets through.
func TestCandidatesDifferential(t *testing.T) {
	both(t, func(t *testing.T, db *servertest.DB) {
		s := start(t, db, conditioned)
		r := rand.New(rand.NewPCG(5, uint64(s.cat.Dialect())))
		values := func(pool ...string) string { return pool[r.IntN(len(pool))] }
		for a := -1; a <= 5; a++ {
			for b := range 4 {
				u := "NULL"
				if r.IntN(3) > 0 && a > 0 {
					u = fmt.Sprintf("'%c%s'", 'a'+b, strings.Repeat("x", a-1))
				}
				s.exec(fmt.Sprintf("INSERT INTO k VALUES (%d, %d, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, '2020-01-01')", a, b, u, values("NULL", "1", "2", "-5"), values("0", "1", "255", "NULL"),
					values("1", "-1", "9223372036854775807", "-9223372036854775808", "9007199254740993"), values("0", "1", "18446744073709551615", "9223372036854775808"),
					values("1", "10", "99999", "NULL"), values("1", "2.5", "-1.25", "99999999.99", "NULL"), values("1", "0.5", "2.500001", "NULL"),
					values("'a'", "'b'", "NULL"), values("NULL", "'2020-01-01'", "'2026-11-20'")))
			}
		}
		c := &candidateRun{server: s, p: NewPlanner(1), k: s.cat.Tables()[0], g: &conditions{generator{r: r}}}
		c.images = s.images(c.k)
		for n := range 12000 {
			if n%500 == 0 {
				c.env = s.session(modes[0]|[]SQLMode{0, ModePipesAsConcat, ModeHighNotPrecedence}[n/500%3], 0, time.Unix(1790000000, 0).UTC())
				c.env.Shadows, c.env.Version = true, 80400
			}
			c.one()
		}
		t.Logf("%d conditions, %d named a key and found %d rows, %d of them were judged here", c.asked, c.named, c.found, c.judged)
		if c.named < 500 || c.found < 200 || c.judged < 100 {
			t.Error("too few conditions were compared")
		}
	})
}

// candidateRun is one run of it.
type candidateRun struct {
	*server
	env                         *Env
	p                           *Planner
	k                           *schema.Table
	g                           *conditions
	images                      []row.Image
	asked, named, found, judged int
}

// one tries one condition.
func (c *candidateRun) one() {
	c.asked++
	where := c.g.joined(0)
	text := "SELECT a, b, n + 0 FROM k WHERE " + where
	if c.g.r.IntN(2) == 0 {
		text = "SELECT a, b FROM k WHERE " + where
	}
	st := c.p.Plan([]byte(text), c.env, c.cat)
	if st.Plan.Verb != PointRead {
		return
	}
	args := st.Args(nil)
	refs, index, r := st.Plan.Candidates(args, c.env)
	if r != "" {
		return
	}
	c.named++
	got, err := c.query(c.conn, text)
	if err != nil {
		return // an error is the server's to give, on the shadow as well
	}
	warned := len(c.warnings()) > 0
	c.found += len(got)
	known := func(im row.Image) bool {
		ref, _ := row.IndexRef(c.k, im)
		u, claim, _ := row.EncodeIndex(c.k, c.k.Uniques[0], im[2:3])
		return slices.ContainsFunc(refs, func(r row.Ref) bool { return r.Key == ref.Key }) ||
			claim && slices.ContainsFunc(index, func(k IndexKey) bool { return k.Key == u })
	}
	keys, exact := 0, st.Plan.Shadow == ShadowMay
	if st.Plan.Index == nil {
		_, r = st.Plan.Keys(args, c.env)
	} else {
		_, r = st.Plan.IndexKeys(args, c.env)
	}
	exact = exact && r == ""
	for _, im := range c.images {
		hit := slices.ContainsFunc(got, func(g [][]byte) bool { return same(g[0], im[0]) && same(g[1], im[1]) })
		if hit && !known(im) {
			c.t.Errorf("%s (sql_mode %b): row %s is no candidate", where, c.env.Mode, printRow(im))
		}
		if !known(im) {
			continue
		}
		keys++
		ok, r := st.Plan.Matches(im, args, c.env)
		if exact = exact && r == ""; exact && ok != hit {
			c.t.Errorf("%s: row %s matches %t, but %t", where, printRow(im), ok, hit)
		}
	}
	if exact && keys > 0 {
		if c.judged++; warned {
			c.t.Errorf("%s: judged here, but warned", where)
		}
	}
}

// images reads all rows of a table in their stored form.
func (s *server) images(t *schema.Table) []row.Image {
	s.t.Helper()
	rows, err := s.query(s.read, "SELECT a, b FROM "+t.Name.Table)
	if err != nil {
		s.t.Fatal(err)
	}
	var out []row.Image
	for _, r := range rows {
		out = append(out, s.image(t, fmt.Sprintf("a = %s AND b = %s", r[0], r[1])))
	}
	return out
}

// TestUpsertDifferential: what ApplyDuplicate makes of a row is what the server
// does, with as many rows affected and no warning.
func TestUpsertDifferential(t *testing.T) {
	both(t, func(t *testing.T, db *servertest.DB) {
		s := start(t, db, wide)
		w := s.cat.Tables()[0]
		d := &differential{server: s, p: NewPlanner(64), w: w, reasons: map[Reason]int{}, g: &generator{r: rand.New(rand.NewPCG(6, uint64(s.cat.Dialect()))), t: w}}
		for n := range 4000 {
			if n%200 == 0 {
				d.env = s.session(modes[n/200%len(modes)], 0, time.Unix(1790000000+int64(n)*1200, 0).UTC())
				d.env.Shadows, d.env.Version = true, 80400
			}
			d.upsert(n)
		}
		t.Logf("%d inserted, %d updated, %d of them unchanged; refused: %v", d.inserts, d.updates, d.unchanged, d.reasons)
		if d.inserts < 5 || d.updates < 150 || d.unchanged < 20 {
			t.Error("too few statements were compared")
		}
	})
}

// listed are the columns that an INSERT gives values.
func (d *differential) listed(text string) []int {
	head, _, _ := strings.Cut(text, " VALUES")
	var out []int
	for i := range d.w.Columns {
		if n := d.w.Columns[i].Name; strings.Contains(head, "("+n) || strings.Contains(head, " "+n+",") || strings.Contains(head, " "+n+")") || strings.Contains(head, " "+n+" = ") {
			out = append(out, i)
		}
	}
	return out
}

// upsert makes one INSERT ... ON DUPLICATE KEY UPDATE and compares.
func (d *differential) upsert(n int) {
	d.g.prepared, d.g.params, d.g.args = n%2 == 0, nil, nil
	id := 1 + d.g.r.IntN(90)
	text := d.g.insert(id)
	inserted := "VALUES(%s)"
	if d.env.Dialect == schema.MySQL {
		text, inserted = text+" AS new", "new.%s"
	}
	listed := d.listed(text) // a row alias has no other columns
	text += " ON DUPLICATE KEY UPDATE "
	for i := range 1 + d.g.r.IntN(3) {
		c := &d.w.Columns[1+d.g.r.IntN(len(d.w.Columns)-1)]
		if d.g.r.IntN(8) > 0 {
			c = &d.w.Columns[listed[d.g.r.IntN(len(listed))]]
		}
		if c.Name == "id" {
			c = &d.w.Columns[5]
		}
		if i > 0 {
			text += ", "
		}
		own := func() string { return fmt.Sprintf(inserted, c.Name) }
		switch d.g.r.IntN(5) {
		case 0:
			text += c.Name + " = " + own()
		case 1:
			text += c.Name + " = w." + c.Name + " + " + own()
		case 2:
			text += c.Name + " = " + fmt.Sprintf(inserted, d.w.Columns[listed[d.g.r.IntN(len(listed))]].Name)
		case 3:
			text += c.Name + " = w." + d.w.Columns[d.g.r.IntN(len(d.w.Columns))].Name
		default:
			text += c.Name + " = " + d.g.expression(c, false, 0)
		}
	}
	old := d.image(d.w, fmt.Sprint("id = ", id))
	st := d.p.Plan([]byte(text), d.env, d.cat)
	what := fmt.Sprintf("%s %v (sql_mode %b)", text, d.g.params, d.env.Mode)
	im, changed, reason := row.Image(nil), []uint16(nil), st.Plan.Reason
	if st.Plan.Verb == Upsert {
		var rows []NewRow
		if rows, reason = st.Plan.Rows(st.Args(d.g.args), d.env); reason == "" {
			if im = rows[0].Image; old != nil {
				im, changed, reason = st.Plan.ApplyDuplicate(old, im, st.Args(d.g.args), d.env)
			}
		}
	}
	res, err := d.conn.ExecContext(context.Background(), text, d.g.params...)
	if reason != "" {
		d.reasons[reason]++
		return
	}
	if err != nil {
		d.t.Errorf("%s: absorbed, but: %v", what, err)
		return
	}
	if w := d.warnings(); len(w) > 0 {
		d.t.Errorf("%s: absorbed, but warned: %s", what, w[0])
	}
	affected, _ := res.RowsAffected()
	want := int64(1)
	switch {
	case old == nil:
		d.inserts++
	case len(changed) == 0:
		want = 0
		d.unchanged++
		d.updates++
	default:
		want = 2
		d.updates++
	}
	if affected != want {
		d.t.Errorf("%s: %d rows affected, computed %d (columns %v)", what, affected, want, changed)
	}
	d.compare(what, im, d.image(d.w, fmt.Sprint("id = ", id)))
}
