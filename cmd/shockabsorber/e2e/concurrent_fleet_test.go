package e2e

import (
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// fleet is several proxies on one Redis and one database.
type fleet struct {
	db       *servertest.DB
	database string
	redis    string
	direct   *sql.DB
	proxies  []*running
	pools    []*sql.DB // one for each proxy
}

// newFleet makes the tables and starts n proxies that absorb them, draining
// fast, with clean rows that live a second: everything that can race does.
func newFleet(t *testing.T, db *servertest.DB, n int, tables []string, ddl ...string) *fleet {
	t.Helper()
	f := &fleet{db: db, database: db.Database(t)}
	db.Exec(t, f.database, ddl...)
	f.direct = db.Open(t, f.database)
	redis := servertest.Redis(t).Addr
	f.redis = redis
	for range n {
		cfg := settings(t, db, redis)
		cfg.WriteBack.DrainRate = 5000
		cfg.Admin.Listen = "127.0.0.1:0"
		cfg.WriteBack.DefaultTTL = config.Duration{Duration: time.Second}
		cfg.Tables = map[string]config.Table{}
		for _, name := range tables {
			cfg.Tables[f.database+"."+name] = config.Table{}
		}
		proxy := start(t, db, cfg)
		f.proxies = append(f.proxies, proxy)
		pool := proxy.open(t, f.database)
		pool.SetMaxIdleConns(64)
		f.pools = append(f.pools, pool)
	}
	return f
}

// pool is the proxy that a client uses.
func (f *fleet) pool(client int) *sql.DB { return f.pools[client%len(f.pools)] }

// drained waits until no proxy knows of anything pending.
func (f *fleet) drained(t *testing.T) {
	t.Helper()
	until(t, "the backlog to drain", func() bool {
		for _, p := range f.pools {
			if l, err := tryLane(p); err != nil || l.backlog != 0 {
				return false
			}
		}
		return true
	})
	noDeadLetters(t, f.pools[0])
}

// absorbed fails the test if fewer units than least went through the WAL.
func (f *fleet) absorbed(t *testing.T, least int) {
	t.Helper()
	if l := readLane(t, f.pools[0]); l.lsn < least {
		t.Errorf("%d units were committed, want at least %d: the statements were not absorbed", l.lsn, least)
	}
}

// clients runs n clients at the same time and waits for all of them.
func clients(n int, do func(client int)) {
	var wg sync.WaitGroup
	for c := range n {
		wg.Go(func() { do(c) })
	}
	wg.Wait()
}

// code is the server's error number, 0 for none and -1 for an error that no
// server sent.
func code(err error) int {
	var my *mysql.MySQLError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &my):
		return int(my.Number)
	}
	return -1
}

// stopper ends background clients.
type stopper struct {
	ch chan struct{}
	wg sync.WaitGroup
}

// newStopper makes one; background clients have stopped when the test ends.
func newStopper(t *testing.T) *stopper {
	s := &stopper{ch: make(chan struct{})}
	t.Cleanup(s.stop)
	return s
}

// loop calls do again and again until stop.
func (s *stopper) loop(do func(round int)) {
	s.wg.Go(func() {
		for i := 0; !s.stopped(); i++ {
			do(i)
		}
	})
}

// stopped reports whether stop was called.
func (s *stopper) stopped() bool {
	select {
	case <-s.ch:
		return true
	default:
		return false
	}
}

// stop ends the loops and waits for them; it may be called twice.
func (s *stopper) stop() {
	if !s.stopped() {
		close(s.ch)
	}
	s.wg.Wait()
}
