package proxy

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
	"github.com/rzpsarthak13/shock-absorber/sqlrewrite"
)

// forward prepares the forwarding of a statement: what it reads of absorbed
// tables is drained first, and what it writes is behind a closed gate.
func (s *session) forward(ctx context.Context, p *sqlrewrite.Plan, sql []byte) error {
	reads, writes := s.touches(p)
	if err := s.refuseLacking(ctx, p, reads); err != nil {
		return err
	}
	if s.snapshots(p) {
		if err := s.drainOwn(ctx); err != nil {
			return err
		}
	}
	if err := s.closeGates(ctx, writes, s.lockLimit(p)); err != nil {
		return err
	}
	if s.looks(p) {
		if err := s.beforeSnapshot(ctx, reads); err != nil {
			return err
		}
	}
	if len(reads) > 0 && s.unread != p {
		// If MySQL is away, the client learns it now: nothing would drain.
		if err := s.openBackend(ctx); err != nil {
			return err
		}
		did, err := s.shared.engine.Barrier(ctx, s.usage, reads, s.named(p))
		if err != nil {
			return err
		}
		if did != "" {
			s.shared.statements.WithLabelValues("barrier", did).Inc()
		}
	}
	// A write may fail and leave another LAST_INSERT_ID() nevertheless.
	if p.Uses&sqlrewrite.UseInsertID != 0 || p.Effect&sqlrewrite.EffectSession != 0 || len(writes) > 0 {
		if err := s.tellInsertID(ctx); err != nil {
			return err
		}
	}
	if err := s.tellOutcome(ctx, p.Uses); err != nil {
		return err
	}
	// A backend that cannot be reached is found out here, where the statement
	// still ends as one that was not sent: usage and gates are given back.
	if err := s.openBackend(ctx); err != nil {
		return err
	}
	s.running, s.counted = p, nil
	if p.Effect&sqlrewrite.EffectMayDefine != 0 && p.Effect&sqlrewrite.EffectDDL == 0 && s.shared.engine.Configured() {
		n, err := s.shared.engine.Definitions(ctx)
		if err != nil {
			return err
		}
		s.counted = &n
	}
	if s.setting = ""; p.Effect&sqlrewrite.EffectSession != 0 {
		s.setting = string(sql)
	}
	return nil
}

// named are the columns that a SELECT depends on, of the tables of which that is
// known. What a transaction has read it may read again: what it does not ask for
// today it may ask for tomorrow, and would not see in its snapshot.
func (s *session) named(p *sqlrewrite.Plan) map[string][]int {
	if s.inTransaction() || !s.autocommit() {
		return nil
	}
	return p.Named
}

// touches are the absorbed tables a statement reads and writes. A statement
// prepared by text touches what its text does.
func (s *session) touches(p *sqlrewrite.Plan) (reads, writes []schema.Name) {
	if p.Effect&sqlrewrite.EffectUnknown != 0 {
		return nil, s.shared.engine.Catalog().All()
	}
	reads, writes = p.Reads, p.Writes
	if p.Effect&sqlrewrite.EffectExecute != 0 {
		inner, known := s.executes(p)
		if !known {
			return nil, s.shared.engine.Catalog().All()
		}
		for _, in := range inner {
			r, w := s.touches(in)
			reads, writes = append(reads[:len(reads):len(reads)], r...), append(writes[:len(writes):len(writes)], w...)
		}
	}
	return reads, writes
}

// executes are the plans of the statements that an EXECUTE may run. known is
// false if it may be one that was prepared unseen, by a stored routine.
func (s *session) executes(p *sqlrewrite.Plan) (inner []*sqlrewrite.Plan, known bool) {
	for name, in := range s.prepared {
		if name == p.Prepared || name == "" || p.Prepared == "" {
			inner = append(inner, in)
		}
	}
	_, known = s.prepared[p.Prepared]
	return inner, known && p.Prepared != ""
}

// tellInsertID makes LAST_INSERT_ID() on the backend what the last absorbed
// INSERT made it.
func (s *session) tellInsertID(ctx context.Context) error {
	if s.insertID == 0 {
		return nil
	}
	if _, err := s.query(ctx, "SET LAST_INSERT_ID = "+strconv.FormatUint(s.insertID, 10)); err != nil {
		return err
	}
	s.insertID = 0
	return nil
}

// openBackend opens the session's backend connection, if there is none, and
// runs on it what the session has set so far.
func (s *session) openBackend(ctx context.Context) error {
	if err := s.conn.OpenBackend(ctx); err != nil {
		return err
	}
	for len(s.deferred) > 0 {
		if _, err := s.conn.BackendQuery(ctx, s.deferred[0], nil); err != nil {
			return fmt.Errorf("run %q on a new connection: %w", s.deferred[0], err)
		}
		s.deferred, s.used = s.deferred[1:], true
	}
	return nil
}

