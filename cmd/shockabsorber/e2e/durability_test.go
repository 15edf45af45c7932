package e2e

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// durable is a proxy under load whose servers something happens to.
type durable struct {
	t        *testing.T
	db       *servertest.DB
	database string
	proxy    *running
	pool     *sql.DB // through the proxy
	direct   *sql.DB

	mu      sync.Mutex
	acked   map[int]bool // ids that were acknowledged
	unknown map[int]bool // ids whose outcome the client was not told, or told to be open
}

// newDurable starts a proxy on a Redis, with a drain rate at which most of what
// is written waits.
func newDurable(t *testing.T, redis string, change func(cfg *config.Config, table string)) *durable {
	t.Helper()
	return newDurableOn(t, servertest.MariaDB(t), redis, change)
}

// newDurableOn is newDurable on another database.
func newDurableOn(t *testing.T, db *servertest.DB, redis string, change func(cfg *config.Config, table string)) *durable {
	t.Helper()
	d := &durable{t: t, db: db, database: db.Database(t), acked: map[int]bool{}, unknown: map[int]bool{}}
	db.Exec(t, d.database, "CREATE TABLE ledger (id BIGINT NOT NULL PRIMARY KEY, n INT NOT NULL) ENGINE=InnoDB")
	cfg := settings(t, db, redis)
	cfg.WriteBack.DrainRate = 20
	cfg.Tables = map[string]config.Table{d.database + ".ledger": {Existence: "trust"}}
	if change != nil {
		change(cfg, d.database+".ledger")
	}
	d.proxy = start(t, db, cfg)
	d.pool, d.direct = d.proxy.open(t, d.database), db.Open(t, d.database)
	d.pool.SetMaxOpenConns(16)
	return d
}

// kafkaLevel configures durability kafka with a topic of its own.
func kafkaLevel(t *testing.T) func(cfg *config.Config, table string) {
	broker := servertest.Kafka(t)
	return func(cfg *config.Config, _ string) {
		cfg.WriteBack.QueueType, cfg.WriteBack.Durability = config.QueueKafka, config.DurabilityKafka
		cfg.WriteBack.Kafka.Brokers = []string{broker}
		cfg.WriteBack.Kafka.Topic = fmt.Sprintf("durable-%d", time.Now().UnixNano())
	}
}

// load inserts rows while event happens in the middle, and for a while after.
func (d *durable) load(event func()) {
	d.t.Helper()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				d.insert(w*1_000_000 + i)
			}
		})
	}
	time.Sleep(700 * time.Millisecond)
	until(d.t, "a hundred writes", func() bool { // a busy machine takes longer
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.acked) >= 100
	})
	event()
	time.Sleep(1500 * time.Millisecond)
	close(stop)
	wg.Wait()
}

// insert writes one row and notes what the client knows of it.
func (d *durable) insert(id int) {
	_, err := d.pool.Exec("INSERT INTO ledger (id, n) VALUES (?, ?)", id, id%7)
	var told *mysql.MySQLError
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err == nil:
		d.acked[id] = true
	case errors.As(err, &told) && told.Number == 1297: // nothing was written
		time.Sleep(5 * time.Millisecond)
	default:
		d.unknown[id] = true
	}
}

// missing drains all, and returns the acknowledged rows that MySQL lacks. It
// fails if MySQL holds rows that nobody wrote.
func (d *durable) missing() []int {
	d.t.Helper()
	until(d.t, "the lane to be open and drained", func() bool {
		if _, err := d.pool.Exec("CALL shock_absorber.drain()"); err != nil {
			return false
		}
		var n int // what has drained may have before the lane is open again
		return errors.Is(d.pool.QueryRow("SELECT n FROM ledger WHERE id = -2").Scan(&n), sql.ErrNoRows)
	})
	rows, err := d.direct.Query("SELECT id, n FROM ledger")
	if err != nil {
		d.t.Fatal(err)
	}
	defer rows.Close()
	have := map[int]bool{}
	for rows.Next() {
		var id, n int
		if err := rows.Scan(&id, &n); err != nil {
			d.t.Fatal(err)
		}
		if n != id%7 || !d.acked[id] && !d.unknown[id] {
			d.t.Errorf("MySQL holds row %d with %d, which nobody wrote", id, n)
		}
		have[id] = true
	}
	var lost []int
	for id := range d.acked {
		if !have[id] {
			lost = append(lost, id)
		}
	}
	d.t.Logf("acknowledged %d, unknown %d, lost %d", len(d.acked), len(d.unknown), len(lost))
	if len(d.acked) < 100 {
		d.t.Errorf("only %d writes were acknowledged: the test shows little", len(d.acked))
	}
	return lost
}

// wantAll checks that MySQL comes to hold every acknowledged row, and that the
// proxy absorbs again.
func (d *durable) wantAll() {
	d.t.Helper()
	if lost := d.missing(); len(lost) > 0 {
		d.t.Errorf("%d acknowledged rows are lost, such as %d", len(lost), lost[0])
	}
	before := readLane(d.t, d.pool)
	mustExec(d.t, d.pool, "INSERT INTO ledger (id, n) VALUES (-1, 0)")
	if after := readLane(d.t, d.pool); after.lsn != before.lsn+1 {
		d.t.Errorf("a write after it took the lane from %d to %d", before.lsn, after.lsn)
	}
}

