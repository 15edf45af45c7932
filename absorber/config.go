package absorber

import (
	"context"
	"log/slog"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rzpsarthak13/shock-absorber/absorber/effect"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// OnFull is what happens to a write when the backlog is full.
type OnFull string

const (
	FullBlock       OnFull = "block"       // wait up to BarrierTimeout, then reject
	FullPassThrough OnFull = "passthrough" // write to MySQL synchronously, in order
	FullReject      OnFull = "reject"      // error 1040 at once
)

// FreshReads is what a read that is not by key does while writes are pending.
type FreshReads string

const (
	FreshDrain FreshReads = "drain" // drain what is pending ahead of the rate, then read
	FreshWait  FreshReads = "wait"  // wait for the normal drain, then read
	FreshStale FreshReads = "stale" // read MySQL as it is
)

// Snapshots is what a transaction in MySQL does about pending writes when it
// takes its snapshot, which does not show what drains later.
type Snapshots string

const (
	SnapshotsAuto   Snapshots = ""       // drain them if they are few, else as SnapshotsDemand
	SnapshotsDrain  Snapshots = "drain"  // drain them
	SnapshotsDemand Snapshots = "demand" // drain them only after a transaction was found to miss them
)

// Existence is how a new key is proven not to exist yet.
type Existence string

const (
	ExistenceCheck Existence = "check" // one indexed read of MySQL
	ExistenceTrust Existence = "trust" // no read; a clash becomes a dead letter
)

// Durability is where a write must be before it is acknowledged.
type Durability string

const (
	DurableRedis   Durability = "redis"   // in the log in Redis
	DurableReplica Durability = "replica" // and on its replicas
	DurableKafka   Durability = "kafka"   // and on all in-sync replicas of Kafka
)

// TableOptions are the settings of one table.
type TableOptions struct {
	TTL        time.Duration // life of a clean row in the cache; 0 = none
	Lane       row.Lane
	FreshReads FreshReads
	Snapshots  Snapshots
	Existence  Existence
	Durability Durability // "" = DurableRedis
	BatchSize  int        // mutations a batch
	DrainRate  float64    // rows a second; 0 = only the global rate
}

// Config is what an Engine needs. Dial opens a connection to MySQL as the
// proxy's own user, with deadlines set; with CLIENT_MULTI_STATEMENTS the schema
// is read in fewer round trips, and with Login a session's character set is known
// without asking. Options gives a table's settings by its
// "db.table" name.
type Config struct {
	Process     string // unique per process start
	Patterns    []string
	Options     func(table string) TableOptions
	Lanes       []row.Lane
	Dial        func(ctx context.Context) (*client.Conn, error)
	Checkpoints string // the table of the lanes' checkpoints, default shock_absorber.checkpoint
	// Reached is an LSN that the lane must have reached, as MySQL's checkpoint
	// and the queue know it: what Redis has to show for itself after a restart.
	Reached        func(ctx context.Context, lane row.Lane, refused row.Refusals) (row.LSN, error)
	LoadConns      int   // connections for reading rows, default 4
	MaxBacklog     int64 // units a lane; 0 = unlimited
	MaxUnitBytes   int   // of a unit that the queue takes; 0 = unlimited
	Limits         Limits
	OnFull         OnFull
	BarrierTimeout time.Duration
	LockWait       time.Duration // the longest wait for a gate, whatever a session says; default 50 s as innodb_lock_wait_timeout
	GateLease      time.Duration // default 10 s
	LateRate       float64       // statements a second that may run in MySQL beside a transaction that keeps a gate shut; 0 = unlimited
	Logger         *slog.Logger
	Registerer     prometheus.Registerer
	Effects        effect.Hook // nil but in tests
}

// withDefaults fills what was left zero.
func (c Config) withDefaults() Config {
	if c.Checkpoints == "" {
		c.Checkpoints = "shock_absorber.checkpoint"
	}
	if c.LoadConns == 0 {
		c.LoadConns = 4
	}
	if c.LockWait == 0 {
		c.LockWait = 50 * time.Second
	}
	if c.BarrierTimeout == 0 {
		c.BarrierTimeout = 30 * time.Second
	}
	if c.GateLease == 0 {
		c.GateLease = 10 * time.Second
	}
	if c.Reached == nil {
		c.Reached = func(context.Context, row.Lane, row.Refusals) (row.LSN, error) { return 0, nil }
	}
	if c.OnFull == "" {
		c.OnFull = FullBlock
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
