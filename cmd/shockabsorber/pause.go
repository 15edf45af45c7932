package main

import (
	"context"
	"fmt"
)

// pauseDraining stops draining.
func pauseDraining(ctx context.Context, c *call) error { return setPaused(ctx, c, "pause", "paused") }

// resumeDraining starts it again.
func resumeDraining(ctx context.Context, c *call) error {
	return setPaused(ctx, c, "resume", "resumed")
}

// setPaused asks for /api/pause or /api/resume.
func setPaused(ctx context.Context, c *call, verb, done string) error {
	client := adminFlags(c, defaultAdmin)
	lane := c.flags.String("lane", "", "`name` of the lane; all lanes if it is not given")
	if err := c.parse(); err != nil {
		return err
	}
	a, err := client()
	if err != nil {
		return err
	}
	var nothing struct{}
	if _, err := a.post(ctx, "/api/"+verb, map[string]string{"lane": *lane}, &nothing); err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.stdout, done)
	return err
}
