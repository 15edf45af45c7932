package differential

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/daemon"
)

// password opens the account that all clients use.
const password = "secret"

// arena is what chapters are played on, one after the other: a database server,
// a Redis, and databases and a proxy made anew for each.
type arena struct {
	t     *testing.T
	db    *servertest.DB
	admin *sql.DB // on the server, without a database
	redis *redis.Client
	addr  string // of Redis
	name  string // prefix of the databases
	made  int

	ahead    map[*chapter]chan error // chapters whose databases are being made, and what tells of the end
	closing  chan error              // of the stage whose proxy is being stopped; nil for none
	dropping errgroup.Group
}

// newArena makes one. name is part of the names of its databases.
func newArena(t *testing.T, db *servertest.DB, name string) *arena {
	t.Helper()
	a := &arena{t: t, ahead: map[*chapter]chan error{}, db: db, admin: db.Open(t, ""), addr: servertest.Redis(t).Addr, name: name}
	a.redis = redis.NewClient(&redis.Options{Addr: a.addr})
	t.Cleanup(func() { _ = a.redis.Close() })
	return a
}

// stage is a chapter being played.
type stage struct {
	*arena
	direct, proxied string // the databases
	cfg             *config.Config
	addresses       daemon.Addresses
	stop            func() error
	metrics         *prometheus.Registry
	operator        *sql.DB // through the proxy
	observer        *side   // on the server, to compare the tables
	pairs           []*pair
	slow            bool
}

// setup changes the configuration of the proxy before it starts.
type setup func(*config.Config, string)

// leave clears a stage away while the next one is set up.
func (a *arena) leave(s *stage) error {
	err := a.rest()
	closing := make(chan error, 1)
	a.closing = closing
	a.dropping.Go(func() error {
		closing <- s.halt()
		return s.drop()
	})
	return err
}

// rest waits until nothing uses Redis any more.
func (a *arena) rest() error {
	if a.closing == nil {
		return nil
	}
	err := <-a.closing
	a.closing = nil
	return err
}

// finish waits until everything is cleared away.
func (a *arena) finish() error { return errors.Join(a.rest(), a.dropping.Wait()) }

// clear empties Redis, when nothing uses it.
func (a *arena) clear() error {
	return errors.Join(a.rest(), a.redis.FlushAll(context.Background()).Err())
}

// prepare begins to make the databases of a chapter.
func (a *arena) prepare(c *chapter) {
	a.made++
	c.names = [2]string{fmt.Sprintf("%s_d%04d", a.name, a.made), fmt.Sprintf("%s_p%04d", a.name, a.made)}
	done := make(chan error, 1)
	a.ahead[c] = done
	go func() {
		err := a.createTables(c, c.names[0])
		if err == nil {
			err = a.createTables(c, c.names[1])
		}
		done <- err
	}()
}

// open starts the proxy over the databases of a chapter, which it makes if they
// are not there.
func (a *arena) open(c *chapter, change setup) (*stage, error) {
	if a.ahead[c] == nil {
		a.prepare(c)
	}
	err := <-a.ahead[c]
	if delete(a.ahead, c); err != nil {
		return nil, err
	}
	s := &stage{arena: a, direct: c.names[0], proxied: c.names[1]}
	cfg := config.Default()
	cfg.Proxy.Listen, cfg.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
	cfg.Users = []config.User{{Name: servertest.AppUser, Password: config.NewSecret(password), Admin: true}}
	cfg.Database.Host, cfg.Database.Port = a.db.Host, a.db.Port
	cfg.Database.Username, cfg.Database.Password = a.db.User, config.NewSecret(a.db.Password)
	cfg.KVStore.Endpoints = []string{a.addr}
	cfg.WriteBack.DrainRate = slowRate
	// A lane of its own: the checkpoints of all arenas are in one schema.
	cfg.Tables = map[string]config.Table{s.proxied + ".*": {Lane: s.proxied}}
	if change != nil {
		change(cfg, s.proxied)
	}
	s.cfg = cfg
	return s, s.start()
}

// The rates between which events switch, in rows per second.
const (
	slowRate = 0.5
	fastRate = 100000
)

// createTables makes one database.
func (a *arena) createTables(c *chapter, name string) error {
	conn, err := a.admin.Conn(context.Background())
	if err != nil {
		return err
	}
	defer conn.Close()
	statements := []string{"CREATE DATABASE " + name, "USE " + name}
	for _, t := range c.tables {
		statements = append(statements, t.ddl())
	}
	for _, s := range statements {
		if _, err := conn.ExecContext(context.Background(), s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// start runs the proxy.
func (s *stage) start() error {
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan daemon.Addresses, 1), make(chan error, 1)
	var log *slog.Logger
	if os.Getenv("SHOCK_ABSORBER_LOG") != "" {
		log = slog.New(slog.NewTextHandler(s.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	s.metrics = prometheus.NewRegistry()
	go func() {
		done <- daemon.Run(ctx, s.cfg, daemon.Options{Logger: log, Metrics: s.metrics, Ready: func(a daemon.Addresses) { ready <- a }})
	}()
	s.stop = func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(time.Minute):
			return errors.New("the proxy did not stop within a minute")
		}
	}
	select {
	case s.addresses = <-ready:
	case err := <-done:
		cancel()
		return fmt.Errorf("the proxy did not start: %w", err)
	}
	var err error
	s.operator, err = sql.Open("mysql", fmt.Sprintf("%s:%s@tcp(%s)/", servertest.AppUser, password, s.addresses.Proxy))
	return err
}

// drop drops the databases.
func (s *stage) drop() (err error) {
	for _, name := range []string{s.direct, s.proxied} {
		_, derr := s.admin.Exec("DROP DATABASE IF EXISTS " + name)
		err = errors.Join(err, derr)
	}
	return err
}

// halt ends the sessions and the proxy.
func (s *stage) halt() error {
	for _, p := range s.pairs {
		p.close()
	}
	s.pairs = nil
	err := errors.Join(s.operator.Close(), s.stop())
	if s.observer != nil {
		err = errors.Join(err, s.observer.Close())
		s.observer = nil
	}
	return err
}

// happen does an event.
func (s *stage) happen(e event) error {
	call := func(sql string) error {
		_, err := s.operator.Exec(sql)
		if err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
		return nil
	}
	switch e {
	case drain:
		return call("CALL shock_absorber.drain()")
	case cold:
		if err := call("CALL shock_absorber.drain()"); err != nil {
			return err
		}
		return s.forget()
	case slow:
		return call(fmt.Sprintf("CALL shock_absorber.set_rate('%v')", slowRate))
	case fast:
		return call(fmt.Sprintf("CALL shock_absorber.set_rate('%v')", fastRate))
	case restart:
		if err := s.halt(); err != nil {
			return err
		}
		return s.start()
	}
	return fmt.Errorf("no event %q", e)
}

// forget drops what the row cache holds; nothing may be pending.
func (s *stage) forget() error {
	ctx := context.Background()
	rows := s.redis.Scan(ctx, 0, "*:row:*", 1000).Iterator()
	for rows.Next(ctx) {
		if err := s.redis.Del(ctx, rows.Val()).Err(); err != nil {
			return err
		}
	}
	return rows.Err()
}