// query runs a statement of the proxy's own on the session's backend.
func (s *session) query(ctx context.Context, sql string) ([][][]byte, error) {
	rows, _, err := s.result(ctx, sql)
	return rows, err
}

// result is query with the column definitions, as payloads.
func (s *session) result(ctx context.Context, sql string) (rows [][][]byte, defs [][]byte, err error) {
	if err := s.openBackend(ctx); err != nil {
		return nil, nil, err
	}
	res, err := s.conn.BackendQuery(ctx, sql, nil)
	if err != nil {
		return nil, nil, err
	}
	rows = make([][][]byte, len(res.Rows))
	for i, payload := range res.Rows {
		if rows[i], err = wire.ParseTextRow(nil, payload, len(res.Columns)); err != nil {
			return nil, nil, err
		}
	}
	return rows, res.Columns, nil
}

// Before is told of every command that is forwarded. Statements have been
// prepared for it by forward; other commands touch no absorbed table, except
// COM_FIELD_LIST and the like, which read only the schema.
func (s *session) Before(ctx context.Context, cmd byte, _ []byte) error {
	switch cmd {
	case wire.ComPing, wire.ComStatistics, wire.ComFieldList, wire.ComProcessKill:
	default:
		s.used = true
	}
	switch {
	case cmd == wire.ComResetConnection, cmd == wire.ComChangeUser:
		s.rollback(ctx, "rollback", "session")
	case s.txn != nil && !harmless(cmd):
		if err := s.spill(ctx, nil, "command"); err != nil {
			return err
		}
	}
	if len(s.deferred) > 0 {
		if err := s.openBackend(ctx); err != nil {
			return err
		}
	}
	switch cmd {
	case wire.ComPing, wire.ComInitDB, wire.ComSetOption, wire.ComFieldList, wire.ComStmtReset, wire.ComStmtPrepare:
		// MySQL says in the answer how many warnings there are, and adds an
		// error to them.
		if s.outcome.own && (s.diagnosed || s.outcome.failure != nil) {
			return s.tellOutcome(ctx, sqlrewrite.UseWarnings)
		}
	}
	return nil
}

// After brings the session's state up to date with what a forwarded statement
// has done, and opens the gates that are not needed any more.
func (s *session) After(ctx context.Context, cmd byte, r *wire.Response) error {
	p := s.running
	s.running = nil
	if p == nil && r.Err != nil { // of a PREPARE, or of a command that is no statement
		s.outcome = outcome{rowCount: -1, found: s.outcome.found}
	}
	s.diagnosed = s.diagnosed || r.Err != nil || r.Warnings > 0
	if p != nil && r.Err != nil && s.mayHaveBegun(p, r.Err) {
		// Gates must not stay shut for an idle session that has none.
		s.conn.AssumeTransaction(s.autocommit())
	}
	if within := s.inTransaction(); within != s.within {
		s.oneShot, s.within = s.oneShot && within, within // its transaction is over
		if !within {
			s.snapshot, s.lacking = false, nil
		}
	}
	if r.Err != nil {
		s.snapshotFailed(r.Err)
	}
	if p != nil {
		s.outcome.forwarded(p, r, s.shared.engine.Catalog().Dialect())
		if err := s.took(ctx, p, r); err != nil {
			return errors.Join(clientError(err), s.releaseGates(ctx))
		}
	}
	s.usage.End(s.busy())
	release := s.releaseGates
	if p != nil && r.Err == nil && s.hold != nil && !s.locked && turns(p) {
		release = s.hold.Release
	}
	if err := release(background(ctx)); err != nil { // the statement is done, and the client has to get MySQL's answer
		s.shared.log.Warn("a gate stays closed until its lease ends", "component", "TABLE", "err", err)
	}
	return nil
}

// mayHaveBegun reports whether a statement that failed may have left a
// transaction open that was not open before, with locks of rows in it: an ERR
// packet has no status flags. Without autocommit any may, but those that commit
// implicitly did so before they failed; with it, those that may begin one.
func (s *session) mayHaveBegun(p *sqlrewrite.Plan, e *wire.ErrPacket) bool {
	switch {
	case s.inTransaction() || e.Code == codeSyntax:
		return false
	case p.Effect&sqlrewrite.EffectBegin != 0:
		return true
	}
	return !s.autocommit() && p.Effect&(sqlrewrite.EffectEnd|sqlrewrite.EffectSavepoint) == 0
}

