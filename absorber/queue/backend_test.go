package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// The lanes of the tests.
const (
	laneA row.Lane = "a"
	laneB row.Lane = "b"
)

// hang is after how long a call that should have returned fails the test. It
// measures nothing.
const hang = 60 * time.Second

// topQueue is what all three implement.
type topQueue interface {
	Queue
	Top(ctx context.Context, lane row.Lane) (row.LSN, error)
}

// backend is a kind of queue. storage makes an empty one and returns how to
// open an instance on it; each instance is closed with the test.
type backend struct {
	name    string
	durable bool // a new instance finds what another one published
	log     bool // and also what has been forgotten
	storage func(t *testing.T) func() topQueue
}

// backends are all kinds. Those on real servers skip without the variable.
var backends = []backend{
	{name: "memory", storage: memoryStorage},
	{name: "miniredis", durable: true, storage: func(t *testing.T) func() topQueue {
		return redisStorage(t, miniredis.RunT(t).Addr())
	}},
	{name: "redis", durable: true, storage: func(t *testing.T) func() topQueue {
		return redisStorage(t, servertest.Redis(t).Addr)
	}},
	{name: "kfake", durable: true, log: true, storage: func(t *testing.T) func() topQueue {
		return kafkaStorage(t, fakeKafka(t))
	}},
	{name: "kafka", durable: true, log: true, storage: func(t *testing.T) func() topQueue {
		return kafkaStorage(t, servertest.Kafka(t))
	}},
}

// each runs a scenario on every backend.
func each(t *testing.T, scenario func(t *testing.T, b backend, open func() topQueue)) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) { scenario(t, b, b.storage(t)) })
	}
}

// memoryStorage forgets with each instance.
func memoryStorage(t *testing.T) func() topQueue {
	return func() topQueue { return closing(t, NewMemory()) }
}

// redisStorage is one server.
func redisStorage(t testing.TB, addr string) func() topQueue {
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = rdb.Close() })
	return func() topQueue { return closing(t, NewRedis(rdb, RedisOptions{})) }
}

// fakeKafka starts a broker in this process.
func fakeKafka(t *testing.T, opts ...kfake.Opt) string {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()[0]
}

// topics counts the topics made, so that each test has its own.
var topics atomic.Int64

// kafkaOptions is a new topic on the broker.
func kafkaOptions(t testing.TB, addr string) KafkaOptions {
	name := fmt.Sprintf("t%d-%s", topics.Add(1), strings.NewReplacer("/", "-").Replace(t.Name()))
	return KafkaOptions{Brokers: []string{addr}, Topic: name, GroupID: name, Lanes: []row.Lane{laneA, laneB}, RequiredAcks: -1}
}

// kafkaStorage is a topic of its own.
func kafkaStorage(t testing.TB, addr string) func() topQueue {
	opts := kafkaOptions(t, addr)
	return func() topQueue { return openKafka(t, opts) }
}

// openKafka opens an instance.
func openKafka(t testing.TB, opts KafkaOptions) *Kafka {
	t.Helper()
	k, err := NewKafka(opts)
	if err != nil {
		t.Fatal(err)
	}
	return closing(t, k)
}

// closing closes q with the test.
func closing[Q topQueue](t testing.TB, q Q) Q {
	t.Cleanup(func() {
		if err := q.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return q
}

// units makes the records from..to of a lane; their content can be told.
func units(lane row.Lane, from, to row.LSN) []wal.Record {
	var recs []wal.Record
	for lsn := from; lsn <= to; lsn++ {
		recs = append(recs, wal.Record{LSN: lsn, Data: fmt.Appendf(nil, "\x00\xff unit %s %d", lane, lsn), Incarnation: "i1"})
	}
	return recs
}

// publish writes units.
func publish(t *testing.T, q Queue, lane row.Lane, from, to row.LSN) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	if err := q.Publish(ctx, lane, units(lane, from, to)); err != nil {
		t.Fatalf("publish %d..%d: %v", from, to, err)
	}
}

// poll polls once. Whatever comes must follow after without a hole and be
// what was published under that LSN.
func poll(t *testing.T, q Queue, lane row.Lane, after row.LSN, limit int) ([]wal.Record, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	recs, err := q.Poll(ctx, lane, after, limit)
	if err != nil {
		if len(recs) > 0 {
			t.Fatalf("poll after %d: records and the error %v", after, err)
		}
		return nil, err
	}
	if len(recs) == 0 || len(recs) > limit {
		t.Fatalf("poll after %d: %d records, at most %d were asked for", after, len(recs), limit)
	}
	want := units(lane, after+1, after+row.LSN(len(recs)))
	for i, rec := range recs {
		if rec.LSN != want[i].LSN || string(rec.Data) != string(want[i].Data) || rec.Incarnation != want[i].Incarnation {
			t.Fatalf("poll after %d: record %d is %d %q %q", after, i, rec.LSN, rec.Data, rec.Incarnation)
		}
	}
	return recs, nil
}

// expect polls until it has the records after+1..to.
func expect(t *testing.T, q Queue, lane row.Lane, after, to row.LSN) {
	t.Helper()
	for after < to {
		recs, err := poll(t, q, lane, after, int(to-after))
		if err != nil {
			t.Fatalf("poll after %d: %v", after, err)
		}
		after += row.LSN(len(recs))
	}
}

// expectGap polls and wants ErrGap.
func expectGap(t *testing.T, q Queue, lane row.Lane, after row.LSN) {
	t.Helper()
	recs, err := poll(t, q, lane, after, 100)
	if !errors.Is(err, ErrGap) {
		t.Fatalf("poll after %d: %d records, error %v; want a gap", after, len(recs), err)
	}
}

// drain is expect with a relay: on a gap it publishes again from after+1.
func drain(t *testing.T, q Queue, lane row.Lane, after, to row.LSN) {
	t.Helper()
	for gaps := 0; after < to; {
		recs, err := poll(t, q, lane, after, 7)
		switch {
		case errors.Is(err, ErrGap):
			if gaps++; gaps > 50 {
				t.Fatalf("poll after %d: the gap stays although it is filled again and again", after)
			}
			publish(t, q, lane, after+1, to)
		case err != nil:
			t.Fatalf("poll after %d: %v", after, err)
		}
		after += row.LSN(len(recs))
	}
}

// forget tells the queue that MySQL has everything up to upto.
func forget(t *testing.T, q Queue, lane row.Lane, upto row.LSN) {
	t.Helper()
	if err := q.Forget(t.Context(), lane, upto); err != nil {
		t.Fatalf("forget %d: %v", upto, err)
	}
}
