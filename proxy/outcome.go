package proxy

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
	"github.com/rzpsarthak13/shock-absorber/sqlrewrite"
)

// outcome is what the proxy answered last by itself, as ROW_COUNT(),
// FOUND_ROWS() and SHOW WARNINGS have to tell it: the backend knows only of
// what was forwarded.
type outcome struct {
	own      bool            // the last statement was answered here
	rowCount int64           // ROW_COUNT(): -1 after rows and after an error
	found    int             // rows of the last SELECT answered here, plus 1; 0 if the backend knows FOUND_ROWS()
	failure  *wire.ErrPacket // the error that was answered, nil for none
	warnings []shadowWarning // of a statement that MySQL computed, as SHOW WARNINGS lists them
}

// wroteRows notes a write that was answered here.
func (o *outcome) wroteRows(affected uint64) {
	*o = outcome{own: true, rowCount: int64(affected), found: o.found}
}

// readRows notes a SELECT that was answered here.
func (o *outcome) readRows(n int) { *o = outcome{own: true, rowCount: -1, found: n + 1} }

// failed notes an error that was answered here.
func (o *outcome) failed(err error) {
	var e *wire.ErrPacket
	if errors.As(err, &e) {
		*o = outcome{own: true, rowCount: -1, found: o.found, failure: e}
	}
}

// found notes how many rows an UPDATE has found: MySQL's FOUND_ROWS() tells it.
func (s *session) found(rows uint64) {
	if s.shared.engine.Catalog().Dialect() == schema.MySQL {
		s.outcome.found = int(rows) + 1
	}
}

// updated is found for an answer whose text tells the rows, as an UPDATE's does.
func (s *session) updated(info []byte) {
	var rows uint64
	if _, err := fmt.Sscanf(string(info), "Rows matched: %d", &rows); err == nil {
		s.found(rows)
	}
}

// forwarded notes a statement that the backend executed: it knows the outcome,
// but FOUND_ROWS() is still that of the last statement that set it.
func (o *outcome) forwarded(p *sqlrewrite.Plan, r *wire.Response, d schema.Dialect) {
	found := o.found
	*o = outcome{rowCount: int64(r.Affected)}
	if r.Err != nil || r.Rows {
		o.rowCount = -1
	}
	// MySQL counts the rows that an UPDATE finds, and a DO.
	if !r.Rows && p.Effect&sqlrewrite.EffectUnknown == 0 && (r.Err != nil || d == schema.MariaDB && len(p.Reads) == 0) {
		o.found = found
	}
}

// maxFound bounds the rows that FOUND_ROWS() is told of.
const maxFound = 10000

// tellOutcome makes the backend answer as if it had run what the proxy answered
// last. What no statement can bring about there is a ROW_COUNT() above 1;
// outcomeHere answers that.
func (s *session) tellOutcome(ctx context.Context, uses sqlrewrite.Use) error {
	o := &s.outcome
	if !s.mustTell(uses) {
		return nil
	}
	if o.own {
		// Whatever is told changes FOUND_ROWS(), and makes the backend forget
		// its warnings: MariaDB only for a statement with a table.
		rows, err := s.query(ctx, "SELECT f FROM (SELECT FOUND_ROWS() AS f) t")
		if err != nil {
			return err
		}
		if s.diagnosed = false; o.found == 0 {
			n, err := strconv.Atoi(string(rows[0][0]))
			if err != nil {
				return fmt.Errorf("read FOUND_ROWS(): %w", err)
			}
			o.found = n + 1
		}
	}
	if uses&sqlrewrite.UseFoundRows != 0 && o.found > 0 && o.found <= maxFound {
		rows := "SELECT 1 FROM DUAL WHERE FALSE"
		if o.found > 1 {
			rows = "SELECT 1" + strings.Repeat(" UNION ALL SELECT 1", o.found-2)
		}
		if _, err := s.query(ctx, rows); err != nil {
			return err
		}
	}
	sql := ""
	switch {
	case !o.own:
	case o.failure != nil:
		sql = fmt.Sprintf("SIGNAL SQLSTATE '%s' SET MYSQL_ERRNO = %d, MESSAGE_TEXT = 0x%x", o.failure.State, o.failure.Code, o.failure.Message)
		var same *wire.ErrPacket
		if _, err := s.query(ctx, sql); err == nil || !errors.As(err, &same) {
			return err
		}
		s.diagnosed, sql = true, ""
	case uses&sqlrewrite.UseFoundRows != 0: // anything else could change that
	case uses&sqlrewrite.UseRowCount == 0:
		if s.shared.engine.Catalog().Dialect() == schema.MySQL {
			sql = "DO 0" // FOUND_ROWS() is deprecated, which is a warning
		}
	case o.rowCount == 0:
		sql = "DO 0"
	case o.rowCount > 0:
		sql = "SELECT 0 INTO @shock_absorber"
	}
	if sql == "" {
		return nil
	}
	_, err := s.query(ctx, sql)
	return err
}

// mustTell reports whether a statement that uses these may see what the backend
// does not know.
func (s *session) mustTell(uses sqlrewrite.Use) bool {
	const kept = sqlrewrite.UseWarnings | sqlrewrite.UseRowCount | sqlrewrite.UseFoundRows
	o := s.outcome
	if uses&kept != 0 {
		return o.own || o.found != 0
	}
	// A statement without a table, such as SET or SELECT @a, leaves MariaDB's
	// warnings as they are: they must not be older ones.
	stays := o.failure != nil || s.diagnosed && len(o.warnings) == 0
	return o.own && stays && s.shared.engine.Catalog().Dialect() == schema.MariaDB
}
