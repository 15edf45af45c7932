package proxy

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
	"github.com/rzpsarthak13/shock-absorber/sqlrewrite"
)

// transaction is a transaction that is kept here, and of which the backend knows
// nothing yet. It ends at COMMIT or ROLLBACK, or spills (spill).
type transaction struct {
	*absorber.Transaction
	// implied says that no BEGIN was asked for: autocommit is off.
	implied bool
	// told says that a statement in it was answered, with flags that say that it
	// is open.
	told bool
}

// touched reports whether the transaction has locked or read anything that its
// replay does again.
func (x *transaction) touched() bool {
	return len(x.Tables())+len(x.Seen())+len(x.MissedValues()) > 0
}

// control answers what begins or ends a transaction that is kept here, and what
// is about its savepoints. False: it is not that.
func (s *session) control(ctx context.Context, p *sqlrewrite.Plan, sql []byte, req request) (bool, error) {
	if p.Effect&(sqlrewrite.EffectBegin|sqlrewrite.EffectEnd|sqlrewrite.EffectSavepoint) == 0 || req.binary() {
		return false, nil
	}
	st, ok := sqlrewrite.ParseTransaction(sql, s.vars.mode)
	if !ok || s.txn == nil && (st.Verb != sqlrewrite.TransactionBegin && !st.Chain || !s.mayBegin(req)) {
		return false, nil
	}
	was := s.txn != nil && !s.txn.implied
	switch st.Verb {
	case sqlrewrite.TransactionBegin:
		if s.txn != nil {
			if handled, err := s.commit(ctx); !handled || err != nil {
				return handled, err
			}
		}
		s.beginHere(false)
	case sqlrewrite.TransactionCommit:
		if s.txn == nil {
			break // AND CHAIN begins one all the same
		}
		if handled, err := s.commit(ctx); !handled || err != nil {
			return handled, err
		}
	case sqlrewrite.TransactionRollback:
		s.rollback(ctx, "rollback", "")
	case sqlrewrite.TransactionSavepoint:
		s.txn.Savepoint(st.Name)
	case sqlrewrite.TransactionRollbackTo:
		ok = s.txn.RollbackTo(st.Name)
	case sqlrewrite.TransactionRelease:
		ok = s.txn.Release(st.Name)
	}
	if !ok {
		return false, NewError(codeNoSavepoint, "42000", "SAVEPOINT %s does not exist", st.Name)
	}
	if st.Chain {
		s.beginHere(false)
	}
	if err := s.completed(ctx); err != nil {
		return false, clientError(err)
	}
	answer := wire.OK{Status: s.ownStatus()}
	switch st.Verb {
	case sqlrewrite.TransactionBegin, sqlrewrite.TransactionCommit, sqlrewrite.TransactionRollback:
		s.track(&answer, was)
	}
	return true, s.conn.WriteOK(answer)
}

// completed notes a statement without a table that was answered here. MariaDB
// goes on listing the warnings, or the error, from before.
func (s *session) completed(ctx context.Context) error {
	before := s.outcome
	s.outcome.wroteRows(0)
	if s.shared.engine.Catalog().Dialect() != schema.MariaDB {
		return nil
	}
	s.outcome.failure, s.outcome.warnings = before.failure, before.warnings
	if before.own || !s.diagnosed || !s.conn.HasBackend() {
		return nil
	}
	rows, err := s.query(ctx, "SELECT FOUND_ROWS()") // without a table it leaves the warnings
	if err != nil {
		return err
	}
	if err := s.remember(rows[0][0]); err != nil {
		return err
	}
	if rows, err = s.query(ctx, "SHOW WARNINGS"); err != nil {
		return err
	}
	for _, r := range rows {
		code, err := strconv.ParseUint(string(r[1]), 10, 16)
		if err != nil {
			return fmt.Errorf("read the warnings: %w", err)
		}
		s.outcome.warnings = append(s.outcome.warnings, shadowWarning{level: string(r[0]), code: uint16(code), message: r[2]})
	}
	return nil
}

// trackedVersion is the first server that is known to tell of the beginning and
// the end of explicit transactions in its answers though
// session_track_transaction_info is off.
const trackedVersion = 90000

// tracks reports whether the client is told of them.
func (s *session) tracks() bool {
	return s.shared.engine.Catalog().Dialect() == schema.MySQL && s.conn.Caps().Has(wire.CapSessionTrack)
}

// track adds what MySQL tells of such a beginning or end; was says whether an
// explicit transaction was open before.
func (s *session) track(ok *wire.OK, was bool) {
	is := s.txn != nil && !s.txn.implied
	if !s.tracks() || !was && !is {
		return
	}
	ok.Status |= wire.StatusSessionChanged
	switch {
	case was && is: // nothing has changed in the end
		ok.Changes = []byte{}
	case is:
		ok.Changes = []byte("\x05\x09\x08T_______")
	default:
		ok.Changes = []byte("\x05\x09\x08________")
	}
}

// mayBegin reports whether a transaction of the session can be kept here: nothing
// else is going on in it, and the transaction would be an ordinary one.
func (s *session) mayBegin(req request) bool {
	why := s.blocked(req)
	v := &s.vars
	if s.tracks() && s.conn.srv.backend.Load().number() < trackedVersion {
		return false
	}
	return (why == "" || why == reasonAutocommitOff && !s.inTransaction() && !s.locked) && !s.fresh && !s.stale && !s.oneShot && !s.marked && v.ordinary &&
		(v.isolation == "REPEATABLE-READ" || v.isolation == "READ-COMMITTED") && len(s.shared.engine.Catalog().All()) > 0
}

