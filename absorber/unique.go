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

// change is one row's way from old to new; old is nil for an INSERT, new for a
// DELETE. ref names the row where it was not named by the statement.
type change struct {
	key      row.Key
	ref      row.Ref
	old, new row.Image
}

// mutation is the change as the unit carries it.
func (c *change) mutation() row.Mutation {
	m := row.Mutation{Key: c.key, Op: row.Update, Image: c.new}
	switch {
	case c.old == nil:
		m.Op = row.Insert
	case c.new == nil:
		m.Op, m.Image = row.Delete, c.old
	default:
		for i := range c.new {
			if (c.old[i] == nil) != (c.new[i] == nil) || !bytes.Equal(c.old[i], c.new[i]) {
				m.Changed = append(m.Changed, uint16(i))
			}
		}
	}
	return m
}

// reasonPrefix is why a statement that needs a value of a unique prefix is
// Refused: no lookup by an index finds the rows that begin alike, and their text
// is cut. That goes before any *Duplicate, since of several values that are taken
// MySQL may name this one.
const reasonPrefix = "unique_prefix"

// ofPrefix reports whether an index is one of the first characters of a column.
func ofPrefix(ix schema.Index) bool {
	return slices.ContainsFunc(ix.Prefix, func(n int) bool { return n > 0 })
}

// noPrefix refuses a change that needs a value of a unique prefix.
func noPrefix(t *schema.Table, old, new row.Image) error {
	for _, ix := range t.Uniques {
		if !ofPrefix(ix) {
			continue
		}
		was, had, err := claimKey(t, ix, old)
		if err != nil {
			return err
		}
		is, has, err := claimKey(t, ix, new)
		if err != nil {
			return err
		}
		if has && !(had && was == is) {
			return &Refused{Reason: reasonPrefix}
		}
	}
	return nil
}

// wanted is a unique value that a change needs.
type wanted struct {
	claim  wal.ClaimWrite
	ix     schema.Index
	values [][]byte
	im     row.Image
}

// claim adds to c what keeps the unique secondary indexes unique: claims for
// new values, with the proof that nobody holds them, and releases of old ones.
// A value that is held is a *Duplicate.
func (e *Engine) claim(ctx context.Context, t *schema.Table, st wal.TableState, changes []change, c *wal.Commit) error {
	want, releases, givenUp, err := claims(t, changes)
	if err != nil {
		return err
	}
	c.Releases = append(c.Releases, releases...)
	if len(want) == 0 {
		return nil
	}
	before := *c
	err = e.proveFree(ctx, t, st, want, givenUp, c)
	var dup *Duplicate
	if !errors.As(err, &dup) {
		return err
	}
	// The row that has the value may be about to give it up: then the
	// transaction that has locked the value decides. If there is none, what
	// counts is what is seen after it was looked for.
	locks := make([]wal.Lock, len(want))
	for i, w := range want {
		locks[i] = claimLock(w.claim.ClaimKey, st)
	}
	if err := e.store.Unlocked(ctx, e.lane(t), shared(locks)); err != nil {
		return err
	}
	*c = before
	return e.proveFree(ctx, t, st, want, givenUp, c)
}

// claims are the unique values that changes need, and those they give up.
func claims(t *schema.Table, changes []change) (want []wanted, releases []wal.ClaimWrite, givenUp map[wal.ClaimKey]bool, err error) {
	taken := map[wal.ClaimKey]bool{}
	givenUp = map[wal.ClaimKey]bool{}
	for _, ch := range changes {
		if err := noPrefix(t, ch.old, ch.new); err != nil {
			return nil, nil, nil, err
		}
		for _, ix := range t.Uniques {
			oldKey, hadOld, err := claimKey(t, ix, ch.old)
			if err != nil {
				return nil, nil, nil, err
			}
			newKey, hasNew, err := claimKey(t, ix, ch.new)
			if err != nil {
				return nil, nil, nil, err
			}
			if hadOld && hasNew && oldKey == newKey {
				continue
			}
			if hadOld {
				givenUp[oldKey] = true
				releases = append(releases, wal.ClaimWrite{ClaimKey: oldKey, Owner: ch.key})
			}
			if !hasNew {
				continue
			}
			if taken[newKey] { // two rows of one statement: which of them MySQL names is its own affair
				return nil, nil, nil, &Refused{Reason: "duplicate_in_statement"}
			}
			taken[newKey] = true
			want = append(want, wanted{wal.ClaimWrite{ClaimKey: newKey, Owner: ch.key}, ix, indexValues(ix, ch.new), ch.new})
		}
	}
	return want, releases, givenUp, nil
}

