package sqlrewrite

import (
	"container/list"
	"hash/maphash"
	"sync"
)

// cacheShards is how many locks the plan cache has.
const cacheShards = 16

// bytesPerPlan bounds the memory of the keys: a cache for n plans keeps at
// most n*bytesPerPlan bytes of them, and no key longer than a shard's share.
const bytesPerPlan = 4096

// planCache keeps plans by their whole keys, never by a hash alone, and drops
// those not used for longest.
type planCache struct {
	seed   maphash.Seed
	shards [cacheShards]cacheShard
}

// cacheShard is one part of the cache.
type cacheShard struct {
	mu    sync.Mutex
	plans map[string]*list.Element
	order *list.List // of *cacheEntry, the latest first
	size  int        // bytes of keys
	max   int        // plans
}

// cacheEntry is one plan.
type cacheEntry struct {
	key  string
	plan *Plan
}

// newPlanCache makes a cache for about so many plans.
func newPlanCache(size int) *planCache {
	c := &planCache{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i] = cacheShard{plans: map[string]*list.Element{}, order: list.New(), max: max(1, size/cacheShards)}
	}
	return c
}

// shard is where a key belongs.
func (c *planCache) shard(key []byte) *cacheShard {
	return &c.shards[maphash.Bytes(c.seed, key)%cacheShards]
}

// get finds a plan, or nil.
func (c *planCache) get(key []byte) *Plan {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.plans[string(key)]
	if !ok {
		return nil
	}
	s.order.MoveToFront(e)
	return e.Value.(*cacheEntry).plan
}

// put keeps a plan; one that came first from another session stays.
func (c *planCache) put(key []byte, p *Plan) {
	s := c.shard(key)
	if len(key) > s.max*bytesPerPlan {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.plans[string(key)]; ok {
		return
	}
	e := &cacheEntry{key: string(key), plan: p}
	s.plans[e.key] = s.order.PushFront(e)
	s.size += len(e.key)
	for s.order.Len() > s.max || s.size > s.max*bytesPerPlan {
		last := s.order.Back()
		old := s.order.Remove(last).(*cacheEntry)
		delete(s.plans, old.key)
		s.size -= len(old.key)
	}
}
