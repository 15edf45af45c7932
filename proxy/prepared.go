package proxy

import (
	"context"
	"regexp"
	"slices"

	"github.com/rzpsarthak13/shock-absorber/sqlrewrite"
)

// preparedRequest is a COM_STMT_EXECUTE.
type preparedRequest struct {
	st      *Stmt
	values  []sqlrewrite.Arg
	payload []byte // the command
	remote  string // why only the backend can execute it; "" if it need not
}

func (r *preparedRequest) params() []sqlrewrite.Arg { return r.values }
func (r *preparedRequest) text() []byte             { return []byte(r.st.SQL) }
func (r *preparedRequest) binary() bool             { return true }
func (r *preparedRequest) elsewhere() string        { return r.remote }

// columns follows the number of columns the client knows; it reports whether
// that has changed, with the schema.
func (r *preparedRequest) columns(n int) bool {
	changed := r.st.Columns != n
	r.st.Columns = n
	return changed
}

// Prepare answers the PREPARE of a statement that will probably be absorbed,
// so that the session needs no backend connection for it.
func (s *session) Prepare(ctx context.Context, st *Stmt) (bool, error) {
	s.shared.engine.Begin(s.usage)
	handled, err := s.prepareHere(ctx, st)
	if !handled && err == nil {
		err = s.openBackend(ctx)
	}
	if handled || err != nil {
		s.usage.End(s.busy())
	}
	return handled, err
}

// prepareHere is Prepare; false means that the backend shall prepare it.
func (s *session) prepareHere(ctx context.Context, st *Stmt) (bool, error) {
	planned, _, err := s.plan(ctx, []byte(st.SQL))
	if err != nil {
		return false, err
	}
	st.db = s.conn.DB() // plan has asked for it, if it was in doubt
	req := &preparedRequest{st: st}
	p := planned.Plan
	if p.Verb == sqlrewrite.PassThrough || p.Verb == sqlrewrite.PointRead && p.Scans || s.blocked(req) != "" {
		return false, nil
	}
	adm, refusal, err := s.shared.admissions.admit(ctx, s, planned, req)
	if why, err := refused(err); why != "" || err != nil {
		return false, clientError(err)
	}
	if refusal != nil { // the backend gives it, and knows the warnings that go with it
		return false, nil
	}
	return true, s.conn.WritePrepared(st, adm.prepared)
}

// Execute routes the execution of a prepared statement. It means the tables of
// the database that was current when it was prepared.
func (s *session) Execute(ctx context.Context, st *Stmt, payload []byte) (bool, error) {
	s.shared.engine.Begin(s.usage)
	s.executing = st
	handled, err := s.executeHere(ctx, st, payload)
	s.executing = nil
	s.outcome.failed(err)
	if handled || err != nil {
		s.usage.End(s.busy())
	}
	return handled, err
}

// executeHere is Execute. A cursor, and long data that has gone to the backend
// already, are the backend's to execute.
func (s *session) executeHere(ctx context.Context, st *Stmt, payload []byte) (bool, error) {
	ex, ok := st.Decode(payload, s.conn.Caps())
	if !ok || ex.Flags != 0 {
		return s.route(ctx, []byte(st.SQL), &preparedRequest{st: st, remote: "cursor"})
	}
	return s.route(ctx, []byte(st.SQL), &preparedRequest{st: st, values: ex.Params, payload: payload})
}

// names is the beginning of SET NAMES, which stands for namesParts assignments.
var names = regexp.MustCompile(`(?i)^set\s+names\s`)

const namesParts = 4

// setHere answers a SET that is completely understood while the session has no
// backend connection: one that is opened later runs it then. Many clients
// begin every session with such a SET.
func (s *session) setHere(ctx context.Context, sql []byte) (bool, error) {
	if s.conn.HasBackend() || len(sql) < 4 || sql[0]|0x20 != 's' {
		return false, nil
	}
	if err := s.begin(ctx); err != nil || s.stale {
		return false, err
	}
	list, understood := sqlrewrite.ParseSet(sql, s.vars.mode)
	if !understood {
		return false, nil
	}
	v := s.vars
	for _, a := range list {
		if a.Once || !s.shared.defaults.assign(&v, a) {
			return false, nil
		}
	}
	// All of them set constants, so the same text once more makes the earlier
	// one needless.
	deferred := append(slices.DeleteFunc(slices.Clone(s.deferred), func(d string) bool { return d == string(sql) }), string(sql))
	ok, err := s.shared.sets.of(ctx, s, deferred)
	if err != nil {
		return false, nil // the session's own connection may do better, or says why not
	}
	if names.Match(sql) && len(list) == namesParts {
		v.shown = v.collation // SET NAMES .. COLLATE sets it for the results as well
	}
	s.vars, s.deferred = v, deferred
	return true, s.conn.WriteOK(ok)
}
