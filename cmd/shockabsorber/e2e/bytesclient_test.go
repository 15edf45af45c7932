package e2e

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// packetClient is a client that keeps every packet of a response as it came.
type packetClient struct {
	t    *testing.T
	nc   net.Conn
	r    *wire.Reader
	w    *wire.Writer
	caps wire.Capability
	stmt map[string]*packetStatement
}

// packetStatement is a prepared statement of a packetClient.
type packetStatement struct {
	id     uint32
	params int
	typed  bool // types were sent once
}

// plainCaps are what every client of these tests can do.
const plainCaps = wire.CapProtocol41 | wire.CapSecureConnection | wire.CapPluginAuth | wire.CapPluginAuthLenenc | wire.CapLongFlag |
	wire.CapLongPassword | wire.CapTransactions | wire.CapMultiResults | wire.CapPSMultiResults | wire.CapMultiStatements

// dialPackets logs in as the application does, with collation utf8mb4_general_ci.
func dialPackets(t *testing.T, addr, db string, caps wire.Capability) *packetClient {
	t.Helper()
	c, err := tryPackets(t, addr, proxyUser, proxyPassword, db, caps)
	if err != nil {
		t.Fatalf("login at %s: %v", addr, err)
	}
	return c
}

// tryPackets is dialPackets with any account, and the refusal as an error.
func tryPackets(t *testing.T, addr, user, password, db string, caps wire.Capability) (*packetClient, error) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, err
	}
	_, p, err := wire.ReadExact(nc, 1<<20)
	if err != nil {
		return nil, err
	}
	g, err := wire.ParseGreeting(p)
	if err != nil {
		return nil, err
	}
	c := &packetClient{t: t, nc: nc, r: wire.NewReader(nc, 0), w: wire.NewWriter(nc), caps: (plainCaps | caps) & (g.Caps | wire.CapLongPassword), stmt: map[string]*packetStatement{}}
	login := &wire.Login{Caps: c.caps, Collation: 45, User: user, DB: db, MaxPacket: 1 << 30, Plugin: wire.PluginNative, Auth: wire.NativeScramble(password, g.Salt)}
	if g.Plugin == wire.PluginCachingSHA2 {
		login.Plugin, login.Auth = g.Plugin, wire.CachingScramble(password, g.Salt)
	}
	c.w.Begin(1)
	if err := c.write(wire.AppendLogin(nil, login)); err != nil {
		return nil, err
	}
	return c, c.admitted(password, g.Salt)
}

// admitted answers what the server asks until it lets us in.
func (c *packetClient) admitted(password string, salt []byte) error {
	for {
		p, err := c.packet()
		if err != nil {
			return err
		}
		var reply []byte
		switch body := p[4:]; {
		case body[0] == 0:
			return nil
		case body[0] == 0xff:
			e, err := wire.ParseERR(body)
			return errors.Join(e, err)
		case body[0] == wire.AuthSwitched:
			var plugin string
			if plugin, salt, err = wire.ParseAuthSwitch(body); err != nil {
				return err
			}
			if reply = wire.NativeScramble(password, salt); plugin == wire.PluginCachingSHA2 {
				reply = wire.CachingScramble(password, salt)
			}
		case len(body) == 2 && body[1] == wire.AuthFastOK:
			continue
		case len(body) == 2:
			reply = []byte{wire.AuthKey}
		default:
			if reply, err = wire.EncryptPassword(password, salt, body[1:]); err != nil {
				return err
			}
		}
		c.w.Seq = c.r.Seq
		if err := c.write(reply); err != nil {
			return err
		}
	}
}

// write sends one packet.
func (c *packetClient) write(payload []byte) error {
	if err := c.nc.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	if err := c.w.WritePacket(payload); err != nil {
		return err
	}
	err := c.w.Flush()
	c.r.Seq = c.w.Seq
	return err
}

// packet reads one packet with its header.
func (c *packetClient) packet() ([]byte, error) {
	frame, err := c.r.ReadFrame()
	return append([]byte(nil), frame...), err
}

// command sends a command and returns its response.
func (c *packetClient) command(cmd byte, arg []byte) [][]byte {
	c.t.Helper()
	c.w.Begin(0)
	if err := c.write(append([]byte{cmd}, arg...)); err != nil {
		c.t.Fatalf("write: %v", err)
	}
	return c.response(cmd)
}

