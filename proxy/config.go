package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config is all that a Server needs. Zero values mean the defaults named
// beside the fields.
type Config struct {
	// Listen is a TCP address, "" for none; Socket the path of a Unix socket.
	// At least one is needed. A stale socket file is replaced.
	Listen, Socket string
	// TLS is offered to clients if it is set; RequireTLS refuses the login of
	// TCP clients that do not take it up.
	TLS        *tls.Config
	RequireTLS bool
	Users      []User
	Backend    BackendConfig
	// MaxConnections is how many clients may be connected; 10000.
	MaxConnections int
	// MaxPacket is the largest command a client may send, in bytes; 64 MiB, as
	// MySQL's max_allowed_packet. Above it it gets error 1153. A command takes
	// up to twice its size in memory while it runs, and nothing afterwards.
	MaxPacket int
	// ServerVersion is announced to clients; "" is the backend's own, with
	// the prefix it sends.
	ServerVersion string
	// NewRouter makes the router of a session after its login; nil is pure
	// pass-through. It must not block.
	NewRouter func(*Conn) Router
	// HandshakeTimeout ends connections that do not log in; 10 s.
	HandshakeTimeout time.Duration
	// ShutdownTimeout is how long running statements may go on after Run's
	// context has ended; 30 s.
	ShutdownTimeout time.Duration
	Logger          *slog.Logger          // slog.Default
	Registerer      prometheus.Registerer // nil: metrics are not registered
}

// User is somebody who may log in to the proxy.
type User struct {
	Name, Password string
	// Database is used when the client names none.
	Database string
	// BackendUser and BackendPassword log in to the backend; if BackendUser
	// is empty, Name and Password do.
	BackendUser, BackendPassword string
	// Admin may administer the proxy and kill other users' statements.
	Admin bool
}

// BackendConfig says where the real server is.
type BackendConfig struct {
	Network string // "tcp" (default) or "unix"
	Addr    string // host:port, or the socket's path
	// TLS is used towards the backend if it is set. Without a ServerName the
	// host of Addr is verified.
	TLS *tls.Config
	// DialTimeout bounds connecting and logging in; 10 s.
	DialTimeout time.Duration
}

// withDefaults checks the configuration and fills in the defaults.
func (cfg Config) withDefaults() (Config, error) {
	switch {
	case cfg.Listen == "" && cfg.Socket == "":
		return cfg, errors.New("proxy: neither a listen address nor a socket is set")
	case cfg.Backend.Addr == "":
		return cfg, errors.New("proxy: the backend's address is not set")
	case len(cfg.Users) == 0:
		return cfg, errors.New("proxy: no users are configured, so nobody could log in")
	case cfg.RequireTLS && cfg.TLS == nil:
		return cfg, errors.New("proxy: TLS is required of clients, but no certificate is configured")
	}
	seen := map[string]bool{}
	for _, u := range cfg.Users {
		if u.Name == "" || seen[u.Name] {
			return cfg, fmt.Errorf("proxy: user %q is empty or configured twice", u.Name)
		}
		seen[u.Name] = true
	}
	if cfg.Backend.Network == "" {
		cfg.Backend.Network = "tcp"
	}
	setDefault(&cfg.Backend.DialTimeout, 10*time.Second)
	setDefault(&cfg.HandshakeTimeout, 10*time.Second)
	setDefault(&cfg.ShutdownTimeout, 30*time.Second)
	setDefault(&cfg.MaxConnections, 10000)
	setDefault(&cfg.MaxPacket, 64<<20)
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	cfg.Logger = cfg.Logger.With("component", "PROXY")
	return cfg, nil
}

// setDefault replaces a zero value.
func setDefault[T comparable](p *T, def T) {
	var zero T
	if *p == zero {
		*p = def
	}
}
