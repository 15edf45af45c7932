package proxy

import (
	"errors"
	"time"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// pingTimeout bounds the ping that keeps a backend connection.
const pingTimeout = 10 * time.Second

// SetWaitTimeout tells the session how long its client may be idle: MySQL's
// wait_timeout.
func (c *Conn) SetWaitTimeout(d time.Duration) { c.wait = d }

// keepAlive pings the backend of a client that is not idle, but whose commands
// have been answered here for half of wait_timeout: MySQL would take it for
// idle, and end it with all that it holds. The client has its answer already.
func (c *Conn) keepAlive() error {
	c.last = time.Now()
	if c.be == nil || c.wait == 0 || c.last.Sub(c.be.used) < c.wait/2 {
		return nil
	}
	c.be.used = c.last
	if err := c.be.ping(); err == nil {
		return nil
	} else if c.router.Stateful() {
		return errors.Join(err, c.lastWords(err))
	}
	c.dropBackend()
	c.router.Reset(ResetLost)
	return nil
}

// ping asks the server whether it is there.
func (b *backend) ping() error {
	if err := b.raw.SetDeadline(time.Now().Add(pingTimeout)); err != nil {
		return err
	}
	b.w.Begin(0)
	b.r.Seq = 0
	if err := b.w.WriteFrame([]byte{0, 0, 0, 0, wire.ComPing}); err != nil {
		return err
	}
	b.r.Seq = 1
	if _, err := b.r.ReadFrame(); err != nil {
		return err
	}
	b.r.Release()
	return b.raw.SetDeadline(time.Time{})
}

// expired reports whether a session without a backend connection, where MySQL
// would see to it, has been idle for wait_timeout.
func (c *Conn) expired() bool {
	return c.be == nil && c.wait > 0 && !c.last.IsZero() && time.Since(c.last) > c.wait
}

// dismiss ends an idle session as its server does: MySQL says why.
func (c *Conn) dismiss(e *wire.ErrPacket) {
	defer c.raw.Close()
	if e == nil || e.Code == codeGoneAway || c.raw.SetWriteDeadline(time.Now().Add(time.Second)) != nil {
		return
	}
	c.out.Begin(0)
	if c.WriteError(e) == nil {
		c.out.Flush() // the client is being turned away: nothing depends on it
	}
}

// errIdle is what the backend's kind of server says to a client that was idle
// for too long, nil for nothing.
func (c *Conn) errIdle() *wire.ErrPacket {
	if info := c.srv.backend.Load(); info == nil || info.number() < firstIdleError {
		return nil
	}
	return NewError(codeIdle, "HY000", "The client was disconnected by the server because of inactivity. See wait_timeout and interactive_timeout for configuring this behavior.")
}

const (
	codeIdle       = 4031
	firstIdleError = 80024 // the first version of MySQL that says so
)
