package wal

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// TableStates tells each table's state and what of it is pending, in the order
// of tables. A table that the lane does not know yet begins open.
func (s *Store) TableStates(ctx context.Context, name row.Lane, tables []string) ([]TableInfo, error) {
	return s.tables(ctx, name, tables, "0")
}

// TableReads is TableStates with what the pending units have touched.
func (s *Store) TableReads(ctx context.Context, name row.Lane, tables []string) ([]TableInfo, error) {
	return s.tables(ctx, name, tables, "1")
}

// tables calls the script.
func (s *Store) tables(ctx context.Context, name row.Lane, tables []string, touched string) ([]TableInfo, error) {
	const op = "wal.tables"
	l, inc, err := s.usable(op, name)
	if err != nil {
		return nil, err
	}
	if len(tables) == 0 {
		return nil, nil
	}
	keys := make([]any, 1, 1+4*len(tables))
	keys[0] = l.keys.meta()
	for _, t := range tables {
		keys = append(keys, l.keys.table(t), l.keys.dirty(t), l.keys.gate(t), l.keys.touched(t))
	}
	reply, err := s.ask(ctx, op, &call{lane: l, script: s.scripts.tables, keys: keys, args: []any{inc, touched}})
	if err != nil {
		return nil, err
	}
	if err := decision(op, name, reply); err != nil {
		return nil, err
	}
	list, ok := reply.([]any)
	if !ok || len(list) != 1+4*len(tables) {
		return nil, unexpected(op, name, reply)
	}
	settled, err := number(list[0])
	if err != nil {
		return nil, &row.Error{Op: op, Lane: name, Kind: row.Permanent, Err: err}
	}
	infos := make([]TableInfo, len(tables))
	for i := range infos {
		if infos[i], err = parseInfo(list[1+4*i:5+4*i], settled); err != nil {
			return nil, &row.Error{Op: op, Lane: name, Kind: row.Permanent, Err: err}
		}
	}
	return infos, nil
}

// parseInfo reads state, number of dirty rows and their highest LSN, which is
// a sorted set's score: a double, and in a memory twin printed as one; then what
// is touched.
func parseInfo(v []any, settled row.LSN) (TableInfo, error) {
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
	info := TableInfo{TableState: st, Dirty: n, LastDirty: row.LSN(last)}
	fields, _ := v[3].([]any)
	info.Touched, err = parseTouched(fields, settled, info.LastDirty)
	return info, err
}

// parseTouched leaves out what is settled. Of pending units from before the hash
// began nothing is known; there may be no hash at all.
func parseTouched(fields []any, settled, last row.LSN) (Touched, error) {
	t := Touched{Columns: map[TouchedColumn]row.LSN{}}
	began := last
	for i := 0; i+1 < len(fields); i += 2 {
		field, _ := fields[i].(string)
		lsn, err := number(fields[i+1])
		if err != nil {
			return t, err
		}
		switch {
		case field == "^":
			began = lsn
		case field == "*":
			t.Last = lsn
		case lsn <= settled:
		case field == "":
			t.Rows = max(t.Rows, lsn)
		default:
			if len(field) != 6 {
				return t, fmt.Errorf("what is touched of a table has a field %q", field)
			}
			t.Columns[TouchedColumn{binary.BigEndian.Uint32([]byte(field[2:])), binary.BigEndian.Uint16([]byte(field))}] = lsn
		}
	}
	if began > settled {
		t.Rows = max(t.Rows, began)
	}
	if last > t.Last { // of a process of a version that notes nothing
		t.Rows, t.Last = max(t.Rows, last), last
	}
	return t, nil
}

// By is the last pending unit by which rows came or went, or one of the columns of
// a definition changed, or any of another one; 0 if there is none.
func (t Touched) By(schema uint32, columns []int) row.LSN {
	last := t.Rows
	for c, lsn := range t.Columns {
		if c.Schema != schema || slices.Contains(columns, int(c.Position)) {
			last = max(last, lsn)
		}
	}
	return last
}

// number reads an LSN as the scripts write it.
func number(v any) (row.LSN, error) {
	text, _ := v.(string)
	n, err := strconv.ParseUint(text, 10, 64)
	return row.LSN(n), err
}
