package config

// Config is the whole file. Tags name the keys; config.toml explains each.
type Config struct {
	Proxy     Proxy            `toml:"proxy"`
	Users     []User           `toml:"users"`
	Database  Database         `toml:"database"`
	KVStore   KVStore          `toml:"kvstore"`
	WriteBack WriteBack        `toml:"writeback"`
	Tables    map[string]Table `toml:"tables"`
	Admin     Admin            `toml:"admin"`
	Log       Log              `toml:"log"`
}

// Proxy is the listener that applications connect to.
type Proxy struct {
	Listen         string    `toml:"listen"`          // host:port; "" = no TCP
	Socket         string    `toml:"socket"`          // path; "" = no Unix socket
	MaxConnections int       `toml:"max_connections"` // above it clients get error 1040
	MaxPacket      int       `toml:"max_packet"`      // bytes; above it clients get error 1153
	ServerVersion  string    `toml:"server_version"`  // "" = the backend's own
	Mode           string    `toml:"mode"`            // ModeAbsorb, ModePassthrough
	TLS            ServerTLS `toml:"tls"`
}

// ServerTLS is TLS towards applications; off while Cert is empty.
type ServerTLS struct {
	Cert     string `toml:"cert"`     // PEM file
	Key      string `toml:"key"`      // PEM file
	CA       string `toml:"ca"`       // PEM file; set = client certificates are verified
	Required bool   `toml:"required"` // refuse plain connections
}

// ClientTLS is TLS towards MySQL, Redis or Kafka; off while Enabled is false.
type ClientTLS struct {
	Enabled    bool   `toml:"enabled"`
	CA         string `toml:"ca"`          // PEM file; "" = the system's
	Cert       string `toml:"cert"`        // PEM file of a client certificate
	Key        string `toml:"key"`         // PEM file
	ServerName string `toml:"server_name"` // "" = the host of the address
	SkipVerify bool   `toml:"skip_verify"` // accept any certificate
}

// User is a login applications may use. The backend login is the same unless
// BackendUser is given.
type User struct {
	Name                string `toml:"name"`
	Password            Secret `toml:"password"`
	PasswordEnv         string `toml:"password_env"`
	PasswordFile        string `toml:"password_file"`
	Database            string `toml:"database"` // when the client names none
	Admin               bool   `toml:"admin"`
	BackendUser         string `toml:"backend_user"`
	BackendPassword     Secret `toml:"backend_password"`
	BackendPasswordEnv  string `toml:"backend_password_env"`
	BackendPasswordFile string `toml:"backend_password_file"`
}

// Database is the real MySQL or MariaDB, and the login of the proxy itself
// (catalog, drainer, checkpoint).
type Database struct {
	Type         string    `toml:"type"`
	Host         string    `toml:"host"`
	Port         int       `toml:"port"`
	Socket       string    `toml:"socket"` // path; wins over host and port
	Username     string    `toml:"username"`
	Password     Secret    `toml:"password"`
	PasswordEnv  string    `toml:"password_env"`
	PasswordFile string    `toml:"password_file"`
	Database     string    `toml:"database"` // of table names given without one
	MaxOpenConns int       `toml:"max_open_conns"`
	TLS          ClientTLS `toml:"tls"`
}

// KVStore is the Redis that holds the WAL and the row cache.
type KVStore struct {
	Type           string    `toml:"type"`
	Endpoints      []string  `toml:"endpoints"` // host:port each
	Username       string    `toml:"username"`
	Password       Secret    `toml:"password"`
	PasswordEnv    string    `toml:"password_env"`
	PasswordFile   string    `toml:"password_file"`
	DB             int       `toml:"db"`
	PoolSize       int       `toml:"pool_size"`
	Cluster        bool      `toml:"cluster"`
	SentinelMaster string    `toml:"sentinel_master"`
	TLS            ClientTLS `toml:"tls"`
}

