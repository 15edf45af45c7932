package spike

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// watch asks MySQL, or the admin listener, again and again how far the rows
// of a run have come.
type watch struct {
	cfg     *Config
	inMySQL atomic.Int64 // -1 = not known
	backlog atomic.Int64 // -1 = not known
	moved   atomic.Int64 // Unix nanoseconds of the last change
	lastErr atomic.Pointer[string]
	peak    peak
}

// newWatch knows nothing yet.
func newWatch(cfg *Config) *watch {
	w := &watch{cfg: cfg, peak: peak{window: time.Second}}
	w.inMySQL.Store(-1)
	w.backlog.Store(-1)
	w.moved.Store(time.Now().UnixNano())
	return w
}

// run asks every cfg.Watch until ctx ends. An answer that fails is asked for
// again: MySQL may well be away for a while.
func (w *watch) run(ctx context.Context) {
	tick := time.NewTicker(w.cfg.Watch)
	defer tick.Stop()
	for {
		w.ask(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// ask asks once.
func (w *watch) ask(ctx context.Context) {
	if w.cfg.Direct != nil {
		before := time.Now()
		n, err := countRows(ctx, w.cfg)
		if err == nil {
			w.peak.add(before, time.Now(), n)
			w.set(&w.inMySQL, n)
		}
		w.fail(err)
	}
	if w.cfg.Backlog != nil {
		n, err := w.cfg.Backlog(ctx)
		if err == nil {
			w.set(&w.backlog, n)
		}
		w.fail(err)
	}
}

// set stores a figure and notes when it moved.
func (w *watch) set(a *atomic.Int64, n int64) {
	if a.Swap(n) != n {
		w.moved.Store(time.Now().UnixNano())
	}
}

// fail keeps the last error for the message of a stall.
func (w *watch) fail(err error) {
	if err != nil {
		s := err.Error()
		w.lastErr.Store(&s)
	}
}

// drained waits until MySQL has as many rows as want or, without a direct
// connection, until there is no backlog. It returns an error when nothing has
// moved for cfg.Stall.
func (w *watch) drained(ctx context.Context, want int64) error {
	// From now on: the figures may have stood still while rows were sent.
	w.moved.Store(time.Now().UnixNano())
	tick := time.NewTicker(w.cfg.Watch)
	defer tick.Stop()
	for {
		if w.cfg.Direct != nil && w.inMySQL.Load() >= want {
			return nil
		}
		if w.cfg.Direct == nil {
			// Asked here and not taken from run: that answer may be older
			// than the last row.
			n, err := w.cfg.Backlog(ctx)
			if err == nil && n == 0 {
				return nil
			}
			w.fail(err)
		}
		if still := w.still(); still > w.cfg.Stall {
			return w.stalled(want, still)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// changed waits until the count of rows in MySQL is another one than n, and
// reports false if nothing moves for cfg.Stall.
func (w *watch) changed(ctx context.Context, n int64) (bool, error) {
	tick := time.NewTicker(w.cfg.Watch)
	defer tick.Stop()
	for w.inMySQL.Load() == n {
		if w.still() > w.cfg.Stall {
			return false, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	return true, nil
}

// still is for how long no figure has changed.
func (w *watch) still() time.Duration { return time.Since(time.Unix(0, w.moved.Load())) }

// stalled says what was last seen.
func (w *watch) stalled(want int64, still time.Duration) error {
	err := fmt.Errorf("nothing has reached MySQL for %v: %d of %d rows seen there, backlog %d (-1 = unknown)",
		still.Round(time.Second), w.inMySQL.Load(), want, w.backlog.Load())
	if s := w.lastErr.Load(); s != nil {
		err = fmt.Errorf("%w; last error: %s", err, *s)
	}
	return err
}

// countRows counts the run's rows in MySQL itself.
func countRows(ctx context.Context, cfg *Config) (n int64, err error) {
	err = cfg.Direct.QueryRowContext(ctx,
		fmt.Sprintf("SELECT COUNT(*) FROM `%s` WHERE id BETWEEN ? AND ?", cfg.Table),
		rowID(cfg.Run, 0), rowID(cfg.Run, maxRows)).Scan(&n)
	if err != nil {
		err = fmt.Errorf("count the rows in MySQL: %w", err)
	}
	return n, err
}

// peak finds the most rows that came within any window, from counts that are
// each known to have been true at some moment between two times.
type peak struct {
	window  time.Duration
	samples []sample // of the last window
	most    int64
}

// sample is one count.
type sample struct {
	before, after time.Time
	count         int64
}

// add takes the next count. Only pairs of counts whose outer times lie within
// the window are compared, so the figure is never too high.
func (p *peak) add(before, after time.Time, count int64) {
	first := 0
	for first < len(p.samples) && after.Sub(p.samples[first].before) > p.window {
		first++
	}
	p.samples = append(p.samples[first:], sample{before, after, count})
	p.most = max(p.most, count-p.samples[0].count)
}