// turns reports whether a statement that succeeded has ended the transaction
// before it, though another is open now: AND CHAIN, or BEGIN in a transaction.
func turns(p *sqlrewrite.Plan) bool {
	const bounds = sqlrewrite.EffectBegin | sqlrewrite.EffectEnd
	return p.Effect&bounds != 0 && p.Effect&^bounds == 0 && len(p.Writes) == 0
}

// took follows the effects of a statement.
func (s *session) took(ctx context.Context, p *sqlrewrite.Plan, r *wire.Response) error {
	e, defined := p.Effect, p.Defined
	if e&sqlrewrite.EffectExecute != 0 {
		inner, known := s.executes(p)
		for _, in := range inner {
			s.tookSession(in, in.Effect, r)
			e |= in.Effect
		}
		if !known {
			e |= sqlrewrite.EffectSession | sqlrewrite.EffectDDL
		}
		defined = nil // its names are those of the database that was current at the PREPARE
	}
	s.tookSession(p, e, r)
	if !s.shared.engine.Configured() || e&(sqlrewrite.EffectDDL|sqlrewrite.EffectMayDefine) == 0 {
		return nil
	}
	if e&sqlrewrite.EffectDDL == 0 && s.counted != nil {
		n, err := s.shared.engine.Definitions(background(ctx))
		if err == nil && n == *s.counted {
			return nil
		}
	}
	return s.shared.engine.CatalogChanged(background(ctx), s.usage, defined)
}

// tookSession follows the effects on this session.
func (s *session) tookSession(p *sqlrewrite.Plan, e sqlrewrite.Effect, r *wire.Response) {
	if e&(sqlrewrite.EffectSession|sqlrewrite.EffectDB|sqlrewrite.EffectUnknown) != 0 {
		s.stale = true
	}
	s.tookSnapshot(p, r)
	if e&(sqlrewrite.EffectBegin|sqlrewrite.EffectEnd) != 0 {
		s.marked = false
	} else if e&sqlrewrite.EffectSavepoint != 0 && r.Err == nil {
		s.marked = !s.autocommit()
	}
	if e&sqlrewrite.EffectDB != 0 && r.Err == nil && p.Database != "" {
		s.conn.SetDB(p.Database)
	}
	if e&sqlrewrite.EffectSession != 0 && r.Err == nil {
		s.odd = s.odd || setsOdd(s.setting)
		s.oneShot = s.oneShot || s.setsOnce(s.setting)
	}
	if e&sqlrewrite.EffectTempTable != 0 {
		temporary := map[string]bool{} // plans and envs may hold the old map
		for name := range s.temporary {
			temporary[name] = true
		}
		for _, name := range p.Temporary {
			temporary[name] = true
		}
		s.temporary = temporary
	}
	if e&sqlrewrite.EffectTempDrop != 0 && r.Err == nil {
		temporary := map[string]bool{}
		for name := range s.temporary {
			temporary[name] = true
		}
		for _, name := range p.Temporary {
			delete(temporary, name)
		}
		s.temporary = temporary
	}
	if e&sqlrewrite.EffectPrepare != 0 && p.Inner != nil {
		if s.prepared == nil {
			s.prepared = map[string]*sqlrewrite.Plan{}
		}
		s.prepared[p.Prepared] = p.Inner
	}
	if e&sqlrewrite.EffectUnlock != 0 && r.Err == nil {
		s.locked = false
	}
	if e&sqlrewrite.EffectLock != 0 && r.Err == nil {
		s.locked = true
	}
	if r.Err == nil && r.InsertID != 0 {
		s.insertID = 0
	}
}

// Stateful reports whether a new backend connection would lack something. Gates
// are held for one connection: while a statement waited for them, it may have
// been lost, and on another, behind open gates, it must not run.
func (s *session) Stateful() bool {
	return s.used || s.txn != nil || s.hold != nil && !s.hold.Empty()
}

// Reset follows COM_RESET_CONNECTION, COM_CHANGE_USER and a lost connection.
func (s *session) Reset(kind ResetKind) {
	s.rollback(context.Background(), "rollback", "session")
	if kind == ResetLost {
		s.abandon()
	} else if s.hold != nil {
		s.locked = false
		if err := s.hold.Release(context.Background()); err != nil {
			s.shared.log.Warn("a gate stays closed until its lease ends", "err", err)
		}
	}
	*s = session{shared: s.shared, conn: s.conn, usage: s.usage, hold: s.hold, written: s.written, fresh: true, used: s.used && kind == ResetConnection}
	s.usage.End(false)
}

// Close ends the session. A statement may still be running in MySQL, so gates
// open only when the backend connection is seen gone.
func (s *session) Close() {
	s.rollback(context.Background(), "rollback", "session")
	s.abandon()
	s.shared.engine.EndUsage(s.usage)
}
