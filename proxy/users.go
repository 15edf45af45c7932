package proxy

import (
	"crypto/subtle"
	"net"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// users finds configured users. An unknown name gets a user nobody can be, so
// that its login takes the same steps and time as a wrong password.
type users struct {
	byName map[string]*User
	nobody *User
}

// newUsers indexes the configured users.
func newUsers(list []User) *users {
	us := &users{byName: make(map[string]*User, len(list)), nobody: &User{Password: string(wire.NewSalt())}}
	for i := range list {
		us.byName[list[i].Name] = &list[i]
	}
	return us
}

// find returns the user of that name, and whether there is one.
func (us *users) find(name string) (*User, bool) {
	if u, ok := us.byName[name]; ok {
		return u, true
	}
	return us.nobody, false
}

// backendLogin is the name and password for the backend.
func (u *User) backendLogin() (name, password string) {
	if u.BackendUser != "" {
		return u.BackendUser, u.BackendPassword
	}
	return u.Name, u.Password
}

// authenticate checks a login against the configured users, asking the client
// for another plugin if it came with one the proxy does not speak.
//
// The proxy knows the passwords, so caching_sha2_password always ends on its
// fast path: neither the password itself nor an RSA key ever crosses the wire.
func (c *Conn) authenticate(l *wire.Login, salt []byte) (*User, error) {
	u, known := c.srv.users.find(l.User)
	plugin, auth := l.Plugin, l.Auth
	if plugin == "" {
		plugin = wire.PluginNative
	}
	if plugin != wire.PluginNative && plugin != wire.PluginCachingSHA2 {
		plugin = c.srv.backend.Load().plugin
		var err error
		if auth, err = c.switchPlugin(plugin, salt); err != nil {
			return nil, err
		}
	}
	if len(auth) == 1 && auth[0] == 0 {
		auth = nil // so some clients send the empty password
	}
	scramble := wire.NativeScramble
	if plugin == wire.PluginCachingSHA2 {
		scramble = wire.CachingScramble
	}
	want := scramble(u.Password, salt)
	if subtle.ConstantTimeCompare(want, auth) != 1 || !known {
		return nil, errDenied(l.User, c.host(), len(auth) > 0)
	}
	if plugin == wire.PluginCachingSHA2 && len(auth) > 0 {
		if err := c.out.WritePacket([]byte{wire.AuthMore, wire.AuthFastOK}); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// switchPlugin asks the client to log in by another plugin with the same salt.
func (c *Conn) switchPlugin(plugin string, salt []byte) ([]byte, error) {
	if err := c.out.WritePacket(wire.AppendAuthSwitch(nil, plugin, salt)); err != nil {
		return nil, err
	}
	if err := c.out.Flush(); err != nil {
		return nil, err
	}
	c.in.Seq = c.out.Seq
	frame, err := c.in.ReadFrame()
	if err != nil {
		return nil, err
	}
	c.out.Seq = c.in.Seq
	return append([]byte(nil), frame[4:]...), nil
}

// host is the client's address as error messages name it.
func (c *Conn) host() string {
	addr, ok := c.raw.RemoteAddr().(*net.TCPAddr)
	if !ok || addr.IP.IsLoopback() {
		return "localhost"
	}
	return addr.IP.String()
}
