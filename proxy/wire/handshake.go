package wire

import (
	"bytes"
	"encoding/binary"
)

// SaltSize is the length of a handshake's scramble in bytes.
const SaltSize = 20

// Greeting is the first packet of a server.
type Greeting struct {
	Version   string // as sent, "5.5.5-10.11.6-MariaDB" or "9.7.0"
	ConnID    uint32
	Salt      []byte // SaltSize bytes
	Caps      Capability
	Collation byte
	Status    uint16
	Plugin    string
}

// AppendGreeting appends the payload of a greeting.
func AppendGreeting(dst []byte, g *Greeting) []byte {
	dst = append(append(append(dst, 10), g.Version...), 0)
	dst = binary.LittleEndian.AppendUint32(dst, g.ConnID)
	dst = append(append(dst, g.Salt[:8]...), 0)
	dst = append(dst, byte(g.Caps), byte(g.Caps>>8), g.Collation, byte(g.Status), byte(g.Status>>8))
	dst = append(dst, byte(g.Caps>>16), byte(g.Caps>>24), SaltSize+1)
	dst = append(dst, make([]byte, 6)...)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(g.Caps>>extendedCapabilityBit))
	dst = append(append(dst, g.Salt[8:SaltSize]...), 0)
	return append(append(dst, g.Plugin...), 0)
}

// ParseGreeting parses a greeting of protocol 10. A server that refuses the
// connection sends an ERR packet instead, which comes back as *ErrPacket.
func ParseGreeting(p []byte) (*Greeting, error) {
	c := cursor{p: p}
	if v := c.u8(); v == 0xff {
		e, err := ParseERR(p)
		if err != nil {
			return nil, err
		}
		return nil, e
	} else if v != 10 {
		return nil, ErrMalformed
	}
	g := &Greeting{Version: string(c.nul()), ConnID: c.u32()}
	salt := append([]byte(nil), c.take(8)...)
	c.u8()
	low := c.u16()
	g.Collation, g.Status = c.u8(), c.u16()
	high := c.u16()
	c.take(7)
	extended := c.u32()
	g.Caps = Capability(low) | Capability(high)<<16
	if !g.Caps.Has(CapLongPassword) {
		g.Caps |= Capability(extended) << extendedCapabilityBit
	}
	g.Salt = append(salt, c.take(SaltSize-8)...)
	c.u8()
	if name, _, _ := bytes.Cut(c.rest(), []byte{0}); len(name) > 0 {
		g.Plugin = string(name)
	} else {
		g.Plugin = PluginNative
	}
	if c.bad || !g.Caps.Has(CapProtocol41|CapSecureConnection) {
		return nil, ErrMalformed
	}
	return g, nil
}

// Login is a client's answer to the greeting, and, for its fields from User
// on, a COM_CHANGE_USER.
type Login struct {
	Caps      Capability
	MaxPacket uint32
	Collation uint16 // the handshake has room for the lower 8 bits only
	User      string
	Auth      []byte
	DB        string
	Plugin    string // "" if the client does not name one
	Attrs     []byte // connection attributes, encoded, without their total length
}

// sslRequestSize is the length of the answer that asks for TLS.
const sslRequestSize = 32

// AppendLogin appends the payload of a handshake response. It sets and clears
// the capabilities that say which fields are there.
func AppendLogin(dst []byte, l *Login) []byte {
	caps := l.Caps &^ CapConnectWithDB
	if l.DB != "" {
		caps |= CapConnectWithDB
	}
	dst = appendLoginHead(dst, caps, l)
	dst = append(append(dst, l.User...), 0)
	if caps.Has(CapPluginAuthLenenc) {
		dst = AppendString(dst, l.Auth)
	} else {
		dst = append(append(dst, byte(len(l.Auth))), l.Auth...)
	}
	if l.DB != "" {
		dst = append(append(dst, l.DB...), 0)
	}
	if caps.Has(CapPluginAuth) {
		dst = append(append(dst, l.Plugin...), 0)
	}
	if caps.Has(CapConnectAttrs) {
		dst = AppendString(dst, l.Attrs)
	}
	return dst
}

