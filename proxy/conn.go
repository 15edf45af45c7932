package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// keepBuffer is the size in bytes of the buffer in which an idle session
// waits for its next command; larger commands borrow one.
const keepBuffer = 2 << 10

// Conn is a session: a client, and from its first need on a backend
// connection of its own. Its methods are for its router, from the calls the
// router gets, unless they say otherwise.
type Conn struct {
	srv  *Server
	id   uint32
	raw  net.Conn // the socket
	nc   net.Conn // raw, or TLS over it
	in   *wire.Reader
	out  *wire.Writer
	salt []byte

	login  wire.Login // Caps are those agreed on; Auth is not kept
	user   atomic.Pointer[User]
	db     string
	unsure bool   // whether the backend has a transaction open
	status uint16 // last status flags of the backend
	since  time.Time

	router Router
	routed bool // there is a router of the config's, so commands may not reach the backend
	be     *backend
	scan   wire.Scanner
	stmts  statements

	last time.Time     // when the last command ended, for whoever holds busy
	wait time.Duration // wait_timeout; 0 while it is not known

	failedChanges int // COM_CHANGE_USER refused

	// busy is held while a command runs; whoever gets it in between may look
	// at the backend connection.
	busy    sync.Mutex
	leaving atomic.Bool
	ctx     context.Context // ends with the session
	cancel  context.CancelCauseFunc

	statement struct {
		sync.Mutex
		ctx    context.Context // of the running statement; made anew after it was interrupted
		cancel context.CancelCauseFunc
	}
	backendID atomic.Uint32 // the backend connection's id, 0 if there is none
	overTLS   atomic.Bool
}

// newConn makes the session of an accepted socket.
func newConn(s *Server, nc net.Conn) *Conn {
	c := &Conn{
		srv: s, raw: nc, nc: nc, since: time.Now(),
		in:  wire.NewReader(nc, keepBuffer),
		out: wire.NewWriter(nc),
	}
	c.ctx, c.cancel = context.WithCancelCause(s.life)
	return c
}

// run serves the session until it ends.
func (c *Conn) run() {
	defer c.cancel(errClientGone)
	// Closing the socket ends a read or write that the session waits in.
	stop := context.AfterFunc(c.ctx, func() { c.raw.Close() })
	defer stop()
	defer c.raw.Close()
	defer c.recoverPanic()

	c.busy.Lock()
	err := c.handshake()
	c.busy.Unlock()
	if err != nil {
		c.srv.metrics.refused("handshake")
		c.srv.log.Debug("login failed", "conn", c.id, "remote", c.raw.RemoteAddr().String(), "error", err)
		return
	}
	defer c.end()
	err = c.serve()
	if !errors.Is(err, errQuit) && !errors.Is(err, io.EOF) && c.ctx.Err() == nil {
		c.srv.log.Debug("session ended", "conn", c.id, "user", c.User().Name, "error", err)
	}
}

// recoverPanic keeps a bug that one client's bytes bring to light from ending
// everybody's sessions.
func (c *Conn) recoverPanic() {
	if r := recover(); r != nil {
		c.srv.log.Error("session panicked and was closed", "conn", c.id, "panic", r, "stack", string(debug.Stack()))
	}
}

// end releases what a session holds after its login.
func (c *Conn) end() {
	c.busy.Lock()
	defer c.busy.Unlock()
	c.router.Close()
	c.dropBackend()
}

// serve reads commands and runs them.
func (c *Conn) serve() error {
	// leaving is looked at after busy was given back: leave sets it before it
	// tries to get busy, so one of the two sees the other.
	for !c.leaving.Load() {
		c.in.Seq = 0
		frame, err := c.in.ReadFrame()
		if err != nil {
			return c.badInput(err)
		}
		if err := c.command(frame); err != nil {
			return err
		}
	}
	return errShutdown
}

// command runs one command and sends its response.
func (c *Conn) command(frame []byte) error {
	c.busy.Lock()
	defer c.busy.Unlock()
	defer c.in.Release()
	c.out.Begin(c.in.Seq)
	ctx := c.beginStatement()
	if c.leaving.Load() {
		return c.finish(ctx, Fatal(errShutdown))
	}
	c.srv.metrics.commands[commandByte(frame)].Inc()
	if err := c.finish(ctx, c.processCommand(ctx, frame)); err != nil {
		return err
	}
	if c.unsure {
		if err := c.settle(ctx); err != nil {
			return err
		}
	}
	return c.keepAlive()
}

