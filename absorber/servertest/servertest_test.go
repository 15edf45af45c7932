package servertest

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// databases are both kinds of server; each test runs on each.
var databases = map[string]func(testing.TB) *DB{"mariadb": MariaDB, "mysql": MySQL}

func TestDatabase(t *testing.T) {
	for name, server := range databases {
		t.Run(name, func(t *testing.T) {
			db := server(t)
			if again := server(t); again != db {
				t.Fatal("the second caller got another server")
			}
			first, second := db.Database(t), db.Database(t)
			if first == second {
				t.Fatalf("two databases share the name %s", first)
			}
			pool := db.Open(t, first)
			var user, schema, charset string
			var durable, infile, packet int
			err := pool.QueryRow("SELECT CURRENT_USER(), DATABASE(), @@character_set_database, @@innodb_flush_log_at_trx_commit, @@local_infile, @@max_allowed_packet").
				Scan(&user, &schema, &charset, &durable, &infile, &packet)
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprint(user, schema, charset, durable, infile, packet)
			want := fmt.Sprint("root@%", first, "utf8mb4", 1, 1, 64<<20)
			if got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
			if _, err := net.Dial("unix", db.Socket); err != nil {
				t.Fatalf("the socket: %v", err)
			}
		})
	}
}

// Data that was committed before a kill is there after the restart.
func TestDatabaseSurvivesKill(t *testing.T) {
	for name, server := range databases {
		t.Run(name, func(t *testing.T) {
			db := server(t)
			schema := db.Database(t)
			db.Exec(t, schema, "CREATE TABLE x (id INT PRIMARY KEY)", "INSERT INTO x VALUES (7)")
			db.Kill()
			if _, err := net.DialTimeout("tcp", db.Addr, time.Second); err == nil {
				t.Error("it still listens after the kill")
			}
			db.Restart(t)
			var id int
			if err := db.Open(t, schema).QueryRow("SELECT id FROM x").Scan(&id); err != nil || id != 7 {
				t.Fatalf("id %d, error %v", id, err)
			}
		})
	}
}

// say sends one inline command to Redis and returns the reply's first line,
// or the value of a bulk reply.
func say(t *testing.T, addr, command string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "%s\r\n", command)
	r := bufio.NewReader(c)
	line, err := r.ReadString('\n')
	if err == nil && strings.HasPrefix(line, "$") && line != "$-1\r\n" {
		line, err = r.ReadString('\n')
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func TestRedisSurvivesKill(t *testing.T) {
	servers := map[string]func(testing.TB, ...string) *RedisServer{"redis": Redis, "redis8": Redis8, "valkey": Valkey}
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			r := server(t)
			say(t, r.Addr, "SET k v")
			r.Kill()
			r.Restart()
			if got := say(t, r.Addr, "GET k"); got != "v" {
				t.Fatalf("after the restart k is %q", got)
			}
		})
	}
}

// Arguments of the caller win: without the append-only file a kill loses all.
func TestRedisArguments(t *testing.T) {
	r := Redis(t, "--appendonly", "no")
	say(t, r.Addr, "SET k v")
	r.Kill()
	r.Restart()
	if got := say(t, r.Addr, "GET k"); got != "$-1" {
		t.Fatalf("k is %q although nothing was stored", got)
	}
}

func TestKafkaSurvivesKill(t *testing.T) {
	k := KafkaBroker(t)
	if Kafka(t) != k.Addr {
		t.Fatal("Kafka and KafkaBroker are two brokers")
	}
	k.Kill()
	if err := k.ping(); err == nil {
		t.Fatal("it answers after the kill")
	}
	k.Restart(t)
	if err := k.ping(); err != nil {
		t.Fatal(err)
	}
}

// A test binary that dies without a chance to clean up leaves neither the
// server nor its folder behind.
func TestDeathOfTheTestBinary(t *testing.T) {
	if out := os.Getenv("SERVERTEST_DIE"); out != "" {
		r := Redis(t)
		if err := os.WriteFile(out, []byte(r.Addr+" "+r.Dir()), 0o600); err != nil {
			t.Fatal(err)
		}
		os.Exit(3)
	}
	needReal(t, "Redis")
	out := t.TempDir() + "/out"
	child := exec.Command(os.Args[0], "-test.run=^TestDeathOfTheTestBinary$")
	child.Env = append(os.Environ(), "SERVERTEST_DIE="+out)
	if err := child.Run(); child.ProcessState.ExitCode() != 3 {
		t.Fatalf("the child ended with %v", err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	addr, dir, _ := strings.Cut(string(b), " ")
	for deadline := time.Now().Add(10 * time.Second); ; {
		_, dial := net.Dial("tcp", addr)
		_, stat := os.Stat(dir)
		if dial != nil && os.IsNotExist(stat) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind: listening %v, folder %v", dial == nil, stat == nil)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Without the variable each of them skips, so `go test ./...` needs only Go.
func TestSkipWithoutVariable(t *testing.T) {
	t.Setenv(envReal, "")
	t.Run("skipped", func(t *testing.T) {
		needReal(t, "server")
		t.Fatal("not skipped")
	})
}

// A missing server is a failure that says what to do, never a skip.
func TestMissingServer(t *testing.T) {
	t.Setenv(envKafka, t.TempDir())
	t.Setenv(envSid, t.TempDir())
	if _, err := startKafka(); err == nil || !strings.Contains(err.Error(), ".ci/setup") {
		t.Errorf("kafka: %v", err)
	}
	if _, err := startMySQL(); err == nil || !strings.Contains(err.Error(), ".ci/setup") {
		t.Errorf("mysql: %v", err)
	}
	if _, err := executable("no-such-server", "install it"); err == nil || !strings.Contains(err.Error(), "install it") {
		t.Errorf("executable: %v", err)
	}
}
