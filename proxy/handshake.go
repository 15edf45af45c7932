package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// maxLogin bounds packets before authentication, in bytes.
const maxLogin = 64 << 10

// handshake greets the client, switches to TLS if asked to, and logs it in.
func (c *Conn) handshake() error {
	if err := c.raw.SetDeadline(time.Now().Add(c.srv.cfg.HandshakeTimeout)); err != nil {
		return err
	}
	info, err := c.srv.info(c.ctx)
	if err != nil {
		refuse(c.raw, asPacket(c.ctx, err))
		return err
	}
	c.in.Limit = maxLogin
	var changes []byte
	l, err := c.receiveLogin(info)
	if err == nil {
		changes, err = c.admitUser(info, l)
	}
	if err != nil {
		return c.refuseLogin(err)
	}
	if err := c.welcome(changes); err != nil {
		return err
	}
	if err := c.out.Flush(); err != nil {
		return err
	}
	c.in.Limit = c.srv.cfg.MaxPacket
	c.in.Release()
	return c.raw.SetDeadline(time.Time{})
}

// refuseLogin tells the client why it may not come in.
func (c *Conn) refuseLogin(err error) error {
	var e *wire.ErrPacket
	switch {
	case errors.Is(err, wire.ErrMalformed), errors.Is(err, wire.ErrTooLarge), errors.Is(err, wire.ErrSequence):
		e = NewError(codeHandshake, "08S01", "Bad handshake")
	case !errors.As(err, &e):
		return err // the network: nobody is there to be told
	}
	if werr := c.WriteError(e); werr != nil {
		return errors.Join(err, werr)
	}
	return errors.Join(err, c.out.Flush())
}

// receiveLogin sends the greeting and reads the client's answer to it.
func (c *Conn) receiveLogin(info *serverInfo) (*wire.Login, error) {
	offered := info.caps & wire.Forwardable
	if c.srv.cfg.TLS != nil {
		offered |= wire.CapSSL
	}
	c.salt = wire.NewSalt()
	version := info.version
	if c.srv.cfg.ServerVersion != "" {
		version = c.srv.cfg.ServerVersion
	}
	c.status = info.status
	greeting := wire.Greeting{Version: version, ConnID: c.id, Salt: c.salt, Caps: offered,
		Collation: info.collation, Status: info.status, Plugin: info.plugin}
	c.out.Begin(0)
	if err := c.out.WritePacket(wire.AppendGreeting(nil, &greeting)); err != nil {
		return nil, err
	}
	if err := c.out.Flush(); err != nil {
		return nil, err
	}
	l, ssl, err := c.readLogin()
	if err != nil {
		return nil, err
	}
	if ssl {
		if l, err = c.startTLS(); err != nil {
			return nil, err
		}
	} else if c.srv.cfg.RequireTLS && c.raw.RemoteAddr().Network() == "tcp" {
		return nil, NewError(codeInsecureTransport, "HY000", "Connections using insecure transport are prohibited while --require_secure_transport=ON.")
	}
	// The client's word on LONG_PASSWORD says which dialect of the protocol it
	// speaks, whatever the server's does.
	l.Caps &= offered | wire.CapLongPassword
	return l, nil
}

// readLogin reads one packet of the client's, and nothing behind it.
func (c *Conn) readLogin() (*wire.Login, bool, error) {
	seq, payload, err := wire.ReadExact(c.nc, maxLogin)
	c.out.Seq = seq + 1
	if err != nil {
		return nil, false, err
	}
	return wire.ParseLogin(payload)
}

// startTLS goes on over TLS and reads the login there.
func (c *Conn) startTLS() (*wire.Login, error) {
	if c.srv.cfg.TLS == nil {
		return nil, wire.ErrMalformed
	}
	conn := tls.Server(c.raw, c.srv.cfg.TLS)
	if err := conn.HandshakeContext(c.ctx); err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	c.nc = conn
	c.overTLS.Store(true)
	c.in.Reset(conn)
	c.out.Reset(conn)
	l, again, err := c.readLogin()
	if again {
		return nil, wire.ErrMalformed
	}
	return l, err
}

