package spike

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// run is one run in progress.
type run struct {
	cfg   Config
	begin time.Time
	send  sender
	read  reader
	watch *watch
}

// Run sends the spike, reads the rows back through the proxy, waits until
// MySQL has them and compares them there. The report is filled as far as the
// run came, also when an error is returned; whether rows were lost is in the
// report, not in the error.
func Run(ctx context.Context, cfg Config) (Report, error) {
	if err := cfg.Defaults(); err != nil {
		return Report{}, err
	}
	r := &run{cfg: cfg, begin: time.Now()}
	r.send = sender{cfg: &r.cfg, fates: make([]byte, cfg.rows()), errors: map[string]int{}}
	r.read = reader{cfg: &r.cfg}
	r.watch = newWatch(&r.cfg)
	cfg.Proxy.SetMaxOpenConns(cfg.Connections)
	cfg.Proxy.SetMaxIdleConns(cfg.Connections)
	if err := prepareTable(ctx, cfg.Proxy, cfg.Table); err != nil {
		return Report{}, err
	}
	rep := &Report{Rows: len(r.send.fates)}

	// The watcher looks on while the phases go by, and stops behind them.
	watching, stop := context.WithCancel(ctx)
	var g errgroup.Group
	g.Go(func() error { r.watch.run(watching); return nil })
	g.Go(func() error { defer stop(); return r.phases(ctx, rep) })
	err := g.Wait()
	r.fill(rep)
	return *rep, err
}

// phases runs the phases one after the other.
func (r *run) phases(ctx context.Context, rep *Report) error {
	begin := time.Now()
	if err := r.phase(ctx, "send", r.send.send); err != nil {
		return err
	}
	rep.SendTime = time.Since(begin)
	if err := r.phase(ctx, "read", func(ctx context.Context) error { return r.read.readBack(ctx, r.send.fates) }); err != nil {
		return err
	}
	source := r.cfg.Direct
	if source == nil {
		source = r.cfg.Proxy
	}
	if r.cfg.Direct == nil && r.cfg.Backlog == nil {
		return nil // there is no way to wait that would not force a drain
	}
	rep.Stalled = r.phase(ctx, "drain", func(ctx context.Context) error { return r.watch.drained(ctx, r.send.accepted.Load()) })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	rep.DrainTime = time.Since(begin)
	v, err := r.settle(ctx, source)
	if err != nil {
		return err
	}
	rep.Verified = true
	rep.Lost, rep.Wrong, rep.Extra = v.lost, v.wrong, v.extra
	if v.first != "" {
		rep.Complaints = append(rep.Complaints, v.first)
	}
	return nil
}

// phase runs f and reports progress beside it, and once more behind it.
func (r *run) phase(ctx context.Context, name string, f func(context.Context) error) error {
	reporting, stop := context.WithCancel(ctx)
	var g errgroup.Group
	g.Go(func() error { defer stop(); return f(ctx) })
	g.Go(func() error {
		tick := time.NewTicker(r.cfg.Every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				r.cfg.Progress(r.progress(name))
			case <-reporting.Done():
				r.cfg.Progress(r.progress(name))
				return nil
			}
		}
	})
	return g.Wait()
}

// progress is a snapshot. Without an admin address the backlog is what has
// been accepted and is not seen in MySQL.
func (r *run) progress(phase string) Progress {
	p := Progress{
		Phase:    phase,
		Elapsed:  time.Since(r.begin),
		Accepted: r.send.accepted.Load(),
		Failed:   r.send.failed.Load(),
		InMySQL:  r.watch.inMySQL.Load(),
		Backlog:  r.watch.backlog.Load(),
	}
	if r.cfg.Backlog == nil && p.InMySQL >= 0 {
		p.Backlog = max(0, p.Accepted-p.InMySQL)
	}
	return p
}
