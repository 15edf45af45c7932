package absorber

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// maxInFlight is how many commits of one process may be on their way at once.
const maxInFlight = 1024

// Engine is what sessions absorb through: it reads and writes rows in the WAL
// and the row cache, keeps unique values unique, and closes gates. It is safe
// for concurrent use. The workers that drain its lanes are run beside it.
type Engine struct {
	cfg      Config
	log      *slog.Logger
	store    *wal.Store
	registry *wal.Registry
	loader   *loader
	writers  writers
	metrics  *engineMetrics

	catalog   atomic.Pointer[schema.Catalog]
	reloading sync.Mutex
	usages    usages
	states    sync.Map // "db.table" -> wal.TableState
	holds     sync.Map // *Hold -> struct{}
}

// New makes an engine. Start loads the schema; Run does the rest.
func New(cfg Config, store *wal.Store, registry *wal.Registry) *Engine {
	cfg = cfg.withDefaults()
	e := &Engine{
		cfg:      cfg,
		log:      cfg.Logger.With("component", "TABLE"),
		store:    store,
		registry: registry,
		loader:   newLoader(cfg.Dial, cfg.LoadConns),
		writers:  newWriters(cfg.Process, maxInFlight),
		metrics:  newEngineMetrics(cfg.Registerer),
	}
	return e
}

// Start announces this process to the others and loads the schema. In this
// order: a change made in between is one that this process is waited for.
func (e *Engine) Start(ctx context.Context) error {
	v, err := e.registry.Beat(ctx, wal.Seen{Process: e.cfg.Process}, beatTTL)
	if err != nil {
		return err
	}
	return e.advance(ctx, v+1)
}

// Run keeps the gates' leases alive, opens the gates of dead processes and
// follows schema changes of other processes, until ctx ends.
func (e *Engine) Run(ctx context.Context) error {
	defer e.loader.close()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return every(ctx, e.cfg.GateLease/4, e.keepGates) })
	g.Go(func() error { return every(ctx, beatEvery, e.follow) })
	<-ctx.Done()
	err := g.Wait()
	lctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if lerr := e.registry.Leave(lctx, e.cfg.Process); lerr != nil {
		e.log.Warn("could not leave the registry; others wait until the entry expires", "err", lerr)
	}
	return err
}

// every calls f at once and then each d, until ctx ends.
func every(ctx context.Context, d time.Duration, f func(context.Context)) error {
	t := time.NewTicker(d)
	defer t.Stop()
	for {
		f(ctx)
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// keepGates renews this process's gates and sweeps those of dead ones.
func (e *Engine) keepGates(ctx context.Context) {
	e.holds.Range(func(k, _ any) bool {
		if err := k.(*Hold).renew(ctx); err != nil && ctx.Err() == nil {
			e.log.Warn("could not renew a gate's lease", "err", err)
		}
		return true
	})
	for _, lane := range e.cfg.Lanes {
		if err := e.store.SweepGates(ctx, lane, e.reap); err != nil && ctx.Err() == nil {
			e.log.Warn("could not sweep the gates", "lane", lane, "err", err)
		}
	}
}

// follow adopts what other processes changed, and tells them so.
func (e *Engine) follow(ctx context.Context) {
	stmts, txns := e.usages.seen()
	v, err := e.registry.Beat(ctx, wal.Seen{Process: e.cfg.Process, Statements: stmts, Transactions: txns}, beatTTL)
	if err == nil {
		err = e.advance(ctx, v+1)
	}
	if err != nil && ctx.Err() == nil {
		e.log.Warn("could not follow schema changes", "err", err)
	}
}

// lane is the lane a table's writes go to.
func (e *Engine) lane(t *schema.Table) row.Lane { return e.options(t).Lane }

// options are the settings of a table.
func (e *Engine) options(t *schema.Table) TableOptions { return e.cfg.Options(t.Name.String()) }

// Configured reports whether any table is, or could come to be, absorbed.
func (e *Engine) Configured() bool { return len(e.cfg.Patterns) > 0 || len(e.Catalog().All()) > 0 }

// Query reads a few rows from MySQL as the proxy's own user; nil is NULL.
func (e *Engine) Query(ctx context.Context, sql string) ([][][]byte, error) {
	rows, err := e.loader.rows(ctx, sql)
	out := make([][][]byte, len(rows))
	for i := range rows {
		out[i] = rows[i]
	}
	return out, err
}

// TableAt is the definition that a mutation was made under, nil if the table
// has another one by now.
func (e *Engine) TableAt(name string, version uint32) *schema.Table {
	n, ok := schema.ParseName(name)
	if !ok {
		return nil
	}
	if t := e.Catalog().Table(n); t != nil && t.Version == version {
		return t
	}
	return nil
}
