package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// onReal runs a test on MariaDB and on MySQL.
func onReal(t *testing.T, test func(t *testing.T, db *servertest.DB, plugin string)) {
	t.Run("mariadb", func(t *testing.T) { test(t, servertest.MariaDB(t), wire.PluginNative) })
	t.Run("mysql", func(t *testing.T) { test(t, servertest.MySQL(t), wire.PluginCachingSHA2) })
}

// open opens a driver pool through a proxy.
func open(t *testing.T, s *Server, user, database, params string) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", user+":secret@tcp("+s.Addr().String()+")/"+database+"?"+params)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// TestChangeUser compares COM_CHANGE_USER, accepted and refused, with the
// server's own.
func TestChangeUser(t *testing.T) {
	onReal(t, func(t *testing.T, db *servertest.DB, plugin string) {
		database := db.Database(t)
		s := startProxy(t, Config{Backend: BackendConfig{Addr: db.Addr}})
		run := func(addr string) (log []string) {
			say := func(format string, args ...any) {
				log = append(log, strings.ReplaceAll(fmt.Sprintf(format, args...), "127.0.0.1", "localhost"))
			}
			c := dialRaw(t, addr, "app", "secret", "", baseCaps|wire.CapDeprecateEOF)
			c.ok("set @a=1")
			say("change: %v", c.changeUser("root", "secret", database, plugin))
			say("%s %s %s", c.value("select current_user()"), c.value("select database()"), c.value("select coalesce(@a,'gone')"))
			say("unknown database: %v", c.changeUser("root", "secret", "nope", plugin))
			c = dialRaw(t, addr, "app", "secret", "", baseCaps|wire.CapDeprecateEOF)
			say("wrong password: %v", c.changeUser("root", "wrong", "", plugin))
			p, err := c.tryQuery("select 1")
			say("after: %.30q %v", p, err != nil)
			return log
		}
		want, got := run(db.Addr), run(s.Addr().String())
		for i := range want {
			if want[i] != got[i] {
				t.Errorf("server: %s\nproxy:  %s", want[i], got[i])
			}
		}
	})
}

// TestFirstLogin logs in to the backend as a user it has not seen yet, which
// MySQL does over RSA, TLS or a socket, not by the fast path.
func TestFirstLogin(t *testing.T) {
	onReal(t, func(t *testing.T, db *servertest.DB, plugin string) {
		backends := map[string]BackendConfig{"tcp": {Addr: db.Addr}, "socket": {Network: "unix", Addr: db.Socket}}
		if plugin == wire.PluginCachingSHA2 {
			backends["tls"] = BackendConfig{Addr: db.Addr, TLS: &tls.Config{InsecureSkipVerify: true}}
		}
		for name, b := range backends {
			user := "first_" + name
			db.Exec(t, "", "drop user if exists "+user, "create user "+user+" identified by 'secret'")
			s := startProxy(t, Config{Backend: b, Users: []User{{Name: user, Password: "secret"}, {Name: "root", Password: "stale"}}})
			var cipher, variable string
			if err := open(t, s, user, "", "").QueryRow("show status like 'Ssl_cipher'").Scan(&variable, &cipher); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if (cipher != "") != (name == "tls") {
				t.Errorf("%s: cipher %q", name, cipher)
			}
		}
	})
}

// TestStalePassword: a user whose password at the backend is another one is
// told so.
func TestStalePassword(t *testing.T) {
	db := servertest.MariaDB(t)
	s := startProxy(t, Config{Backend: BackendConfig{Addr: db.Addr}, Users: []User{{Name: "app", Password: "secret", BackendUser: "app", BackendPassword: "old"}}})
	_, err := open(t, s, "app", "", "").Exec("select 1")
	var e *mysql.MySQLError
	if !errors.As(err, &e) || e.Number != 1045 || !bytes.Contains([]byte(e.Message), []byte("[[users]]")) {
		t.Errorf("%v", err)
	}
}

// TestKill interrupts a statement and ends a session by the proxy's ids.
func TestKill(t *testing.T) {
	onReal(t, func(t *testing.T, db *servertest.DB, _ string) {
		s := startProxy(t, Config{Backend: BackendConfig{Addr: db.Addr}})
		sleeping := func() (*Conn, *rawClient) {
			before := map[uint32]bool{}
			for _, c := range s.Sessions() {
				before[c.ID()] = true
			}
			c := dialApp(t, s)
			for _, x := range s.Sessions() {
				if !before[x.ID()] {
					c.ok("select 1")
					c.write(0, append([]byte{wire.ComQuery}, "select sleep(100) from mysql.user"...))
					eventually(t, "the statement runs", func() bool {
						if x.busy.TryLock() {
							x.busy.Unlock()
							return false
						}
						return true
					})
					return x, c
				}
			}
			t.Fatal("no session")
			return nil, nil
		}
		pool := open(t, s, "app", "", "")
		x, c := sleeping()
		eventually(t, "the statement is interrupted", func() bool {
			if _, err := pool.Exec(fmt.Sprintf("KILL QUERY %d", x.ID())); err != nil {
				t.Fatal(err)
			}
			return x.busy.TryLock()
		})
		x.busy.Unlock()
		for {
			p, err := c.packet()
			if err != nil {
				t.Fatal(err)
			}
			if p[4] == 0xff {
				if e, _ := wire.ParseERR(p[4:]); e.Code != codeInterrupted {
					t.Errorf("%v", e)
				}
				break
			}
		}
		c.ok("select 2")
		x, c = sleeping()
		if _, err := pool.Exec(fmt.Sprintf("kill %d", x.ID())); err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := c.packet(); err != nil {
				break
			}
		}
		eventually(t, "the session is gone", func() bool { return s.Session(x.ID()) == nil })
		if _, err := pool.Exec(fmt.Sprintf("kill %d", x.ID())); err == nil {
			t.Error("killed what is not there")
		}
	})
}

// TestDriver uses the proxy as applications do.
func TestDriver(t *testing.T) {
	onReal(t, func(t *testing.T, db *servertest.DB, _ string) {
		s := startProxy(t, Config{Backend: BackendConfig{Addr: db.Addr}})
		pool := open(t, s, "app", db.Database(t), "maxAllowedPacket=67108864")
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := pool.ExecContext(ctx, "create table big (id int primary key, b longblob)"); err != nil {
			t.Fatal(err)
		}
		for i, n := range []int{1<<24 - 100, 1<<24 - 1, 1 << 24, 40 << 20} {
			in := bytes.Repeat([]byte{byte('a' + i)}, n)
			if _, err := pool.ExecContext(ctx, "insert into big values (?,?)", i, in); err != nil {
				t.Fatal(n, err)
			}
			var out []byte
			if err := pool.QueryRowContext(ctx, "select b from big where id=?", i).Scan(&out); err != nil || !bytes.Equal(in, out) {
				t.Errorf("%d bytes: got %d, %v", n, len(out), err)
			}
		}
		tx, err := pool.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec("delete from big"); err != nil {
			t.Fatal(err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := pool.QueryRowContext(ctx, "select count(*) from big").Scan(&n); err != nil || n != 4 {
			t.Errorf("%d rows after the rollback, %v", n, err)
		}
	})
}
