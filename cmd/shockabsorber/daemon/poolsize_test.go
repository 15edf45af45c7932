package daemon

import (
	"testing"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// TestPoolSize: whatever waits in Redis leaves pool_size connections to what
// does not, however many lanes there are beside "main".
func TestPoolSize(t *testing.T) {
	lanes := func(n int) *config.Config {
		cfg := config.Default()
		cfg.Tables = map[string]config.Table{}
		for i := range n {
			name := string(rune('a' + i))
			cfg.Tables["d."+name] = config.Table{Lane: "lane_" + name}
		}
		return cfg
	}
	for _, c := range []struct {
		name    string
		lanes   int
		change  func(*config.Config)
		waiting int
	}{
		{"memory", 3, func(*config.Config) {}, 4},
		{"redis", 3, func(cfg *config.Config) { cfg.WriteBack.QueueType = config.QueueRedis }, 8},
		{"kafka", 20, func(cfg *config.Config) { cfg.WriteBack.QueueType = config.QueueKafka }, 21},
		{"replica", 1, func(cfg *config.Config) { cfg.WriteBack.Durability = config.DurabilityReplica }, 2 + 8},
	} {
		cfg := lanes(c.lanes)
		c.change(cfg)
		if n := poolSize(cfg); n != cfg.KVStore.PoolSize+c.waiting {
			t.Errorf("%s: %d connections, pool_size is %d and %d wait", c.name, n, cfg.KVStore.PoolSize, c.waiting)
		}
	}
}
