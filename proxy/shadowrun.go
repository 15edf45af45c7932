package proxy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// shadowRun is one job on one connection. It takes one round trip if the
// connection has the table, and the statement if it is a prepared one: all
// commands are sent before the first answer is read. Those behind one that
// fails run all the same, which does no harm: what they change is temporary.
type shadowRun struct {
	shadows *shadows
	c       *shadowConn
	job     *shadowJob
	table   *shadowTable
	res     shadowResult
}

const (
	// shadowTail is how long what follows the statement may be to be sent
	// with it. The server reads no further while it writes a large result, and
	// so much does fit into the socket's buffers.
	shadowTail = 8 << 10
	// shadowStatements is how many prepared statements a connection keeps.
	shadowStatements = 64
)

// shadowStatement names a prepared statement: what it means depends on the
// table, the settings and the kinds of its parameters. MySQL goes on with those
// of the execution before, which must not be another client's.
type shadowStatement struct {
	sql     string
	kinds   string
	table   *schema.Table
	session shadowSession
}

// kinds tells of each parameter whether it is bound as a string, a time, a
// DECIMAL, a floating point number, an unsigned or a signed integer or NULL, by its
// types of two bytes each. Within a kind MySQL goes on with what it has, and so
// would it on the client's own statement.
func kinds(types []byte) string {
	out := make([]byte, len(types)/2)
	for i := range out {
		switch typ := types[2*i]; {
		case typ == wire.TypeDate || typ == wire.TypeTime || typ == wire.TypeDatetime || typ == wire.TypeTimestamp:
			out[i] = 'd'
		case typ == wire.TypeNewDecimal || typ == wire.TypeDecimal:
			out[i] = 'm'
		case typ == wire.TypeFloat || typ == wire.TypeDouble:
			out[i] = 'f'
		case typ >= wire.TypeVarchar && typ != wire.TypeBit:
			out[i] = 't'
		case types[2*i+1]&0x80 != 0:
			out[i] = 'u'
		default:
			out[i] = 'n'
		}
	}
	return string(out)
}

// shadowPrepared is a statement that is prepared on a connection.
type shadowPrepared uint32

// do runs the job.
func (r *shadowRun) do() (*shadowResult, error) {
	c, j := r.c, r.job
	var err error
	if r.table, err = c.ensure(r.shadows, j.table); err != nil {
		return nil, err
	}
	if err := r.ready(); err != nil {
		return nil, err
	}
	if err := r.statement(); err != nil {
		return nil, err
	}
	c.query("SHOW WARNINGS", r.warned)
	if len(r.table.read) > shadowTail {
		if err := c.flush(); err != nil {
			return nil, err
		}
	}
	r.readBack()
	if err := c.flush(); err != nil {
		return nil, err
	}
	return &r.res, nil
}

// ready queues what makes the table and the session what the statement needs.
func (r *shadowRun) ready() error {
	c, j := r.c, r.job
	if err := c.fill(r.table, j.rows); err != nil {
		return err
	}
	c.use(j.session.db)
	c.neutral = false
	c.query(j.settings(), c.done)
	return nil
}

// statement queues the client's statement.
func (r *shadowRun) statement() error {
	c, j := r.c, r.job
	if j.execute == nil {
		c.query(string(j.sql), r.answered)
		return nil
	}
	types := wire.ExecuteTypes(j.execute, j.params, c.caps)
	payload := slices.Clone(j.execute)
	if types == nil {
		types = j.types
		if j.params > 0 {
			// The statement may be new to this connection.
			frame, ok := wire.WithTypes(payload, j.params, types, c.caps)
			if !ok {
				return &shadowRefused{reason: reasonShadowStatement, err: wire.ErrMalformed}
			}
			payload = frame[4:]
		}
	}
	id, fresh, refused, err := r.prepared(types)
	if refused || err != nil {
		return err
	}
	wire.SetStatementID(payload, id)
	if fresh && j.again && !c.mariaDB {
		// As the client's has been executed before, so must this one have been.
		r.execute(id, payload, func(*shadowReply) error { return nil })
		if j.reads { // the result may be large, and so may the parameters: see shadowTail
			err = c.flush()
		} else {
			r.table.unknown = true
			err = r.ready()
		}
		if err != nil {
			return err
		}
	}
	r.execute(id, payload, r.answered)
	if len(j.sql) > shadowKeptSize {
		c.command(binary.LittleEndian.AppendUint32([]byte{wire.ComStmtClose}, id), nil)
	}
	return nil
}

// execute queues an execution with the client's parameters.
func (r *shadowRun) execute(id uint32, payload []byte, then func(*shadowReply) error) {
	for i, data := range r.job.long {
		if data == nil {
			continue
		}
		p := binary.LittleEndian.AppendUint32([]byte{wire.ComStmtLongData}, id)
		r.c.command(append(binary.LittleEndian.AppendUint16(p, uint16(i)), data...), nil)
	}
	r.c.command(payload, then)
}

