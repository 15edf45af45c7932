package daemon

import (
	"io"
	"log/slog"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// NewLogger makes the process's logger as [log] says.
func NewLogger(cfg config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		level = slog.LevelInfo // a validated configuration has no other words
	}
	opts := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
