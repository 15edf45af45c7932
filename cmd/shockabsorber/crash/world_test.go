package crash

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/serial"
)

// patience bounds each wait for something that must come. It only names what
// did not come; the machine may be busy.
const patience = 3 * time.Minute

// setting is one combination of servers.
type setting struct {
	name  string
	db    func(testing.TB) *servertest.DB
	queue string // "memory", "redis", "kafka"
	level string // durability
}

// tables are what the clients write to. Each round uses keys of its own.
var tables = []string{
	"CREATE TABLE counter (id INT NOT NULL PRIMARY KEY, n BIGINT NOT NULL, last VARCHAR(24) NOT NULL)",
	"CREATE TABLE trail (id INT NOT NULL PRIMARY KEY, n BIGINT NOT NULL, ops MEDIUMTEXT NOT NULL)",
	"CREATE TABLE pair (id INT NOT NULL PRIMARY KEY, n BIGINT NOT NULL)",
	"CREATE TABLE entry (id BIGINT NOT NULL PRIMARY KEY AUTO_INCREMENT, client INT NOT NULL, seq INT NOT NULL, note VARCHAR(40) NOT NULL, UNIQUE KEY who (client, seq))",
	"CREATE TABLE balance (id INT NOT NULL PRIMARY KEY, n BIGINT NOT NULL, last VARCHAR(24) NOT NULL)",
	"CREATE TABLE steady (id BIGINT NOT NULL PRIMARY KEY AUTO_INCREMENT, client INT NOT NULL, seq BIGINT NOT NULL, note VARCHAR(40) NOT NULL)",
	"CREATE TABLE r (id INT NOT NULL PRIMARY KEY, v BIGINT NOT NULL)",
}

// world is everything that can be killed.
type world struct {
	t        *testing.T
	setting  setting
	seed     uint64
	db       *servertest.DB
	redis    *servertest.RedisServer
	kafka    *servertest.KafkaServer // nil unless it is the queue
	proxies  []*servertest.Daemon
	drainer  *servertest.Daemon
	pools    []*sql.DB // one for each proxy
	direct   *sql.DB
	rdb      *redis.Client
	database string
	file     string // configuration of the first proxy
	began    time.Time
	kills    map[string]int
}

// newWorld starts two proxies and a drainer, each a process, on servers of
// which Redis is this test's own.
func newWorld(t *testing.T, s setting, seed uint64, extra string) *world {
	t.Helper()
	w := &world{t: t, setting: s, seed: seed, db: s.db(t), began: time.Now(), kills: map[string]int{}}
	w.database = w.db.Database(t)
	w.db.Exec(t, "", "DROP DATABASE IF EXISTS shock_absorber") // of the test before, on the same server
	w.db.Exec(t, w.database, tables...)
	w.db.Exec(t, w.database, append(bankTables, serial.Table)...)
	w.direct = w.db.Open(t, w.database)
	// What was acknowledged must survive kill -9: always, the strictest file.
	w.redis = servertest.Redis(t, "--appendfsync", "always")
	w.rdb = redis.NewClient(&redis.Options{Addr: w.redis.Addr})
	t.Cleanup(func() { _ = w.rdb.Close() })
	queue := fmt.Sprintf("queue_type = %q\n", s.queue)
	if s.level != "" {
		queue += fmt.Sprintf("durability = %q\n", s.level)
	}
	if s.queue == "kafka" {
		w.kafka = servertest.KafkaBroker(t)
		queue += fmt.Sprintf("[writeback.kafka]\nbrokers = [%q]\ntopic = \"crash-%d\"\ngroup_id = \"crash-%[2]d\"\n", w.kafka.Addr, time.Now().UnixNano())
	}
	for range 2 {
		addr := servertest.FreeAddr(t)
		file := w.config(addr, "", queue, extra)
		w.proxies = append(w.proxies, servertest.StartDaemon(t, addr, "serve", "--config", file))
		if w.file == "" {
			w.file = file
		}
		w.pools = append(w.pools, w.open(addr))
	}
	admin := servertest.FreeAddr(t)
	w.drainer = servertest.StartDaemon(t, admin, "drain", "--config", w.config("", admin, queue, extra))
	return w
}

