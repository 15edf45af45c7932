package proxy

import (
	"context"
	"errors"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
	"github.com/rzpsarthak13/shock-absorber/sqlrewrite"
)

const (
	// scanRows is how many rows a statement without a key may be about, and how
	// many may be pending, to be computed here: MySQL does more of them faster.
	scanRows = 100
	// scanBytes is how large these rows may be together.
	scanBytes = 4 << 20
	// scanLooks is how often a SELECT looks again because the table was written.
	scanLooks = 3
)

// Reasons for which a statement without a key goes to MySQL.
const (
	reasonScanWarnings = "scan_warnings" // finding its rows, or what is made of them, warns in ways that are MySQL's to tell
	reasonTableMoved   = "table_moved"   // the table is written all the time
	reasonGateShut     = "gate_shut"     // of reads by key, too
)

// mayScan reports whether a statement without a key can be computed here: its
// rows are found by the session's own connection, outside of transactions. A
// SELECT need not be if nothing is pending that it depends on: then MySQL
// answers it, and nothing has to drain (s.unread).
func (s *session) mayScan(ctx context.Context, p *sqlrewrite.Plan) (bool, error) {
	if s.txn != nil || s.inTransaction() || !s.autocommit() {
		return false, nil
	}
	if p.Verb != sqlrewrite.PointRead {
		return true, nil
	}
	if s.shared.engine.Stale(p.Table) {
		return false, nil
	}
	columns, known := p.Named[p.Table.Name.String()]
	if !known {
		for i := range p.Table.Columns {
			columns = append(columns, i)
		}
	}
	unread, err := s.shared.engine.Unread(ctx, p.Table, columns)
	if unread {
		s.unread = p
	}
	return !unread, err
}

// scan executes a statement without a key on a shadow that holds the rows which
// MySQL finds for it, as they are now, and those that are pending.
func (c *computation) scan(ctx context.Context) (string, error) {
	c.res, c.ok = nil, nil
	if c.p.Verb == sqlrewrite.PointRead {
		return c.finish(c.scanRead(ctx))
	}
	found := 0
	sc := absorber.Scope{Scan: &absorber.Scan{Most: scanRows, Find: func(ctx context.Context, l absorber.Look) ([]row.Ref, error) {
		refs, err := c.find(ctx, l)
		found = len(refs)
		return refs, err
	}}}
	return c.finish("", c.transform(ctx, sc, func(ctx context.Context, before []row.Image) ([]row.Image, error) {
		if why := c.limits(before); why != "" {
			return nil, &absorber.Refused{Reason: why}
		}
		err := c.run(ctx, before)
		if c.warned() {
			return nil, &absorber.Refused{Reason: reasonScanWarnings}
		}
		if found > 1 && errors.Is(err, errAnswered) { // which row fails first, the table says
			return nil, &absorber.Refused{Reason: string(sqlrewrite.ReasonSeveralRows)}
		}
		return c.after(), err
	}))
}

// scanRead executes a SELECT. What it found is true if the table was not written
// meanwhile.
func (c *computation) scanRead(ctx context.Context) (string, error) {
	for range scanLooks {
		l, err := c.s.shared.engine.Look(ctx, c.p.Table, scanRows)
		if errors.Is(err, absorber.ErrShut) {
			return reasonGateShut, nil
		}
		if err != nil {
			return "", err
		}
		refs, err := c.find(ctx, l)
		if err != nil {
			return "", err
		}
		images, err := c.s.lookup(ctx, c.p, absorber.Scope{Refs: refs})
		if errors.Is(err, absorber.ErrShut) {
			return reasonGateShut, nil
		}
		if err != nil {
			return "", err
		}
		if why := c.limits(images); why != "" {
			return why, nil
		}
		err = c.run(ctx, images)
		if err != nil && !errors.Is(err, errAnswered) {
			return "", err
		}
		if c.warned() {
			return reasonScanWarnings, nil
		}
		if len(images) > 1 && (err != nil || len(c.res.rows) > 1 && !c.p.Ordered()) {
			return string(sqlrewrite.ReasonSeveralRows), nil
		}
		if err == nil && len(c.res.rows) == 0 && c.p.Offset(c.args) > 0 {
			return string(sqlrewrite.ReasonLimit), nil // how many there are FOUND_ROWS() tells
		}
		if moved, merr := c.s.shared.engine.Moved(ctx, l); merr != nil {
			return "", merr
		} else if !moved {
			return "", err
		}
	}
	return reasonTableMoved, nil
}

