package proxy

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
	"github.com/rzpsarthak13/shock-absorber/sqlrewrite"
)

// computation is one execution of a statement. What cannot be computed here
// MySQL computes, on a shadow of the table, which holds the rows that the
// statement can touch: what it makes of them is absorbed, and its answer is the
// client's.
type computation struct {
	s    *session
	p    *sqlrewrite.Plan
	args []sqlrewrite.Arg
	env  *sqlrewrite.Env
	req  request

	first uint64               // the first AUTO_INCREMENT value reserved for it, 0 if none
	taken absorber.Reservation // all of them
	res   *shadowResult        // of the last run on a shadow, nil
	ok    *wire.OK             // if the answer was computed here
	flags uint16               // status flags of the query that found its rows: which indexes it used
}

// errAnswered says that MySQL has refused the statement: nothing is absorbed,
// and the refusal is the answer.
var errAnswered = errors.New("the statement fails")

// compute executes a statement on a shadow. A reason that is not empty says
// why it has to be forwarded.
func (c *computation) compute(ctx context.Context) (reason string, err error) {
	c.res, c.ok = nil, nil
	switch c.p.Verb {
	case sqlrewrite.PointRead:
		reason, err = c.read(ctx)
	case sqlrewrite.Update, sqlrewrite.Delete:
		reason, err = c.modify(ctx)
	default:
		reason, err = c.insert(ctx)
	}
	return c.finish(reason, err)
}

// finish sends the answer, unless a reason or an error keeps it.
func (c *computation) finish(reason string, err error) (string, error) {
	if errors.Is(err, errAnswered) {
		err = nil
	}
	if why, err := refused(err); why != "" || err != nil {
		return why, err
	}
	if reason != "" {
		return reason, nil
	}
	return "", c.answer()
}

// run runs the statement on a shadow that holds rows.
func (c *computation) run(ctx context.Context, rows []row.Image) error {
	var err error
	c.res, err = c.s.shared.shadows.run(ctx, c.job(rows))
	switch {
	case err != nil:
		return err
	case c.res.failure != nil && c.s.keyed(c.p.Table) && (c.res.failure.Code == codeDuplicate || len(rows) > 1 || c.p.NumRows() > 1 || c.p.Verb == sqlrewrite.Upsert && len(rows) > 0):
		// Before the duplicate, at a row before the one that failed, or of the row
		// that was to be inserted, the real table may find that a parent is missing.
		return &absorber.Refused{Reason: "foreign_key_error"}
	case c.res.failure != nil && c.res.failure.Code == codeDuplicate && assignsKeys(c.p) > 1:
		// A row that is not on the shadow may have another of the values, which
		// MySQL would come to first.
		return &absorber.Refused{Reason: "duplicate_in_statement"}
	case c.res.failure != nil:
		return errAnswered
	case c.p.Ignore && c.p.Verb == sqlrewrite.Update && len(c.res.warnings) > 0 && c.s.keyed(c.p.Table):
		return &absorber.Refused{Reason: "foreign_key_error"} // a row that was left out: why is for MySQL to say
	}
	return nil
}

// assignsKeys is the number of unique keys of which a statement assigns columns.
func assignsKeys(p *sqlrewrite.Plan) (n int) {
	for _, ix := range append([]schema.Index{p.Table.Primary}, p.Table.Uniques...) {
		if slices.ContainsFunc(ix.Columns, func(c int) bool { return slices.Contains(p.Assigned, c) }) {
			n++
		}
	}
	return n
}

// keyed reports whether a table has foreign keys, or others' point to it.
func (s *session) keyed(t *schema.Table) bool {
	now := s.shared.engine.Catalog().Table(t.Name)
	return now == nil || len(now.ForeignKeys)+len(now.Referenced) > 0
}

// job describes one run.
func (c *computation) job(rows []row.Image) *shadowJob {
	s, v := c.s, &c.s.vars
	shown := v.shown
	if shown == "" {
		shown = s.shared.defaults.name(s.conn.Collation())
	}
	j := &shadowJob{table: c.p.Table, rows: rows, sql: c.req.text(), reads: c.p.Verb == sqlrewrite.PointRead, now: c.env.Now, insertID: c.first,
		session: shadowSession{caps: s.conn.Caps(), db: s.database(), mode: v.modeText, zone: v.zone, client: v.client, collation: v.collation,
			results: v.results, shown: shown, increment: v.increment, offset: v.offset}}
	if p, ok := c.req.(*preparedRequest); ok {
		j.execute, j.params, j.types, j.long, j.again = p.payload, p.st.Params, p.st.types, p.st.long, p.st.executed
	}
	return j
}

