package proxy

import (
	"context"
	"fmt"
	"regexp"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
	"github.com/rzpsarthak13/shock-absorber/sqlrewrite"
)

// Statements that list or count what the one before has left.
var (
	onlyList  = regexp.MustCompile(`(?is)^\s*show\s+(warnings|errors)(?:\s+limit\s+(?:(\d+)\s*,\s*)?(\d+))?\s*;?\s*$`)
	onlyCount = regexp.MustCompile(`(?is)^\s*show\s+count\s*\(\s*\*\s*\)\s+(warnings|errors)\s*;?\s*$`)
)

// outcomeHere answers a statement that asks for the outcome of one that was
// answered here: with the column definitions that the backend sends for it,
// and values from here.
func (s *session) outcomeHere(ctx context.Context, sql []byte, req request) (bool, error) {
	o := s.outcome
	// Telling the backend the last insert id changes what it says of its own
	// last statement.
	tells := s.insertID != 0 && s.conn.HasBackend()
	if !o.own && !tells && o.found == 0 || len(req.params()) > 0 || req.elsewhere() != "" {
		return false, nil
	}
	if !o.own {
		return s.substitute(ctx, sql, req, sqlrewrite.Outcome{RowCount: o.rowCount, FoundRows: int64(o.found) - 1, Warnings: -2, Errors: -2})
	}
	if m := onlyList.FindSubmatch(sql); m != nil {
		defer func() { s.outcome.found = o.found }() // it does not count as a SELECT
		return true, s.writeOutcome(ctx, sql, req, true, listed(o.list(m[1]), m[2], m[3]))
	}
	if m := onlyCount.FindSubmatch(sql); m != nil {
		return true, s.writeOutcome(ctx, sql, req, true, [][][]byte{{strconv.AppendInt(nil, int64(len(o.list(m[1]))), 10)}})
	}
	known := sqlrewrite.Outcome{RowCount: o.rowCount, FoundRows: int64(o.found) - 1,
		Warnings: int64(len(o.list([]byte("warnings")))), Errors: int64(len(o.list([]byte("errors"))))}
	known.Kept = known.Warnings > 0 && s.shared.engine.Catalog().Dialect() == schema.MariaDB
	if text, ok := sqlrewrite.Diagnostics(sql, s.vars.mode, known); ok {
		return true, s.getDiagnostics(ctx, string(text))
	}
	return s.substitute(ctx, sql, req, known)
}

// getDiagnostics does a GET DIAGNOSTICS, which set says as a SET of variables.
// It leaves the diagnostics as they are.
func (s *session) getDiagnostics(ctx context.Context, set string) error {
	s.used = true
	if _, err := s.query(ctx, set); err != nil {
		return clientError(err)
	}
	s.outcome.rowCount = 0
	return s.conn.WriteOK(wire.OK{Status: s.ownStatus()})
}

// substitute answers a SELECT that asks for the outcome by having the backend
// compute it with what is known.
func (s *session) substitute(ctx context.Context, sql []byte, req request, known sqlrewrite.Outcome) (bool, error) {
	text, ok := sqlrewrite.Substitute(sql, s.vars.mode, known)
	if !ok {
		return false, nil
	}
	if err := s.tellInsertID(ctx); err != nil {
		return false, clientError(err)
	}
	rows, err := s.query(ctx, string(text))
	if err != nil {
		return false, clientError(err)
	}
	// MariaDB forgets warnings only for a statement with a table or a subquery.
	return true, s.writeOutcome(ctx, sql, req, s.outcome.own && s.shared.engine.Catalog().Dialect() == schema.MariaDB, rows)
}

// list are the warnings, or only the errors.
func (o *outcome) list(which []byte) []shadowWarning {
	all := o.warnings
	if len(all) == 0 && o.failure != nil {
		all = []shadowWarning{{level: "Error", code: o.failure.Code, message: []byte(o.failure.Message)}}
	}
	return only(all, which[0]|0x20 == 'e')
}

