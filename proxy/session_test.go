package proxy

import (
	"bytes"

	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// dialApp logs in as the ordinary user.
func dialApp(tb testing.TB, s *Server) *rawClient {
	tb.Helper()
	return dialRaw(tb, s.Addr().String(), "app", "secret", "", baseCaps|wire.CapDeprecateEOF)
}

// value runs a statement that answers with one row of one column.
func (c *rawClient) value(sql string) string {
	c.tb.Helper()
	packets := c.run(q(sql))
	if len(packets) < 4 {
		c.tb.Fatalf("%s: %q", sql, packets)
	}
	v, err := wire.ParseTextRow(nil, packets[2][4:], 1)
	if err != nil {
		c.tb.Fatal(err)
	}
	return string(v[0])
}

// eventually waits for something that happens without being asked for.
func eventually(tb testing.TB, what string, f func() bool) {
	tb.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !f() {
		if time.Now().After(deadline) {
			tb.Fatalf("did not happen: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestLazyBackend: no backend connection until there is something to do.
func TestLazyBackend(t *testing.T) {
	s, f := startOnFake(t, mariaVersion, Config{})
	c := dialApp(t, s)
	c.write(0, []byte{wire.ComPing})
	if p, err := c.packet(); err != nil || p[4] != 0 {
		t.Fatalf("ping: %q %v", p, err)
	}
	if n := f.loginCount(); n != 0 {
		t.Errorf("%d backend logins after a ping", n)
	}
	if c.value("row x") != "x" || f.loginCount() != 1 {
		t.Errorf("%d backend logins after a statement", f.loginCount())
	}
}

// TestUnknownDatabase gets the backend's error at the login, and the database
// of a login before is not asked for again.
func TestUnknownDatabase(t *testing.T) {
	s, f := startOnFake(t, mariaVersion, Config{})
	if _, err := tryRaw(t, s.Addr().String(), "app", "secret", "nope", baseCaps); err == nil || !strings.Contains(err.Error(), "1049") {
		t.Errorf("login: %v", err)
	}
	for range 3 {
		dialRaw(t, s.Addr().String(), "app", "secret", "there", baseCaps)
	}
	if n := f.loginCount(); n != 2 {
		t.Errorf("%d backend logins, want one for each database", n)
	}
	f.closeAll()
	c := dialApp(t, s)
	if e := c.fails(step{name: "use", cmd: wire.ComInitDB, arg: []byte("nope")}); e.Code != 1049 {
		t.Errorf("COM_INIT_DB: %v", e)
	}
}

// TestMaxConnections turns away what is too many, and lets in again after.
func TestMaxConnections(t *testing.T) {
	s, _ := startOnFake(t, mariaVersion, Config{MaxConnections: 2})
	a, b := dialApp(t, s), dialApp(t, s)
	if _, err := tryRaw(t, s.Addr().String(), "app", "secret", "", baseCaps); err == nil || !strings.Contains(err.Error(), "ERROR 1040 (08004): Too many connections") {
		t.Errorf("third: %v", err)
	}
	a.ok("ok")
	a.nc.Close()
	eventually(t, "a place is free", func() bool { return len(s.Sessions()) == 1 })
	dialApp(t, s).ok("ok")
	b.ok("ok")
}

// TestShutdown ends idle sessions at once and running statements when they
// are done.
func TestShutdown(t *testing.T) {
	f := startFake(t, mariaVersion)
	s, stop := startStoppable(t, Config{Backend: BackendConfig{Addr: f.addr}})
	idle, busy := dialApp(t, s), dialApp(t, s)
	idle.ok("ok")
	busy.write(0, append([]byte{wire.ComQuery}, "wait"...))
	eventually(t, "the statement runs", func() bool { return len(f.seen()) == 2 })
	stopped := make(chan struct{})
	go func() { defer close(stopped); stop() }()
	if p, err := idle.packet(); err == nil {
		t.Errorf("the idle session got %q", p)
	}
	close(f.release) // only now may the statement end
	if p, err := busy.packet(); err != nil || p[4] != 0 {
		t.Errorf("the running statement: %q %v", p, err)
	}
	if p, err := busy.packet(); err == nil {
		t.Errorf("after the statement: %q", p)
	}
	<-stopped
	if _, err := net.Dial("tcp", s.Addr().String()); err == nil {
		t.Error("still listening")
	}
}

// TestShutdownTimeout cuts off a statement that takes too long.
func TestShutdownTimeout(t *testing.T) {
	f := startFake(t, mariaVersion)
	s, stop := startStoppable(t, Config{Backend: BackendConfig{Addr: f.addr}, ShutdownTimeout: 50 * time.Millisecond})
	busy := dialApp(t, s)
	busy.write(0, append([]byte{wire.ComQuery}, "wait"...))
	eventually(t, "the statement runs", func() bool { return len(f.seen()) == 1 })
	stop()
	if p, err := busy.packet(); err == nil {
		t.Errorf("got %q", p)
	}
	close(f.release)
}

// TestIdleMemory holds 1000 sessions with backend connections. The bytes per
// session include the client's and the fake backend's side, which run here too.
func TestIdleMemory(t *testing.T) {
	const n = 1000
	s, _ := startOnFake(t, mariaVersion, Config{})
	dialApp(t, s).ok("ok")
	used := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before := used()
	clients := make([]*rawClient, n)
	for i := range clients {
		clients[i] = dialApp(t, s)
		clients[i].ok("big 100000")
	}
	after := used()
	each := (after - before) / n
	t.Logf("%d bytes per session", each)
	if after > before && each > 40<<10 {
		t.Errorf("%d bytes per idle session", each)
	}
	runtime.KeepAlive(clients)
}

// TestLargePackets sends and receives payloads at the borders of packets.
func TestLargePackets(t *testing.T) {
	s, _ := startOnFake(t, mariaVersion, Config{})
	c := dialApp(t, s)
	for _, n := range []int{1<<24 - 2, 1<<24 - 1, 1 << 24, 40 << 20} {
		payload := append([]byte{wire.ComQuery}, bytes.Repeat([]byte("a"), n-1)...)
		if err := c.write(0, payload); err != nil {
			t.Fatal(err)
		}
		p, err := c.packet()
		if err != nil {
			t.Fatal(err)
		}
		ok, err := wire.ParseOK(p[4:], c.caps)
		if err != nil || ok.Affected != uint64(n-1) || int(p[3]) != n/wire.MaxPayload+1 {
			t.Errorf("%d bytes: %+v seq %d, %v", n, ok, p[3], err)
		}
	}
	for _, n := range []int{1<<24 - 5, 1<<24 - 4, 33 << 20} {
		got := 0
		packets := c.run(q("big " + strconv.Itoa(n)))
		for _, p := range packets[2 : len(packets)-1] {
			got += len(p) - 4
		}
		if want := len(wire.AppendInt(nil, uint64(n))) + n; got != want {
			t.Errorf("row of %d bytes: %d, want %d", n, got, want)
		}
	}
}

// TestSlowReader: a client that does not read holds the backend up, not the
// proxy's memory.
func TestSlowReader(t *testing.T) {
	s, _ := startOnFake(t, mariaVersion, Config{})
	c := dialApp(t, s)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c.write(0, append([]byte{wire.ComQuery}, "rows 20000000"...)) // 300 MB
	for range 1000 {
		if _, err := c.packet(); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if after.HeapAlloc > before.HeapAlloc+32<<20 {
		t.Errorf("holds %d bytes", after.HeapAlloc-before.HeapAlloc)
	}
	c.nc.Close()
	eventually(t, "the session ends with its client", func() bool { return len(s.Sessions()) == 0 })
}

// TestClientGoesAway ends a running statement and its backend connection.
func TestClientGoesAway(t *testing.T) {
	s, f := startOnFake(t, mariaVersion, Config{})
	c := dialApp(t, s)
	c.write(0, append([]byte{wire.ComQuery}, "wait"...))
	eventually(t, "the statement runs", func() bool { return len(f.seen()) == 1 })
	c.nc.Close()
	eventually(t, "the session ends", func() bool { return len(s.Sessions()) == 0 })
	close(f.release)
}

// TestPipelining sends many commands before reading an answer.
func TestPipelining(t *testing.T) {
	s, _ := startOnFake(t, mariaVersion, Config{})
	c := dialApp(t, s)
	var all bytes.Buffer
	w := wire.NewWriter(&all)
	for i := range 300 {
		w.Begin(0)
		w.WritePacket(append([]byte{wire.ComQuery}, strings.Repeat("z", i*10)...))
	}
	w.Flush()
	c.nc.SetDeadline(time.Now().Add(20 * time.Second))
	go c.nc.Write(all.Bytes())
	for i := range 300 {
		p, err := c.packet()
		if err != nil {
			t.Fatal(i, err)
		}
		if ok, err := wire.ParseOK(p[4:], c.caps); err != nil || ok.Affected != uint64(i*10) {
			t.Fatalf("answer %d: %+v %v", i, ok, err)
		}
	}
}
