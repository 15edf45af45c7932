package wal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// NextAutoIncrement takes n values from the table's counter: the first is the
// smallest offset + k*increment not given out yet, the others follow at
// increment. n = 0 only looks. ok is false if the counter is not seeded for
// this generation of the table. A value above 2^53 - 1 is a Permanent error,
// and so is an offset above the increment, unless the increment is 1: MariaDB
// 10.11 gives 4, 9, 10 for increment 5 and offset 10.
func (s *Store) NextAutoIncrement(ctx context.Context, name row.Lane, state TableState, table string, n, increment, offset uint64) (first uint64, ok bool, err error) {
	const op = "wal.auto_next"
	if increment == 1 {
		offset = 1 // any offset gives every number
	}
	if offset == 0 || offset > increment || n > maxExact || increment > maxExact {
		return 0, false, &row.Error{Op: op, Lane: name, Kind: row.Permanent,
			Err:  fmt.Errorf("%d values at auto_increment_increment %d and auto_increment_offset %d", n, increment, offset),
			Hint: "an offset above the increment gives values that follow no rule: let MySQL execute the statement"}
	}
	return s.counter(ctx, op, name, state, table, "take", n, increment, offset)
}

// SeedAutoIncrement sets the value the counter gives out next, unless it is
// further already. So is one of another generation that was never handed over
// to MySQL (ShutGate): its table's state was lost.
func (s *Store) SeedAutoIncrement(ctx context.Context, name row.Lane, state TableState, table string, next uint64) error {
	_, _, err := s.counter(ctx, "wal.auto_seed", name, state, table, "seed", next)
	return err
}

// RaiseAutoIncrement pushes the counter above a value that a statement gave
// explicitly. ErrUnseeded if the counter is not there for this generation.
func (s *Store) RaiseAutoIncrement(ctx context.Context, name row.Lane, state TableState, table string, used uint64) error {
	const op = "wal.auto_raise"
	_, ok, err := s.counter(ctx, op, name, state, table, "raise", used)
	if err == nil && !ok {
		err = fmt.Errorf("%s %s: %w", op, table, ErrUnseeded)
	}
	return err
}

// KeepAutoIncrement makes sure that no value below next is given out, which
// this process was given under the state and Redis may have lost, unless the
// counter has been handed over to MySQL since. The lane may be closed.
func (s *Store) KeepAutoIncrement(ctx context.Context, name row.Lane, state TableState, table string, next uint64) error {
	const op = "wal.auto_keep"
	l := s.lane(name)
	_, err := s.admin(ctx, op, l, s.scripts.auto, []any{l.keys.table(table), l.keys.auto(table)}, []any{state.stem(), "keep", next})
	return err
}

// Counter is a table's AUTO_INCREMENT counter in Redis: Next is the value that
// it gives out next, 0 if it is not there.
type Counter struct {
	Next uint64
	text string
}

// Counter reads a table's counter, of whatever generation.
func (s *Store) Counter(ctx context.Context, name row.Lane, table string) (Counter, error) {
	const op = "wal.counter"
	l, _, err := s.usable(op, name)
	if err != nil {
		return Counter{}, err
	}
	text, err := s.rdb.Get(ctx, l.keys.auto(table)).Result()
	if errors.Is(err, redis.Nil) {
		return Counter{}, nil
	}
	if err != nil {
		return Counter{}, classify(op, name, err)
	}
	if f := strings.Split(text, ":"); len(f) > 1 {
		if next, err := strconv.ParseUint(f[1], 10, 64); err == nil {
			return Counter{next, text}, nil
		}
	}
	return Counter{}, unexpected(op, name, text)
}

// counter runs the script with a verb and its numbers. ErrGated unless the
// gate is open.
func (s *Store) counter(ctx context.Context, op string, name row.Lane, state TableState, table, verb string, n ...uint64) (uint64, bool, error) {
	l, _, err := s.usable(op, name)
	if err != nil {
		return 0, false, err
	}
	tooFar := &row.Error{Op: op, Lane: name, Kind: row.Permanent, Err: errors.New("AUTO_INCREMENT has come to 2^53"),
		Hint: "values above 9007199254740991 cannot be given out here: do not absorb table " + table}
	args := []any{state.stem(), verb}
	for _, v := range n {
		if v > maxExact {
			return 0, false, tooFar
		}
		args = append(args, v)
	}
	reply, err := s.ask(ctx, op, &call{lane: l, script: s.scripts.auto, keys: []any{l.keys.table(table), l.keys.auto(table)}, args: args})
	if err != nil {
		return 0, false, err
	}
	list, ok := reply.([]any)
	if !ok || len(list) == 0 {
		return 0, false, unexpected(op, name, reply)
	}
	if err := state.admits(list[0]); err != nil {
		return 0, false, fmt.Errorf("%s %s: %w", op, table, err)
	}
	if len(list) != 2 {
		return 0, false, fmt.Errorf("%s %s: %w", op, table, ErrGated)
	}
	if list[1] == nil {
		return 0, false, nil
	}
	if list[1] == "range" {
		return 0, false, tooFar
	}
	first, err := parseLSN(list[1])
	if err != nil {
		return 0, false, unexpected(op, name, reply)
	}
	return uint64(first), true, nil
}
