package main

import (
	"context"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/daemon"
)

// drain runs drainers without a listener until ctx ends.
func drain(ctx context.Context, c *call) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	return daemon.Drain(ctx, cfg, daemon.Options{Logger: daemon.NewLogger(cfg.Log, c.stderr)})
}
