package proxy

import (
	"context"
	"fmt"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
	"github.com/rzpsarthak13/shock-absorber/sqlrewrite"
)

// upsert executes a REPLACE, INSERT IGNORE or INSERT ... ON DUPLICATE KEY
// UPDATE whose values are computed here. As long as nothing stands in the way
// of its rows it is an INSERT; what happens to a row in the way is computed
// here where it is simple, and else by MySQL on a shadow that holds it.
func (c *computation) upsert(ctx context.Context) (string, error) {
	p, env := c.p, c.env
	planned, why := p.Rows(c.args, env)
	if why != "" {
		return string(why), nil
	}
	rows := make([]row.Image, len(planned))
	generate := 0
	for i, r := range planned {
		rows[i] = r.Image
		if r.Generate {
			generate++
		} else if at := p.Table.AutoIncrement; at >= 0 && len(r.Image[at]) > 0 && r.Image[at][0] == '-' {
			return "auto_increment_range", nil // what the OK packet shows of it is MySQL's to say
		}
	}
	if generate > 0 && p.Shadow == sqlrewrite.ShadowNo {
		return "duplicate_key", nil
	}
	sc := absorber.Scope{Offered: rows, Replaces: p.Verb == sqlrewrite.Replace}
	err := c.reserve(ctx, generate, &sc)
	if err == nil && generate > 0 {
		for i := range rows {
			rows[i][p.Table.AutoIncrement] = strconv.AppendUint(nil, c.first+uint64(i)*env.AutoIncrement.Increment, 10)
		}
	}
	if err == nil {
		err = widen(&sc, p, rows)
	}
	if err == nil {
		err = c.transform(ctx, sc, func(ctx context.Context, before []row.Image) ([]row.Image, error) { return c.put(ctx, rows, before) })
	}
	return c.finish("", err)
}

// put computes what becomes of the rows in the way, and of the new ones.
func (c *computation) put(ctx context.Context, rows, before []row.Image) ([]row.Image, error) {
	c.res = nil
	if len(before) == 0 && distinct(c.p, rows) {
		c.ok = c.inserted(rows)
		return rows, nil
	}
	if c.first != 0 && c.met(before, rows) {
		return nil, absorber.ErrReplan
	}
	if c.p.Verb == sqlrewrite.Upsert && len(rows) == 1 && len(before) == 1 && c.p.Table.AutoIncrement < 0 && !c.p.MovesKey {
		im, changed, why := c.p.ApplyDuplicate(before[0], rows[0], c.args, c.env)
		if why == "" {
			c.ok = &wire.OK{Affected: 2}
			if len(changed) == 0 {
				c.ok.Affected = 0
				if c.env.FoundRows {
					c.ok.Affected = 1
				}
			}
			return []row.Image{im}, nil
		}
	}
	if c.p.Shadow == sqlrewrite.ShadowNo || c.movesBetween() {
		return nil, &absorber.Refused{Reason: "duplicate_key"}
	}
	err := c.run(ctx, before)
	return c.after(), c.lastID(err)
}

// inserted is the answer to an INSERT of rows that nothing stands in the way of.
func (c *computation) inserted(rows []row.Image) *wire.OK {
	ok := &wire.OK{Affected: uint64(len(rows)), InsertID: c.first}
	if col := c.p.Table.AutoIncrement; col >= 0 && c.first == 0 {
		// Digits only: upsert refuses a negative one.
		ok.InsertID, _ = strconv.ParseUint(string(rows[len(rows)-1][col]), 10, 64)
	}
	if len(rows) > 1 {
		ok.Info = fmt.Appendf(nil, "Records: %d  Duplicates: 0  Warnings: 0", len(rows))
	}
	return ok
}

// distinct reports whether no two of the rows have the same primary key or the
// same unique value.
func distinct(p *sqlrewrite.Plan, rows []row.Image) bool {
	if len(rows) == 1 {
		return true
	}
	seen := map[string]bool{}
	for _, im := range rows {
		sc := absorber.Scope{}
		if widen(&sc, p, []row.Image{im}) != nil {
			return false
		}
		keys := []string{"\x00" + string(sc.Refs[0].Key)}
		for _, u := range sc.Unique {
			keys = append(keys, u.Index.Name+"\x00"+u.Encoded)
		}
		for _, k := range keys {
			if seen[k] {
				return false
			}
			seen[k] = true
		}
	}
	return true
}

// modifyUnique executes an UPDATE or DELETE by a unique index that is computed
// here.
func (c *computation) modifyUnique(ctx context.Context) (string, error) {
	p, args, env := c.p, c.args, c.env
	sc, why := keys(p, args, env)
	if why != "" {
		return why, nil
	}
	err := c.transform(ctx, sc, func(_ context.Context, before []row.Image) ([]row.Image, error) {
		var matched, changed uint64
		var after []row.Image
		for _, im := range before {
			ok, why := p.Matches(im, args, env)
			out, columns := im, []uint16(nil)
			if why == "" && ok && p.Verb == sqlrewrite.Update {
				out, columns, why = p.Apply(im, args, env)
			}
			if why != "" {
				return nil, &absorber.Refused{Reason: string(why)}
			}
			if ok {
				matched++
			}
			if len(columns) > 0 {
				changed++
			}
			if !ok || p.Verb == sqlrewrite.Update {
				after = append(after, out)
			}
		}
		c.ok = modified(p, env, matched, changed)
		return after, nil
	})
	return c.finish("", err)
}

// modified is the answer to an UPDATE or DELETE.
func modified(p *sqlrewrite.Plan, env *sqlrewrite.Env, matched, changed uint64) *wire.OK {
	if p.Verb == sqlrewrite.Delete {
		return &wire.OK{Affected: matched}
	}
	ok := &wire.OK{Affected: changed, Info: fmt.Appendf(nil, "Rows matched: %d  Changed: %d  Warnings: 0", matched, changed)}
	if env.FoundRows {
		ok.Affected = matched
	}
	return ok
}
