package proxy

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// shadowConn is a connection with temporary tables. Commands are sent ahead of
// the answers to those before them: queue, then flush.
type shadowConn struct {
	be      *backend
	caps    wire.Capability // what the client's capabilities mean here: its key in the pool
	mariaDB bool
	born    time.Time
	db      string // the current database, "" if there is none
	neutral bool   // the settings are neutralSettings
	tables  []*shadowTable
	stmts   map[shadowStatement]shadowPrepared
	waiting []awaited // the answers to what was queued
}

// awaited is the answer to a command. Its packets go on counting where those of
// the command ended: one beyond 16 MB has several.
type awaited struct {
	seq  byte
	take func(*shadowReply) error
}

// shadowCaps are the capabilities of a client that change what a statement
// means or how answers are written.
const shadowCaps = wire.CapLongPassword | wire.CapFoundRows | wire.CapLongFlag | wire.CapNoSchema | wire.CapODBC |
	wire.CapIgnoreSpace | wire.CapTransactions | wire.CapDeprecateEOF | wire.CapQueryAttributes | wire.CapExtendedMetadata

// shadowLogin are those that every connection has.
const shadowLogin = serverOnly | wire.CapMultiResults | wire.CapPSMultiResults

// dial opens a connection that reads and answers as the client's would.
func (s *shadows) dial(ctx context.Context, caps wire.Capability) (*shadowConn, error) {
	cfg := &s.cfg.Backend
	dialing, cancel := context.WithTimeout(ctx, cfg.DialTimeout)
	defer cancel()
	raw, g, err := cfg.connect(dialing)
	if err != nil {
		return nil, s.lost(ctx, refusedLogin(err))
	}
	c := &shadowConn{be: &backend{nc: raw, raw: raw, id: g.ConnID}, caps: caps & shadowCaps, born: time.Now(),
		mariaDB: strings.Contains(g.Version, "MariaDB"), stmts: map[shadowStatement]shadowPrepared{}}
	if err = s.login(dialing, c, g); err == nil {
		err = c.setUp()
	}
	if err == nil {
		return c, raw.SetDeadline(time.Time{})
	}
	return nil, s.lost(ctx, errors.Join(refusedLogin(err), c.be.nc.Close()))
}

// refusedLogin tells a server that does not let the proxy in from one that
// cannot be reached.
func refusedLogin(err error) error {
	var refused *shadowRefused
	var e *wire.ErrPacket
	if errors.As(err, &refused) || !errors.As(err, &e) || e.Code == codeCannotConnect {
		return err
	}
	refused = &shadowRefused{reason: reasonShadowRights, err: e, hint: "the proxy's own account, [database] in the configuration, must be able to log in"}
	if e.State != "28000" && e.State != "42000" {
		refused.reason, refused.hint = reasonShadowBusy, "" // such as too many connections
	}
	return refused
}

// login logs in as the proxy's own account.
func (s *shadows) login(ctx context.Context, c *shadowConn, g *wire.Greeting) error {
	cfg, be := &s.cfg.Backend, c.be
	l := wire.Login{Caps: (c.caps | shadowLogin) & (g.Caps | wire.CapLongPassword), MaxPacket: 1 << 30, Collation: shadowCollation, User: s.cfg.User}
	if l.Caps&shadowCaps != c.caps {
		return NewError(codeCannotConnect, "HY000", "the backend '%s' does not offer the capabilities %#x any more", cfg.Addr, uint64(c.caps&^l.Caps))
	}
	seq := byte(1)
	if cfg.TLS != nil {
		if !g.Caps.Has(wire.CapSSL) {
			return NewError(codeCannotConnect, "HY000", "the backend '%s' does not offer TLS, which the proxy is configured to require of it", cfg.Addr)
		}
		l.Caps |= wire.CapSSL
		if err := be.startTLS(ctx, cfg, &l); err != nil {
			return err
		}
		seq = 2
	}
	be.r, be.w = wire.NewReader(be.nc, 0), wire.NewWriter(be.nc)
	be.r.Limit = maxLogin
	be.w.Begin(seq)
	a := &backendAuth{be: be, password: s.cfg.Password, salt: g.Salt, plugin: g.Plugin, secure: cfg.TLS != nil || cfg.Network == "unix"}
	if _, err := a.login(&l, l.Caps&^wire.CapSSL); err != nil {
		return err
	}
	be.r.Limit = 0
	return nil
}

// shadowCollation is utf8mb4_bin, which every server knows.
const shadowCollation = 46

// setUp makes the session one that leaves no traces: no transaction stays
// open, and nothing gets into the binary log, where it would run on replicas,
// perhaps on the real table.
func (c *shadowConn) setUp() error {
	var logged, format string
	c.query("SET autocommit = 1, completion_type = 0, sql_quote_show_create = 1, lock_wait_timeout = 5, sql_warnings = 0", c.done)
	c.query("SELECT @@log_bin, @@binlog_format", func(r *shadowReply) error {
		values, err := r.row(2)
		if err == nil {
			logged, format = string(values[0]), string(values[1])
		}
		return err
	})
	if err := c.flush(); err != nil {
		return err
	}
	// MySQL logs changes of temporary tables with STATEMENT only, MariaDB also
	// with MIXED, its default.
	if logged == "0" || format == "ROW" || format == "MIXED" && !c.mariaDB {
		return nil
	}
	c.query("SET binlog_format = 'ROW'", func(r *shadowReply) error {
		if r.failure == nil {
			return nil
		}
		right := "BINLOG ADMIN"
		if !c.mariaDB {
			right = "SESSION_VARIABLES_ADMIN"
		}
		return &shadowRefused{reason: reasonShadowRights, err: r.failure,
			hint: fmt.Sprintf("binlog_format is %s, with which temporary tables would get into the binary log: GRANT %s ON *.* to the proxy's account", format, right)}
	})
	return c.flush()
}

