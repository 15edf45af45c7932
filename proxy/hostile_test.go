package proxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// heap is what is in use after a collection, in bytes.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// grown fails if more memory is in use than before, beyond a generous bound.
func grown(t *testing.T, what string, before uint64, bound uint64) {
	t.Helper()
	if now := heap(); now > before+bound {
		t.Errorf("%s: %d bytes in use, %d before, at most %d more are in order", what, now, before, bound)
	}
}

// TestPacketLimit: a command above MaxPacket is refused with the server's own
// error as soon as it is above, and one of exactly that size is forwarded.
func TestPacketLimit(t *testing.T) {
	const limit = 20 << 20
	s, _ := startOnFake(t, mariaVersion, Config{MaxPacket: limit})
	c := dialApp(t, s)
	c.ok("ok" + string(bytes.Repeat([]byte(" "), limit-3)))
	before := heap()
	c = dialApp(t, s)
	// 1 GiB is announced; the proxy must not wait for the end of it.
	sent := make(chan error, 1)
	go func() {
		piece := append([]byte{0xff, 0xff, 0xff, 0}, make([]byte, wire.MaxPayload)...)
		piece[4] = wire.ComQuery
		for i := range 64 {
			piece[3] = byte(i)
			if _, err := c.nc.Write(piece); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	if err := <-sent; err == nil {
		t.Error("1 GiB was taken")
	}
	if p, err := c.packet(); err == nil {
		if e, err := wire.ParseERR(p[4:]); err != nil || e.Code != codePacketTooLarge {
			t.Errorf("%q", p)
		}
	} else if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
		t.Error("no answer")
	}
	eventually(t, "the session is gone", func() bool { return len(s.Sessions()) <= 1 })
	grown(t, "after a command of 1 GiB", before, 16<<20)
	dialApp(t, s).ok("ok")
}

// TestSlowWriter: clients that send a byte now and then hold no buffers and
// keep nobody waiting, before their login and after.
func TestSlowWriter(t *testing.T) {
	s, _ := startOnFake(t, mariaVersion, Config{HandshakeTimeout: 500 * time.Millisecond})
	before := heap()
	login := wire.AppendLogin(nil, &wire.Login{Caps: baseCaps, User: "app", Auth: make([]byte, 20), Plugin: wire.PluginNative})
	login = append([]byte{byte(len(login)), 0xff, 0, 1}, login...)
	var wg sync.WaitGroup
	for range 100 {
		nc, _ := greeted(t, s.Addr().String())
		wg.Go(func() {
			defer nc.Close()
			for _, b := range login {
				if _, err := nc.Write([]byte{b}); err != nil {
					return // the deadline has ended it, as it should
				}
				time.Sleep(20 * time.Millisecond)
			}
			if _, err := nc.Read(make([]byte, 1)); err == nil {
				t.Error("a login of a byte now and then was taken")
			}
		})
	}
	c := dialApp(t, s)
	for _, b := range append([]byte{0xff, 0xff, 0xff, 0}, make([]byte, 100)...) {
		if _, err := c.nc.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	dialApp(t, s).ok("ok")
	grown(t, "with slow writers", before, 16<<20)
	wg.Wait()
	c.nc.Close()
	eventually(t, "the sessions are gone", func() bool { return len(s.Sessions()) <= 1 })
}

// TestFloodOfLogins: thousands of wrong passwords and of connections that say
// nothing leave nothing behind.
func TestFloodOfLogins(t *testing.T) {
	s, f := startOnFake(t, mariaVersion, Config{HandshakeTimeout: time.Second})
	good := dialApp(t, s)
	good.ok("ok")
	logins := f.loginCount()
	before := heap()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 150 {
				nc, _ := greeted(t, s.Addr().String())
				if i%3 != 0 {
					p := wire.AppendLogin(nil, &wire.Login{Caps: baseCaps, User: "app", Auth: bytes.Repeat([]byte{byte(i)}, 20), Plugin: wire.PluginNative})
					w := wire.NewWriter(nc)
					w.Begin(1)
					_, _ = w.WritePacket(p), w.Flush()
					_, answer, err := wire.ReadExact(nc, 1<<16)
					if e, perr := wire.ParseERR(answer); err != nil || perr != nil || e.Code != codeAccessDenied {
						t.Errorf("a wrong password got %q, %v", answer, err)
					}
				}
				nc.Close()
			}
		})
	}
	wg.Wait()
	good.ok("ok")
	eventually(t, "the sessions are gone", func() bool { return len(s.Sessions()) == 1 })
	grown(t, "after 1200 logins", before, 16<<20)
	if n := f.loginCount(); n != logins {
		t.Errorf("%d wrong logins reached the backend", n-logins)
	}
}

// TestHalfOpen: a client whose connection is shut in one direction in the
// middle of a command, of a result, or of a wait leaves no session behind.
func TestHalfOpen(t *testing.T) {
	s, f := startOnFake(t, mariaVersion, Config{})
	for _, sent := range [][]byte{
		nil, {1}, {5, 0, 0, 0}, {5, 0, 0, 0, wire.ComQuery, 'r'}, {0xff, 0xff, 0xff, 0, wire.ComQuery},
		append([]byte{14, 0, 0, 0, wire.ComQuery}, "rows 80000000"...), append([]byte{3, 0, 0, 0, wire.ComQuery}, "ok"...),
		append([]byte{5, 0, 0, 0, wire.ComQuery}, "wait"...), append([]byte{5, 0, 0, 0, wire.ComStmtPrepare}, "ok ?"...),
	} {
		c := dialApp(t, s)
		c.nc.Write(sent)
		c.nc.(*net.TCPConn).CloseWrite()
		go func() { _, _ = io.CopyN(io.Discard, c.nc, 1<<20); c.nc.Close() }()
	}
	close(f.release)
	eventually(t, "the sessions are gone", func() bool { return len(s.Sessions()) == 0 })
}
