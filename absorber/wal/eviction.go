package wal

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// allkeys begins the names of the policies under which Redis may evict keys
// without a TTL: dirty rows and the log have none.
const allkeys = "allkeys-"

// CheckEviction looks whether Redis may evict acknowledged writes as it is set
// up now: Check has looked at the start, and anybody may change it since. As
// long as it may, commits and reads of the cache are refused with the error
// returned here. A server that does not tell its policy is trusted.
func (s *Store) CheckEviction(ctx context.Context) error {
	const op = "wal.check_eviction"
	policy, err := s.evictionPolicy(ctx)
	if err != nil {
		return classify(op, "", err) // nothing new is known
	}
	if !strings.HasPrefix(policy, allkeys) {
		s.evicts.Store(nil)
		return nil
	}
	s.evicts.Store(&policy)
	return s.trusted(op)
}

// trusted is the error for a Redis that may evict what was acknowledged.
func (s *Store) trusted(op string) error {
	policy := s.evicts.Load()
	if policy == nil {
		return nil
	}
	return evicting(op, *policy)
}

// evicting names a policy that may drop writes, and what to do.
func evicting(op, policy string) error {
	return refusedSetup(op, "maxmemory-policy "+policy+" may evict acknowledged writes",
		"CONFIG SET maxmemory-policy volatile-lru (or noeviction), and the same in redis.conf")
}

// evictionPolicy is the policy of Redis, of a cluster that of a node whose
// policy is dangerous, if there is one; "" if it is not told.
func (s *Store) evictionPolicy(ctx context.Context) (string, error) {
	ask := func(node redis.UniversalClient) (string, error) {
		text, err := node.Info(ctx, "memory").Result()
		if err = tolerate(err); err != nil {
			return "", err
		}
		return infoLines(text)["maxmemory_policy"], nil
	}
	cluster, ok := s.rdb.(*redis.ClusterClient)
	if !ok {
		return ask(s.rdb)
	}
	var mu sync.Mutex
	worst := ""
	err := cluster.ForEachMaster(ctx, func(_ context.Context, node *redis.Client) error {
		policy, err := ask(node)
		if err != nil {
			return fmt.Errorf("ask %s: %w", node.Options().Addr, err)
		}
		mu.Lock()
		defer mu.Unlock()
		if worst == "" || strings.HasPrefix(policy, allkeys) {
			worst = policy
		}
		return nil
	})
	return worst, err
}
