package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// The tables hold, as text in v, the history of each row: what each statement
// did to it, in order. "~" is the run's database.
var tables = []string{
	"CREATE TABLE ~.hist (id INT PRIMARY KEY, v VARCHAR(2000) COLLATE utf8mb4_bin NOT NULL, u INT, UNIQUE KEY u (u))",
	"CREATE TABLE ~.trusted (id INT PRIMARY KEY, v VARCHAR(2000) COLLATE utf8mb4_bin NOT NULL, u INT, UNIQUE KEY u (u))",
	"CREATE TABLE ~.gated (id INT PRIMARY KEY, v VARCHAR(2000) COLLATE utf8mb4_bin NOT NULL, u INT)",
	"CREATE TABLE ~.auto (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(2000) COLLATE utf8mb4_bin NOT NULL)",
	"INSERT INTO ~.hist VALUES (20,'old;',200),(21,'old;',210),(22,'old;',220),(23,'old;',230)",
	"INSERT INTO ~.gated VALUES (1,'old;',NULL)",
	"INSERT INTO ~.trusted VALUES (1,'direct;',10)",
}

// began is what the tables hold at first, as far as the absorber may know.
func began() state {
	s := state{"gated/1": "old; NULL"}
	for _, id := range []int{20, 21, 22, 23} {
		s[fmt.Sprint("hist/", id)] = fmt.Sprintf("old; %d", id*10)
	}
	return s
}

// image is a row of hist or trusted.
func image(id int, v string, u int) row.Image {
	return row.Image{fmt.Append(nil, id), []byte(v), fmt.Append(nil, u)}
}

// text is a row as a state holds it.
func text(im row.Image) string {
	var out []string
	for _, c := range im[1:] {
		if c == nil {
			c = []byte("NULL")
		}
		out = append(out, string(c))
	}
	return strings.Join(out, " ")
}

// refs name rows by their ids.
func refs(t *schema.Table, ids ...int) []row.Ref {
	var out []row.Ref
	for _, id := range ids {
		im := make(row.Image, len(t.Columns))
		im[0] = fmt.Append(nil, id)
		r, err := row.IndexRef(t, im)
		if err != nil {
			panic(err)
		}
		out = append(out, r)
	}
	return out
}

// insert inserts rows with the token as their history and ten times the id as
// their unique value.
func (w *world) insert(i int, table, token string, ids ...int) {
	p := w.process(i)
	w.write(p, fmt.Sprintf("insert %s %v %s", table, ids, token), func(ctx context.Context) error {
		var rows []absorber.NewRow
		for _, id := range ids {
			rows = append(rows, absorber.NewRow{Image: image(id, token, id*10)})
		}
		_, err := p.engine.Insert(ctx, nil, p.table(table), rows, absorber.AutoIncrement{Increment: 1, Offset: 1})
		return err
	}, func(s state) bool {
		for _, id := range ids {
			key := fmt.Sprint(table, "/", id)
			if s[key] != "" || s.holds(table, id*10) {
				return false
			}
			s[key] = text(image(id, token, id*10))
		}
		return true
	})
}

// holds reports whether a row has the unique value.
func (s state) holds(table string, u int) bool {
	for k, v := range s {
		if strings.HasPrefix(k, table+"/") && strings.HasSuffix(v, fmt.Sprint(" ", u)) {
			return true
		}
	}
	return false
}

// update appends the token to the rows' histories; u, if not 0, becomes their
// unique value.
func (w *world) update(i int, table, token string, u int, ids ...int) {
	p := w.process(i)
	affected := -1
	w.write(p, fmt.Sprintf("update %s %v %s %d", table, ids, token, u), func(ctx context.Context) error {
		t := p.table(table)
		res, err := p.engine.Update(ctx, nil, t, refs(t, ids...), func(im row.Image) (row.Image, []uint16, bool, string) {
			out, changed := im.Clone(), []uint16{1}
			out[1] = append(out[1][:len(out[1]):len(out[1])], token...)
			if u != 0 {
				out[2], changed = fmt.Append(nil, u), []uint16{1, 2}
			}
			return out, changed, true, ""
		})
		if err == nil {
			affected = int(res.Affected)
		}
		return err
	}, func(s state) bool {
		n := 0
		for _, id := range ids {
			if s.append(fmt.Sprint(table, "/", id), token, u) {
				n++
			}
		}
		return affected < 0 || affected == n
	})
}

// append appends the token to a row's history.
func (s state) append(key, token string, u int) bool {
	v, now, ok := strings.Cut(s[key], " ")
	if !ok {
		return false
	}
	if u != 0 {
		now = fmt.Sprint(u)
	}
	s[key] = v + token + " " + now
	return true
}

