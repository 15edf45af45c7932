package proxy

import (
	"context"
	"errors"
	"fmt"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
	"github.com/rzpsarthak13/shock-absorber/sqlrewrite"
)

// unconvertible reports whether a parameter has a character that a column of
// the table may not have. MySQL converts parameters before it executes, and
// fails with 3988 where it would otherwise find no row, or warn.
func (c *computation) unconvertible() bool {
	t := c.p.Table
	if t.Dialect != schema.MySQL || !c.req.binary() {
		return false
	}
	for i := range t.Columns {
		switch col := &t.Columns[i]; col.Charset {
		case "", "binary", "utf8mb4":
		default:
			for _, a := range c.args {
				if a.Kind == row.KindString && !row.Converts(a.Text, col.Charset) {
					return true
				}
			}
		}
	}
	return false
}

// insertHere absorbs an INSERT.
func (c *computation) insertHere(ctx context.Context) (string, error) {
	s, p := c.s, c.p
	planned, why := p.Rows(c.args, c.env)
	if why != "" {
		return string(why), nil
	}
	rows := make([]absorber.NewRow, len(planned))
	for i, r := range planned {
		rows[i] = absorber.NewRow{Image: r.Image, Generate: r.Generate}
	}
	res, err := s.insert(ctx, p.Table, rows, absorber.AutoIncrement(c.env.AutoIncrement))
	var dup *absorber.Duplicate
	if errors.As(err, &dup) && dup.Row > 0 && res.Generated {
		s.insertID = res.InsertID // of the rows before, which were stored and are gone
	}
	if reason, err := refused(err); reason != "" || err != nil {
		if res.Generated {
			c.first, c.taken = res.InsertID, res.Reserved
		}
		return reason, err
	}
	s.wrote(res)
	if res.Generated {
		s.insertID = res.InsertID
	}
	s.outcome.wroteRows(res.Affected)
	ok := wire.OK{Affected: res.Affected, InsertID: res.InsertID, Status: s.ownStatus()}
	if len(rows) > 1 {
		ok.Info = fmt.Appendf(nil, "Records: %d  Duplicates: 0  Warnings: 0", len(rows))
	}
	return "", s.conn.WriteOK(ok)
}

// update absorbs an UPDATE by primary key.
func (s *session) update(ctx context.Context, p *sqlrewrite.Plan, args []sqlrewrite.Arg, env *sqlrewrite.Env) (string, error) {
	refs, why := p.Keys(args, env)
	if why != "" {
		return string(why), nil
	}
	res, err := s.updateRows(ctx, p.Table, refs, func(im row.Image) (row.Image, []uint16, bool, string) {
		matched, why := p.Matches(im, args, env)
		if why != "" || !matched {
			return nil, nil, matched, string(why)
		}
		out, changed, why := p.Apply(im, args, env)
		return out, changed, true, string(why)
	})
	if reason, err := refused(err); reason != "" || err != nil {
		return reason, err
	}
	s.wrote(res)
	affected := res.Affected
	if env.FoundRows {
		affected = res.Matched
	}
	s.outcome.wroteRows(affected)
	s.found(res.Matched)
	return "", s.conn.WriteOK(wire.OK{Affected: affected, Status: s.ownStatus(),
		Info: fmt.Appendf(nil, "Rows matched: %d  Changed: %d  Warnings: 0", res.Matched, res.Affected)})
}

// delete absorbs a DELETE by primary key.
func (s *session) delete(ctx context.Context, p *sqlrewrite.Plan, args []sqlrewrite.Arg, env *sqlrewrite.Env) (string, error) {
	refs, why := p.Keys(args, env)
	if why != "" {
		return string(why), nil
	}
	res, err := s.deleteRows(ctx, p.Table, refs, func(im row.Image) (bool, string) {
		matched, why := p.Matches(im, args, env)
		return matched, string(why)
	})
	if reason, err := refused(err); reason != "" || err != nil {
		return reason, err
	}
	s.wrote(res)
	s.outcome.wroteRows(res.Affected)
	return "", s.conn.WriteOK(wire.OK{Affected: res.Affected, Status: s.ownStatus()})
}

// refused takes a *absorber.Refused apart: its reason is no error to the
// client, the statement goes to MySQL.
func refused(err error) (string, error) {
	if err == nil {
		return "", nil
	}
	var r *absorber.Refused
	if errors.As(err, &r) {
		return r.Reason, nil
	}
	return "", err
}

// statusANSIQuotes is MariaDB's SERVER_STATUS_ANSI_QUOTES.
const statusANSIQuotes uint16 = 0x8000

// ownStatus are the status flags of an answer the proxy gives itself: those of
// a server that has nothing open for the session. Clients quote by them.
func (s *session) ownStatus() uint16 {
	status := s.plainStatus()
	if !s.autocommit() {
		status &^= wire.StatusAutocommit
	}
	if s.conn.HasBackend() {
		// It knows of a SET before it is asked for the variables, and an answer
		// about the outcome may be given in a transaction there.
		const told = wire.StatusInTransaction | wire.StatusInTransReadOnly | wire.StatusNoBackslashEscapes | statusANSIQuotes
		status = status&^told | s.conn.Status()&told
	}
	return status
}

// plainStatus are the flags of a session that has nothing open.
func (s *session) plainStatus() uint16 {
	status := wire.StatusAutocommit
	if s.vars.mode&sqlrewrite.ModeNoBackslashEscapes != 0 {
		status |= wire.StatusNoBackslashEscapes
	}
	if s.vars.mode&sqlrewrite.ModeANSIQuotes != 0 && s.shared.engine.Catalog().Dialect() == schema.MariaDB {
		status |= statusANSIQuotes
	}
	return status
}
