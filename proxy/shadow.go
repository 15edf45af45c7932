package proxy

import (
	"context"
	"errors"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// The shadow of a table is a temporary table of its name, on a connection of
// the proxy's own, that holds the current images of just the rows a statement
// is about. The client's own statement runs there, under the settings of the
// client's session, and MySQL itself says what it does: the answer, byte by
// byte, and the rows as they are afterwards. The real table is not touched.
//
// What it does not know, so that its answer would be wrong, and the caller must
// not send:
//   - rows that were not put in: a statement may only reach rows by keys, all of
//     which are in shadowJob.rows (the new rows of an INSERT that meet a key too);
//     uniqueness against all other rows is the caller's to check;
//   - other tables: joins, subqueries over tables, INSERT .. SELECT FROM a table,
//     views; and the same table twice (MySQL cannot open a temporary one twice);
//   - the client's session: user variables (@a), variables that shadowSession
//     does not hold (@@x, and those that change results, such as
//     div_precision_increment, sql_select_limit, default_week_format,
//     lc_time_names, sql_auto_is_null), CONNECTION_ID(), USER(), CURRENT_USER(),
//     CURRENT_ROLE(), ROW_COUNT(), FOUND_ROWS(); DATABASE() without a database;
//     LAST_INSERT_ID() unless shadowJob.lastInsertID is set;
//   - what has effects of its own or differs from run to run in ways that matter:
//     stored functions, GET_LOCK() and its kin, SLEEP(), BENCHMARK(), LOAD_FILE(),
//     sequences, INTO @x or OUTFILE. RAND(), UUID() and SYSDATE() are fine: the
//     rows afterwards hold their values;
//   - on MariaDB, a value for a generated column other than DEFAULT: a temporary
//     table takes and ignores it, without the error or warning 1906;
//   - whatever is not a single SELECT, INSERT, REPLACE, UPDATE or DELETE.

// shadowJob is one execution of a client's statement.
type shadowJob struct {
	table *schema.Table
	// rows are put into the temporary table first. Values of generated columns
	// are not used: the server computes them.
	rows []row.Image
	// sql is the statement in the client's character set.
	sql []byte
	// execute is the payload of the client's COM_STMT_EXECUTE, nil for a
	// statement of the text protocol. params, types and long are what Stmt
	// holds for it.
	execute []byte
	params  int
	types   []byte
	long    [][]byte
	// again says that the client has executed its prepared statement before.
	again bool
	// reads says that the statement is a SELECT: it leaves the rows as they are.
	reads bool
	// now is the statement's instant, microseconds count.
	now time.Time
	// insertID is the first AUTO_INCREMENT value the statement may generate; the
	// next are auto_increment_increment apart. 0 counts as 1.
	insertID uint64
	// lastInsertID is the session's LAST_INSERT_ID().
	lastInsertID uint64
	session      shadowSession
}

// shadowResult is what a statement did.
type shadowResult struct {
	// ok is the answer to a write. Its status flags are those of the shadow's
	// connection.
	ok *wire.OK
	// failure is the server's refusal of the statement, as the client has to see
	// it, behind columns and rows if there are any: a SELECT may fail at a row.
	// Refusals that only the shadow meets are errors of run.
	failure *wire.ErrPacket
	// warnings are SHOW WARNINGS afterwards, also after a failure.
	warnings []shadowWarning
	// columns and rows are the packets of a SELECT's result, as payloads; end is
	// what came behind them. Columns may differ from those of the real table in
	// the flag that says that a column has an index: FULLTEXT and SPATIAL ones
	// are left out.
	columns, rows [][]byte
	end           wire.OK
	// after are all rows afterwards, ordered by primary key; nil for a SELECT.
	after []row.Image
	// insertID is what the statement made of LAST_INSERT_ID(), 0 if it is still
	// shadowJob.lastInsertID.
	insertID uint64
}

// shadowWarning is a row of SHOW WARNINGS, in the client's character set.
type shadowWarning struct {
	level   string
	code    uint16
	message []byte
}

// shadowRefused says that the shadow cannot tell what the statement would do,
// though MySQL is there: it has to be passed through. The reason is a stable
// name for metrics, the hint tells the operator what to do, "" if nothing helps.
type shadowRefused struct {
	reason, hint string
	err          error
}

// Reasons of shadowRefused.
const (
	reasonShadowRights     = "shadow_rights"     // the proxy's account lacks a right; the hint names it
	reasonShadowDefinition = "shadow_definition" // the table cannot be made as a temporary one
	reasonShadowRows       = "shadow_rows"       // too many rows, or rows that cannot be put in unchanged
	reasonShadowCharset    = "shadow_charset"    // results in a character set whose answers cannot be read here
	reasonShadowStatement  = "shadow_statement"  // refused for a cause that the real table may not have
	reasonShadowComputed   = "shadow_computed"   // generated columns or checks depend on the session
	reasonShadowBusy       = "shadow_busy"       // all connections were in use for too long
)

// Error tells cause and remedy.
func (e *shadowRefused) Error() string {
	text := "run a statement on a temporary copy of its table: " + e.err.Error()
	if e.hint != "" {
		text += " (" + e.hint + ")"
	}
	return text
}

// Unwrap makes it a refusal to absorb, like those of the engine. The cause is
// not in the chain: the server's error in it is not meant for the client.
func (e *shadowRefused) Unwrap() error { return &absorber.Refused{Reason: e.reason} }

const (
	// shadowMaxRows bounds the rows put in, and those that come out.
	shadowMaxRows = 10000
	// shadowTimeout bounds one run, with the wait for a connection.
	shadowTimeout = 10 * time.Second
	// executeLeast is the least length of a COM_STMT_EXECUTE, executeFlags where
	// in it the flags are, and executeCursor those that open a cursor.
	executeLeast  = 10
	executeFlags  = 5
	executeCursor = 0x07
)

// run executes the job. Its error is a *shadowRefused (and *absorber.Refused),
// the cause for which ctx
// ended, or a *wire.ErrPacket with 2003: MySQL is not there. Nothing has happened
// in any of these cases.
func (s *shadows) run(ctx context.Context, job *shadowJob) (*shadowResult, error) {
	if err := job.check(); err != nil {
		return nil, err
	}
	if err := s.knownRefusal(job.table); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, shadowTimeout)
	defer cancel()
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	for pooled := true; ; {
		var c *shadowConn
		if pooled {
			c = s.take(job)
		}
		if pooled = c != nil; !pooled {
			var err error
			if c, err = s.dial(ctx, job.session.caps); err != nil {
				s.remember(job.table, err)
				return nil, err
			}
		}
		res, err := s.on(ctx, c, job)
		var refused *shadowRefused
		if err == nil || errors.As(err, &refused) || ctx.Err() != nil || !pooled {
			s.remember(job.table, err)
			return res, s.lost(ctx, err)
		}
		// The idle connection was dead. What runs on a temporary table can be run
		// again.
	}
}

