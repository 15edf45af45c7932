package daemon

import (
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// Check says what each level survives, and for which tables.
func TestCheckDurability(t *testing.T) {
	server := servertest.MariaDB(t)
	sync := []string{"--appendfsync", "always", "--repl-diskless-sync-delay", "0"}
	start := func(f func(testing.TB, ...string) *servertest.RedisServer) *servertest.RedisServer {
		master := f(t, sync...)
		host, port, err := net.SplitHostPort(master.Addr)
		if err != nil {
			t.Fatal(err)
		}
		f(t, append(sync, "--replicaof", host+" "+port)...)
		return master
	}
	redis7, redis8, valkey := start(servertest.Redis), start(servertest.Redis8), start(servertest.Valkey)
	for name, c := range map[string]struct {
		redis *servertest.RedisServer
		fsync bool
		want  []string
	}{
		"redis7":         {redis7, true, []string{"replica waits for the replicas' memory only (WAIT)", "durability replica  ok  Redis has confirmed it (WAIT 1); survives the loss of the master's machine (a.careful)"}},
		"redis8":         {redis8, true, []string{"(WAITAOF 1 1); survives the loss of the master's machine, and a power cut of all of them (a.careful)"}},
		"valkey":         {valkey, true, []string{"(WAITAOF 1 1)"}},
		"redis8 no file": {redis8, false, []string{"(WAIT 1); survives the loss of the master's machine (a.careful)"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config.Default()
			cfg.Users = []config.User{{Name: "app"}}
			cfg.Database.Host, cfg.Database.Port = server.Host, server.Port
			cfg.Database.Username, cfg.Database.Password = server.User, config.NewSecret(server.Password)
			cfg.KVStore.Endpoints = []string{c.redis.Addr}
			cfg.WriteBack.ReplicaFsync, cfg.WriteBack.MemoryWatermark = c.fsync, 0.8
			cfg.WriteBack.QueueType, cfg.WriteBack.Durability = config.QueueKafka, config.DurabilityKafka
			cfg.WriteBack.Kafka.Brokers = []string{servertest.Kafka(t)}
			cfg.WriteBack.Kafka.Topic = fmt.Sprintf("check-%d", time.Now().UnixNano())
			cfg.Tables = map[string]config.Table{"a.careful": {Durability: config.DurabilityReplica}, "a.quick": {Durability: config.DurabilityRedis}, "a.*": {}}
			var out strings.Builder
			err := Check(t.Context(), cfg, &out)
			got := regexp.MustCompile(` {2,}`).ReplaceAllString(out.String(), "  ")
			if err != nil {
				t.Fatalf("%v\n%s", err, got)
			}
			for _, want := range append(c.want, "memory_watermark does nothing", "durability redis  ok", "(a.quick)", "durability kafka  ok", "survives the loss of Redis (a.*)") {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in\n%s", want, got)
				}
			}
		})
	}
}