// response reads packets until the response to cmd is whole.
func (c *packetClient) response(cmd byte) (packets [][]byte) {
	c.t.Helper()
	next := func() []byte {
		p, err := c.packet()
		if err != nil {
			c.t.Fatalf("the response ended after %d packets: %v", len(packets), err)
		}
		packets = append(packets, p)
		return p[4:]
	}
	// end is an EOF, or the OK in its place; it says whether more follows.
	end := func(p []byte) (last, more bool) {
		if p[0] == 0xff {
			return true, false
		}
		if p[0] != 0xfe || len(p) > 0xffffff {
			return false, false
		}
		ok, err := wire.ParseEOF(p, c.caps)
		return err == nil, err == nil && ok.Status&wire.StatusMoreResults != 0
	}
	for {
		p := next()
		switch {
		case p[0] == 0xff:
			return packets
		case p[0] == 0 && cmd == wire.ComStmtPrepare:
			for _, n := range []uint16{binary.LittleEndian.Uint16(p[7:]), binary.LittleEndian.Uint16(p[5:])} {
				for range n {
					next()
				}
				if n > 0 && !c.caps.Has(wire.CapDeprecateEOF) {
					next()
				}
			}
			return packets
		case p[0] == 0:
			ok, err := wire.ParseOK(p, c.caps)
			if err != nil {
				c.t.Fatal(err)
			}
			if ok.Status&wire.StatusMoreResults == 0 {
				return packets
			}
			continue
		}
		for range wire.ColumnCount(p) {
			next()
		}
		if !c.caps.Has(wire.CapDeprecateEOF) {
			next()
		}
		for {
			if last, more := end(next()); last && !more {
				return packets
			} else if last {
				break
			}
		}
	}
}

// query runs a COM_QUERY.
func (c *packetClient) query(sql string) [][]byte {
	c.t.Helper()
	return c.command(wire.ComQuery, []byte(sql))
}

// ok runs a COM_QUERY that must succeed.
func (c *packetClient) ok(sql string) {
	c.t.Helper()
	if last := tail(c.query(sql)); last[4] == 0xff {
		c.t.Fatalf("%s: %s", sql, last[7:])
	}
}

// tail is the last packet of a response.
func tail(packets [][]byte) []byte { return packets[len(packets)-1] }

// prepare runs a COM_STMT_PREPARE; the id in its answer becomes zero.
func (c *packetClient) prepare(sql string) [][]byte {
	c.t.Helper()
	packets := c.command(wire.ComStmtPrepare, []byte(sql))
	if head := packets[0][4:]; head[0] == 0 {
		c.stmt[sql] = &packetStatement{id: binary.LittleEndian.Uint32(head[1:]), params: int(binary.LittleEndian.Uint16(head[7:]))}
		clear(head[1:5])
	}
	return packets
}

// execute runs a COM_STMT_EXECUTE. Types are sent the first time only, as
// PHP and libmysqlclient do, unless retype asks for them.
func (c *packetClient) execute(sql string, retype bool, params ...any) [][]byte {
	c.t.Helper()
	st := c.stmt[sql]
	if len(params) != st.params {
		c.t.Fatalf("%s: %d parameters for %d markers", sql, len(params), st.params)
	}
	arg := binary.LittleEndian.AppendUint32(nil, st.id)
	arg = append(arg, 0, 1, 0, 0, 0)
	if len(params) > 0 {
		nulls := make([]byte, (len(params)+7)/8)
		var types, values []byte
		for i, v := range params {
			typ, value := encodeParam(v)
			if v == nil {
				nulls[i/8] |= 1 << (i % 8)
			}
			types, values = append(types, typ...), append(values, value...)
		}
		arg = append(arg, nulls...)
		if retype || !st.typed {
			arg = append(append(arg, 1), types...)
		} else {
			arg = append(arg, 0)
		}
		st.typed = true
		arg = append(arg, values...)
	}
	return c.command(wire.ComStmtExecute, arg)
}

// encodeParam gives a parameter's type and its value in the binary protocol.
func encodeParam(v any) (typ, value []byte) {
	switch v := v.(type) {
	case nil:
		return []byte{wire.TypeNull, 0}, nil
	case int:
		return []byte{wire.TypeLongLong, 0}, binary.LittleEndian.AppendUint64(nil, uint64(v))
	case uint64:
		return []byte{wire.TypeLongLong, 0x80}, binary.LittleEndian.AppendUint64(nil, v)
	case float64:
		return []byte{wire.TypeDouble, 0}, binary.LittleEndian.AppendUint64(nil, math.Float64bits(v))
	case string:
		return []byte{wire.TypeVarString, 0}, wire.AppendString(nil, v)
	case []byte:
		return []byte{wire.TypeBlob, 0}, wire.AppendString(nil, v)
	case time.Time:
		b := []byte{11, byte(v.Year()), byte(v.Year() >> 8), byte(v.Month()), byte(v.Day()), byte(v.Hour()), byte(v.Minute()), byte(v.Second())}
		return []byte{wire.TypeDatetime, 0}, binary.LittleEndian.AppendUint32(b, uint32(v.Nanosecond()/1000))
	}
	panic(fmt.Sprintf("no encoding for %T", v))
}

// differing shows the packets of two responses that are not the same.
func differing(direct, proxied [][]byte) string {
	var b strings.Builder
	for i := range max(len(direct), len(proxied)) {
		var d, p []byte
		if i < len(direct) {
			d = direct[i]
		}
		if i < len(proxied) {
			p = proxied[i]
		}
		if !bytes.Equal(d, p) {
			fmt.Fprintf(&b, "\n  packet %d of %d and %d\n    direct  %q\n    proxied %q", i, len(direct), len(proxied), d, p)
		}
	}
	return b.String()
}
