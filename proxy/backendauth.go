package proxy

import (
	"fmt"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// backendAuth logs the proxy in to a server as a client.
type backendAuth struct {
	be       *backend
	password string
	salt     []byte
	plugin   string
	secure   bool // the transport may carry the password itself
}

// login sends l with the answer to the greeting's plugin. It returns the server's
// OK.
func (a *backendAuth) login(l *wire.Login, caps wire.Capability) (wire.OK, error) {
	var err error
	if l.Auth, err = a.answer(); err != nil {
		// The greeting names a default that may not be this account's:
		// the server asks again with the right one.
		a.plugin, l.Auth = wire.PluginNative, wire.NativeScramble(a.password, a.salt)
	}
	l.Plugin = a.plugin
	if err := a.send(wire.AppendLogin(nil, l)); err != nil {
		return wire.OK{}, err
	}
	return a.finish(caps)
}

// finish answers what the server asks until it lets us in.
func (a *backendAuth) finish(caps wire.Capability) (wire.OK, error) {
	for {
		a.be.r.Seq = a.be.w.Seq
		frame, err := a.be.r.ReadFrame()
		if err != nil {
			return wire.OK{}, err
		}
		a.be.w.Seq = a.be.r.Seq
		p := frame[4:]
		if len(p) == 0 {
			return wire.OK{}, wire.ErrMalformed
		}
		switch p[0] {
		case wire.AuthOK:
			return wire.ParseOK(p, caps)
		case 0xff:
			e, err := wire.ParseERR(p)
			if err != nil {
				return wire.OK{}, err
			}
			return wire.OK{}, e
		case wire.AuthSwitched:
			err = a.switched(p)
		case wire.AuthMore:
			err = a.more(p[1:])
		default:
			err = wire.ErrMalformed
		}
		if err != nil {
			return wire.OK{}, err
		}
	}
}

// send writes one packet.
func (a *backendAuth) send(p []byte) error {
	if err := a.be.w.WritePacket(p); err != nil {
		return err
	}
	return a.be.w.Flush()
}

// answer is the reply to the salt by the current plugin.
func (a *backendAuth) answer() ([]byte, error) {
	switch a.plugin {
	case wire.PluginNative:
		return wire.NativeScramble(a.password, a.salt), nil
	case wire.PluginCachingSHA2:
		return wire.CachingScramble(a.password, a.salt), nil
	case wire.PluginSHA256:
		if a.password == "" || a.secure {
			return append([]byte(a.password), 0), nil
		}
		return []byte{wire.AuthKeySHA}, nil
	case wire.PluginClear:
		if a.secure {
			return append([]byte(a.password), 0), nil
		}
		return nil, NewError(codeAccessDenied, "28000", "the account's plugin '%s' sends the password in the clear, which the proxy does only over TLS or a Unix socket", a.plugin)
	}
	return nil, NewError(codeAccessDenied, "28000", "the account's authentication plugin '%s' is not one of %s, %s, %s, %s", a.plugin,
		wire.PluginNative, wire.PluginCachingSHA2, wire.PluginSHA256, wire.PluginClear)
}

// switched takes the request for another plugin.
func (a *backendAuth) switched(p []byte) (err error) {
	if a.plugin, a.salt, err = wire.ParseAuthSwitch(append([]byte(nil), p...)); err != nil {
		return err
	}
	reply, err := a.answer()
	if err != nil {
		return err
	}
	return a.send(reply)
}

// more takes a packet of the plugin: for caching_sha2_password the result of
// the fast path, or the server's RSA key.
func (a *backendAuth) more(p []byte) error {
	switch {
	case len(p) == 1 && p[0] == wire.AuthFastOK:
		return nil
	case len(p) == 1 && p[0] == wire.AuthFull && a.secure:
		return a.send(append([]byte(a.password), 0))
	case len(p) == 1 && p[0] == wire.AuthFull:
		return a.send([]byte{wire.AuthKey})
	}
	secret, err := wire.EncryptPassword(a.password, a.salt, p)
	if err != nil {
		return fmt.Errorf("the server's RSA key: %w", err)
	}
	return a.send(secret)
}
