package absorber

import (
	"context"
	"errors"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// currentRow is a row as it is now, and the witness of it. im is nil if there
// is no such row.
type currentRow struct {
	im   row.Image
	read wal.RowRead
}

// Lookup reads rows by primary key: the newest acknowledged state of each, nil
// for those that do not exist. ErrShut: ask MySQL, nothing of the table is
// pending. The images alias buffers of their own; the caller may keep them but
// not change them.
func (e *Engine) Lookup(ctx context.Context, t *schema.Table, refs []row.Ref) ([]row.Image, error) {
	var images []row.Image
	err := e.reading(ctx, t, func(st wal.TableState) error {
		rows, err := e.current(ctx, t, st, refs)
		images = make([]row.Image, len(rows))
		for i := range rows {
			images[i] = rows[i].im
		}
		return err
	})
	return images, err
}

// reading runs look until it meets neither a stale state of the table nor
// another writer. ErrShut if the gate is shut.
func (e *Engine) reading(ctx context.Context, t *schema.Table, look func(st wal.TableState) error) error {
	for try := 0; ; try++ {
		st, err := e.state(ctx, t)
		if err != nil {
			return err
		}
		err = look(st)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, wal.ErrGated):
			e.forgetState(t.Name.String())
			return ErrShut
		case errors.Is(err, wal.ErrStaleTable), errors.Is(err, wal.ErrConflict), errors.Is(err, errSchema) && try < schemaTries:
			e.forgetState(t.Name.String())
			err = backOff(ctx, try)
		}
		if err != nil {
			return err
		}
	}
}

// current reads rows from the cache, and those that are not there from MySQL,
// from where they are put into the cache. A fill that comes too late because
// somebody wrote the row is ErrConflict.
func (e *Engine) current(ctx context.Context, t *schema.Table, st wal.TableState, refs []row.Ref) ([]currentRow, error) {
	cached, err := e.store.Read(ctx, e.lane(t), st, rowKeys(t.Name.String(), refs), true)
	if err != nil {
		return nil, err
	}
	return e.complete(ctx, t, st, refs, cached)
}

// toWrite is current for a statement that writes the rows, or depends on them as
// they are when it ends: wal.ErrLocked while a transaction has locked one, since
// what that one makes of it is not known yet.
func (e *Engine) toWrite(ctx context.Context, t *schema.Table, st wal.TableState, refs []row.Ref) ([]currentRow, error) {
	cached, err := e.unlocked(ctx, t, st, refs)
	if err != nil {
		return nil, err
	}
	return e.complete(ctx, t, st, refs, cached)
}

// unlocked reads rows of the cache that no transaction has locked. The look at
// the locks comes before the read that counts: a lock that is taken between them
// is one whose transaction came later.
func (e *Engine) unlocked(ctx context.Context, t *schema.Table, st wal.TableState, refs []row.Ref) ([]wal.Row, error) {
	keys := rowKeys(t.Name.String(), refs)
	rows, err := e.store.Read(ctx, e.lane(t), st, keys, true)
	if err != nil || len(rows) == 0 || !rows[0].Locks {
		return rows, err
	}
	if err := e.store.Unlocked(ctx, e.lane(t), rowLocks(t, st, refs)); err != nil {
		return nil, err
	}
	return e.store.Read(ctx, e.lane(t), st, keys, true)
}

// complete reads from MySQL what the cache does not have.
func (e *Engine) complete(ctx context.Context, t *schema.Table, st wal.TableState, refs []row.Ref, cached []wal.Row) (_ []currentRow, err error) {
	table, lane := t.Name.String(), e.lane(t)
	keys := rowKeys(table, refs)
	rows := make([]currentRow, len(refs))
	missing, at := map[string][][]byte{}, reached{lane: lane}
	for i, c := range cached {
		if !c.Found {
			rows[i].read = wal.RowRead{RowKey: keys[i], Lease: c.Lease}
			missing[string(refs[i].Key)] = refs[i].Values
			at.lsn = max(at.lsn, c.Settled)
		} else if rows[i], err = cachedRow(t, keys[i], c); err != nil {
			return nil, err
		}
	}
	e.metrics.lookups.WithLabelValues(table, "hit").Add(float64(len(refs) - len(missing)))
	if len(missing) == 0 {
		return rows, nil
	}
	e.metrics.lookups.WithLabelValues(table, "miss").Add(float64(len(missing)))
	found, err := e.loader.byIndex(ctx, at, t, t.Primary, missing)
	if err != nil {
		return nil, err
	}
	ttl := e.options(t).TTL
	for i, c := range cached {
		im := found[string(refs[i].Key)]
		if c.Found || im == nil {
			continue
		}
		filled, err := e.store.Fill(ctx, lane, st, keys[i], c.Lease, t.Version, im.AppendTo(nil), ttl)
		if err != nil {
			return nil, err
		}
		// Not im: somebody may have filled the row first, and somebody else
		// have written it since; the version is that of the row as it is now.
		if rows[i], err = cachedRow(t, keys[i], filled); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// cachedRow takes a row of the cache apart; c.Found is true. ErrReplan when it
// was made under another definition than t.
func cachedRow(t *schema.Table, k wal.RowKey, c wal.Row) (currentRow, error) {
	r := currentRow{read: wal.RowRead{RowKey: k, Version: c.Version}}
	if c.Tombstone {
		return r, nil
	}
	if c.Schema != t.Version {
		return r, ErrReplan
	}
	im, err := row.DecodeImage(c.Image, len(t.Columns))
	r.im = im
	return r, err
}