// prepared gives the id of the prepared statement for parameters of these
// kinds, and prepares it (fresh) if this connection has not done so yet. MySQL
// executes a statement otherwise than the first time once it has been executed with
// types that are not those of its columns: so on MySQL the first execution of a
// client's statement is the first here, too. refused says that the server would not
// prepare it, which is then the answer.
func (r *shadowRun) prepared(types []byte) (id uint32, fresh, refused bool, err error) {
	c := r.c
	key := shadowStatement{sql: string(r.job.sql), kinds: kinds(types), table: r.job.table, session: r.job.session}
	if known, ok := c.stmts[key]; ok {
		if r.job.again || c.mariaDB {
			return uint32(known), false, false, nil
		}
		c.command(binary.LittleEndian.AppendUint32([]byte{wire.ComStmtClose}, uint32(known)), nil)
		delete(c.stmts, key)
	}
	if len(c.stmts) >= shadowStatements {
		for _, old := range c.stmts {
			c.command(binary.LittleEndian.AppendUint32([]byte{wire.ComStmtClose}, uint32(old)), nil)
		}
		clear(c.stmts)
	}
	reply, err := c.prepare(r.job.sql)
	if err != nil {
		return 0, false, false, err
	}
	if reply.failure != nil {
		return 0, false, true, r.answered(reply)
	}
	if len(r.job.sql) <= shadowKeptSize {
		c.stmts[key] = shadowPrepared(reply.statement)
	}
	return reply.statement, true, false, nil
}

// answered takes the answer to the client's statement.
func (r *shadowRun) answered(reply *shadowReply) error {
	if reply.columns != nil && !r.job.reads {
		return &shadowRefused{reason: reasonShadowStatement, err: errors.New("it has a result, but is no SELECT")}
	}
	r.res.columns, r.res.rows, r.res.failure = reply.columns, reply.rows, reply.failure
	switch {
	case reply.failure != nil:
		return distrust(reply.failure)
	case reply.columns != nil:
		r.res.end = reply.ok
	default:
		r.res.ok = &reply.ok
	}
	return nil
}

// warned takes the answer to SHOW WARNINGS.
func (r *shadowRun) warned(reply *shadowReply) error {
	if reply.failure != nil {
		return reply.failure
	}
	for _, p := range reply.rows {
		v, err := wire.ParseTextRow(nil, p, 3)
		if err != nil {
			return err
		}
		code, err := strconv.ParseUint(string(v[1]), 10, 16)
		if err != nil {
			return fmt.Errorf("read the warnings: %w", err)
		}
		r.res.warnings = append(r.res.warnings, shadowWarning{level: string(v[0]), code: uint16(code), message: v[2]})
	}
	return nil
}

// readBack queues what reads the state after the statement.
func (r *shadowRun) readBack() {
	c := r.c
	if r.job.setsInsertID() {
		c.query("SELECT LAST_INSERT_ID()", func(reply *shadowReply) error {
			v, err := reply.row(1)
			if err != nil {
				return err
			}
			id, err := strconv.ParseUint(string(v[0]), 10, 64)
			if id != r.job.lastInsertID {
				r.res.insertID = id
			}
			return err
		})
	}
	if r.job.reads {
		r.table.holds(r.job.rows)
		return
	}
	c.query(neutralSettings, c.done)
	c.neutral = true
	var rows [][]byte
	c.query(r.table.read, func(reply *shadowReply) (err error) {
		if reply.failure != nil {
			return reply.failure
		}
		rows = reply.rows
		if r.res.after, err = storedImages(r.job.table, reply.rows); err == nil {
			r.table.holds(r.res.after)
		}
		return err
	})
	if r.job.table.Computed {
		c.rehearse(r.table, func() [][]byte { return rows })
	}
}

// setsInsertID reports whether the statement may change LAST_INSERT_ID().
func (j *shadowJob) setsInsertID() bool {
	lower := bytes.ToLower(j.sql)
	return bytes.Contains(lower, []byte("last_insert_id")) || !j.reads && j.table.AutoIncrement >= 0 &&
		(bytes.Contains(lower, []byte("insert")) || bytes.Contains(lower, []byte("replace")))
}

// distrust is an error for a refusal that the real table may not give.
func distrust(e *wire.ErrPacket) error {
	refused := &shadowRefused{reason: reasonShadowStatement, err: e}
	switch {
	case slices.Contains(shadowDenials, e.Code):
		// The client's rights have been checked; these are the proxy's own.
		refused.reason, refused.hint = reasonShadowRights, "grant the proxy's account what the statement needs"
	case !slices.Contains(shadowOnly, e.Code):
		return nil
	}
	return refused
}

// shadowOnly are codes that come from the shadow itself or from the state of
// the server, not from what the statement means for the rows.
var shadowOnly = []uint16{
	1021, 1026, 1030, 1037, 1038, 1041, 1114, // disk, memory, temporary tablespace full
	1036, 1290, 1792, 1836, // read only
	1053, 1153, 1205, 1213, 1317, 1969, 3024, // shutdown, packet, locks, interruption, time
	1137,             // a temporary table named twice
	1146,             // another table
	1176, 1191, 1747, // an index or partition that was left out
	1243, 1461, 1615, // prepared statements
	1467, // the temporary table's AUTO_INCREMENT
	3988, // names a collation that the session may have from its login
}

// use queues the change of the current database. A connection cannot go back
// to having none; DATABASE() is all that would tell.
func (c *shadowConn) use(db string) {
	if db == "" || db == c.db {
		return
	}
	c.db = db
	c.command(append([]byte{wire.ComInitDB}, db...), func(r *shadowReply) error {
		switch {
		case r.failure == nil:
			return nil
		case slices.Contains(shadowDenials, r.failure.Code):
			return &shadowRefused{reason: reasonShadowRights, err: r.failure, hint: "the proxy's account needs a right on " + db}
		}
		return &shadowRefused{reason: reasonShadowStatement, err: r.failure}
	})
}

// timestampOf prints an instant for SET timestamp. The fourth of a microsecond more
// is for servers that cut off what a double cannot hold.
func timestampOf(t time.Time) string {
	return fmt.Sprintf("%d.%06d25", t.Unix(), t.Nanosecond()/1000)
}
