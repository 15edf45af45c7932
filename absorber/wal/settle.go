package wal

import (
	"context"
	"errors"
	"fmt"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// How much one script call of Settle does, so that it holds Redis up for less
// than about 2 ms.
const (
	settleRows = 200
	trimUnits  = 1000
)

// Settle takes note that MySQL has everything up to upto: rows whose version is
// not above upto turn clean for their TTL, or leave the cache if they are
// tombstones or have no TTL; claims not above upto are dropped; the WAL is
// trimmed up to upto. Rows written again since stay as they are. It may be
// repeated, and must be, from the last Progress.Settled on, by whoever takes
// the lane over.
//
// A Fenced error says that a later epoch has settled already.
func (s *Store) Settle(ctx context.Context, name row.Lane, epoch row.Epoch, upto row.LSN, rows []SettleRow, claims ...ClaimKey) error {
	if err := s.settleRows(ctx, name, epoch, upto, rows, claims); err != nil {
		return err
	}
	const op = "wal.trim"
	l, inc, err := s.known(op, name)
	if err != nil {
		return err
	}
	for more := true; more; {
		reply, err := s.admin(ctx, op, l, s.scripts.trim,
			[]any{l.keys.meta(), l.keys.wal()}, []any{inc, uint64(epoch), uint64(upto), trimUnits})
		if err != nil {
			return err
		}
		if err := decision(op, name, reply); err != nil {
			return err
		}
		more = reply == int64(1)
	}
	return nil
}

// Drop removes clean rows from the cache, and the leases under which they are
// being read: MySQL's row was changed by somebody else. Dirty rows stay.
func (s *Store) Drop(ctx context.Context, name row.Lane, keys []RowKey) error {
	rows := make([]SettleRow, len(keys))
	for i, k := range keys {
		rows[i].RowKey = k
	}
	p, err := s.Progress(ctx, name)
	if err != nil {
		return err
	}
	return s.settleRows(ctx, name, p.Epoch, 0, rows, nil)
}

// settleRows settles rows and claims in chunks.
func (s *Store) settleRows(ctx context.Context, name row.Lane, epoch row.Epoch, upto row.LSN, rows []SettleRow, claims []ClaimKey) error {
	for len(rows) > 0 || len(claims) > 0 {
		r := min(len(rows), settleRows)
		c := min(len(claims), settleRows-r)
		err := s.settleChunk(ctx, name, epoch, upto, rows[:r], claims[:c])
		if errors.Is(err, ErrStaleTable) {
			// A gate was passed since the generation was read: the rows of the
			// new generation are settled as well as those of the old.
			err = s.settleChunk(ctx, name, epoch, upto, rows[:r], claims[:c])
		}
		if err != nil {
			return err
		}
		rows, claims = rows[r:], claims[c:]
	}
	return nil
}

// settleChunk settles what one script call may.
func (s *Store) settleChunk(ctx context.Context, name row.Lane, epoch row.Epoch, upto row.LSN, rows []SettleRow, claims []ClaimKey) error {
	const op = "wal.settle"
	l, inc, err := s.known(op, name)
	if err != nil {
		return err
	}
	tables, index := settleTables(rows, claims)
	stems, gens, err := s.generations(ctx, op, l, inc, tables)
	if err != nil {
		return err
	}
	keys := make([]any, 1, 1+2*len(tables)+2*len(rows)+len(claims))
	keys[0] = l.keys.meta()
	for _, t := range tables {
		keys = append(keys, l.keys.table(t))
	}
	for _, t := range tables {
		keys = append(keys, l.keys.dirty(t))
	}
	args := append(make([]any, 0, 6+len(tables)+3*len(rows)), inc, uint64(epoch), uint64(upto), len(tables), len(rows), len(claims))
	args = append(args, stems...)
	for _, r := range rows {
		ttl := int64(0)
		if r.TTL > 0 {
			ttl = millis(r.TTL)
		}
		keys = append(keys, l.keys.row(r.RowKey, gens[index[r.Table]]))
		args = append(args, index[r.Table]+1, string(r.Key), ttl)
	}
	for _, r := range rows {
		keys = append(keys, l.keys.rowLease(r.RowKey, gens[index[r.Table]]))
	}
	for _, c := range claims {
		keys = append(keys, l.keys.claim(c, gens[index[c.Table]]))
	}
	reply, err := s.admin(ctx, op, l, s.scripts.settle, keys, args)
	if err != nil {
		return err
	}
	return decision(op, name, reply)
}

// settleTables lists the tables of a chunk and where each stands in the list.
func settleTables(rows []SettleRow, claims []ClaimKey) ([]string, map[string]int) {
	var tables []string
	index := map[string]int{}
	add := func(t string) {
		if _, ok := index[t]; !ok {
			index[t] = len(tables)
			tables = append(tables, t)
		}
	}
	for _, r := range rows {
		add(r.Table)
	}
	for _, c := range claims {
		add(c.Table)
	}
	return tables, index
}

// generations reads the tables' present generations. Dirty rows are always of
// the present one: it grows only while nothing of the table is pending.
func (s *Store) generations(ctx context.Context, op string, l *lane, inc string, tables []string) (stems []any, gens []uint64, err error) {
	keys := make([]string, len(tables))
	for i, t := range tables {
		keys[i] = l.keys.table(t)
	}
	values, err := s.rdb.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, nil, classify(op, l.name, err)
	}
	if len(values) != len(keys) {
		return nil, nil, unexpected(op, l.name, values)
	}
	for _, v := range values {
		text, _ := v.(string)
		st, err := parseState(text)
		if err != nil || st.Incarnation != inc {
			return nil, nil, fmt.Errorf("%s: %w", op, ErrLost)
		}
		stems, gens = append(stems, st.stem()), append(gens, st.Gen)
	}
	return stems, gens, nil
}
