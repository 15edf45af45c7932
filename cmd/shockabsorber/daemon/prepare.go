package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
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
	warnings, err := p.lookAtRedis(ctx)
	for _, w := range warnings {
		p.log.Warn(w, "component", "REDIS")
	}
	return err
}

// lookAtRedis checks how Redis is set up, and whether it can do what the
// configuration asks of it.
func (p *parts) lookAtRedis(ctx context.Context) ([]string, error) {
	warnings, err := p.store.Check(ctx)
	if err != nil || p.cfg.WriteBack.MemoryWatermark == 0 {
		return warnings, err
	}
	load, err := p.store.Load(ctx, p.lanes()[0])
	if err == nil && load.Memory == 0 {
		warnings = append(warnings, "Redis has no maxmemory, or does not tell it: memory_watermark does nothing")
	}
	return warnings, err
}

// reached is how far MySQL and Kafka know a lane to be, but for records that are
// refused.
func (p *parts) reached(ctx context.Context, lane row.Lane, refused row.Refusals) (row.LSN, error) {
	cp, err := p.sinks[lane].Checkpoint(ctx, lane)
	if err != nil || p.kafka == nil {
		return cp.LSN, err
	}
	p.kafka.Refuse(lane, refused.Or(cp.Refused))
	top, err := p.kafka.Top(ctx, lane)
	return max(cp.LSN, top), err
}

// fence ends what whoever drains the lane has in flight in MySQL, and tells how far
// MySQL and Kafka know the lane to be after that: what they know of is not to be given
// to others. He takes the lane over again when he notices.
func (p *parts) fence(ctx context.Context, lane row.Lane, above row.Epoch) (row.LSN, row.Epoch, error) {
	cp, err := p.sinks[lane].Takeover(ctx, lane, above)
	if err != nil {
		return 0, 0, err
	}
	left, err := p.store.Remains(ctx, lane)
	if err != nil {
		return 0, 0, err
	}
	reached, err := p.reached(ctx, lane, left.Refused)
	return reached, cp.Epoch, err
}

// openLane opens a lane in Redis. One that Redis has lost, or that was rolled
// back below what MySQL or Kafka know, begins anew behind MySQL's checkpoint if
// nothing else is left of it: a new Redis behind an old database. Otherwise it
// stays closed until whoever drains it has drained what is left. So does one of
// which MySQL has lost units.
func (p *parts) openLane(ctx context.Context, lane row.Lane) error {
	cp, err := p.sinks[lane].Checkpoint(ctx, lane)
	if err != nil {
		return err
	}
	left, err := p.store.Remains(ctx, lane)
	if err != nil {
		return err
	}
	behind := absorber.Behind(cp.LSN, left)
	if behind { // or another process drained between the two looks
		now, err := p.sinks[lane].Checkpoint(ctx, lane)
		if err != nil {
			return err
		}
		behind = absorber.Behind(now.LSN, left)
	}
	top := row.LSN(0)
	if p.kafka != nil {
		p.kafka.Refuse(lane, left.Refused.Or(cp.Refused))
		if top, err = p.kafka.Recent(ctx, lane); err != nil {
			return err
		}
	}
	there := left.Incarnation != ""
	if there || cp.Epoch == 0 && top == 0 {
		_, err := p.store.Open(ctx, lane)
		if err != nil && !errors.Is(err, wal.ErrLost) {
			return err
		}
		if errors.Is(err, wal.ErrLost) { // somebody has told meanwhile that he saw more
			if left, err = p.store.Remains(ctx, lane); err != nil {
				return err
			}
		} else if !there || !left.Sealed && left.LSN >= max(cp.LSN, left.Told, top) && !behind {
			return nil
		}
	}
	p.store.Doubt(lane)
	p.log.Error("Redis, MySQL and Kafka do not agree about the lane: one of them was emptied, restored, or is another one", "component", "REDIS",
		"lane", lane, "lsn", left.LSN, "settled", left.Settled, "checkpoint", cp.LSN, "kafka", top)
	if p.kafka != nil {
		if top, err = p.kafka.Top(ctx, lane); err != nil {
			return err
		}
	}
	if left.Sealed || there && behind || max(left.LSN, left.Told, top) > cp.LSN {
		return nil // the worker drains it
	}
	fresh, err := p.store.Rebuild(ctx, lane, left, wal.Rebuilt{End: cp.LSN, Start: absorber.NewLife(cp.LSN), Refused: cp.Refused})
	if errors.Is(err, wal.ErrConflict) {
		return nil // another process is at it
	}
	if err == nil {
		p.log.Warn("the lane begins anew; if units above the checkpoint were acknowledged, they are lost", "component", "REDIS",
			"lane", lane, "checkpoint", cp.LSN, "goes_on_after", fresh.Start)
	}
	return err
}
