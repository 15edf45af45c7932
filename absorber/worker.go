package absorber

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rzpsarthak13/shock-absorber/absorber/queue"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// Log is the lane in the WAL, as a worker sees it; *wal.Store is one.
type Log interface {
	Progress(ctx context.Context, lane row.Lane) (wal.Progress, error)
	// Tail gives up to max units above after, contiguous from after+1, waiting
	// up to block for the first.
	Tail(ctx context.Context, lane row.Lane, after row.LSN, max int, block time.Duration) ([]wal.Record, error)
	Relayed(ctx context.Context, lane row.Lane, epoch row.Epoch, upto row.LSN) error
	Settle(ctx context.Context, lane row.Lane, epoch row.Epoch, upto row.LSN, rows []wal.SettleRow, claims ...wal.ClaimKey) error
	// Wakeups tells of flush requests and changed settings until ctx ends.
	Wakeups(ctx context.Context, lane row.Lane) <-chan struct{}
}

// Leases decides which process drains a lane. It saves the others the work;
// what keeps two owners apart is the epoch in MySQL.
type Leases interface {
	AcquireLane(ctx context.Context, l wal.Lease) (bool, error)
	RenewLane(ctx context.Context, l wal.Lease) (bool, error)
	ReleaseLane(ctx context.Context, l wal.Lease) error
}

// Target is MySQL; *sink.Sink is one.
type Target interface {
	Takeover(ctx context.Context, lane row.Lane, above row.Epoch) (sink.Checkpoint, error)
	NoteRefused(ctx context.Context, lane row.Lane, epoch row.Epoch, refused row.Refusals) error
	Apply(ctx context.Context, b sink.Batch) error
	DeadLetters(ctx context.Context, lane row.Lane, after uint64, max int) ([]sink.DeadLetter, error)
	DeadLetterCount(ctx context.Context, lane row.Lane) (int, error)
}

// WorkerConfig is what a Worker needs.
type WorkerConfig struct {
	Lane   row.Lane
	Owner  string // unique per process start
	Log    Log
	Leases Leases
	Queue  queue.Queue
	Target Target
	// Table gives the definition a mutation was made under, nil if it is not
	// known (any more); the lane then waits, with the cause in Stats.
	Table func(name string, version uint32) *schema.Table
	// Options gives a table's TTL and BatchSize; nil: an hour, no own batch size.
	Options func(table string) TableOptions
	Limiter *Limiter

	// Rebuild opens a lane again that Redis has lost; nil: it stays closed. Top
	// is the highest LSN that the queue holds of the lane, nil if the queue is
	// lost with Redis. Kept says that the queue outlives this process: then a
	// unit below Top that it does not hold keeps the lane closed.
	Rebuild Rebuilder
	Top     func(ctx context.Context, lane row.Lane) (row.LSN, error)
	Kept    bool
	// Above is the lowest LSN above after that the queue holds, 0 if none; nil if
	// the queue is lost with Redis.
	Above func(ctx context.Context, lane row.Lane, after row.LSN) (row.LSN, error)
	// LossGrace is how long a lane stays closed, before it is rebuilt without
	// units that this process has acknowledged, for a Redis that still has them
	// to come back: a failover may be going on. Default 5 s.
	LossGrace time.Duration

	// Desk and Rows are what an operator's requests about dead letters need;
	// nil: none are looked for. Current gives a table as it is defined now.
	Desk    Desk
	Rows    Rows
	Current func(name string) *schema.Table

	BatchSize    int           // mutations a batch, default 100
	InOrder      bool          // do not coalesce: every statement in its order
	LeaseTTL     time.Duration // default 10 s
	RetryBackoff time.Duration // the first wait after a passing error, default 100 ms
	MaxBackoff   time.Duration // the longest, default 30 s
	Grace        time.Duration // what a running batch gets to finish when Run's context ends, default 5 s
	Metrics      *WorkerMetrics
	Logger       *slog.Logger
}

