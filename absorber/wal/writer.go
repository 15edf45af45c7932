package wal

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// recordSpan is how long a process puts its writers' answers into the same
	// hash. Writers that have gone (closed connections) are forgotten with it.
	recordSpan = 10 * time.Minute
	// recordLife is how old a hash is when any process may delete it. It is
	// far longer than any commit asks about its unit.
	recordLife = 2 * time.Hour
)

// writerKey is the hash of writers' answers that new units use.
type writerKey struct {
	now  atomic.Pointer[record]
	turn chan struct{} // one place: who registers the next hash
}

// record is a hash and the span of the process's life it belongs to.
type record struct {
	span int64
	key  string
}

// newWriterKey makes one without a hash.
func newWriterKey() writerKey { return writerKey{turn: make(chan struct{}, 1)} }

// writerRecord is the key of the hash in which the answer to a unit that is
// sent now is remembered. All attempts of the unit use the same one. Once a
// span it registers a new hash and deletes those that are past their life.
func (s *Store) writerRecord(ctx context.Context, l *lane) (string, error) {
	span := int64(time.Since(s.began) / recordSpan)
	if r := l.writers.now.Load(); r != nil && r.span == span {
		return r.key, nil
	}
	select {
	case l.writers.turn <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-l.writers.turn }()
	if r := l.writers.now.Load(); r != nil && r.span == span {
		return r.key, nil
	}
	id := s.process + ":" + strconv.FormatInt(span, 10)
	if err := s.opts.Effects.Do("wal.register", func() error { return s.register(ctx, l, id) }); err != nil {
		return "", fmt.Errorf("register the process: %w", err)
	}
	r := &record{span: span, key: l.keys.writer(id)}
	l.writers.now.Store(r)
	return r.key, nil
}

// register lists a hash, so that others can delete it when this process has
// died, and deletes old ones. The clock is Redis' own.
func (s *Store) register(ctx context.Context, l *lane, id string) error {
	now, err := s.rdb.Time(ctx).Result()
	if err != nil {
		return err
	}
	if err := s.rdb.HSet(ctx, l.keys.writers(), id, now.UnixMilli()).Err(); err != nil {
		return err
	}
	all, err := s.rdb.HGetAll(ctx, l.keys.writers()).Result()
	if err != nil {
		return err
	}
	_, err = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for old, at := range all {
			ms, err := strconv.ParseInt(at, 10, 64)
			if err != nil {
				return fmt.Errorf("writers: %s has time %q", old, at)
			}
			if now.Sub(time.UnixMilli(ms)) > recordLife {
				p.Unlink(ctx, l.keys.writer(old))
				p.HDel(ctx, l.keys.writers(), old)
			}
		}
		return nil
	})
	return err
}
