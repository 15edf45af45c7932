package sqlrewrite

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// statements is how many random statements each server is asked.
const statements = 6000

// modes are the sql_modes that are tried.
var modes = []SQLMode{
	ModeStrict | ModeNoZeroDate | ModeNoZeroInDate | ModeErrorForDivisionByZero,
	0,
	ModeStrict | ModeNoUnsignedSubtraction,
}

// TestDifferential runs random INSERTs and UPDATEs on real servers: whenever
// no Reason was given, the server must take the statement without a warning,
// answer the same number of rows, and have stored what was computed.
func TestDifferential(t *testing.T) {
	both(t, func(t *testing.T, db *servertest.DB) {
		s := start(t, db, wide)
		d := &differential{server: s, p: NewPlanner(64), w: s.cat.Tables()[0], reasons: map[Reason]int{}}
		d.g = &generator{r: rand.New(rand.NewPCG(1, uint64(s.cat.Dialect()))), t: d.w}
		for n := range statements {
			if n%200 == 0 {
				now := time.Unix(1790000000+int64(n)*1200, int64(n)*1000).UTC()
				d.env = s.session(modes[n/200%len(modes)], []time.Duration{0, 5*time.Hour + 30*time.Minute, -3 * time.Hour}[n/600%3], now)
			}
			d.one(n)
		}
		t.Logf("%d inserts and %d updates compared, %d of them changed nothing; refused: %v", d.inserts, d.updates, d.unchanged, d.reasons)
		if d.inserts < statements/20 || d.updates < statements/20 || d.unchanged < 20 {
			t.Errorf("too few statements were compared")
		}
	})
}

// differential is one run.
type differential struct {
	*server
	p                           *Planner
	w                           *schema.Table
	env                         *Env
	g                           *generator
	id                          int
	inserts, updates, unchanged int
	reasons                     map[Reason]int
}

// one makes one statement, every third an INSERT, and compares.
func (d *differential) one(n int) {
	d.g.prepared, d.g.params, d.g.args = n%2 == 0, nil, nil
	insert := d.id == 0 || d.g.r.IntN(3) == 0
	var text string
	var old row.Image
	if insert {
		d.id++
		text = d.g.insert(d.id)
	} else {
		text = d.g.update(1 + d.g.r.IntN(d.id))
		old = d.image(d.w, text[bytes.LastIndex([]byte(text), []byte("id =")):])
		if old == nil {
			return
		}
	}
	st := d.p.Plan([]byte(text), d.env, d.cat)
	im, changed, reason := d.compute(st, old)
	if reason != "" {
		d.reasons[reason]++
		_, _ = d.conn.ExecContext(context.Background(), text, d.g.params...) // another row to start from, or an error
		return
	}
	what := fmt.Sprintf("%s %v (sql_mode %b)", text, d.g.params, d.env.Mode)
	res, err := d.conn.ExecContext(context.Background(), text, d.g.params...)
	if err != nil {
		d.t.Errorf("%s: absorbed, but: %v", what, err)
		return
	}
	if w := d.warnings(); len(w) > 0 {
		d.t.Errorf("%s: absorbed, but warned: %s", what, w[0])
	}
	affected, err := res.RowsAffected()
	if err != nil {
		d.t.Fatal(err)
	}
	want := int64(1)
	if insert {
		d.inserts++
	} else {
		d.updates++
		if len(changed) == 0 {
			want = 0
			d.unchanged++
		}
	}
	if affected != want {
		d.t.Errorf("%s: %d rows affected, computed %d (columns %v)", what, affected, want, changed)
	}
	d.compare(what, im, d.image(d.w, "id = "+string(im[0])))
}

// compute gives our new row of the statement.
func (d *differential) compute(st *Statement, old row.Image) (row.Image, []uint16, Reason) {
	if st.Plan.Verb == PassThrough {
		return nil, nil, st.Plan.Reason
	}
	args := st.Args(d.g.args)
	if st.Plan.Verb == Insert {
		rows, r := st.Plan.Rows(args, d.env)
		if r != "" {
			return nil, nil, r
		}
		return rows[0].Image, nil, ""
	}
	if _, r := st.Plan.Keys(args, d.env); r != "" {
		return nil, nil, r
	}
	before := old.Clone()
	im, changed, r := st.Plan.Apply(old, args, d.env)
	if !before.Equal(old) {
		d.t.Fatal("Apply changed the image it was given")
	}
	return im, changed, r
}

// compare reports columns that the server stored otherwise.
func (d *differential) compare(what string, ours, theirs row.Image) {
	d.t.Helper()
	if theirs == nil {
		d.t.Errorf("%s: the row is not there", what)
		return
	}
	for i := range ours {
		a := ours[i]
		if d.w.Columns[i].Type == schema.Float && a != nil {
			a = shortFloat(d.t, a)
		}
		if !same(a, theirs[i]) {
			d.t.Errorf("%s: %s is %q, computed %q", what, d.w.Columns[i].Name, theirs[i], ours[i])
		}
	}
}
