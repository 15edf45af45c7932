package e2e

import (
	"testing"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// TestChangeUserEnds: when COM_CHANGE_USER is answered, what the session had in
// MySQL is over: its user locks, and its transaction with the row locks. MySQL
// ends them first, too.
func TestChangeUserEnds(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), nil, transactionTables...)
			p := b.sessions(wire.CapDeprecateEOF)
			p.query(anyhow, filled...)
			other := dialPackets(t, b.db.Addr, b.proxied, wire.CapDeprecateEOF)
			other.told("SET innodb_lock_wait_timeout = 1")
			const lock, row = "SELECT IS_FREE_LOCK('ends')", "SELECT id FROM ratio WHERE id = 1 FOR UPDATE SKIP LOCKED"
			p.proxy.told("UPDATE ratio SET f = 2 WHERE f > (SELECT 0)") // the row drains
			free, unlocked := other.told(lock), other.told(row)
			for i := range 100 {
				p.proxy.told("BEGIN")
				p.proxy.told("UPDATE ratio SET f = 2 WHERE f > (SELECT 0)") // in MySQL
				p.proxy.told("SELECT GET_LOCK('ends', 1)")
				p.proxy.changeUser(proxyUser, proxyPassword, b.proxied)
				if l, r := other.told(lock), other.told(row); l != free || r != unlocked {
					t.Fatalf("the %d. time: lock %q, want %q; row %q, want %q", i, l, free, r, unlocked)
				}
			}
		})
	}
}
