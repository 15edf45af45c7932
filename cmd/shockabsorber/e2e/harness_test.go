package e2e

import (
	"context"
	"database/sql"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/daemon"
)

// proxyUser is who the tests log in as, to the proxy and to the database.
const (
	proxyUser     = "app"
	proxyPassword = "secret"
)

// running is a proxy that runs inside the test.
type running struct {
	daemon.Addresses
	db *servertest.DB
}

// backends are the databases each test of a session runs against.
var backends = []struct {
	name  string
	start func(testing.TB) *servertest.DB
}{
	{"MariaDB", servertest.MariaDB},
	{"MySQL", servertest.MySQL},
}

// settings is the configuration of a proxy in front of db, with Redis of its
// own, before a test changes it.
func settings(t testing.TB, db *servertest.DB, redis string) *config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.Proxy.Listen = "127.0.0.1:0"
	cfg.Proxy.Socket = filepath.Join(t.TempDir(), "p.sock")
	cfg.Users = []config.User{{Name: proxyUser, Password: config.NewSecret(proxyPassword), Admin: true}}
	cfg.Database.Host, cfg.Database.Port = db.Host, db.Port
	cfg.Database.Username, cfg.Database.Password = db.User, config.NewSecret(db.Password)
	cfg.KVStore.Endpoints = []string{redis}
	cfg.Admin.Listen = ""
	return cfg
}

// start runs a proxy until the test ends.
func start(t testing.TB, db *servertest.DB, cfg *config.Config) *running {
	t.Helper()
	r, stop := startStoppable(t, db, cfg)
	t.Cleanup(stop)
	return r
}

// startStoppable runs a proxy until stop is called.
func startStoppable(t testing.TB, db *servertest.DB, cfg *config.Config) (*running, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan daemon.Addresses, 1)
	done := make(chan error, 1)
	level := slog.LevelWarn
	if os.Getenv("SHOCK_ABSORBER_LOG") != "" {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level}))
	go func() {
		done <- daemon.Run(ctx, cfg, daemon.Options{Logger: log, Ready: func(a daemon.Addresses) { ready <- a }})
	}()
	stop := func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the proxy ended with %v", err)
			}
		case <-time.After(time.Minute):
			t.Error("the proxy did not stop")
		}
	}
	select {
	case a := <-ready:
		return &running{Addresses: a, db: db}, stop
	case err := <-done:
		cancel()
		t.Fatalf("the proxy did not start: %v", err)
	}
	return nil, nil
}

// dsn is the address of a database through the proxy.
func (r *running) dsn(database string) string {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd, cfg.DBName = "tcp", r.Proxy, proxyUser, proxyPassword, database
	return cfg.FormatDSN()
}

// open is a pool through the proxy.
func (r *running) open(t *testing.T, database string) *sql.DB {
	t.Helper()
	return openDSN(t, r.dsn(database))
}

// openDSN is a pool on any address.
func openDSN(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	pool, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	return pool
}

// mustExec runs statements and fails the test at the first error.
func mustExec(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// count reads one number.
func count(t *testing.T, db *sql.DB, query string, args ...any) int {
	t.Helper()
	var n int
	if err := db.QueryRow(query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// noDeadLetters fails the test for each write that MySQL refused for good: it
// was acknowledged. The tables tell if another test left it.
func noDeadLetters(t *testing.T, db *sql.DB) {
	t.Helper()
	if letters := rowsOf(t, db, "SELECT tables, cause FROM shock_absorber.dead_letters"); letters != "" {
		t.Errorf("acknowledged, and MySQL refuses it:\n%s", letters)
	}
}

// lane is how far a proxy's only lane is.
type lane struct{ lsn, checkpoint, backlog int }

// readLane asks a proxy about its lane, as an administrator does.
func readLane(t *testing.T, db *sql.DB) lane {
	t.Helper()
	l, err := tryLane(db)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// tryLane is readLane for a proxy that may be away.
func tryLane(db *sql.DB) (l lane, err error) {
	into := make([]any, 12)
	for i := range into {
		into[i] = new(sql.NullString)
	}
	into[1], into[3], into[4] = &l.lsn, &l.checkpoint, &l.backlog
	return l, db.QueryRow("SELECT * FROM shock_absorber.lanes").Scan(into...)
}

// until polls ok until it holds; a test that waits for ever fails by its own
// time limit, this one only names what it waited for.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited two minutes for: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// hostPort splits an address.
func hostPort(t *testing.T, addr string) (string, int) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return host, n
}
