package main

import (
	"context"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/proxy/admin"
)

// skipUnits asks for /api/skip.
func skipUnits(ctx context.Context, c *call) error {
	client := adminFlags(c, defaultAdmin)
	lane := c.flags.String("lane", "", "`name` of the lane")
	to := c.flags.Uint64("to", 0, "`LSN` of the last unit that is missing, as `shockabsorber status` names it")
	yes := c.flags.Bool("yes", false, "give the missing units up for good: writes that clients were told are safe")
	wait := c.flags.Duration("wait", time.Minute, "how long to wait for the outcome")
	raw := c.flags.Bool("json", false, "print the answer as it came")
	if err := c.parse(); err != nil {
		return err
	}
	switch {
	case *lane == "" || *to == 0:
		return usagef("name the lane with --lane, and the last of the missing units with --to")
	case !*yes:
		return usagef("acknowledged writes up to %d would be given up for good: confirm it with --yes", *to)
	}
	a, err := client()
	if err != nil {
		return err
	}
	var r admin.Request
	body, err := a.post(ctx, "/api/skip", admin.Skip{Lane: row.Lane(*lane), To: row.LSN(*to), By: whoAsks()}, &r)
	if err != nil {
		return err
	}
	return c.outcome(ctx, a, &r, body, *wait, *raw)
}
