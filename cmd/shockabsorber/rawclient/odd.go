package rawclient

import (
	"bytes"
	"fmt"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// uptime is how the answer to a COM_STATISTICS begins.
var uptime = []byte("Uptime: ")

// Closed is the packet that stands for the end of the connection.
var Closed = []byte("----the connection was closed")

// Odd sends a command of any kind with a COM_STATISTICS behind it, and returns
// the packets before the answer to that. It needs to know nothing of where the
// response ends, or whether there is one. file, unless nil, is sent should the
// server ask for one.
func (c *Client) Odd(cmd byte, arg, file []byte) (packets [][]byte, err error) {
	c.w.Begin(0)
	if err := c.write(append([]byte{cmd}, arg...)); err != nil {
		return [][]byte{Closed}, nil // as an application sees it
	}
	if file != nil {
		p, err := c.anyPacket()
		if err != nil {
			return [][]byte{Closed}, nil
		}
		packets = append(packets, p)
		if p[4] == 0xfb {
			c.w.Seq = p[3] + 1
			if len(file) > 0 {
				if err := c.write(file); err != nil {
					return nil, fmt.Errorf("send the file: %w", err)
				}
			}
			if err := c.write(nil); err != nil {
				return nil, fmt.Errorf("end the file: %w", err)
			}
		}
	}
	c.w.Begin(0)
	if err := c.write([]byte{wire.ComStatistics}); err != nil {
		return append(packets, Closed), nil
	}
	for {
		p, err := c.anyPacket()
		switch {
		case err != nil:
			return append(packets, Closed), nil
		case bytes.HasPrefix(p[4:], uptime):
			return packets, nil
		}
		packets = append(packets, p)
	}
}

// anyPacket reads a packet whatever its sequence id is.
func (c *Client) anyPacket() ([]byte, error) {
	head, err := c.r.Peek(4)
	if err != nil {
		return nil, err
	}
	n := 4 + int(head[0]) + int(head[1])<<8 + int(head[2])<<16
	p, err := c.r.Peek(n)
	if err != nil {
		return nil, err
	}
	p = bytes.Clone(p[:n])
	if c.r.Discard(n); n < 5 {
		return nil, fmt.Errorf("an empty packet")
	}
	return p, nil
}

// ChangeUser runs a COM_CHANGE_USER. A refusal is a *wire.ErrPacket.
func (c *Client) ChangeUser(user, password, db string) error {
	c.password = password
	auth, plugin := wire.NativeScramble(password, c.greeting.Salt), wire.PluginNative
	if c.greeting.Plugin == wire.PluginCachingSHA2 {
		auth, plugin = wire.CachingScramble(password, c.greeting.Salt), c.greeting.Plugin
	}
	p := append(append([]byte{wire.ComChangeUser}, user...), 0, byte(len(auth)))
	p = append(append(append(p, auth...), db...), 0, Collation, 0)
	p = append(append(p, plugin...), 0)
	if c.caps.Has(wire.CapConnectAttrs) {
		p = append(p, 0)
	}
	c.w.Begin(0)
	if err := c.write(p); err != nil {
		return err
	}
	return c.admitted(c.greeting.Salt)
}

// ID is the statement's, by which the server knows it.
func (st *Statement) ID() uint32 { return st.id }
