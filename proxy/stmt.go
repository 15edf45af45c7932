package proxy

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// Stmt is a prepared statement of a client's.
type Stmt struct {
	ID      uint32 // the client's id for it
	SQL     string
	Params  int
	Columns int
	// Response is the answer to PREPARE as packets (headers included, sequence
	// from 1, statement id zero), for WritePrepared in another session with
	// the same capabilities; nil if it was large or there is no router.
	Response []byte
	// Tag is the router's to use.
	Tag any

	db           string   // the database that was current at its PREPARE, whose names it means
	backend      uint32   // the backend's id for it; 0 if not prepared there
	types        []byte   // parameter types last sent by the client
	executed     bool     // by the client, wherever that was
	backendTypes bool     // the backend has seen them
	long         [][]byte // by parameter, from COM_STMT_SEND_LONG_DATA, not yet forwarded
	longSize     int
	longSent     bool // some was forwarded, so the parameters cannot be decoded here
}

const (
	// maxResponse bounds Stmt.Response in bytes.
	maxResponse = 64 << 10
	// maxHeldLongData is how much long data is held here for the router to
	// decode; beyond it goes to the backend at once.
	maxHeldLongData = 16 << 20
	// lastStatement is the id by which MariaDB's clients name the statement
	// prepared last.
	lastStatement = 0xffffffff
)

// statements are the prepared statements of one session.
type statements struct {
	byID map[uint32]*Stmt
	next uint32
	last *Stmt
}

// reset forgets all statements.
func (s *statements) reset() { *s = statements{} }

// forgetBackend notes that the backend has none of them any more.
func (s *statements) forgetBackend() {
	for _, st := range s.byID {
		st.backend, st.backendTypes = 0, false
	}
}

// add registers a statement under the next id.
func (s *statements) add(st *Stmt) {
	if s.byID == nil {
		s.byID = make(map[uint32]*Stmt)
	}
	for {
		s.next++
		if s.next != 0 && s.next != lastStatement && s.byID[s.next] == nil {
			break
		}
	}
	st.ID = s.next
	s.byID[st.ID] = st
	s.last = st
}

// statementOf returns the statement a payload names, nil if there is none.
func (c *Conn) statementOf(payload []byte) (*Stmt, uint32) {
	id, ok := wire.StatementID(payload)
	if !ok {
		return nil, 0
	}
	if id == lastStatement && c.stmts.last != nil && c.srv.backend.Load().mariaDB() {
		return c.stmts.last, id
	}
	return c.stmts.byID[id], id
}

// Decode gives the parameters of a COM_STMT_EXECUTE of this statement. ok is
// false if they cannot be decoded here: then only the backend can execute it.
func (st *Stmt) Decode(payload []byte, caps wire.Capability) (ex wire.Execute, ok bool) {
	if st.longSent {
		return wire.Execute{}, false
	}
	ex, err := wire.ParseExecute(payload, st.Params, st.types, st.long, caps)
	return ex, err == nil
}

// prepare runs a COM_STMT_PREPARE.
func (c *Conn) prepare(ctx context.Context, frame []byte) error {
	c.stmts.last = nil
	st := &Stmt{SQL: string(frame[5:]), db: c.db}
	if handled, err := c.router.Prepare(ctx, st); handled || err != nil {
		return err
	}
	if err := c.router.Before(ctx, wire.ComStmtPrepare, frame[4:]); err != nil {
		return err
	}
	if err := c.send(ctx, frame); err != nil {
		return err
	}
	return c.relay(ctx, wire.ComStmtPrepare, c.preparing(st))
}

// preparing registers st with the answer to its PREPARE, and puts the client's
// id into it in place of the backend's. The head of that answer is a control
// packet, so the first chunk holds it whole.
func (c *Conn) preparing(st *Stmt) tap {
	return func(p []byte) {
		if st.backend == 0 {
			if p[4] != 0 {
				return
			}
			st.prepared(p[4:])
			st.backend = binary.LittleEndian.Uint32(p[5:])
			c.stmts.add(st)
			binary.LittleEndian.PutUint32(p[5:], 0)
			defer binary.LittleEndian.PutUint32(p[5:], st.ID)
			if c.routed {
				st.Response = make([]byte, 0, len(p))
			}
		}
		if st.Response == nil {
			return
		}
		if st.Response = append(st.Response, p...); len(st.Response) > maxResponse {
			st.Response = nil
		}
	}
}

