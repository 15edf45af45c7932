package wal

import (
	"context"
	"errors"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// Recover opens a lane after ErrLost as a process does that knows MySQL's
// checkpoint: a lane that has lost nothing, or that another process has rebuilt,
// is taken as it is; one that holds units which MySQL lacks must be drained
// first; any other gets a new life behind the checkpoint.
func (s *Store) Recover(ctx context.Context, name row.Lane, checkpoint row.LSN) error {
	if s.Knows(name).Incarnation == "" {
		s.Doubt(name)
	}
	for {
		err := s.Adopt(ctx, name, checkpoint)
		if errors.Is(err, ErrRollCall) && pause(ctx, rollCallTime/10) == nil {
			continue
		}
		if err == nil || !errors.Is(err, ErrLost) {
			return err
		}
		break
	}
	if _, err := s.Join(ctx, name, checkpoint); err == nil || !errors.Is(err, ErrLost) {
		return err
	}
	p, err := s.Remains(ctx, name)
	if err != nil {
		return err
	}
	if p.LSN > checkpoint {
		return &row.Error{Op: "wal.recover", Kind: row.Permanent, Err: ErrLost}
	}
	know := s.Knows(name)
	_, err = s.Rebuild(ctx, name, p, Rebuilt{End: checkpoint, Acknowledged: know.Acknowledged, Start: checkpoint})
	return err
}
