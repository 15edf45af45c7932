package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// prepareTimeout bounds each step of the start.
const prepareTimeout = 20 * time.Second

// prepare connects to everything and brings the lanes up, so that what is
// missing is told at the start and in one sentence.
func (p *parts) prepare(ctx context.Context) error {
	if err := p.step(ctx, "MySQL", p.prepareMySQL); err != nil {
		return err
	}
	if err := p.step(ctx, "Redis", p.prepareRedis); err != nil {
		return err
	}
	if p.kafka != nil {
		if err := p.step(ctx, "Kafka", p.kafka.Check); err != nil {
			return err
		}
	}
	for _, lane := range p.lanes() {
		if err := p.step(ctx, "lane "+string(lane), func(ctx context.Context) error { return p.openLane(ctx, lane) }); err != nil {
			return err
		}
	}
	return p.step(ctx, "the schema", p.engine.Start)
}

// step runs one step under its time limit.
func (p *parts) step(ctx context.Context, what string, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	if err := f(ctx); err != nil {
		return fmt.Errorf("start: %s: %w", what, err)
	}
	return nil
}

// prepareMySQL makes the tables that the proxy keeps in MySQL.
func (p *parts) prepareMySQL(ctx context.Context) error {
	for _, s := range p.sinks {
		return s.Ensure(ctx)
	}
	return nil
}

// prepareRedis looks whether Redis may be trusted with the WAL.
func (p *parts) prepareRedis(ctx context.Context) error {
	warnings, err := p.store.Check(ctx)
	for _, w := range warnings {
		p.log.Warn(w, "component", "REDIS")
	}
	return err
}

// refuseRemains keeps a lane that Redis has lost closed while Kafka holds units
// of it that MySQL does not have: the lane's next units would get the same
// LSNs, and one of the two would be taken for a repeat of the other.
func (p *parts) refuseRemains(ctx context.Context, lane row.Lane, checkpoint row.LSN) error {
	if p.kafka == nil {
		return nil
	}
	top, err := p.kafka.Top(ctx, lane)
	if err != nil || top <= checkpoint {
		return err
	}
	return &row.Error{Op: "lane.open", Lane: lane, LSN: top, Kind: row.Permanent,
		Err:  fmt.Errorf("Redis has lost the lane, and Kafka holds acknowledged units %d to %d that are not in MySQL", checkpoint+1, top),
		Hint: "this version cannot rebuild a lane from Kafka: bring back Redis with its append-only file, or apply those records by hand and then delete them from the topic"}
}

// reached is how far MySQL and Kafka know a lane to be.
func (p *parts) reached(ctx context.Context, lane row.Lane) (row.LSN, error) {
	cp, err := p.sinks[lane].Checkpoint(ctx, lane)
	if err != nil || p.kafka == nil {
		return cp.LSN, err
	}
	top, err := p.kafka.Top(ctx, lane)
	return max(cp.LSN, top), err
}

// openLane opens a lane in Redis, and recovers it if Redis has less than MySQL
// has drained: a new Redis behind an old database.
func (p *parts) openLane(ctx context.Context, lane row.Lane) error {
	cp, err := p.sinks[lane].Checkpoint(ctx, lane)
	if err != nil {
		return err
	}
	progress, err := p.store.Open(ctx, lane)
	if err != nil {
		return err
	}
	if progress.LSN >= cp.LSN {
		return nil
	}
	if err := p.refuseRemains(ctx, lane, cp.LSN); err != nil {
		return err
	}
	p.log.Error("Redis knows less of the lane than MySQL has drained: it was emptied, or is another one; going on after the checkpoint",
		"component", "REDIS", "lane", lane, "lsn", progress.LSN, "checkpoint", cp.LSN)
	return p.store.Recover(ctx, lane, cp.LSN)
}
