package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// snapshotTables are two tables, of which the tests absorb one or both.
var snapshotTables = []string{
	"CREATE TABLE first (id INT PRIMARY KEY, n INT NOT NULL)",
	"CREATE TABLE later (id INT PRIMARY KEY, n INT NOT NULL)",
	"CREATE VIEW seen AS SELECT id, n FROM later",
}

// snapshotMoves are sessions of which one takes a snapshot while what the other
// wrote has not drained. Each is preceded by one row in each table.
var snapshotMoves = map[string][]move{
	"of the first SELECT": {
		{0, "BEGIN"}, {0, "SELECT 1 FROM first WHERE n = 10 FOR SHARE"}, // takes none
		{1, "INSERT INTO later VALUES (2, 20)"}, {1, "UPDATE later SET n = 11 WHERE id = 1"},
		{0, "SELECT COUNT(*) FROM first"},
		{1, "INSERT INTO later VALUES (3, 30)"},
		{0, "SELECT * FROM later ORDER BY n"}, {0, "SELECT * FROM later WHERE id = 1"}, {0, "SELECT COUNT(*) FROM first"},
		{0, "COMMIT"}, {0, "SELECT * FROM seen ORDER BY n"},
	},
	"of a transaction that was kept here": {
		{1, "INSERT INTO later VALUES (2, 20)"},
		{0, "BEGIN"}, {0, "UPDATE first SET n = 7 WHERE id = 1"}, {0, "SELECT n FROM first WHERE id = 5"},
		{0, "SELECT COUNT(*) FROM first"},
		{1, "INSERT INTO later VALUES (3, 30)"},
		{0, "SELECT SUM(n) FROM later"}, {0, "ROLLBACK"}, {0, "SELECT SUM(n) FROM later"},
	},
	"at the beginning": {
		{1, "INSERT INTO later VALUES (2, 20)"},
		{0, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"},
		{1, "INSERT INTO later VALUES (3, 30)"},
		{0, "SELECT COUNT(*) FROM first"}, {0, "SELECT SUM(n) FROM later"}, {0, "COMMIT AND CHAIN"},
		{1, "INSERT INTO later VALUES (4, 40)"}, {0, "SELECT SUM(n) FROM first"},
		{1, "INSERT INTO later VALUES (5, 50)"}, {0, "SELECT SUM(n) FROM later"}, {0, "ROLLBACK"},
	},
	"with autocommit off": {
		{0, "SET autocommit = 0"}, {1, "INSERT INTO later VALUES (2, 20)"},
		{0, "SELECT COUNT(*) FROM first"}, {1, "INSERT INTO later VALUES (3, 30)"},
		{0, "SELECT SUM(n) FROM later"}, {0, "COMMIT"}, {1, "INSERT INTO later VALUES (4, 40)"},
		{0, "SET @a = (SELECT COUNT(*) FROM first)"}, {1, "INSERT INTO later VALUES (5, 50)"},
		{0, "SELECT SUM(n) FROM later"}, {0, "SET autocommit = 1"},
	},
	"prepared by text": {
		{0, "PREPARE look FROM 'SELECT COUNT(*) FROM first'"}, {0, "BEGIN"}, {1, "INSERT INTO later VALUES (2, 20)"},
		{0, "EXECUTE look"}, {1, "INSERT INTO later VALUES (3, 30)"}, {0, "SELECT SUM(n) FROM later"}, {0, "COMMIT"},
	},
	"not under READ COMMITTED": {
		{0, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"}, {0, "BEGIN"}, {1, "INSERT INTO later VALUES (2, 20)"},
		{0, "SELECT COUNT(*) FROM first"}, {1, "INSERT INTO later VALUES (3, 30)"}, {0, "SELECT SUM(n) FROM later"}, {0, "COMMIT"},
		{0, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"},
	},
}

// TestSnapshots: the snapshot that a transaction in MySQL takes shows all that
// was acknowledged before, also of tables that it comes to read only later.
func TestSnapshots(t *testing.T) {
	for _, backend := range backends {
		db := backend.start(t)
		for _, absorbed := range []string{"*", "later"} {
			t.Run(backend.name+" absorbing "+absorbed, func(t *testing.T) {
				b := newBench(t, db, func(c *config.Config) {
					for name, table := range c.Tables {
						delete(c.Tables, name)
						c.Tables[strings.TrimSuffix(name, "*")+absorbed] = table
					}
				}, snapshotTables...)
				for name, moves := range snapshotMoves {
					t.Run(name, func(t *testing.T) {
						own := *b
						own.t = t
						p := own.sessions(wire.CapDeprecateEOF)
						p.query(anyhow, "TRUNCATE TABLE first", "TRUNCATE TABLE later", "INSERT INTO first VALUES (1, 10)", "INSERT INTO later VALUES (1, 10)")
						direct := interleave(t, [2]*packetClient{p.directly, dialPackets(t, b.db.Addr, b.direct, wire.CapDeprecateEOF)}, moves)
						proxied := interleave(t, [2]*packetClient{p.proxy, dialPackets(t, b.p.Proxy, b.proxied, wire.CapDeprecateEOF)}, moves)
						for i := range direct {
							if direct[i] != strings.ReplaceAll(proxied[i], b.proxied, b.direct) {
								t.Errorf("directly %s\nproxied  %s", direct[i], proxied[i])
							}
						}
					})
				}
				b.equal("first", "later")
			})
		}
	}
}

// TestSnapshotsOnDemand: with snapshots = "demand", where reads wait for the
// normal drain, and where much is pending, a transaction that
// takes its snapshot waits for nothing. One that misses something because of it
// gets 1213, and when it tries again it does not.
func TestSnapshotsOnDemand(t *testing.T) {
	for name, setting := range map[string]config.Table{
		"demand": {Snapshots: config.SnapshotsDemand}, "reads wait": {FreshReads: config.FreshWait}, "much is pending": {},
	} {
		t.Run(name, func(t *testing.T) {
			many := 0
			if name == "much is pending" {
				many = 1100
			}
			b := newBench(t, backends[0].start(t), func(c *config.Config) {
				for name := range c.Tables {
					delete(c.Tables, name)
					c.Tables[strings.TrimSuffix(name, "*")+"later"] = setting
				}
				c.WriteBack.DrainRate = 2
			}, snapshotTables...)
			dial := func() *packetClient { return dialPackets(t, b.p.Proxy, b.proxied, 0) }
			reader, writer, operator := dial(), dial(), b.p.open(t, "")
			writer.ok("INSERT INTO later VALUES (1, 10)")
			want := func(sql, answer string) {
				t.Helper()
				if got := reader.answer(sql); got != answer {
					t.Errorf("%s answers %q, want %q", sql, got, answer)
				}
			}
			b.drain()
			mustExec(t, operator, "CALL shock_absorber.pause()")
			writer.ok("INSERT INTO later VALUES (2, 20)")
			for i := range many {
				writer.ok(fmt.Sprintf("INSERT INTO later VALUES (%d, 0)", 100+i))
			}
			if many > 0 { // it would drain, but for that
				mustExec(t, operator, "CALL shock_absorber.resume()")
			}

			reader.ok("BEGIN")
			want("SELECT COUNT(*) FROM first", "0")
			if n := readLane(t, operator).backlog; n == 0 {
				t.Error("a snapshot has drained what no transaction asks for")
			}
			if got := reader.code("SELECT n FROM later WHERE id = 1"); got != 1213 {
				t.Errorf("a snapshot that lacks a write was read: %d", got)
			}
			mustExec(t, operator, "CALL shock_absorber.resume()")
			writer.ok("INSERT INTO later VALUES (3, 30)")
			reader.ok("BEGIN")
			want("SELECT COUNT(*) FROM first", "0")
			writer.ok("INSERT INTO later VALUES (4, 40)")
			want("SELECT SUM(n) FROM later", "60")
			reader.ok("COMMIT")
			want("SELECT SUM(n) FROM later", "100")
		})
	}
}
