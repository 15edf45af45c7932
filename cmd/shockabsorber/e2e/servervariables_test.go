package e2e

import (
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// TestServerTimeZone: a session of time_zone SYSTEM means its TIMESTAMPs in the
// zone that the server's machine is in. What the server says that zone is called
// does not tell which: it is GMT in London, too, if it was winter when the server
// started.
func TestServerTimeZone(t *testing.T) {
	for _, c := range []struct{ name, tz string }{
		{"UTC", "UTC0"},
		{"GMT, in winter", "GMT0BST,M3.5.0/1,M10.5.0"},
		{"GMT, three hours ahead", "GMT-3"},
		{"UTC, half an hour behind", "UTC0:30"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("TZ", c.tz)
			b := newBench(t, servertest.OwnMariaDB(t), nil,
				"CREATE TABLE stamps (id INT NOT NULL PRIMARY KEY, ts TIMESTAMP(3) NULL, u TIMESTAMP NULL UNIQUE)",
				"CREATE TABLE keyed (ts TIMESTAMP NOT NULL PRIMARY KEY, n INT)")
			p := b.sessions(wire.CapDeprecateEOF)
			p.query(anyhow, "SELECT @@time_zone, @@system_time_zone")
			for _, day := range []string{"1971-01-15", "1971-07-15", "2026-01-15", "2026-07-15", "2026-11-01"} {
				p.query(anyhow, "INSERT INTO keyed VALUES ('"+day+" 12:34:56', 1)", "SELECT * FROM keyed WHERE ts = '"+day+" 12:34:56'")
			}
			p.query(inserted, "INSERT INTO stamps VALUES (1, '2026-07-15 12:00:00.5', '2026-01-15 12:00:00'), (2, '2026-01-15 12:00:00', '2026-07-15 12:00:00')")
			p.query(anyhow, "SELECT * FROM stamps WHERE id = 1", "SELECT ts, UNIX_TIMESTAMP(ts), UNIX_TIMESTAMP(u) FROM stamps WHERE id = 2",
				"INSERT INTO stamps VALUES (3, NULL, '2026-07-15 12:00:00')", "UPDATE stamps SET ts = u WHERE id = 1", "SELECT * FROM stamps WHERE id = 1",
				"SET time_zone = '+00:00'", "SELECT * FROM stamps WHERE id = 1", "SELECT * FROM stamps WHERE id = 2", "SELECT * FROM stamps WHERE u = '2026-01-15 12:00:00'")
			b.equal("stamps", "keyed")
		})
	}
}

// TestServerVariables: what a server's global variables forbid or change is so for
// every session, though none has set it.
func TestServerVariables(t *testing.T) {
	for _, c := range []struct{ global, statement string }{
		{"sql_safe_updates = 1", "UPDATE t SET n = 5 WHERE n > 0"},
		{"sql_safe_updates = 1", "DELETE FROM t WHERE n > 0"},
		{"sql_select_limit = 1", "SELECT * FROM t WHERE id IN (1, 2)"},
		{"sql_auto_is_null = 1", "SELECT * FROM t WHERE id IS NULL"},
	} {
		for _, backend := range backends {
			t.Run(c.global+": "+c.statement+": "+backend.name, func(t *testing.T) {
				db := backend.start(t)
				name, _, _ := strings.Cut(c.global, " ")
				db.Exec(t, "", "SET GLOBAL "+c.global)
				defer db.Exec(t, "", "SET GLOBAL "+name+" = DEFAULT")
				b := newBench(t, db, nil, "CREATE TABLE t (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, n INT)")
				p := b.sessions(wire.CapDeprecateEOF)
				p.query(anyhow, "INSERT INTO t (n) VALUES (1)", c.statement, "INSERT INTO t (n) VALUES (2)", c.statement, "SELECT COUNT(*) FROM t")
				b.equal("t")
			})
		}
	}
}
