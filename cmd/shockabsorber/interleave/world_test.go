package interleave

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/daemon"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/serial"
)

const (
	password = "secret" // of the account that all clients use
	patience = time.Minute
)

// servers are the databases that everything runs against.
var servers = []struct {
	name  string
	mysql bool
	start func(testing.TB) *servertest.DB
}{
	{"MariaDB", false, servertest.MariaDB},
	{"MySQL", true, servertest.MySQL},
}

// world is a database server with two databases of equally long names that hold
// the same tables, one of them behind two proxies.
type world struct {
	t               *testing.T
	db              *servertest.DB
	mysql           bool
	admin           *sql.DB // on the server, without a database
	direct, proxied string  // the databases
	proxies         []daemon.Addresses
	operator        *sql.DB // through the first proxy
}

// tables are what scripts work on. The last one is not absorbed.
var tables = []struct{ name, ddl, rows string }{
	{"acct", "CREATE TABLE acct (id INT PRIMARY KEY, ref VARCHAR(20) NULL UNIQUE, n INT NOT NULL, note VARCHAR(40))",
		"INSERT INTO acct (id, ref, n, note) VALUES (1,'r1',10,'a'),(2,'r2',20,'b'),(3,'r3',30,NULL),(4,'r4',40,'d'),(5,NULL,50,'e'),(6,'r6',60,'f'),(7,'r7',70,'g'),(8,'r8',80,'h'),(9,NULL,90,'i'),(10,NULL,90,'j'),(11,NULL,90,'k'),(12,NULL,90,'l')"},
	{"ledger", "CREATE TABLE ledger (owner VARCHAR(10) NOT NULL, k INT NOT NULL, v INT NOT NULL, PRIMARY KEY (owner, k))",
		"INSERT INTO ledger (owner, k, v) VALUES ('ann',1,1),('ann',2,2),('bob',1,3),('bob',2,4)"},
	{"plain", "CREATE TABLE plain (id INT PRIMARY KEY, n INT NOT NULL)",
		"INSERT INTO plain (id, n) VALUES (1,1),(2,2),(3,3),(4,4)"},
}

// newWorld starts what a run needs. The server need not survive a crash.
func newWorld(t *testing.T, db *servertest.DB, mysql bool) *world {
	t.Helper()
	db.Exec(t, "", "SET GLOBAL innodb_flush_log_at_trx_commit = 0", "SET GLOBAL sync_binlog = 0")
	w := &world{t: t, db: db, mysql: mysql, admin: db.Open(t, "")}
	for w.direct == "" || len(w.direct) != len(w.proxied) {
		w.direct, w.proxied = db.Database(t), db.Database(t)
	}
	cfg := config.Default()
	cfg.Proxy.Listen, cfg.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
	cfg.Users = []config.User{{Name: servertest.AppUser, Password: config.NewSecret(password), Admin: true}}
	cfg.Database.Host, cfg.Database.Port = db.Host, db.Port
	cfg.Database.Username, cfg.Database.Password = db.User, config.NewSecret(db.Password)
	cfg.KVStore.Endpoints = []string{servertest.Redis(t).Addr}
	cfg.WriteBack.DrainRate = 0.5 // what is not asked for stays pending
	cfg.Tables = map[string]config.Table{}
	for i, table := range tables {
		db.Exec(t, w.direct, table.ddl)
		db.Exec(t, w.proxied, table.ddl)
		if i < len(tables)-1 {
			cfg.Tables[w.proxied+"."+table.name] = config.Table{}
		}
	}
	db.Exec(t, w.proxied, serial.Table)
	cfg.Tables[w.proxied+".reg"] = config.Table{}
	w.proxies = []daemon.Addresses{w.start(cfg), w.start(cfg)}
	var err error
	if w.operator, err = sql.Open("mysql", fmt.Sprintf("%s:%s@tcp(%s)/%s", servertest.AppUser, password, w.proxies[0].Proxy, w.proxied)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.operator.Close() })
	if err := w.reset(false); err != nil {
		t.Fatal(err)
	}
	return w
}

// start runs a proxy until the test ends.
func (w *world) start(cfg *config.Config) daemon.Addresses {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan daemon.Addresses, 1), make(chan error, 1)
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("SHOCK_ABSORBER_LOG") != "" {
		log = slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	go func() {
		done <- daemon.Run(ctx, cfg, daemon.Options{Logger: log, Ready: func(a daemon.Addresses) { ready <- a }})
	}()
	select {
	case a := <-ready:
		w.t.Cleanup(func() {
			cancel()
			select {
			case err := <-done:
				if err != nil {
					w.t.Errorf("a proxy ended with %v", err)
				}
			case <-time.After(patience):
				w.t.Error("a proxy did not stop")
			}
		})
		return a
	case err := <-done:
		cancel()
		w.t.Fatalf("a proxy did not start: %v", err)
	}
	return daemon.Addresses{}
}

// reset makes the tables what every script begins with. After DDL they are made
// anew.
func (w *world) reset(anew bool) error {
	direct, err := sql.Open("mysql", w.db.DSN(w.direct))
	if err != nil {
		return err
	}
	defer direct.Close()
	for _, pool := range []*sql.DB{direct, w.operator} {
		for _, t := range tables {
			statements := []string{"DELETE FROM " + t.name, t.rows}
			if anew {
				statements = []string{"DROP TABLE " + t.name, t.ddl, t.rows}
			}
			for _, s := range statements {
				if _, err := pool.Exec(s); err != nil {
					return fmt.Errorf("%s: %w", s, err)
				}
			}
		}
	}
	return nil
}

// equal drains, and says how the tables of the two sides differ.
func (w *world) equal() (string, error) {
	if _, err := w.operator.Exec("CALL shock_absorber.drain()"); err != nil {
		return "", err
	}
	for _, t := range tables {
		direct, err := w.contents(w.direct, t.name)
		proxied, perr := w.contents(w.proxied, t.name)
		if err = errors.Join(err, perr); err != nil {
			return "", err
		}
		if direct != proxied {
			return fmt.Sprintf("table %s after the last drain\n    direct  %s\n    proxied %s", t.name, direct, proxied), nil
		}
	}
	return "", nil
}

// contents is a table as text.
func (w *world) contents(db, table string) (string, error) {
	rows, err := w.admin.Query("SELECT * FROM " + db + "." + table + " ORDER BY 1, 2")
	if err != nil {
		return "", err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return "", err
	}
	text := fmt.Sprint(names)
	for rows.Next() {
		values, into := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return "", err
		}
		text += " ("
		for i, v := range values {
			if i > 0 {
				text += ","
			}
			if text += v.String; !v.Valid {
				text += "NULL"
			}
		}
		text += ")"
	}
	return text, rows.Err()
}
