package absorber

import (
	"context"
	"slices"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/queue"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// staleRecords are records 1 to 5 of the queue, of units that Redis has lost: of an
// owner of epoch 1.
func staleRecords(t *testing.T) []wal.Record {
	t.Helper()
	old := newPipeline(t)
	for i := range 5 {
		old.commit(pair(row.Insert, 100+i, "lost", 100+i))
	}
	stale, err := old.store.Tail(t.Context(), "main", 0, 5, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range stale {
		stale[i].Epoch = 1
	}
	return stale
}

// TestEmptiedRedisRefusesStale: Redis, which lists the queue's records that are not
// the lane's, is emptied, and no process remembers the list. MySQL does.
func TestEmptiedRedisRefusesStale(t *testing.T) {
	p, stale := newPipeline(t), staleRecords(t)
	p.commit(pair(row.Insert, 200, "kept", 200))
	want := row.Refusals{{Above: 0, Before: 9}}
	p.mark("refused", want.String())
	cfg := p.config()
	cfg.Rebuild = p.store
	w, stop := p.start(cfg)
	p.settled(w)
	stop()
	p.server.set(func(s *server) {
		if !slices.Equal(s.cp.Refused, want) {
			t.Fatalf("MySQL knows of %v, want %v", s.cp.Refused, want)
		}
	})

	p.empty()
	q := queue.NewMemory() // as it is in Kafka
	if err := q.Publish(t.Context(), "main", stale); err != nil {
		t.Fatal(err)
	}
	p.store = wal.New(p.redis, wal.Options{}) // of a process that knows nothing
	cfg = p.config()
	cfg.Owner, cfg.Queue, cfg.Rebuild, cfg.Top, cfg.Above, cfg.Kept = "w2", q, p.store, q.Top, q.Above, true
	_, stop = p.start(cfg)
	defer stop()
	eventually(t, "the lane is rebuilt", func() bool { return p.store.Usable("main") == nil && p.server.checkpoint() > 1000 })
	p.look()
	p.check(true)
	left, err := p.store.Remains(t.Context(), "main")
	if err != nil || !slices.Equal(left.Refused, want) {
		t.Errorf("%v, the new life refuses %v, want %v", err, left.Refused, want)
	}
}

// witness is a queue that asks MySQL, before it publishes, what it knows.
type witness struct {
	queue.Queue
	server *server
	knew   []row.Refusals // one of each Publish
}

func (q *witness) Publish(ctx context.Context, lane row.Lane, recs []wal.Record) error {
	q.server.set(func(s *server) { q.knew = append(q.knew, s.cp.Refused) })
	return q.Queue.Publish(ctx, lane, recs)
}

// TestRefusedIsNotedFirst: before an owner publishes anything, MySQL knows which
// records are not the lane's. Were it told later, and Redis emptied in between, a
// record of a lost unit would be taken for the one that has its LSN now.
func TestRefusedIsNotedFirst(t *testing.T) {
	p := newPipeline(t)
	p.commit(pair(row.Insert, 200, "kept", 200))
	want := row.Refusals{{Above: 0, Before: 9}}
	p.mark("refused", want.String())
	cfg := p.config()
	q := &witness{Queue: cfg.Queue, server: p.server}
	cfg.Queue, cfg.Rebuild = q, p.store
	w, stop := p.start(cfg)
	p.settled(w)
	stop()
	if len(q.knew) == 0 {
		t.Fatal("nothing was published")
	}
	for _, knew := range q.knew {
		if !slices.Equal(knew, want) {
			t.Errorf("a record was published when MySQL knew of %v, want %v", knew, want)
		}
	}
}
