package wal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// tailSlice is how long Tail lets Redis hold its connection at a time: a
// blocked read does not see that ctx has ended.
const tailSlice = 200 * time.Millisecond

// TailConnections is how many connections one who tails a lane holds while it
// waits, beside all others.
const TailConnections = 1

// Tail returns up to most units after LSN after, in order and without a gap.
// If there are none it waits up to block for the first; none in time gives an
// empty list.
//
// ErrTrimmed (in a *row.Error that names the LSN): the WAL does not hold the
// unit after+1 although it was committed. ErrLost: the lane is another, or
// ends below after.
func (s *Store) Tail(ctx context.Context, name row.Lane, after row.LSN, most int, block time.Duration) ([]Record, error) {
	const op = "wal.tail"
	l, inc, err := s.known(op, name)
	if err != nil {
		return nil, err
	}
	if most < 1 {
		return nil, &row.Error{Op: op, Lane: name, Kind: row.Permanent, Err: fmt.Errorf("at most %d units asked for", most)}
	}
	deadline := time.Now().Add(block)
	for {
		recs, err := s.tailOnce(ctx, op, l, inc, after, most)
		left := time.Until(deadline)
		if err != nil || len(recs) > 0 || left <= 0 {
			return recs, err
		}
		wait := max(time.Millisecond, min(left, tailSlice))
		err = s.rdb.XRead(ctx, &redis.XReadArgs{
			Streams: []string{l.keys.wal(), streamID(after)}, Count: 1, Block: wait,
		}).Err()
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, classify(op, name, err)
		}
	}
}

// tailOnce reads what is there. The marks are read before the stream, so
// everything they speak of is in it, unless it was trimmed.
func (s *Store) tailOnce(ctx context.Context, op string, l *lane, inc string, after row.LSN, most int) ([]Record, error) {
	var meta *redis.SliceCmd
	var entries *redis.XMessageSliceCmd
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		meta = p.HMGet(ctx, l.keys.meta(), "incarnation", "lsn")
		entries = p.XRangeN(ctx, l.keys.wal(), streamID(after+1), "+", int64(most))
		return nil
	})
	if err != nil {
		return nil, classify(op, l.name, err)
	}
	m := meta.Val()
	if len(m) != 2 {
		return nil, unexpected(op, l.name, m)
	}
	if m[0] != inc {
		return nil, fmt.Errorf("%s: %w", op, ErrLost)
	}
	lsn, err := parseLSN(m[1])
	if err != nil {
		return nil, unexpected(op, l.name, m)
	}
	if lsn < after {
		return nil, fmt.Errorf("%s: the lane ends at %d, before %d: %w", op, lsn, after, ErrLost)
	}
	l.saw(lsn)
	recs := make([]Record, 0, len(entries.Val()))
	next := after + 1
	for _, e := range entries.Val() {
		data, ok := e.Values["u"].(string)
		if e.ID != streamID(next) || !ok {
			break
		}
		recs = append(recs, Record{LSN: next, Data: []byte(data), Incarnation: inc})
		next++
	}
	if len(recs) == 0 && (lsn > after || len(entries.Val()) > 0) || len(recs) < len(entries.Val()) {
		return nil, &row.Error{Op: op, Lane: l.name, LSN: next, Kind: row.Permanent, Err: fmt.Errorf("%w: found %s", ErrTrimmed, ids(entries.Val())),
			Hint: "MySQL's checkpoint and this Redis do not belong together: was one of them restored from a backup?"}
	}
	return recs, nil
}

// Above is the lowest LSN above after that the WAL holds, 0 if there is none.
// It does not look at incarnations: what is there is there.
func (s *Store) Above(ctx context.Context, name row.Lane, after row.LSN) (row.LSN, error) {
	const op = "wal.above"
	found, err := s.rdb.XRangeN(ctx, s.lane(name).keys.wal(), streamID(after+1), "+", 1).Result()
	if err != nil || len(found) == 0 {
		return 0, classify(op, name, err)
	}
	id, _, _ := strings.Cut(found[0].ID, "-")
	lsn, err := parseLSN(id)
	if err != nil {
		return 0, unexpected(op, name, id)
	}
	return lsn, nil
}

// streamID is the id of a unit's entry.
func streamID(n row.LSN) string { return strconv.FormatUint(uint64(n), 10) + "-0" }

// ids names the first entries for an error.
func ids(entries []redis.XMessage) string {
	if len(entries) == 0 {
		return "nothing"
	}
	var list []string
	for _, e := range entries[:min(3, len(entries))] {
		list = append(list, e.ID)
	}
	return strings.Join(list, ", ")
}
