package wal

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/rzpsarthak13/shock-absorber/absorber/effect"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// Options tune a Store. The zero value of each field means its default.
type Options struct {
	Prefix     string        // first part of all keys: "sa"
	Process    string        // this process's name in the Registry; random
	LeaseTTL   time.Duration // life of a miss lease: 10 s
	GateWindow time.Duration // how long after closing a gate lets further owners join: 1 s
	Logger     *slog.Logger  // slog.Default()

	// Replicas is how many replicas must have a unit before a Commit with
	// Confirm returns (WAIT). With Fsync their files and the master's must have
	// it (WAITAOF), if Check finds that they can tell. Not with Redis Cluster.
	Replicas int
	Fsync    bool
	// DurableWait is how long one WAIT may take before the unit is asked about
	// again: 2 s, below the client's read timeout and above the second that
	// appendfsync everysec may take.
	DurableWait time.Duration

	// Fence makes MySQL refuse what whoever owned the lane until now has in flight
	// there (sink.Takeover), and gives the epoch that it has raised, which is higher
	// than above, and how far MySQL and the queue know the lane to be after that. A
	// lane is not opened in a new run of Redis without. nil: nobody drains it.
	Fence func(ctx context.Context, lane row.Lane, above row.Epoch) (reached row.LSN, epoch row.Epoch, err error)

	Effects effect.Hook // nil but in tests
}

// withDefaults fills in what is not set.
func (o Options) withDefaults() Options {
	if o.Prefix == "" {
		o.Prefix = "sa"
	}
	if o.Process == "" {
		o.Process = randomHex(8)
	}
	if o.LeaseTTL <= 0 {
		o.LeaseTTL = 10 * time.Second
	}
	if o.GateWindow <= 0 {
		o.GateWindow = time.Second
	}
	if o.DurableWait <= 0 {
		o.DurableWait = 2 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// DialOptions say where Redis is. Endpoints are "host:port", or the path of a
// Unix socket.
type DialOptions struct {
	Endpoints      []string
	Username       string
	Password       string
	DB             int // not with Cluster
	PoolSize       int // connections per node; 0 = 10 per CPU
	Cluster        bool
	SentinelMaster string // not empty: Endpoints are sentinels
	TLS            *tls.Config
}

// Dial makes the client that a Store needs. It does not connect yet. The
// client never sends a command twice by itself: the store repeats what may be
// repeated, by the unit's id where it matters.
func Dial(o DialOptions) (redis.UniversalClient, error) {
	switch {
	case len(o.Endpoints) == 0:
		return nil, errors.New("dial redis: no endpoints")
	case o.Cluster && o.SentinelMaster != "":
		return nil, errors.New("dial redis: cluster and sentinel_master exclude each other")
	case o.Cluster && o.DB != 0:
		return nil, errors.New("dial redis: Redis Cluster has only db 0")
	case !o.Cluster && o.SentinelMaster == "" && len(o.Endpoints) > 1:
		return nil, errors.New("dial redis: several endpoints need cluster = true or sentinel_master")
	}
	return redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs:         o.Endpoints,
		Username:      o.Username,
		Password:      o.Password,
		DB:            o.DB,
		PoolSize:      o.PoolSize,
		IsClusterMode: o.Cluster,
		MasterName:    o.SentinelMaster,
		TLSConfig:     o.TLS,

		SentinelUsername: o.Username,
		SentinelPassword: o.Password,

		MaxRetries:    -1,
		DialTimeout:   2 * time.Second,
		DialerRetries: 1,
		ReadTimeout:   3 * time.Second,
		WriteTimeout:  3 * time.Second,

		ContextTimeoutEnabled:    true,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}), nil
}