// withDefaults fills what was left zero.
func (c WorkerConfig) withDefaults() WorkerConfig {
	if c.BatchSize <= 0 {
		c.BatchSize = 100
	}
	if c.LeaseTTL <= 0 {
		c.LeaseTTL = 10 * time.Second
	}
	if c.RetryBackoff <= 0 {
		c.RetryBackoff = 100 * time.Millisecond
	}
	if c.MaxBackoff <= 0 {
		c.MaxBackoff = 30 * time.Second
	}
	if c.LossGrace <= 0 {
		c.LossGrace = 5 * time.Second
	}
	if c.Grace <= 0 {
		c.Grace = 5 * time.Second
	}
	if c.Options == nil {
		c.Options = func(string) TableOptions { return TableOptions{TTL: time.Hour} }
	}
	if c.Metrics == nil {
		c.Metrics = NewWorkerMetrics(nil)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Logger = c.Logger.With("component", "DRAINER", "lane", string(c.Lane))
	return c
}

// Worker drains one lane: it contends for the lane's lease, and while it holds
// it, relays the WAL into the queue and the queue into MySQL.
type Worker struct {
	cfg    WorkerConfig
	log    *slog.Logger
	wake   chan struct{}
	status *status

	above     row.Epoch // under which, and earlier ones, nobody may own the lane
	lostSince time.Time // when units were first seen to be missing; zero: none are
}

// NewWorker makes a worker. It does nothing until Run.
func NewWorker(cfg WorkerConfig) *Worker {
	cfg = cfg.withDefaults()
	w := &Worker{cfg: cfg, log: cfg.Logger, wake: make(chan struct{}, 1), status: &status{}}
	w.status.init(cfg.Lane)
	return w
}

// Wake makes the drainer look at flush requests, pause and rate at once.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Stats is a snapshot of what the worker does.
func (w *Worker) Stats() Stats { return w.status.snapshot() }

// errLeaseLost says that another process holds the lane's lease now.
var errLeaseLost = errors.New("the lane's lease has gone to another process")

// Run works until ctx ends, and returns nil then. Whatever else goes wrong is
// tried again: the lane may be somebody else's, MySQL or Redis may be away.
func (w *Worker) Run(ctx context.Context) error {
	lease := wal.Lease{Lane: w.cfg.Lane, Owner: w.cfg.Owner, TTL: w.cfg.LeaseTTL}
	retry := w.newRetry("own the lane")
	for ctx.Err() == nil {
		w.status.set(StateContending)
		got, err := w.cfg.Leases.AcquireLane(ctx, lease)
		if err == nil && !got {
			w.status.calm()
			pause(ctx, jitter(w.cfg.LeaseTTL/3), nil)
			continue
		}
		if err == nil {
			began := time.Now()
			err = w.own(ctx, lease)
			if time.Since(began) > w.cfg.MaxBackoff {
				retry.reset()
			}
		}
		if ctx.Err() != nil {
			break
		}
		if errors.Is(err, errLeaseLost) {
			w.log.Info("another process drains the lane now")
			continue
		}
		if errors.Is(err, errMissing) {
			retry.delay = w.cfg.RetryBackoff // it has waited already
		}
		retry.failed(err)
		retry.wait(ctx)
	}
	w.status.set(StateStopped)
	return nil
}

// own drains the lane under the lease until it is lost or something fails
// that needs a new takeover. The lease is given back.
func (w *Worker) own(ctx context.Context, lease wal.Lease) error {
	w.cfg.Limiter.own(1)
	defer w.cfg.Limiter.own(-1)
	w.status.owned(true)
	w.cfg.Metrics.owned.WithLabelValues(string(w.cfg.Lane)).Set(1)
	defer func() {
		w.status.owned(false)
		w.cfg.Metrics.owned.WithLabelValues(string(w.cfg.Lane)).Set(0)
	}()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return w.renew(gctx, lease) })
	g.Go(func() error { return w.listen(gctx) })
	g.Go(func() error {
		d, r, err := w.begin(gctx)
		if err != nil {
			return err
		}
		g.Go(func() error { return r.run(gctx) })
		return d.run(gctx)
	})
	err := g.Wait()
	rctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.cfg.Grace)
	defer cancel()
	if rerr := w.cfg.Leases.ReleaseLane(rctx, lease); rerr != nil {
		w.log.Warn("could not give the lane's lease back; it expires by itself", "error", rerr)
	}
	return err
}

