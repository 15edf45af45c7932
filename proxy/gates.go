package proxy

import (
	"context"
	"errors"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/sqlrewrite"
)

// closeGates makes sure that the tables' gates are closed by this session. The
// backend is opened first: the gate's record names its connection. For a gate
// that others keep it waits no longer than limit.
func (s *session) closeGates(ctx context.Context, tables []schema.Name, limit time.Duration) error {
	if len(tables) == 0 {
		return nil
	}
	if err := s.openBackend(ctx); err != nil {
		return err
	}
	id := uint64(s.conn.BackendID())
	if s.hold != nil && s.hold.Backend() != id {
		if err := s.hold.Drop(background(ctx)); err != nil {
			return err
		}
		s.hold = nil
	}
	if s.hold == nil {
		s.hold = s.shared.engine.NewHold(s.usage, s.shared.holdName(), id)
	}
	if err := s.hold.Lost(); err != nil {
		return Fatal(err)
	}
	if err := s.hold.CloseWithin(ctx, tables, limit); errors.Is(err, absorber.ErrReplan) {
		return err
	} else if err != nil {
		return and(err, s.releaseGates(ctx))
	}
	return nil
}

// and adds a second error to err, if there is one: alone, it stays what it is.
func and(err, second error) error {
	if second == nil {
		return err
	}
	return errors.Join(err, second)
}

// lockLimit is how long the session lets a statement wait for a lock of the kind
// that it needs: of rows, or of whole tables, as DDL and LOCK TABLES do.
func (s *session) lockLimit(p *sqlrewrite.Plan) time.Duration {
	if p != nil && p.Effect&(sqlrewrite.EffectDDL|sqlrewrite.EffectLock) != 0 && p.Effect&sqlrewrite.EffectSession == 0 {
		return s.vars.tableWait
	}
	return s.vars.lockWait
}

// releaseGates opens the gates unless a transaction or a lock still needs them.
func (s *session) releaseGates(ctx context.Context) error {
	if s.hold == nil || s.inTransaction() || s.locked {
		return nil
	}
	return s.hold.Release(background(ctx))
}

// defining reports whether the statement that is running may change definitions.
func (s *session) defining() bool {
	if s.running == nil || !s.shared.engine.Configured() {
		return false
	}
	e := s.running.Effect
	if e&sqlrewrite.EffectExecute != 0 {
		inner, known := s.executes(s.running)
		if !known {
			return true
		}
		for _, in := range inner {
			e |= in.Effect
		}
	}
	return e&(sqlrewrite.EffectDDL|sqlrewrite.EffectMayDefine) != 0
}

// abandon gives the gates back after the backend connection has been cut.
func (s *session) abandon() {
	if s.hold == nil {
		return
	}
	if err := s.hold.Abandon(context.Background(), s.defining()); err != nil {
		s.shared.log.Warn("a gate stays closed until its lease ends", "err", err)
	}
	s.hold = nil
}