// warned reports whether there were warnings on the shadow. On the table MySQL may
// look at other rows, and convert a value once or never.
func (c *computation) warned() bool { return c.res != nil && len(c.res.warnings) > 0 }

// limits says why these rows are not for the shadow.
func (c *computation) limits(images []row.Image) string {
	size := 0
	for _, im := range images {
		for _, v := range im {
			size += len(v)
		}
	}
	if size > scanBytes {
		return string(sqlrewrite.ReasonScanRows)
	}
	return string(c.p.ScanLimits(len(images), c.args))
}

// find asks MySQL which rows the statement may be about, and adds the pending
// ones. What MySQL would warn about the rows that it looks at is its to say.
func (c *computation) find(ctx context.Context, l absorber.Look) ([]row.Ref, error) {
	query, why := c.p.ScanQuery(c.req.text(), c.args, c.env, scanRows+1)
	if why != "" {
		return nil, &absorber.Refused{Reason: string(why)}
	}
	res, err := c.ask(ctx, query)
	var refused *wire.ErrPacket
	if errors.As(err, &refused) && !c.ended(refused) || err == nil && res.Response.Warnings > 0 {
		return nil, &absorber.Refused{Reason: reasonScanWarnings}
	}
	if err != nil {
		return nil, err
	}
	c.flags = res.Response.Status & (wire.StatusNoGoodIndexUsed | wire.StatusNoIndexUsed)
	if why := c.p.ScanSuffices(c.args, len(res.Rows), scanRows+1, l.Dirty); why != "" {
		return nil, &absorber.Refused{Reason: string(why)}
	}
	refs, seen, size := l.Pending, map[row.Key]bool{}, 0
	for _, r := range refs {
		seen[r.Key] = true
	}
	for _, payload := range res.Rows {
		line, err := wire.ParseTextRow(nil, payload, len(res.Columns))
		if err != nil {
			return nil, err
		}
		ref, bytes, ok := c.p.ScanRef(line)
		if !ok {
			return nil, &absorber.Refused{Reason: string(sqlrewrite.ReasonKeyValue)}
		}
		if size += bytes; size > scanBytes {
			return nil, &absorber.Refused{Reason: string(sqlrewrite.ReasonScanRows)}
		}
		if !seen[ref.Key] {
			refs = append(refs, ref)
		}
	}
	return refs, nil
}

// ended reports whether an error is one by which somebody ended the statement, who
// would not have it begin again.
func (c *computation) ended(e *wire.ErrPacket) bool {
	switch e.Code {
	case codeInterrupted, codeShutdown, codeStatementTime:
		return true
	case codeQueryTimeout: // of SELECTs alone
		return c.p.Verb == sqlrewrite.PointRead
	}
	return false
}

// ask runs the query on the session's connection, at the instant of the statement
// if that matters.
func (c *computation) ask(ctx context.Context, query string) (res *Rows, err error) {
	s := c.s
	if err := s.openBackend(ctx); err != nil {
		return nil, err
	}
	if c.p.Verb != sqlrewrite.PointRead && s.outcome.found == 0 && s.used {
		// Only the backend knows what FOUND_ROWS() is, and forgets it now.
		rows, err := s.query(ctx, "SELECT FOUND_ROWS()")
		if err != nil {
			return nil, err
		}
		if n, err := strconv.Atoi(string(rows[0][0])); err == nil && n < maxFound {
			s.outcome.found = n + 1
		}
	}
	if c.p.ScanClock() {
		if _, err := s.conn.BackendQuery(ctx, "SET timestamp = "+timestampOf(c.env.Now), nil); err != nil {
			return nil, err
		}
		defer func() {
			if _, serr := s.conn.BackendQuery(background(ctx), "SET timestamp = DEFAULT", nil); serr != nil {
				err = Fatal(serr) // its clock stands still
			}
		}()
	}
	return s.conn.BackendQuery(ctx, query, nil)
}
