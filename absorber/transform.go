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
	// Scan finds the rows if they are not named; nil if they are.
	Scan *Scan
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

// claim names the value in the claims and locks of a table.
func (v UniqueValue) claim(t *schema.Table) wal.ClaimKey {
	return wal.ClaimKey{Table: t.Name.String(), Index: v.Index.Name, Value: v.Encoded}
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
	scans := 0
	lsn, err := e.attempt(ctx, u, t, sc.Refs, func(st wal.TableState) (*wal.Commit, error) {
		tr := e.transformation(t, st, e.toWrite)
		if sc.Scan != nil {
			return tr.scan(ctx, sc, compute, &scans)
		}
		return tr.build(ctx, sc, compute)
	})
	return Result{Lane: e.lane(t), LSN: lsn}, err
}

// LookupUnique reads rows by values of unique indexes, as Lookup does by
// primary key: those that exist, ascending by key.
func (e *Engine) LookupUnique(ctx context.Context, t *schema.Table, values []UniqueValue) ([]row.Image, error) {
	var images []row.Image
	err := e.reading(ctx, t, func(st wal.TableState) error {
		tr := e.transformation(t, st, e.current)
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
	// find names the rows that hold unique values.
	find func(context.Context, []UniqueValue) ([]holder, error)
}

// transformation begins a try that reads rows with read.
func (e *Engine) transformation(t *schema.Table, st wal.TableState, read func(context.Context, *schema.Table, wal.TableState, []row.Ref) ([]currentRow, error)) *transformation {
	tr := &transformation{e: e, t: t, st: st, rows: map[row.Key]*touched{}, read: read}
	tr.find = tr.holders
	return tr
}

// build computes and makes the unit.
func (tr *transformation) build(ctx context.Context, sc Scope, compute Compute) (*wal.Commit, error) {
	changes, parents, err := tr.changes(ctx, sc, compute)
	if err != nil {
		return nil, err
	}
	if len(sc.Offered) == 0 {
		if err := tr.nowhere(ctx, sc.Unique); err != nil {
			return nil, err
		}
	}
	if len(changes) == 0 {
		return nil, nil
	}
	return tr.unit(ctx, changes, sc.Given, parents)
}

// nowhere makes sure of values that no row has: wal.ErrLocked if a transaction has
// locked one, and may be about to give it to a row. As always with locks, what is
// seen after the look at them counts.
func (tr *transformation) nowhere(ctx context.Context, values []UniqueValue) error {
	var missing []UniqueValue
	var locks []wal.Lock
	for _, v := range values {
		if !tr.holds(v) {
			missing, locks = append(missing, v), append(locks, claimLock(v.claim(tr.t), tr.st))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if err := tr.e.store.Unlocked(ctx, tr.e.lane(tr.t), locks); err != nil {
		return err
	}
	found, err := tr.holders(ctx, missing)
	if err == nil && len(found) > 0 {
		return wal.ErrConflict
	}
	return err
}

// holds reports whether a row that was read has the value.
func (tr *transformation) holds(v UniqueValue) bool {
	for _, r := range tr.rows {
		if tr.has(r.im, v) {
			return true
		}
	}
	return false
}

// changes reads the rows and computes. If what comes out needs rows that were
// not read, because a key or a unique value is somebody else's, those are read
// too and all is computed again.
func (tr *transformation) changes(ctx context.Context, sc Scope, compute Compute) ([]change, *lineage, error) {
	if _, err := tr.load(ctx, sc.Refs); err != nil {
		return nil, nil, err
	}
	if _, err := tr.loadUnique(ctx, sc.Unique); err != nil {
		return nil, nil, err
	}
	for range maxWidening {
		before := tr.before()
		if sc.Replaces && len(before) > 0 && tr.referenced() {
			return nil, nil, &Refused{Reason: ReasonReferenced}
		}
		after, err := compute(ctx, before)
		if err != nil {
			return nil, nil, err
		}
		if sc.Replaces && len(after) < len(sc.Offered) && tr.referenced() { // some took others away
			return nil, nil, &Refused{Reason: ReasonReferenced}
		}
		changes, err := tr.diff(after)
		if err != nil {
			return nil, nil, err
		}
		parents, err := tr.e.keys(ctx, tr.t, tr.st, changes, sc.Offered)
		if err != nil || len(changes) == 0 {
			return nil, nil, err
		}
		wider, err := tr.widen(ctx, changes)
		if err != nil {
			return nil, nil, err
		}
		if !wider {
			return changes, parents, tr.clash(changes)
		}
	}
	return nil, nil, &Refused{Reason: "too_many_rows"}
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
