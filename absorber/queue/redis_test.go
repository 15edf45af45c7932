package queue

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// overRedis runs a scenario on the stand-in and on the server.
func overRedis(t *testing.T, scenario func(t *testing.T, rdb *redis.Client, q *Redis)) {
	addrs := map[string]func(t *testing.T) string{
		"miniredis": func(t *testing.T) string { return miniredis.RunT(t).Addr() },
		"redis":     func(t *testing.T) string { return servertest.Redis(t).Addr },
		"redis8":    func(t *testing.T) string { return servertest.Redis8(t).Addr },
		"valkey":    func(t *testing.T) string { return servertest.Valkey(t).Addr },
	}
	for name, addr := range addrs {
		t.Run(name, func(t *testing.T) {
			rdb := redis.NewClient(&redis.Options{Addr: addr(t)})
			t.Cleanup(func() { _ = rdb.Close() })
			scenario(t, rdb, closing(t, NewRedis(rdb, RedisOptions{})))
		})
	}
}

// All keys of a lane carry its hash tag, and the stream's ids are LSNs; what
// is forgotten leaves the stream.
func TestRedisKeys(t *testing.T) {
	overRedis(t, func(t *testing.T, rdb *redis.Client, q *Redis) {
		publish(t, q, laneA, 1, 5)
		forget(t, q, laneA, 3)
		keys := rdb.Keys(t.Context(), "*").Val()
		for _, key := range keys {
			if !strings.HasPrefix(key, "sa:{a}:queue") {
				t.Errorf("the key %s is outside of the lane", key)
			}
		}
		entries := rdb.XRange(t.Context(), "sa:{a}:queue", "-", "+").Val()
		if len(keys) != 2 || len(entries) != 2 || entries[0].ID != "4-0" || entries[1].ID != "5-0" {
			t.Fatalf("keys %v, entries %v", keys, entries)
		}
	})
}

// Somebody deletes the stream, or the hash, or all of Redis: what was
// published is asked for again.
func TestRedisLosesItsKeys(t *testing.T) {
	stream, meta := "sa:{a}:queue", "sa:{a}:queue:meta"
	for name, lost := range map[string][]string{"stream": {stream}, "hash": {meta}, "both": {stream, meta}} {
		t.Run(name, func(t *testing.T) {
			overRedis(t, func(t *testing.T, rdb *redis.Client, q *Redis) {
				publish(t, q, laneA, 1, 20)
				expect(t, q, laneA, 0, 5)
				forget(t, q, laneA, 5)
				if err := rdb.Del(t.Context(), lost...).Err(); err != nil {
					t.Fatal(err)
				}
				drain(t, q, laneA, 5, 20)
				publish(t, q, laneA, 21, 22)
				expect(t, q, laneA, 20, 22)
			})
		})
	}
}

// LSNs above 2^31 and near 2^53 keep their value through the scripts.
func TestRedisLargeLSN(t *testing.T) {
	overRedis(t, func(t *testing.T, _ *redis.Client, q *Redis) {
		for _, from := range []row.LSN{3_000_000_000, 1<<53 - 20} {
			publish(t, q, laneA, from, from+10)
			expect(t, q, laneA, from-1, from+10)
			publish(t, q, laneA, from+5, from+12)
			expect(t, q, laneA, from+10, from+12)
			forget(t, q, laneA, from+12)
			if top, err := q.Top(t.Context(), laneA); err != nil || top != from+12 {
				t.Fatalf("top %d, error %v", top, err)
			}
		}
	})
}

// What something else put into the stream is an error with the key's name.
func TestRedisForeignEntry(t *testing.T) {
	overRedis(t, func(t *testing.T, rdb *redis.Client, q *Redis) {
		publish(t, q, laneA, 1, 1)
		if err := rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: "sa:{a}:queue", ID: "2-0", Values: []string{"x", "y"}}).Err(); err != nil {
			t.Fatal(err)
		}
		_, err := q.Poll(t.Context(), laneA, 1, 10)
		var typed *row.Error
		if !errors.As(err, &typed) || typed.Kind != row.Permanent || !strings.Contains(typed.Hint, "sa:{a}:queue") {
			t.Fatalf("%v", err)
		}
	})
}

// Many records and bytes in one Publish are cut into calls of bounded size.
func TestRedisCutsPublishes(t *testing.T) {
	overRedis(t, func(t *testing.T, rdb *redis.Client, q *Redis) {
		publish(t, q, laneA, 1, 3*publishCount+1)
		expect(t, q, laneA, 0, 3*publishCount+1)
		recs := make([]wal.Record, 4)
		for i := range recs {
			recs[i] = wal.Record{LSN: row.LSN(i + 1), Data: make([]byte, publishBytes-10)}
		}
		if err := q.Publish(t.Context(), laneB, recs); err != nil {
			t.Fatal(err)
		}
		if n := rdb.XLen(t.Context(), "sa:{b}:queue").Val(); n != 4 {
			t.Fatalf("%d entries", n)
		}
	})
}

// Redis dies and comes back: calls fail as transient, then go on.
func TestRedisRestart(t *testing.T) {
	server := servertest.Redis(t, "--appendfsync", "always")
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr, MaxRetries: -1})
	t.Cleanup(func() { _ = rdb.Close() })
	q := closing(t, NewRedis(rdb, RedisOptions{Prefix: "x"}))
	publish(t, q, laneA, 1, 10)
	expect(t, q, laneA, 0, 4)
	server.Kill()
	calls := map[string]func() error{
		"publish": func() error { return q.Publish(t.Context(), laneA, units(laneA, 11, 12)) },
		"poll":    func() error { _, err := q.Poll(t.Context(), laneA, 4, 1); return err },
		"forget":  func() error { return q.Forget(t.Context(), laneA, 4) },
		"top":     func() error { _, err := q.Top(t.Context(), laneA); return err },
	}
	for name, call := range calls {
		var typed *row.Error
		if err := call(); !errors.As(err, &typed) || typed.Kind != row.Transient || typed.Op != "queue."+name {
			t.Errorf("%s: %v", name, err)
		}
	}
	server.Restart()
	publish(t, q, laneA, 11, 12)
	expect(t, q, laneA, 4, 12)
}

// A Redis that is full refuses, and the error says which setting is in the way.
func TestRedisOutOfMemory(t *testing.T) {
	server := servertest.Redis(t)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { _ = rdb.Close() })
	q := closing(t, NewRedis(rdb, RedisOptions{}))
	publish(t, q, laneA, 1, 2)
	limit := func(value string) {
		if err := rdb.ConfigSet(context.Background(), "maxmemory", value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	limit("1")
	err := q.Publish(t.Context(), laneA, units(laneA, 3, 4))
	var typed *row.Error
	if !errors.As(err, &typed) || typed.Kind != row.Transient || !strings.Contains(typed.Hint, "maxmemory") {
		t.Fatalf("%v", err)
	}
	expect(t, q, laneA, 0, 2)
	limit("0")
	publish(t, q, laneA, 3, 4)
	expect(t, q, laneA, 2, 4)
}
