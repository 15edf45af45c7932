package proxy

import (
	"bytes"
	"net"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// garbage are logins and packets that must neither end the process nor hold a
// session for longer than the handshake's deadline.
func garbage() [][]byte {
	login := func(caps wire.Capability, rest string) []byte {
		p := wire.AppendSSLRequest(nil, &wire.Login{Caps: caps, MaxPacket: 1 << 24, Collation: 45})
		return append(p, rest...)
	}
	all := baseCaps | wire.CapConnectWithDB | wire.CapConnectAttrs
	good := wire.AppendLogin(nil, &wire.Login{Caps: all, User: "app", Auth: make([]byte, 20), DB: "d", Plugin: wire.PluginNative, Attrs: []byte("\x01a\x01b")})
	list := [][]byte{
		nil, {0}, make([]byte, 31), make([]byte, 32), make([]byte, 33), bytes.Repeat([]byte{0xff}, 300), []byte("GET / HTTP/1.1\r\n\r\n"),
		login(all, "app"), login(all, "app\x00"), login(all, "app\x00\xfc\xff\xff"), login(all, "app\x00\xfe\xff\xff\xff\xff\xff\xff\xff\xff"),
		login(all, "app\x00\x00\x00\x00\xfc"), login(all, "app\x00\x00d\x00plugin\x00\xfb"), login(all, "app\x00\x00d\x00mysql_native_password\x00\xfc\x01"),
		login(all&^wire.CapPluginAuthLenenc, "app\x00\xff"), login(baseCaps&^wire.CapProtocol41, "app\x00"), login(all|wire.CapSSL, ""),
	}
	for n := range good {
		list = append(list, good[:n])
	}
	return list
}

// TestGarbage sends each of them as a login, and each as a command after one.
func TestGarbage(t *testing.T) {
	s, _ := startOnFake(t, mariaVersion, Config{HandshakeTimeout: 2 * time.Second})
	for _, g := range garbage() {
		handshakeWith(t, s, g)
	}
	for _, g := range garbage() {
		c := dialApp(t, s)
		c.write(0, g)
		c.nc.Close()
	}
	eventually(t, "all sessions are gone", func() bool { return len(s.Sessions()) == 0 })
	dialApp(t, s).ok("ok")
}

// handshakeWith answers the greeting with a payload, and reads to the end.
func handshakeWith(tb testing.TB, s *Server, payload []byte) {
	tb.Helper()
	nc, _ := greeted(tb, s.Addr().String())
	defer nc.Close()
	w := wire.NewWriter(nc)
	w.Begin(1)
	if w.WritePacket(payload) != nil || w.Flush() != nil {
		return // refused already
	}
	nc.(*net.TCPConn).CloseWrite()
	b := make([]byte, 1024)
	for {
		if _, err := nc.Read(b); err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				tb.Errorf("no end after %q", payload)
			}
			return
		}
	}
}

// TestHandshakeDeadline ends a connection that says nothing, and one that says
// too much.
func TestHandshakeDeadline(t *testing.T) {
	s, _ := startOnFake(t, mariaVersion, Config{HandshakeTimeout: 100 * time.Millisecond})
	nc, _ := greeted(t, s.Addr().String())
	if n, err := nc.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes for silence", n)
	}
	nc, _ = greeted(t, s.Addr().String())
	nc.Write([]byte{0xff, 0xff, 0xff, 1})
	_, p, err := wire.ReadExact(nc, 1<<16)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := wire.ParseERR(p); err != nil || e.Code != codeHandshake {
		t.Errorf("%q", p)
	}
}

// TestOutOfOrder ends a session that sends a packet with a wrong number.
func TestOutOfOrder(t *testing.T) {
	s, _ := startOnFake(t, mariaVersion, Config{})
	c := dialApp(t, s)
	c.write(3, []byte{wire.ComPing})
	p, err := c.packet()
	if err != nil || p[4] != 0xff {
		t.Fatalf("%q %v", p, err)
	}
	if e, _ := wire.ParseERR(p[4:]); e.Code != codeOutOfOrder {
		t.Errorf("%v", e)
	}
	if p, err := c.packet(); err == nil {
		t.Errorf("after that: %q", p)
	}
}

// FuzzHandshake answers the greeting with anything.
func FuzzHandshake(f *testing.F) {
	for _, g := range garbage() {
		f.Add(g)
	}
	s, _ := startOnFake(f, mariaVersion, Config{HandshakeTimeout: 2 * time.Second})
	f.Fuzz(func(t *testing.T, payload []byte) {
		handshakeWith(t, s, payload)
		if len(payload)%64 == 0 {
			dialApp(t, s).ok("ok")
		}
	})
}
