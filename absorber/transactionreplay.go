package absorber

import (
	"context"
	"slices"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// Savepoint sets a savepoint; one of the same name is forgotten.
func (x *Transaction) Savepoint(name string) {
	name = strings.ToLower(name)
	x.steps = slices.DeleteFunc(x.steps, func(s step) bool { return s.savepoint == name })
	x.steps = append(x.steps, step{savepoint: name})
}

// RollbackTo takes back what was done since the savepoint, which stays; false if
// there is none of that name. The locks stay, as in InnoDB.
func (x *Transaction) RollbackTo(name string) bool {
	at := x.savepoint(name)
	if at < 0 {
		return false
	}
	for i := len(x.steps) - 1; i > at; i-- {
		if s := &x.steps[i]; s.savepoint == "" {
			r := x.rows[s.key]
			x.hold(r.t, s.key, r.now, s.old)
			r.now = s.old
		}
	}
	x.steps = x.steps[:at+1]
	return true
}

// Release forgets the savepoint and those set after it; false if there is none
// of that name.
func (x *Transaction) Release(name string) bool {
	at := x.savepoint(name)
	if at < 0 {
		return false
	}
	kept := x.steps[:at]
	for _, s := range x.steps[at:] {
		if s.savepoint == "" {
			kept = append(kept, s)
		}
	}
	x.steps = kept
	return true
}

// savepoint is where a savepoint stands, -1 if there is none of that name.
func (x *Transaction) savepoint(name string) int {
	name = strings.ToLower(name)
	return slices.IndexFunc(x.steps, func(s step) bool { return s.savepoint == name && name != "" })
}

// Tables are those of which the transaction has locked rows.
func (x *Transaction) Tables() []schema.Name {
	names := make([]schema.Name, len(x.tables))
	for i, t := range x.tables {
		names[i] = t.Name
	}
	return names
}

// KnownRow is a row as the transaction has found it; Image is nil if there was
// none.
type KnownRow struct {
	Table  *schema.Table
	Ref    row.Ref
	Image  row.Image
	Shared bool // locked so that others may lock it too
}

// Locked are the rows that the transaction has locked, as they were then, but
// for those that it has inserted.
func (x *Transaction) Locked() []KnownRow {
	var rows []KnownRow
	for k, r := range x.rows {
		if x.inserted(k) {
			continue
		}
		alone := rowLocks(r.t, r.locked, []row.Ref{r.ref})[0]
		rows = append(rows, KnownRow{Table: r.t, Ref: r.ref, Image: r.base, Shared: !x.locks[alone] && !x.changed(k)})
	}
	return rows
}

// Seen are the rows that it has read and must go on seeing as they were: those
// that it has changed itself are not among them.
func (x *Transaction) Seen() []KnownRow {
	var rows []KnownRow
	for k, r := range x.seen {
		if !x.changed(k) {
			rows = append(rows, KnownRow{Table: r.t, Ref: r.ref, Image: r.im})
		}
	}
	return rows
}

// ReplayStep is a savepoint, or else a change of one row.
type ReplayStep struct {
	Savepoint string
	Change    sink.Change
}

// inserted reports whether the transaction has inserted a row where there was
// none: the INSERT of the replay finds out whether that is still so.
func (x *Transaction) inserted(k wal.RowKey) bool {
	return x.rows[k].base == nil && x.changed(k)
}

// Verify looks whether the rows that the transaction has locked are still the
// same in MySQL: ErrOverrun if not. Nothing of their tables is pending, and they
// are locked there.
func (x *Transaction) Verify(ctx context.Context) error {
	known := x.Locked()
	for len(known) > 0 {
		t := known[0].Table
		if x.e.TableAt(t.Name.String(), t.Version) == nil {
			return ErrOverrun
		}
		keys, rest := map[string][][]byte{}, known[:0]
		want := map[string][]row.Image{}
		for _, r := range known {
			if r.Table != t {
				rest = append(rest, r)
				continue
			}
			keys[string(r.Ref.Key)] = r.Ref.Values
			want[string(r.Ref.Key)] = append(want[string(r.Ref.Key)], r.Image)
		}
		found, err := x.e.loader.byIndex(ctx, reached{lane: x.lane}, t, t.Primary, keys)
		if err != nil {
			return err
		}
		for key, images := range want {
			for _, im := range images {
				if is := found[key]; (is == nil) != (im == nil) || is != nil && !sameImage(is, im) {
					return ErrOverrun
				}
			}
		}
		known = rest
	}
	return nil
}

// Steps are what the transaction has done so far, in order. Replayed in MySQL
// on rows that are as Locked says, they do the same.
func (x *Transaction) Steps() []ReplayStep {
	steps := make([]ReplayStep, len(x.steps))
	for i, s := range x.steps {
		if s.savepoint != "" {
			steps[i].Savepoint = s.savepoint
			continue
		}
		ch := change{key: s.key.Key, old: s.old, new: s.new}
		steps[i].Change = sink.Change{Table: x.rows[s.key].t, Mutation: ch.mutation()}
		steps[i].Change.Mutation.Table = s.key.Table
	}
	return steps
}
