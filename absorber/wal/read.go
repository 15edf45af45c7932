package wal

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// minFill is the least life of a filled row: a Commit that was computed from
// it must still find it.
const minFill = 2 * time.Second

// Read looks rows of one table up in the cache, in the order of keys. Hits
// cost one MGET, shared with other callers. With lease, each miss comes with a
// lease token for Fill or Commit.
//
// ErrStaleTable and ErrGated (the gate is shut) mean that the cache must not be
// used under state; ErrLost that the lane is closed.
func (s *Store) Read(ctx context.Context, name row.Lane, state TableState, keys []RowKey, lease bool) ([]Row, error) {
	const op = "wal.read"
	if err := s.trusted(op); err != nil {
		return nil, err
	}
	l, _, err := s.usable(op, name)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, nil
	}
	get := &call{lane: l, keys: make([]any, 1, 1+len(keys))}
	get.keys[0] = l.keys.table(keys[0].Table)
	for _, k := range keys {
		if k.Table != keys[0].Table {
			return nil, &row.Error{Op: op, Lane: name, Kind: row.Permanent, Err: fmt.Errorf("rows of %s and %s in one read", keys[0].Table, k.Table)}
		}
		get.keys = append(get.keys, l.keys.row(k, state.Gen))
	}
	if lease {
		get.keys = append(get.keys, l.keys.lockMark())
	}
	reply, err := s.ask(ctx, op, get)
	if err != nil {
		return nil, err
	}
	values := reply.([]any)
	if err := state.admits(values[0]); err != nil {
		return nil, fmt.Errorf("%s %s: %w", op, keys[0].Table, err)
	}
	rows := make([]Row, len(keys))
	var missing []int
	for i, v := range values[1 : 1+len(keys)] {
		if text, ok := v.(string); ok {
			if rows[i], err = parseRow(text); err != nil {
				return nil, &row.Error{Op: op, Lane: name, Kind: row.Permanent, Err: err}
			}
		} else {
			missing = append(missing, i)
		}
	}
	if !lease {
		return rows, nil
	}
	if len(missing) > 0 {
		err = s.leaseRows(ctx, op, l, state, keys, rows, missing)
	}
	for i := range rows {
		rows[i].Locks = values[1+len(keys)] != nil
	}
	return rows, err
}

// leaseRows takes leases for the misses; a row that has come in meanwhile is a
// hit after all.
func (s *Store) leaseRows(ctx context.Context, op string, l *lane, state TableState, keys []RowKey, rows []Row, missing []int) error {
	values, leases := make([]any, len(missing)), make([]any, len(missing))
	for j, i := range missing {
		values[j], leases[j] = l.keys.row(keys[i], state.Gen), l.keys.rowLease(keys[i], state.Gen)
	}
	return s.lease(ctx, op, l, state, keys[0].Table, values, leases, func(j int, value, token string, settled row.LSN) (err error) {
		i := missing[j]
		if rows[i] = (Row{Lease: token, Settled: settled}); token == "" {
			rows[i], err = parseRow(value)
		}
		return err
	})
}

// ReadClaims looks unique values of one table up; a value that nobody has
// reserved comes with a lease. Errors are those of Read.
func (s *Store) ReadClaims(ctx context.Context, name row.Lane, state TableState, keys []ClaimKey) ([]Claim, error) {
	const op = "wal.read_claims"
	if err := s.trusted(op); err != nil {
		return nil, err
	}
	l, _, err := s.usable(op, name)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, nil
	}
	values, leases := make([]any, len(keys)), make([]any, len(keys))
	for i, k := range keys {
		if k.Table != keys[0].Table {
			return nil, &row.Error{Op: op, Lane: name, Kind: row.Permanent, Err: fmt.Errorf("claims of %s and %s in one read", keys[0].Table, k.Table)}
		}
		values[i], leases[i] = l.keys.claim(k, state.Gen), l.keys.claimLease(k, state.Gen)
	}
	claims := make([]Claim, len(keys))
	err = s.lease(ctx, op, l, state, keys[0].Table, values, leases, func(i int, value, token string, settled row.LSN) (err error) {
		if claims[i] = (Claim{Lease: token}); token == "" {
			claims[i], err = parseClaim(value)
		}
		claims[i].Settled = settled
		return err
	})
	return claims, err
}

