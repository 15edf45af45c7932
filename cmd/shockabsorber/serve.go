package main

import (
	"context"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/daemon"
)

// serve runs the proxy until ctx ends.
func serve(ctx context.Context, c *call) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	return daemon.Run(ctx, cfg, daemon.Options{Logger: daemon.NewLogger(cfg.Log, c.stderr)})
}
