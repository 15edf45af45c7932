package proxy

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
	"github.com/rzpsarthak13/shock-absorber/sqlrewrite"
)

// session is the router of one client connection. It decides for each
// statement: absorb it, answer it from the cache, or forward it, and what has
// to happen before and after that.
type session struct {
	shared *Absorbing
	conn   *Conn
	usage  *absorber.Usage
	hold   *absorber.Hold // gates of the running statement or transaction; nil until the first
	txn    *transaction   // the transaction that is kept here; nil if there is none

	fresh     bool          // nothing is known of the variables yet
	stale     bool          // a statement may have changed variables: ask the backend before absorbing
	odd       bool          // a variable that the planner does not know was set
	oneShot   bool          // SET TRANSACTION for the next one alone: see setsOnce
	marked    bool          // autocommit is off, and the backend may have a savepoint of a transaction that has not begun
	within    bool          // the backend had a transaction open after the last statement
	snapshot  bool          // the backend's transaction has taken its snapshot
	lacking   []schema.Name // tables of which that does not show everything that was acknowledged
	vars      variables
	temporary map[string]bool             // lower case "db.table" of what may be temporary tables
	prepared  map[string]*sqlrewrite.Plan // by text: PREPARE name
	locked    bool                        // LOCK TABLES and the like: gates stay closed
	used      bool                        // the backend connection may hold state
	written   map[row.Lane]row.LSN        // own writes that may not be in MySQL yet
	insertID  uint64                      // LAST_INSERT_ID() that the backend does not know yet; 0 = none
	diagnosed bool                        // the backend may still list warnings or an error of a statement it executed
	outcome   outcome                     // of the last statement, if it was answered here

	deferred []string // SET statements that a backend connection opened later must run

	unread    *sqlrewrite.Plan // the SELECT being routed, if nothing is pending that it depends on
	executing *Stmt            // the prepared statement being routed, nil if it is none
	running   *sqlrewrite.Plan // the statement being forwarded,
	setting   string           // and its text if it may set variables
	counted   *uint64          // engine.Definitions before it, if it may define something
}

// maxReplan is how often a statement is planned again because the schema
// changed under it, before the client gets an error.
const maxReplan = 100

var _ Router = (*session)(nil)

// Query routes a statement of the text protocol.
func (s *session) Query(ctx context.Context, sql []byte) (bool, error) {
	s.shared.engine.Begin(s.usage)
	handled, err := s.setHere(ctx, sql)
	if !handled && err == nil {
		handled, err = s.administer(ctx, sql)
	}
	if handled {
		s.outcome.wroteRows(0)
	}
	if !handled && err == nil {
		handled, err = s.route(ctx, sql, &textRequest{sql: sql})
	}
	s.outcome.failed(err)
	if handled || err != nil {
		s.usage.End(s.busy())
	}
	return handled, err
}

// request is one execution of a statement, by text or prepared.
type request interface {
	// params are the values of the statement's markers.
	params() []sqlrewrite.Arg
	// text is the statement.
	text() []byte
	// binary reports whether rows go in the binary protocol.
	binary() bool
	// elsewhere says why only the backend can execute it, "" if it need not.
	elsewhere() string
	// columns is told the number of result columns; it reports whether the
	// client has to be told that it differs from what was prepared.
	columns(n int) bool
}

// textRequest is a COM_QUERY.
type textRequest struct{ sql []byte }

func (r *textRequest) params() []sqlrewrite.Arg { return nil }
func (r *textRequest) text() []byte             { return r.sql }
func (r *textRequest) binary() bool             { return false }
func (r *textRequest) elsewhere() string        { return "" }
func (r *textRequest) columns(int) bool         { return false }

