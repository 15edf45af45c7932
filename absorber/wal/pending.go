package wal

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// PendingRow is a row that MySQL does not have as it was last written.
type PendingRow struct {
	RowKey
	LSN row.LSN // of the last write
}

// Pending lists up to most rows of the table that wait for MySQL, the longest
// waiting first.
func (s *Store) Pending(ctx context.Context, name row.Lane, table string, most int) ([]PendingRow, error) {
	const op = "wal.pending"
	l, _, err := s.known(op, name)
	if err != nil || most < 1 {
		return nil, err
	}
	list, err := s.rdb.ZRangeWithScores(ctx, l.keys.dirty(table), 0, int64(most-1)).Result()
	if err != nil {
		return nil, classify(op, name, err)
	}
	rows := make([]PendingRow, len(list))
	for i, z := range list {
		key, _ := z.Member.(string)
		rows[i] = PendingRow{RowKey: RowKey{Table: table, Key: row.Key(key)}, LSN: row.LSN(z.Score)}
	}
	return rows, nil
}

// Newest is the LSN of the last write among the rows that MySQL does not have
// yet; 0: none of them is pending.
func (s *Store) Newest(ctx context.Context, name row.Lane, rows []RowKey) (row.LSN, error) {
	const op = "wal.newest"
	l, _, err := s.known(op, name)
	if err != nil {
		return 0, err
	}
	var newest float64
	for len(rows) > 0 {
		n := min(len(rows), settleRows)
		cmds, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, r := range rows[:n] {
				p.ZScore(ctx, l.keys.dirty(r.Table), string(r.Key))
			}
			return nil
		})
		if err != nil && !errors.Is(err, redis.Nil) {
			return 0, classify(op, name, err)
		}
		for _, c := range cmds {
			switch score, err := c.(*redis.FloatCmd).Result(); {
			case err == nil:
				newest = max(newest, score)
			case !errors.Is(err, redis.Nil):
				return 0, classify(op, name, err)
			}
		}
		rows = rows[n:]
	}
	return row.LSN(newest), nil
}

// DropLeases ends the leases under which unique values are believed to be free:
// MySQL got rows with these values from somebody who took no claim.
func (s *Store) DropLeases(ctx context.Context, name row.Lane, claims []ClaimKey) error {
	const op = "wal.drop_leases"
	l, inc, err := s.known(op, name)
	if err != nil || len(claims) == 0 {
		return err
	}
	tables, index := settleTables(nil, claims)
	_, gens, err := s.generations(ctx, op, l, inc, tables)
	if err != nil {
		return err
	}
	for len(claims) > 0 {
		n := min(len(claims), settleRows)
		keys := make([]string, n)
		for i, c := range claims[:n] {
			keys[i] = l.keys.claimLease(c, gens[index[c.Table]])
		}
		if err := s.opts.Effects.Do(op, func() error { return s.rdb.Del(ctx, keys...).Err() }); err != nil {
			return classify(op, name, err)
		}
		claims = claims[n:]
	}
	return nil
}

// Wake makes the lane's owner look at its marks and at the requests of operators.
func (s *Store) Wake(ctx context.Context, name row.Lane) error {
	const op = "wal.wake"
	l, _, err := s.known(op, name)
	if err != nil {
		return err
	}
	return classify(op, name, s.opts.Effects.Do(op, func() error { return s.rdb.Publish(ctx, l.keys.wake(), "desk").Err() }))
}
