package queue

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/effect"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

var (
	//go:embed lua/publish.lua
	publishSource string
	//go:embed lua/floor.lua
	floorSource string

	publishScript = redis.NewScript(publishSource)
	floorScript   = redis.NewScript(floorSource)
)

const (
	// pollSlice is how long one blocking read stays with the server. go-redis
	// does not interrupt a read when its context is cancelled, so this is also
	// how late a cancelled Poll may return.
	pollSlice = 100 * time.Millisecond
	// pollCount and publishCount bound one call, in records, so that no call
	// keeps the server to itself.
	pollCount    = 512
	publishCount = 256
	// publishBytes bounds one script call: a server takes no more than 512 MB
	// in one argument and should not be held up by far less.
	publishBytes = 4 << 20
)

// PollConnections is how many connections one who polls a lane of a Redis holds
// while it waits, beside all others.
const PollConnections = 1

// Redis is the queue as one stream a lane, `<prefix>:{lane}:queue`, with the
// hash `<prefix>:{lane}:queue:meta` beside it.
type Redis struct {
	rdb     redis.UniversalClient
	prefix  string
	effects effect.Hook
	closed  atomic.Bool

	mu      sync.Mutex
	told    map[row.Lane]bool // readers that know that the lane was empty
	refused map[row.Lane]row.Refusals
}

// RedisOptions tune the queue in Redis.
type RedisOptions struct {
	Prefix  string      // of all keys; "" = "sa"
	Effects effect.Hook // nil but in tests
}

// NewRedis makes a queue on a client, which stays the caller's: Close leaves
// it open.
func NewRedis(rdb redis.UniversalClient, opts RedisOptions) *Redis {
	if opts.Prefix == "" {
		opts.Prefix = "sa"
	}
	return &Redis{rdb: rdb, prefix: opts.Prefix, effects: opts.Effects, told: make(map[row.Lane]bool), refused: make(map[row.Lane]row.Refusals)}
}

// keys are the lane's stream and its hash, in one slot of a cluster.
func (r *Redis) keys(lane row.Lane) []string {
	stream := fmt.Sprintf("%s:{%s}:queue", r.prefix, lane)
	return []string{stream, stream + ":meta"}
}

// Publish appends the records. If it fails some of them may be there; to
// publish them again is harmless.
func (r *Redis) Publish(ctx context.Context, lane row.Lane, recs []wal.Record) error {
	if r.closed.Load() {
		return ErrClosed
	}
	keys := r.keys(lane)
	for len(recs) > 0 {
		var args []any
		bytes := 0
		n := 0
		for n < len(recs) && n < publishCount && (n == 0 || bytes+len(recs[n].Data) <= publishBytes) {
			rec := &recs[n]
			args = append(args, rec.LSN.String(), rec.Incarnation, uint64(rec.Epoch), rec.Data)
			bytes += len(rec.Data)
			n++
		}
		err := r.effects.Do(opPublish, func() error { return publishScript.Run(ctx, r.rdb, keys, args...).Err() })
		if err != nil {
			return redisError(ctx, opPublish, lane, recs[0].LSN, err)
		}
		recs = recs[n:]
	}
	return nil
}

// Poll returns the records from after+1 on, waiting for the first.
func (r *Redis) Poll(ctx context.Context, lane row.Lane, after row.LSN, max int) ([]wal.Record, error) {
	waited := false
	for {
		if r.closed.Load() {
			return nil, ErrClosed
		}
		recs, missing, err := r.look(ctx, lane, after, max)
		if err != nil || len(recs) > 0 {
			return recs, err
		}
		// The stream has nothing above after, and yet there was more: the
		// publish script may have started over a moment ago, with the rest on
		// its way. Wait one slice before calling it a gap.
		if missing && waited {
			return nil, &row.Error{Op: "queue.poll", Lane: lane, LSN: after + 1, Kind: row.Transient, Err: ErrGap}
		}
		err = r.rdb.XRead(ctx, &redis.XReadArgs{
			Streams: []string{r.keys(lane)[0], after.String() + "-0"}, Count: 1, Block: pollSlice,
		}).Err()
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, redisError(ctx, "queue.poll", lane, after+1, err)
		}
		waited = true
	}
}