// route plans the statement and does what the plan says.
func (s *session) route(ctx context.Context, sql []byte, req request) (handled bool, err error) {
	if handled, err := s.outcomeHere(ctx, sql, req); handled || err != nil {
		return handled, err
	}
	for try := 0; ; try++ {
		st, env, err := s.plan(ctx, sql)
		if err != nil {
			return false, err
		}
		p := st.Plan
		if handled, err := s.control(ctx, p, sql, req); handled || err != nil {
			return handled, err
		}
		reason, here := string(p.Reason), p.Verb != sqlrewrite.PassThrough
		if s.unread = nil; p.Scans {
			if here, err = s.mayScan(ctx, p); err != nil {
				return false, clientError(err)
			}
		}
		if here {
			s.imply(req)
			reason = s.blocked(req)
			if reason == "" {
				reason, err = s.absorb(ctx, st, env, req)
				s.tellsOpen(reason, err)
				if errors.Is(err, absorber.ErrReplan) && try < maxReplan {
					continue
				}
				if err != nil {
					return false, s.failed(ctx, err)
				}
				if reason == "" {
					s.shared.count(p.Verb, "")
					return true, nil
				}
			}
		}
		if p.Reason == sqlrewrite.ReasonLockingRead && (s.txn != nil || !s.autocommit()) {
			reason, err = s.lockingRead(ctx, sql, req)
			s.tellsOpen(reason, err)
			if errors.Is(err, absorber.ErrReplan) && try < maxReplan {
				continue
			}
			if reason == "" || err != nil {
				return err == nil, s.failed(ctx, err)
			}
		}
		if s.txn != nil {
			if err := s.spill(ctx, p, reason); err != nil {
				return false, err
			}
		}
		err = s.forward(ctx, p, sql)
		if errors.Is(err, absorber.ErrReplan) && try < maxReplan {
			// Planned again it may be absorbed, and must not wait for itself.
			if err := s.releaseGates(ctx); err != nil {
				return false, clientError(err)
			}
			continue
		}
		if len(p.Reads)+len(p.Writes) > 0 {
			s.shared.count(sqlrewrite.PassThrough, reason)
		}
		if err != nil { // nothing is sent, so After will not open the gates
			err = and(clientError(err), s.releaseGates(ctx))
		}
		return false, err
	}
}

// absorb does an absorbable statement. A reason that is not empty says why it
// has to be forwarded after all.
func (s *session) absorb(ctx context.Context, st *sqlrewrite.Statement, env *sqlrewrite.Env, req request) (reason string, err error) {
	adm, refusal, err := s.shared.admissions.admit(ctx, s, st, req)
	if err != nil {
		return refused(err)
	}
	if refusal != nil { // MySQL itself refuses the statement to this user
		return "", refusal
	}
	c := &computation{s: s, p: st.Plan, args: st.Args(req.params()), env: env, req: req}
	if c.unconvertible() {
		return string(sqlrewrite.ReasonValue), nil
	}
	if reason, err = c.do(ctx, adm); reason != "" && err == nil {
		c.giveBack(ctx)
	}
	return reason, err
}

// do executes the statement, here or on a shadow.
func (c *computation) do(ctx context.Context, adm *admission) (reason string, err error) {
	if c.p.Scans {
		return c.scan(ctx)
	}
	if c.p.Shadow == sqlrewrite.ShadowMust || c.p.Shadow == sqlrewrite.ShadowMay && c.p.Unseen(0, c.args, c.env) {
		return c.compute(ctx)
	}
	reason, err = c.here(ctx, adm)
	if reason != "" && err == nil && c.p.Shadow == sqlrewrite.ShadowMay && !final(reason) {
		return c.compute(ctx)
	}
	return reason, err
}

// final reports whether a reason keeps a statement from being absorbed however
// its values are computed.
func final(reason string) bool {
	return reason == "backlog_full" || reason == absorber.ReasonTooLarge || reason == reasonGateShut || strings.HasPrefix(reason, "foreign_key_") || strings.HasPrefix(reason, "transaction_")
}

