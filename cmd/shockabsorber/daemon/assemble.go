package daemon

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/queue"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/proxy"
)

// parts is everything a process is made of, short of listeners.
type parts struct {
	cfg      *config.Config
	log      *slog.Logger
	process  string // unique per process start
	started  time.Time
	metrics  *prometheus.Registry
	dial     func(ctx context.Context, options ...client.Option) (*client.Conn, error)
	rdb      redis.UniversalClient
	store    *wal.Store
	registry *wal.Registry
	queue    queue.Queue
	kafka    *queue.Kafka // the queue, if it is one
	sinks    map[row.Lane]*sink.Sink
	desk     *sink.Sink // for operators: a connection that no drainer waits for
	engine   *absorber.Engine
	workers  []*absorber.Worker
	limiter  *absorber.Limiter
	settings sync.Map // "db.table" -> absorber.TableOptions

	absorbing *proxy.Absorbing // nil in pass-through mode
}

// assemble makes the parts. It connects to nothing.
func assemble(cfg *config.Config, opt *Options) (*parts, error) {
	log := opt.logger()
	p := &parts{cfg: cfg, log: log, process: processName(), started: time.Now(), metrics: opt.metrics(), sinks: map[row.Lane]*sink.Sink{}}
	var err error
	if p.dial, err = dialer(&cfg.Database); err != nil {
		return nil, err
	}
	redisTLS, err := clientTLS(cfg.KVStore.TLS, "")
	if err != nil {
		return nil, fmt.Errorf("kvstore.tls: %w", err)
	}
	p.rdb, err = wal.Dial(wal.DialOptions{
		Endpoints: cfg.KVStore.Endpoints, Username: cfg.KVStore.Username, Password: cfg.KVStore.Password.Reveal(), DB: cfg.KVStore.DB,
		PoolSize: poolSize(cfg), Cluster: cfg.KVStore.Cluster, SentinelMaster: cfg.KVStore.SentinelMaster, TLS: redisTLS,
	})
	if err != nil {
		return nil, err
	}
	options := wal.Options{Process: p.process, Logger: log, Fence: p.fence}
	if slices.Contains(cfg.Durabilities(), config.DurabilityReplica) {
		options.Replicas, options.Fsync = cfg.WriteBack.Replicas, cfg.WriteBack.ReplicaFsync
	}
	p.store = wal.New(p.rdb, options)
	p.registry = wal.NewRegistry(p.rdb, options)
	if err := p.makeQueue(); err != nil {
		return nil, errors.Join(err, p.rdb.Close())
	}
	p.engine = absorber.New(absorber.Config{
		Process: p.process, Patterns: cfg.Patterns(), Options: p.options, Lanes: p.lanes(),
		Dial:         func(ctx context.Context) (*client.Conn, error) { return p.dial(ctx, severalStatements, absorber.Login) },
		Reached:      p.reached,
		LoadConns:    max(2, cfg.Database.MaxOpenConns),
		Limits:       absorber.Limits{Bytes: cfg.WriteBack.MaxBacklogBytes, Age: cfg.WriteBack.MaxBacklogAge.Duration, Memory: cfg.WriteBack.MemoryWatermark},
		MaxUnitBytes: p.maxUnitBytes(),
		MaxBacklog:   cfg.WriteBack.MaxBacklog, OnFull: absorber.OnFull(cfg.WriteBack.OnFull), BarrierTimeout: cfg.WriteBack.BarrierTimeout.Duration,
		LateRate: cfg.WriteBack.DrainRate,
		Logger:   log, Registerer: p.metrics,
	}, p.store, p.registry)
	p.makeWorkers()
	return p, nil
}

// makeQueue makes the queue of queue_type.
func (p *parts) makeQueue() error {
	w := &p.cfg.WriteBack
	switch w.QueueType {
	case config.QueueMemory:
		p.queue = queue.NewMemory()
	case config.QueueRedis:
		p.queue = queue.NewRedis(p.rdb, queue.RedisOptions{})
	case config.QueueKafka:
		tls, err := clientTLS(w.Kafka.TLS, "")
		if err != nil {
			return fmt.Errorf("writeback.kafka.tls: %w", err)
		}
		options := p.kafkaOptions()
		options.TLS = tls
		if p.kafka, err = queue.NewKafka(options); err != nil {
			return err
		}
		p.queue = p.kafka
	default:
		return fmt.Errorf("queue_type %q is not known", w.QueueType)
	}
	return nil
}

// headerBytes is more than what stands in a record of Kafka beside the unit: the
// lane's name, at most 128 bytes, and the headers.
const headerBytes = 256

// maxUnitBytes is what a record of the queue may hold, 0 if there is no limit.
func (p *parts) maxUnitBytes() int {
	if p.kafka == nil {
		return 0
	}
	return p.cfg.WriteBack.Kafka.MaxMessageBytes - headerBytes
}

// kafkaOptions are the settings of the queue in Kafka, short of TLS.
func (p *parts) kafkaOptions() queue.KafkaOptions {
	k := &p.cfg.WriteBack.Kafka
	return queue.KafkaOptions{
		Brokers: k.Brokers, Topic: k.Topic, GroupID: k.GroupID, Lanes: p.lanes(),
		RequiredAcks: k.RequiredAcks, MaxMessageBytes: k.MaxMessageBytes,
		SASL:   queue.SASL{Mechanism: k.SASL.Mechanism, Username: k.SASL.Username, Password: k.SASL.Password.Reveal()},
		Logger: p.log.With("component", "KAFKA"),
	}
}

