package e2e

import (
	"testing"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/rawclient"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// packetClient is a client that keeps every packet of a response as it came,
// and fails its test if the connection breaks.
type packetClient struct {
	t    *testing.T
	raw  *rawclient.Client
	stmt map[string]*rawclient.Statement
}

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
	raw, err := rawclient.Dial(addr, user, password, db, caps)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = raw.Close() })
	return &packetClient{t: t, raw: raw, stmt: map[string]*rawclient.Statement{}}, nil
}

// query runs a COM_QUERY.
func (c *packetClient) query(sql string) [][]byte {
	c.t.Helper()
	packets, err := c.raw.Query(sql)
	if err != nil {
		c.t.Fatal(err)
	}
	return packets
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
	packets, st, err := c.raw.Prepare(sql)
	if err != nil {
		c.t.Fatal(err)
	}
	if st != nil {
		c.stmt[sql] = st
	}
	return packets
}

// execute runs a COM_STMT_EXECUTE. Types are sent the first time only, unless
// retype asks for them.
func (c *packetClient) execute(sql string, retype bool, params ...any) [][]byte {
	c.t.Helper()
	encoded := make([]rawclient.Param, len(params))
	for i, v := range params {
		encoded[i] = rawclient.Encode(v)
	}
	packets, err := c.raw.Execute(c.stmt[sql], retype, encoded...)
	if err != nil {
		c.t.Fatalf("%s: %v", sql, err)
	}
	return packets
}
