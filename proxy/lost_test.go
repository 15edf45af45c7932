package proxy

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// stateless is a router that vouches for there being no state.
type stateless struct {
	passThrough
	resets []ResetKind
}

// Stateful says no.
func (*stateless) Stateful() bool { return false }

// Reset notes the kind.
func (r *stateless) Reset(kind ResetKind) { r.resets = append(r.resets, kind) }

// TestBackendDiesStateless: the statement fails with 2013, the session goes on
// with a new connection.
func TestBackendDiesStateless(t *testing.T) {
	var r *stateless
	s, f := startOnFake(t, mariaVersion, Config{NewRouter: func(*Conn) Router { r = &stateless{}; return r }})
	c := dialApp(t, s)
	c.ok("ok")
	if e := c.fails(q("die")); e.Code != codeLost || !strings.Contains(e.Message, f.addr) || !strings.Contains(e.Message, "may have been executed") {
		t.Errorf("%v", e)
	}
	if got := c.value("id"); got != "3" && got != "2" {
		t.Errorf("backend connection %s", got)
	}
	if len(r.resets) != 1 || r.resets[0] != ResetLost {
		t.Errorf("resets %v", r.resets)
	}
}

// TestBackendDiesStateful: the session ends, as it would without the proxy.
func TestBackendDiesStateful(t *testing.T) {
	s, _ := startOnFake(t, mariaVersion, Config{})
	c := dialApp(t, s)
	c.ok("ok")
	if e := c.fails(q("die")); e.Code != codeLost {
		t.Errorf("%v", e)
	}
	eventually(t, "the session ends", func() bool { return len(s.Sessions()) == 0 })
}

// TestBackendDiesInTheMiddle of a result: what was sent cannot be taken back,
// so the client is disconnected.
func TestBackendDiesInTheMiddle(t *testing.T) {
	s, f := startOnFake(t, mariaVersion, Config{NewRouter: func(*Conn) Router { return &stateless{} }})
	c := dialApp(t, s)
	c.write(0, append([]byte{wire.ComQuery}, "rows 20000000"...))
	for range 10 {
		if _, err := c.packet(); err != nil {
			t.Fatal(err)
		}
	}
	f.closeAll()
	for {
		p, err := c.packet()
		if err != nil {
			return
		}
		if p[4] == 0xff || p[4] == 0xfe {
			t.Fatalf("the result ended with %q", p)
		}
	}
}

// TestBackendGoneWhileIdle: the client of a stateful session is disconnected
// without asking; a stateless session notices nothing.
func TestBackendGoneWhileIdle(t *testing.T) {
	s, f := startOnFake(t, mariaVersion, Config{})
	c := dialApp(t, s)
	c.ok("ok")
	f.closeAll()
	c.nc.SetDeadline(time.Now().Add(20 * time.Second))
	if p, err := c.packet(); err == nil {
		t.Errorf("unasked: %q", p)
	}

	s, f = startOnFake(t, mariaVersion, Config{NewRouter: func(*Conn) Router { return &stateless{} }})
	c = dialApp(t, s)
	c.ok("ok")
	f.closeAll()
	eventually(t, "the proxy notices", func() bool { return s.Sessions()[0].BackendID() == 0 })
	c.ok("ok")
}

// TestBackendGoneBeforeUse: found at the next command, it is replaced before
// anything was sent, or its farewell is handed on.
func TestBackendGoneBeforeUse(t *testing.T) {
	s, f := startOnFake(t, mariaVersion, Config{NewRouter: func(*Conn) Router { return &stateless{} }})
	sess := func() *Conn { return s.Sessions()[0] }
	c := dialApp(t, s)
	c.ok("ok")
	sess().busy.Lock() // keep the watch away
	f.closeAll()
	sess().be.used = time.Time{}
	eventually(t, "the close arrives", func() bool { return sess().be.gone() })
	sess().busy.Unlock()
	c.ok("ok")
}

// TestBackendUnreachable: logins work, statements say what is wrong, and once
// the backend is there again the same session goes on.
func TestBackendUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	s := startProxy(t, Config{Backend: BackendConfig{Addr: addr}})
	if _, err := tryRaw(t, s.Addr().String(), "app", "secret", "", baseCaps); err == nil || !strings.Contains(err.Error(), "2003") {
		t.Errorf("login before the backend was ever seen: %v", err)
	}
	s.learn(&wire.Greeting{Version: mariaVersion, Caps: wire.Forwardable, Status: wire.StatusAutocommit, Plugin: wire.PluginNative})
	c := dialApp(t, s)
	if e := c.fails(q("ok")); e.Code != codeCannotConnect || !strings.Contains(e.Message, addr) || !strings.Contains(e.Message, "[database]") {
		t.Errorf("%v", e)
	}
	if e := c.fails(q("ok")); e.Code != codeCannotConnect {
		t.Errorf("again: %v", e)
	}
	if l, err = net.Listen("tcp", addr); err != nil {
		t.Skipf("the port was taken meanwhile: %v", err)
	}
	defer l.Close()
	f := startFake(t, mariaVersion)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go tunnel(ctx, l, f.addr)
	c.ok("ok")
}

// tunnel passes connections on to another address.
func tunnel(ctx context.Context, l net.Listener, addr string) {
	for {
		a, err := l.Accept()
		if err != nil {
			return
		}
		b, err := net.Dial("tcp", addr)
		if err != nil {
			a.Close()
			return
		}
		stop := func() { a.Close(); b.Close() }
		context.AfterFunc(ctx, stop)
		go func() { defer stop(); a.(*net.TCPConn).ReadFrom(b) }()
		go func() { defer stop(); b.(*net.TCPConn).ReadFrom(a) }()
	}
}
