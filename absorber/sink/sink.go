package sink

import (
	"context"
	"log/slog"
	"sync"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/effect"
)

// Config is what a Sink needs.
type Config struct {
	// Dial connects to MySQL with the options of Capabilities, and with
	// deadlines for connecting and for each read and write.
	Dial func(ctx context.Context) (*client.Conn, error)
	// Database holds the checkpoint and the dead letters; default shock_absorber.
	Database string
	// MaxStatement bounds a statement of several rows, and a packet of several
	// statements, in bytes; default 4 MiB, never above the server's max_allowed_packet.
	MaxStatement int
	Logger       *slog.Logger // default: discards
	Effects      effect.Hook  // nil but in tests
}

// Sink applies the batches of one lane to MySQL over one connection of its
// own. It opens the connection when it needs one, and again after an error.
// It is safe for concurrent use; calls wait for each other.
type Sink struct {
	cfg Config

	mu   sync.Mutex
	sess *session // nil: not connected
}

// Capabilities is the option for client.Connect that a Sink's connection
// needs: several statements in a packet, and UPDATE counting the rows it
// matches, not those it changes.
func Capabilities(c *client.Conn) error {
	if err := c.SetCapability(mysql.CLIENT_FOUND_ROWS); err != nil {
		return err
	}
	return c.SetCapability(mysql.CLIENT_MULTI_STATEMENTS)
}

// Open makes a Sink. It does not connect.
func Open(cfg Config) *Sink {
	if cfg.Database == "" {
		cfg.Database = "shock_absorber"
	}
	if cfg.MaxStatement <= 0 {
		cfg.MaxStatement = 4 << 20
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Logger = cfg.Logger.With("component", "MYSQL")
	return &Sink{cfg: cfg}
}

// Close drops the connection. The Sink may be used again.
func (s *Sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop()
	return nil
}