// prepared takes the counts from the head of a PREPARE's answer.
func (st *Stmt) prepared(p []byte) {
	st.Columns, st.Params = int(binary.LittleEndian.Uint16(p[5:])), int(binary.LittleEndian.Uint16(p[7:]))
}

// ensureStatement prepares st at the backend if it is not prepared there, and
// gives it the long data held back for it.
func (c *Conn) ensureStatement(ctx context.Context, st *Stmt) error {
	if _, err := c.ensureBackend(ctx); err != nil {
		return err
	}
	if st.backend == 0 {
		if err := c.prepareAgain(ctx, st); err != nil {
			return err
		}
	}
	for i, data := range st.long {
		if data == nil {
			continue
		}
		frame := append(make([]byte, 4, 11+len(data)), wire.ComStmtLongData)
		frame = binary.LittleEndian.AppendUint32(frame, st.backend)
		frame = append(append(frame, byte(i), byte(i>>8)), data...)
		if err := c.send(ctx, frame); err != nil {
			return err
		}
		st.longSent = true
	}
	st.long, st.longSize = nil, 0
	return nil
}

// prepareAgain prepares a statement at the backend that the client believes
// prepared, and hides the answer.
func (c *Conn) prepareAgain(ctx context.Context, st *Stmt) error {
	if st.db != c.db {
		return c.prepareIn(ctx, st)
	}
	frame := append(append(make([]byte, 4, 5+len(st.SQL)), wire.ComStmtPrepare), st.SQL...)
	if err := c.send(ctx, frame); err != nil {
		return err
	}
	var head [12]byte
	resp, err := c.swallow(wire.ComStmtPrepare, func(p []byte) {
		if head[4] == 0 && head[1] == 0 && len(p) >= 16 && p[4] == 0 {
			copy(head[:], p[4:16])
		}
	})
	if err != nil {
		return err
	}
	if resp.Err != nil {
		return resp.Err
	}
	st.backend = binary.LittleEndian.Uint32(head[1:])
	st.backendTypes = false
	st.prepared(head[:])
	return nil
}

// prepareIn is prepareAgain for a statement of another database than the one
// that is current now. Without a current one there is no way back to it.
func (c *Conn) prepareIn(ctx context.Context, st *Stmt) error {
	if c.db == "" || st.db == "" {
		return c.errUnknownStatement(st.ID, "mysqld_stmt_execute")
	}
	back := c.db
	if err := c.use(ctx, st.db); err != nil {
		return err
	}
	c.db = st.db
	err := c.prepareAgain(ctx, st)
	c.db = back
	if uerr := c.use(ctx, back); uerr != nil {
		c.dropBackend()
		return Fatal(uerr)
	}
	return err
}

// use changes the backend's current database.
func (c *Conn) use(ctx context.Context, db string) error {
	_, err := c.BackendQuery(ctx, "USE `"+strings.ReplaceAll(db, "`", "``")+"`", nil)
	return err
}

// execute runs a COM_STMT_EXECUTE.
func (c *Conn) execute(ctx context.Context, frame []byte) error {
	st, id := c.statementOf(frame[4:])
	if st == nil {
		return c.errUnknownStatement(id, "mysqld_stmt_execute")
	}
	types := wire.ExecuteTypes(frame[4:], st.Params, c.login.Caps)
	if types != nil && !slices.Equal(types, st.types) {
		st.types, st.backendTypes = slices.Clone(types), false
	}
	handled, err := c.router.Execute(ctx, st, frame[4:])
	st.executed = true
	if !handled && err == nil {
		err = c.router.Before(ctx, wire.ComStmtExecute, frame[4:])
	}
	if handled || err != nil {
		return errors.Join(err, c.discardLongData(ctx, st))
	}
	if err := c.ensureStatement(ctx, st); err != nil {
		return c.unsent(ctx, wire.ComStmtExecute, err)
	}
	if types == nil && !st.backendTypes && st.types != nil {
		if rebuilt, ok := wire.WithTypes(frame[4:], st.Params, st.types, c.login.Caps); ok {
			frame = rebuilt
		}
	}
	wire.SetStatementID(frame[4:], st.backend)
	if err := c.send(ctx, frame); err != nil {
		return err
	}
	st.dropLongData()
	if err := c.relay(ctx, wire.ComStmtExecute, nil); err != nil {
		return err
	}
	// The backend may have refused the command before it took the types.
	st.backendTypes = st.backendTypes || c.scan.Response.Err == nil
	return nil
}

