package absorber

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/client"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
)

// model is what the table holds: u and v of each id.
type model map[int]struct {
	u int
	v string
}

// pairRow is an image of pairs.
func pairRow(id, u int, v string) row.Image {
	return row.Image{fmt.Append(nil, id), []byte(v), fmt.Append(nil, u)}
}

// pairScope names what may stand in the way of a row.
func pairScope(t *testing.T, id, u int) Scope {
	t.Helper()
	im := pairRow(id, u, "")
	ref, err := row.IndexRef(pairs, im)
	if err != nil {
		t.Fatal(err)
	}
	return Scope{Refs: []row.Ref{ref}, Unique: []UniqueValue{pairUnique(t, u)}}
}

// pairUnique is a value of the unique index.
func pairUnique(t *testing.T, u int) UniqueValue {
	t.Helper()
	values := [][]byte{fmt.Append(nil, u)}
	key, ok, err := row.EncodeIndex(pairs, pairs.Uniques[0], values)
	if err != nil || !ok {
		t.Fatal(key, ok, err)
	}
	return UniqueValue{Index: pairs.Uniques[0], Encoded: key, Values: values}
}

// transforming is one run of TestTransform.
type transforming struct {
	*testing.T
	e    *Engine
	want model
	rnd  *rand.Rand
}

// transform runs one statement and reports whether it was refused for want of
// an order.
func (r *transforming) transform(sc Scope, compute func(before []row.Image) []row.Image) bool {
	r.Helper()
	_, err := r.e.Transform(r.Context(), nil, pairs, sc, func(_ context.Context, before []row.Image) ([]row.Image, error) { return compute(before), nil })
	var refused *Refused
	if err != nil && !(errors.As(err, &refused) && refused.Reason == "unique_move") {
		r.Fatal(err)
	}
	return err != nil
}

// replace is REPLACE INTO pairs: rows with the key or the unique value go.
func (r *transforming) replace(id, u int, v string) {
	r.transform(pairScope(r.T, id, u), func([]row.Image) []row.Image { return []row.Image{pairRow(id, u, v)} })
	for other, x := range r.want {
		if x.u == u {
			delete(r.want, other)
		}
	}
	r.want[id] = struct {
		u int
		v string
	}{u, v}
}

// move is UPDATE IGNORE pairs SET id = to WHERE u = ..: a taken id leaves the
// row as it is. The scope does not name the row with that id: it has to widen.
func (r *transforming) move(u, to int) {
	r.transform(Scope{Unique: []UniqueValue{pairUnique(r.T, u)}}, func(before []row.Image) []row.Image {
		if len(before) != 1 || string(before[0][2]) != fmt.Sprint(u) { // widened: it is taken
			return before
		}
		return []row.Image{pairRow(to, u, string(before[0][1]))}
	})
	for id, x := range r.want {
		if _, taken := r.want[to]; x.u == u && !taken {
			delete(r.want, id)
			r.want[to] = x
			return
		}
	}
}

// swap lets two rows exchange their unique values, which no order of single
// statements can do.
func (r *transforming) swap(a, b int) {
	x, y := r.want[a], r.want[b]
	if x.u == 0 || y.u == 0 || a == b {
		return
	}
	sc := pairScope(r.T, a, x.u)
	sc.Refs = append(sc.Refs, pairScope(r.T, b, y.u).Refs...)
	if !r.transform(sc, func([]row.Image) []row.Image { return []row.Image{pairRow(a, y.u, x.v), pairRow(b, x.u, y.v)} }) {
		r.Error("two rows exchanged a unique value")
	}
}

// take is UPDATE pairs SET u = to WHERE u = .., which fails if another row has
// that value already.
func (r *transforming) take(u, to int) {
	r.Helper()
	_, err := r.e.Transform(r.Context(), nil, pairs, Scope{Unique: []UniqueValue{pairUnique(r.T, u)}}, func(_ context.Context, before []row.Image) ([]row.Image, error) {
		var after []row.Image
		for _, im := range before {
			if string(im[2]) == fmt.Sprint(u) {
				im = row.Image{im[0], im[1], []byte(fmt.Sprint(to))}
			}
			after = append(after, im)
		}
		return after, nil
	})
	is, taken := -1, false
	for id, x := range r.want {
		if x.u == u {
			is = id
		}
		taken = taken || x.u == to
	}
	var dup *Duplicate
	switch clashes := is >= 0 && taken && u != to; {
	case clashes != errors.As(err, &dup), !clashes && err != nil:
		r.Fatalf("u=%d of row %d becomes %d, taken %v: %v", u, is, to, taken, err)
	case is >= 0 && !clashes:
		x := r.want[is]
		x.u = to
		r.want[is] = x
	}
}

