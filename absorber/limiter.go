package absorber

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// LimiterConfig sets how many row changes a second the drainers of this
// process may send to MySQL.
type LimiterConfig struct {
	Rate        float64                    // rows a second over all tables and all lanes of all processes; above 0
	Burst       int                        // rows; 0 = max(1, Rate/10)
	BarrierRate float64                    // rows a second of drains that a statement waits for; 0 = unlimited
	TableRate   func(table string) float64 // rows a second of one table; 0 or nil = only Rate
	Lanes       int                        // lanes of the whole installation, default 1; each owned lane has 1/Lanes of the rates
	Now         func() time.Time           // default time.Now
}

// Limiter keeps what the drainers commit in any window of one second at or
// below rate + burst rows, measured when MySQL commits. A plain token bucket
// does not: tokens taken for a batch that commits late are refilled meanwhile,
// and rate + 2*burst rows can meet in one window. So the rows of a batch stay
// in flight until it has committed, and as long as they do the bucket is
// smaller by them: at any instant, rows in flight + tokens <= burst.
//
// A unit of more rows than the burst cannot be split. It is paid for in
// several takes before it is applied; the bound is then rate + that unit.
//
// It is safe for concurrent use by the workers of several lanes.
type Limiter struct {
	mu      sync.Mutex
	cfg     LimiterConfig
	owned   int // lanes this process owns
	global  *bucket
	barrier *bucket // nil: unlimited
	tables  map[string]*bucket
	changed chan struct{} // closed and replaced when a bucket got room
}

// bucket is one token bucket, less what is in flight.
type bucket struct {
	lim      *rate.Limiter
	full     int // rows the bucket holds when nothing is in flight
	inflight int
}

// NewLimiter makes a limiter for a process that owns no lane yet.
func NewLimiter(cfg LimiterConfig) *Limiter {
	if cfg.Lanes < 1 {
		cfg.Lanes = 1
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	l := &Limiter{cfg: cfg, tables: map[string]*bucket{}, changed: make(chan struct{})}
	now := cfg.Now()
	l.global = l.newBucket(cfg.Rate, cfg.Burst, now)
	if cfg.BarrierRate > 0 {
		l.barrier = l.newBucket(cfg.BarrierRate, 0, now)
	}
	return l
}

// share is this process's part of a rate and its burst. A process that owns a
// lane always has a burst of one row, else it could never drain.
func (l *Limiter) share(r float64, burst int) (rate.Limit, int) {
	if burst <= 0 {
		burst = max(1, int(r/10))
	}
	part := float64(l.owned) / float64(l.cfg.Lanes)
	return rate.Limit(r * part), max(1, int(float64(burst)*part))
}

// newBucket makes a full bucket.
func (l *Limiter) newBucket(r float64, burst int, now time.Time) *bucket {
	limit, full := l.share(r, burst)
	b := &bucket{lim: rate.NewLimiter(limit, full), full: full}
	b.lim.SetBurstAt(now, full)
	return b
}

// resize gives the bucket a new rate and size; what is in flight stays counted.
func (b *bucket) resize(limit rate.Limit, full int, now time.Time) {
	b.full = full
	b.lim.SetLimitAt(now, limit)
	b.lim.SetBurstAt(now, b.room())
}

// room is how many tokens the bucket can hold now.
func (b *bucket) room() int { return max(0, b.full-b.inflight) }

// hold puts n rows in flight, or takes them out when n is negative.
func (b *bucket) hold(n int, now time.Time) {
	b.inflight += n
	b.lim.SetBurstAt(now, b.room())
}

// SetRate changes the global rate and burst from now on.
func (l *Limiter) SetRate(r float64, burst int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cfg.Rate, l.cfg.Burst = r, burst
	l.apportion()
}

// own says that this process owns n lanes more (or fewer).
func (l *Limiter) own(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owned += n
	l.apportion()
}

// apportion sizes all buckets anew. The caller holds l.mu.
func (l *Limiter) apportion() {
	now := l.cfg.Now()
	limit, full := l.share(l.cfg.Rate, l.cfg.Burst)
	l.global.resize(limit, full, now)
	if l.barrier != nil {
		limit, full = l.share(l.cfg.BarrierRate, 0)
		l.barrier.resize(limit, full, now)
	}
	for name, b := range l.tables {
		limit, full = l.share(l.cfg.TableRate(name), 0)
		b.resize(limit, full, now)
	}
	l.signal()
}

// signal wakes everybody who waits for room. The caller holds l.mu.
func (l *Limiter) signal() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// table gives the table's own bucket, nil if it has none. The caller holds l.mu.
func (l *Limiter) table(name string, now time.Time) *bucket {
	if b, ok := l.tables[name]; ok {
		return b
	}
	if l.cfg.TableRate == nil || l.cfg.TableRate(name) <= 0 {
		return nil
	}
	b := l.newBucket(l.cfg.TableRate(name), 0, now)
	l.tables[name] = b
	return b
}

// unlimited is what Cap says where no bucket applies.
const unlimited = 1 << 30

// Cap is how many rows a batch should have at most, of one table or (table
// "") altogether. It is half the burst: while a batch commits, the other half
// fills up, so that the rate is reached in spite of the time a commit takes.
func (l *Limiter) Cap(table string, flush bool) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.global
	switch {
	case flush && table != "":
		return unlimited
	case flush:
		b = l.barrier
	case table != "":
		b = l.table(table, l.cfg.Now())
	}
	if b == nil {
		return unlimited
	}
	return max(1, b.full/2)
}