// config writes a configuration file.
func (w *world) config(listen, admin, queue, extra string) string {
	w.t.Helper()
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	text := fmt.Sprintf(`[proxy]
listen = %q
[[users]]
name = %q
password = %q
admin = true
[database]
host = %q
port = %d
username = "root"
password = %q
[kvstore]
endpoints = [%q]
[writeback]
drain_rate = 400
batch_size = 50
default_ttl = "3s"
%s
[tables."%s.*"]
%s
[admin]
listen = %q
`, listen, servertest.AppUser, w.db.Password, w.db.Host, w.db.Port, w.db.Password, w.redis.Addr, queue, w.database, extra, admin)
	file := filepath.Join(w.t.TempDir(), "config.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return file
}

// open is a pool on a proxy.
func (w *world) open(addr string) *sql.DB {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd, cfg.DBName = "tcp", addr, servertest.AppUser, w.db.Password, w.database
	cfg.Timeout, cfg.ReadTimeout, cfg.InterpolateParams, cfg.Logger = 5*time.Second, 40*time.Second, true, &mysql.NopLogger{}
	pool, err := sql.Open("mysql", cfg.FormatDSN())
	if err != nil {
		w.t.Fatal(err)
	}
	pool.SetMaxIdleConns(32)
	w.t.Cleanup(func() { _ = pool.Close() })
	return pool
}

// now is the time since the world began, on a clock that never goes back.
func (w *world) now() time.Duration { return time.Since(w.began) }

// until polls ok until it holds.
func (w *world) until(what string, ok func() error) {
	w.t.Helper()
	w.untilWithin(patience, what, ok)
}

// untilWithin is until with another limit.
func (w *world) untilWithin(limit time.Duration, what string, ok func() error) {
	w.t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("seed %d: waited %v for %s: %v", w.seed, limit, what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// meta is how far the lane is in Redis.
func (w *world) meta() (lsn, settled uint64, err error) {
	var v struct {
		LSN     uint64 `redis:"lsn"`
		Settled uint64 `redis:"settled"`
	}
	err = w.rdb.HMGet(context.Background(), "sa:{main}:meta", "lsn", "settled").Scan(&v)
	return v.LSN, v.Settled, err
}

// drained waits until all servers answer and everything is in MySQL.
func (w *world) drained() {
	w.t.Helper()
	w.answering()
	w.emptied(patience)
}

// answering waits until both proxies answer a statement that needs MySQL.
func (w *world) answering() {
	w.t.Helper()
	for i, p := range w.pools {
		w.until(fmt.Sprintf("proxy %d to answer", i+1), func() error {
			var n int
			return p.QueryRow("SELECT COUNT(*) FROM counter").Scan(&n)
		})
	}
}

// emptied waits until nothing waits for MySQL any more.
func (w *world) emptied(limit time.Duration) {
	w.t.Helper()
	w.untilWithin(limit, "the backlog to drain", func() error {
		lsn, settled, err := w.meta()
		if err == nil && lsn != settled {
			err = fmt.Errorf("settled up to %d of %d", settled, lsn)
		}
		return err
	})
}

// audit runs `shockabsorber audit` and fails the test unless it finds nothing.
func (w *world) audit(when string) int {
	w.t.Helper()
	out, err := exec.Command(servertest.Program(w.t), "audit", "--rate", "0", "--config", w.file).CombinedOutput()
	if err == nil {
		return 0
	}
	w.t.Errorf("seed %d: audit %s: %v\n%s", w.seed, when, err, out)
	return strings.Count(string(out), "\n")
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
