package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// notesTable needs no look at MySQL for a new row.
const notesTable = "CREATE TABLE notes (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, n INT NOT NULL, note VARCHAR(50))"

// refusal is the error a statement got, nil if it succeeded.
func (c *packetClient) refusal(sql string) *wire.ErrPacket {
	c.t.Helper()
	last := tail(c.query(sql))[4:]
	if last[0] != 0xff {
		return nil
	}
	e, err := wire.ParseERR(last)
	if err != nil {
		c.t.Fatal(err)
	}
	return e
}

// answer is the only value of a result of one row and one column.
func (c *packetClient) answer(sql string) string {
	c.t.Helper()
	packets := c.query(sql)
	if tail(packets)[4] == 0xff {
		c.t.Fatalf("%s: %s", sql, tail(packets)[7:])
	}
	head := 3 // count, definition, EOF
	if c.raw.Caps().Has(wire.CapDeprecateEOF) {
		head = 2
	}
	if len(packets) != head+2 {
		return ""
	}
	values, err := wire.ParseTextRow(nil, packets[len(packets)-2][4:], 1)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(values[0])
}

// TestFreshReads is what a SELECT that is not by key sees of pending writes,
// by the table's policy.
func TestFreshReads(t *testing.T) {
	for policy, want := range map[string]string{config.FreshDrain: "3", config.FreshWait: "3", config.FreshStale: "0"} {
		t.Run(policy, func(t *testing.T) {
			b := newBench(t, servertest.MariaDB(t), func(c *config.Config) {
				for name := range c.Tables {
					c.Tables[name] = config.Table{FreshReads: policy}
				}
				c.WriteBack.DrainRate, c.WriteBack.DrainBurst = 2, 1
			}, notesTable)
			c := dialPackets(t, b.p.Proxy, b.proxied, 0)
			// Of two rows a second, the first batch may be in MySQL already.
			mustExec(t, b.p.open(t, ""), "CALL shock_absorber.pause()")
			c.ok("INSERT INTO notes (n) VALUES (1), (2), (3)")
			if policy != config.FreshStale {
				mustExec(t, b.p.open(t, ""), "CALL shock_absorber.resume()")
			}
			if got := c.answer("SELECT COUNT(*) FROM notes"); got != want {
				t.Errorf("%s rows were seen, not %s", got, want)
			}
			if got := c.answer("SELECT n FROM notes WHERE id = 3"); got != "3" {
				t.Errorf("by key: %q", got)
			}
			mustExec(t, b.p.open(t, ""), "CALL shock_absorber.resume()")
			b.drain()
			if got := c.answer("SELECT COUNT(*) FROM notes"); got != "3" {
				t.Errorf("%s rows after the drain", got)
			}
		})
	}
}

// TestMySQLDies: absorbed writes and reads by key go on, in sessions from
// before and in new ones; what only MySQL can answer gets a clear error; and
// in the end every row is there once.
func TestMySQLDies(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			db := backend.start(t)
			b := newBench(t, db, func(c *config.Config) { c.WriteBack.DrainRate = 10 }, notesTable)
			old, other := dialPackets(t, b.p.Proxy, b.proxied, 0), dialPackets(t, b.p.Proxy, b.proxied, 0)
			written := 0
			insert := func(c *packetClient) {
				t.Helper()
				c.ok(fmt.Sprintf("INSERT INTO notes (n) VALUES (%d)", written+1))
				written++
				if got := c.answer(fmt.Sprintf("SELECT n FROM notes WHERE id = %d", written)); got != fmt.Sprint(written) {
					t.Fatalf("row %d: %q", written, got)
				}
			}
			insert(old)
			insert(other)
			restarted := false
			db.Kill()
			defer func() {
				if !restarted {
					db.Restart(t)
				}
			}()
			for range 20 {
				insert(old)
			}
			insert(dialPackets(t, b.p.Proxy, b.proxied, 0))
			if e := other.refusal("SELECT COUNT(*) FROM notes"); e == nil || e.Code != 2003 || !strings.Contains(e.Message, db.Addr) {
				t.Errorf("a statement that only MySQL can answer got %v", e)
			}
			db.Restart(t)
			restarted = true
			insert(old)
			until(t, "MySQL to have all rows", func() bool {
				pool := b.db.Open(t, b.proxied)
				var n int
				return pool.QueryRow("SELECT COUNT(*) FROM notes").Scan(&n) == nil && n == written
			})
			if got := dialPackets(t, b.p.Proxy, b.proxied, 0).answer("SELECT SUM(n) FROM notes"); got != fmt.Sprint(written*(written+1)/2) {
				t.Errorf("the sum is %s", got)
			}
		})
	}
}

