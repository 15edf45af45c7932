package faults

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// writes is the scenario of the application: statements on both processes,
// with what stands in their way.
func (w *world) writes() {
	gone := w.deadHolder()
	w.insert(0, "hist", "a1;", 1, 2, 3)
	w.read(1, "hist", 1, 2, 3)
	w.update(1, "hist", "b2;", 0, 1)
	w.update(0, "hist", "a3;", 0, 1, 2)
	w.read(1, "hist", 20, 21, 50) // not in the cache; 50 does not exist
	w.update(0, "hist", "a4;", 0, 20, 22)
	w.update(1, "hist", "b5;", 0, 23)
	w.remove(0, "hist", 3)
	w.update(0, "hist", "a6;", 11, 1) // its value moves on to the next row
	w.replace(1, 4, 10, "b7;")
	w.replace(0, 5, 11, "a8;") // row 1 gives way
	w.insert(1, "hist", "b9;", 3)
	w.generate(0, 0, "x1;", "x2;")
	w.generate(1, 0, "x3;")
	w.generate(1, 100, "x4;")
	w.clash(1, 90, 100, "y;")
	w.generate(0, 0, "x5;")
	w.generateBehind(1, "x9;")
	w.insert(0, "trusted", "t1;", 1) // MySQL will refuse it
	w.insert(1, "trusted", "t2;", 2)
	w.synchronous(0, "g1;", 0)
	w.update(1, "hist", "b10;", 0, 2, 4, 20)
	w.pauseAndResume()
	w.handOver()
	w.update(0, "hist", "a11;", 0, 2, 5)
	w.remove(1, "hist", 4)
	w.synchronous(1, "g2;", gateLease/3) // its lease is renewed meanwhile
	w.read(0, "hist", 2, 3, 4, 5, 20)
	w.retryLetters()
	w.stealLane()
	w.update(1, "hist", "b12;", 0, 2, 3, 21)
	w.update(0, "hist", "a13;", 0, 2)
	w.drainTo(1)
	w.read(1, "hist", 1, 2, 3)
	w.update(0, "hist", "a14;", 0, 2, 22) // clean rows
	w.transaction(0, "x6;", 2, 22, 8)
	w.deadTransaction(2)
	w.update(1, "hist", "b15;", 0, 2, 22)
	w.opens("gated", gone)
}

// synchronous is a statement that is not absorbed: behind a shut gate it
// writes to MySQL, while another session's commit waits; then it does nothing for
// a while.
func (w *world) synchronous(i int, token string, idle time.Duration) {
	p := w.process(i)
	conn, id := w.session()
	defer conn.Close()
	waits := make(chan struct{})
	go func() { // a commit that comes while the gate is closed
		defer close(waits)
		other := w.process(i + 1)
		ctx, cancel := context.WithTimeout(other.ctx, 20*time.Second)
		defer cancel()
		_ = other.store.WantGate(ctx, w.lane, w.database+".hist")
	}()
	h := p.engine.NewHold(nil, fmt.Sprintf("%s.%s", p.name, token), id)
	shut := w.do(p, "close the gate for "+token, func(ctx context.Context) error {
		return h.Close(ctx, []schema.Name{{DB: w.database, Table: "hist"}})
	})
	<-waits
	if shut == done {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		_, err := conn.ExecContext(ctx, "UPDATE "+w.database+".hist SET v=CONCAT(v,'"+token+"')")
		cancel()
		w.note("synchronous %s: %v", token, err)
		var next []state
		for _, s := range w.states {
			if err != nil { // killed: it may have committed
				next = add(next, s)
			}
			s = state(cloneOf(s))
			for k := range s {
				if strings.HasPrefix(k, "hist/") {
					s.append(k, token, 0)
				}
			}
			next = add(next, s)
		}
		if err != nil && !p.dead.Load() && h.Lost() == nil {
			w.failf("the statement behind the gate: %v", err)
		}
		w.states = next
	}
	<-time.After(idle)
	w.do(p, "open the gate for "+token, func(ctx context.Context) error { return h.Drop(ctx) })
}

// cloneOf copies a state.
func cloneOf(s state) map[string]string {
	out := make(map[string]string, len(s))
	for k, v := range s {
		out[k] = v
	}
	return out
}

