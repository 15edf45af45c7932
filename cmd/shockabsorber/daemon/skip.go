package daemon

import (
	"context"
	"fmt"

	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/proxy/admin"
)

// skip writes down that a lane shall go past units that are missing, and waits
// for what comes of it.
func (p *parts) skip(ctx context.Context, s admin.Skip) (admin.Request, error) {
	lane, err := p.laneNamed(string(s.Lane))
	if err != nil {
		return admin.Request{}, err
	}
	left, err := p.store.Remains(ctx, lane)
	if err != nil {
		return admin.Request{}, err
	}
	if left.Incarnation != "" && !left.Sealed {
		return admin.Request{}, fmt.Errorf("%w: lane %s is not closed: nothing of it is missing", admin.ErrInvalid, lane)
	}
	id, err := p.desk.AskSkip(ctx, lane, s.To, s.By)
	if err != nil {
		return admin.Request{}, err
	}
	p.log.Warn("asked to give up acknowledged writes that are missing", "lane", lane, "to", s.To, "by", s.By, "request", id, "verb", sink.VerbSkip)
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	return p.follow(ctx, id)
}
