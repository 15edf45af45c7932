package absorber

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/queue"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// pipeline is a lane: a WAL on miniredis, a memory twin of MySQL, and what the
// proxy believes the rows to be.
type pipeline struct {
	t       *testing.T
	store   *wal.Store
	redis   redis.UniversalClient
	server  *server
	state   wal.TableState
	history []row.Unit // with LSNs
	seq     uint64
	claimed map[row.Key]wal.ClaimKey // by rows as the proxy sees them
}

// newPipeline opens an empty lane.
func newPipeline(t *testing.T) *pipeline {
	t.Helper()
	mr := miniredis.RunT(t)
	rdb, err := wal.Dial(wal.DialOptions{Endpoints: []string{mr.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	p := &pipeline{t: t, redis: rdb, store: wal.New(rdb, wal.Options{}), server: &server{rows: table{}}, claimed: map[row.Key]wal.ClaimKey{}}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.store.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		_ = rdb.Close()
	})
	if _, err := p.store.Open(t.Context(), "main"); err != nil {
		t.Fatal(err)
	}
	states, err := p.store.TableStates(t.Context(), "main", []string{"d.pairs"})
	if err != nil {
		t.Fatal(err)
	}
	p.state = states[0].TableState
	return p
}

// commit acknowledges a unit as the engine does.
func (p *pipeline) commit(ms ...row.Mutation) row.LSN {
	p.t.Helper()
	p.seq++
	u := row.Unit{ID: row.UnitID{Writer: "w", Seq: p.seq}, Lane: "main", AcceptedMs: 1, Mutations: ms}
	c := &wal.Commit{Unit: &u, Gens: map[string]uint64{"d.pairs": p.state.Gen}}
	last := map[row.Key]row.Mutation{}
	for _, m := range ms {
		last[m.Key] = m
	}
	for k, m := range last {
		w := wal.RowWrite{RowKey: wal.RowKey{Table: m.Table, Key: k}, Schema: 1}
		key, _, err := claimKey(pairs, pairs.Uniques[0], m.Image)
		if err != nil {
			p.t.Fatal(err)
		}
		if old, ok := p.claimed[k]; ok && (old != key || m.Op == row.Delete) {
			c.Releases = append(c.Releases, wal.ClaimWrite{ClaimKey: old, Owner: k})
			delete(p.claimed, k)
		}
		if m.Op != row.Delete {
			w.Image = m.Image.AppendTo(nil)
			c.Claims = append(c.Claims, wal.ClaimWrite{ClaimKey: key, Owner: k})
			p.claimed[k] = key
		}
		c.Writes = append(c.Writes, w)
	}
	lsn, err := p.store.Commit(p.t.Context(), c)
	if err != nil {
		p.t.Fatalf("commit %v: %v", ms, err)
	}
	u.LSN = lsn
	p.history = append(p.history, u)
	return lsn
}

// config is a worker's configuration on the lane, with nothing in its way.
func (p *pipeline) config() WorkerConfig {
	return WorkerConfig{
		Lane: "main", Owner: "w1", Log: p.store, Leases: p.store, Queue: queue.NewMemory(), Target: p.server,
		Table:   func(string, uint32) *schema.Table { return pairs },
		Limiter: NewLimiter(LimiterConfig{Rate: 1e6}), LeaseTTL: 300 * time.Millisecond,
		RetryBackoff: time.Millisecond, MaxBackoff: 5 * time.Millisecond, Grace: 50 * time.Millisecond, LossGrace: time.Millisecond,
	}
}

// start runs a worker until stop is called; stop waits for it.
func (p *pipeline) start(cfg WorkerConfig) (w *Worker, stop func()) {
	w = NewWorker(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	stopped := false
	stop = func() {
		cancel()
		if !stopped {
			stopped = true
			if err := <-done; err != nil {
				p.t.Errorf("Run: %v", err)
			}
		}
	}
	p.t.Cleanup(stop)
	return w, stop
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// settled waits until everything committed is settled.
func (p *pipeline) settled(w *Worker) {
	p.t.Helper()
	want := p.history[len(p.history)-1].LSN
	var got wal.Progress
	eventually(p.t, "the lane is drained", func() bool {
		var err error
		if got, err = p.store.Progress(p.t.Context(), "main"); err != nil {
			p.t.Fatal(err)
		}
		return got.Settled >= want
	})
	_ = w
}

// check compares MySQL and Redis with what the history must have come to: the
// units one after the other, dead letters and what waits behind them left out.
//
// Which units MySQL refuses depends on the batches: a refused value that a
// later unit of the same batch replaces is folded away and never seen. So the
// dead letters are taken from MySQL; each must have had a cause, and no unit
// may have overtaken one. exact says that nothing is folded: then each unit
// that has a cause must be there.
func (p *pipeline) check(exact bool) {
	p.t.Helper()
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	dead := map[row.LSN]bool{}
	for i, l := range p.server.letters {
		u, err := wal.Decode(l.Unit)
		if err != nil || u.ID.Seq != uint64(l.LSN) || l.Cause == "" || l.Tables != "d.pairs" || dead[l.LSN] || i > 0 && l.LSN < p.server.letters[i-1].LSN {
			p.t.Errorf("dead letter %+v: %v", l, err)
		}
		dead[l.LSN] = true
	}
	want, parked := table{}, map[row.Key]bool{}
	for _, u := range p.history {
		next, behind, refused := maps.Clone(want), false, false
		for _, m := range u.Mutations {
			behind = behind || parked[m.Key]
			if next.apply(m) != nil {
				refused = true
				next.force(m)
			}
		}
		switch {
		case dead[u.LSN] && !behind && !refused:
			p.t.Errorf("lsn %d is a dead letter without a cause", u.LSN)
		case !dead[u.LSN] && behind:
			p.t.Errorf("lsn %d overtook a dead letter", u.LSN)
		case !dead[u.LSN] && refused && exact:
			p.t.Errorf("lsn %d should be a dead letter", u.LSN)
		}
		if !dead[u.LSN] {
			want = next
			continue
		}
		for _, m := range u.Mutations {
			parked[m.Key] = true
		}
	}
	if fmt.Sprint(p.server.rows) != fmt.Sprint(want) {
		p.t.Errorf("MySQL has %d rows\n%q\nwant %d\n%q", len(p.server.rows), p.server.rows, len(want), want)
	}
	p.checkCache(want, parked)
}

// checkCache looks at Redis: nothing is dirty or claimed any more, and no row
// shows what MySQL does not have.
func (p *pipeline) checkCache(want table, parked map[row.Key]bool) {
	p.t.Helper()
	infos, err := p.store.TableStates(p.t.Context(), "main", []string{"d.pairs"})
	if err != nil || infos[0].Dirty != 0 {
		p.t.Errorf("%d rows are dirty, %v", infos[0].Dirty, err)
	}
	for _, u := range p.history {
		for _, m := range u.Mutations {
			rk := wal.RowKey{Table: m.Table, Key: m.Key}
			rows, err := p.store.Read(p.t.Context(), "main", p.state, []wal.RowKey{rk}, false)
			if err != nil {
				p.t.Fatal(err)
			}
			r := rows[0]
			im, there := want[m.Key]
			if r.Found && (parked[m.Key] || !there || string(r.Image) != string(im.AppendTo(nil))) {
				p.t.Errorf("row %x is cached as %q, MySQL has %q", m.Key, r.Image, im)
			}
			key, _, err := claimKey(pairs, pairs.Uniques[0], m.Image)
			if err != nil {
				p.t.Fatal(err)
			}
			if cs, err := p.store.ReadClaims(p.t.Context(), "main", p.state, []wal.ClaimKey{key}); err != nil || cs[0].Held {
				p.t.Errorf("%s is still claimed, %v", m.Image[2], err)
			}
		}
	}
}

// scribble commits n random units that follow from each other, with unique
// values that move from row to row and, if poison, writes that MySQL refuses.
func (p *pipeline) scribble(rnd *rand.Rand, n int, poison bool) {
	p.t.Helper()
	rows := map[int]int{} // id -> u
	holder := map[int]bool{}
	for range n {
		var ms []row.Mutation
		var freed []int // free for the next unit
		for range 1 + rnd.IntN(3)*rnd.IntN(2) {
			id, v := rnd.IntN(12), fmt.Sprint("v", rnd.IntN(1000))
			if poison && rnd.IntN(25) == 0 {
				v = "poison"
			}
			u := rnd.IntN(40)
			old, there := rows[id]
			if holder[u] {
				u = old
			}
			if !there && holder[u] {
				continue
			}
			switch {
			case !there:
				ms = append(ms, pair(row.Insert, id, v, u))
				rows[id], holder[u] = u, true
			case rnd.IntN(3) == 0:
				ms = append(ms, pair(row.Delete, id, "gone", old))
				delete(rows, id)
				freed = append(freed, old)
			default:
				ms = append(ms, pair(row.Update, id, v, u))
				if u != old {
					freed = append(freed, old)
				}
				rows[id], holder[u] = u, true
			}
		}
		for _, u := range freed {
			holder[u] = false
		}
		for _, u := range rows {
			holder[u] = true
		}
		if len(ms) > 0 {
			p.commit(ms...)
		}
	}
}

func TestWorkerDrainsWhatWasCommitted(t *testing.T) {
	for _, inOrder := range []bool{false, true} {
		for _, poison := range []bool{false, true} {
			t.Run(fmt.Sprintf("inOrder=%v,poison=%v", inOrder, poison), func(t *testing.T) {
				for seed := range uint64(3) {
					p := newPipeline(t)
					p.scribble(rand.New(rand.NewPCG(seed, 1)), 100, poison)
					cfg := p.config()
					cfg.InOrder = inOrder
					cfg.BatchSize = 1 + int(seed)*19
					w, stop := p.start(cfg)
					p.scribbleMore(w)
					stop()
					p.check(inOrder || !poison)
				}
			})
		}
	}
}

// scribbleMore commits while the worker drains, and waits for the end.
func (p *pipeline) scribbleMore(w *Worker) {
	p.t.Helper()
	for i := range 20 {
		p.commit(pair(row.Insert, 1000+i, "late", 1000+i))
	}
	p.settled(w)
}

// The process dies at each of its side effects in turn, before or after the
// effect; or the effect fails once and the process goes on. In every case the
// next worker, with an empty queue, brings the lane to the same end.
func TestEverySideEffectMayFail(t *testing.T) {
	for _, dies := range []bool{false, true} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("dies=%v,after=%v", dies, after), func(t *testing.T) {
				for at := 0; ; at++ {
					p := newPipeline(t)
					p.scribble(rand.New(rand.NewPCG(uint64(at), 2)), 8, at%2 == 1)
					p.commit(pair(row.Insert, 700, "poison", 700))
					crashed := make(chan struct{})
					f := &fault{at: at, after: after, dies: dies, killed: func() { close(crashed) }}
					x := faulty{p.store, queue.NewMemory(), p.server, f}
					cfg := p.config()
					cfg.Log, cfg.Target, cfg.Queue, cfg.BatchSize = x, x, x, 4
					_, stop := p.start(cfg)
					last := p.history[len(p.history)-1].LSN
					eventually(t, "the crash or the end", func() bool {
						select {
						case <-crashed:
							return true
						default:
						}
						pr, err := p.store.Progress(t.Context(), "main")
						return err == nil && pr.Settled == last
					})
					stop()
					cfg = p.config()
					cfg.Owner = "w2"
					w, stop := p.start(cfg)
					p.commit(pair(row.Insert, 500, "after", 500))
					p.settled(w)
					stop()
					p.check(false)
					if len(p.server.letters) == 0 {
						t.Error("no dead letter")
					}
					if t.Failed() {
						t.Fatalf("fault at %d, %s", at, f.hit)
					}
					if f.passed() {
						if at < 10 {
							t.Fatalf("only %d side effects", at)
						}
						return
					}
				}
			})
		}
	}
}
