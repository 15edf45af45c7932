package wal

import (
	"context"
	"errors"
	"fmt"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// Usable is nil while the lane takes commits. It is ErrLost once this process
// has noticed that Redis was restarted, replaced or rolled back.
func (s *Store) Usable(name row.Lane) error {
	_, _, err := s.usable("wal.usable", name)
	return err
}

// Adopt makes a lane that ErrLost has closed usable again if Redis still has
// it: the same incarnation, and no shorter than this process knows it to be.
// That is a restart of Redis that lost nothing. Otherwise it is ErrLost, and
// the lane stays closed. least is an LSN that the lane must have reached, as
// far as others know: MySQL's checkpoint, the top of the queue.
func (s *Store) Adopt(ctx context.Context, name row.Lane, least row.LSN) error {
	const op = "wal.adopt"
	l, inc, err := s.known(op, name)
	if err != nil {
		return err
	}
	if inc == "" { // nothing was ever open here: see Join
		return fmt.Errorf("%s: %w", op, ErrLost)
	}
	reply, err := s.admin(ctx, op, l, s.scripts.open, []any{l.keys.meta()}, []any{inc, max(l.floor.Load(), uint64(least)), randomHex(8)})
	if err != nil {
		var e *row.Error
		if errors.Is(err, ErrLost) && !errors.As(err, &e) {
			err = &row.Error{Op: op, Lane: name, LSN: row.LSN(max(l.floor.Load(), uint64(least))), Kind: row.Permanent, Err: err,
				Hint: "Redis has lost units of the lane; it is rebuilt from what the queue and MySQL have, and what is missing is named in the log"}
		}
		return err
	}
	p, err := parseProgress(op, name, reply)
	if err != nil {
		return err
	}
	l.saw(p.LSN)
	l.suspect.Store(false)
	s.log.Warn("Redis was restarted and has lost nothing of the lane", "component", "REDIS", "lane", string(name), "lsn", uint64(p.LSN))
	return nil
}
