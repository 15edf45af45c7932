package absorber

import (
	"context"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// Apply computes a row's new image from its current one, which it must not
// change, and names the columns that differ; none means the row stays as it
// is. matched is false for a row that a further condition leaves out. reason is
// not empty when all that cannot be computed exactly.
type Apply func(im row.Image) (out row.Image, changed []uint16, matched bool, reason string)

// Matches tells whether a further condition holds for a row. reason is not
// empty when that cannot be computed exactly.
type Matches func(im row.Image) (matched bool, reason string)

// Update absorbs an UPDATE of the rows named by their primary keys, in the
// order of refs. Rows that do not exist are skipped. Errors as for Insert.
func (e *Engine) Update(ctx context.Context, u *Usage, t *schema.Table, refs []row.Ref, apply Apply) (Result, error) {
	return e.modify(ctx, u, t, refs, func(im row.Image) (row.Mutation, bool, error) {
		out, changed, matched, reason := apply(im)
		switch {
		case reason != "":
			return row.Mutation{}, false, &Refused{Reason: reason}
		case !matched || len(changed) == 0:
			return row.Mutation{}, matched, nil
		}
		return row.Mutation{Op: row.Update, Image: out, Changed: changed}, true, nil
	})
}

// Delete absorbs a DELETE of those rows, named by their primary keys, for which
// matches holds. Errors as for Insert.
func (e *Engine) Delete(ctx context.Context, u *Usage, t *schema.Table, refs []row.Ref, matches Matches) (Result, error) {
	return e.modify(ctx, u, t, refs, func(im row.Image) (row.Mutation, bool, error) {
		matched, reason := matches(im)
		switch {
		case reason != "":
			return row.Mutation{}, false, &Refused{Reason: reason}
		case !matched:
			return row.Mutation{}, false, nil
		}
		return row.Mutation{Op: row.Delete, Image: im}, true, nil
	})
}

// modify commits what decide makes of each row that exists and matches. A
// mutation without an Op leaves the row as it is.
func (e *Engine) modify(ctx context.Context, u *Usage, t *schema.Table, refs []row.Ref, decide func(im row.Image) (m row.Mutation, matched bool, err error)) (Result, error) {
	var res Result
	lsn, err := e.attempt(ctx, u, t, refs, func(st wal.TableState) (*wal.Commit, error) {
		res = Result{Lane: e.lane(t)}
		rows, err := e.toWrite(ctx, t, st, refs)
		if err != nil {
			return nil, err
		}
		c := &wal.Commit{Unit: &row.Unit{}}
		var changes []change
		for i, r := range rows {
			if r.im == nil {
				continue
			}
			m, matched, err := decide(r.im)
			if err != nil {
				return nil, err
			}
			if matched {
				res.Matched++
			}
			if m.Op == 0 {
				continue
			}
			res.Affected++
			c.Reads = append(c.Reads, r.read)
			ch := change{key: refs[i].Key, old: r.im}
			if m.Op == row.Update {
				ch.new = m.Image
			}
			changes = append(changes, ch)
			m.Key = refs[i].Key
			put(c, t, m)
		}
		if len(changes) == 0 {
			return nil, nil
		}
		parents, err := e.keys(ctx, t, st, changes, nil)
		if err != nil {
			return nil, err
		}
		parents.addTo(c)
		return c, e.claim(ctx, t, st, changes, c)
	})
	res.LSN = lsn
	return res, err
}
