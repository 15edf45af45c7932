package daemon

import (
	"context"
	"time"
)

// purgeEvery is how often old requests are looked for.
const purgeEvery = time.Hour

// purge deletes what operators asked for, once it was answered and
// request_history has passed, until ctx ends. A failure is tried again the
// next time: nothing depends on it but the size of the table.
func (p *parts) purge(ctx context.Context) error {
	keep := p.cfg.WriteBack.RequestHistory.Duration
	if keep == 0 {
		<-ctx.Done()
		return ctx.Err()
	}
	tick := time.NewTicker(purgeEvery)
	defer tick.Stop()
	for {
		switch n, err := p.desk.Purge(ctx, keep); {
		case err != nil && ctx.Err() == nil:
			p.log.Warn("could not delete old answered requests", "component", "MYSQL", "error", err)
		case n > 0:
			p.log.Info("old answered requests were deleted", "component", "MYSQL", "requests", n)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
