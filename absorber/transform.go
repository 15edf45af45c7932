package absorber

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// Scope names the rows that a statement can touch: by primary key, and by
// values of unique indexes. Rows that do not exist may be named.
type Scope struct {
	Refs   []row.Ref
	Unique []UniqueValue
	// Offered are the new rows of a statement that may find others in their way:
	// MySQL may look for their parents before it comes to those.
	Offered []row.Image
	// Replaces says that the statement takes away what is in its way, and does
	// not change it.
	Replaces bool
	// Given is the last AUTO_INCREMENT value that Reserve gave the statement,
	// 0 if none.
	Given uint64
}

// UniqueValue is a value of a unique index, none of its parts NULL.
type UniqueValue struct {
	Index   schema.Index
	Encoded string   // row.EncodeIndex's
	Values  [][]byte // stored form, in the order of Index.Columns
}

// Compute tells what a statement makes of the rows it can touch: before are
// those that exist, ascending by key, and after is what the table holds in
// their place, rows that are new included. It may be called again with more
// rows, or with newer ones, and must change neither.
type Compute func(ctx context.Context, before []row.Image) (after []row.Image, err error)

// maxWidening is how often a statement may turn out to touch further rows.
const maxWidening = 8

// Transform absorbs a statement that is described by what it does to rows:
// REPLACE, ON DUPLICATE KEY UPDATE, an UPDATE that moves keys, whatever MySQL
// itself computed on a shadow. All of it is applied or nothing: a unique value
// that another row keeps is a *Duplicate. Only Lane and LSN of the Result are
// set: the counts are compute's. Errors as for Insert, and those of compute.
func (e *Engine) Transform(ctx context.Context, u *Usage, t *schema.Table, sc Scope, compute Compute) (Result, error) {
	lsn, err := e.attempt(ctx, u, t, sc.Refs, func(st wal.TableState) (*wal.Commit, error) {
		tr := &transformation{e: e, t: t, st: st, rows: map[row.Key]*touched{}, read: e.toWrite}
		return tr.build(ctx, sc, compute)
	})
	return Result{Lane: e.lane(t), LSN: lsn}, err
}

// LookupUnique reads rows by values of unique indexes, as Lookup does by
// primary key: those that exist, ascending by key.
func (e *Engine) LookupUnique(ctx context.Context, t *schema.Table, values []UniqueValue) ([]row.Image, error) {
	var images []row.Image
	err := e.reading(ctx, t, func(st wal.TableState) error {
		tr := &transformation{e: e, t: t, st: st, rows: map[row.Key]*touched{}, read: e.current}
		if _, err := tr.loadUnique(ctx, values); err != nil {
			return err
		}
		images = tr.before()
		return nil
	})
	return images, err
}

// touched is a row that the statement can touch; im is nil if it does not exist.
type touched struct {
	ref row.Ref
	currentRow
}

// transformation is one try of Transform.
type transformation struct {
	e    *Engine
	t    *schema.Table
	st   wal.TableState
	rows map[row.Key]*touched
	read func(context.Context, *schema.Table, wal.TableState, []row.Ref) ([]currentRow, error)
}

// build reads the rows, computes, and makes the unit. If what comes out needs
// rows that were not read, because a key or a unique value is somebody else's,
// those are read too and all is computed again.
func (tr *transformation) build(ctx context.Context, sc Scope, compute Compute) (*wal.Commit, error) {
	if _, err := tr.load(ctx, sc.Refs); err != nil {
		return nil, err
	}
	if _, err := tr.loadUnique(ctx, sc.Unique); err != nil {
		return nil, err
	}
	for range maxWidening {
		before := tr.before()
		if sc.Replaces && len(before) > 0 && tr.referenced() {
			return nil, &Refused{Reason: ReasonReferenced}
		}
		after, err := compute(ctx, before)
		if err != nil {
			return nil, err
		}
		changes, err := tr.diff(after)
		if err != nil {
			return nil, err
		}
		parents, err := tr.e.keys(ctx, tr.t, tr.st, changes, sc.Offered)
		if err != nil || len(changes) == 0 {
			return nil, err
		}
		wider, err := tr.widen(ctx, changes)
		if err != nil {
			return nil, err
		}
		if !wider {
			if err := tr.clash(changes); err != nil {
				return nil, err
			}
			return tr.unit(ctx, changes, sc.Given, parents)
		}
	}
	return nil, &Refused{Reason: "too_many_rows"}
}