// TestRedisDies: nothing is accepted, with an error that says why; when Redis
// is back with its log, the same proxy and session go on.
func TestRedisDies(t *testing.T) {
	b := newBench(t, servertest.MariaDB(t), nil, notesTable, "CREATE TABLE other (id INT PRIMARY KEY)")
	b.db.Exec(t, "", "CREATE DATABASE plain", "CREATE TABLE plain.plain (id INT PRIMARY KEY)")
	defer b.db.Exec(t, "", "DROP DATABASE plain")
	c := dialPackets(t, b.p.Proxy, b.proxied, 0)
	for i := range 10 {
		c.ok(fmt.Sprintf("INSERT INTO notes (n) VALUES (%d)", i))
	}
	b.redis.Kill()
	for _, sql := range []string{"INSERT INTO notes (n) VALUES (100)", "UPDATE notes SET n = 100 WHERE id = 1", "SELECT n FROM notes WHERE id = 1", "SELECT COUNT(*) FROM notes", "DELETE FROM notes WHERE n = 1"} {
		if e := c.refusal(sql); e == nil || e.Code != 1297 {
			t.Errorf("%s without Redis: %v", sql, e)
		}
	}
	other := dialPackets(t, b.p.Proxy, b.proxied, 0)
	for _, sql := range []string{"BEGIN", "SELECT COUNT(*) FROM plain.plain", "INSERT INTO plain.plain VALUES (1)", "SELECT * FROM plain.plain"} {
		if e := other.refusal(sql); e != nil {
			t.Errorf("%s, which nobody absorbs, without Redis: %v", sql, e)
		}
	}
	if e := other.refusal("SELECT COUNT(*) FROM notes"); e == nil || e.Code != 1297 && e.Code != 1213 {
		t.Errorf("a snapshot of what may be pending was read without Redis: %v", e)
	}
	b.redis.Restart()
	until(t, "a write to be accepted", func() bool {
		return c.refusal("INSERT INTO notes (n) VALUES (10)") == nil
	})
	if got := c.answer("SELECT n FROM notes WHERE id = 1"); got != "0" {
		t.Errorf("row 1 holds %q", got)
	}
	if got := c.answer("SELECT CONCAT(COUNT(*), ' ', MAX(n)) FROM notes"); got != "11 10" {
		t.Errorf("count and maximum are %q: something that was refused is there, or something accepted is not", got)
	}
}

// TestStopWithBacklog: a graceful stop leaves the backlog in Redis, and the
// next start drains it.
func TestStopWithBacklog(t *testing.T) {
	db, redis := servertest.MariaDB(t), servertest.Redis(t)
	name := db.Database(t)
	db.Exec(t, name, notesTable)
	cfg := settings(t, db, redis.Addr)
	cfg.WriteBack.DrainRate = 0.5
	cfg.Tables = map[string]config.Table{name + ".*": {}}
	p, stop := startStoppable(t, db, cfg)
	c := dialPackets(t, p.Proxy, name, 0)
	const rows = 30
	for i := range rows {
		c.ok(fmt.Sprintf("INSERT INTO notes (n) VALUES (%d)", i))
	}
	stop()
	if n := count(t, db.Open(t, name), "SELECT COUNT(*) FROM notes"); n >= rows {
		t.Fatalf("%d rows are in MySQL: there was no backlog", n)
	}
	p = start(t, db, cfg)
	c = dialPackets(t, p.Proxy, name, 0)
	if got := c.answer("SELECT n FROM notes WHERE id = 30"); got != "29" {
		t.Errorf("the last row is %q", got)
	}
	c.ok("INSERT INTO notes (n) VALUES (1000)")
	mustExec(t, p.open(t, ""), "CALL shock_absorber.drain()")
	if n := count(t, db.Open(t, name), "SELECT COUNT(*) FROM notes"); n != rows+1 {
		t.Errorf("%d rows in the end", n)
	}
}

// TestIdleSessions: sessions that only absorb hold no connection to MySQL, and
// a wrong password gets the server's error.
func TestIdleSessions(t *testing.T) {
	b := newBench(t, servertest.MariaDB(t), nil, notesTable)
	const sessions, probes = 40, 8
	for range sessions {
		c := dialPackets(t, b.p.Proxy, b.proxied, 0)
		c.ok("SET NAMES utf8mb4")
		c.ok("INSERT INTO notes (n) VALUES (1)")
		if got := c.answer("SELECT n FROM notes WHERE id = 1"); got != "1" {
			t.Fatalf("%q", got)
		}
	}
	// The first login looked whether the database is there.
	n := count(t, b.db.Open(t, ""), "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = '"+proxyUser+"'")
	if n > probes+1 {
		t.Errorf("%d sessions hold %d connections to MySQL", sessions, n)
	}
	_, err := tryPackets(t, b.p.Proxy, proxyUser, "wrong", b.proxied, 0)
	if err == nil || !strings.Contains(err.Error(), "1045") || !strings.Contains(err.Error(), "Access denied for user 'app'@") {
		t.Errorf("with a wrong password: %v", err)
	}
}

// TestRefusedLeavesNothing: a statement that could not be sent to MySQL keeps
// neither a gate nor the schema version of its session, though the session
// stays idle after it.
func TestRefusedLeavesNothing(t *testing.T) {
	db := servertest.MariaDB(t)
	b := newBench(t, db, func(c *config.Config) { c.WriteBack.DrainRate = 1000 }, notesTable)
	var idle []*packetClient
	for range 3 {
		idle = append(idle, dialPackets(t, b.p.Proxy, b.proxied, 0))
	}
	idle[0].ok("INSERT INTO notes (n) VALUES (1)")
	b.drain()
	db.Kill()
	for i, sql := range []string{"UPDATE notes SET n = 2", "SELECT COUNT(*) FROM notes", "SELECT 1"} {
		if e := idle[i].refusal(sql); e == nil {
			t.Errorf("%s succeeded without MySQL", sql)
		}
	}
	db.Restart(t)
	c := dialPackets(t, b.p.Proxy, b.proxied, 0)
	c.ok("INSERT INTO notes (n) VALUES (2)")
	c.ok("ALTER TABLE notes ADD COLUMN more INT")
	c.ok("INSERT INTO notes (n, more) VALUES (3, 4)")
	if got := c.answer("SELECT more FROM notes WHERE id = 3"); got != "4" {
		t.Errorf("the third row has %q", got)
	}
}
