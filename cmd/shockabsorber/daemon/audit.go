package daemon

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/go-mysql-org/go-mysql/client"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/audit"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// Audit connects to everything the configuration names and compares what is in
// it. It makes no engine, and writes nothing.
func Audit(ctx context.Context, cfg *config.Config, o audit.Options) (*audit.Report, error) {
	dial, err := dialer(&cfg.Database)
	if err != nil {
		return nil, err
	}
	redisTLS, err := clientTLS(cfg.KVStore.TLS, "")
	if err != nil {
		return nil, fmt.Errorf("kvstore.tls: %w", err)
	}
	rdb, err := wal.Dial(wal.DialOptions{
		Endpoints: cfg.KVStore.Endpoints, Username: cfg.KVStore.Username, Password: cfg.KVStore.Password.Reveal(), DB: cfg.KVStore.DB,
		PoolSize: 2, Cluster: cfg.KVStore.Cluster, SentinelMaster: cfg.KVStore.SentinelMaster, TLS: redisTLS,
	})
	if err != nil {
		return nil, err
	}
	defer rdb.Close()
	p := &parts{cfg: cfg, log: slog.New(slog.DiscardHandler)}
	s := audit.Sources{
		MySQL: func(ctx context.Context) (*client.Conn, error) { return dial(ctx) },
		Redis: rdb, Lanes: p.lanes(), Tables: schema.Match(cfg.Patterns()),
		Stream: cfg.WriteBack.QueueType == config.QueueRedis,
		LaneOf: func(table string) row.Lane { return p.options(table).Lane },
	}
	if cfg.WriteBack.QueueType == config.QueueKafka {
		options := p.kafkaOptions()
		if options.TLS, err = clientTLS(cfg.WriteBack.Kafka.TLS, ""); err != nil {
			return nil, fmt.Errorf("writeback.kafka.tls: %w", err)
		}
		if s.Kafka, err = options.Client(); err != nil {
			return nil, err
		}
		s.Topic = options.Topic
	}
	return audit.Run(ctx, s, o)
}
