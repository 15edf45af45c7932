package proxy

import (
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
	"github.com/rzpsarthak13/shock-absorber/sqlrewrite"
)

// answer sends the client what MySQL answered on the shadow, or what was
// computed here.
func (c *computation) answer() error {
	s, res := c.s, c.res
	switch {
	case res == nil:
		if c.first != 0 && c.ok.InsertID == c.first {
			s.insertID = c.first
		}
		s.outcome.wroteRows(c.ok.Affected)
		s.updated(c.ok.Info)
		c.ok.Status = s.ownStatus()
		return s.conn.WriteOK(*c.ok)
	case res.failure != nil && len(res.columns) == 0:
		s.outcome.failed(res.failure)
		s.outcome.warnings = res.warnings
		return s.conn.WriteError(res.failure)
	case c.p.Verb == sqlrewrite.PointRead:
		s.outcome.readRows(c.p.Offset(c.args) + len(res.rows))
		s.outcome.warnings = res.warnings
		return s.writeShadowRows(res, c.req, c.flags)
	}
	ok := *res.ok
	ok.Status = s.ownStatus() | c.flags
	if res.insertID != 0 {
		s.insertID = res.insertID
	}
	s.outcome.wroteRows(ok.Affected)
	s.updated(ok.Info)
	s.outcome.warnings = res.warnings
	return s.conn.WriteOK(ok)
}

// writeShadowRows sends a result set as the shadow's connection received it.
func (s *session) writeShadowRows(res *shadowResult, req request, flags uint16) error {
	status := s.ownStatus() | flags
	if req.columns(len(res.columns)) {
		status |= wire.StatusMetadataChanged
	}
	if err := s.conn.WriteColumns(res.columns, wire.OK{Status: status}); err != nil {
		return err
	}
	for _, r := range res.rows {
		if err := s.conn.WriteRow(r); err != nil {
			return err
		}
	}
	if res.failure != nil { // a SELECT may fail at a row
		s.outcome.failed(res.failure)
		s.outcome.warnings = res.warnings
		return s.conn.WriteError(res.failure)
	}
	return s.conn.WriteEnd(wire.OK{Status: status, Warnings: res.end.Warnings})
}
