package differential

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/rawclient"
)

const metamorphicSteps = 70

// variant is a way to run the proxy that must make no difference to a client.
type variant struct {
	name   string
	setup  setup
	colder bool
}

// writeBack is a setup that changes how writes reach MySQL.
func writeBack(change func(*config.WriteBack)) setup {
	return func(cfg *config.Config, _ string) { change(&cfg.WriteBack) }
}

// variants are tried one after the other; the first is the one that the others
// are compared with.
func variants(t *testing.T) []variant {
	broker := servertest.Kafka(t)
	topic := fmt.Sprintf("differential-%d", time.Now().UnixNano())
	kafka := 0
	return []variant{
		{name: "defaults"},
		{name: "queue in Redis", setup: writeBack(func(w *config.WriteBack) { w.QueueType = config.QueueRedis })},
		{name: "queue in Kafka", setup: func(cfg *config.Config, _ string) {
			kafka++
			cfg.WriteBack.QueueType, cfg.WriteBack.Kafka.Brokers = config.QueueKafka, []string{broker}
			cfg.WriteBack.Kafka.Topic = fmt.Sprintf("%s-%d", topic, kafka)
		}},
		{name: "batches of 1", setup: writeBack(func(w *config.WriteBack) { w.BatchSize = 1 })},
		{name: "batches of 500", setup: writeBack(func(w *config.WriteBack) { w.BatchSize, w.DrainRate = 500, fastRate })},
		{name: "no coalescing", setup: writeBack(func(w *config.WriteBack) { w.Coalesce = false })},
		{name: "16 lanes", setup: sixteenLanes},
		{name: "TTL 0", setup: writeBack(func(w *config.WriteBack) { w.DefaultTTL = config.Duration{} })},
		{name: "cold cache", colder: true},
	}
}

// sixteenLanes gives each table a lane of its own. Each lane waits on Redis
// connections of its own: with the default pool_size of 10 every statement that
// drains would wait for one for half a second.
func sixteenLanes(cfg *config.Config, database string) {
	clear(cfg.Tables)
	cfg.KVStore.PoolSize = 100
	for i := range 16 {
		cfg.Tables[fmt.Sprintf("%s.t%d", database, i)] = config.Table{Lane: fmt.Sprintf("%s_%d", database, i)}
	}
}

// TestMetamorphic plays the same chapter under different settings: all answers
// and the tables in the end have to be the same. With SHOCK_ABSORBER_SOAK it
// goes on with more chapters, half of the time on each server.
func TestMetamorphic(t *testing.T) {
	limit := soak(t) / time.Duration(len(servers))
	for _, server := range servers {
		t.Run(server.name, func(t *testing.T) {
			r := newRun(t, server.start(t), server.mysql, servertest.Number(t, "SHOCK_ABSORBER_SEED", usualSeed))
			a := newArena(t, r.db, "meta")
			all := variants(t)
			until := time.Now().Add(limit)
			for n := uint64(1); n == 1 || time.Now().Before(until); n++ {
				if err := r.variants(a, n, all); err != nil {
					t.Fatal(err)
				}
			}
			t.Log(r.ledger)
		})
	}
}

// variants plays chapter n under all variants.
func (r *run) variants(a *arena, n uint64, all []variant) error {
	var first [][][]byte
	for _, v := range all {
		if err := a.clear(); err != nil {
			return err
		}
		fresh := func() *chapter { return newChapter(r.seed, n, metamorphicSteps, r.mysql) }
		var answers [][][]byte
		how := playing{setup: v.setup, colder: v.colder, ledger: r.ledger, answers: func(a [][]byte) { answers = append(answers, a) }}
		start := time.Now()
		found, err := a.play(fresh(), how)
		r.t.Logf("chapter %d under %s took %v", n, v.name, time.Since(start).Round(time.Millisecond))
		if err != nil {
			return fmt.Errorf("%s, seed %d chapter %d: %w", v.name, r.seed, n, err)
		}
		for _, d := range found {
			if r.first(d.signature) {
				c, d := a.shrink(fresh(), d, how, shrinkTime)
				r.t.Errorf("%s, seed %d chapter %d: %s\n%s", v.name, r.seed, n, d.signature, c.script(d))
			}
		}
		if first == nil {
			first = answers
		}
		for i := range min(len(first), len(answers)) {
			if d := rawclient.Differing(first[i], answers[i]); d != "" && len(found) == 0 {
				d = strings.NewReplacer("direct ", all[0].name+" ", "proxied ", v.name+" ").Replace(d)
				r.t.Errorf("seed %d chapter %d, answer %d under %s:%s", r.seed, n, i, v.name, d)
				break
			}
		}
	}
	return a.rest()
}

// unnamed is a response without the name of the databases it is about.
func (s *stage) unnamed(packets [][]byte) [][]byte {
	out := make([][]byte, len(packets))
	for i, p := range packets {
		out[i] = bytes.ReplaceAll(p, []byte(s.direct), bytes.Repeat([]byte{'d'}, len(s.direct)))
	}
	return out
}