// admitUser authenticates a login and makes the session its user's. It returns
// what the client has to be told of the session.
func (c *Conn) admitUser(info *serverInfo, l *wire.Login) (changes []byte, err error) {
	u, err := c.authenticate(l, c.salt)
	if err != nil {
		return nil, err
	}
	l.Auth = nil
	c.login = *l
	c.user.Store(u)
	if c.db = l.DB; c.db == "" {
		c.db = u.Database
	}
	c.router, c.routed = &passThrough{}, c.srv.cfg.NewRouter != nil
	c.stmts.reset()
	if c.routed {
		c.router = c.srv.cfg.NewRouter(c)
	}
	if changes, err = c.checkDatabase(c.beginStatement()); err != nil {
		c.router.Close()
		c.dropBackend()
	}
	return changes, err
}

// info gives what is known of the backend, asking it if it was never reached.
func (s *Server) info(ctx context.Context) (*serverInfo, error) {
	if info := s.backend.Load(); info != nil {
		return info, nil
	}
	if err := s.refreshInfo(ctx); err != nil {
		return nil, err
	}
	return s.backend.Load(), nil
}

// probing asks the backend for its greeting, one at a time.
type probing struct {
	sync.Mutex
	failed time.Time
	err    error
}

// probeAgain is how long a failed probe answers for those that come after it.
const probeAgain = 500 * time.Millisecond

// refreshInfo asks the backend for its greeting. Callers that come while one
// is asking share its answer, so that they do not wait one after the other.
func (s *Server) refreshInfo(ctx context.Context) error {
	s.probe.Lock()
	defer s.probe.Unlock()
	if s.backend.Load() != nil {
		return nil
	}
	if s.probe.err != nil && time.Since(s.probe.failed) < probeAgain {
		return s.probe.err
	}
	s.probe.err = s.askInfo(ctx)
	s.probe.failed = time.Now()
	return s.probe.err
}

// askInfo does the work of refreshInfo.
func (s *Server) askInfo(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Backend.DialTimeout)
	defer cancel()
	nc, g, err := s.cfg.Backend.connect(ctx)
	if err != nil {
		return err
	}
	s.learn(g)
	return nc.Close()
}

// serverInfo is what clients are told about the backend before it is opened.
type serverInfo struct {
	version   string
	caps      wire.Capability
	collation byte
	status    uint16
	plugin    string
}

// mariaDB tells the two families of servers apart.
func (i *serverInfo) mariaDB() bool { return strings.Contains(i.version, "MariaDB") }

// number is MySQL's version as one number, 80402 for 8.4.2; 0 for MariaDB, and
// for what cannot be read.
func (i *serverInfo) number() int {
	var major, minor, patch int
	if n, err := fmt.Sscanf(i.version, "%d.%d.%d", &major, &minor, &patch); err != nil || n != 3 || i.mariaDB() {
		return 0
	}
	return major*10000 + minor*100 + patch
}

// learn keeps what a backend's greeting says for the clients to come.
func (s *Server) learn(g *wire.Greeting) {
	info := serverInfo{version: g.Version, caps: g.Caps, collation: g.Collation, status: g.Status, plugin: g.Plugin}
	if info.plugin != wire.PluginNative {
		info.plugin = wire.PluginCachingSHA2
	}
	old := s.backend.Load()
	if old != nil && *old == info {
		return
	}
	s.backend.Store(&info)
	s.log.Info("the backend introduced itself", "backend", s.cfg.Backend.Addr, "version", g.Version)
}

// connect opens the network connection and reads the greeting. The returned
// connection has ctx's deadline.
func (b *BackendConfig) connect(ctx context.Context) (net.Conn, *wire.Greeting, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, b.Network, b.Addr)
	if err != nil {
		return nil, nil, errNotReached(b.Addr, err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		err = nc.SetDeadline(deadline)
	}
	var payload []byte
	if err == nil {
		_, payload, err = wire.ReadExact(nc, maxLogin)
	}
	if err != nil {
		return nil, nil, errors.Join(errNotReached(b.Addr, err), nc.Close())
	}
	g, err := wire.ParseGreeting(payload)
	if err != nil {
		var e *wire.ErrPacket
		if !errors.As(err, &e) {
			err = errNotReached(b.Addr, err)
		}
		return nil, nil, errors.Join(err, nc.Close())
	}
	return nc, g, nil
}
