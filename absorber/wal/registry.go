package wal

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/effect"
)

// Registry is where the processes on one Redis agree on which schema and which
// set of absorbed tables they work with: a version that whoever changes
// something counts up, and what each live process has adopted of it.
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

// beat tells the version and refreshes the caller's entry in one step, so that
// a process is never counted as gone while it is about to act on a version.
var beat = redis.NewScript(`
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3] * 20)
return redis.call('GET', KEYS[1]) or '0'`)

// Beat records what the process has adopted, for ttl, and returns the
// registry's version.
func (r *Registry) Beat(ctx context.Context, s Seen, ttl time.Duration) (uint64, error) {
	now, err := r.rdb.Time(ctx).Result()
	if err != nil {
		return 0, fmt.Errorf("beat: %w", err)
	}
	entry := fmt.Sprintf("%d:%d:%d", s.Statements, s.Transactions, now.Add(ttl).UnixMilli())
	var v string
	err = r.effects.Do("registry.beat", func() error {
		v, err = beat.Run(ctx, r.rdb, []string{r.prefix + ":version", r.prefix + ":processes"}, s.Process, entry, ttl.Milliseconds()).Text()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("beat: %w", err)
	}
	return strconv.ParseUint(v, 10, 64)
}

// Bump counts the version up and returns the new one.
func (r *Registry) Bump(ctx context.Context) (uint64, error) {
	var v uint64
	err := r.effects.Do("registry.bump", func() (err error) {
		v, err = r.rdb.Incr(ctx, r.prefix+":version").Uint64()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("bump the registry's version: %w", err)
	}
	return v, nil
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