// shadowReply is the answer to one command.
type shadowReply struct {
	ok            wire.OK // of a write, or behind the rows
	failure       *wire.ErrPacket
	columns, rows [][]byte
	statement     uint32 // of a PREPARE
}

// row takes the only row of a text result apart.
func (r *shadowReply) row(columns int) ([][]byte, error) {
	switch {
	case r.failure != nil:
		return nil, &shadowRefused{reason: reasonShadowStatement, err: r.failure}
	case len(r.rows) != 1 || len(r.columns) != columns:
		return nil, wire.ErrMalformed
	}
	return wire.ParseTextRow(nil, r.rows[0], columns)
}

// done takes the answer to a command that has to succeed.
func (c *shadowConn) done(r *shadowReply) error {
	switch {
	case r.failure == nil:
		return nil
	case slices.Contains(shadowFarewells, r.failure.Code):
		return errors.New(r.failure.Error())
	}
	return &shadowRefused{reason: reasonShadowStatement, err: r.failure}
}

// shadowFarewells are the codes with which servers end an idle connection:
// shutdown, forced close, kill, inactivity.
var shadowFarewells = []uint16{1053, 1080, 1927, 4031}

// query queues a statement of the proxy's own or of the client's.
func (c *shadowConn) query(sql string, reply func(*shadowReply) error) {
	payload := append(make([]byte, 0, 3+len(sql)), wire.ComQuery)
	if c.caps.Has(wire.CapQueryAttributes) {
		payload = append(payload, 0, 1) // no attributes, one set of them
	}
	c.command(append(payload, sql...), reply)
}

// command queues a command; reply is nil for one without an answer. What
// cannot be written shows when the answers are read.
func (c *shadowConn) command(payload []byte, reply func(*shadowReply) error) {
	c.be.w.Begin(0)
	_ = c.be.w.WritePacket(payload)
	if reply != nil {
		c.waiting = append(c.waiting, awaited{c.be.w.Seq, reply})
	}
}

// flush sends what is queued and takes the answers, in order. With an error
// the connection is out of step.
func (c *shadowConn) flush() error {
	if err := c.be.w.Flush(); err != nil {
		return err
	}
	for i, a := range c.waiting {
		c.waiting[i] = awaited{}
		c.be.r.Seq = a.seq
		r, err := c.reply()
		if err != nil {
			return err
		}
		if err := a.take(r); err != nil {
			return err
		}
	}
	c.waiting = c.waiting[:0]
	return nil
}

// packet reads one packet into memory of its own.
func (c *shadowConn) packet() ([]byte, error) {
	frame, err := c.be.r.ReadFrame()
	if err != nil {
		return nil, err
	}
	if len(frame) < 5 {
		return nil, wire.ErrMalformed
	}
	return append([]byte(nil), frame[4:]...), nil
}

// reply reads the answer to one command that is no PREPARE.
func (c *shadowConn) reply() (*shadowReply, error) {
	head, err := c.packet()
	if err != nil {
		return nil, err
	}
	r := &shadowReply{}
	switch head[0] {
	case 0x00:
		r.ok, err = wire.ParseOK(head, c.caps)
		r.ok.Info = append([]byte(nil), r.ok.Info...)
		return r, err
	case 0xff:
		r.failure, err = wire.ParseERR(head)
		return r, err
	case 0xfb:
		return nil, errSwallow
	}
	if r.columns, err = c.definitions(wire.ColumnCount(head)); err != nil {
		return nil, err
	}
	for {
		p, err := c.packet()
		switch {
		case err != nil:
			return nil, err
		case p[0] == 0xff:
			r.failure, err = wire.ParseERR(p)
			return r, err
		case p[0] == 0xfe && (len(p) < 9 || c.caps.Has(wire.CapDeprecateEOF) && len(p) < wire.MaxPayload):
			r.ok, err = wire.ParseEOF(p, c.caps)
			return r, err
		case len(r.rows) > shadowMaxRows:
			return nil, &shadowRefused{reason: reasonShadowRows, err: errShadowRows}
		}
		r.rows = append(r.rows, p)
	}
}

// definitions reads n column definitions and the EOF behind them.
func (c *shadowConn) definitions(n int) ([][]byte, error) {
	pr := probe{be: c.be, caps: c.caps}
	if n == 0 {
		return nil, nil
	}
	return pr.definitions(n)
}

// prepare prepares a statement, after what is queued, and waits for the answer.
func (c *shadowConn) prepare(sql []byte) (*shadowReply, error) {
	c.command(append([]byte{wire.ComStmtPrepare}, sql...), nil)
	if err := c.flush(); err != nil {
		return nil, err
	}
	c.be.r.Seq = c.be.w.Seq
	head, err := c.packet()
	if err != nil {
		return nil, err
	}
	r := &shadowReply{}
	if head[0] == 0xff {
		r.failure, err = wire.ParseERR(head)
		return r, err
	}
	if len(head) < 9 {
		return nil, wire.ErrMalformed
	}
	r.statement = binary.LittleEndian.Uint32(head[1:])
	columns, params := int(binary.LittleEndian.Uint16(head[5:])), int(binary.LittleEndian.Uint16(head[7:]))
	if _, err := c.definitions(params); err != nil {
		return nil, err
	}
	_, err = c.definitions(columns)
	return r, err
}

// has reports whether the connection has the table.
func (c *shadowConn) has(t *schema.Table) bool { return c.find(t) != nil }
