package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/daemon"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/spike"
)

// The demo's database and login, at MySQL and at the proxy alike.
const (
	database = "demo"
	user     = "demo"
	password = "demo"
)

// errDone ends the group when --once is through.
var errDone = errors.New("done")

// demo starts everything, sends the burst and reports. Parts stop in the
// reverse order of their start: proxy first, then what it talks to.
func demo(ctx context.Context, s settings, out io.Writer) error {
	dir, err := os.MkdirTemp("", "shock-absorber-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	redis, err := startRedis()
	if err != nil {
		return fmt.Errorf("start the embedded Redis: %w", err)
	}
	defer redis.Close()
	kafka, err := startKafka()
	if err != nil {
		return fmt.Errorf("start the embedded Kafka: %w", err)
	}
	defer kafka.Close()
	db, err := startDatabase(ctx, dir, s.mysqld)
	if err != nil {
		return err
	}
	defer db.stop()
	fmt.Fprintf(out, "MySQL    %s at %s\nRedis    miniredis at %s\nKafka    kfake at %s\n", db.what, db.addr, redis.Addr(), kafka.ListenAddrs()[0])

	cfg := configure(s, db.addr, redis.Addr(), kafka.ListenAddrs())
	if err := cfg.Validate(); err != nil {
		return err
	}
	logger := slog.New(slog.DiscardHandler)
	if s.verbose {
		logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	ready := make(chan daemon.Addresses, 1)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return passTime(ctx, redis) })
	g.Go(func() error {
		return daemon.Run(ctx, cfg, daemon.Options{Logger: logger, Ready: func(a daemon.Addresses) { ready <- a }})
	})
	g.Go(func() error {
		select {
		case a := <-ready:
			return burst(ctx, s, a, db.addr, out)
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if err := g.Wait(); !errors.Is(err, errDone) {
		return err
	}
	return nil
}

// configure is the configuration of the proxy: the defaults, the addresses of
// the stand-ins, one user, and the demo's tables absorbed.
func configure(s settings, mysqlAddr, redisAddr string, kafka []string) *config.Config {
	cfg := config.Default()
	cfg.Proxy.Listen = s.listen
	cfg.Admin.Listen = "127.0.0.1:0"
	cfg.Users = []config.User{{Name: user, Password: config.NewSecret(password), Database: database}}
	cfg.Database.Host, cfg.Database.Port = splitAddress(mysqlAddr)
	cfg.Database.Username, cfg.Database.Password = user, config.NewSecret(password)
	cfg.KVStore.Endpoints = []string{redisAddr}
	cfg.WriteBack.DrainRate = s.drain
	cfg.WriteBack.QueueType = config.QueueKafka
	cfg.WriteBack.Kafka.Brokers = kafka
	cfg.Tables = map[string]config.Table{database + ".*": {}}
	return cfg
}

// burst sends the payments through an ordinary driver, reports, and then
// either ends the demo or waits to be tried by hand.
func burst(ctx context.Context, s settings, a daemon.Addresses, mysqlAddr string, out io.Writer) error {
	through, direct := dsn(a.Proxy), dsn(mysqlAddr)
	proxy, err := sql.Open("mysql", through)
	if err != nil {
		return err
	}
	defer proxy.Close()
	mysqlDB, err := sql.Open("mysql", direct)
	if err != nil {
		return err
	}
	defer mysqlDB.Close()
	fmt.Fprintf(out, "Proxy    %s, status at http://%s/api/status\n\n", a.Proxy, a.Admin)
	fmt.Fprintf(out, "Sending %v payments per second for %v; MySQL may get %v row changes per second.\n", s.rate, s.duration, s.drain)
	show := newDisplay(out)
	rep, err := spike.Run(ctx, spike.Config{
		Proxy: proxy, Direct: mysqlDB, Run: "demo", Rate: s.rate, Duration: s.duration,
		Watch: 20 * time.Millisecond, Every: show.every, Progress: show.progress,
	})
	show.end()
	rep.Print(out)
	allowed := int64(s.drain + max(1, s.drain/10)) // drain_burst 0
	switch {
	case err != nil:
		return err
	case s.once && !rep.OK():
		return errUnequal
	case s.once && rep.Peak > allowed:
		return fmt.Errorf("%d rows reached MySQL within one second; drain_rate and burst allow %d", rep.Peak, allowed)
	case s.once:
		fmt.Fprintln(out, "\nEvery row arrived unchanged.")
		return errDone
	}
	fmt.Fprintf(out, "\nStill serving. Try:\n  mysql --host=127.0.0.1 --port=%s --user=%s --password=%s %s\n  DSN for Go: %s\nPress ^C to end.\n",
		port(a.Proxy), user, password, database, through)
	<-ctx.Done()
	return errDone
}

// dsn is the address of the demo's database at addr, for the Go driver.
func dsn(addr string) string {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr, cfg.DBName = user, password, "tcp", addr, database
	return cfg.FormatDSN()
}