// unsent ends a command that the router has prepared for, and that could not be
// sent: as far as the router can tell, the server has refused it.
func (c *Conn) unsent(ctx context.Context, cmd byte, err error) error {
	var f *fatal
	var refused *wire.ErrPacket
	if errors.As(err, &f) || !errors.As(err, &refused) {
		return err
	}
	return errors.Join(err, c.router.After(ctx, cmd, &wire.Response{Err: refused}))
}

// dropLongData forgets long data: an execution has used it, or failed; either
// way the client sends it again for the next.
func (st *Stmt) dropLongData() { st.long, st.longSize, st.longSent = nil, 0, false }

// discardLongData is dropLongData for an execution that the backend did not
// see, though it may have got some of the data.
func (c *Conn) discardLongData(ctx context.Context, st *Stmt) error {
	sent := st.longSent && st.backend != 0
	st.dropLongData()
	if !sent {
		return nil
	}
	frame := binary.LittleEndian.AppendUint32(append(make([]byte, 4), wire.ComStmtReset), st.backend)
	if err := c.send(ctx, frame); err != nil {
		return err
	}
	_, err := c.swallow(wire.ComStmtReset, func([]byte) {})
	return err
}

// longData takes a COM_STMT_SEND_LONG_DATA. It has no answer, not even to
// nonsense: the server reports errors with the next execution.
func (c *Conn) longData(ctx context.Context, frame []byte) error {
	st, _ := c.statementOf(frame[4:])
	if st == nil {
		return nil
	}
	param, data, err := wire.ParseLongData(frame[4:])
	if err == nil && c.routed && !st.longSent && int(param) < st.Params && st.longSize+len(data) <= maxHeldLongData {
		if st.long == nil {
			st.long = make([][]byte, st.Params)
		}
		st.long[param] = append(append([]byte{}, st.long[param]...), data...)
		st.longSize += len(data)
		return nil
	}
	if err := c.ensureStatement(ctx, st); err != nil {
		return Fatal(err)
	}
	st.longSent = true
	wire.SetStatementID(frame[4:], st.backend)
	return silent(c.send(ctx, frame))
}

// silent makes an error of a command without an answer end the session: there
// is no response to put it in.
func silent(err error) error {
	if err != nil {
		return Fatal(err)
	}
	return nil
}

// fetch runs a COM_STMT_FETCH.
func (c *Conn) fetch(ctx context.Context, frame []byte) error {
	st, id := c.statementOf(frame[4:])
	if st == nil || st.backend == 0 {
		return c.errUnknownStatement(id, "mysqld_stmt_fetch")
	}
	wire.SetStatementID(frame[4:], st.backend)
	return c.forward(ctx, frame)
}

// resetStatement runs a COM_STMT_RESET.
func (c *Conn) resetStatement(ctx context.Context, frame []byte) error {
	st, id := c.statementOf(frame[4:])
	if st == nil {
		return c.errUnknownStatement(id, "mysqld_stmt_reset")
	}
	st.dropLongData()
	if st.backend == 0 {
		return c.WriteOK(wire.OK{Status: c.status})
	}
	wire.SetStatementID(frame[4:], st.backend)
	return c.forward(ctx, frame)
}

// closeStatement runs a COM_STMT_CLOSE, which has no answer.
func (c *Conn) closeStatement(frame []byte) error {
	st, _ := c.statementOf(frame[4:])
	if st == nil {
		return nil
	}
	delete(c.stmts.byID, st.ID)
	if c.stmts.last == st {
		c.stmts.last = nil
	}
	if st.backend == 0 || c.be == nil {
		return nil
	}
	wire.SetStatementID(frame[4:], st.backend)
	c.be.w.Begin(0)
	if err := c.be.w.WriteFrame(frame); err != nil {
		return Fatal(err)
	}
	return nil
}
