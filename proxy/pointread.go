package proxy

import (
	"context"
	"errors"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
	"github.com/rzpsarthak13/shock-absorber/sqlrewrite"
)

// pointRead answers a SELECT by key from the row cache, with the
// column definitions that MySQL itself sends for it.
func (s *session) pointRead(ctx context.Context, p *sqlrewrite.Plan, args []sqlrewrite.Arg, env *sqlrewrite.Env, adm *admission, req request) (_ string, err error) {
	sc, why := keys(p, args, env)
	if why != "" {
		return why, nil
	}
	var images []row.Image
	if lr, ok := req.(*lockingRequest); ok {
		images, err = s.lockRead(ctx, p.Table, sc, lr)
	} else {
		images, err = s.lookup(ctx, p, sc)
	}
	if errors.Is(err, absorber.ErrShut) {
		return reasonGateShut, nil
	}
	if reason, err := refused(err); reason != "" || err != nil {
		return reason, err
	}
	rows := make([][][]byte, 0, len(images))
	for _, im := range images {
		matched, why := p.Matches(im, args, env)
		if why != "" {
			return string(why), nil
		}
		if !matched {
			continue
		}
		values, reason := project(p, im, env, req.binary())
		if reason != "" {
			return reason, nil
		}
		rows = append(rows, values)
	}
	s.outcome.readRows(len(rows))
	return "", s.writeRows(adm, rows, req)
}

// writeRows sends a result set.
func (s *session) writeRows(adm *admission, rows [][][]byte, req request) error {
	binary, status := req.binary(), s.ownStatus()
	if req.columns(len(adm.columns)) {
		status |= wire.StatusMetadataChanged
	}
	if err := s.conn.WriteColumns(adm.columns, wire.OK{Status: status}); err != nil {
		return err
	}
	defs, err := adm.definitions(binary, s.conn.Caps())
	if err != nil {
		return err
	}
	var payload []byte
	for _, values := range rows {
		if payload = payload[:0]; !binary {
			payload = wire.AppendTextRow(payload, values)
		} else if payload, err = wire.AppendBinaryRow(payload, defs, values); err != nil {
			return err
		}
		if err := s.conn.WriteRow(payload); err != nil {
			return err
		}
	}
	return s.conn.WriteEnd(wire.OK{Status: status})
}

// project picks the selected columns and puts them into the form that the
// session would see. It does not change the image.
func project(p *sqlrewrite.Plan, im row.Image, env *sqlrewrite.Env, binary bool) ([][]byte, string) {
	values := make([][]byte, len(p.Columns))
	for i, c := range p.Columns {
		col := &p.Table.Columns[c]
		if binary && col.Type == schema.Float {
			values[i] = im[c] // binary rows carry the float itself, text rows six digits
			continue
		}
		v, exact := row.Print(col, im[c], env.Location)
		if !exact {
			return nil, "time_zone"
		}
		if env.Charset != "utf8mb4" && textual(col) && !ascii(v) {
			return nil, "session_charset"
		}
		values[i] = v
	}
	return values, ""
}

// textual reports whether a column's values are converted to the session's
// character set.
func textual(c *schema.Column) bool {
	switch c.Type {
	case schema.Char, schema.Varchar, schema.Text, schema.Enum, schema.Set, schema.JSON:
		return true
	}
	return false
}

// ascii reports whether b is the same in every character set that clients use.
func ascii(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
