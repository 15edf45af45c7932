package servertest

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// AppUser is an ordinary account with all rights on all databases, with the
// same password as root. Its plugin is the server's default: caching_sha2_password
// on MySQL, mysql_native_password on MariaDB.
const AppUser = "app"

// password opens both accounts.
const password = "secret"

// accounts is the init file of both servers. It runs at each start, so it
// must be repeatable; it stays out of the binary log.
const accounts = `SET sql_log_bin=0;
ALTER USER 'root'@'localhost' IDENTIFIED BY 'secret';
CREATE USER IF NOT EXISTS 'root'@'%' IDENTIFIED BY 'secret';
GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;
CREATE USER IF NOT EXISTS 'app'@'%' IDENTIFIED BY 'secret';
GRANT ALL ON *.* TO 'app'@'%' WITH GRANT OPTION;
DROP USER IF EXISTS ''@'localhost', 'root'@'127.0.0.1', 'root'@'::1';
`

// DB is a running MariaDB or MySQL.
type DB struct {
	Addr     string // "127.0.0.1:port"
	Host     string // "127.0.0.1"
	Port     int
	Socket   string // path of the Unix socket
	User     string // "root"
	Password string // "secret"

	server *process
	made   atomic.Int64 // databases made so far
}

// databaseFlags are the arguments that both servers understand. Durability is
// explicit: an acknowledged commit is on disk.
func databaseFlags(port int, data, socket, initFile string) []string {
	return []string{
		"--no-defaults",
		"--datadir=" + data,
		// Its own: a server that starts removes temporary files of others.
		"--tmpdir=" + data,
		"--socket=" + socket,
		"--pid-file=" + filepath.Join(filepath.Dir(data), "server.pid"),
		fmt.Sprintf("--port=%d", port),
		"--bind-address=127.0.0.1",
		"--skip-name-resolve",
		"--init-file=" + initFile,
		"--innodb-flush-log-at-trx-commit=1",
		"--max-connections=1000",
		"--back-log=1000", // all of them at once, on a busy machine
		"--max-allowed-packet=64M",
		"--local-infile=1",
		"--secure-file-priv=",
		"--character-set-server=utf8mb4",
	}
}

// newDB describes a server that is about to start.
func newDB(port int, socket string) *DB {
	return &DB{Addr: fmt.Sprintf("127.0.0.1:%d", port), Host: "127.0.0.1", Port: port, Socket: socket, User: "root", Password: password}
}

// ping logs in as the ordinary user, the last that the init file makes.
func (db *DB) ping() error {
	cfg := db.config("")
	cfg.User = AppUser
	c, err := sql.Open("mysql", cfg.FormatDSN())
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Ping()
}

// config is the driver's configuration for this server.
func (db *DB) config(database string) *mysql.Config {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd, cfg.DBName = "tcp", db.Addr, db.User, db.Password, database
	cfg.Logger = &mysql.NopLogger{}
	return cfg
}

// DSN is the address of a database in go-sql-driver's form, as root over TCP.
// An empty database name chooses none.
func (db *DB) DSN(database string) string { return db.config(database).FormatDSN() }

// Open returns a pool on the database, closed when the test ends.
func (db *DB) Open(tb testing.TB, database string) *sql.DB {
	tb.Helper()
	pool, err := sql.Open("mysql", db.DSN(database))
	if err != nil {
		tb.Fatalf("open %s: %v", database, err)
	}
	tb.Cleanup(func() {
		if err := pool.Close(); err != nil {
			tb.Errorf("close the pool on %s: %v", database, err)
		}
	})
	return pool
}

// Exec runs statements on a connection of its own, in the named database
// ("" for none), and fails the test at the first error.
func (db *DB) Exec(tb testing.TB, database string, statements ...string) {
	tb.Helper()
	pool, err := sql.Open("mysql", db.DSN(database))
	if err != nil {
		tb.Fatalf("open %s: %v", database, err)
	}
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := pool.Exec(s); err != nil {
			tb.Fatalf("%s: %v", s, err)
		}
	}
}

// unnamed are the characters of a test's name that are left out of a database's.
var unnamed = regexp.MustCompile(`[^a-z0-9]+`)

// Database makes an empty utf8mb4 database and returns its name, which holds
// the test's. It is dropped when the test ends.
func (db *DB) Database(tb testing.TB) string {
	tb.Helper()
	name := unnamed.ReplaceAllString(strings.ToLower(tb.Name()), "_")
	name = fmt.Sprintf("t%d_%s", db.made.Add(1), name[:min(len(name), 40)])
	db.Exec(tb, "", "CREATE DATABASE "+name)
	tb.Cleanup(func() { db.drop(tb, name) })
	return name
}

// drop removes a database. A test that left a transaction open would make it
// wait for ever; the server is shared, so it is left standing instead.
func (db *DB) drop(tb testing.TB, name string) {
	pool, err := sql.Open("mysql", db.DSN("")+"?lock_wait_timeout=5")
	if err != nil {
		tb.Errorf("drop %s: %v", name, err)
		return
	}
	defer pool.Close()
	if _, err := pool.Exec("DROP DATABASE IF EXISTS " + name); err != nil {
		tb.Logf("drop %s: %v", name, err)
	}
}

// Kill ends the server as a crash would. It is shared by the whole test
// binary: Restart it before the test ends, and run no such test in parallel.
func (db *DB) Kill() { db.server.kill() }

// Restart starts a killed server on the same port, socket and data. args are
// appended to its arguments, for good.
func (db *DB) Restart(tb testing.TB, args ...string) {
	tb.Helper()
	db.server.args = append(db.server.args, args...)
	if err := db.server.start(); err != nil {
		tb.Fatal(err)
	}
}

// Freeze stops the server without closing anything, as a network that
// swallows packets would; Thaw lets it go on.
func (db *DB) Freeze(tb testing.TB) { sendSignal(tb, db.server, syscall.SIGSTOP) }

// Thaw ends a Freeze.
func (db *DB) Thaw(tb testing.TB) { sendSignal(tb, db.server, syscall.SIGCONT) }

// sendSignal fails the test if the server is gone.
func sendSignal(tb testing.TB, p *process, sig syscall.Signal) {
	tb.Helper()
	if err := p.signal(sig); err != nil {
		tb.Fatalf("signal %s: %v", p.name, err)
	}
}

// writeAccounts puts the init file into dir and returns its path.
func writeAccounts(dir string) (string, error) {
	path := filepath.Join(dir, "init.sql")
	if err := os.WriteFile(path, []byte(accounts), 0o600); err != nil {
		return "", fmt.Errorf("write the init file: %w", err)
	}
	return path, nil
}
