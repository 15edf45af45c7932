package e2e

import (
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// grantsAsked are statements that ask for privileges of a table, single columns
// and views of absorbed tables.
var grantsAsked = []string{"SELECT id, ref FROM pay WHERE id = 1", "SELECT * FROM pay WHERE id = 1", "SELECT amount + 1 FROM pay WHERE id = 1", "SELECT id FROM pay WHERE id = 1 AND amount > 0",
	"INSERT INTO pay (id, ref) VALUES (8, 'eight')", "UPDATE pay SET ref = 'uno' WHERE id = 1", "UPDATE pay SET amount = amount + 1 WHERE id = 1", "DELETE FROM pay WHERE id = 8",
	"REPLACE INTO pay (id, ref) VALUES (7, 'seven')", "INSERT INTO pay (id, ref) VALUES (1, 'x') ON DUPLICATE KEY UPDATE amount = 3", "SELECT ref FROM pay WHERE id = 1 FOR UPDATE",
	"SELECT ref FROM seen WHERE id = 1", "UPDATE seen SET ref = 'view' WHERE id = 1", "SELECT ref FROM own WHERE id = 1", "INSERT INTO own (id, ref) VALUES (9, 'nine')", "SELECT * FROM plain WHERE id = 1"}

// TestF11Changes: privileges that come and go while sessions are open, by roles
// and for whole databases, count from the next statement on, as in MySQL: those
// that were changed through a proxy, at once.
func TestF11Changes(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			db := backend.start(t)
			const password = "teller-secret"
			b := newBench(t, db, func(c *config.Config) {
				c.Users = append(c.Users, config.User{Name: "teller", Password: config.NewSecret(password)})
			}, append(fidelityTables[:len(fidelityTables):len(fidelityTables)],
				"CREATE SQL SECURITY DEFINER VIEW seen AS SELECT id, ref FROM pay", "CREATE SQL SECURITY INVOKER VIEW own AS SELECT id, ref FROM pay")...)
			drop := []string{"DROP USER IF EXISTS teller", "DROP ROLE IF EXISTS clerk"}
			db.Exec(t, "", append(drop, "CREATE USER teller IDENTIFIED BY '"+password+"'")...)
			t.Cleanup(func() { db.Exec(t, "", drop...) })
			admin := b.p.open(t, "")
			mustExec(t, admin, "CREATE ROLE clerk") // and may so be granted by who made it
			change := func(what string) {           // of both databases, through the proxy
				for _, name := range []string{b.direct, b.proxied} {
					mustExec(t, admin, strings.ReplaceAll(what, "$", name))
				}
			}
			login := func() *pair {
				side := func(addr, name string) *packetClient {
					c, err := tryPackets(t, addr, "teller", password, name, wire.CapDeprecateEOF)
					if err != nil {
						t.Fatal(err)
					}
					return c
				}
				return &pair{bench: b, directly: side(db.Addr, b.direct), proxy: side(b.p.Proxy, b.proxied)}
			}
			b.sessions(wire.CapDeprecateEOF).query(inserted, "INSERT INTO pay (id, ref, amount) VALUES (1, 'one', 1)")
			change("GRANT SELECT ON $.plain TO teller") // so that the database can be used
			old := login()
			const read, write = "SELECT ref FROM pay WHERE id = ?", "UPDATE pay SET amount = ? WHERE id = ?"
			ask := func() {
				t.Helper()
				old.query(anyhow, grantsAsked...)
			}
			change("GRANT SELECT, UPDATE (amount) ON $.pay TO teller")
			ask()
			for _, s := range []string{read, write} {
				old.both(anyhow, "PREPARE "+s, func(c *packetClient, own func(string) string) [][]byte { return c.prepare(own(s)) })
			}
			executes := func() {
				t.Helper()
				old.execute(anyhow, read, 1)
				old.execute(anyhow, write, 5, 1)
			}
			executes()
			change("REVOKE UPDATE (amount) ON $.pay FROM teller")
			ask()
			executes()
			change("REVOKE SELECT ON $.pay FROM teller")
			ask()
			executes()
			change("GRANT SELECT (id, ref), INSERT (id, ref), UPDATE (ref) ON $.pay TO teller")
			change("GRANT SELECT, UPDATE ON $.seen TO teller")
			change("GRANT SELECT, INSERT ON $.own TO teller")
			ask()
			executes()
			change("REVOKE ALL ON $.pay FROM teller")
			ask()
			change("GRANT SELECT, INSERT, DELETE ON $.pay TO clerk")
			mustExec(t, admin, "GRANT clerk TO teller")
			ask()
			old.query(anyhow, "SET ROLE clerk")
			old.query(anyhow, grantsAsked...)
			executes()
			old.query(anyhow, "SET ROLE NONE")
			old.query(anyhow, grantsAsked...)
			executes()
			old.query(anyhow, "SET ROLE clerk")
			old.query(anyhow, grantsAsked...)
			change("REVOKE INSERT ON $.pay FROM clerk")
			old.query(anyhow, grantsAsked...)
			mustExec(t, admin, map[string]string{"MySQL": "SET DEFAULT ROLE clerk TO teller", "MariaDB": "SET DEFAULT ROLE clerk FOR teller"}[backend.name])
			login().query(anyhow, grantsAsked...)
			mustExec(t, admin, "REVOKE clerk FROM teller")
			login().query(anyhow, grantsAsked...)
			change("GRANT SELECT, INSERT, UPDATE, DELETE ON $.* TO teller")
			login().query(anyhow, grantsAsked...)
			change("REVOKE UPDATE, DELETE ON $.* FROM teller")
			login().query(anyhow, grantsAsked...)
			change("REVOKE SELECT, INSERT ON $.* FROM teller")
			login().query(anyhow, grantsAsked...)
			b.equal("pay")
		})
	}
}
