package config

import "time"

// Default returns the configuration of a file that sets nothing. It is not
// valid by itself: it has no users.
func Default() *Config {
	return &Config{
		Proxy: Proxy{
			Listen:         "127.0.0.1:3307",
			MaxConnections: 10000,
			MaxPacket:      64 << 20,
			Mode:           ModeAbsorb,
		},
		Database: Database{
			Type:         "mysql",
			Host:         "127.0.0.1",
			Port:         3306,
			Username:     "root",
			MaxOpenConns: 20,
		},
		KVStore: KVStore{
			Type:      "redis",
			Endpoints: []string{"127.0.0.1:6379"},
			PoolSize:  10,
		},
		WriteBack: WriteBack{
			DrainRate:      50,
			BatchSize:      100,
			DefaultTTL:     Duration{Duration: time.Hour},
			QueueType:      QueueMemory,
			Durability:     DurabilityRedis,
			Replicas:       1,
			ReplicaFsync:   true,
			Coalesce:       true,
			BarrierTimeout: Duration{Duration: 30 * time.Second},
			MaxBacklog:     1000000,
			OnFull:         OnFullBlock,
			RetryBackoff:   Duration{Duration: 100 * time.Millisecond},
			RequestHistory: Duration{Duration: 7 * 24 * time.Hour},
			Kafka: Kafka{
				Brokers:         []string{},
				Topic:           "shock-absorber-writeback",
				GroupID:         "shock-absorber-writeback",
				RequiredAcks:    -1,
				MaxMessageBytes: 1000000,
			},
		},
		Admin: Admin{Listen: "127.0.0.1:8080"},
		Log:   Log{Level: "info", Format: "text"},
	}
}
