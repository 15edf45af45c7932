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

// Taken are AUTO_INCREMENT values that a counter gave out: First, and the others
// of N at Increment.
type Taken struct {
	First, N, Increment, Offset uint64
	before                      series
}

// series is what a counter gives out next, and at which steps it counts.
type series struct{ next, increment, offset uint64 }

// Part are n of the values, from number from on.
func (v Taken) Part(from, n uint64) Taken {
	if from > 0 {
		v.First += from * v.Increment
		v.before = series{v.First, v.Increment, v.Offset}
	}
	v.N = n
	return v
}

// NextAutoIncrement takes n values from the table's counter: the first is the
// smallest offset + k*increment not given out yet, the others follow at
// increment. n = 0 only looks. ok is false if the counter is not seeded for
// this generation of the table. A value above 2^53 - 1 is a Permanent error,
// and so is an offset above the increment, unless the increment is 1: MariaDB
// 10.11 gives 4, 9, 10 for increment 5 and offset 10.
func (s *Store) NextAutoIncrement(ctx context.Context, name row.Lane, state TableState, table string, n, increment, offset uint64) (v Taken, ok bool, err error) {
	const op = "wal.auto_next"
	if increment == 1 {
		offset = 1 // any offset gives every number
	}
	if offset == 0 || offset > increment || n > maxExact || increment > maxExact {
		return Taken{}, false, &row.Error{Op: op, Lane: name, Kind: row.Permanent,
			Err:  fmt.Errorf("%d values at auto_increment_increment %d and auto_increment_offset %d", n, increment, offset),
			Hint: "an offset above the increment gives values that follow no rule: let MySQL execute the statement"}
	}
	reply, err := s.counter(ctx, op, name, state, table, "take", n, increment, offset)
	if err != nil || len(reply) == 0 {
		return Taken{}, false, err
	}
	if len(reply) != 4 {
		return Taken{}, false, unexpected(op, name, reply)
	}
	return Taken{reply[0], n, increment, offset, series{reply[1], reply[2], reply[3]}}, true, nil
}

// GiveBackAutoIncrement makes the counter what it was before it gave out values
// that nobody will use, and reports whether it could: not if it has given out
// others since that are still out, or if somebody uses one of these. It must be
// called once for the values, and asks Redis once: after an error they are gone,
// as after a rollback.
func (s *Store) GiveBackAutoIncrement(ctx context.Context, name row.Lane, state TableState, table string, v Taken) (bool, error) {
	const op = "wal.auto_back"
	c, err := s.counterCall(op, name, state, table, "back", v.First, v.First+v.N*v.Increment, v.Increment, v.Offset,
		v.before.next, v.before.increment, v.before.offset)
	if err != nil {
		return false, err
	}
	c.op = op
	reply, err := s.askOnce(ctx, c)
	if err != nil {
		return false, classify(op, name, err)
	}
	list, err := counterReply(op, c, state, table, reply)
	if errors.Is(err, ErrGated) || errors.Is(err, ErrStaleTable) {
		return false, nil
	}
	return len(list) > 0, err
}

// SeedAutoIncrement sets the value the counter gives out next, unless it is
// further already. So is one of another generation that was never handed over
// to MySQL (ShutGate): its table's state was lost.
func (s *Store) SeedAutoIncrement(ctx context.Context, name row.Lane, state TableState, table string, next uint64) error {
	_, err := s.counter(ctx, "wal.auto_seed", name, state, table, "seed", next)
	return err
}

// RaiseAutoIncrement pushes the counter above a value that a statement gave
// explicitly. ErrUnseeded if the counter is not there for this generation.
func (s *Store) RaiseAutoIncrement(ctx context.Context, name row.Lane, state TableState, table string, used uint64) error {
	const op = "wal.auto_raise"
	reply, err := s.counter(ctx, op, name, state, table, "raise", used)
	if err == nil && len(reply) == 0 {
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

// counter runs the script with a verb and its numbers, and returns those of the
// answer, none if there are none to tell. ErrGated unless the gate is open.
func (s *Store) counter(ctx context.Context, op string, name row.Lane, state TableState, table, verb string, n ...uint64) ([]uint64, error) {
	c, err := s.counterCall(op, name, state, table, verb, n...)
	if err != nil {
		return nil, err
	}
	reply, err := s.ask(ctx, op, c)
	if err != nil {
		return nil, err
	}
	return counterReply(op, c, state, table, reply)
}

// counterCall is a call of the script.
func (s *Store) counterCall(op string, name row.Lane, state TableState, table, verb string, n ...uint64) (*call, error) {
	l, _, err := s.usable(op, name)
	if err != nil {
		return nil, err
	}
	args := []any{state.stem(), verb}
	for _, v := range n {
		if v > maxExact {
			return nil, tooFar(op, name, table)
		}
		args = append(args, v)
	}
	return &call{lane: l, script: s.scripts.auto, keys: []any{l.keys.table(table), l.keys.auto(table)}, args: args}, nil
}

// counterReply takes the script's answer apart.
func counterReply(op string, c *call, state TableState, table string, reply any) ([]uint64, error) {
	name := c.lane.name
	list, ok := reply.([]any)
	if !ok || len(list) == 0 {
		return nil, unexpected(op, name, reply)
	}
	if err := state.admits(list[0]); err != nil {
		return nil, fmt.Errorf("%s %s: %w", op, table, err)
	}
	if list = list[1:]; len(list) == 0 {
		return nil, fmt.Errorf("%s %s: %w", op, table, ErrGated)
	}
	if list[0] == nil {
		return nil, nil
	}
	if list[0] == "range" {
		return nil, tooFar(op, name, table)
	}
	numbers := make([]uint64, len(list))
	for i, v := range list {
		n, err := parseLSN(v)
		if err != nil {
			return nil, unexpected(op, name, reply)
		}
		numbers[i] = uint64(n)
	}
	return numbers, nil
}

// tooFar is the error of a counter that cannot count that far.
func tooFar(op string, name row.Lane, table string) error {
	return &row.Error{Op: op, Lane: name, Kind: row.Permanent, Err: errors.New("AUTO_INCREMENT has come to 2^53"),
		Hint: "values above 9007199254740991 cannot be given out here: do not absorb table " + table}
}
