package proxy

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"math/big"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

const (
	mariaVersion = "5.5.5-10.11.6-MariaDB"
	mysqlVersion = "9.7.0"
)

// startOnFake runs a proxy over a fake backend.
func startOnFake(tb testing.TB, version string, cfg Config) (*Server, *fakeBackend) {
	tb.Helper()
	f := startFake(tb, version)
	cfg.Backend.Addr = f.addr
	return startProxy(tb, cfg), f
}

// certificate makes a self-signed certificate.
func certificate(tb testing.TB) tls.Certificate {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// ping logs in with the real driver and runs a statement.
func ping(tb testing.TB, addr, user, password, params string) error {
	tb.Helper()
	db, err := sql.Open("mysql", user+":"+password+"@"+network(addr)+"("+addr+")/?"+params)
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	_, err = db.Exec("ok")
	return err
}

// TestLogins logs in by every way a client may, with both default plugins.
func TestLogins(t *testing.T) {
	for _, version := range []string{mariaVersion, mysqlVersion} {
		t.Run(version, func(t *testing.T) {
			s, _ := startOnFake(t, version, Config{
				Listen: "127.0.0.1:0", Socket: filepath.Join(t.TempDir(), "s"),
				TLS:   &tls.Config{Certificates: []tls.Certificate{certificate(t)}},
				Users: []User{{Name: "app", Password: "secret"}, {Name: "empty"}},
			})
			addr := s.Addr().String()
			for _, c := range []struct{ name, addr, user, password, params string }{
				{"tcp", addr, "app", "secret", ""}, {"tls", addr, "app", "secret", "tls=skip-verify"},
				{"socket", s.cfg.Socket, "app", "secret", ""}, {"empty", addr, "empty", "", ""},
			} {
				if err := ping(t, c.addr, c.user, c.password, c.params); err != nil {
					t.Errorf("%s: %v", c.name, err)
				}
			}
			denied(t, addr, "app", "wrong", "Access denied for user 'app'@'localhost' (using password: YES)")
			denied(t, addr, "nobody", "wrong", "Access denied for user 'nobody'@'localhost' (using password: YES)")
			denied(t, addr, "app", "", "Access denied for user 'app'@'localhost' (using password: NO)")
			denied(t, addr, "empty", "x", "Access denied for user 'empty'@'localhost' (using password: YES)")
		})
	}
}

// denied expects error 1045 with a text.
func denied(t *testing.T, addr, user, password, text string) {
	t.Helper()
	var e *mysql.MySQLError
	if err := ping(t, addr, user, password, ""); !errors.As(err, &e) || e.Number != 1045 || string(e.SQLState[:]) != "28000" || e.Message != text {
		t.Errorf("%s with %q: %v", user, password, err)
	}
}

// TestPlugins logs in with the plugin that the server did not announce, with
// none, and with one that has to be switched from.
func TestPlugins(t *testing.T) {
	for _, version := range []string{mariaVersion, mysqlVersion} {
		s, _ := startOnFake(t, version, Config{})
		for _, plugin := range []string{"", wire.PluginNative, wire.PluginCachingSHA2, "sha256_password", "dialog"} {
			nc, salt := greeted(t, s.Addr().String())
			caps := baseCaps
			if plugin == "" {
				caps &^= wire.CapPluginAuth
			}
			be := &backend{nc: nc, raw: nc, r: wire.NewReader(nc, 0), w: wire.NewWriter(nc)}
			be.w.Begin(1)
			scramble := wire.NativeScramble("secret", salt)
			if plugin == wire.PluginCachingSHA2 {
				scramble = wire.CachingScramble("secret", salt)
			}
			a := &backendAuth{be: be, password: "secret", salt: salt}
			if err := a.send(wire.AppendLogin(nil, &wire.Login{Caps: caps, User: "app", Auth: scramble, Plugin: plugin})); err != nil {
				t.Fatal(err)
			}
			if _, err := a.finish(caps); err != nil {
				t.Errorf("%s with %q: %v", version, plugin, err)
			}
		}
	}
}

// greeted connects and reads the greeting.
func greeted(tb testing.TB, addr string) (net.Conn, []byte) {
	tb.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	_, p, err := wire.ReadExact(nc, 1<<16)
	if err != nil {
		tb.Fatal(err)
	}
	g, err := wire.ParseGreeting(p)
	if err != nil {
		tb.Fatal(err)
	}
	return nc, g.Salt
}

// TestGreeting checks what decides how clients behave.
func TestGreeting(t *testing.T) {
	s, f := startOnFake(t, mariaVersion, Config{})
	nc, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_, p, err := wire.ReadExact(nc, 1<<16)
	if err != nil {
		t.Fatal(err)
	}
	g, err := wire.ParseGreeting(p)
	if err != nil {
		t.Fatal(err)
	}
	if g.Version != f.version || g.Caps != wire.Forwardable&^wire.CapExtendedMetadata || g.Status != wire.StatusAutocommit || g.Collation != 45 || g.ConnID < firstID {
		t.Errorf("%+v", g)
	}
	if bytes.ContainsAny(g.Salt, "\x00$") {
		t.Errorf("salt %q", g.Salt)
	}
}

// TestRequireTLS refuses a client that would send its login in the clear, but
// not one on the Unix socket.
func TestRequireTLS(t *testing.T) {
	s, _ := startOnFake(t, mariaVersion, Config{Listen: "127.0.0.1:0", Socket: filepath.Join(t.TempDir(), "s"),
		TLS: &tls.Config{Certificates: []tls.Certificate{certificate(t)}}, RequireTLS: true})
	var e *mysql.MySQLError
	if err := ping(t, s.Addr().String(), "app", "secret", ""); !errors.As(err, &e) || e.Number != codeInsecureTransport {
		t.Errorf("plain: %v", err)
	}
	if err := ping(t, s.Addr().String(), "app", "secret", "tls=skip-verify"); err != nil {
		t.Errorf("TLS: %v", err)
	}
	if err := ping(t, s.cfg.Socket, "app", "secret", ""); err != nil {
		t.Errorf("socket: %v", err)
	}
}

// TestBackendLogin checks that the backend sees the client's own choices.
func TestBackendLogin(t *testing.T) {
	s, f := startOnFake(t, mariaVersion, Config{Users: []User{{Name: "app", Password: "secret", BackendUser: "other", BackendPassword: "pw", Database: "home"}}})
	caps := baseCaps | wire.CapFoundRows | wire.CapInteractive | wire.CapConnectAttrs
	nc, salt := greeted(t, s.Addr().String())
	be := &backend{nc: nc, raw: nc, r: wire.NewReader(nc, 0), w: wire.NewWriter(nc)}
	be.w.Begin(1)
	a := &backendAuth{be: be, password: "secret", salt: salt, plugin: wire.PluginNative}
	attrs := wire.AppendString(wire.AppendString(nil, "program_name"), "test")
	if _, err := a.login(&wire.Login{Caps: caps, MaxPacket: 77 << 20, Collation: 8, User: "app", Attrs: attrs}, caps); err != nil {
		t.Fatal(err)
	}
	(&rawClient{tb: t, nc: nc, caps: caps}).ok("ok")
	l := f.lastLogin()
	if l.User != "other" || l.DB != "home" || l.Collation != 8 || l.MaxPacket != 77<<20 || !bytes.Equal(l.Attrs, attrs) {
		t.Errorf("%+v", l)
	}
	if want := caps | wire.CapConnectWithDB; l.Caps != want {
		t.Errorf("capabilities %#x, want %#x", l.Caps, want)
	}
}