// referenced reports whether a foreign key points to the table.
func (tr *transformation) referenced() bool {
	now := tr.e.defined(tr.t)
	return now == nil || len(now.Referenced) > 0
}

// load reads the rows that are not read yet, and reports whether one exists.
func (tr *transformation) load(ctx context.Context, refs []row.Ref) (found bool, err error) {
	var missing []row.Ref
	for _, r := range refs {
		if tr.rows[r.Key] == nil {
			tr.rows[r.Key] = &touched{ref: r}
			missing = append(missing, r)
		}
	}
	rows, err := tr.read(ctx, tr.t, tr.st, missing)
	if err != nil {
		return false, err
	}
	for i, r := range missing {
		tr.rows[r.Key].currentRow = rows[i]
		found = found || rows[i].im != nil
	}
	return found, nil
}

// loadUnique reads the rows that hold values of unique indexes, and reports
// whether one was not read before.
func (tr *transformation) loadUnique(ctx context.Context, values []UniqueValue) (found bool, err error) {
	holders, err := tr.holders(ctx, values)
	if err != nil {
		return false, err
	}
	var refs []row.Ref
	for _, h := range holders {
		refs = append(refs, h.ref)
	}
	if found, err = tr.load(ctx, refs); err != nil {
		return false, err
	}
	for _, h := range holders {
		// Between the look at the claims or at MySQL and the look at the row
		// the value may have changed hands: then from the start.
		if !tr.has(tr.rows[h.ref.Key].im, h.value) {
			return false, wal.ErrConflict
		}
	}
	return found, nil
}

// holder is a row that has a value of a unique index.
type holder struct {
	value UniqueValue
	ref   row.Ref
}

// holders names the rows that hold the values, as far as claims and MySQL
// know. A value without a claim is MySQL's to tell, since a claim lives until
// MySQL has the row.
func (tr *transformation) holders(ctx context.Context, values []UniqueValue) ([]holder, error) {
	if len(values) == 0 {
		return nil, nil
	}
	keys := make([]wal.ClaimKey, len(values))
	for i, v := range values {
		keys[i] = wal.ClaimKey{Table: tr.t.Name.String(), Index: v.Index.Name, Value: v.Encoded}
	}
	claims, err := tr.e.store.ReadClaims(ctx, tr.e.lane(tr.t), tr.st, keys)
	if err != nil {
		return nil, err
	}
	var found []holder
	ask := map[string]map[string][][]byte{} // index -> value -> columns
	at := reached{lane: tr.e.lane(tr.t)}
	for i, v := range values {
		at.lsn = max(at.lsn, claims[i].Settled)
		if claims[i].Held {
			ref, ok, err := tr.owner(ctx, claims[i].Owner)
			if err != nil {
				return nil, err
			}
			if ok {
				found = append(found, holder{v, ref})
				continue
			}
		}
		if ask[v.Index.Name] == nil {
			ask[v.Index.Name] = map[string][][]byte{}
		}
		ask[v.Index.Name][v.Encoded] = v.Values
	}
	for _, ix := range tr.t.Uniques {
		images, err := tr.e.loader.byIndex(ctx, at, tr.t, ix, ask[ix.Name])
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			im := images[v.Encoded]
			if v.Index.Name != ix.Name || im == nil {
				continue
			}
			ref, err := row.IndexRef(tr.t, im)
			if err != nil {
				return nil, &Refused{Reason: "key_value"}
			}
			moved, err := tr.moved(ctx, ref, v)
			if err != nil {
				return nil, err
			}
			if !moved {
				found = append(found, holder{v, ref})
			}
		}
	}
	return found, nil
}

// moved reports whether a row that MySQL shows with the value has given it up
// in a write that has not drained yet.
func (tr *transformation) moved(ctx context.Context, ref row.Ref, v UniqueValue) (bool, error) {
	if r := tr.rows[ref.Key]; r != nil {
		return !tr.has(r.im, v), nil
	}
	k := wal.RowKey{Table: tr.t.Name.String(), Key: ref.Key}
	rows, err := tr.e.store.Read(ctx, tr.e.lane(tr.t), tr.st, []wal.RowKey{k}, false)
	if err != nil || !rows[0].Found {
		return false, err
	}
	c, err := cachedRow(tr.t, k, rows[0])
	return err == nil && !tr.has(c.im, v), err
}