// on runs the job on a connection, and keeps the connection only if all went
// as it should: nothing is known of one that failed in the middle.
func (s *shadows) on(ctx context.Context, c *shadowConn, job *shadowJob) (*shadowResult, error) {
	stop := context.AfterFunc(ctx, func() { c.be.raw.Close() })
	r := shadowRun{shadows: s, c: c, job: job}
	res, err := r.do()
	if !stop() || err != nil {
		c.be.close()
		return res, err
	}
	s.put(c)
	return res, nil
}

// lost gives an error of the network the form of one: 2003, since nothing was
// executed that counts.
func (s *shadows) lost(ctx context.Context, err error) error {
	var refused *shadowRefused
	var e *wire.ErrPacket
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return refused
	case ctx.Err() != nil:
		return ended(ctx)
	case errors.As(err, &e) && e.Code == codeCannotConnect:
		return e
	}
	return errNotReached(s.cfg.Backend.Addr, err)
}

// ended says why a run's context is over: the client's affair, or the time
// that a run may take.
func ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &shadowRefused{reason: reasonShadowBusy, err: ctx.Err()}
	}
	return context.Cause(ctx)
}

// check refuses what is not worth a try.
func (j *shadowJob) check() error {
	if len(j.rows) > shadowMaxRows {
		return &shadowRefused{reason: reasonShadowRows, err: errShadowRows}
	}
	if j.execute != nil && (len(j.execute) < executeLeast || j.execute[executeFlags]&executeCursor != 0) {
		return &shadowRefused{reason: reasonShadowStatement, err: errors.New("a cursor, or a malformed packet")}
	}
	switch j.session.results {
	case "ucs2", "utf16", "utf16le", "utf32":
		return &shadowRefused{reason: reasonShadowCharset, err: errors.New("character_set_results is " + j.session.results)}
	}
	return nil
}

// errShadowRows is for a statement about too many rows.
var errShadowRows = errors.New("too many rows")
