package wal

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// Load is what a lane's backlog costs, as a look every now and then finds it.
type Load struct {
	Bytes  int64         // of Redis' memory that the log takes, estimated from samples
	Age    time.Duration // since the oldest unit in the log was accepted; 0 if there is none
	Memory float64       // used part of maxmemory of the lane's Redis; 0 without a limit
}

// memorySamples is how many nodes of the log MEMORY USAGE looks at.
const memorySamples = 20

// Load measures the lane's backlog. Ages are by the clocks of the processes
// that accepted the units.
func (s *Store) Load(ctx context.Context, name row.Lane) (Load, error) {
	const op = "wal.load"
	l := s.lane(name)
	var out Load
	first, err := s.rdb.XRangeN(ctx, l.keys.wal(), "-", "+", 1).Result()
	if err != nil {
		return out, classify(op, name, err)
	}
	if len(first) > 0 {
		data, _ := first[0].Values["u"].(string)
		u, err := Decode([]byte(data))
		if err != nil {
			return out, &row.Error{Op: op, Lane: name, Kind: row.Permanent, Err: err}
		}
		out.Age = max(0, time.Since(time.UnixMilli(u.AcceptedMs)))
		if out.Bytes, err = s.logBytes(ctx, l, len(data)); err != nil {
			return out, classify(op, name, err)
		}
	}
	if out.Memory, err = s.memory(ctx, l); err != nil {
		return out, classify(op, name, err)
	}
	return out, nil
}

// logBytes is what the log takes. A server without MEMORY USAGE gives the
// number of units times the size of the first.
func (s *Store) logBytes(ctx context.Context, l *lane, first int) (int64, error) {
	n, err := s.rdb.MemoryUsage(ctx, l.keys.wal(), memorySamples).Result()
	var reply redis.Error
	switch {
	case errors.Is(err, redis.Nil): // trimmed meanwhile
		return 0, nil
	case errors.As(err, &reply):
		units, err := s.rdb.XLen(ctx, l.keys.wal()).Result()
		return units * int64(first), err
	}
	return n, err
}

// memory is the used part of maxmemory.
func (s *Store) memory(ctx context.Context, l *lane) (float64, error) {
	var node redis.UniversalClient = s.rdb
	if c, ok := s.rdb.(*redis.ClusterClient); ok {
		master, err := c.MasterForKey(ctx, l.keys.meta())
		if err != nil {
			return 0, err
		}
		node = master
	}
	text, err := node.Info(ctx, "memory").Result()
	if err = tolerate(err); err != nil {
		return 0, err
	}
	info := infoLines(text)
	used, err1 := strconv.ParseFloat(info["used_memory"], 64)
	limit, err2 := strconv.ParseFloat(info["maxmemory"], 64)
	if err1 != nil || err2 != nil || limit <= 0 {
		return 0, nil
	}
	return used / limit, nil
}
