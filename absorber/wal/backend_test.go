package wal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// backend is a server that the conformance suite runs on. All cases share it
// and keep apart by their key prefix.
type backend struct {
	name string
	addr string
	mini *miniredis.Miniredis // nil for a real server
}

// backends runs f on the memory twin and, with SHOCK_ABSORBER_REAL=1, on the
// real servers.
func backends(t *testing.T, f func(t *testing.T, b *backend)) {
	t.Run("miniredis", func(t *testing.T) {
		m := miniredis.RunT(t)
		f(t, &backend{name: "miniredis", addr: m.Addr(), mini: m})
	})
	t.Run("redis7", func(t *testing.T) { f(t, &backend{name: "redis7", addr: servertest.Redis(t).Addr}) })
	t.Run("redis8", func(t *testing.T) { f(t, &backend{name: "redis8", addr: servertest.Redis8(t).Addr}) })
	t.Run("valkey", func(t *testing.T) { f(t, &backend{name: "valkey", addr: servertest.Valkey(t).Addr}) })
}

// env is what a case works with: a lane of its own and a process's store on it.
type env struct {
	ahead time.Duration // how far the clock of miniredis is ahead
	*testing.T
	b      *backend
	prefix string
	rdb    redis.UniversalClient
	s      *Store
	ctx    context.Context
	st     TableState // of table "db.t"
	seq    map[string]uint64
}

// table and lane of most cases.
const (
	table = "db.t"
	main0 = row.Lane("main")
)

// newEnv opens the lane in a store that runs until the test ends.
func newEnv(t *testing.T, b *backend) *env {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	e := &env{T: t, b: b, prefix: "sa" + randomHex(4), ctx: ctx, seq: map[string]uint64{}}
	e.s, e.rdb = e.process(b.addr, Options{})
	e.st = e.open(e.s)
	return e
}

// process starts a store as another process would, through addr.
func (e *env) process(addr string, o Options) (*Store, redis.UniversalClient) {
	e.Helper()
	rdb, err := Dial(DialOptions{Endpoints: []string{addr}})
	if err != nil {
		e.Fatal(err)
	}
	o.Prefix, o.Logger = e.prefix, quiet()
	s := New(rdb, o)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	e.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			e.Errorf("run: %v", err)
		}
		if err := rdb.Close(); err != nil {
			e.Errorf("close: %v", err)
		}
	})
	return s, rdb
}

// quiet is a logger for tests that provoke warnings.
func quiet() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
}

// open opens the lane in s and gives the table's state.
func (e *env) open(s *Store) TableState {
	e.Helper()
	if _, err := s.Open(e.ctx, main0); err != nil {
		e.Fatal(err)
	}
	return e.info(s).TableState
}

// info is the state of the table.
func (e *env) info(s *Store) TableInfo {
	e.Helper()
	infos, err := s.TableStates(e.ctx, main0, []string{table})
	if err != nil {
		e.Fatal(err)
	}
	return infos[0]
}

// progress is how far the lane is.
func (e *env) progress() Progress {
	e.Helper()
	p, err := e.s.Progress(e.ctx, main0)
	if err != nil {
		e.Fatal(err)
	}
	return p
}

// unit makes an empty commit of a writer with its next sequence number.
func (e *env) unit(writer string) *Commit {
	e.seq[writer]++
	return &Commit{
		Unit: &row.Unit{ID: row.UnitID{Writer: writer, Seq: e.seq[writer]}, Lane: main0, AcceptedMs: 1700000000000},
		Gens: map[string]uint64{table: e.st.Gen},
	}
}

// put adds the write of a row to the commit; "" is a delete.
func (c *Commit) put(key, image string) *Commit {
	k := RowKey{table, row.Key(key)}
	m := row.Mutation{Table: table, Key: k.Key, Op: row.Insert, Schema: 7, Image: row.Image{[]byte(key), []byte(image)}}
	w := RowWrite{RowKey: k, Schema: 7, Image: []byte(image)}
	if image == "" {
		m.Op, w.Image = row.Delete, nil
	}
	c.Unit.Mutations = append(c.Unit.Mutations, m)
	c.Writes = append(c.Writes, w)
	return c
}

// claim adds a claim of a unique value for a row.
func (c *Commit) claim(value, owner string) *Commit {
	c.Claims = append(c.Claims, ClaimWrite{claimKey(value), row.Key(owner)})
	return c
}

