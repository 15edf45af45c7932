package faults

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/queue"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// process is what a process of the product is made of, in this one: it dies by
// losing all its connections at once.
type process struct {
	w    *world
	name string
	dead atomic.Bool
	died chan struct{} // closed by kill

	rdb     redis.UniversalClient
	store   *wal.Store
	queue   queue.Queue
	engine  *absorber.Engine
	drain   *sink.Sink // of the worker
	desk    *sink.Sink // of operators
	worker  atomic.Pointer[absorber.Worker]
	ctx     context.Context
	end     context.CancelFunc
	running sync.WaitGroup

	mu        sync.Mutex
	conns     []net.Conn
	endWorker context.CancelFunc
	ended     chan struct{} // the worker has
}

// dial connects to MySQL.
func (p *process) dial(ctx context.Context, options ...client.Option) (*client.Conn, error) {
	if p.dead.Load() {
		return nil, errCut
	}
	db := p.w.db
	c, err := client.ConnectWithContext(ctx, db.Addr, db.User, db.Password, "", 10*time.Second, options...)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, c.Conn.Conn)
	if p.dead.Load() {
		_ = c.Conn.Conn.Close()
	}
	return c, nil
}

// start makes a process as cmd/shockabsorber/daemon does, and brings it up.
func (w *world) start() (*process, error) {
	p := &process{w: w, name: fmt.Sprintf("%s-p%d", w.lane, w.started), died: make(chan struct{})}
	w.started++
	p.ctx, p.end = context.WithCancel(context.Background())
	hook := func(op string, do func() error) error { return w.fault.act(p, op, do) }
	var err error
	if p.rdb, err = wal.Dial(wal.DialOptions{Endpoints: []string{w.redis}, PoolSize: 20}); err != nil {
		return nil, err
	}
	logger := w.logger.With("process", p.name)
	options := wal.Options{Prefix: w.prefix, Process: p.name, GateWindow: 100 * time.Millisecond, Logger: logger, Effects: hook,
		Fence: func(ctx context.Context, lane row.Lane, above row.Epoch) (row.LSN, row.Epoch, error) {
			cp, err := p.drain.Takeover(ctx, lane, above)
			return cp.LSN, cp.Epoch, err
		}}
	if w.durability == absorber.DurableReplica {
		options.Replicas = 1
	}
	p.store = wal.New(p.rdb, options)
	if p.queue, err = w.newQueue(p.rdb, hook); err != nil {
		return nil, err
	}
	p.drain, p.desk = p.sink(hook), p.sink(hook)
	p.engine = absorber.New(absorber.Config{
		Process: p.name, Patterns: []string{w.database + ".*"}, Options: w.options, Lanes: []row.Lane{w.lane},
		Dial: func(ctx context.Context) (*client.Conn, error) { return p.dial(ctx) }, Checkpoints: w.own + ".checkpoint",
		Reached: func(ctx context.Context, lane row.Lane, _ row.Refusals) (row.LSN, error) {
			cp, err := p.desk.Checkpoint(ctx, lane)
			return cp.LSN, err
		},
		GateLease: gateLease, LockWait: 20 * time.Second, Logger: logger, Effects: hook,
	}, p.store, wal.NewRegistry(p.rdb, options))
	p.running.Go(func() { _ = p.store.Run(p.ctx) })
	if err := p.up(); err != nil {
		p.stop()
		return nil, err
	}
	p.running.Go(func() { _ = p.engine.Run(p.ctx) })
	p.work()
	return p, nil
}

// gateLease and laneLease are short, so that others need not wait for long
// when a process has died.
const (
	gateLease = 1500 * time.Millisecond
	laneLease = 900 * time.Millisecond
)

// sink opens a sink.
func (p *process) sink(hook func(string, func() error) error) *sink.Sink {
	return sink.Open(sink.Config{Database: p.w.own, Effects: hook,
		Dial: func(ctx context.Context) (*client.Conn, error) { return p.dial(ctx, sink.Capabilities) }})
}

// up does what a process does before it listens.
func (p *process) up() error {
	ctx, cancel := context.WithTimeout(p.ctx, 20*time.Second)
	defer cancel()
	if err := p.drain.Ensure(ctx); err != nil {
		return err
	}
	if _, err := p.store.Check(ctx); err != nil {
		return err
	}
	if _, err := p.store.Open(ctx, p.w.lane); err != nil {
		return err
	}
	return p.engine.Start(ctx)
}

// work starts the worker.
func (p *process) work() {
	cfg := absorber.WorkerConfig{
		Lane: p.w.lane, Owner: p.name, Log: p.store, Leases: p.store, Queue: p.queue, Target: p.drain,
		Table: p.engine.TableAt, Current: p.engine.TableNow, Options: p.w.options,
		Limiter: absorber.NewLimiter(absorber.LimiterConfig{Rate: 1e6}), LeaseTTL: laneLease,
		RetryBackoff: 2 * time.Millisecond, MaxBackoff: 50 * time.Millisecond, Grace: time.Second, LossGrace: time.Millisecond,
		Rebuild: p.store, Desk: p.drain, Rows: p.store, BatchSize: 4, Logger: p.w.logger,
	}
	if k, ok := p.queue.(*queue.Kafka); ok {
		cfg.Top, cfg.Kept = k.Top, true
	}
	worker := absorber.NewWorker(cfg)
	p.worker.Store(worker)
	ctx, cancel := context.WithCancel(p.ctx)
	ended := make(chan struct{})
	p.mu.Lock()
	p.endWorker, p.ended = cancel, ended
	p.mu.Unlock()
	p.running.Go(func() {
		defer close(ended)
		_ = worker.Run(ctx)
	})
}

// rest ends the worker in good order.
func (p *process) rest() {
	p.mu.Lock()
	cancel, ended := p.endWorker, p.ended
	p.mu.Unlock()
	cancel()
	<-ended
}

// kill is a kill -9: from here on the process does nothing, and the kernel has
// closed its connections.
func (p *process) kill() {
	if p.dead.Swap(true) {
		return
	}
	p.mu.Lock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	_ = p.rdb.Close()
	p.end()
	close(p.died)
}

// stop ends a process, whether dead or not, and waits for its goroutines.
func (p *process) stop() {
	p.end()
	p.running.Wait()
	_ = p.drain.Close()
	_ = p.desk.Close()
	_ = p.queue.Close()
	_ = p.rdb.Close()
}
