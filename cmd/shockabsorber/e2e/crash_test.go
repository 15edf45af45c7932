package e2e

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// process is the proxy as its users start it.
type process struct {
	cmd  *exec.Cmd
	addr string
}

// serve starts the program with a configuration file and waits until it
// accepts connections.
func serve(t *testing.T, file, addr string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(servertest.Program(t), "serve", "--config", file), addr: addr}
	p.cmd.Stdout, p.cmd.Stderr = t.Output(), t.Output()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.kill() })
	pool := openDSN(t, fmt.Sprintf("%s:%s@tcp(%s)/", proxyUser, proxyPassword, addr))
	until(t, "the proxy to answer", func() bool { return pool.Ping() == nil })
	return p
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// crashConfig is a configuration file for a process.
func crashConfig(t *testing.T, db *servertest.DB, redis, addr, database, queue string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.toml")
	text := fmt.Sprintf(`
[proxy]
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
drain_rate = 2000
queue_type = %q
%s
[tables.%q]
[admin]
listen = ""
`, addr, proxyUser, proxyPassword, db.Host, db.Port, db.Password, redis, strings.SplitN(queue, "|", 2)[0], strings.SplitN(queue+"|", "|", 3)[1], database+".ledger")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestKillProxy kills the proxy with kill -9, again and again, while clients
// write and a backlog waits. In the end MySQL holds every acknowledged row
// once, and none that was refused.
func TestKillProxy(t *testing.T) {
	queues := map[string]func(t *testing.T) string{
		"memory": func(*testing.T) string { return "memory" },
		"redis":  func(*testing.T) string { return "redis" },
		"kafka": func(t *testing.T) string {
			return fmt.Sprintf("kafka|[writeback.kafka]\nbrokers = [%q]\ntopic = %q", servertest.Kafka(t), fmt.Sprintf("kill-%d", time.Now().UnixNano()))
		},
	}
	for name, queue := range queues {
		t.Run(name, func(t *testing.T) {
			db := servertest.MariaDB(t)
			database := db.Database(t)
			db.Exec(t, database, "CREATE TABLE ledger (id BIGINT NOT NULL PRIMARY KEY, worker INT NOT NULL, n INT NOT NULL DEFAULT 0) ENGINE=InnoDB")
			redis := servertest.Redis(t)
			addr := servertest.FreeAddr(t)
			file := crashConfig(t, db, redis.Addr, addr, database, queue(t))
			killRounds(t, db, database, file, addr)
		})
	}
}

// outcome is what a client knows of its row.
type outcome struct{ inserted, updates, unknown int }

// killRounds runs the load over several lives of the proxy.
func killRounds(t *testing.T, db *servertest.DB, database, file, addr string) {
	const rounds, workers = 4, 6
	p := serve(t, file, addr)
	pool := openDSN(t, fmt.Sprintf("%s:%s@tcp(%s)/%s?timeout=5s&readTimeout=30s", proxyUser, proxyPassword, addr, database))
	stop := make(chan struct{})
	var mu sync.Mutex
	ledger := map[int]*outcome{}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				id := w*1_000_000 + i
				o := write(pool, id, w)
				mu.Lock()
				ledger[id] = o
				mu.Unlock()
				if o.unknown > 0 {
					time.Sleep(20 * time.Millisecond)
				}
			}
		})
	}
	for range rounds {
		time.Sleep(700 * time.Millisecond)
		p.kill()
		p = serve(t, file, addr)
	}
	time.Sleep(500 * time.Millisecond)
	close(stop)
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	direct := db.Open(t, database)
	until(t, "the backlog to drain", func() bool {
		l, err := tryLane(pool)
		return err == nil && l.backlog == 0
	})
	compareLedger(t, direct, ledger)
}

// write inserts a row and increments it twice, noting what was acknowledged.
func write(pool *sql.DB, id, worker int) *outcome {
	o := &outcome{}
	if _, err := pool.Exec("INSERT INTO ledger (id, worker) VALUES (?, ?)", id, worker); err != nil {
		o.unknown++
		return o
	}
	o.inserted = 1
	for range 2 {
		if _, err := pool.Exec("UPDATE ledger SET n = n + 1 WHERE id = ?", id); err != nil {
			o.unknown++
			return o
		}
		o.updates++
	}
	return o
}

// compareLedger checks MySQL against what the clients know. A statement whose
// connection broke may have happened or not, but not twice.
func compareLedger(t *testing.T, db *sql.DB, ledger map[int]*outcome) {
	t.Helper()
	rows, err := db.Query("SELECT id, n FROM ledger")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	have := map[int]int{}
	for rows.Next() {
		var id, n int
		if err := rows.Scan(&id, &n); err != nil {
			t.Fatal(err)
		}
		have[id] = n
	}
	var acknowledged, unknown, lost, wrong int
	for id, o := range ledger {
		acknowledged += o.inserted + o.updates
		unknown += o.unknown
		n, there := have[id]
		switch {
		case !there && o.inserted == 1:
			lost++
		case there && (n < o.updates || n > o.updates+o.unknown || o.inserted == 0 && n > 0):
			wrong++
		}
		delete(have, id)
	}
	t.Logf("acknowledged %d, outcome unknown %d, lost %d, wrong %d, unasked %d", acknowledged, unknown, lost, wrong, len(have))
	if acknowledged < 100 {
		t.Errorf("only %d writes were acknowledged: the test shows little", acknowledged)
	}
	if lost+wrong+len(have) > 0 {
		t.Errorf("%d acknowledged rows lost, %d rows with the wrong number of updates, %d rows nobody wrote", lost, wrong, len(have))
	}
}