// only picks the errors if asked for.
func only(all []shadowWarning, errors bool) []shadowWarning {
	if !errors {
		return all
	}
	var out []shadowWarning
	for _, w := range all {
		if w.level == "Error" {
			out = append(out, w)
		}
	}
	return out
}

// listed are the rows of SHOW WARNINGS with its LIMIT.
func listed(all []shadowWarning, offset, limit []byte) [][][]byte {
	from, to := 0, len(all)
	if len(offset) > 0 {
		from = min(atMost(offset), to)
	}
	if len(limit) > 0 {
		to = min(from+atMost(limit), to)
	}
	var rows [][][]byte
	for _, w := range all[from:to] {
		rows = append(rows, [][]byte{[]byte(w.level), strconv.AppendUint(nil, uint64(w.code), 10), w.message})
	}
	return rows
}

// atMost reads a LIMIT; more than there can be warnings is as good as any.
func atMost(digits []byte) int {
	n, err := strconv.Atoi(string(digits))
	if err != nil {
		return 1 << 20
	}
	return n
}

// codeDeprecated is MySQL's warning that a statement uses what will be removed.
const codeDeprecated = 1287

// warnedBy are the backend's warnings of the statement that it has executed, but
// for those about its text.
func (s *session) warnedBy(ctx context.Context) ([]shadowWarning, error) {
	rows, err := s.query(ctx, "SHOW WARNINGS")
	if err != nil {
		return nil, err
	}
	var all []shadowWarning
	for _, r := range rows {
		code, err := strconv.ParseUint(string(r[1]), 10, 16)
		if err != nil {
			return nil, fmt.Errorf("read the warnings: %w", err)
		}
		if code != codeDeprecated {
			all = append(all, shadowWarning{level: string(r[0]), code: uint16(code), message: r[2]})
		}
	}
	return all, nil
}

// writeOutcome sends rows under the column definitions of sql. With keep the
// diagnostics stay as they are; else the backend, which has just executed sql,
// knows the outcome.
func (s *session) writeOutcome(ctx context.Context, sql []byte, req request, keep bool, rows [][][]byte) error {
	if err := s.openBackend(ctx); err != nil {
		return clientError(err)
	}
	res, err := s.conn.BackendQuery(ctx, string(sql), nil)
	if err != nil {
		return clientError(err)
	}
	kept := s.outcome
	var warnings []shadowWarning // of the execution: PREPARE has given those about the statement itself
	tells := !keep && req.binary() && res.Response.Warnings > 0
	if tells {
		if warnings, err = s.warnedBy(ctx); err != nil {
			return clientError(err)
		}
	}
	if s.outcome = (outcome{rowCount: -1}); keep {
		s.outcome.readRows(len(rows))
		s.outcome.failure, s.outcome.warnings = kept.failure, kept.warnings
	} else if tells {
		s.outcome.readRows(len(rows))
		s.outcome.warnings = warnings
	}
	begin := wire.OK{Status: s.ownStatus()}
	end := begin
	if end.Warnings = uint16(len(warnings)); !req.binary() {
		begin.Warnings, end.Warnings = res.Early, res.Response.Warnings
	}
	if err := s.conn.WriteColumns(res.Columns, begin); err != nil {
		return err
	}
	var columns []wire.ColumnDef
	for _, d := range res.Columns {
		c, err := wire.ParseColumnDef(d, s.conn.Caps())
		if err != nil {
			return err
		}
		columns = append(columns, c)
	}
	for _, r := range rows {
		payload := wire.AppendTextRow(nil, r)
		if req.binary() {
			if payload, err = wire.AppendBinaryRow(nil, columns, r); err != nil {
				return err
			}
		}
		if err := s.conn.WriteRow(payload); err != nil {
			return err
		}
	}
	return s.conn.WriteEnd(end)
}
