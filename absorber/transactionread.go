package absorber

import (
	"context"
	"errors"
	"slices"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// Waiting is what a statement does about a row that another has locked.
type Waiting uint8

const (
	Wait   Waiting = iota // waits for it
	NoWait                // fails with wal.ErrLocked
	Skip                  // leaves it out
)

// Lookup is Engine.Lookup as the transaction sees the rows: its own changes, and
// where reads are repeatable what it has read before.
func (x *Transaction) Lookup(ctx context.Context, t *schema.Table, refs []row.Ref) ([]row.Image, error) {
	if err := x.admits(t); err != nil {
		return nil, err
	}
	if x.repeatable && !sink.Comparable(t) {
		return nil, &Refused{Reason: reasonTxnFloat}
	}
	table := t.Name.String()
	images := make([]row.Image, len(refs))
	var missing []row.Ref
	var at []int
	for i, ref := range refs {
		k := wal.RowKey{Table: table, Key: ref.Key}
		if r := x.rows[k]; r != nil && x.changed(k) {
			images[i] = r.now
		} else if s, ok := x.seen[k]; ok {
			images[i] = s.im
		} else {
			missing, at = append(missing, ref), append(at, i)
		}
	}
	if len(missing) == 0 {
		return images, nil
	}
	if x.repeatable && len(x.seen)+len(missing) > maxTransaction {
		return nil, &Refused{Reason: reasonTxnSize}
	}
	read, err := x.e.Lookup(ctx, t, missing)
	if err != nil {
		return nil, err
	}
	for j, im := range read {
		images[at[j]] = im
		if x.repeatable {
			ref := row.Ref{Key: missing[j].Key, Values: keep(missing[j].Values)}
			x.seen[wal.RowKey{Table: table, Key: ref.Key}] = seenRow{t: t, ref: ref, im: im}
		}
	}
	return images, nil
}

// Locking is how a statement locks the rows that it reads.
type Locking struct {
	Wait   Waiting
	Shared bool // others may lock them so as well, and nobody writes them
}

// LookupLocking locks rows and reads them as they are now: the newest committed
// state, or the transaction's own. The answer is as Lookup's; a row that was
// skipped is as one that does not exist. Errors as for Update, and with NoWait
// wal.ErrLocked.
func (x *Transaction) LookupLocking(ctx context.Context, t *schema.Table, refs []row.Ref, how Locking) ([]row.Image, error) {
	images := make([]row.Image, len(refs))
	err := x.writing(ctx, t, func(st wal.TableState) error {
		clear(images)
		one := Locking{Wait: NoWait, Shared: how.Shared}
		there, err := x.existingRows(ctx, t, st, refs)
		if err != nil {
			return err
		}
		if how.Wait != Skip {
			if err := x.acquire(ctx, t, st, there, how); err != nil {
				return err
			}
		}
		for i, ref := range refs {
			if !slices.ContainsFunc(there, func(r row.Ref) bool { return r.Key == ref.Key }) {
				continue
			}
			if how.Wait == Skip {
				err := x.acquire(ctx, t, st, refs[i:i+1], one)
				if errors.Is(err, wal.ErrLocked) {
					continue
				}
				if err != nil {
					return err
				}
			}
			images[i] = x.rows[wal.RowKey{Table: t.Name.String(), Key: ref.Key}].now
		}
		return nil
	})
	return images, err
}
