package absorber

import (
	"context"
	"errors"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// Limits are bounds of a lane's backlog beside the number of units. They are
// measured twice a second, not with each unit: what comes in between two looks
// goes above them.
type Limits struct {
	Bytes  int64         // of Redis' memory that the log takes; 0 = unlimited
	Age    time.Duration // of the oldest unit; 0 = unlimited
	Memory float64       // used part of Redis' maxmemory; 0 = not looked at
}

// measureEvery is how often the limits are looked at.
const measureEvery = 500 * time.Millisecond

// evictionEvery is how often Redis is asked for its maxmemory-policy.
const evictionEvery = time.Second

// watchEviction makes the store refuse commits and reads of the cache as long
// as Redis may evict acknowledged writes, and says so when that changes.
func (e *Engine) watchEviction(ctx context.Context) {
	err := e.store.CheckEviction(ctx)
	var fault *row.Error
	if errors.As(err, &fault) && fault.Kind != row.Permanent {
		return // Redis did not answer: what needs it says so itself
	}
	text := ""
	if err != nil {
		text = err.Error()
	}
	if was := e.evicting.Swap(&text); was == nil && text == "" || was != nil && *was == text {
		return
	}
	if text == "" {
		e.log.Info("Redis evicts no acknowledged writes any more: absorbing goes on", "component", "REDIS")
	} else {
		e.log.Error("Redis may evict acknowledged writes: nothing is absorbed and no row is read from the cache until that is changed back", "component", "REDIS", "err", err)
	}
}

// any reports whether there is a limit.
func (l Limits) any() bool { return l.Bytes > 0 || l.Age > 0 || l.Memory > 0 }

// measure compares each lane's backlog with the limits. A lane whose Redis does
// not answer keeps its last result: its commits do not get through either.
func (e *Engine) measure(ctx context.Context) {
	l := e.cfg.Limits
	if !l.any() {
		return
	}
	for _, lane := range e.cfg.Lanes {
		load, err := e.store.Load(ctx, lane)
		if err != nil {
			if ctx.Err() == nil {
				e.log.Warn("could not measure the backlog", "lane", lane, "err", err)
			}
			continue
		}
		e.metrics.backlogBytes.WithLabelValues(string(lane)).Set(float64(load.Bytes))
		e.metrics.backlogAge.WithLabelValues(string(lane)).Set(load.Age.Seconds())
		e.metrics.memory.WithLabelValues(string(lane)).Set(load.Memory)
		var why string
		switch {
		case l.Bytes > 0 && load.Bytes >= l.Bytes:
			why = "max_backlog_bytes"
		case l.Age > 0 && load.Age >= l.Age:
			why = "max_backlog_age"
		case l.Memory > 0 && load.Memory >= l.Memory:
			why = "memory_watermark"
		}
		e.limit(lane, why)
	}
}

// limit notes which limit a lane has reached, "" for none.
func (e *Engine) limit(lane row.Lane, why string) {
	before, _ := e.limited.Swap(lane, why)
	if was, _ := before.(string); was == why {
		return
	}
	if why == "" {
		e.log.Info("the backlog is below its limits again", "lane", lane)
	} else {
		e.log.Warn("the backlog has reached a limit: on_full applies", "lane", lane, "limit", why)
	}
}

// overLimit reports whether the last look found the lane at a limit.
func (e *Engine) overLimit(lane row.Lane) bool {
	if !e.cfg.Limits.any() {
		return false
	}
	why, _ := e.limited.Load(lane)
	text, _ := why.(string)
	return text != ""
}
