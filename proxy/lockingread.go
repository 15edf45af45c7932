package proxy

import (
	"context"
	"errors"
	"slices"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
	"github.com/rzpsarthak13/shock-absorber/sqlrewrite"
)

// lockingRequest is a request for a SELECT ... FOR UPDATE or FOR SHARE, whose plan
// is that of the SELECT.
type lockingRequest struct {
	request
	how sqlrewrite.Locking
}

// codeNoWait is MySQL's ER_LOCK_NOWAIT; MariaDB answers as after a wait.
const codeNoWait = 3572

// lockingRead answers a SELECT ... FOR UPDATE or FOR SHARE by key in a transaction that
// is kept here, or says why it cannot be.
func (s *session) lockingRead(ctx context.Context, sql []byte, req request) (reason string, err error) {
	reason = string(sqlrewrite.ReasonLockingRead)
	plain, how, ok := sqlrewrite.SplitLocking(sql, s.vars.mode)
	if !ok {
		return reason, nil
	}
	st, env, err := s.plan(ctx, plain)
	if err != nil || st.Plan.Verb != sqlrewrite.PointRead || st.Plan.Scans {
		return reason, err
	}
	s.imply(req)
	if s.txn == nil || s.blocked(req) != "" {
		return reason, nil
	}
	lr := &lockingRequest{request: req, how: how}
	adm, refusal, err := s.shared.admissions.admit(ctx, s, st, lr)
	if err != nil {
		return refused(err)
	}
	if refusal != nil {
		return "", refusal
	}
	c := &computation{s: s, p: st.Plan, args: st.Args(req.params()), env: env, req: lr}
	if c.unconvertible() {
		return string(sqlrewrite.ReasonValue), nil
	}
	if reason, err = c.do(ctx, adm); reason == "" && err == nil {
		s.shared.count(st.Plan.Verb, "")
	}
	return reason, err
}

// lockRead is lookup for a locking read.
func (s *session) lockRead(ctx context.Context, t *schema.Table, sc absorber.Scope, how *lockingRequest) (images []row.Image, err error) {
	if len(sc.Unique) > 0 {
		images, err = s.txn.LookupUniqueLocking(ctx, t, sc.Unique, how.engine())
	} else {
		images, err = s.txn.LookupLocking(ctx, t, sc.Refs, how.engine())
	}
	if !errors.Is(err, wal.ErrLocked) {
		return slices.DeleteFunc(images, func(im row.Image) bool { return im == nil }), err
	}
	if t.Dialect == schema.MySQL {
		return nil, NewError(codeNoWait, "HY000", "Statement aborted because lock(s) could not be acquired immediately and NOWAIT is set.")
	}
	return nil, absorber.ErrLockWait
}

// engine is how the engine is asked for it.
func (lr *lockingRequest) engine() absorber.Locking {
	waits := map[sqlrewrite.LockWait]absorber.Waiting{sqlrewrite.LockNoWait: absorber.NoWait, sqlrewrite.LockSkips: absorber.Skip}
	return absorber.Locking{Wait: waits[lr.how.Wait], Shared: lr.how.Shared}
}