// ticket is what a worker has paid towards a unit that is larger than a bucket.
type ticket struct{ paid map[*bucket]int }

// grant is the permission to commit rows. done must be called once the batch
// has committed, or has certainly not.
type grant struct {
	l    *Limiter
	rows []demand
}

// demand is a number of rows wanted of a bucket.
type demand struct {
	b *bucket
	n int
}

// done takes the rows out of flight.
func (g *grant) done() {
	g.l.mu.Lock()
	defer g.l.mu.Unlock()
	now := g.l.cfg.Now()
	for _, d := range g.rows {
		d.b.hold(-d.n, now)
	}
	g.rows = nil
	g.l.signal()
}

// recheck is how long take waits before it lets the caller look around.
const recheck = time.Second

// take waits until rows (by table) may be committed. nil without an error
// means that wake fired or a second passed: look around and ask again.
func (l *Limiter) take(ctx context.Context, t *ticket, rows map[string]int, flush bool, wake <-chan struct{}) (*grant, error) {
	deadline := time.NewTimer(recheck)
	defer deadline.Stop()
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		g, wait, changed := l.try(t, rows, flush)
		if g != nil {
			return g, nil
		}
		refill := time.NewTimer(wait)
		select {
		case <-refill.C:
		case <-changed:
		case <-wake:
			refill.Stop()
			return nil, nil
		case <-deadline.C:
			refill.Stop()
			return nil, nil
		case <-ctx.Done():
		}
		refill.Stop()
	}
}

// try takes rows if they are there now, of all buckets or of none. Otherwise
// it says how long the refill takes, and what tells of room given back.
func (l *Limiter) try(t *ticket, rows map[string]int, flush bool) (*grant, time.Duration, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.cfg.Now()
	demands := l.demands(rows, flush, now)
	var wait time.Duration
	for _, d := range demands {
		wait = max(wait, d.b.missing(d.n, t, now))
	}
	if wait > 0 {
		return nil, wait, l.changed
	}
	for _, d := range demands {
		d.b.lim.AllowN(now, max(0, d.n-t.paid[d.b]))
		delete(t.paid, d.b)
		d.b.hold(d.n, now)
	}
	return &grant{l: l, rows: demands}, 0, nil
}

// demands says what rows take of which bucket. The caller holds l.mu.
func (l *Limiter) demands(rows map[string]int, flush bool, now time.Time) []demand {
	var out []demand
	total := 0
	for name, n := range rows {
		total += n
		if b := l.table(name, now); b != nil && !flush {
			out = append(out, demand{b, n})
		}
	}
	switch {
	case !flush:
		out = append(out, demand{l.global, total})
	case l.barrier != nil:
		out = append(out, demand{l.barrier, total})
	}
	return out
}

// missing is how long it takes until n rows can be had, 0 if they are there.
// For more rows than the bucket ever holds it takes what is there on account.
func (b *bucket) missing(n int, t *ticket, now time.Time) time.Duration {
	short := n - t.paid[b]
	if n > b.full {
		if got := min(short, int(b.lim.TokensAt(now))); got > 0 && b.lim.AllowN(now, got) {
			if t.paid == nil {
				t.paid = map[*bucket]int{}
			}
			t.paid[b] += got
			short -= got
		}
	}
	if short <= 0 {
		return 0
	}
	if n > b.full {
		short = min(short, max(1, b.room()))
	}
	if short > b.room() || b.lim.Limit() <= 0 {
		return recheck // nothing but room given back helps
	}
	lack := float64(short) - b.lim.TokensAt(now)
	if lack <= 0 {
		return 0
	}
	return time.Duration(lack/float64(b.lim.Limit())*float64(time.Second)) + time.Microsecond
}
