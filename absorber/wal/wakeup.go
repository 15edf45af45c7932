package wal

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// watch is a request for Run: signal ch for each message on channel until ctx
// ends.
type watch struct {
	ctx     context.Context
	channel string
	ch      chan struct{}
}

// Wakeups signals when some process asks the lane's owner to look at its marks:
// a flush was requested, draining was paused or resumed, a gate was closed or
// opened. Several events may give one signal, and none is certain to arrive
// (Redis' publish is at most once): look from time to time as well. The
// channel is not closed; signals stop when ctx or Run ends.
func (s *Store) Wakeups(ctx context.Context, name row.Lane) <-chan struct{} {
	ch := make(chan struct{}, 1)
	select {
	case s.watches <- watch{ctx, s.lane(name).keys.wake(), ch}:
	case <-ctx.Done():
	}
	return ch
}

// watch is the part of Run that serves Wakeups. Each watcher is in the group.
func (s *Store) watch(ctx context.Context, g *errgroup.Group) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case w := <-s.watches:
			g.Go(func() error {
				s.follow(ctx, w)
				return nil
			})
		}
	}
}

// follow subscribes for one watcher. The client subscribes again after a lost
// connection.
func (s *Store) follow(ctx context.Context, w watch) {
	sub := s.rdb.Subscribe(ctx, w.channel)
	defer func() {
		if err := sub.Close(); err != nil {
			s.log.Debug("unsubscribe", "channel", w.channel, "err", err)
		}
	}()
	messages := sub.Channel()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.ctx.Done():
			return
		case _, ok := <-messages:
			if !ok {
				return
			}
			select {
			case w.ch <- struct{}{}:
			default:
			}
		}
	}
}
