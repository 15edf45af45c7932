package absorber

import (
	"context"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// loadUnique reads the rows that hold values of unique indexes, and reports
// whether one was not read before.
func (tr *transformation) loadUnique(ctx context.Context, values []UniqueValue) (found bool, err error) {
	for _, v := range values {
		if ofPrefix(v.Index) {
			return false, &Refused{Reason: reasonPrefix}
		}
	}
	holders, err := tr.find(ctx, values)
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
		r := tr.rows[h.ref.Key]
		if tr.has(r.im, h.value) {
			continue
		}
		if r.im == nil && r.read.Lease != "" { // not one that has just been deleted
			if err := tr.nameless(ctx, h); err != nil {
				return false, err
			}
		}
		// Between the look at the claims or at MySQL and the look at the row
		// the value may have changed hands: then from the start.
		return false, wal.ErrConflict
	}
	return found, nil
}

// nameless is for a holder that was not found by its own key. *Refused if MySQL
// shows it again: the key is not what is stored, such as bytes that are no ASCII in
// a column of it, which MariaDB takes and reads as question marks.
func (tr *transformation) nameless(ctx context.Context, h holder) error {
	found, err := tr.e.loader.byIndex(ctx, reached{lane: tr.e.lane(tr.t)}, tr.t, h.value.Index, map[string][][]byte{h.value.Encoded: h.value.Values})
	if err != nil || found[h.value.Encoded] == nil {
		return err
	}
	ref, err := row.IndexRef(tr.t, found[h.value.Encoded])
	if err != nil || ref.Key == h.ref.Key {
		return &Refused{Reason: "key_value"}
	}
	return nil
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
		keys[i] = v.claim(tr.t)
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
	return v.has(tr.t, im)
}