// WriteBack is how acknowledged writes reach MySQL.
type WriteBack struct {
	DrainRate       float64  `toml:"drain_rate"`     // row changes per second
	DrainRateMin    float64  `toml:"drain_rate_min"` // 0 = not adaptive
	DrainBurst      int      `toml:"drain_burst"`    // 0 = max(1, drain_rate/10)
	BatchSize       int      `toml:"batch_size"`     // row changes
	DefaultTTL      Duration `toml:"default_ttl"`    // of clean rows
	QueueType       string   `toml:"queue_type"`     // QueueMemory, QueueRedis, QueueKafka
	Durability      string   `toml:"durability"`     // DurabilityRedis, DurabilityReplica, DurabilityKafka
	Replicas        int      `toml:"replicas"`       // of Redis, for DurabilityReplica
	ReplicaFsync    bool     `toml:"replica_fsync"`  // their files too, where Redis can tell
	Coalesce        bool     `toml:"coalesce"`
	BarrierRate     float64  `toml:"barrier_rate"` // row changes per second; 0 = unlimited
	BarrierTimeout  Duration `toml:"barrier_timeout"`
	MaxBacklog      int64    `toml:"max_backlog"`       // units per lane; 0 = unlimited
	MaxBacklogBytes int64    `toml:"max_backlog_bytes"` // of Redis' memory per lane; 0 = unlimited
	MaxBacklogAge   Duration `toml:"max_backlog_age"`   // of the oldest unit; 0 = unlimited
	MemoryWatermark float64  `toml:"memory_watermark"`  // share of Redis' maxmemory; 0 = off
	OnFull          string   `toml:"on_full"`           // OnFullBlock, OnFullPassthrough, OnFullReject
	RetryBackoff    Duration `toml:"retry_backoff"`
	RequestHistory  Duration `toml:"request_history"` // of answered requests; 0 = for ever
	Kafka           Kafka    `toml:"kafka"`
}

// Kafka is the queue between the WAL and the drainer when QueueType says so.
type Kafka struct {
	Brokers         []string  `toml:"brokers"` // host:port each
	Topic           string    `toml:"topic"`
	GroupID         string    `toml:"group_id"`
	RequiredAcks    int       `toml:"required_acks"`
	MaxMessageBytes int       `toml:"max_message_bytes"` // bytes
	TLS             ClientTLS `toml:"tls"`
	SASL            SASL      `toml:"sasl"`
}

// SASL is the login at Kafka; none while Mechanism is empty.
type SASL struct {
	Mechanism    string `toml:"mechanism"` // "plain", "scram-sha-256", "scram-sha-512"
	Username     string `toml:"username"`
	Password     Secret `toml:"password"`
	PasswordEnv  string `toml:"password_env"`
	PasswordFile string `toml:"password_file"`
}

// Table says that a table, or every table a glob names, is absorbed. Zero
// values inherit from WriteBack: see Config.TableFor.
type Table struct {
	TTL                Duration `toml:"ttl"`
	WriteBackBatchSize int      `toml:"write_back_batch_size"`
	DrainRate          float64  `toml:"drain_rate"`
	Namespace          string   `toml:"namespace"`
	Lane               string   `toml:"lane"`
	Lanes              int      `toml:"lanes"`
	FreshReads         string   `toml:"fresh_reads"` // FreshDrain, FreshWait, FreshStale
	Snapshots          string   `toml:"snapshots"`   // "", SnapshotsDrain, SnapshotsDemand
	Existence          string   `toml:"existence"`   // ExistenceCheck, ExistenceTrust
	Durability         string   `toml:"durability"`  // "" = writeback.durability
}

// Admin is the HTTP listener for health, metrics and status.
type Admin struct {
	Listen    string `toml:"listen"` // host:port; "" = none
	Token     Secret `toml:"token"`
	TokenEnv  string `toml:"token_env"`
	TokenFile string `toml:"token_file"`
}

// Log is the process's own log, on standard error.
type Log struct {
	Level  string `toml:"level"`  // "debug", "info", "warn", "error"
	Format string `toml:"format"` // "text", "json"
}

// Values of the keys that choose between words.
const (
	ModeAbsorb      = "absorb"
	ModeShadow      = "shadow"
	ModePassthrough = "passthrough"

	QueueMemory = "memory"
	QueueRedis  = "redis"
	QueueKafka  = "kafka"

	DurabilityRedis   = "redis"
	DurabilityReplica = "replica"
	DurabilityKafka   = "kafka"

	OnFullBlock       = "block"
	OnFullPassthrough = "passthrough"
	OnFullReject      = "reject"

	FreshDrain = "drain"
	FreshWait  = "wait"
	FreshStale = "stale"

	SnapshotsDrain  = "drain"
	SnapshotsDemand = "demand"

	ExistenceCheck  = "check"
	ExistenceTrust  = "trust"
	ExistenceFilter = "filter"
)

// DefaultLane is the lane of every table that names none.
const DefaultLane = "main"
