package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
)

// Limits of the listener. A scrape or a status answer is small; the largest
// body is the values of an edit.
const (
	headerTimeout  = 5 * time.Second
	requestTimeout = 10 * time.Second // what a Status or Ready function may take
	writeTimeout   = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	stopTimeout    = 5 * time.Second
	maxHeaderBytes = 16 << 10
	maxBodyBytes   = 1 << 20
)

// Config is what a Server needs. Status and Ready are called for each request
// and must be safe for concurrent use.
type Config struct {
	Listen string // host:port
	// Token, if not "", must come with every request but /healthz, as
	// "Authorization: Bearer <token>". It may be "" only on a loopback address.
	Token    string
	Gatherer prometheus.Gatherer
	Status   func(context.Context) (Status, error)
	Ready    func(context.Context) error
	// Operations are what may be done over HTTP; nil: nothing.
	Operations *Operations
	Logger     *slog.Logger
}

// Server is the HTTP listener.
type Server struct {
	cfg      Config
	http     *http.Server
	listener net.Listener
}

// New opens the listener, so that an address in use is known at once and
// Addr has an answer; Run serves it.
func New(cfg Config) (*Server, error) {
	host, _, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("admin address: %w", err)
	}
	if ip := net.ParseIP(host); cfg.Token == "" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("admin address %s can be reached from other machines and has no token", cfg.Listen)
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("admin listener: %w", err)
	}
	s := &Server{cfg: cfg, listener: l}
	s.http = &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       headerTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
	}
	return s, nil
}

// Addr is where the server listens, with the port it was given.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Run serves until ctx is done, finishes running requests for a few seconds
// and returns nil. It may be called once.
func (s *Server) Run(ctx context.Context) error {
	var g errgroup.Group
	served := make(chan struct{})
	g.Go(func() error {
		defer close(served)
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve admin: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		select {
		case <-served: // it failed by itself
			return nil
		case <-ctx.Done():
		}
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if err := s.http.Shutdown(stop); err != nil {
			// A client that does not read its answer: cut it off.
			return s.http.Close()
		}
		return nil
	})
	return g.Wait()
}

// handler routes the requests.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok") })
	mux.Handle("GET /readyz", s.authorized(http.HandlerFunc(s.ready)))
	mux.Handle("GET /metrics", s.authorized(promhttp.HandlerFor(s.cfg.Gatherer, promhttp.HandlerOpts{Timeout: requestTimeout})))
	mux.Handle("GET /api/status", s.authorized(http.HandlerFunc(s.status)))
	s.operate(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBodyBytes)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}

// authorized lets a request through that brings the token. Digests are
// compared, so that time tells neither content nor length.
//
// Without a token only this machine reaches the listener, but so does every
// web page in a browser on it: a host name that an attacker's DNS points to
// 127.0.0.1 is refused.
func (s *Server) authorized(next http.Handler) http.Handler {
	want := sha256.Sum256([]byte(s.cfg.Token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.cfg.Token == "" {
			if !localHost(r.Host) {
				text(w, http.StatusForbidden, "without a token only requests to localhost are answered")
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(token))
		same := subtle.ConstantTimeCompare(got[:], want[:]) == 1
		if !strings.EqualFold(scheme, "Bearer") || !same {
			w.Header().Set("WWW-Authenticate", `Bearer realm="shock absorber"`)
			text(w, http.StatusUnauthorized, "send the token of [admin] as \"Authorization: Bearer <token>\"")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// localHost reports whether a Host header names this machine.
func localHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// ready answers whether applications can be served.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	if err := s.cfg.Ready(ctx); err != nil {
		text(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	text(w, http.StatusOK, "ready")
}

// status answers Status as JSON.
func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	st, err := s.cfg.Status(ctx)
	if err != nil {
		s.cfg.Logger.Warn("status", "error", err)
		text(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	writeJSON(w, &st)
}

// text answers one line.
func text(w http.ResponseWriter, code int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(line + "\n")) // a client that has gone needs no answer
}