// openSink makes a sink, which connects when it is used.
func (p *parts) openSink() *sink.Sink {
	return sink.Open(sink.Config{
		Dial:   func(ctx context.Context) (*client.Conn, error) { return p.dial(ctx, sink.Capabilities) },
		Logger: p.log,
	})
}

// makeWorkers makes one worker a lane, all under one limiter.
func (p *parts) makeWorkers() {
	w := &p.cfg.WriteBack
	lanes := p.lanes()
	p.limiter = absorber.NewLimiter(absorber.LimiterConfig{
		Rate: w.DrainRate, Burst: w.DrainBurst, BarrierRate: w.BarrierRate, Lanes: len(lanes),
		TableRate: func(table string) float64 { return p.options(table).DrainRate },
	})
	p.desk = p.openSink()
	metrics := absorber.NewWorkerMetrics(p.metrics)
	for _, lane := range lanes {
		p.sinks[lane] = p.openSink()
		p.workers = append(p.workers, absorber.NewWorker(absorber.WorkerConfig{
			Lane: lane, Owner: p.process, Log: p.store, Leases: p.store, Queue: p.queue, Target: p.sinks[lane],
			Table: p.engine.TableAt, Options: p.options, Limiter: p.limiter,
			Desk: p.sinks[lane], Rows: p.store, Current: p.engine.TableNow,
			Rebuild: p.store, Top: p.top(), Above: p.above(), Kept: p.kafka != nil,
			BatchSize: w.BatchSize, InOrder: !w.Coalesce, RetryBackoff: w.RetryBackoff.Duration, Metrics: metrics, Logger: p.log,
		}))
	}
}

// top is what tells how far the queue is, nil for one that is lost with Redis.
func (p *parts) top() func(context.Context, row.Lane) (row.LSN, error) {
	if q, ok := p.queue.(interface {
		Top(context.Context, row.Lane) (row.LSN, error)
	}); ok && p.cfg.WriteBack.QueueType != config.QueueRedis {
		return q.Top
	}
	return nil
}

// above is what tells which unit the queue holds next, nil for one that is lost
// with Redis.
func (p *parts) above() func(context.Context, row.Lane, row.LSN) (row.LSN, error) {
	switch q := p.queue.(type) {
	case *queue.Kafka:
		return q.Above
	case *queue.Memory:
		return q.Above
	}
	return nil
}

// poolSize is how many connections Redis gets: pool_size for what nobody waits
// in, and beside them those that calls hold while they wait: for replicas, and
// in each lane that is drained here for new units in the log and in the queue.
// Were those taken from the same few, more lanes than pool_size would leave
// none for commits (64 lanes: 3 INSERTs a second instead of thousands).
func poolSize(cfg *config.Config) int {
	n := cfg.KVStore.PoolSize + len(cfg.Lanes())*wal.TailConnections
	if cfg.WriteBack.QueueType == config.QueueRedis {
		n += len(cfg.Lanes()) * queue.PollConnections
	}
	if slices.Contains(cfg.Durabilities(), config.DurabilityReplica) {
		n += wal.ConfirmConnections
	}
	return n
}

// options are the settings of a table; one that the configuration does not
// name, because it was enabled at run time, has the defaults.
func (p *parts) options(table string) absorber.TableOptions {
	if o, ok := p.settings.Load(table); ok { // asked for several times a statement
		return o.(absorber.TableOptions)
	}
	o := p.readOptions(table)
	p.settings.Store(table, o)
	return o
}

// readOptions looks the options up in the configuration.
func (p *parts) readOptions(table string) absorber.TableOptions {
	db, name := "", table
	for i := range table {
		if table[i] == '.' {
			db, name = table[:i], table[i+1:]
			break
		}
	}
	t, ok := p.cfg.TableFor(db, name)
	if !ok {
		t = config.Table{TTL: p.cfg.WriteBack.DefaultTTL, WriteBackBatchSize: p.cfg.WriteBack.BatchSize, Lane: config.DefaultLane,
			Durability: p.cfg.WriteBack.Durability, FreshReads: config.FreshDrain, Existence: config.ExistenceCheck}
	}
	return absorber.TableOptions{TTL: t.TTL.Duration, Lane: row.Lane(t.Lane), FreshReads: absorber.FreshReads(t.FreshReads), Snapshots: absorber.Snapshots(t.Snapshots),
		Durability: absorber.Durability(t.Durability), Existence: absorber.Existence(t.Existence), BatchSize: t.WriteBackBatchSize, DrainRate: t.DrainRate}
}

// lanes are the lanes of the configuration.
func (p *parts) lanes() []row.Lane {
	names := p.cfg.Lanes()
	lanes := make([]row.Lane, len(names))
	for i, n := range names {
		lanes[i] = row.Lane(n)
	}
	return lanes
}

// close releases the connections.
func (p *parts) close() error {
	errs := []error{p.queue.Close(), p.desk.Close()}
	for _, s := range p.sinks {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, p.rdb.Close())...)
}

// processName is unique per start of a process.
func processName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), hex.EncodeToString(b[:]))
}