// session opens a connection to MySQL and tells its id.
func (w *world) session() (*sql.Conn, uint64) {
	conn, err := w.conns.Conn(context.Background())
	if err != nil {
		w.failf("%v", err)
	}
	var id uint64
	if err := conn.QueryRowContext(context.Background(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		w.failf("%v", err)
	}
	return conn, id
}

// deadHolder closes the gate of gated for a session whose process has died:
// nobody renews its lease, and its connection still runs.
func (w *world) deadHolder() *sql.Conn {
	conn, id := w.session()
	w.insist("a holder that dies", func(ctx context.Context, p *process) error {
		_, err := p.store.JoinGate(ctx, w.lane, w.database+".gated", fmt.Sprintf("gone-%s-%d", p.name, time.Now().UnixNano()), id, 300*time.Millisecond, wal.JoinFirst)
		if errors.Is(err, wal.ErrGated) {
			return nil // an attempt without an answer has closed it
		}
		return err
	})
	return conn
}

// opens waits until the gate of a dead holder has opened. Its connection must
// be gone by then.
func (w *world) opens(table string, conn *sql.Conn) {
	defer conn.Close()
	w.eventually("the gate of a dead holder opens", func() bool {
		p := w.process(0)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		infos, err := p.store.TableStates(ctx, w.lane, []string{w.database + "." + table})
		return err == nil && infos[0].Gate == wal.GateOpen
	})
	if err := conn.PingContext(context.Background()); err == nil {
		w.failf("the gate of a dead holder has opened, and its connection lives")
	}
	w.update(0, table, "c1;", 0, 1)
}

// pauseAndResume pauses the lane for a statement.
func (w *world) pauseAndResume() {
	w.insist("pause", func(ctx context.Context, p *process) error { return p.store.SetPaused(ctx, w.lane, true) })
	w.update(0, "hist", "p1;", 0, 2)
	w.update(1, "hist", "p2;", 0, 2)
	w.insist("resume", func(ctx context.Context, p *process) error { return p.store.SetPaused(ctx, w.lane, false) })
}

// owner is the living process whose worker owns the lane, nil if none does.
func (w *world) owner() *process {
	for _, p := range w.all {
		if !p.dead.Load() && p.worker.Load().Stats().Owned {
			return p
		}
	}
	return nil
}

// handOver ends the worker that owns the lane; its connection to MySQL stays
// open. Another takes over, and the first contends again.
func (w *world) handOver() {
	w.eventually("somebody drains the lane", func() bool { return w.owner() != nil })
	p := w.owner()
	if p == nil {
		return
	}
	p.rest()
	w.update(0, "hist", "h1;", 0, 3)
	w.eventually("somebody else drains the lane", func() bool {
		o := w.owner()
		return o != nil || w.alone() != nil
	})
	if !p.dead.Load() {
		p.work()
	}
}

// alone is the only process that lives, nil if there are more.
func (w *world) alone() *process {
	var last *process
	for _, p := range w.all {
		if !p.dead.Load() {
			if last != nil {
				return nil
			}
			last = p
		}
	}
	return last
}

// stealLane ends the lane's lease in Redis, as one that was not renewed in
// time: two workers may then believe that they own the lane.
func (w *world) stealLane() {
	key := fmt.Sprintf("%s:{%s}:owner", w.prefix, w.lane)
	if err := w.admin.Set(context.Background(), key, "thief", 50*time.Millisecond).Err(); err != nil {
		w.failf("%v", err)
	}
}

// drainTo drains ahead of the rate, as a statement that needs MySQL does.
func (w *world) drainTo(i int) {
	p := w.process(i)
	w.do(p, "drain", func(ctx context.Context) error {
		_, err := p.engine.Barrier(ctx, nil, []schema.Name{{DB: w.database, Table: "hist"}, {DB: w.database, Table: "auto"}}, nil)
		return err
	})
}

// retryLetters takes what stood in the way of the dead letters out of MySQL
// and has them applied, until none is left.
func (w *world) retryLetters() {
	key := "trusted/1"
	for _, s := range w.states {
		if s[key] == "" {
			return // not acknowledged, or not known: see the end
		}
	}
	w.eventually("the refused unit stands in the dead letters", func() bool { return len(w.letters()) > 0 })
	w.cure()
	w.block()
	w.retryAll()
}

// block holds the gate of trusted for a while, without a connection: a retry
// has to wait for it.
func (w *world) block() {
	w.insist("hold the gate of trusted", func(ctx context.Context, p *process) error {
		_, err := p.store.JoinGate(ctx, w.lane, w.database+".trusted", p.name+".blocker", 0, 700*time.Millisecond, wal.JoinFirst)
		if errors.Is(err, wal.ErrGated) {
			return nil // an attempt without an answer has closed it
		}
		return err
	})
	<-time.After(150 * time.Millisecond) // longer than GateWindow: nobody may join
}

// cure removes the row that MySQL refused the unit for.
func (w *world) cure() {
	if err := w.direct("DELETE FROM ~.trusted WHERE v='direct;'"); err != nil {
		w.failf("%v", err)
	}
}

// retryAll asks for a retry of all dead letters and waits for their end.
func (w *world) retryAll() {
	for round := 0; ; round++ {
		letters := w.letters()
		if len(letters) == 0 {
			return
		}
		if round > 20 {
			w.failf("dead letters stay: %+v", letters)
		}
		var id uint64
		w.insist("ask for a retry", func(ctx context.Context, p *process) (err error) {
			id, err = p.desk.Ask(ctx, sink.VerbRetry, letters[0].ID, "tester", nil)
			if errors.Is(err, sink.ErrNoLetter) {
				return nil // an earlier request, of which no answer came, has been served
			}
			return err
		})
		w.insist("wake", func(ctx context.Context, p *process) error { return p.store.Wake(ctx, w.lane) })
		if id == 0 {
			continue
		}
		w.update(0, "hist", "r;", 0, 2) // ends the drainer's wait for something to drain
		var r *sink.Request
		w.eventually("the retry has an outcome", func() bool {
			p := w.process(0)
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			var err error
			r, err = p.desk.Request(ctx, id)
			return err == nil && r != nil && (r.State == sink.StateDone || r.State == sink.StateFailed)
		})
		w.insist("delete old requests", func(ctx context.Context, p *process) error {
			_, err := p.desk.Purge(ctx, time.Hour)
			return err
		})
		w.note("retry of letter %d: %s %s", letters[0].ID, r.State, r.Result)
	}
}

// letters are the lane's dead letters.
func (w *world) letters() (all []sink.DeadLetter) {
	w.insist("list the dead letters", func(ctx context.Context, p *process) (err error) {
		all, err = p.desk.DeadLetters(ctx, w.lane, 0, 100)
		return err
	})
	return all
}
