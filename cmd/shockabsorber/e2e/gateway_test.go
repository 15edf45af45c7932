package e2e

import (
	"io"
	"net"
	"sync"
	"testing"
)

// gateway is an address that stays while the server behind it changes, as the
// address that a failover moves.
type gateway struct {
	addr string

	mu     sync.Mutex
	target string
	conns  map[net.Conn]struct{}
	watch  func(sent []byte) // sees what clients have sent, once it is passed on; may be nil
}

// watchWith sets watch for connections that begin from now on.
func (g *gateway) watchWith(watch func(sent []byte)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.watch = watch
}

// watched passes writes on, and shows them.
type watched struct {
	net.Conn
	watch func(sent []byte)
}

func (w watched) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.watch(p[:n])
	return n, err
}

// newGateway opens one in front of target.
func newGateway(t *testing.T, target string) *gateway {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{addr: l.Addr().String(), target: target, conns: map[net.Conn]struct{}{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { g.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		g.point("")
		wg.Wait()
	})
	return g
}

// point moves the address to another server and breaks the connections.
func (g *gateway) point(target string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.target = target
	for c := range g.conns {
		c.Close()
	}
}

// lead moves the address for connections that begin from now on.
func (g *gateway) lead(target string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.target = target
}

// serve carries one connection.
func (g *gateway) serve(client net.Conn) {
	defer client.Close()
	g.mu.Lock()
	target, watch := g.target, g.watch
	g.conns[client] = struct{}{}
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		delete(g.conns, client)
		g.mu.Unlock()
	}()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	if watch != nil {
		server = watched{server, watch}
	}
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = io.Copy(server, client); server.Close() })
	_, _ = io.Copy(client, server)
	client.Close()
	wg.Wait()
}
