package main

import (
	"context"
	"fmt"
	"runtime"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/daemon"
)

// version prints the build's version and what it was built with.
func version(_ context.Context, c *call) error {
	if err := c.parse(); err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "shockabsorber %s (%s %s/%s)\n", daemon.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
