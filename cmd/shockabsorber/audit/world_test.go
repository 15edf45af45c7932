package audit_test

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/audit"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/daemon"
)

// prefix is what the lane's keys begin with.
const prefix = "sa:{main}:"

// stage is a system with rows that are clean and rows that wait for MySQL.
type stage struct {
	t        *testing.T
	db       *servertest.DB
	direct   *sql.DB
	rdb      *redis.Client
	database string
	cfg      *config.Config
	file     string
	topic    string
	broker   string
	proxy    *servertest.Daemon
	pool     *sql.DB
	tables   map[string]uint32 // schema version, of rows in the log
}

// newStage starts a proxy and gives it rows: 1 to 5 are in MySQL and cached;
// of 11 to 15 there are updates, a delete and inserts that wait.
func newStage(t *testing.T, db *servertest.DB) *stage {
	t.Helper()
	return newStageWith(t, db, fmt.Sprintf("queue_type = \"kafka\"\n[writeback.kafka]\nbrokers = [%q]", servertest.Kafka(t)))
}

// newStageWith is newStage with another queue.
func newStageWith(t *testing.T, db *servertest.DB, queue string) *stage {
	t.Helper()
	s := &stage{t: t, db: db, database: db.Database(t), topic: fmt.Sprintf("audit-%d", time.Now().UnixNano())}
	if strings.Contains(queue, "kafka") {
		s.broker = servertest.Kafka(t)
		queue += fmt.Sprintf("\ntopic = %q", s.topic)
	}
	db.Exec(t, "", "DROP DATABASE IF EXISTS shock_absorber") // of the test before, on the same server
	db.Exec(t, s.database, "CREATE TABLE item (id INT NOT NULL PRIMARY KEY AUTO_INCREMENT, name VARCHAR(20) NOT NULL, n INT NOT NULL, f FLOAT NULL, note TEXT NULL, UNIQUE KEY by_name (name))",
		"INSERT INTO item VALUES (1, 'a', 1, 0.1, NULL), (2, 'b', 2, 123456.789, ''), (3, 'c', 3, NULL, 'x'), (4, 'd', 4, 1, 'y'), (5, 'e', 5, 1, 'z'), (11, 'k', 11, 1, 'k'), (12, 'l', 12, 1, 'l'), (13, 'm', 13, 1, 'm')")
	s.direct = db.Open(t, s.database)
	r := servertest.Redis(t)
	s.rdb = redis.NewClient(&redis.Options{Addr: r.Addr})
	t.Cleanup(func() { _ = s.rdb.Close() })
	addr := servertest.FreeAddr(t)
	s.file = filepath.Join(t.TempDir(), "config.toml")
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
drain_rate = 1000
%s
[tables.%q]
[admin]
listen = ""
`, addr, servertest.AppUser, db.Password, db.Host, db.Port, db.Password, r.Addr, queue, s.database+".item")
	if err := os.WriteFile(s.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.cfg, err = config.Load(s.file); err != nil {
		t.Fatal(err)
	}
	s.proxy = servertest.StartDaemon(t, addr, "serve", "--config", s.file)
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User, c.Passwd, c.DBName, c.InterpolateParams = "tcp", addr, servertest.AppUser, db.Password, s.database, true
	if s.pool, err = sql.Open("mysql", c.FormatDSN()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.pool.Close() })
	for id := 1; id <= 5; id++ {
		s.exec("UPDATE item SET n = n + 100 WHERE id = ?", id)
	}
	s.until("the first writes to drain", func() bool { return s.mark("settled") == 5 })
	return s
}

// pend makes writes that wait, and stops everything.
func (s *stage) pend() {
	s.t.Helper()
	s.exec("CALL shock_absorber.pause()")
	s.exec("UPDATE item SET n = n + 1 WHERE id = 11") // 6
	s.exec("UPDATE item SET n = n + 1 WHERE id = 11") // 7
	s.exec("UPDATE item SET note = 'new' WHERE id = 12")
	s.exec("DELETE FROM item WHERE id = 13")
	s.exec("INSERT INTO item (name, n) VALUES ('pending', 1)") // 10
	s.until("the queue to have them", func() bool { return s.mark("relayed") == 10 })
	s.proxy.Kill()
	s.until("the lane's lease to end", func() bool { return s.rdb.Exists(context.Background(), prefix+"owner").Val() == 0 })
}

// exec runs a statement through the proxy.
func (s *stage) exec(query string, args ...any) {
	s.t.Helper()
	if _, err := s.pool.Exec(query, args...); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
}

// do runs one command on Redis.
func (s *stage) do(args ...any) {
	s.t.Helper()
	if err := s.rdb.Do(context.Background(), args...).Err(); err != nil {
		s.t.Fatalf("%v: %v", args, err)
	}
}

// mark is one of the lane's marks.
func (s *stage) mark(field string) int {
	n, _ := s.rdb.HGet(context.Background(), prefix+"meta", field).Int()
	return n
}

// until polls ok until it holds.
func (s *stage) until(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited two minutes for: %s", what)
		}
	}
}

// audit runs an audit with a short grace time: nothing is under way.
func (s *stage) audit() *audit.Report {
	s.t.Helper()
	r, err := daemon.Audit(s.t.Context(), s.cfg, audit.Options{Grace: 10 * time.Millisecond})
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// kinds lists what a report found.
func kinds(r *audit.Report) []string {
	var out []string
	for _, f := range r.Findings {
		if !slices.Contains(out, f.Kind) {
			out = append(out, f.Kind)
		}
	}
	return out
}

// table is the table's name as keys have it.
func (s *stage) table() string { return s.database + ".item" }

// key is the encoded primary key of an id.
func key(id int) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(id)^1<<63))
}

// rowKey is where a row is cached.
func (s *stage) rowKey(id int) string {
	return prefix + "row:" + s.table() + ":" + s.gen() + ":" + key(id)
}

// gen is the table's generation.
func (s *stage) gen() string {
	return strings.Split(s.rdb.Get(context.Background(), prefix+"t:"+s.table()).Val(), ":")[1]
}

// save keeps everything in Redis, and returns a function that brings it back.
func (s *stage) save() func() {
	s.t.Helper()
	ctx := context.Background()
	keys, err := s.rdb.Keys(ctx, "*").Result()
	if err != nil {
		s.t.Fatal(err)
	}
	dumps, ends := map[string]string{}, map[string]time.Duration{}
	for _, k := range keys {
		if dumps[k], err = s.rdb.Dump(ctx, k).Result(); err != nil {
			delete(dumps, k) // its time has ended
			continue
		}
		ends[k] = max(0, s.rdb.PTTL(ctx, k).Val())
	}
	return func() {
		s.t.Helper()
		s.do("flushall")
		for k, v := range dumps {
			if err := s.rdb.Restore(ctx, k, ends[k], v).Err(); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

// rewriteLog replaces the log by what change makes of each unit; nil keeps it.
func (s *stage) rewriteLog(change func(lsn int, u *row.Unit) []byte) {
	s.t.Helper()
	entries, err := s.rdb.XRange(context.Background(), prefix+"wal", "-", "+").Result()
	if err != nil {
		s.t.Fatal(err)
	}
	s.do("del", prefix+"wal")
	for _, e := range entries {
		data := e.Values["u"].(string)
		u, err := wal.Decode([]byte(data))
		if err != nil {
			s.t.Fatal(err)
		}
		lsn, _ := strconv.Atoi(strings.TrimSuffix(e.ID, "-0"))
		if b := change(lsn, u); b != nil {
			data = string(b)
		}
		s.do("xadd", prefix+"wal", e.ID, "u", data)
	}
}

// encode encodes a unit.
func (s *stage) encode(u *row.Unit) []byte {
	s.t.Helper()
	b, err := wal.Encode(u)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}
