package rawclient

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// Timeout is how long a command may take from one side to the other.
const Timeout = time.Minute

// Plain are the capabilities that every client has.
const Plain = wire.CapProtocol41 | wire.CapSecureConnection | wire.CapPluginAuth | wire.CapPluginAuthLenenc | wire.CapLongFlag |
	wire.CapLongPassword | wire.CapTransactions | wire.CapMultiResults | wire.CapPSMultiResults | wire.CapMultiStatements

// Collation is what clients name at login: utf8mb4_general_ci.
const Collation = 45

// Client is one connection. It is for one goroutine.
type Client struct {
	nc       net.Conn
	r        *wire.Reader
	w        *wire.Writer
	caps     wire.Capability
	greeting wire.Greeting
	password string
	welcome  []byte
}

// Dial logs in as an application does, with the Plain capabilities and caps as
// far as the server has them. A refusal is a *wire.ErrPacket.
func Dial(addr, user, password, db string, caps wire.Capability) (*Client, error) {
	return DialAs(addr, password, wire.Login{User: user, DB: db, Caps: Plain | caps, Collation: Collation})
}

// DialAs is Dial with every part of the login at will. Of its capabilities
// those that the server does not have are left out. An address that begins
// with a slash is a Unix socket's.
func DialAs(addr, password string, login wire.Login) (*Client, error) {
	network := "tcp"
	if strings.HasPrefix(addr, "/") {
		network = "unix"
	}
	nc, err := net.Dial(network, addr)
	if err != nil {
		return nil, err
	}
	c := &Client{nc: nc, r: wire.NewReader(nc, 0), w: wire.NewWriter(nc), password: password}
	if err := c.login(login); err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	return c, nil
}

// Caps are the capabilities that client and server agreed on.
func (c *Client) Caps() wire.Capability { return c.caps }

// Greeting is what the server said first.
func (c *Client) Greeting() wire.Greeting { return c.greeting }

// Welcome is the payload of the OK that ended the last login or COM_CHANGE_USER.
func (c *Client) Welcome() []byte { return c.welcome }

// Close ends the connection without a word, as a client that crashes does.
func (c *Client) Close() error { return c.nc.Close() }

// login answers the greeting.
func (c *Client) login(login wire.Login) error {
	if err := c.nc.SetDeadline(time.Now().Add(Timeout)); err != nil {
		return err
	}
	_, p, err := wire.ReadExact(c.nc, 1<<20)
	if err != nil {
		return err
	}
	g, err := wire.ParseGreeting(p)
	if err != nil {
		return err
	}
	c.greeting = *g
	c.caps = login.Caps & (g.Caps | wire.CapLongPassword)
	login.Caps, login.MaxPacket, login.Plugin, login.Auth = c.caps, 1<<30, wire.PluginNative, wire.NativeScramble(c.password, g.Salt)
	if g.Plugin == wire.PluginCachingSHA2 {
		login.Plugin, login.Auth = g.Plugin, wire.CachingScramble(c.password, g.Salt)
	}
	c.w.Begin(1)
	if err := c.write(wire.AppendLogin(nil, &login)); err != nil {
		return err
	}
	return c.admitted(g.Salt)
}

// admitted answers what the server asks until it lets us in.
func (c *Client) admitted(salt []byte) error {
	for password := c.password; ; {
		p, err := c.packet()
		if err != nil {
			return err
		}
		var reply []byte
		switch body := p[4:]; {
		case body[0] == 0:
			c.welcome = body
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
func (c *Client) write(payload []byte) error {
	if err := c.nc.SetDeadline(time.Now().Add(Timeout)); err != nil {
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
func (c *Client) packet() ([]byte, error) {
	frame, err := c.r.ReadFrame()
	return append([]byte(nil), frame...), err
}

// Command sends a command and returns the packets of its response, each with
// its header.
func (c *Client) Command(cmd byte, arg []byte) ([][]byte, error) {
	c.w.Begin(0)
	if err := c.write(append([]byte{cmd}, arg...)); err != nil {
		return nil, fmt.Errorf("write: %w", err)
	}
	return c.response(cmd)
}

// Query runs a COM_QUERY.
func (c *Client) Query(sql string) ([][]byte, error) {
	if c.caps.Has(wire.CapQueryAttributes) {
		sql = "\x00\x01" + sql // no attributes, in one set
	}
	return c.Command(wire.ComQuery, []byte(sql))
}