// commandByte is the command of a frame; an empty one counts as COM_SLEEP, as
// in the server.
func commandByte(frame []byte) byte {
	if len(frame) <= 4 {
		return wire.ComSleep
	}
	return frame[4]
}

// badInput ends the session after input that is not a packet.
func (c *Conn) badInput(err error) error {
	var e *wire.ErrPacket
	switch {
	case errors.Is(err, wire.ErrSequence):
		e = NewError(codeOutOfOrder, "08S01", "Got packets out of order")
	case errors.Is(err, wire.ErrTooLarge):
		e = NewError(codePacketTooLarge, "08S01", "Got a packet bigger than 'max_allowed_packet' bytes")
	default:
		return err
	}
	c.in.Seq++
	c.out.Begin(c.in.Seq)
	return errors.Join(e, c.finish(c.ctx, Fatal(e)))
}

// finish ends a command: it sends the response that is waiting, or err in its
// place. It returns an error if the session has to end.
func (c *Conn) finish(ctx context.Context, err error) error {
	if err == nil {
		return c.out.Flush()
	}
	if errors.Is(err, errQuit) {
		return err
	}
	var f *fatal
	closing := errors.As(err, &f)
	if c.ctx.Err() != nil {
		return err
	}
	if c.out.Sent() {
		// Part of a response has gone out: an error packet cannot replace it.
		return err
	}
	c.out.Drop()
	c.out.Begin(c.in.Seq)
	if err := c.WriteError(asPacket(ctx, err)); err != nil {
		return err
	}
	if ferr := c.out.Flush(); ferr != nil {
		return ferr
	}
	if closing {
		return err
	}
	return nil
}

// leave ends the session at once if it is idle, else after its statement. It
// may be called from anywhere.
func (c *Conn) leave() {
	c.leaving.Store(true)
	if c.busy.TryLock() {
		defer c.busy.Unlock()
		c.raw.Close()
	}
}

// beginStatement gives the context of a statement that starts now.
func (c *Conn) beginStatement() context.Context {
	c.statement.Lock()
	defer c.statement.Unlock()
	if c.statement.ctx == nil || c.statement.ctx.Err() != nil {
		c.statement.ctx, c.statement.cancel = context.WithCancelCause(c.ctx)
	}
	return c.statement.ctx
}

// interrupt ends the context of the running statement, if there is one. It
// may be called from anywhere.
func (c *Conn) interrupt(cause error) {
	if c.busy.TryLock() { // idle: there is nothing to interrupt
		c.busy.Unlock()
		return
	}
	c.statement.Lock()
	defer c.statement.Unlock()
	if c.statement.cancel != nil {
		c.statement.cancel(cause)
	}
}

// ID is the connection id that the greeting told the client. It may be called
// from anywhere.
func (c *Conn) ID() uint32 { return c.id }

// User is who logged in, nil before that. It may be called from anywhere.
func (c *Conn) User() *User { return c.user.Load() }

// DB is the current database, "" for none.
func (c *Conn) DB() string { return c.db }

// AssumeTransaction notes that the backend may have a transaction open. The
// status of its next answer tells whether it has; with ask it is asked for one
// as soon as the client has got its answer, and After is told.
func (c *Conn) AssumeTransaction(ask bool) {
	c.status |= wire.StatusInTransaction
	c.unsure = ask
}

// settle asks the backend for its status. A ping changes no more in its session
// than ROW_COUNT().
func (c *Conn) settle(ctx context.Context) error {
	c.unsure = false
	if c.be == nil {
		return nil
	}
	if err := c.send(ctx, []byte{0, 0, 0, 0, wire.ComPing}); err != nil {
		return err
	}
	resp, err := c.swallow(wire.ComPing, func([]byte) {})
	if err != nil {
		return err
	}
	if resp.HasStatus {
		c.status = resp.Status
	}
	return c.router.After(ctx, wire.ComPing, &resp)
}

// SetDB tells the session that a statement has changed the current database.
func (c *Conn) SetDB(db string) { c.db = db }

// Caps are the capabilities that client and backend agreed on.
func (c *Conn) Caps() wire.Capability { return c.login.Caps }

// Collation is the collation id that the client logged in with.
func (c *Conn) Collation() uint16 { return c.login.Collation }

// Status gives the status flags the backend last sent.
func (c *Conn) Status() uint16 { return c.status }

// OverrideStatus changes the status flags of all that the client is sent from
// now on, forwarded or not: for a transaction that the backend has no part in.
func (c *Conn) OverrideStatus(set, clear uint16) { c.scan.Set, c.scan.Clear = set, clear }