// imply begins a transaction for an absorbable statement of a session whose
// autocommit is off.
func (s *session) imply(req request) {
	if s.txn == nil && !s.autocommit() && s.mayBegin(req) {
		s.beginHere(true)
	}
}

// beginHere begins a transaction. Whatever the client is sent from now on, by
// the backend as well, says that one is open.
func (s *session) beginHere(implied bool) {
	s.txn = &transaction{Transaction: s.shared.engine.NewTransaction(s.usage, s.vars.isolation == "REPEATABLE-READ"), implied: implied}
	clear := uint16(0)
	if !s.autocommit() { // answers kept from other sessions say that it is on
		clear = wire.StatusAutocommit
	}
	s.conn.OverrideStatus(wire.StatusInTransaction, clear)
}

// tellsOpen notes that a statement of the transaction is answered here. One that
// fails has begun it as well, as in InnoDB.
func (s *session) tellsOpen(reason string, err error) {
	if s.txn != nil && reason == "" && !errors.Is(err, absorber.ErrReplan) {
		s.txn.told = true
	}
}

// commit commits the transaction. False: it has to be replayed in MySQL and
// committed there, which has begun.
func (s *session) commit(ctx context.Context) (bool, error) {
	res, err := s.txn.Commit(ctx)
	var refused *absorber.Refused
	if errors.As(err, &refused) {
		return false, nil // route spills it
	}
	verb := "commit"
	switch {
	case err != nil:
		verb = "abort"
	case res.LSN == 0:
		verb = "empty"
	}
	s.shared.transactions.WithLabelValues(verb, "").Inc()
	s.ended()
	if err == nil {
		s.wrote(res)
		return true, nil
	}
	if errors.Is(err, absorber.ErrReplan) || errors.Is(err, absorber.ErrLockWait) || lostRows(err) {
		return false, errDeadlock()
	}
	return false, clientError(err)
}

// rollback ends the transaction without a trace; verb and reason are counted.
func (s *session) rollback(ctx context.Context, verb, reason string) {
	if s.txn == nil {
		return
	}
	s.shared.transactions.WithLabelValues(verb, reason).Inc()
	s.txn.Rollback(background(ctx))
	s.ended()
}

// ended forgets the transaction.
func (s *session) ended() {
	s.txn = nil
	s.conn.OverrideStatus(0, 0)
}

// lostRows reports whether an error says that the transaction's rows may be
// another's by now, or that one of two who wait for each other must give way.
func lostRows(err error) bool {
	return errors.Is(err, wal.ErrDeadlock) || errors.Is(err, wal.ErrUnlocked) || errors.Is(err, absorber.ErrOverrun)
}

// failed is the error of a statement. Some end the transaction.
func (s *session) failed(ctx context.Context, err error) error {
	if s.txn != nil && lostRows(err) {
		s.rollback(ctx, "abort", "")
		return errDeadlock()
	}
	return clientError(err)
}

// busy reports whether a transaction is open, here or in the backend.
func (s *session) busy() bool { return s.txn != nil || s.inTransaction() }

// insert is Engine.Insert, within the transaction if there is one.
func (s *session) insert(ctx context.Context, t *schema.Table, rows []absorber.NewRow, inc absorber.AutoIncrement) (absorber.Result, error) {
	if s.txn != nil {
		return s.txn.Insert(ctx, t, rows, inc)
	}
	return s.shared.engine.Insert(ctx, s.usage, t, rows, inc)
}

// updateRows is Engine.Update, likewise.
func (s *session) updateRows(ctx context.Context, t *schema.Table, refs []row.Ref, apply absorber.Apply) (absorber.Result, error) {
	if s.txn != nil {
		return s.txn.Update(ctx, t, refs, apply)
	}
	return s.shared.engine.Update(ctx, s.usage, t, refs, apply)
}

// deleteRows is Engine.Delete, likewise.
func (s *session) deleteRows(ctx context.Context, t *schema.Table, refs []row.Ref, matches absorber.Matches) (absorber.Result, error) {
	if s.txn != nil {
		return s.txn.Delete(ctx, t, refs, matches)
	}
	return s.shared.engine.Delete(ctx, s.usage, t, refs, matches)
}

// transformRows is Engine.Transform, likewise.
func (s *session) transformRows(ctx context.Context, t *schema.Table, sc absorber.Scope, compute absorber.Compute) (absorber.Result, error) {
	if s.txn != nil {
		return s.txn.Transform(ctx, t, sc, compute)
	}
	return s.shared.engine.Transform(ctx, s.usage, t, sc, compute)
}

// lookupUnique is Engine.LookupUnique, likewise.
func (s *session) lookupUnique(ctx context.Context, t *schema.Table, values []absorber.UniqueValue) ([]row.Image, error) {
	if s.txn != nil {
		return s.txn.LookupUnique(ctx, t, values)
	}
	return s.shared.engine.LookupUnique(ctx, t, values)
}

// lookupRows is Engine.Lookup, likewise.
func (s *session) lookupRows(ctx context.Context, t *schema.Table, refs []row.Ref) ([]row.Image, error) {
	if s.txn != nil {
		return s.txn.Lookup(ctx, t, refs)
	}
	return s.shared.engine.Lookup(ctx, t, refs)
}

// setsOnce reports whether a statement gives the next transaction alone another
// isolation level or access mode, which nothing tells afterwards.
func (s *session) setsOnce(sql string) bool {
	lower := strings.ToLower(sql)
	if !strings.Contains(lower, "transaction") && !strings.Contains(lower, "tx_") {
		return false
	}
	list, ok := sqlrewrite.ParseSet([]byte(sql), s.vars.mode)
	if !ok {
		return true
	}
	for _, a := range list {
		if a.Once {
			return true
		}
	}
	return false
}