// lastError is what status says of the lane.
func (d *durable) lastError() string {
	d.t.Helper()
	var text string
	into := make([]any, 12)
	for i := range into {
		into[i] = new(sql.NullString)
	}
	into[10] = &text
	if err := d.pool.QueryRow("SELECT * FROM shock_absorber.lanes").Scan(into...); err != nil {
		d.t.Fatal(err)
	}
	return text
}

// command runs one command on a Redis.
func command(t *testing.T, addr string, args ...any) {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr})
	defer c.Close()
	if err := c.Do(context.Background(), args...).Err(); err != nil {
		t.Fatal(err)
	}
}

// ask runs one command on a Redis and gives its answer as text.
func ask(addr string, args ...any) (string, error) {
	c := redis.NewClient(&redis.Options{Addr: addr})
	defer c.Close()
	return c.Do(context.Background(), args...).Text()
}

// wipe deletes everything that a killed server has stored.
func wipe(t *testing.T, r *servertest.RedisServer) {
	t.Helper()
	entries, err := os.ReadDir(r.Dir())
	for _, e := range entries {
		if err == nil && e.Name() != "server.log" {
			err = os.RemoveAll(filepath.Join(r.Dir(), e.Name()))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestReadmeDurability: each test that the README names is there, as a
// literal name or as the key of a map of cases.
func TestReadmeDurability(t *testing.T) {
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(text)
	}
	found := regexp.MustCompile("`(Test\\w+)(?:/([^`]+))?`").FindAllStringSubmatch(string(readme), -1)
	if len(found) < 20 {
		t.Fatalf("the README names %d tests", len(found))
	}
	for _, m := range found {
		name := strconv.Quote(strings.ReplaceAll(m[2], "_", " "))
		sub := strings.Contains(code.String(), "t.Run("+name) || strings.Contains(code.String(), "\t"+name+": ")
		if !strings.Contains(code.String(), "func "+m[1]+"(t") || m[2] != "" && !sub {
			t.Errorf("there is no %s", m[0])
		}
	}
}

// TestDurabilityRedis: what stands in Redis' append-only file survives Redis;
// what is lost with Redis is named.
func TestDurabilityRedis(t *testing.T) {
	t.Run("Redis killed", func(t *testing.T) {
		r := servertest.Redis(t, "--appendfsync", "always")
		d := newDurable(t, r.Addr, nil)
		d.load(func() { r.Kill(); r.Restart() })
		d.wantAll()
	})
	t.Run("Redis emptied", func(t *testing.T) {
		r := servertest.Redis(t)
		d := newDurable(t, r.Addr, func(cfg *config.Config, _ string) { cfg.WriteBack.QueueType = config.QueueRedis })
		d.load(func() { command(t, r.Addr, "flushall") })
		d.wantNamed()
	})
	// Redis comes up without what one proxy has acknowledged last, and the other,
	// which has seen none of it, writes on at once.
	t.Run("Redis rolled back", func(t *testing.T) {
		r := servertest.Redis(t, "--appendonly", "no", "--save", "")
		var cfg config.Config
		d := newDurable(t, r.Addr, func(c *config.Config, _ string) { c.WriteBack.QueueType, cfg = config.QueueRedis, *c })
		cfg.Proxy.Socket = filepath.Join(t.TempDir(), "other.sock")
		cfg.Tables = map[string]config.Table{d.database + ".ledger": {Existence: "trust"}}
		first, second := d.pool, start(t, d.db, &cfg).open(t, d.database)
		for i := range 40 {
			d.insert(i)
		}
		command(t, r.Addr, "save")
		d.pool = second
		for i := range 40 {
			d.insert(1000 + i)
		}
		r.Kill()
		r.Restart()
		d.pool = first
		for i := 2000; len(d.acked) < 120; i++ {
			d.insert(i)
		}
		d.pool = second
		d.insert(3000)
		lost := d.wantNamed()
		if slices.ContainsFunc(lost, func(id int) bool { return id < 1000 || id >= 2000 }) {
			t.Errorf("rows %v are lost: Redis had those below 1000, and was given those above 2000 afterwards", lost)
		}
	})
}

// wantNamed wants status to name what is lost, and the lane to go on; it returns
// the rows.
func (d *durable) wantNamed() (lost []int) {
	d.t.Helper()
	lost = d.missing()
	text := d.lastError()
	var from, to, most int
	if i := strings.Index(text, "Units "); i < 0 {
		d.t.Fatalf("%d rows are lost, and status names no loss: %q", len(lost), text)
	} else if _, err := fmt.Sscanf(text[i:], "Units %d to %d (%d at most)", &from, &to, &most); err != nil || most != to-from+1 {
		d.t.Fatalf("%v: %q", err, text)
	}
	d.t.Log(text)
	if len(lost) == 0 || len(lost) > most {
		d.t.Errorf("%d acknowledged rows are lost, status says %d at most", len(lost), most)
	}
	mustExec(d.t, d.pool, "INSERT INTO ledger (id, n) VALUES (-1, 0)")
	return lost
}
