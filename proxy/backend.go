package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// backend is a session's connection to the real server, logged in and raw:
// the session's goroutine reads and writes packets on it.
type backend struct {
	nc   net.Conn // raw, or TLS over it
	raw  net.Conn
	r    *wire.Reader
	w    *wire.Writer
	id   uint32 // the server's connection id
	used time.Time
	// opened is when its login ended.
	opened time.Time
	// changes is what the OK of the login told of the session, for a client that
	// wants to know.
	changes []byte
	stop    func() bool // ends the watch that closes it with the session
}

// serverOnly are capabilities that a login to the backend has whether or not
// the client has them, because they concern the login alone.
const serverOnly = wire.CapProtocol41 | wire.CapSecureConnection | wire.CapPluginAuth | wire.CapPluginAuthLenenc

// idleCheck is how long a backend connection may have been idle before it is
// looked at again before its next use.
const idleCheck = 100 * time.Millisecond

// ensureBackend opens the session's backend connection if there is none. One
// that the server has closed meanwhile is replaced if nothing is lost by that.
func (c *Conn) ensureBackend(ctx context.Context) (*backend, error) {
	if c.be != nil {
		now := time.Now()
		if now.Sub(c.be.used) < idleCheck {
			c.be.used = now
			return c.be, nil
		}
		c.be.used = now
		if !c.be.gone() {
			return c.be, nil
		}
		if c.router.Stateful() {
			return nil, Fatal(c.be.farewell(c.srv.cfg.Backend.Addr))
		}
		c.dropBackend()
		c.router.Reset(ResetLost)
	}
	be, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	c.be = be
	c.backendID.Store(be.id)
	// The session's end closes the socket, and so ends a read that waits for a
	// statement of hours whose client has gone.
	be.stop = context.AfterFunc(c.ctx, func() { be.raw.Close() })
	return be, nil
}

// dropBackend closes the backend connection, if there is one. Statements are
// prepared again where they are next executed.
func (c *Conn) dropBackend() {
	if c.be == nil {
		return
	}
	c.be.stop()
	c.be.close()
	c.be = nil
	c.backendID.Store(0)
	c.stmts.forgetBackend()
}

// close says goodbye and closes. The server may be gone: that is no error.
func (b *backend) close() {
	b.raw.SetDeadline(time.Now().Add(time.Second))
	b.w.Begin(0)
	if b.w.WritePacket([]byte{wire.ComQuit}) == nil {
		b.w.Flush() // only a courtesy: the server notices the close as well
	}
	b.nc.Close()
	b.r.Release()
}

// gone reports whether the server has closed the connection or has said
// something unasked, which servers do only before they close.
func (b *backend) gone() bool {
	result, _ := peek(b.raw)
	return b.r.Buffered() > 0 || result != peekNothing
}

// farewell is what a server that closed the connection said last: its error
// packet (a timeout, a kill, a shutdown), or in default of that, 2006.
func (b *backend) farewell(addr string) *wire.ErrPacket {
	b.raw.SetReadDeadline(time.Now().Add(time.Second))
	if _, payload, err := wire.ReadExact(b.nc, maxLogin); err == nil && len(payload) > 0 && payload[0] == 0xff {
		if e, err := wire.ParseERR(payload); err == nil {
			return e
		}
	}
	return errGone(addr)
}

// dial opens and logs in a backend connection with the capabilities, the
// collation, the attributes and the database of the client.
func (c *Conn) dial(ctx context.Context) (*backend, error) {
	cfg := &c.srv.cfg.Backend
	ctx, cancel := context.WithTimeout(ctx, cfg.DialTimeout)
	defer cancel()
	be, err := c.dialAndLogin(ctx, cfg)
	var e *wire.ErrPacket
	switch {
	case err == nil:
		c.srv.metrics.dials.WithLabelValues("ok").Inc()
		c.srv.verified.note(c.databaseKey(), c.db, be.changes)
	case errors.As(err, &e) && e.Code != codeCannotConnect:
		c.srv.metrics.dials.WithLabelValues("refused").Inc()
		c.srv.verified.forget(c.databaseKey(), e)
		c.srv.log.Warn("the backend refused a login", "component", "MYSQL", "user", c.User().Name, "error", e)
	default:
		c.srv.metrics.dials.WithLabelValues("unreachable").Inc()
		c.srv.log.Warn("the backend cannot be reached", "component", "MYSQL", "error", err)
	}
	return be, err
}

