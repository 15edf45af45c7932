package absorber

import (
	"context"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// Apply computes a row's new image from its current one, which it must not
// change, and names the columns that differ; none means the row stays as it
// is. reason is not empty when the new image cannot be computed exactly.
type Apply func(im row.Image) (out row.Image, changed []uint16, reason string)

// Update absorbs an UPDATE of the rows named by their primary keys, in the
// order of refs. Rows that do not exist are skipped. Errors as for Insert.
func (e *Engine) Update(ctx context.Context, u *Usage, t *schema.Table, refs []row.Ref, apply Apply) (Result, error) {
	var res Result
	lsn, err := e.attempt(ctx, u, t, refs, func(st wal.TableState) (*wal.Commit, error) {
		res = Result{Lane: e.lane(t)}
		rows, err := e.current(ctx, t, st, refs)
		if err != nil {
			return nil, err
		}
		c := &wal.Commit{Unit: &row.Unit{}}
		var changes []change
		for i, r := range rows {
			if r.im == nil {
				continue
			}
			res.Matched++
			out, changed, reason := apply(r.im)
			if reason != "" {
				return nil, &Refused{Reason: reason}
			}
			if len(changed) == 0 {
				continue
			}
			res.Affected++
			c.Reads = append(c.Reads, r.read)
			changes = append(changes, change{key: refs[i].Key, old: r.im, new: out})
			put(c, t, row.Mutation{Key: refs[i].Key, Op: row.Update, Image: out, Changed: changed})
		}
		return e.finish(ctx, t, st, changes, c)
	})
	res.LSN = lsn
	return res, err
}

// Delete absorbs a DELETE of the rows named by their primary keys. Errors as
// for Insert.
func (e *Engine) Delete(ctx context.Context, u *Usage, t *schema.Table, refs []row.Ref) (Result, error) {
	var res Result
	lsn, err := e.attempt(ctx, u, t, refs, func(st wal.TableState) (*wal.Commit, error) {
		res = Result{Lane: e.lane(t)}
		rows, err := e.current(ctx, t, st, refs)
		if err != nil {
			return nil, err
		}
		c := &wal.Commit{Unit: &row.Unit{}}
		var changes []change
		for i, r := range rows {
			if r.im == nil {
				continue
			}
			res.Matched++
			res.Affected++
			c.Reads = append(c.Reads, r.read)
			changes = append(changes, change{key: refs[i].Key, old: r.im})
			put(c, t, row.Mutation{Key: refs[i].Key, Op: row.Delete, Image: r.im})
		}
		return e.finish(ctx, t, st, changes, c)
	})
	res.LSN = lsn
	return res, err
}

// finish adds the unique values to a unit, and drops a unit that writes nothing.
func (e *Engine) finish(ctx context.Context, t *schema.Table, st wal.TableState, changes []change, c *wal.Commit) (*wal.Commit, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	return c, e.claim(ctx, t, st, changes, c)
}
