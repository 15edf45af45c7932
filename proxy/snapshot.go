package proxy

import (
	"context"
	"slices"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
	"github.com/rzpsarthak13/shock-absorber/sqlrewrite"
)

// snapshots reports whether the statement may take the snapshot of a
// transaction, or may run in one whose snapshot is not taken yet. Own writes
// have to be in MySQL before that, whatever the settings of their tables, or the
// transaction would not see them.
func (s *session) snapshots(p *sqlrewrite.Plan) bool {
	return len(s.written) > 0 && (p.Effect&(sqlrewrite.EffectBegin|sqlrewrite.EffectUnknown) != 0 || !s.autocommit() || s.inTransaction())
}

// drainOwn waits until MySQL has this session's own writes.
func (s *session) drainOwn(ctx context.Context) error {
	for lane, lsn := range s.written {
		if err := s.shared.engine.DrainTo(ctx, s.usage, lane, lsn); err != nil {
			return err
		}
		delete(s.written, lane)
	}
	return nil
}

// looks reports whether the statement may take the snapshot of a transaction in
// the backend. Everything that is acknowledged by then has to be in MySQL: the
// transaction may come to read any table, and what drains later it does not see.
func (s *session) looks(p *sqlrewrite.Plan) bool {
	return !s.snapshot && s.takes(p) != sqlrewrite.SnapshotNo && s.repeatable() &&
		(p.Effect&(sqlrewrite.EffectBegin|sqlrewrite.EffectSession) != 0 || !s.autocommit() || s.inTransaction())
}

// takes is what the statement does about the snapshot. A statement prepared by
// text does what its text does.
func (s *session) takes(p *sqlrewrite.Plan) sqlrewrite.Snapshot {
	if p.Effect&sqlrewrite.EffectExecute == 0 {
		return p.Snapshot
	}
	inner, known := s.executes(p)
	if !known {
		return sqlrewrite.SnapshotMay
	}
	took := sqlrewrite.SnapshotNo
	for _, in := range inner {
		took = max(took, in.Snapshot)
	}
	return took
}

// repeatable reports whether transactions of the session read from one
// snapshot: under the other isolation levels each statement has its own, or
// locks what it reads.
func (s *session) repeatable() bool {
	return s.oneShot || s.vars.isolation == "REPEATABLE-READ"
}

// beforeSnapshot has everything drained that is acknowledged, and notes of which
// tables that was not wanted. others are tables that drain for another reason.
func (s *session) beforeSnapshot(ctx context.Context, others []schema.Name) error {
	// If MySQL is away, the client learns it now: nothing would drain.
	if err := s.openBackend(ctx); err != nil {
		return err
	}
	did, lacking, err := s.shared.engine.Snapshot(ctx, s.usage)
	if err != nil {
		return err
	}
	if did != "" {
		s.shared.statements.WithLabelValues("barrier", "snapshot_"+did).Inc()
	}
	for _, t := range lacking {
		if !slices.Contains(s.lacking, t) && !slices.Contains(others, t) {
			s.lacking = append(s.lacking, t)
		}
	}
	return nil
}

// tookSnapshot follows what a statement has done about the snapshot.
func (s *session) tookSnapshot(p *sqlrewrite.Plan, r *wire.Response) {
	if p.Effect&(sqlrewrite.EffectBegin|sqlrewrite.EffectEnd) != 0 {
		s.snapshot = false
		if p.Snapshot == sqlrewrite.SnapshotNo { // else it has just noted them
			s.lacking = nil
		}
	}
	if r.Err == nil && p.Snapshot == sqlrewrite.SnapshotTake && s.repeatable() && (s.inTransaction() || !s.autocommit()) {
		s.snapshot = true
	}
}

// snapshotFailed follows an error of MySQL's, which may have ended the
// transaction: an answer with an error does not tell.
func (s *session) snapshotFailed(e *wire.ErrPacket) {
	s.snapshot = false
	if e.Code == codeDeadlock {
		s.lacking = nil
	}
}

// refuseLacking rolls a transaction back that is about to read a table of which
// its snapshot lacks acknowledged writes. The client gets 1213; when it tries
// again, the table is drained in time.
func (s *session) refuseLacking(ctx context.Context, p *sqlrewrite.Plan, reads []schema.Name) error {
	if len(s.lacking) == 0 || !s.inTransaction() || p.Effect&(sqlrewrite.EffectBegin|sqlrewrite.EffectEnd) != 0 {
		return nil
	}
	var missing []schema.Name
	for _, t := range reads {
		if slices.Contains(s.lacking, t) {
			missing = append(missing, t)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	s.shared.engine.Demand(missing)
	s.shared.statements.WithLabelValues("barrier", "snapshot_refused").Inc()
	if _, err := s.query(background(ctx), "ROLLBACK"); err != nil {
		return Fatal(err)
	}
	s.snapshot, s.lacking = false, nil
	return errDeadlock()
}