// dialAndLogin does the work of dial.
func (c *Conn) dialAndLogin(ctx context.Context, cfg *BackendConfig) (*backend, error) {
	raw, g, err := cfg.connect(ctx)
	if err != nil {
		return nil, err
	}
	c.srv.learn(g)
	be := &backend{nc: raw, raw: raw, id: g.ConnID, used: time.Now(), opened: time.Now()}
	if err := c.loginBackend(ctx, cfg, be, g); err != nil {
		err = errors.Join(err, be.nc.Close())
		var e *wire.ErrPacket
		if !errors.As(err, &e) {
			return nil, errNotReached(cfg.Addr, err)
		}
		if e.Code == codeAccessDenied {
			e.Message += fmt.Sprintf(" (by the proxy's backend '%s': the password of this user there is not the one in the proxy's [[users]])", cfg.Addr)
		}
		return nil, e
	}
	return be, raw.SetDeadline(time.Time{})
}

// loginBackend sends the login, over TLS if configured, and answers what the
// server asks.
func (c *Conn) loginBackend(ctx context.Context, cfg *BackendConfig, be *backend, g *wire.Greeting) error {
	if missing := c.login.Caps &^ g.Caps &^ (wire.CapSSL | wire.CapLongPassword); missing != 0 {
		return NewError(codeCannotConnect, "HY000", "the server behind the proxy has changed and no longer offers what this client has agreed on (%#x): connect again", uint64(missing))
	}
	name, password := c.User().backendLogin()
	l := c.login
	l.User, l.DB = name, c.db
	l.Caps = l.Caps&^wire.CapSSL | serverOnly&g.Caps
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
	a := &backendAuth{be: be, password: password, salt: g.Salt, plugin: g.Plugin, secure: cfg.TLS != nil || cfg.Network == "unix"}
	ok, err := a.login(&l, c.login.Caps)
	if err != nil {
		return err
	}
	c.status, be.changes = ok.Status, bytes.Clone(ok.Changes)
	be.r.Limit = 0
	be.r.Release()
	return nil
}

// startTLS asks the server for TLS and goes on over it.
func (b *backend) startTLS(ctx context.Context, cfg *BackendConfig, l *wire.Login) error {
	w := wire.NewWriter(b.raw)
	w.Begin(1)
	if err := w.WritePacket(wire.AppendSSLRequest(nil, l)); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	tc := cfg.TLS.Clone()
	if host, _, err := net.SplitHostPort(cfg.Addr); err == nil && tc.ServerName == "" {
		tc.ServerName = host
	}
	conn := tls.Client(b.raw, tc)
	if err := conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("TLS to the backend: %w", err)
	}
	b.nc = conn
	return nil
}

// verifiedDatabases remembers which users were let into which databases, so
// that a login naming one need not open a backend connection to find out.
type verifiedDatabases struct {
	mu   sync.Mutex
	seen map[string]verifiedLogin
}

// verifiedLogin is one that succeeded, and what its OK told of the session.
type verifiedLogin struct {
	at      time.Time
	changes []byte
}

// verifiedFor is how long a database is taken to exist after a login to it.
const verifiedFor = time.Minute

// note remembers a login.
func (v *verifiedDatabases) note(key, db string, changes []byte) {
	if db == "" {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.seen) >= 10000 {
		clear(v.seen)
	}
	v.seen[key] = verifiedLogin{time.Now(), changes}
}

// forget drops what a refused login disproves.
func (v *verifiedDatabases) forget(key string, e *wire.ErrPacket) {
	if e.Code == codeUnknownDatabase || e.Code == codeDBAccessDenied {
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(v.seen, key)
	}
}

// last is the last such login; ever is false if there was none.
func (v *verifiedDatabases) last(key string) (last verifiedLogin, ever bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	last, ever = v.seen[key]
	return last, ever
}

// databaseKey names the session's user and database at the backend, and
// whether the client is told of changes of the session.
func (c *Conn) databaseKey() string {
	name, _ := c.User().backendLogin()
	return fmt.Sprintf("%s\x00%s\x00%t", name, c.db, c.login.Caps.Has(wire.CapSessionTrack))
}

// checkDatabase makes sure that the database of a login exists and is the
// user's to use. The cheapest way that is right: open the session's backend
// connection there, which it is likely to need anyway, unless somebody did so
// a moment ago. If the backend is down, full or silent, any earlier login will do.
// It returns what the client has to be told of the session.
func (c *Conn) checkDatabase(ctx context.Context) (changes []byte, err error) {
	if c.db == "" {
		return nil, nil
	}
	last, ever := c.srv.verified.last(c.databaseKey())
	if ever && time.Since(last.at) < verifiedFor {
		return last.changes, nil
	}
	var be *backend
	err = c.srv.patience.ask(ctx, ever, func(ctx context.Context) (err error) {
		be, err = c.ensureBackend(ctx)
		return err
	})
	switch {
	case err == nil:
		return be.changes, nil
	case ever && unanswered(err):
		return last.changes, nil
	}
	return nil, err
}

// welcome is the OK that ends a login.
func (c *Conn) welcome(changes []byte) error {
	ok := wire.OK{Status: c.status, Changes: changes}
	if len(changes) > 0 {
		ok.Status |= wire.StatusSessionChanged
	}
	return c.WriteOK(ok)
}
