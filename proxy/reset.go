package proxy

import (
	"context"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// resetConnection runs a COM_RESET_CONNECTION. Without a backend connection
// there is nothing to reset but what is here.
func (c *Conn) resetConnection(ctx context.Context, frame []byte) error {
	if c.be == nil {
		if info := c.srv.backend.Load(); info != nil {
			c.status = info.status
		}
		c.forget(ResetConnection)
		return c.WriteOK(wire.OK{Status: c.status})
	}
	if err := c.forward(ctx, frame); err != nil {
		return err
	}
	if c.scan.Response.Err == nil {
		c.forget(ResetConnection)
	}
	return nil
}

// endBackend is dropBackend once the backend has ended what the session had there,
// its transaction and its locks: a server notices that a connection was closed
// only in a moment, and the client may count on it now.
func (c *Conn) endBackend(ctx context.Context) {
	if c.be != nil && c.send(ctx, []byte{0, 0, 0, 0, wire.ComResetConnection}) == nil {
		_, _ = c.swallow(wire.ComResetConnection, func([]byte) {}) // lost: then it ends by itself
	}
	c.dropBackend()
}

// forget drops the state that the proxy keeps for a session.
func (c *Conn) forget(kind ResetKind) {
	c.stmts.reset()
	c.router.Reset(kind)
}

// maxFailedChanges is how many refused COM_CHANGE_USER a MariaDB session may
// have before it gets no further try.
const maxFailedChanges = 3

// changeUser runs a COM_CHANGE_USER: the new user is authenticated here, like
// at a login, and gets a backend connection of his own when he needs one. A
// refused change leaves the session as it was, in MariaDB; MySQL ends it.
func (c *Conn) changeUser(ctx context.Context, frame []byte) error {
	refuse := Fatal
	if c.srv.backend.Load().mariaDB() {
		refuse = func(err error) error { return err }
	}
	if c.failedChanges >= maxFailedChanges {
		return refuse(errUnknownCommand())
	}
	l, err := wire.ParseChangeUser(frame[4:], c.login.Caps)
	if err != nil {
		return Fatal(errMalformed())
	}
	l.Attrs = append([]byte(nil), l.Attrs...) // authenticating may read on
	u, err := c.authenticate(l, c.salt)
	if err != nil {
		c.failedChanges++
		return refuse(err)
	}
	c.endBackend(ctx)
	c.user.Store(u)
	c.login.User, c.login.Attrs = l.User, l.Attrs
	if l.Collation != 0 {
		c.login.Collation = l.Collation
	}
	if c.db = l.DB; c.db == "" {
		c.db = u.Database
	}
	if info := c.srv.backend.Load(); info != nil {
		c.status = info.status
	}
	c.forget(ResetUser)
	changes, err := c.checkDatabase(ctx)
	if err != nil {
		return Fatal(err)
	}
	return c.welcome(changes)
}
