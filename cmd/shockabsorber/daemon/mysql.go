package daemon

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// connectTimeout bounds connecting and logging in to MySQL.
const connectTimeout = 10 * time.Second

// keepAlive finds out within half a minute that MySQL's machine is gone.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// backendAddress is the network and address of MySQL.
func backendAddress(cfg *config.Database) (network, addr string) {
	if cfg.Socket != "" {
		return "unix", cfg.Socket
	}
	return "tcp", net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port))
}

// dialer makes the function that opens the proxy's own connections to MySQL.
// Certificates are read here, once.
func dialer(cfg *config.Database) (func(ctx context.Context, options ...client.Option) (*client.Conn, error), error) {
	network, addr := backendAddress(cfg)
	tlsConfig, err := clientTLS(cfg.TLS, cfg.Host)
	if err != nil {
		return nil, fmt.Errorf("database.tls: %w", err)
	}
	return func(ctx context.Context, options ...client.Option) (*client.Conn, error) {
		return dialMySQL(ctx, network, addr, cfg, tlsConfig, options)
	}, nil
}

// severalStatements lets one packet hold several statements.
func severalStatements(c *client.Conn) error {
	return c.SetCapability(mysql.CLIENT_MULTI_STATEMENTS)
}

// replyTimeout bounds each wait for MySQL's answer, and each write to it. It
// is longer than any statement of the proxy's own may take: a lock wait ends
// after innodb_lock_wait_timeout, a statement is bounded in size.
const replyTimeout = 2 * time.Minute

// dialMySQL connects and logs in within connectTimeout. The library bounds
// only the connecting, not the reading of the greeting: closing the socket
// when time is up bounds all of it.
func dialMySQL(ctx context.Context, network, addr string, cfg *config.Database, tlsConfig *tls.Config, options []client.Option) (*client.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	stop := func() bool { return true }
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		d := net.Dialer{KeepAliveConfig: keepAlive}
		raw, err := d.DialContext(ctx, network, addr)
		if err == nil {
			stop = context.AfterFunc(ctx, func() { _ = raw.Close() })
		}
		return raw, err
	}
	all := append([]client.Option{func(c *client.Conn) error {
		c.ReadTimeout, c.WriteTimeout = replyTimeout, replyTimeout
		if tlsConfig != nil {
			c.SetTLSConfig(tlsConfig)
		}
		return nil
	}}, options...)
	conn, err := client.ConnectWithDialer(ctx, network, addr, cfg.Username, cfg.Password.Reveal(), cfg.Database, dial, all...)
	inTime := stop()
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, fmt.Errorf("connect to MySQL at %s as %s: no greeting or login within %v: %w", addr, cfg.Username, connectTimeout, err)
	case err != nil:
		return nil, fmt.Errorf("connect to MySQL at %s as %s: %w", addr, cfg.Username, err)
	case !inTime:
		_ = conn.Close() // its socket is closed already
		return nil, fmt.Errorf("connect to MySQL at %s as %s: %w", addr, cfg.Username, ctx.Err())
	}
	return conn, nil
}