// release adds the release of a unique value by a row.
func (c *Commit) release(value, owner string) *Commit {
	c.Releases = append(c.Releases, ClaimWrite{claimKey(value), row.Key(owner)})
	return c
}

// seen adds what a Read said of a row as a witness.
func (c *Commit) seen(key string, r Row) *Commit {
	c.Reads = append(c.Reads, RowRead{RowKey: RowKey{table, row.Key(key)}, Version: r.Version, Lease: r.Lease})
	return c
}

// unclaimed adds the lease of a unique value as a witness.
func (c *Commit) unclaimed(value string, cl Claim) *Commit {
	c.ClaimReads = append(c.ClaimReads, ClaimRead{claimKey(value), cl.Lease})
	return c
}

// claimKey names a value of the table's unique index.
func claimKey(value string) ClaimKey { return ClaimKey{table, "email", value} }

// commit commits through the case's store and must succeed.
func (e *env) commit(c *Commit) row.LSN {
	e.Helper()
	lsn, err := e.s.Commit(e.ctx, c)
	if err != nil {
		e.Fatalf("commit: %v", err)
	}
	return lsn
}

// refuse commits and must get the error.
func (e *env) refuse(c *Commit, want error) {
	e.Helper()
	lsn, err := e.s.Commit(e.ctx, c)
	if !errors.Is(err, want) {
		e.Fatalf("commit gave %d, %v; want %v", lsn, err, want)
	}
}

// read looks one row up, with a lease.
func (e *env) read(key string) Row {
	e.Helper()
	rows, err := e.s.Read(e.ctx, main0, e.st, []RowKey{{table, row.Key(key)}}, true)
	if err != nil {
		e.Fatalf("read: %v", err)
	}
	return rows[0]
}

// readClaim looks one unique value up.
func (e *env) readClaim(value string) Claim {
	e.Helper()
	claims, err := e.s.ReadClaims(e.ctx, main0, e.st, []ClaimKey{claimKey(value)})
	if err != nil {
		e.Fatalf("read claim: %v", err)
	}
	return claims[0]
}

// fill stores a row as read from MySQL.
func (e *env) fill(key, lease, image string) (Row, error) {
	return e.s.Fill(e.ctx, main0, e.st, RowKey{table, row.Key(key)}, lease, 7, []byte(image), time.Minute)
}

// settle settles rows with a TTL of a minute.
func (e *env) settle(upto row.LSN, keys ...string) {
	e.Helper()
	var rows []SettleRow
	for _, k := range keys {
		rows = append(rows, SettleRow{RowKey{table, row.Key(k)}, time.Minute})
	}
	if err := e.s.Settle(e.ctx, main0, 1, upto, rows); err != nil {
		e.Fatalf("settle: %v", err)
	}
}

// tail reads everything after an LSN without waiting.
func (e *env) tail(after row.LSN) []Record {
	e.Helper()
	recs, err := e.s.Tail(e.ctx, main0, after, 1000, 0)
	if err != nil {
		e.Fatalf("tail: %v", err)
	}
	return recs
}

// pass lets time go by for the server.
func (e *env) pass(d time.Duration) {
	if e.b.mini != nil {
		e.b.mini.FastForward(d)
		e.ahead += d // its clock stands until the next one
		e.b.mini.SetTime(time.Now().Add(e.ahead))
		e.Cleanup(func() { e.b.mini.SetTime(time.Time{}) })
		return
	}
	time.Sleep(d)
}

// wantRow compares a row with an image; "" is a tombstone.
func (e *env) wantRow(key, image string, dirty bool) {
	e.Helper()
	r := e.read(key)
	got := fmt.Sprintf("found=%v dirty=%v tombstone=%v schema=%d image=%q", r.Found, r.Dirty, r.Tombstone, r.Schema, r.Image)
	want := fmt.Sprintf("found=true dirty=%v tombstone=%v schema=7 image=%q", dirty, image == "", image)
	if got != want {
		e.Errorf("row %q: %s; want %s", key, got, want)
	}
}

// kind is the kind of a pipeline error, or "none".
func kind(err error) string {
	var e *row.Error
	if errors.As(err, &e) {
		return e.Kind.String()
	}
	return "none"
}

// scenario is a case of the conformance suite.
type scenario struct {
	name string
	run  func(e *env)
}

// conform runs scenarios on every backend.
func conform(t *testing.T, scenarios []scenario) {
	backends(t, func(t *testing.T, b *backend) {
		for _, sc := range scenarios {
			t.Run(sc.name, func(t *testing.T) { sc.run(newEnv(t, b)) })
		}
	})
}
