package wal

import (
	"context"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// AcquireLane makes l.Owner the drainer of the lane for l.TTL, if nobody else
// is; it also renews. The lease only keeps drainers from working against each
// other: what makes a second one harmless is the epoch in MySQL.
func (s *Store) AcquireLane(ctx context.Context, l Lease) (bool, error) {
	return s.own(ctx, "wal.lane_acquire", "take", l)
}

// RenewLane extends the lease; false if it has ended or is another's.
func (s *Store) RenewLane(ctx context.Context, l Lease) (bool, error) {
	return s.own(ctx, "wal.lane_renew", "renew", l)
}

// ReleaseLane ends the lease if it is still l.Owner's.
func (s *Store) ReleaseLane(ctx context.Context, l Lease) error {
	_, err := s.own(ctx, "wal.lane_release", "release", l)
	return err
}

// own runs the owner script with a verb.
func (s *Store) own(ctx context.Context, op, verb string, le Lease) (bool, error) {
	l := s.lane(le.Lane)
	reply, err := s.admin(ctx, op, l, s.scripts.owner, []any{l.keys.owner()}, []any{verb, le.Owner, millis(le.TTL)})
	if err != nil {
		return false, err
	}
	n, ok := reply.(int64)
	if !ok {
		return false, unexpected(op, row.Lane(le.Lane), reply)
	}
	return n == 1, nil
}