// AppendSSLRequest appends the payload that asks for TLS before the login.
func AppendSSLRequest(dst []byte, l *Login) []byte {
	return appendLoginHead(dst, l.Caps, l)
}

// appendLoginHead appends the fixed part.
func appendLoginHead(dst []byte, caps Capability, l *Login) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(caps))
	dst = binary.LittleEndian.AppendUint32(dst, l.MaxPacket)
	dst = append(append(dst, byte(l.Collation)), make([]byte, 19)...)
	return binary.LittleEndian.AppendUint32(dst, uint32(caps>>extendedCapabilityBit))
}

// ParseLogin parses a handshake response. ssl is true if it is the request to
// switch to TLS, after which the real one follows.
func ParseLogin(p []byte) (l *Login, ssl bool, err error) {
	c := cursor{p: p}
	l = &Login{Caps: Capability(c.u32()), MaxPacket: c.u32(), Collation: uint16(c.u8())}
	c.take(19)
	extended := c.u32()
	if !l.Caps.Has(CapLongPassword) {
		l.Caps |= Capability(extended) << extendedCapabilityBit
	}
	if c.bad || !l.Caps.Has(CapProtocol41|CapSecureConnection) {
		return nil, false, ErrMalformed
	}
	if len(p) == sslRequestSize {
		return l, true, nil
	}
	l.User = string(c.nul())
	if l.Caps.Has(CapPluginAuthLenenc) {
		l.Auth = c.str()
	} else {
		l.Auth = c.take(int(c.u8()))
	}
	if l.Caps.Has(CapConnectWithDB) && len(c.p) > 0 {
		l.DB = string(c.nul())
	}
	c.pluginAndAttrs(l)
	if c.bad {
		return nil, false, ErrMalformed
	}
	return l, false, nil
}

// ParseChangeUser parses a COM_CHANGE_USER, command byte included.
func ParseChangeUser(p []byte, caps Capability) (*Login, error) {
	c := cursor{p: p}
	c.u8()
	l := &Login{Caps: caps, User: string(c.nul())}
	l.Auth = c.take(int(c.u8()))
	l.DB = string(c.nul())
	if c.bad {
		return nil, ErrMalformed
	}
	if len(c.p) < 2 {
		return l, nil
	}
	l.Collation = c.u16()
	c.pluginAndAttrs(l)
	if c.bad {
		return nil, ErrMalformed
	}
	return l, nil
}

// pluginAndAttrs reads the optional end of a login. Clients leave out the
// final zero byte of the plugin name, or all of it.
func (c *cursor) pluginAndAttrs(l *Login) {
	if l.Caps.Has(CapPluginAuth) && len(c.p) > 0 {
		if bytes.IndexByte(c.p, 0) < 0 {
			l.Plugin = string(c.rest())
		} else {
			l.Plugin = string(c.nul())
		}
	}
	if l.Caps.Has(CapConnectAttrs) && len(c.p) > 0 {
		l.Attrs = c.str()
	}
}

// AppendAuthSwitch appends the payload that asks the client to log in by
// another plugin.
func AppendAuthSwitch(dst []byte, plugin string, salt []byte) []byte {
	dst = append(append(append(dst, 0xfe), plugin...), 0)
	return append(append(dst, salt...), 0)
}

// ParseAuthSwitch parses that request. One without a plugin name is the
// ancient mysql_old_password.
func ParseAuthSwitch(p []byte) (plugin string, salt []byte, err error) {
	c := cursor{p: p}
	c.u8()
	plugin = string(c.nul())
	salt = bytes.TrimSuffix(c.rest(), []byte{0})
	if c.bad {
		return "", nil, ErrMalformed
	}
	return plugin, salt, nil
}