// lease runs the lease script and hands each key's value or token to each, with
// the LSN that MySQL must have reached.
func (s *Store) lease(ctx context.Context, op string, l *lane, state TableState, table string, values, leases []any,
	each func(i int, value, token string, settled row.LSN) error) error {
	keys := append(append([]any{l.keys.table(table), l.keys.meta()}, values...), leases...)
	token := fmt.Sprintf("%0*x", leaseRandoms, rand.Uint64()>>1)
	reply, err := s.ask(ctx, op, &call{lane: l, script: s.scripts.lease, keys: keys,
		args: []any{state.stem(), token, millis(s.opts.LeaseTTL)}})
	if err != nil {
		return err
	}
	list, ok := reply.([]any)
	if !ok || len(list) == 0 {
		return unexpected(op, l.name, reply)
	}
	if err := state.admits(list[0]); err != nil {
		return fmt.Errorf("%s %s: %w", op, table, err)
	}
	if len(list) != 2+2*len(values) {
		return unexpected(op, l.name, reply)
	}
	text, _ := list[1].(string)
	settled, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return unexpected(op, l.name, reply)
	}
	for i := range values {
		value, _ := list[2+2*i].(string)
		token, _ := list[3+2*i].(string)
		if err := each(i, value, token, row.LSN(settled)); err != nil {
			return &row.Error{Op: op, Lane: l.name, Kind: row.Permanent, Err: err}
		}
	}
	return nil
}

// Fill stores a row that was read from MySQL under the lease, clean and for
// ttl (at least 2 s: a Commit that names the version must find it), and
// returns it. If another reader has stored it first, that row is returned.
//
// ErrConflict: the row was written or the lease has ended since; read again.
func (s *Store) Fill(ctx context.Context, name row.Lane, state TableState, key RowKey, lease string, schema uint32, image []byte, ttl time.Duration) (Row, error) {
	const op = "wal.fill"
	l, _, err := s.usable(op, name)
	if err != nil {
		return Row{}, err
	}
	version, err := leaseVersion(lease)
	if err != nil {
		return Row{}, &row.Error{Op: op, Lane: name, Kind: row.Permanent, Err: err}
	}
	h := head(0, schema)
	value := append(append(append(make([]byte, 0, rowHeader+len(image)), h[:]...), version8(version)...), image...)
	reply, err := s.ask(ctx, op, &call{lane: l, script: s.scripts.fill,
		keys: []any{l.keys.table(key.Table), l.keys.row(key, state.Gen), l.keys.rowLease(key, state.Gen)},
		args: []any{state.stem(), lease, value, millis(max(ttl, minFill))}})
	if err != nil {
		return Row{}, err
	}
	list, ok := reply.([]any)
	if !ok || len(list) == 0 {
		return Row{}, unexpected(op, name, reply)
	}
	if err := state.admits(list[0]); err != nil {
		return Row{}, fmt.Errorf("%s %s: %w", op, key.Table, err)
	}
	if len(list) != 3 {
		return Row{}, unexpected(op, name, reply)
	}
	if stored, ok := list[1].(string); ok {
		r, err := parseRow(stored)
		if err != nil {
			return Row{}, &row.Error{Op: op, Lane: name, Kind: row.Permanent, Err: err}
		}
		return r, nil
	}
	if list[2] != int64(1) {
		return Row{}, fmt.Errorf("%s %s: %w", op, key.Table, ErrConflict)
	}
	return Row{Found: true, Version: version, Schema: schema, Image: image}, nil
}
