package absorber

import (
	"context"
	"errors"
	"slices"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// scanTries is how often a statement without a key is tried again because the
// table was touched meanwhile: then it runs in MySQL, behind the table's gate.
const scanTries = 3

// Of what is pending lookRows are read at a time, until it is more than lookBytes.
const (
	lookRows  = 10
	lookBytes = 4 << 20
)

// Reasons of statements without a key.
const (
	reasonPendingRows = "pending_rows" // too many rows wait for MySQL
	reasonTableMoved  = "table_moved"  // the table is written all the time
)

// Look is what is pending of a table when a query begins to look for the rows of a
// statement without a key. Of all rows that are not pending MySQL has the newest
// state when the query begins, unless the table is touched before it ends.
type Look struct {
	Pending []row.Ref // the pending rows, but for deleted ones
	Dirty   int       // how many are pending

	t    *schema.Table
	st   wal.TableState
	mark wal.Mark
}

// Stale reports whether reads that are not by key take MySQL as it is.
func (e *Engine) Stale(t *schema.Table) bool { return e.options(t).FreshReads == FreshStale }

// Unread reports whether all that is pending of the table are UPDATEs of other
// columns than those at the given positions: then what MySQL tells of these is true.
func (e *Engine) Unread(ctx context.Context, t *schema.Table, columns []int) (bool, error) {
	infos, err := e.store.TableReads(ctx, e.lane(t), []string{t.Name.String()})
	if err != nil {
		return false, err
	}
	return infos[0].Touched.By(t.Version, columns) == 0, nil
}

// Look looks at the table before the query. A *Refused if more than most rows are
// pending, ErrShut if the gate is shut: ask MySQL then.
func (e *Engine) Look(ctx context.Context, t *schema.Table, most int) (Look, error) {
	l := Look{t: t}
	err := e.reading(ctx, t, func(st wal.TableState) (err error) {
		l, err = e.look(ctx, t, st, most)
		return err
	})
	return l, err
}

// look is Look under a state of the table. The mark is read first: what is written
// between it and the rows moves it.
func (e *Engine) look(ctx context.Context, t *schema.Table, st wal.TableState, most int) (Look, error) {
	name, lane := t.Name.String(), e.lane(t)
	l := Look{t: t, st: st}
	infos, err := e.store.TableReads(ctx, lane, []string{name})
	if err != nil {
		return l, err
	}
	l.mark = wal.Mark{Table: name, LSN: infos[0].Touched.Last}
	switch now := infos[0].TableState; {
	case now.Incarnation != st.Incarnation || now.Gen != st.Gen:
		return l, wal.ErrStaleTable
	case now.Gate == wal.GateShut:
		return l, wal.ErrGated
	}
	if infos[0].Dirty > int64(most) {
		return l, &Refused{Reason: reasonPendingRows}
	}
	pending, err := e.store.Pending(ctx, lane, name, most)
	if err != nil {
		return l, err
	}
	l.Dirty = len(pending)
	size := 0
	for some := range slices.Chunk(pending, lookRows) {
		keys := make([]wal.RowKey, len(some))
		for i, p := range some {
			keys[i] = p.RowKey
		}
		rows, err := e.store.Read(ctx, lane, st, keys, false)
		if err != nil {
			return l, err
		}
		for i, c := range rows {
			if !c.Found {
				continue // it has drained, and MySQL has it
			}
			r, err := cachedRow(t, keys[i], c)
			if err != nil {
				return l, err
			}
			if r.im == nil {
				continue
			}
			ref, err := row.IndexRef(t, r.im)
			if err != nil {
				return l, &Refused{Reason: "key_value"}
			}
			l.Pending = append(l.Pending, ref)
			size += len(c.Image)
		}
		if size > lookBytes {
			return l, &Refused{Reason: reasonPendingRows}
		}
	}
	return l, nil
}

// Moved reports whether the table was touched after the look, or its gate shut.
func (e *Engine) Moved(ctx context.Context, l Look) (bool, error) {
	infos, err := e.store.TableReads(ctx, e.lane(l.t), []string{l.mark.Table})
	if err != nil {
		return false, err
	}
	now := infos[0]
	return now.Incarnation != l.st.Incarnation || now.Gen != l.st.Gen || now.Gate == wal.GateShut || now.Touched.Last != l.mark.LSN, nil
}

// Scan finds the rows of a statement without a key, for Scope.Scan.
type Scan struct {
	Most int // pending rows
	// Find asks MySQL which rows it may be about, pending ones aside, and gives
	// all that it may be about. It is called again if the table was touched.
	Find func(ctx context.Context, l Look) ([]row.Ref, error)
}

// scan is build for a statement without a key. What it finds depends on the
// table's not being touched, which the commit makes sure of (wal.Commit.Unmoved).
func (tr *transformation) scan(ctx context.Context, sc Scope, compute Compute, tries *int) (*wal.Commit, error) {
	if *tries++; *tries > scanTries {
		return nil, &Refused{Reason: reasonTableMoved}
	}
	l, err := tr.e.look(ctx, tr.t, tr.st, sc.Scan.Most)
	if err != nil {
		return nil, err
	}
	if sc.Refs, err = sc.Scan.Find(ctx, l); err != nil {
		return nil, err
	}
	c, err := tr.build(ctx, sc, compute)
	var refused *Refused
	switch {
	case errors.As(err, &refused):
		return nil, err
	case c != nil:
		c.Unmoved = append(c.Unmoved, l.mark)
		return c, nil
	}
	// That it fails, or has nothing to write, is true of the table as it was found.
	if moved, merr := tr.e.Moved(ctx, l); merr != nil {
		return nil, merr
	} else if moved {
		return nil, wal.ErrConflict
	}
	return nil, err
}