// renew keeps the lease. Redis being away does not end the ownership: MySQL's
// epoch does, as soon as another process has taken over.
func (w *Worker) renew(ctx context.Context, lease wal.Lease) error {
	for pause(ctx, w.cfg.LeaseTTL/3, nil) {
		held, err := w.cfg.Leases.RenewLane(ctx, lease)
		if err == nil && !held {
			return errLeaseLost
		}
		if err != nil && ctx.Err() == nil {
			w.log.Warn("could not renew the lane's lease", "error", err)
		}
	}
	return ctx.Err()
}

// listen passes the WAL's wake-ups on to Wake. A lost one costs at most a
// second: the drainer looks by itself that often.
func (w *Worker) listen(ctx context.Context) error {
	for ctx.Err() == nil {
		wakes := w.cfg.Log.Wakeups(ctx, w.cfg.Lane)
		for open := true; open; {
			select {
			case _, open = <-wakes:
				w.Wake()
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		pause(ctx, recheck, nil)
	}
	return ctx.Err()
}

// begin takes the lane over in MySQL and brings Redis up to the checkpoint:
// a worker that died between Apply and Settle left rows that are drained and
// still dirty.
func (w *Worker) begin(ctx context.Context) (*drainer, *relay, error) {
	w.status.set(StateTakingOver)
	cp, err := w.cfg.Target.Takeover(ctx, w.cfg.Lane, w.above)
	if err != nil {
		return nil, nil, err
	}
	if cp, err = w.restore(ctx, cp); err != nil {
		return nil, nil, err
	}
	p, err := w.cfg.Log.Progress(ctx, w.cfg.Lane)
	if err != nil {
		return nil, nil, err
	}
	if err := agree(w.cfg.Lane, cp, p); err != nil {
		return nil, nil, err
	}
	if _, err := w.refuse(ctx, cp, p.Refused); err != nil {
		return nil, nil, err
	}
	if p.Roll != "" {
		return nil, nil, &row.Error{Op: "worker.begin", Lane: w.cfg.Lane, Kind: row.Transient, Err: wal.ErrRollCall}
	}
	r := newRelay(w, p, cp)
	d := newDrainer(w, r, cp, p)
	if err := d.loadParked(ctx); err != nil {
		return nil, nil, err
	}
	if err := d.loadTainted(ctx); err != nil {
		return nil, nil, err
	}
	if err := d.catchUp(ctx, p.Settled); err != nil {
		return nil, nil, err
	}
	w.countSkipped(ctx)
	w.status.position(cp.Epoch, cp.LSN)
	w.log.Info("draining the lane", "epoch", cp.Epoch, "checkpoint", cp.LSN, "pending", p.Pending)
	return d, r, nil
}

// agree checks that the lane in Redis and its checkpoint in MySQL belong
// together. If they do not, LSNs would be given out a second time, and the
// units that get them be taken for drained.
func agree(lane row.Lane, cp sink.Checkpoint, p wal.Progress) error {
	var err error
	switch {
	case p.LSN < cp.LSN:
		err = fmt.Errorf("the lane in Redis ends at lsn %d, MySQL has everything up to %d", p.LSN, cp.LSN)
	case cp.Incarnation != "" && cp.Incarnation != p.Incarnation && p.Settled < cp.LSN:
		err = fmt.Errorf("the lane in Redis is another one than the one MySQL has up to lsn %d", cp.LSN)
	case cp.LSN == 0 && p.Settled > 0:
		err = fmt.Errorf("MySQL has no checkpoint of the lane, which is drained up to lsn %d", p.Settled)
	default:
		return nil
	}
	return &row.Error{
		Op: "worker.begin", Lane: lane, LSN: cp.LSN, Kind: row.Permanent, Err: fmt.Errorf("%w: %w", wal.ErrLost, err),
		Hint: "Redis or MySQL was emptied or restored, and the two do not belong together any more",
	}
}

// pause waits for d, for wake, or for the end of ctx, which gives false.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-wake:
	case <-ctx.Done():
		return false
	}
	return true
}

// jitter spreads d over half to one and a half of it.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d+1)
}
