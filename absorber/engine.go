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
	takers   takers
	given    given
	enables  atomic.Uint64 // calls of Enable so far
	metrics  *engineMetrics

	catalog   atomic.Pointer[schema.Catalog]
	reloading sync.Mutex             // guards want and reread
	want      func(schema.Name) bool // the tables to be absorbed, as they were chosen when all was read
	reread    time.Time              // when that was
	usages    usages
	newer     chan uint64            // from beat to follow
	states    sync.Map               // "db.table" -> wal.TableState
	holds     sync.Map               // *Hold -> struct{}
	closed    sync.Map               // row.Lane -> bool: lanes that an operator was told are closed, true: for a roll call
	limited   sync.Map               // row.Lane -> string: the limit that the backlog has reached
	evicting  atomic.Pointer[string] // why Redis may not be used now, "" if it may; nil: not asked yet
	turns     turns
	late      late
	demands   sync.Map // "db.table" -> time.Time: a transaction missed something of it in its snapshot

	transactions sync.Map      // owner -> *Transaction
	began        atomic.Uint64 // transactions so far
}

// New makes an engine. Start loads the schema; Run does the rest.
func New(cfg Config, store *wal.Store, registry *wal.Registry) *Engine {
	cfg = cfg.withDefaults()
	e := &Engine{
		cfg:      cfg,
		log:      cfg.Logger.With("component", "TABLE"),
		store:    store,
		registry: registry,
		loader:   newLoader(cfg.Dial, cfg.Checkpoints, cfg.LoadConns, cfg.Effects),
		writers:  newWriters(cfg.Process, maxInFlight),
		metrics:  newEngineMetrics(cfg.Registerer),
		newer:    make(chan uint64),
		late:     newLate(),
	}
	e.SetLateRate(cfg.LateRate)
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
	// Each on its own: killing a dead process's connection, and loading the
	// schema, can take longer than the leases that the others renew.
	g.Go(func() error { return every(ctx, e.cfg.GateLease/4, e.renewGates) })
	g.Go(func() error { return every(ctx, e.cfg.GateLease/4, e.sweepGates) })
	g.Go(func() error { return every(ctx, e.cfg.GateLease/4, e.renewLocks) })
	g.Go(func() error { return every(ctx, e.cfg.GateLease, e.sweepLocks) })
	g.Go(func() error { return every(ctx, beatEvery, e.beat) })
	g.Go(func() error { return e.follow(ctx) })
	g.Go(func() error { return e.registry.Watch(ctx, func() { e.beat(ctx) }) })
	g.Go(func() error { return every(ctx, adoptEvery, e.adoptLanes) })
	g.Go(func() error { return every(ctx, measureEvery, e.measure) })
	g.Go(func() error { return every(ctx, evictionEvery, e.watchEviction) })
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

// renewGates renews this process's gates.
func (e *Engine) renewGates(ctx context.Context) {
	e.holds.Range(func(k, _ any) bool {
		if err := k.(*Hold).renew(ctx); err != nil && ctx.Err() == nil {
			e.log.Warn("could not renew a gate's lease", "err", err)
		}
		return true
	})
}

// sweepGates opens the gates of dead processes.
func (e *Engine) sweepGates(ctx context.Context) {
	for _, lane := range e.cfg.Lanes {
		if err := e.store.SweepGates(ctx, lane, e.reapUnseen(ctx)); err != nil && ctx.Err() == nil {
			e.log.Warn("could not sweep the gates", "lane", lane, "err", err)
		}
	}
}

// beat tells the other processes what this one has adopted, and follow that
// there is something new.
func (e *Engine) beat(ctx context.Context) {
	v, err := e.announce(ctx)
	if err != nil {
		if ctx.Err() == nil {
			e.log.Warn("could not tell the other processes that this one is alive", "err", err)
		}
		return
	}
	if v > e.usages.version.Load() {
		select {
		case e.newer <- v:
		default: // follow is at it; the next beat tells it again
		}
	}
}

// announce writes this process's entry in the registry, and returns the
// version that others have changed the schema to, in the count of usages.
func (e *Engine) announce(ctx context.Context) (uint64, error) {
	stmts, txns := e.usages.seen()
	v, err := e.registry.Beat(ctx, wal.Seen{Process: e.cfg.Process, Statements: stmts, Transactions: txns}, beatTTL)
	return v + 1, err
}

// follow adopts what other processes changed, until ctx ends.
func (e *Engine) follow(ctx context.Context) error {
	for {
		select {
		case v := <-e.newer:
			err := e.advance(ctx, v)
			if err != nil && ctx.Err() == nil {
				e.log.Warn("could not follow a schema change", "err", err)
			}
			if err == nil {
				e.beat(ctx) // somebody is waiting to hear it
			}
		case <-ctx.Done():
			return nil
		}
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
	rows, err := e.loader.rows(ctx, opQuery, sql)
	out := make([][][]byte, len(rows))
	for i := range rows {
		out[i] = rows[i]
	}
	return out, err
}

// TableNow is a table as this process knows it to be defined now, absorbed or
// not; nil if the configuration does not name it or it does not exist.
func (e *Engine) TableNow(name string) *schema.Table {
	n, ok := schema.ParseName(name)
	if !ok {
		return nil
	}
	return e.Catalog().Table(n)
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