// here does a statement that is computed here.
func (c *computation) here(ctx context.Context, adm *admission) (reason string, err error) {
	s, p := c.s, c.p
	switch {
	case p.Verb == sqlrewrite.PointRead:
		return s.pointRead(ctx, p, c.args, c.env, adm, c.req)
	case p.Verb == sqlrewrite.Insert && !p.Ignore:
		return c.insertHere(ctx)
	case p.Verb == sqlrewrite.Insert, p.Verb == sqlrewrite.Replace, p.Verb == sqlrewrite.Upsert:
		return c.upsert(ctx)
	case p.Index != nil:
		return c.modifyUnique(ctx)
	case p.Verb == sqlrewrite.Update:
		return s.update(ctx, p, c.args, c.env)
	case p.Verb == sqlrewrite.Delete:
		return s.delete(ctx, p, c.args, c.env)
	}
	return "verb", nil
}

// plan plans sql under the session's variables, which it reads again first if
// they may have changed.
func (s *session) plan(ctx context.Context, sql []byte) (*sqlrewrite.Statement, *sqlrewrite.Env, error) {
	cat := s.shared.engine.Catalog()
	if err := s.refresh(ctx, len(cat.All()) > 0, sql); err != nil {
		return nil, nil, err
	}
	env := s.env()
	return s.shared.planner.Plan(sql, env, cat), env, nil
}

// database is the one whose tables are meant by names without one.
func (s *session) database() string {
	if s.executing != nil {
		return s.executing.db
	}
	return s.conn.DB()
}

// env is what of the session changes a statement's meaning, now.
func (s *session) env() *sqlrewrite.Env {
	v, cat := &s.vars, s.shared.engine.Catalog()
	env := &sqlrewrite.Env{
		DB: s.database(), Mode: v.mode, Charset: v.charsetName(), ConnCollation: v.collation, Location: v.location, Now: time.Now(),
		Shadows: s.shared.shadows != nil, Version: s.conn.srv.backend.Load().number(), FoundRows: s.conn.Caps().Has(wire.CapFoundRows), LowerCaseNames: cat.LowerCaseNames(), Dialect: cat.Dialect(),
		Missing: s.shared.defaults.missing(), Temporary: s.temporary, ForeignKeyChecks: v.foreignKeys, UniqueChecks: v.uniques,
	}
	if s.conn.Caps().Has(wire.CapIgnoreSpace) {
		env.Mode |= sqlrewrite.ModeIgnoreSpace
	}
	env.AutoIncrement.Increment, env.AutoIncrement.Offset = v.increment, v.offset
	return env
}

// blocked says why the session's state keeps a statement from being absorbed.
func (s *session) blocked(req request) string {
	if why := req.elsewhere(); why != "" {
		return why
	}
	switch {
	case s.inTransaction():
		return "transaction"
	case !s.autocommit() && s.txn == nil:
		return reasonAutocommitOff
	case s.locked:
		return "lock_tables"
	case s.odd, s.vars.odd, !s.vars.literal, !s.vars.foreignKeys, !s.vars.uniques:
		return "session_variable"
	}
	return ""
}

// reasonAutocommitOff: a transaction that could not be kept here.
const reasonAutocommitOff = "autocommit_off"

// inTransaction reports whether the backend has a transaction open.
func (s *session) inTransaction() bool { return s.conn.Status()&wire.StatusInTransaction != 0 }

// autocommit is the session's setting. Where a backend connection is open, its
// status flags say it.
func (s *session) autocommit() bool {
	if s.conn.HasBackend() {
		return s.conn.Status()&wire.StatusAutocommit != 0
	}
	return s.vars.autocommit
}

// wrote remembers an absorbed write of this session.
func (s *session) wrote(res absorber.Result) {
	if res.LSN == 0 {
		return
	}
	if s.written == nil {
		s.written = map[row.Lane]row.LSN{}
	}
	s.written[res.Lane] = max(s.written[res.Lane], res.LSN)
}
