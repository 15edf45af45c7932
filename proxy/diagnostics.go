package proxy

import (
	"context"
	"regexp"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// Statements that ask for nothing but the outcome of the one before.
var (
	onlyRowCount = regexp.MustCompile("(?is)^\\s*select\\s+row_count\\(\\s*\\)(\\s+(as\\s+)?[a-z_`][a-z0-9_`]*)?\\s*;?\\s*$")
	onlyList     = regexp.MustCompile(`(?is)^\s*show\s+(warnings|errors)(?:\s+limit\s+(?:(\d+)\s*,\s*)?(\d+))?\s*;?\s*$`)
	onlyCount    = regexp.MustCompile("(?is)^\\s*(?:show\\s+count\\s*\\(\\s*\\*\\s*\\)\\s+(warnings|errors)|select\\s+@@(?:session\\.|local\\.)?(warning|error)_count(?:\\s+(?:as\\s+)?[a-z_`][a-z0-9_`]*)?)\\s*;?\\s*$")
)

// outcomeHere answers a statement that asks for the outcome of one that was
// answered here, where no statement can make the backend give that answer: with
// the column definitions that the backend sends for it, and values from here.
func (s *session) outcomeHere(ctx context.Context, sql []byte) (bool, error) {
	o := s.outcome
	if !o.own {
		return false, nil
	}
	if o.rowCount > 1 && onlyRowCount.Match(sql) {
		return true, s.writeOutcome(ctx, sql, false, [][][]byte{{strconv.AppendInt(nil, o.rowCount, 10)}})
	}
	if len(o.warnings) == 0 && o.failure != nil {
		return false, nil // tellOutcome can bring one error about
	}
	if m := onlyList.FindSubmatch(sql); m != nil {
		return true, s.writeOutcome(ctx, sql, true, listed(only(o.warnings, m[1][0]|0x20 == 'e'), m[2], m[3]))
	}
	if m := onlyCount.FindSubmatch(sql); m != nil {
		which := append(m[1], m[2]...)
		n := len(only(o.warnings, which[0]|0x20 == 'e'))
		return true, s.writeOutcome(ctx, sql, true, [][][]byte{{strconv.AppendInt(nil, int64(n), 10)}})
	}
	return false, nil
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

// writeOutcome sends rows under the column definitions of sql. A statement that
// looks at the diagnostics leaves them as they are; one that reads a value is a
// SELECT like any other.
func (s *session) writeOutcome(ctx context.Context, sql []byte, keep bool, rows [][][]byte) error {
	_, defs, err := s.result(ctx, string(sql))
	if err != nil {
		return err
	}
	if kept := s.outcome; keep {
		defer func() { s.outcome = kept }()
	}
	s.outcome.readRows(len(rows))
	if err := s.conn.WriteColumns(defs, s.ownStatus()); err != nil {
		return err
	}
	for _, r := range rows {
		if err := s.conn.WriteRow(wire.AppendTextRow(nil, r)); err != nil {
			return err
		}
	}
	return s.conn.WriteEnd(wire.OK{Status: s.ownStatus()})
}
