package proxy

import (
	"context"
	"regexp"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// Administration is what the schema shock_absorber is made of, for users with
// admin = true.
type Administration interface {
	// Table gives a virtual table: column names and rows, all text; nil is
	// NULL. ok is false if there is no such table.
	Table(ctx context.Context, name string) (columns []string, rows [][][]byte, ok bool, err error)
	// Call runs a procedure; ok is false if there is none of that name. u is
	// the calling session, by the user.
	Call(ctx context.Context, u *absorber.Usage, by, procedure string, args []string) (ok bool, err error)
}

var (
	adminCall   = regexp.MustCompile("(?is)^\\s*call\\s+`?shock_absorber`?\\s*\\.\\s*`?(\\w+)`?\\s*(?:\\((.*)\\))?\\s*;?\\s*$")
	adminSelect = regexp.MustCompile("(?is)^\\s*select\\s+\\*\\s+from\\s+`?shock_absorber`?\\s*\\.\\s*`?(\\w+)`?\\s*;?\\s*$")
	adminArg    = regexp.MustCompile(`^\s*(?:'([^'\\]*)'|"([^"\\]*)"|([-+0-9.eE]+))\s*(?:,|$)`)
)

// administer answers statements about the virtual schema. Tables that exist in
// MySQL under shock_absorber (the checkpoint and the like) are forwarded.
func (s *session) administer(ctx context.Context, sql []byte) (bool, error) {
	if s.shared.admin == nil || !s.conn.User().Admin {
		return false, nil
	}
	if m := adminCall.FindSubmatch(sql); m != nil {
		args, err := parseArgs(string(m[2]))
		if err != nil {
			return false, err
		}
		name := strings.ToLower(string(m[1]))
		ok, err := s.shared.admin.Call(ctx, s.usage, s.conn.User().Name, name, args)
		if err == nil && !ok {
			err = NewError(codeNoProcedure, "42000", "PROCEDURE shock_absorber.%s does not exist; there are enable, disable, drain, pause, resume, set_rate, retry and discard", name)
		}
		if err != nil {
			return false, adminError(err)
		}
		return true, s.conn.WriteOK(wire.OK{Status: s.ownStatus()})
	}
	m := adminSelect.FindSubmatch(sql)
	if m == nil {
		return false, nil
	}
	columns, rows, ok, err := s.shared.admin.Table(ctx, strings.ToLower(string(m[1])))
	if err != nil || !ok {
		return false, adminError(err)
	}
	return true, s.writeText(columns, rows)
}

// codeNoProcedure is ER_SP_DOES_NOT_EXIST.
const codeNoProcedure = 1305

// adminError leaves the text of an error to an administrator as it is.
func adminError(err error) error {
	if err == nil {
		return nil
	}
	return NewError(codeUnknownError, "HY000", "%v", err)
}

// parseArgs reads the arguments of a CALL: strings and numbers.
func parseArgs(list string) ([]string, error) {
	var args []string
	for strings.TrimSpace(list) != "" {
		m := adminArg.FindStringSubmatch(list)
		if m == nil {
			return nil, NewError(1064, "42000", "the procedures of shock_absorber take strings and numbers, near '%.60s'", list)
		}
		args = append(args, m[1]+m[2]+m[3])
		list = list[len(m[0]):]
	}
	return args, nil
}

// writeText sends a table of text.
func (s *session) writeText(columns []string, rows [][][]byte) error {
	const (
		typeVarString = 253
		utf8mb4       = 45
		width         = 4 * 1024
	)
	defs := make([][]byte, len(columns))
	for i, c := range columns {
		defs[i] = wire.AppendColumnDef(nil, s.conn.Caps(), &wire.ColumnDef{Schema: "shock_absorber", Name: c, Charset: utf8mb4, Length: width, Type: typeVarString, Decimals: 31})
	}
	if err := s.conn.WriteColumns(defs, wire.OK{Status: s.ownStatus()}); err != nil {
		return err
	}
	for _, r := range rows {
		if err := s.conn.WriteRow(wire.AppendTextRow(nil, r)); err != nil {
			return err
		}
	}
	return s.conn.WriteEnd(wire.OK{Status: s.ownStatus()})
}