// read executes a SELECT.
func (c *computation) read(ctx context.Context) (string, error) {
	sc, why := candidates(c.p, c.args, c.env)
	if why != "" {
		return why, nil
	}
	var images []row.Image
	var err error
	if lr, ok := c.req.(*lockingRequest); ok {
		images, err = c.s.lockRead(ctx, c.p.Table, sc, lr)
	} else {
		images, err = c.s.lookup(ctx, c.p, sc)
	}
	if errors.Is(err, absorber.ErrShut) {
		return reasonGateShut, nil
	}
	if err != nil {
		return "", err
	}
	if c.p.Unseen(len(images), c.args, c.env) {
		return string(sqlrewrite.ReasonCondition), nil
	}
	return "", c.run(ctx, images)
}

// modify executes an UPDATE or DELETE.
func (c *computation) modify(ctx context.Context) (string, error) {
	sc, why := candidates(c.p, c.args, c.env)
	if why != "" {
		return why, nil
	}
	return "", c.transform(ctx, sc, func(ctx context.Context, before []row.Image) ([]row.Image, error) {
		if c.p.Unseen(len(before), c.args, c.env) {
			return nil, &absorber.Refused{Reason: string(sqlrewrite.ReasonCondition)}
		}
		err := c.run(ctx, before)
		if c.numbersRows() && (len(sc.Refs)+len(sc.Unique) > 1 || len(sc.Unique) > 0 && c.p.Further()) {
			// Of a unique index and a further condition MySQL may use either.
			return nil, &absorber.Refused{Reason: string(sqlrewrite.ReasonSeveralRows)}
		}
		return c.after(), err
	})
}

// numbersRows reports whether what MySQL said names a row by its number, which
// counts the rows that were looked at: on the table those may be others.
func (c *computation) numbersRows() bool {
	if c.res == nil {
		return false
	}
	for _, w := range c.res.warnings {
		if bytes.Contains(w.message, []byte(" at row ")) {
			return true
		}
	}
	return c.res.failure != nil && strings.Contains(c.res.failure.Message, " at row ")
}

// transform absorbs what compute makes of the rows in the scope.
func (c *computation) transform(ctx context.Context, sc absorber.Scope, compute absorber.Compute) error {
	res, err := c.s.transformRows(ctx, c.p.Table, sc, func(ctx context.Context, before []row.Image) ([]row.Image, error) {
		after, err := compute(ctx, before)
		if err == nil && !storable(c.p.Table, before, after) {
			err = &absorber.Refused{Reason: string(sqlrewrite.ReasonValue)}
		}
		return after, err
	})
	if err == nil {
		c.s.wrote(res)
	}
	return err
}

// storable reports whether the drainer can put the rows into MySQL as they are:
// the empty value that an ENUM has after an error cannot be written as a value,
// and of bytes that are no ASCII, which MariaDB stores in a column of it, only
// question marks can be read. So those have to be from the rows as they were.
func storable(t *schema.Table, before, after []row.Image) bool {
	for i := range t.Columns {
		c := &t.Columns[i]
		for _, im := range after {
			switch {
			case im[i] == nil:
			case c.Type == schema.Enum:
				if len(im[i]) == 0 && !slices.Contains(c.Members, "") {
					return false
				}
			case c.Charset == "ascii" && bytes.IndexByte(im[i], '?') >= 0:
				if !slices.ContainsFunc(before, func(b row.Image) bool { return bytes.Equal(b[i], im[i]) }) {
					return false
				}
			}
		}
	}
	return true
}

// after are the rows that the last run has left.
func (c *computation) after() []row.Image {
	if c.res == nil {
		return nil
	}
	return c.res.after
}

