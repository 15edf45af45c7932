package wal

import (
	"context"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// TableStates tells each table's state and what of it is pending, in the order
// of tables. A table that the lane does not know yet begins open.
func (s *Store) TableStates(ctx context.Context, name row.Lane, tables []string) ([]TableInfo, error) {
	const op = "wal.tables"
	l, inc, err := s.usable(op, name)
	if err != nil {
		return nil, err
	}
	if len(tables) == 0 {
		return nil, nil
	}
	keys := make([]any, 1, 1+3*len(tables))
	keys[0] = l.keys.meta()
	for _, t := range tables {
		keys = append(keys, l.keys.table(t), l.keys.dirty(t), l.keys.gate(t))
	}
	reply, err := s.ask(ctx, op, &call{lane: l, script: s.scripts.tables, keys: keys, args: []any{inc}})
	if err != nil {
		return nil, err
	}
	if err := decision(op, name, reply); err != nil {
		return nil, err
	}
	list, ok := reply.([]any)
	if !ok || len(list) != 3*len(tables) {
		return nil, unexpected(op, name, reply)
	}
	infos := make([]TableInfo, len(tables))
	for i := range infos {
		if infos[i], err = parseInfo(list[3*i : 3*i+3]); err != nil {
			return nil, &row.Error{Op: op, Lane: name, Kind: row.Permanent, Err: err}
		}
	}
	return infos, nil
}

// parseInfo reads state, number of dirty rows and their highest LSN, which is
// a sorted set's score: a double, and in a memory twin printed as one.
func parseInfo(v []any) (TableInfo, error) {
	text, _ := v[0].(string)
	st, err := parseState(text)
	if err != nil {
		return TableInfo{}, err
	}
	score, _ := v[2].(string)
	last, err := strconv.ParseFloat(score, 64)
	if err != nil {
		return TableInfo{}, err
	}
	n, _ := v[1].(int64)
	return TableInfo{TableState: st, Dirty: n, LastDirty: row.LSN(last)}, nil
}