// owner names the row of a claim by its key's values, which the row has. A
// claim whose row cannot be seen has just been settled: MySQL has it.
func (tr *transformation) owner(ctx context.Context, key row.Key) (ref row.Ref, ok bool, err error) {
	k := wal.RowKey{Table: tr.t.Name.String(), Key: key}
	rows, err := tr.e.store.Read(ctx, tr.e.lane(tr.t), tr.st, []wal.RowKey{k}, false)
	if err != nil || !rows[0].Found || rows[0].Tombstone {
		return row.Ref{}, false, err
	}
	c, err := cachedRow(tr.t, k, rows[0])
	if err != nil {
		return row.Ref{}, false, err
	}
	ref, err = row.IndexRef(tr.t, c.im)
	return ref, err == nil, err
}

// has reports whether a row holds the value.
func (tr *transformation) has(im row.Image, v UniqueValue) bool {
	key, ok, err := claimKey(tr.t, v.Index, im)
	return err == nil && ok && key.Value == v.Encoded
}

// before are the rows that exist, ascending by key.
func (tr *transformation) before() []row.Image {
	var keys []row.Key
	for k, r := range tr.rows {
		if r.im != nil {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	images := make([]row.Image, len(keys))
	for i, k := range keys {
		images[i] = tr.rows[k].im
	}
	return images
}

// diff compares the rows that were read with what has become of them.
func (tr *transformation) diff(after []row.Image) ([]change, error) {
	var changes []change
	seen := map[row.Key]bool{}
	for _, im := range after {
		ref, err := row.IndexRef(tr.t, im)
		if err != nil {
			return nil, &Refused{Reason: "key_value"}
		}
		if seen[ref.Key] {
			return nil, &Refused{Reason: "duplicate_in_statement"}
		}
		seen[ref.Key] = true
		var old row.Image
		if r := tr.rows[ref.Key]; r != nil {
			old = r.im
		}
		if old == nil || !sameImage(old, im) {
			changes = append(changes, change{key: ref.Key, ref: ref, old: old, new: im})
		}
	}
	for k, r := range tr.rows {
		if r.im != nil && !seen[k] {
			changes = append(changes, change{key: k, ref: r.ref, old: r.im})
		}
	}
	return changes, nil
}

// sameImage reports whether two images of a row are equal byte for byte.
func sameImage(a, b row.Image) bool {
	return slices.EqualFunc(a, b, func(x, y []byte) bool { return (x == nil) == (y == nil) && bytes.Equal(x, y) })
}

// widen reads the rows that stand in the way of the changes and were not read:
// those with a new row's key, and those with a unique value that is new to its
// row. It reports whether there is one.
func (tr *transformation) widen(ctx context.Context, changes []change) (bool, error) {
	var refs []row.Ref
	var values []UniqueValue
	for _, c := range changes {
		if c.new == nil {
			continue
		}
		if c.old == nil {
			refs = append(refs, c.ref)
		}
		for _, ix := range tr.t.Uniques {
			was, had, err := claimKey(tr.t, ix, c.old)
			if err != nil {
				return false, err
			}
			is, has, err := claimKey(tr.t, ix, c.new)
			if err != nil {
				return false, err
			}
			if has && !(had && was == is) {
				values = append(values, UniqueValue{Index: ix, Encoded: is.Value, Values: indexValues(ix, c.new)})
			}
		}
	}
	wider, err := tr.load(ctx, refs)
	if err != nil {
		return false, err
	}
	more, err := tr.loadUnique(ctx, values)
	return wider || more, err
}

// unit makes the commit. Every row that was read is a witness, also one that
// stays as it is: what was computed depends on it. AUTO_INCREMENT values up to
// given came from the counter.
func (tr *transformation) unit(ctx context.Context, changes []change, given uint64, parents *lineage) (*wal.Commit, error) {
	changes, ok := inOrder(tr.t, changes)
	if !ok {
		return nil, &Refused{Reason: "unique_move"}
	}
	c := &wal.Commit{Unit: &row.Unit{}}
	written := map[row.Key]bool{}
	for _, ch := range changes {
		written[ch.key] = true
		c.Reads = append(c.Reads, tr.rows[ch.key].read)
		put(c, tr.t, ch.mutation())
	}
	for k, r := range tr.rows {
		if !written[k] {
			c.Reads = append(c.Reads, r.read)
		}
	}
	parents.addTo(c)
	var err error
	if c.Raises, err = raises(tr.t, changes, given); err != nil {
		return nil, err
	}
	err = tr.e.claim(ctx, tr.t, tr.st, changes, c)
	var dup *Duplicate
	if errors.As(err, &dup) { // taken since widen looked
		err = wal.ErrConflict
	}
	return c, err
}
