package absorber

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/client"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// realDesk is a lane that drains into a real server.
type realDesk struct {
	*pipeline
	db   *servertest.DB
	sink *sink.Sink // of the operator
	name string     // the database of the sink's tables
}

// newSink opens another sink.
func (d *realDesk) newSink(t *testing.T) *sink.Sink {
	s := sink.Open(sink.Config{Database: d.name, Dial: func(ctx context.Context) (*client.Conn, error) {
		return client.ConnectWithContext(ctx, d.db.Addr, d.db.User, d.db.Password, "", time.Second, sink.Capabilities)
	}})
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// config is a worker's configuration on the real server, its side effects
// under the fault if there is one.
func (d *realDesk) config(t *testing.T, owner string, f *fault) WorkerConfig {
	cfg := d.withDesk(d.pipeline.config())
	s := d.newSink(t)
	cfg.Owner, cfg.Target, cfg.Desk, cfg.InOrder = owner, s, s, true
	cfg.LeaseTTL, cfg.Grace, cfg.MaxBackoff = 3*time.Second, time.Second, 50*time.Millisecond
	if f != nil {
		cfg.Target, cfg.Desk, cfg.Rows = &failingSink{s, f}, &failingSink{s, f}, &failingRows{d.store, f}
	}
	return cfg
}

// failingSink and failingRows put the fault between a worker and the servers.
type failingSink struct {
	*sink.Sink
	f *fault
}

func (x *failingSink) Apply(ctx context.Context, b sink.Batch) error {
	return x.f.do("apply", func() error { return x.Sink.Apply(ctx, b) })
}

func (x *failingSink) Finish(ctx context.Context, id uint64) error {
	return x.f.do("finish", func() error { return x.Sink.Finish(ctx, id) })
}

type failingRows struct {
	*wal.Store
	f *fault
}

func (x *failingRows) Drop(ctx context.Context, lane row.Lane, rows []wal.RowKey) error {
	return x.f.do("drop", func() error { return x.Store.Drop(ctx, lane, rows) })
}

// open makes the table, drains the poisoned lane into it and gives the letters.
func openDesk(t *testing.T, db *servertest.DB) (*realDesk, []sink.DeadLetter) {
	t.Helper()
	d := &realDesk{pipeline: newPipeline(t), db: db, name: db.Database(t)}
	db.Exec(t, "", "DROP DATABASE IF EXISTS d", "CREATE DATABASE d",
		"CREATE TABLE d.pairs (id INT PRIMARY KEY, v VARCHAR(50) COLLATE utf8mb4_bin, u INT, UNIQUE KEY u (u), CONSTRAINT clean CHECK (v <> 'poison'))")
	d.sink = d.newSink(t)
	if err := d.sink.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.poisoned()
	w, stop := d.start(d.config(t, "w1", nil))
	d.settled(w)
	stop()
	letters, err := d.sink.DeadLetters(t.Context(), "main", 0, 10)
	if err != nil || len(letters) != 3 || letters[0].LSN != 3 || letters[1].LSN != 5 || letters[2].LSN != 6 {
		t.Fatalf("dead letters %+v, %v", letters, err)
	}
	d.expect(t, "1 old 1,50 others 50,51 other 51")
	return d, letters
}

// expect compares the rows in the server.
func (d *realDesk) expect(t *testing.T, want string) {
	t.Helper()
	rs, err := d.db.Open(t, "d").Query("SELECT CONCAT_WS(' ',id,v,u) FROM pairs ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Close()
	var got []string
	for rs.Next() {
		var s string
		if err := rs.Scan(&s); err != nil {
			t.Fatal(err)
		}
		got = append(got, s)
	}
	if strings.Join(got, ",") != want {
		t.Errorf("rows %q, want %q", got, want)
	}
}

// request asks and waits for one of the states.
func (d *realDesk) request(t *testing.T, verb string, letter uint64, argument string, states ...sink.State) *sink.Request {
	t.Helper()
	id, err := d.sink.Ask(t.Context(), verb, letter, "tester", []byte(argument))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.store.Wake(t.Context(), "main"); err != nil {
		t.Fatal(err)
	}
	return d.await(t, id, states...)
}

// await waits for the outcome of a request.
func (d *realDesk) await(t *testing.T, id uint64, states ...sink.State) (r *sink.Request) {
	t.Helper()
	eventually(t, fmt.Sprintf("request %d is %v", id, states), func() bool {
		var err error
		if r, err = d.sink.Request(t.Context(), id); err != nil || r == nil {
			return false // the server may be away
		}
		for _, s := range states {
			if r.State == s {
				return true
			}
		}
		return false
	})
	return r
}

// lettersLeft counts the dead letters.
func (d *realDesk) lettersLeft(t *testing.T) int {
	t.Helper()
	n, err := d.sink.DeadLetterCount(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// realServers are where the desk is tested.
var realServers = map[string]func(testing.TB) *servertest.DB{"MariaDB": servertest.MariaDB, "MySQL": servertest.MySQL}

// An operator's day on a real server: a retry that fails again, an edit, a
// discard, a retry that succeeds.
func TestDeskOnRealServers(t *testing.T) {
	for name, start := range realServers {
		t.Run(name, func(t *testing.T) {
			d, letters := openDesk(t, start(t))
			d.start(d.config(t, "w2", nil))
			r := d.request(t, sink.VerbRetry, letters[0].ID, "", sink.StateFailed, sink.StateDone)
			if r.State != sink.StateFailed || !strings.Contains(r.Result, "clean") || d.lettersLeft(t) != 3 {
				t.Fatalf("%+v", r)
			}
			d.expect(t, "1 old 1,50 others 50,51 other 51")
			r = d.request(t, sink.VerbEdit, letters[0].ID, `[{"column":"v","value":"it's \\ cured"}]`, sink.StateFailed, sink.StateDone)
			if r.State != sink.StateDone {
				t.Fatalf("%+v", r)
			}
			r = d.request(t, sink.VerbDiscard, letters[1].ID, "", sink.StateFailed, sink.StateDone)
			if r.State != sink.StateDone || d.lettersLeft(t) != 2 {
				t.Fatalf("%+v", r)
			}
			r = d.request(t, sink.VerbRetry, letters[2].ID, "", sink.StateFailed, sink.StateDone)
			if r.State != sink.StateDone || d.lettersLeft(t) != 0 {
				t.Fatalf("%+v", r)
			}
			d.expect(t, `1 it's \ cured 8,2 with it 2,50 others 50,51 other 51`)
			d.gatesAreOpen(t)
		})
	}
}

// The drainer and the database die together before or after each step of a
// retry. Whoever comes next finishes it: exactly once, in order.
func TestRetryOnRealServersThatCrash(t *testing.T) {
	for name, start := range realServers {
		t.Run(name, func(t *testing.T) {
			db := start(t)
			for at := range 3 { // apply, drop, finish
				for _, after := range []bool{false, true} {
					t.Run(fmt.Sprintf("at=%d,after=%v", at, after), func(t *testing.T) { crashRetry(t, db, at, after) })
				}
			}
		})
	}
}

// crashRetry kills drainer and database at one side effect of a retry.
func crashRetry(t *testing.T, db *servertest.DB, at int, after bool) {
	d, letters := openDesk(t, db)
	db.Exec(t, "d", "ALTER TABLE pairs DROP CONSTRAINT clean")
	d.fill(1, "old 1")
	crashed := make(chan struct{})
	f := &fault{at: at, after: after, dies: true, killed: func() { db.Kill(); close(crashed) }}
	id, err := d.sink.Ask(t.Context(), sink.VerbRetry, letters[1].ID, "tester", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, stop := d.start(d.config(t, "w2", f))
	<-crashed
	stop()
	db.Restart(t)
	w, _ := d.start(d.config(t, "w3", nil))
	r := d.await(t, id, sink.StateDone, sink.StateFailed)
	if r.State != sink.StateDone || r.Result != "applied 3 dead letters" || d.lettersLeft(t) != 0 || d.cached(1) != "" {
		t.Errorf("%s: %+v, %d letters, cached %q", f.hit, r, d.lettersLeft(t), d.cached(1))
	}
	d.expect(t, "1 poison 8,2 with it 2,50 others 50,51 other 51")
	sweep(t, d.pipeline)
	d.commit(uOnly(1, "poison", 9))
	d.settled(w)
	d.expect(t, "1 poison 9,2 with it 2,50 others 50,51 other 51")
}