// insert executes an INSERT, REPLACE or INSERT ... ON DUPLICATE KEY UPDATE
// whose values MySQL has to compute. An empty shadow tells what rows it brings;
// if rows of the table stand in their way, it runs again with those.
//
// Of several rows one may be changed by the next before the statement ends. That
// would be seen only in the end, so the empty shadow has to hold them all then:
// no two of them meet.
func (c *computation) insert(ctx context.Context) (string, error) {
	n, mixed, why := c.p.Generates(c.args, c.env)
	switch {
	case why != "":
		return string(why), nil
	case mixed:
		return string(sqlrewrite.ReasonMixedAuto), nil
	}
	if err := c.run(ctx, nil); err != nil {
		if c.p.NumRows() > 1 && errors.Is(err, errAnswered) {
			// A row before the one that fails might fail for another row's sake.
			return "several_rows", nil
		}
		if errors.Is(err, errAnswered) { // before a row was stored
			c.giveBack(ctx)
		}
		return "", err
	}
	several := c.p.NumRows() > 1
	if several && (c.movesBetween() || len(c.res.after) < c.p.NumRows()) {
		return "several_rows", nil // a row that IGNORE left out may be in the way of another row as well, which MySQL names first
	}
	if len(c.res.after) < c.p.NumRows() && c.s.keyed(c.p.Table) {
		// MySQL 9.7 looks for the parent of a row before it sees that the row is
		// a duplicate, and counts one without a parent differently.
		return "foreign_key_error", nil
	}
	// Only now: a row that fails before it is stored uses up no value in MySQL.
	sc := absorber.Scope{}
	if err := c.reserve(ctx, n, &sc); err != nil {
		return "", err
	}
	c.number(n)
	alone := c.res
	sc.Offered, sc.Replaces = alone.after, c.p.Verb == sqlrewrite.Replace
	if err := widen(&sc, c.p, alone.after); err != nil {
		return "", err
	}
	return "", c.transform(ctx, sc, func(ctx context.Context, before []row.Image) ([]row.Image, error) {
		if c.res = alone; len(before) == 0 {
			return alone.after, nil
		}
		if c.first != 0 && c.met(before, alone.after) {
			return nil, absorber.ErrReplan
		}
		if c.first != 0 && several && c.p.Verb != sqlrewrite.Insert {
			return nil, &absorber.Refused{Reason: string(sqlrewrite.ReasonSeveralRows)} // which of them gets which value
		}
		err := c.run(ctx, before)
		return c.after(), c.lastID(err)
	})
}

// movesBetween reports whether one of several rows may give a row a key or a
// unique value that it has only until the next: whether that is taken would not
// be seen.
func (c *computation) movesBetween() bool {
	return c.p.Verb == sqlrewrite.Upsert && c.p.NumRows() > 1 && (c.p.AssignsUnique || c.p.MovesKey)
}

// lastID lets MySQL execute what has failed if a row before may have been stored
// with an AUTO_INCREMENT value: LAST_INSERT_ID() tells it although it is gone.
func (c *computation) lastID(err error) error {
	if c.first != 0 && c.p.NumRows() > 1 && errors.Is(err, errAnswered) {
		return &absorber.Refused{Reason: string(sqlrewrite.ReasonSeveralRows)}
	}
	return err
}

// number gives the rows of the empty shadow, which generated values of its own
// in the order of the rows, those that were reserved.
func (c *computation) number(n int) {
	if n == 0 {
		return
	}
	for i, im := range c.res.after {
		im[c.p.Table.AutoIncrement] = strconv.AppendUint(nil, c.first+uint64(i)*c.env.AutoIncrement.Increment, 10)
	}
	ok := *c.res.ok
	ok.InsertID = c.first
	c.res.ok, c.res.insertID = &ok, c.first
}

// reserve takes AUTO_INCREMENT values for n rows, unless they were taken before.
func (c *computation) reserve(ctx context.Context, n int, sc *absorber.Scope) error {
	if n == 0 {
		return nil
	}
	inc := absorber.AutoIncrement(c.env.AutoIncrement)
	var err error
	if c.first == 0 {
		c.taken, err = c.s.shared.engine.Reserve(ctx, c.s.usage, c.p.Table, uint64(n), inc)
		c.first = c.taken.First
	}
	sc.Given = c.first + uint64(n-1)*inc.Increment
	return err
}

// giveBack gives back what reserve took, for a statement that stores nothing of it.
func (c *computation) giveBack(ctx context.Context) {
	c.s.shared.engine.GiveBack(ctx, c.p.Table, c.taken)
	c.first, c.taken = 0, absorber.Reservation{}
}

// met reports whether a row of the table has a key that AUTO_INCREMENT gave
// to a new one: a statement that ran in MySQL meanwhile has given it out too.
func (c *computation) met(before, new []row.Image) bool {
	col := c.p.Table.AutoIncrement
	for _, b := range before {
		for _, n := range new {
			if string(b[col]) == string(n[col]) {
				return true
			}
		}
	}
	return false
}
