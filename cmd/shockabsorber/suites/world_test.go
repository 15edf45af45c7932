package suites

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/daemon"
)

// envSoak asks for everything instead of the short forms.
const envSoak = "SHOCK_ABSORBER_SOAK"

// whole reports whether everything is to run.
func whole() bool { return os.Getenv(envSoak) != "" }

// TestMain sets the time zone that MariaDB's tests expect of their server. The
// servers of this package inherit it.
func TestMain(m *testing.M) {
	if err := os.Setenv("TZ", "GMT-3"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// installed is a folder below the one that .ci/setup fetches suites into.
// Without it there is nothing to run, which is a failure.
func installed(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("SHOCK_ABSORBER_SUITES")
	if dir == "" {
		dir = "/var/cache/shock-absorber/suites"
	}
	dir = filepath.Join(dir, name)
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("%v: run .ci/setup", err)
	}
	return dir
}

// target is a server that a suite is pointed at: the real one, or the proxy.
type target struct {
	host, port, socket       string
	user, password, database string
}

// addr is host:port.
func (s target) addr() string { return net.JoinHostPort(s.host, s.port) }

// dsn is the address in the form of Go's driver.
func (s target) dsn() string {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd, cfg.DBName = "tcp", s.addr(), s.user, s.password, s.database
	return cfg.FormatDSN()
}

// world is a server, and a proxy in front of it that absorbs every table.
type world struct {
	direct, proxied target
	admin           string // of the proxy, host:port
}

// newWorld starts both. account is who the suites log in as; it must exist in
// the server. change, if not nil, changes the configuration of the proxy.
func newWorld(t *testing.T, db *servertest.DB, user, password string, change func(*config.Config)) *world {
	t.Helper()
	cfg := config.Default()
	cfg.Proxy.Listen = "127.0.0.1:0"
	// A socket's path may have no more than 107 bytes: not below t.TempDir.
	sockets, err := os.MkdirTemp("", "suites")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(sockets) })
	cfg.Proxy.Socket = filepath.Join(sockets, "p.sock")
	cfg.Users = []config.User{{Name: user, Password: config.NewSecret(password), Admin: true}}
	cfg.Database.Host, cfg.Database.Port = db.Host, db.Port
	cfg.Database.Username, cfg.Database.Password = db.User, config.NewSecret(db.Password)
	cfg.KVStore.Endpoints = []string{servertest.Redis(t).Addr}
	cfg.Admin.Listen = "127.0.0.1:0"
	// Slow enough that statements meet rows that MySQL does not have yet.
	cfg.WriteBack.DrainRate = 20
	cfg.Tables = map[string]config.Table{"*.*": {}}
	if change != nil {
		change(cfg)
	}
	a := serve(t, cfg)
	w := &world{admin: a.Admin}
	w.direct = target{host: db.Host, port: strconv.Itoa(db.Port), socket: db.Socket, user: user, password: password}
	host, port, err := net.SplitHostPort(a.Proxy)
	if err != nil {
		t.Fatal(err)
	}
	w.proxied = target{host: host, port: port, socket: cfg.Proxy.Socket, user: user, password: password}
	return w
}

// serve runs a proxy until the test ends.
func serve(t *testing.T, cfg *config.Config) daemon.Addresses {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan daemon.Addresses, 1), make(chan error, 1)
	out := t.Output()
	if path := os.Getenv("SHOCK_ABSORBER_LOG"); path != "" {
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		out = f
	}
	log := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelWarn}))
	go func() {
		done <- daemon.Run(ctx, cfg, daemon.Options{Logger: log, Ready: func(a daemon.Addresses) { ready <- a }})
	}()
	select {
	case a := <-ready:
		t.Cleanup(func() {
			cancel()
			select {
			case err := <-done:
				if err != nil {
					t.Errorf("the proxy ended with %v", err)
				}
			case <-time.After(2 * time.Minute):
				t.Error("the proxy did not stop")
			}
		})
		return a
	case err := <-done:
		cancel()
		t.Fatalf("the proxy did not start: %v", err)
	}
	return daemon.Addresses{}
}

// open is a pool on a target, closed when the test ends.
func (s target) open(t *testing.T) *sql.DB {
	t.Helper()
	pool, err := sql.Open("mysql", s.dsn())
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

// statementsLine is a line of the counter of statements.
var statementsLine = regexp.MustCompile(`^shockabsorber_statements_total\{reason="([^"]*)",verb="([^"]*)"\} (\S+)`)

// counters are statements that name an absorbed table.
type counters struct {
	absorbed, all float64
	reasons       map[string]float64 // of those that were not absorbed
}

// counters reads what the proxy has done so far.
func (w *world) counters(t *testing.T) counters {
	t.Helper()
	resp, err := http.Get("http://" + w.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	c := counters{reasons: map[string]float64{}}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		m := statementsLine.FindStringSubmatch(lines.Text())
		if m == nil || m[2] == "barrier" { // a barrier is counted beside its statement
			continue
		}
		n, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			t.Fatal(err)
		}
		c.all += n
		if m[1] == "" {
			c.absorbed += n
		} else {
			c.reasons[m[1]] += n
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

// since is what happened after an earlier reading.
func (c counters) since(before counters) counters {
	d := counters{absorbed: c.absorbed - before.absorbed, all: c.all - before.all, reasons: map[string]float64{}}
	for reason, n := range c.reasons {
		if n -= before.reasons[reason]; n > 0 {
			d.reasons[reason] = n
		}
	}
	return d
}

// plus is what happened here and there.
func (c counters) plus(other counters) counters {
	sum := counters{absorbed: c.absorbed + other.absorbed, all: c.all + other.all, reasons: maps.Clone(c.reasons)}
	for reason, n := range other.reasons {
		sum.reasons[reason] += n
	}
	return sum
}

// share prints how many of the statements were absorbed.
func (c counters) share() string {
	if c.all == 0 {
		return "0 of 0"
	}
	return fmt.Sprintf("%.0f of %.0f (%.0f %%)", c.absorbed, c.all, 100*c.absorbed/c.all)
}
