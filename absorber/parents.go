package absorber

import (
	"bytes"
	"context"
	"slices"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// Reasons of Refused about foreign keys: MySQL itself has to answer.
const (
	// ReasonNoParent: a parent row is missing or locked. MySQL waits for the
	// lock, or gives 1452 in its own words.
	ReasonNoParent = "foreign_key_no_parent"
	// ReasonReferenced: a row that children may point to would go, or get
	// another key. MySQL looks for the children, and gives 1451.
	ReasonReferenced = "foreign_key_referenced"
	// ReasonParentUnread: the parent, which is not absorbed, cannot be read
	// under a lock, for want of a privilege or by an old server.
	ReasonParentUnread = "foreign_key_parent_unread"
	// reasonParentLane: the parent is absorbed in another lane by now.
	reasonParentLane = "foreign_key_lane"
)

// lineage is the proof that the parents of a unit's rows exist: what of it the
// commit script has to check.
type lineage struct {
	reads []wal.RowRead
	gens  map[string]uint64
}

// addTo puts the proof behind the witnesses that c has: those come in the order
// of its writes.
func (l *lineage) addTo(c *wal.Commit) {
	c.Reads = append(c.Reads, l.reads...)
	for table, gen := range l.gens {
		if c.Gens == nil {
			c.Gens = map[string]uint64{}
		}
		c.Gens[table] = gen
	}
}

// keys checks changes of t against the foreign keys from and to it, as the
// catalog has them now, and proves that the parents of the new rows are there.
// offered are rows that the statement brings along, whether it stores them or
// not: MySQL may look for their parents first.
func (e *Engine) keys(ctx context.Context, t *schema.Table, st wal.TableState, changes []change, offered []row.Image) (*lineage, error) {
	now := e.defined(t)
	if now == nil || now.Version != t.Version {
		return nil, ErrReplan
	}
	if takesKey(now, changes) {
		return nil, &Refused{Reason: ReasonReferenced}
	}
	l := &lineage{}
	for i := range now.ForeignKeys {
		k := &now.ForeignKeys[i]
		want := map[string][][]byte{}
		for _, ch := range changes {
			if ch.new == nil || ch.old != nil && !differ(ch.old, ch.new, k.Columns) {
				continue
			}
			if err := foreignValues(want, k, ch.new); err != nil {
				return nil, err
			}
		}
		for _, im := range offered {
			if err := foreignValues(want, k, im); err != nil {
				return nil, err
			}
		}
		if len(want) == 0 {
			continue
		}
		if err := e.parents(ctx, now, st, k, want, l); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// defined is t as the catalog has it now, nil if it has none. An engine that
// was not started has no catalog: then t is all that is known.
func (e *Engine) defined(t *schema.Table) *schema.Table {
	cat := e.Catalog()
	if cat == nil {
		return t
	}
	return cat.Table(t.Name)
}

// takesKey reports whether a row that a foreign key may point to goes, or gets
// another value in a referenced column.
func takesKey(t *schema.Table, changes []change) bool {
	if len(t.Referenced) == 0 {
		return false
	}
	return slices.ContainsFunc(changes, func(ch change) bool {
		return ch.old != nil && (ch.new == nil || differ(ch.old, ch.new, t.Referenced))
	})
}

// differ reports whether two images differ in one of the columns.
func differ(a, b row.Image, columns []int) bool {
	return slices.ContainsFunc(columns, func(c int) bool { return (a[c] == nil) != (b[c] == nil) || !bytes.Equal(a[c], b[c]) })
}

// foreignValues adds the values by which an image points to a parent, by their
// encoded form. One that is NULL needs no parent.
func foreignValues(want map[string][][]byte, k *schema.ForeignKey, im row.Image) error {
	values := make([][]byte, len(k.Columns))
	for i, c := range k.Columns {
		if values[i] = im[c]; values[i] == nil {
			return nil
		}
	}
	ref, err := row.EncodeKey(k.Target, values)
	if err != nil {
		return &Refused{Reason: "key_value"}
	}
	want[string(ref.Key)] = values
	return nil
}

// parents proves that k's parent has rows with all these values.
//
// An absorbed parent is read as any row is; from then on its gate, its
// generation and the row's presence are the commit script's to check. Nothing
// else can take the row away: no absorbed statement takes a key (takesKey), and
// what is not absorbed closes the parent's gate.
//
// Of a parent that is not absorbed MySQL alone knows. Statements that may take
// rows of it away close the gate of t first (schema.Catalog.WrittenBy), so what
// was seen holds for as long as that gate is open in the same generation, which
// the commit script checks. The row is read under a lock, which neither a row
// that is not committed yet gets nor one that a transaction is about to delete
// that began before there was a foreign key.
func (e *Engine) parents(ctx context.Context, t *schema.Table, own wal.TableState, k *schema.ForeignKey, want map[string][][]byte, l *lineage) error {
	p := e.Catalog().Absorbed(k.Parent)
	if p == nil {
		// Whoever has the gate of t may have the parent locked as a whole, for long.
		if _, err := e.store.Read(ctx, e.lane(t), own, []wal.RowKey{{Table: t.Name.String()}}, false); err != nil {
			return err
		}
		found, err := e.loader.locked(ctx, k.Target, want)
		if err != nil {
			return err
		}
		for enc := range want {
			if found[enc] == nil {
				return &Refused{Reason: ReasonNoParent}
			}
		}
		return nil
	}
	if e.lane(p) != e.lane(t) {
		return &Refused{Reason: reasonParentLane}
	}
	st, err := e.state(ctx, p)
	if err != nil {
		return err
	}
	keys, err := e.parentRows(ctx, p, st, k, want)
	if err != nil {
		return err
	}
	for _, key := range keys {
		l.reads = append(l.reads, wal.RowRead{RowKey: wal.RowKey{Table: p.Name.String(), Key: key}, Present: true})
	}
	if l.gens == nil {
		l.gens = map[string]uint64{}
	}
	l.gens[p.Name.String()] = st.Gen
	return nil
}

// parentRows names the rows of an absorbed parent that have the values; one
// that is missing is a *Refused.
func (e *Engine) parentRows(ctx context.Context, p *schema.Table, st wal.TableState, k *schema.ForeignKey, want map[string][][]byte) ([]row.Key, error) {
	tr := e.transformation(p, st, e.current)
	if k.Index == p.Primary.Name {
		var refs []row.Ref
		for _, values := range want {
			ref, err := row.EncodeKey(p, values)
			if err != nil {
				return nil, &Refused{Reason: "key_value"}
			}
			refs = append(refs, ref)
		}
		if _, err := tr.load(ctx, refs); err != nil {
			return nil, err
		}
	} else {
		at := slices.IndexFunc(p.Uniques, func(ix schema.Index) bool { return ix.Name == k.Index })
		if at < 0 {
			return nil, ErrReplan
		}
		var unique []UniqueValue
		for _, values := range want {
			enc, _, err := row.EncodeIndex(p, p.Uniques[at], values)
			if err != nil {
				return nil, &Refused{Reason: "key_value"}
			}
			unique = append(unique, UniqueValue{Index: p.Uniques[at], Encoded: enc, Values: values})
		}
		if _, err := tr.loadUnique(ctx, unique); err != nil {
			return nil, err
		}
	}
	var keys []row.Key
	for key, r := range tr.rows {
		if r.im != nil {
			keys = append(keys, key)
		}
	}
	if len(keys) != len(want) {
		return nil, &Refused{Reason: ReasonNoParent}
	}
	return keys, nil
}

// concerned are the table and its absorbed parents: those whose gates a write
// to it waits for.
func (e *Engine) concerned(t *schema.Table) []*schema.Table {
	all := []*schema.Table{t}
	if now := e.defined(t); now != nil {
		for i := range now.ForeignKeys {
			if p := e.Catalog().Absorbed(now.ForeignKeys[i].Parent); p != nil && p.Name != t.Name && !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all
}

// forgetStates makes the states of the table and its parents be read again.
func (e *Engine) forgetStates(t *schema.Table) {
	for _, c := range e.concerned(t) {
		e.forgetState(c.Name.String())
	}
}