// look reads what stands above after. missing says that there is nothing
// although the lane's top is higher.
func (r *Redis) look(ctx context.Context, lane row.Lane, after row.LSN, most int) (recs []wal.Record, missing bool, err error) {
	keys := r.keys(lane)
	// The hash first: read the other way round, a record published in between
	// would be missed and its top seen.
	pipe := r.rdb.Pipeline()
	meta := pipe.HMGet(ctx, keys[1], "top", "floor")
	read := pipe.XRangeN(ctx, keys[0], "("+after.String()+"-0", "+", int64(min(most, pollCount)))
	// The error of Exec is the first of the two below.
	_, _ = pipe.Exec(ctx)
	marks, err := meta.Result()
	if err == nil && len(marks) != 2 {
		err = fmt.Errorf("HMGET gave %d values for 2 fields", len(marks))
	}
	if err != nil {
		return nil, false, redisError(ctx, "queue.poll", lane, after+1, err)
	}
	found, err := read.Result()
	if err != nil {
		return nil, false, redisError(ctx, "queue.poll", lane, after+1, err)
	}
	top, floor := lsnOf(marks[0]), lsnOf(marks[1])
	if after < floor {
		// The drainer's checkpoint went back: let the relay publish again what
		// was forgotten.
		if err := floorScript.Run(ctx, r.rdb, keys, after.String(), "down").Err(); err != nil {
			return nil, false, redisError(ctx, "queue.poll", lane, after+1, err)
		}
		top = max(top, floor)
	}
	if len(found) == 0 {
		if marks[0] == nil && marks[1] == nil && !r.tell(lane) {
			return nil, false, &row.Error{Op: "queue.poll", Lane: lane, LSN: after + 1, Kind: row.Transient, Err: ErrGap}
		}
		return nil, top > after, nil
	}
	recs, err = decodeStream(found, after)
	if err != nil {
		return nil, false, &row.Error{Op: "queue.poll", Lane: lane, LSN: after + 1, Kind: row.Permanent, Err: err,
			Hint: "something else writes to " + keys[0] + ": remove it, and DEL the key; the relay fills it again"}
	}
	r.mu.Lock()
	refused := r.refused[lane]
	r.mu.Unlock()
	if i := slices.IndexFunc(recs, func(rec wal.Record) bool { return refused.Hold(rec.LSN, rec.Epoch) }); i >= 0 {
		recs = recs[:i]
	}
	if len(recs) == 0 {
		return nil, false, &row.Error{Op: "queue.poll", Lane: lane, LSN: after + 1, Kind: row.Transient, Err: ErrGap}
	}
	return recs, false, nil
}

// Refuse refuses records of former owners.
func (r *Redis) Refuse(lane row.Lane, refused row.Refusals) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused[lane] = r.refused[lane].Or(refused)
}

// tell returns whether the lane's reader knows already that it was empty.
func (r *Redis) tell(lane row.Lane) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	told := r.told[lane]
	r.told[lane] = true
	return told
}

// decodeStream turns entries into records and keeps those that are contiguous
// from after+1.
func decodeStream(entries []redis.XMessage, after row.LSN) ([]wal.Record, error) {
	recs := make([]wal.Record, 0, len(entries))
	for i, e := range entries {
		head, _, _ := strings.Cut(e.ID, "-")
		lsn, err := strconv.ParseUint(head, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("the stream id %q is no LSN: %w", e.ID, err)
		}
		if row.LSN(lsn) != after+row.LSN(i)+1 {
			break
		}
		data, ok := e.Values["d"].(string)
		inc, _ := e.Values["i"].(string)
		if !ok {
			return nil, fmt.Errorf("the stream entry %s has no data", e.ID)
		}
		recs = append(recs, wal.Record{LSN: row.LSN(lsn), Data: []byte(data), Incarnation: inc, Epoch: row.Epoch(lsnOf(e.Values["e"]))})
	}
	return recs, nil
}

// lsnOf reads an LSN of the hash, or an epoch; a field that is not there is 0.
func lsnOf(v any) row.LSN {
	s, _ := v.(string)
	// Only our scripts write them. 0 makes the reader search, never skip.
	n, _ := strconv.ParseUint(s, 10, 64)
	return row.LSN(n)
}

// Forget trims the stream.
func (r *Redis) Forget(ctx context.Context, lane row.Lane, upto row.LSN) error {
	if r.closed.Load() {
		return ErrClosed
	}
	err := r.effects.Do(opForget, func() error { return floorScript.Run(ctx, r.rdb, r.keys(lane), upto.String(), "up").Err() })
	if err != nil {
		return redisError(ctx, opForget, lane, upto, err)
	}
	return nil
}

// Top returns the highest LSN ever published in the lane, 0 if none.
func (r *Redis) Top(ctx context.Context, lane row.Lane) (row.LSN, error) {
	if r.closed.Load() {
		return 0, ErrClosed
	}
	top, err := r.rdb.HGet(ctx, r.keys(lane)[1], "top").Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return 0, redisError(ctx, "queue.top", lane, 0, err)
	}
	return lsnOf(top), nil
}

// Window keeps the stream from holding the backlog a second time.
func (r *Redis) Window() int { return window }

// Close makes further calls fail. The client is the caller's.
func (r *Redis) Close() error {
	r.closed.Store(true)
	return nil
}

// redisError is a failed call. Each of them may be repeated: a publish that
// did arrive is found again by its LSN. A cancelled context stays itself.
func redisError(ctx context.Context, op string, lane row.Lane, lsn row.LSN, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	hint := ""
	if strings.HasPrefix(err.Error(), "OOM") {
		hint = "redis has reached maxmemory: raise it"
	}
	return &row.Error{Op: op, Lane: lane, LSN: lsn, Kind: row.Transient, Hint: hint, Err: err}
}
