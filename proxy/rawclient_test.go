package proxy

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// rawClient is a client that shows every packet as it came.
type rawClient struct {
	tb   testing.TB
	nc   net.Conn
	caps wire.Capability
	salt []byte
	stmt uint32 // id of the statement prepared last
}

// baseCaps are the capabilities that every test client has.
const baseCaps = wire.CapProtocol41 | wire.CapSecureConnection | wire.CapPluginAuth | wire.CapPluginAuthLenenc |
	wire.CapLongFlag | wire.CapLongPassword | wire.CapTransactions | wire.CapMultiResults | wire.CapPSMultiResults

// dialRaw connects and logs in.
func dialRaw(tb testing.TB, addr, user, password, db string, caps wire.Capability) *rawClient {
	tb.Helper()
	c, err := tryRaw(tb, addr, user, password, db, caps)
	if err != nil {
		tb.Fatalf("login at %s as %s: %v", addr, user, err)
	}
	return c
}

// network tells a socket's path from an address.
func network(addr string) string {
	if strings.HasPrefix(addr, "/") {
		return "unix"
	}
	return "tcp"
}

// tryRaw is dialRaw with the server's refusal as an error.
func tryRaw(tb testing.TB, addr, user, password, db string, caps wire.Capability) (*rawClient, error) {
	nc, err := net.Dial(network(addr), addr)
	if err != nil {
		return nil, err
	}
	tb.Cleanup(func() { nc.Close() })
	_, p, err := wire.ReadExact(nc, 1<<20)
	if err != nil {
		return nil, err
	}
	g, err := wire.ParseGreeting(p)
	if err != nil {
		return nil, err
	}
	be := &backend{nc: nc, raw: nc, r: wire.NewReader(nc, 0), w: wire.NewWriter(nc)}
	be.w.Begin(1)
	caps &= g.Caps | wire.CapLongPassword
	a := &backendAuth{be: be, password: password, salt: g.Salt, plugin: g.Plugin, secure: network(addr) == "unix"}
	l := &wire.Login{Caps: caps, Collation: 45, User: user, DB: db, MaxPacket: 1 << 30}
	if _, err := a.login(l, caps); err != nil {
		return nil, err
	}
	return &rawClient{tb: tb, nc: nc, caps: caps, salt: g.Salt}, nil
}

// step is one command of a script.
type step struct {
	name string
	cmd  byte
	arg  []byte
	file string // contents, should the server ask for a file
}

// q is a COM_QUERY.
func q(sql string) step { return step{name: sql, cmd: wire.ComQuery, arg: []byte(sql)} }

// write sends packets of one payload.
func (c *rawClient) write(seq byte, payload []byte) error {
	c.nc.SetDeadline(time.Now().Add(20 * time.Second))
	w := wire.NewWriter(c.nc)
	w.Begin(seq)
	if err := w.WritePacket(payload); err != nil {
		return err
	}
	return w.Flush()
}

// packet reads one packet with its header.
func (c *rawClient) packet() ([]byte, error) {
	c.nc.SetDeadline(time.Now().Add(20 * time.Second))
	h := make([]byte, 4)
	if _, err := io.ReadFull(c.nc, h); err != nil {
		return nil, err
	}
	p := make([]byte, 4+int(h[0])+int(h[1])<<8+int(h[2])<<16)
	copy(p, h)
	_, err := io.ReadFull(c.nc, p[4:])
	return p, err
}

// run sends a command with a COM_STATISTICS behind it, whose answer cannot be
// mistaken for anything else, and returns the packets before that answer. It
// knows nothing of where responses end.
func (c *rawClient) run(s step) (packets [][]byte) {
	c.tb.Helper()
	payload := c.payload(s)
	if err := c.write(0, payload); err != nil {
		return [][]byte{[]byte("write failed")}
	}
	marker := func() {
		if err := c.write(0, []byte{wire.ComStatistics}); err != nil && !errors.Is(err, net.ErrClosed) {
			packets = append(packets, []byte("write failed"))
		}
	}
	if s.file == "" {
		marker()
	}
	for {
		p, err := c.packet()
		if err != nil {
			return append(packets, []byte("closed"))
		}
		if strings.HasPrefix(string(p[4:]), "Uptime: ") && s.cmd != wire.ComStatistics {
			return packets
		}
		if s.cmd == wire.ComStatistics {
			p = append([]byte("...."), p[4:4+8]...) // the rest are numbers
			c.packet()                              // the marker's
			return append(packets, p)
		}
		if s.file != "" && len(packets) == 0 {
			if p[4] == 0xfb {
				c.write(p[3]+1, []byte(s.file))
				c.write(p[3]+2, nil)
			}
			marker()
		}
		if s.cmd == wire.ComStmtPrepare && len(packets) == 0 && p[4] == 0 {
			c.stmt = binary.LittleEndian.Uint32(p[5:])
			copy(p[5:9], "\x00\x00\x00\x00")
		}
		packets = append(packets, p)
	}
}

// payload builds a step's packet; a statement id of 1 means the last one.
func (c *rawClient) payload(s step) []byte {
	payload := []byte{s.cmd}
	if s.cmd == wire.ComQuery && c.caps.Has(wire.CapQueryAttributes) {
		payload = append(payload, 0, 1)
	}
	payload = append(payload, s.arg...)
	switch s.cmd {
	case wire.ComStmtExecute, wire.ComStmtFetch, wire.ComStmtReset, wire.ComStmtClose, wire.ComStmtLongData:
		if id, ok := wire.StatementID(payload); ok && id == 1 {
			wire.SetStatementID(payload, c.stmt)
		}
	}
	return payload
}

// ok runs a statement that must succeed.
func (c *rawClient) ok(sql string) {
	c.tb.Helper()
	for _, p := range c.run(q(sql)) {
		if len(p) < 5 || p[4] == 0xff || string(p) == "closed" {
			c.tb.Fatalf("%s: %q", sql, p)
		}
	}
}

// fails runs a statement that must fail, and returns the error.
func (c *rawClient) fails(s step) *wire.ErrPacket {
	c.tb.Helper()
	if err := c.write(0, c.payload(s)); err != nil {
		c.tb.Fatal(err)
	}
	p, err := c.packet()
	if err != nil || p[4] != 0xff {
		c.tb.Fatalf("%s: no error but %q, %v", s.name, p, err)
	}
	e, err := wire.ParseERR(p[4:])
	if err != nil {
		c.tb.Fatal(err)
	}
	return e
}

// changeUser runs a COM_CHANGE_USER with the scramble of the plugin.
func (c *rawClient) changeUser(user, password, db, plugin string) error {
	c.tb.Helper()
	be := &backend{nc: c.nc, raw: c.nc, r: wire.NewReader(c.nc, 0), w: wire.NewWriter(c.nc)}
	be.w.Begin(0)
	a := &backendAuth{be: be, password: password, salt: c.salt, plugin: plugin}
	auth, err := a.answer()
	if err != nil {
		c.tb.Fatal(err)
	}
	p := append(append([]byte{wire.ComChangeUser}, user...), 0, byte(len(auth)))
	p = append(append(append(p, auth...), db...), 0, 45, 0)
	if err := a.send(append(append(p, plugin...), 0)); err != nil {
		return err
	}
	_, err = a.finish(c.caps)
	return err
}