// look compares one row, by key and by unique value, with the model.
func (r *transforming) look(id, u int) {
	r.Helper()
	images, err := r.e.Lookup(r.Context(), pairs, pairScope(r.T, id, u).Refs)
	if err != nil {
		r.Fatal(err)
	}
	if x, ok := r.want[id]; ok != (images[0] != nil) || ok && !sameImage(images[0], pairRow(id, x.u, x.v)) {
		r.Fatalf("row %d is %q, want %v %v", id, images[0], ok, x)
	}
	if images, err = r.e.LookupUnique(r.Context(), pairs, []UniqueValue{pairUnique(r.T, u)}); err != nil {
		r.Fatal(err)
	}
	for id, x := range r.want {
		if x.u == u {
			if len(images) != 1 || !sameImage(images[0], pairRow(id, u, x.v)) {
				r.Fatalf("the row with u=%d is %q, want id %d %v", u, images, id, x)
			}
			return
		}
	}
	if len(images) != 0 {
		r.Fatalf("the row with u=%d is %q, want none", u, images)
	}
}

// A random history of statements that replace rows, move keys and unique
// values, half of it drained, gives the rows that the model has, in the cache
// and in the end in MySQL.
func TestTransform(t *testing.T) {
	db := servertest.MariaDB(t)
	database := db.Database(t)
	db.Exec(t, "", "DROP DATABASE IF EXISTS d", "CREATE DATABASE d", "CREATE TABLE d.pairs (id INT PRIMARY KEY, v VARCHAR(50) COLLATE utf8mb4_bin, u INT, UNIQUE KEY u (u))",
		"INSERT INTO d.pairs VALUES (1, 'one', 1), (2, 'two', 2)")
	t.Cleanup(func() { db.Exec(t, "", "DROP DATABASE d") })
	dial := func(ctx context.Context) (*client.Conn, error) {
		return client.ConnectWithContext(ctx, db.Addr, db.User, db.Password, "", time.Second, sink.Capabilities)
	}
	p := newPipeline(t)
	s := sink.Open(sink.Config{Database: database, Dial: dial})
	defer s.Close()
	if err := s.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	e := p.engine(func(c *Config) { c.Dial, c.Checkpoints = dial, database+".checkpoint" })
	defer e.loader.close()
	e.states.Store(pairs.Name.String(), p.state)
	cfg := p.config()
	cfg.Target, cfg.Limiter = s, NewLimiter(LimiterConfig{Rate: 150, Burst: 5})
	cfg.Options = func(string) TableOptions { return TableOptions{Lane: "main", TTL: 50 * time.Millisecond} }
	_, stop := p.start(cfg)
	r := &transforming{T: t, e: e, rnd: rand.New(rand.NewPCG(3, 3)), want: model{}}
	r.replace(1, 1, "one")
	r.replace(2, 2, "two")
	for i := range 400 {
		id, u := r.rnd.IntN(12)+1, r.rnd.IntN(12)+1
		switch n := r.rnd.IntN(10); {
		case n < 5:
			r.replace(id, u, fmt.Sprint("v", i))
		case n < 7:
			r.move(u, id)
		case n < 9:
			r.take(u, id)
		default:
			r.swap(id, u)
		}
		r.look(r.rnd.IntN(12)+1, r.rnd.IntN(12)+1)
	}
	var end row.LSN
	eventually(t, "all is drained", func() bool {
		pr, err := p.store.Progress(t.Context(), "main")
		end = pr.LSN
		return err == nil && pr.Settled == pr.LSN
	})
	stop()
	compareModel(t, db, maps.Clone(r.want), end)
}

// compareModel compares the table in MySQL with the model.
func compareModel(t *testing.T, db *servertest.DB, want model, end row.LSN) {
	t.Helper()
	rs, err := db.Open(t, "d").Query("SELECT id, v, u FROM pairs")
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Close()
	for rs.Next() {
		var id, u int
		var v string
		if err := rs.Scan(&id, &v, &u); err != nil {
			t.Fatal(err)
		}
		if x, ok := want[id]; !ok || x.u != u || x.v != v {
			t.Errorf("MySQL has %d %d %s, want %v %v", id, u, v, ok, x)
		}
		delete(want, id)
	}
	if len(want) > 0 || end == 0 {
		t.Errorf("MySQL lacks %v after %d units", want, end)
	}
}
