package faults

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// sampleOf sweeps over some labels of the scenario of the application.
func sampleOf(t *testing.T, s *servers, change func(*world), ops ...string) {
	sw := &sweep{servers: s, t: t, scenario: (*world).writes, change: change}
	calls := sw.base()
	for _, op := range ops {
		if calls[op] == 0 {
			t.Errorf("the scenario never meets %s", op)
		}
	}
	sw.sample(calls, ops)
	t.Logf("%d runs", sw.ran.Load())
}

// TestSweepKafka is the sweep of what has to do with the queue where writes
// are acknowledged once Kafka has them.
func TestSweepKafka(t *testing.T) {
	s := newServers(t)
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	ops := []string{"queue.publish", "wal.relayed"}
	if soak(t) > 0 {
		ops = append(ops, "queue.forget", "wal.commit")
	}
	sampleOf(t, s, func(w *world) { w.durability, w.kafka = absorber.DurableKafka, broker.ListenAddrs()[0] }, ops...)
}

// TestSweepReplica is the sweep of commits that a replica has to confirm.
func TestSweepReplica(t *testing.T) {
	s := newServers(t)
	host, port, _ := strings.Cut(s.redis, ":")
	replica := servertest.Redis(t, "--replicaof", host+" "+port)
	rdb := redis.NewClient(&redis.Options{Addr: replica.Addr})
	t.Cleanup(func() { _ = rdb.Close() })
	sampleOf(t, s, func(w *world) { w.durability = absorber.DurableReplica }, "wal.commit")
	if n, err := rdb.DBSize(t.Context()).Result(); err != nil || n == 0 {
		t.Errorf("the replica holds %d keys, %v", n, err)
	}
}
