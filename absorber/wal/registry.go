package wal

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/effect"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// Registry is where the processes on one Redis agree on which schema and which
// set of absorbed tables they work with: a version that whoever changes
// something counts up, what changed with each of the last versions, and what
// each live process has adopted of it.
type Registry struct {
	rdb     redis.UniversalClient
	prefix  string
	effects effect.Hook
}

// Seen is how far a process has adopted the registry's version: no statement
// and no transaction that it runs began under an older one.
type Seen struct {
	Process      string
	Statements   uint64
	Transactions uint64
}

// NewRegistry makes a registry for a store with these options.
func NewRegistry(rdb redis.UniversalClient, opts Options) *Registry {
	opts = opts.withDefaults()
	return &Registry{rdb: rdb, prefix: opts.Prefix + ":{registry}", effects: opts.Effects}
}

// keptChanges is of how many versions it is known what changed with them.
const keptChanges = 256

// beat tells the version and refreshes the caller's entry in one step, so that
// a process is never counted as gone while it is about to act on a version. A
// Redis that was emptied counts on from what the processes have seen.
var beat = redis.NewScript(`
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3] * 20)
local v = redis.call('GET', KEYS[1]) or '0'
if tonumber(v) < tonumber(ARGV[4]) then
	v = ARGV[4]
	redis.call('SET', KEYS[1], v)
end
return v`)

// bump counts the version up, notes what changed with it, and wakes the others.
var bump = redis.NewScript(`
local v = redis.call('INCR', KEYS[1])
if v <= tonumber(ARGV[1]) then
	v = tonumber(ARGV[1]) + 1
	redis.call('SET', KEYS[1], v)
end
redis.call('HSET', KEYS[2], v, ARGV[2])
redis.call('HDEL', KEYS[2], v - tonumber(ARGV[3]))
redis.call('PUBLISH', KEYS[3], v)
return v`)

// Beat records what the process has adopted, for ttl, and returns the
// registry's version.
func (r *Registry) Beat(ctx context.Context, s Seen, ttl time.Duration) (uint64, error) {
	now, err := r.rdb.Time(ctx).Result()
	if err != nil {
		return 0, fmt.Errorf("beat: %w", err)
	}
	floor := s.Statements // in the caller's count, in which 0 is none
	if floor > 0 {
		floor--
	}
	entry := fmt.Sprintf("%d:%d:%d", s.Statements, s.Transactions, now.Add(ttl).UnixMilli())
	var v string
	err = r.effects.Do("registry.beat", func() error {
		v, err = beat.Run(ctx, r.rdb, []string{r.prefix + ":version", r.prefix + ":processes"}, s.Process, entry, ttl.Milliseconds(), floor).Text()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("beat: %w", err)
	}
	return strconv.ParseUint(v, 10, 64)
}

// Bump counts the version up, above seen at least, and returns the new one.
// tables are all whose definition may have changed; nil means
// that anything may have.
func (r *Registry) Bump(ctx context.Context, seen uint64, tables []schema.Name) (uint64, error) {
	changed, err := json.Marshal(tables)
	if err != nil {
		return 0, fmt.Errorf("bump the registry's version: %w", err)
	}
	var v uint64
	err = r.effects.Do("registry.bump", func() (err error) {
		v, err = bump.Run(ctx, r.rdb, []string{r.prefix + ":version", r.prefix + ":changes", r.channel()}, seen, changed, keptChanges).Uint64()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("bump the registry's version: %w", err)
	}
	return v, nil
}

// Changes are the tables whose definitions have changed with the versions above
// from, up to upto. known is false if anything may have.
func (r *Registry) Changes(ctx context.Context, from, upto uint64) (tables []schema.Name, known bool, err error) {
	if from >= upto || upto-from > keptChanges {
		return nil, false, nil
	}
	var versions []string
	for v := from + 1; v <= upto; v++ {
		versions = append(versions, strconv.FormatUint(v, 10))
	}
	records, err := r.rdb.HMGet(ctx, r.prefix+":changes", versions...).Result()
	if err != nil {
		return nil, false, fmt.Errorf("ask what changed: %w", err)
	}
	for _, record := range records {
		text, ok := record.(string)
		var some []schema.Name
		if !ok || json.Unmarshal([]byte(text), &some) != nil || some == nil {
			return nil, false, nil
		}
		tables = append(tables, some...)
	}
	return tables, true, nil
}

// channel is where changes are told.
func (r *Registry) channel() string { return r.prefix + ":changed" }

// Watch calls f when some process has counted the version up, until ctx ends.
// A change may be missed (Redis' publish is at most once): beat from time to
// time as well.
func (r *Registry) Watch(ctx context.Context, f func()) error {
	sub := r.rdb.Subscribe(ctx, r.channel())
	messages := sub.Channel()
	for {
		select {
		case <-ctx.Done():
			return sub.Close()
		case _, ok := <-messages:
			if !ok {
				return nil
			}
			f()
		}
	}
}

// Live lists what the processes whose entries have not expired have adopted.
func (r *Registry) Live(ctx context.Context) ([]Seen, error) {
	now, err := r.rdb.Time(ctx).Result()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	all, err := r.rdb.HGetAll(ctx, r.prefix+":processes").Result()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var live []Seen
	for process, entry := range all {
		f := strings.Split(entry, ":")
		if len(f) != 3 {
			return nil, fmt.Errorf("list processes: entry %q of %s is not stmts:txns:expiry", entry, process)
		}
		var n [3]uint64
		for i := range f {
			if n[i], err = strconv.ParseUint(f[i], 10, 64); err != nil {
				return nil, fmt.Errorf("list processes: %w", err)
			}
		}
		if int64(n[2]) < now.UnixMilli() {
			continue
		}
		live = append(live, Seen{Process: process, Statements: n[0], Transactions: n[1]})
	}
	return live, nil
}

// Leave removes the process's entry, so that nobody waits for it.
func (r *Registry) Leave(ctx context.Context, process string) error {
	err := r.effects.Do("registry.leave", func() error { return r.rdb.HDel(ctx, r.prefix+":processes", process).Err() })
	if err != nil {
		return fmt.Errorf("leave the registry: %w", err)
	}
	return nil
}