// remove deletes rows.
func (w *world) remove(i int, table string, ids ...int) {
	p := w.process(i)
	affected := -1
	w.write(p, fmt.Sprintf("delete %s %v", table, ids), func(ctx context.Context) error {
		t := p.table(table)
		res, err := p.engine.Delete(ctx, nil, t, refs(t, ids...), func(row.Image) (bool, string) { return true, "" })
		if err == nil {
			affected = int(res.Affected)
		}
		return err
	}, func(s state) bool {
		n := len(s)
		for _, id := range ids {
			delete(s, fmt.Sprint(table, "/", id))
		}
		return affected < 0 || affected == n-len(s)
	})
}

// replace is REPLACE INTO hist: the row with the key, and the one with the
// unique value, give way.
func (w *world) replace(i, id, u int, token string) {
	p := w.process(i)
	w.write(p, fmt.Sprintf("replace hist %d %d %s", id, u, token), func(ctx context.Context) error {
		t := p.table("hist")
		values := [][]byte{fmt.Append(nil, u)}
		encoded, _, err := row.EncodeIndex(t, t.Uniques[0], values)
		if err != nil {
			return err
		}
		_, err = p.engine.Transform(ctx, nil, t, absorber.Scope{Refs: refs(t, id), Unique: []absorber.UniqueValue{{Index: t.Uniques[0], Encoded: encoded, Values: values}}},
			func(context.Context, []row.Image) ([]row.Image, error) { return []row.Image{image(id, token, u)}, nil })
		return err
	}, func(s state) bool {
		for k, v := range s {
			if strings.HasPrefix(k, "hist/") && strings.HasSuffix(v, fmt.Sprint(" ", u)) {
				delete(s, k)
			}
		}
		s[fmt.Sprint("hist/", id)] = text(image(id, token, u))
		return true
	})
}

// generate inserts rows of auto, with AUTO_INCREMENT values or, if id is not
// 0, a row with that one.
func (w *world) generate(i, id int, tokens ...string) {
	p := w.process(i)
	first := id
	w.write(p, fmt.Sprintf("insert auto %v", tokens), func(ctx context.Context) error {
		var rows []absorber.NewRow
		for _, token := range tokens {
			im := row.Image{nil, []byte(token)}
			if id != 0 {
				im[0] = fmt.Append(nil, id)
			}
			rows = append(rows, absorber.NewRow{Image: im, Generate: id == 0})
		}
		res, err := p.engine.Insert(ctx, nil, p.table("auto"), rows, absorber.AutoIncrement{Increment: 1, Offset: 1})
		if err == nil {
			first = int(res.InsertID)
		}
		return err
	}, func(s state) bool {
		for n, token := range tokens {
			key := fmt.Sprint("auto/", first+n)
			if first == 0 {
				key = "auto/?" + token
			}
			if s[key] != "" {
				return false
			}
			s[key] = token
		}
		return true
	})
}

// clash inserts two rows of auto with these ids, of which the second is there
// already unless its INSERT failed: the first has used its id up nevertheless.
func (w *world) clash(i, id, taken int, token string) {
	p := w.process(i)
	clashed := false
	w.write(p, fmt.Sprintf("insert auto %d, %d", id, taken), func(ctx context.Context) error {
		var rows []absorber.NewRow
		for _, v := range []int{id, taken} {
			rows = append(rows, absorber.NewRow{Image: row.Image{fmt.Append(nil, v), []byte(token)}})
		}
		_, err := p.engine.Insert(ctx, nil, p.table("auto"), rows, absorber.AutoIncrement{Increment: 1, Offset: 1})
		var dup *absorber.Duplicate
		if clashed = errors.As(err, &dup); clashed {
			return nil
		}
		return err
	}, func(s state) bool {
		if clashed {
			return s[fmt.Sprint("auto/", taken)] != ""
		}
		for _, v := range []int{id, taken} {
			key := fmt.Sprint("auto/", v)
			if s[key] != "" {
				return false
			}
			s[key] = token
		}
		return true
	})
}

// read reads rows of a table: what is seen is what there is.
func (w *world) read(i int, table string, ids ...int) {
	p := w.process(i)
	var images []row.Image
	o := w.do(p, fmt.Sprintf("read %s %v", table, ids), func(ctx context.Context) error {
		t := p.table(table)
		got, err := p.engine.Lookup(ctx, t, refs(t, ids...))
		images = got
		return err
	})
	if o != done {
		return
	}
	w.observe(fmt.Sprintf("read of %s %v: %q", table, ids, images), func(s state) bool {
		for n, id := range ids {
			want := s[fmt.Sprint(table, "/", id)]
			if (images[n] != nil) != (want != "") || images[n] != nil && text(images[n]) != want {
				return false
			}
		}
		return true
	})
}
