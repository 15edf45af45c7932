package main

import (
	"context"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/daemon"
)

// check validates the file, connects to everything it names and lists what
// would be absorbed.
func check(ctx context.Context, c *call) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	return daemon.Check(ctx, cfg, c.stdout)
}
