package proxy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// Server accepts clients and serves their sessions.
type Server struct {
	cfg     Config
	users   *users
	log     *slog.Logger
	metrics *metrics

	ready     chan struct{}
	addr      net.Addr
	listeners []net.Listener

	probe    probing
	backend  atomic.Pointer[serverInfo] // what clients are told; nil until the backend was reached once
	verified verifiedDatabases
	patience patience

	mu       sync.Mutex
	sessions map[uint32]*Conn
	nextID   uint32
	draining bool

	life   context.Context // of the sessions
	kill   context.CancelCauseFunc
	active sync.WaitGroup
}

// Session ids start at a random place of [2^30, 2^31), so that they are neither
// taken for ids of the backend nor for those of another proxy, and stay
// positive for clients that read a signed number.
const (
	firstID uint32 = 1 << 30
	lastID  uint32 = 1<<31 - 1
)

// New checks the configuration. It opens nothing.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg:      cfg,
		users:    newUsers(cfg.Users),
		log:      cfg.Logger,
		ready:    make(chan struct{}),
		sessions: make(map[uint32]*Conn),
		nextID:   firstID + rand.Uint32N(lastID-firstID),
		patience: patience{log: cfg.Logger},
	}
	s.verified.seen = make(map[string]verifiedLogin)
	if s.metrics, err = newMetrics(cfg.Registerer); err != nil {
		return nil, err
	}
	s.life, s.kill = context.WithCancelCause(context.Background())
	return s, nil
}

// Run listens and serves until ctx ends, then lets running statements finish
// (at most ShutdownTimeout) and returns when every session is gone.
func (s *Server) Run(ctx context.Context) error {
	defer s.kill(errShutdown)
	if err := s.listen(ctx); err != nil {
		return err
	}
	close(s.ready)
	if err := s.refreshInfo(ctx); err != nil {
		s.log.Warn("the backend cannot be reached yet; clients are refused until it can", "backend", s.cfg.Backend.Addr, "error", err)
	}
	g, gctx := errgroup.WithContext(ctx)
	for _, l := range s.listeners {
		g.Go(func() error { return s.accept(gctx, l) })
	}
	g.Go(func() error { s.watch(gctx); return nil })
	g.Go(func() error {
		<-gctx.Done()
		return s.closeListeners()
	})
	err := g.Wait()
	return errors.Join(err, s.drain())
}

// Ready is closed once Run listens.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Addr is the TCP address listened on, or the Unix socket's if there is no
// other. It waits for Run to listen.
func (s *Server) Addr() net.Addr {
	<-s.ready
	return s.addr
}

// listen opens the configured addresses.
func (s *Server) listen(ctx context.Context) error {
	var lc net.ListenConfig
	open := func(network, address string) error {
		l, err := lc.Listen(ctx, network, address)
		if err != nil {
			return errors.Join(fmt.Errorf("proxy: listen: %w", err), s.closeListeners())
		}
		s.listeners = append(s.listeners, l)
		if s.addr == nil {
			s.addr = l.Addr()
		}
		s.log.Info("listening", "network", network, "address", l.Addr().String())
		return nil
	}
	if s.cfg.Listen != "" {
		if err := open("tcp", s.cfg.Listen); err != nil {
			return err
		}
	}
	if s.cfg.Socket == "" {
		return nil
	}
	if err := removeStaleSocket(ctx, s.cfg.Socket); err != nil {
		return errors.Join(err, s.closeListeners())
	}
	if err := open("unix", s.cfg.Socket); err != nil {
		return err
	}
	// As the servers' own: who may connect is decided by the login.
	if err := os.Chmod(s.cfg.Socket, 0o777); err != nil {
		return errors.Join(fmt.Errorf("proxy: listen: %w", err), s.closeListeners())
	}
	return nil
}

// removeStaleSocket removes a socket file that nobody listens on, as a
// process that was killed leaves it.
func removeStaleSocket(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSocket == 0 {
		return nil // listening says what is wrong, if anything
	}
	var d net.Dialer
	if c, err := d.DialContext(ctx, "unix", path); err == nil {
		return errors.Join(fmt.Errorf("proxy: listen: another process listens on %s", path), c.Close())
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("proxy: remove the stale socket: %w", err)
	}
	return nil
}

// closeListeners stops accepting.
func (s *Server) closeListeners() error {
	var errs []error
	for _, l := range s.listeners {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// accept serves one listener. Errors such as too many open files pass: it
// tries again, ever more slowly.
func (s *Server) accept(ctx context.Context, l net.Listener) error {
	const most = time.Second
	backoff := time.Millisecond
	for {
		nc, err := l.Accept()
		if err == nil {
			backoff = time.Millisecond
			s.admit(nc)
			continue
		}
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return nil
		}
		s.log.Warn("accept failed, trying again", "error", err, "after", backoff)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, most)
	}
}

// admit starts a session, or refuses it if there are too many.
func (s *Server) admit(nc net.Conn) {
	s.metrics.accepted.Inc()
	c := newConn(s, nc)
	if !s.add(c) {
		c.cancel(errClientGone)
		s.metrics.refused("too_many_connections")
		refuse(nc, NewError(codeTooManyConnections, "08004", "Too many connections"))
		return
	}
	s.active.Go(func() {
		defer s.remove(c)
		c.run()
	})
}

// refuse sends an error in place of the greeting.
func refuse(nc net.Conn, e *wire.ErrPacket) {
	w := wire.NewWriter(nc)
	nc.SetDeadline(time.Now().Add(time.Second))
	if w.WritePacket(wire.AppendERR(nil, e)) == nil {
		w.Flush() // the client is being turned away: nothing depends on it
	}
	nc.Close()
}

// add registers a session under a new id.
func (s *Server) add(c *Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining || len(s.sessions) >= s.cfg.MaxConnections {
		return false
	}
	for s.sessions[s.nextID] != nil || s.nextID < firstID || s.nextID > lastID {
		if s.nextID++; s.nextID > lastID || s.nextID < firstID {
			s.nextID = firstID
		}
	}
	c.id = s.nextID
	s.nextID++
	s.sessions[c.id] = c
	s.metrics.connections.Set(float64(len(s.sessions)))
	return true
}

// remove forgets a session.
func (s *Server) remove(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, c.id)
	s.metrics.connections.Set(float64(len(s.sessions)))
}

// Session finds a session by the id its client knows; nil if there is none.
func (s *Server) Session(id uint32) *Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[id]
}

// Sessions lists the sessions that are connected now.
func (s *Server) Sessions() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*Conn, 0, len(s.sessions))
	for _, c := range s.sessions {
		list = append(list, c)
	}
	return list
}

// drain ends the sessions: idle ones at once, the others after the statement
// they run, and what is left after ShutdownTimeout is cut off.
func (s *Server) drain() error {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	for _, c := range s.Sessions() {
		c.leave()
	}
	cut := time.AfterFunc(s.cfg.ShutdownTimeout, func() { s.kill(errShutdown) })
	defer cut.Stop()
	s.active.Wait()
	return nil
}
