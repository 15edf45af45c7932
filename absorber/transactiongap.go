package absorber

import (
	"context"
	"errors"
	"slices"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// Under READ COMMITTED InnoDB locks no gaps: a locking read of what is not there
// keeps nobody from inserting it. So what nobody has locked, and no row has, is
// left out of what such a read locks here. That it is not there counts for the
// moment of the look, which comes after the look at the locks: whoever inserts
// it later, inserts it after the read.

// existingRows are those of the rows that a locking read has to lock.
func (x *Transaction) existingRows(ctx context.Context, t *schema.Table, st wal.TableState, refs []row.Ref) ([]row.Ref, error) {
	if x.repeatable {
		return refs, nil
	}
	var unknown []row.Ref
	for _, ref := range refs {
		if x.rows[wal.RowKey{Table: t.Name.String(), Key: ref.Key}] == nil {
			unknown = append(unknown, ref)
		}
	}
	if len(unknown) == 0 {
		return refs, nil
	}
	rows, err := x.e.toWrite(ctx, t, st, unknown)
	if errors.Is(err, wal.ErrLocked) { // by somebody who may be about to insert one
		return refs, nil
	}
	if err != nil {
		return nil, err
	}
	missing := map[row.Key]bool{}
	for i, ref := range unknown {
		missing[ref.Key] = rows[i].im == nil
	}
	return slices.DeleteFunc(slices.Clone(refs), func(ref row.Ref) bool { return missing[ref.Key] }), nil
}

// existingValues are those of the values that a locking read has to lock.
func (x *Transaction) existingValues(ctx context.Context, t *schema.Table, st wal.TableState, values []UniqueValue) ([]UniqueValue, error) {
	if x.repeatable {
		return values, nil
	}
	var some []UniqueValue
	for _, v := range values {
		if r, gave := x.own(t, v); r == nil && !gave {
			exists, err := x.exists(ctx, t, st, v)
			if err != nil {
				return nil, err
			}
			if !exists {
				continue
			}
		}
		some = append(some, v)
	}
	return some, nil
}

// exists reports whether a row has the value, or may come to have it by a
// transaction that has it locked.
func (x *Transaction) exists(ctx context.Context, t *schema.Table, st wal.TableState, v UniqueValue) (bool, error) {
	tr := x.e.transformation(t, st, x.e.current)
	err := tr.nowhere(ctx, []UniqueValue{v})
	if errors.Is(err, wal.ErrLocked) || errors.Is(err, wal.ErrConflict) {
		return true, nil
	}
	return false, err
}