// proveFree looks each wanted value up: in the claims, then in MySQL. A value
// that a row of the same unit gives up needs no look: that row's version, which
// is a witness of the commit, proves that it has the value, so nobody else has.
func (e *Engine) proveFree(ctx context.Context, t *schema.Table, st wal.TableState, want []wanted, givenUp map[wal.ClaimKey]bool, c *wal.Commit) error {
	keys := make([]wal.ClaimKey, len(want))
	for i, w := range want {
		keys[i] = w.claim.ClaimKey
	}
	claims, err := e.store.ReadClaims(ctx, e.lane(t), st, keys)
	if err != nil {
		return err
	}
	ask := map[string]map[string][][]byte{} // index -> value -> columns
	at := reached{lane: e.lane(t)}
	var clash error
	for i, w := range want {
		at.lsn = max(at.lsn, claims[i].Settled)
		if claims[i].Held && claims[i].Owner != w.claim.Owner && !givenUp[keys[i]] {
			// MySQL names the first of a row's values that is taken: one before
			// may be held by a row that has drained.
			clash = duplicate(t, w.ix, w.im)
			break
		}
		if !claims[i].Held && !givenUp[keys[i]] {
			c.ClaimReads = append(c.ClaimReads, wal.ClaimRead{ClaimKey: keys[i], Lease: claims[i].Lease})
			if ask[w.ix.Name] == nil {
				ask[w.ix.Name] = map[string][][]byte{}
			}
			ask[w.ix.Name][w.claim.Value] = w.values
		}
		c.Claims = append(c.Claims, w.claim)
	}
	if e.options(t).Existence == ExistenceTrust {
		return clash
	}
	for _, ix := range t.Uniques {
		found, err := e.loader.byIndex(ctx, at, t, ix, ask[ix.Name])
		if err != nil {
			return err
		}
		for _, w := range want {
			if w.ix.Name != ix.Name || found[w.claim.Value] == nil {
				continue
			}
			if err := e.proveMoved(ctx, t, st, w, found[w.claim.Value], c); err != nil {
				return err
			}
		}
	}
	return clash
}

// proveMoved handles a value that a row in MySQL still has: it is free only if
// that row is this very row, or has given the value up in a write that has not
// drained yet; the row's version is then a witness of the commit.
//
// A row that is not in the cache has nothing pending, but it may have drained
// and left the cache after MySQL was read; so MySQL is asked once more, now
// under a lease.
func (e *Engine) proveMoved(ctx context.Context, t *schema.Table, st wal.TableState, w wanted, holder row.Image, c *wal.Commit) error {
	for {
		ref, err := row.IndexRef(t, holder)
		if err != nil {
			return err
		}
		if ref.Key == w.claim.Owner {
			return nil
		}
		k := wal.RowKey{Table: t.Name.String(), Key: ref.Key}
		rows, err := e.store.Read(ctx, e.lane(t), st, []wal.RowKey{k}, true)
		if err != nil {
			return err
		}
		if rows[0].Found {
			free := rows[0].Tombstone
			if !free {
				im, err := row.DecodeImage(rows[0].Image, len(t.Columns))
				if err != nil {
					return err
				}
				v, ok, err := claimKey(t, w.ix, im)
				if err != nil {
					return err
				}
				free = !ok || v != w.claim.ClaimKey
			}
			if !free {
				return duplicate(t, w.ix, w.im)
			}
			c.Reads = append(c.Reads, wal.RowRead{RowKey: k, Version: rows[0].Version})
			return nil
		}
		found, err := e.loader.byIndex(ctx, reached{e.lane(t), rows[0].Settled}, t, w.ix, map[string][][]byte{w.claim.Value: w.values})
		if err != nil {
			return err
		}
		again := found[w.claim.Value]
		if again == nil {
			return nil
		}
		if sameKey(t, again, holder) {
			return duplicate(t, w.ix, w.im)
		}
		holder = again
	}
}

// claimKey names im's value of ix; false if there is none (no row, or NULL).
func claimKey(t *schema.Table, ix schema.Index, im row.Image) (wal.ClaimKey, bool, error) {
	if im == nil {
		return wal.ClaimKey{}, false, nil
	}
	v, ok, err := row.EncodeIndex(t, ix, indexValues(ix, im))
	if err != nil {
		return wal.ClaimKey{}, false, &Refused{Reason: "key_value"}
	}
	return wal.ClaimKey{Table: t.Name.String(), Index: ix.Name, Value: v}, ok, nil
}

// indexValue is the encoded value of ix in a row that MySQL sent.
func indexValue(t *schema.Table, ix schema.Index, im row.Image) (string, error) {
	if ix.Name == t.Primary.Name {
		ref, err := row.IndexRef(t, im)
		return string(ref.Key), err
	}
	v, _, err := row.EncodeIndex(t, ix, indexValues(ix, im))
	return v, err
}

// indexValues picks the columns of ix out of a row.
func indexValues(ix schema.Index, im row.Image) [][]byte {
	vs := make([][]byte, len(ix.Columns))
	for i, c := range ix.Columns {
		vs[i] = im[c]
	}
	return vs
}

// clash is the *Duplicate of a row that takes a unique value which another of
// the rows that were read keeps. Of several changed rows only MySQL knows to
// which it comes first.
func (tr *transformation) clash(changes []change) error {
	for _, ix := range tr.t.Uniques {
		holders := map[wal.ClaimKey]bool{}
		holds := func(im row.Image) (before bool, err error) {
			key, has, err := claimKey(tr.t, ix, im)
			if err != nil || !has {
				return false, err
			}
			before, holders[key] = holders[key], true
			return before, nil
		}
		changed := map[row.Key]bool{}
		for _, c := range changes {
			changed[c.key] = true
		}
		for k, r := range tr.rows {
			if changed[k] {
				continue
			}
			if _, err := holds(r.im); err != nil {
				return err
			}
		}
		for _, c := range changes {
			switch taken, err := holds(c.new); {
			case err != nil:
				return err
			case taken && len(changes) > 1:
				return &Refused{Reason: "duplicate_in_statement"}
			case taken:
				return duplicate(tr.t, ix, c.new)
			}
		}
	}
	return nil
}

// sameKey reports whether two rows from MySQL are the same row.
func sameKey(t *schema.Table, a, b row.Image) bool {
	for _, c := range t.Primary.Columns {
		if !bytes.Equal(a[c], b[c]) {
			return false
		}
	}
	return true
}
