package e2e

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/rawclient"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// TestF1Handshake: the greeting is the server's but for the id, the
// salt and what the proxy does not offer; a login's collation, attributes and
// capabilities hold in the session.
func TestF1Handshake(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), nil, fidelityTables...)
			login := func(addr, db string, l wire.Login) *packetClient {
				l.User, l.DB = proxyUser, db
				raw, err := rawclient.DialAs(addr, proxyPassword, l)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = raw.Close() })
				return &packetClient{t: t, raw: raw, stmt: map[string]*rawclient.Statement{}}
			}
			attrs := wire.AppendString(wire.AppendString(nil, "program_name"), "fidelity")
			for _, l := range []wire.Login{
				{Caps: rawclient.Plain, Collation: 8},
				{Caps: rawclient.Plain, Collation: 33},
				{Caps: rawclient.Plain, Collation: 63},
				{Caps: rawclient.Plain | wire.CapDeprecateEOF, Collation: 224},
				{Caps: rawclient.Plain | wire.CapFoundRows, Collation: 45},
				{Caps: rawclient.Plain | wire.CapIgnoreSpace | wire.CapInteractive, Collation: 45},
				{Caps: rawclient.Plain | wire.CapConnectAttrs, Collation: 45, Attrs: attrs},
				{Caps: rawclient.Plain &^ wire.CapMultiStatements, Collation: 45},
				{Caps: rawclient.Plain, Collation: 0},
				{Caps: rawclient.Plain | wire.CapSessionTrack | wire.CapDeprecateEOF, Collation: 45},
				{Caps: rawclient.Plain | wire.CapQueryAttributes | wire.CapDeprecateEOF, Collation: 255},
			} {
				own := *b
				own.t = t
				p := &pair{bench: &own, directly: login(b.db.Addr, b.direct, l), proxy: login(b.p.Proxy, b.proxied, l)}
				if d, p := p.directly.raw.Welcome(), bytes.ReplaceAll(p.proxy.raw.Welcome(), []byte(b.proxied), []byte(b.direct)); !bytes.Equal(d, p) {
					t.Errorf("the OK to a login:\n direct  %q\n proxied %q", d, p)
				}
				p.query(anyhow, "DELETE FROM pay", "DELETE FROM word", "INSERT INTO pay (id, ref, note) VALUES (1, 'r', 'caf\xe9 é')", "SELECT * FROM pay WHERE id = 1",
					"SELECT @@character_set_client, @@character_set_connection, @@character_set_results, @@collation_connection, @@sql_mode, @@autocommit",
					"UPDATE pay SET amount = 0 WHERE id = 1", "SELECT COUNT (*), MAX (id) FROM pay", "SELECT @@wait_timeout = @@interactive_timeout", "SELECT 1; SELECT 2",
					"SELECT attr_name, attr_value FROM performance_schema.session_connect_attrs WHERE processlist_id = CONNECTION_ID() ORDER BY 1", "SELECT CURRENT_USER(), USER(), DATABASE(), @@version")
				p.execute(anyhow, "SELECT ref, note FROM pay WHERE id = ?", 1)
			}
			d, p := login(b.db.Addr, "", wire.Login{Caps: rawclient.Plain}).raw.Greeting(), login(b.p.Proxy, "", wire.Login{Caps: rawclient.Plain}).raw.Greeting()
			if d.Version != p.Version || d.Collation != p.Collation || d.Status != p.Status || d.Plugin != p.Plugin || d.Caps&wire.Forwardable != p.Caps {
				t.Errorf("the greeting differs:\n direct  %+v\n proxied %+v", d, p)
			}
			if d.Caps&wire.CapCompress == 0 || p.Caps&(wire.CapCompress|wire.CapZstd) != 0 {
				t.Errorf("compression is offered by %v and %v", d.Caps, p.Caps)
			}
		})
	}
}

// TestF2Set: every form of SET does what it does directly, and what
// is absorbed after it is what MySQL would have made of it.
func TestF2Set(t *testing.T) {
	fidelity(t, func(p *pair) {
		id := 100
		probe := func() {
			p.t.Helper()
			id++
			k := strings.NewReplacer("$", string(rune('a'+id%26))+string(rune('a'+id/26%26)), "#", strconv.Itoa(id))
			p.query(anyhow, k.Replace("INSERT INTO pay (id, ref, note) VALUES (#, '$', 'a\\\\b')"), k.Replace("UPDATE pay SET amount = '1.005' WHERE id = #"),
				k.Replace("SELECT * FROM pay WHERE id = #"))
			p.query(anyhow, "SELECT @@sql_mode, @@autocommit, @@time_zone, @@character_set_client, @@character_set_results, @@collation_connection, @@sql_select_limit, @@foreign_key_checks")
		}
		for _, s := range []string{
			"SET NAMES utf8mb4 COLLATE utf8mb4_bin", "SET CHARACTER SET utf8mb4", "SET CHARSET latin1", "SET NAMES DEFAULT", "SET names 'utf8mb4'", "SET NAMES utf8mb4 COLLATE nonsense",
			"SET sql_mode = REPLACE(REPLACE(@@sql_mode, 'STRICT_TRANS_TABLES', ''), 'NO_ZERO_DATE', ''), autocommit = 1, wait_timeout = 28800, @x = 5",
			"SET @@session.sql_mode = 'ANSI'", "SET @@local.sql_mode = DEFAULT", "SET LOCAL sql_mode = '', SESSION time_zone = '+01:00'", "SET sql_mode = 'NO_BACKSLASH_ESCAPES'", "SET sql_mode := DEFAULT",
			"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET TRANSACTION READ ONLY", "SET SESSION TRANSACTION READ WRITE",
			"SET @a = (SELECT amount FROM pay WHERE id = 1)", "SET @a := 1, @b = @a + 1", "SET @`odd name` = 'x', @'q' = 1", "SELECT @a, @b, @x, @`odd name`, @q, @nothing",
			"SET sql_mode = 'nonsense'", "SET nonsense = 1", "SET GLOBAL nonsense = 1", "SET autocommit = 2", "SET @@autocommit = ON", "SET autocommit = OFF", "COMMIT", "SET autocommit = DEFAULT",
			"SET sql_select_limit = 1", "SET sql_select_limit = DEFAULT", "SET sql_safe_updates = 1", "SET sql_safe_updates = 0", "SET unique_checks = 0, foreign_key_checks = 0", "SET unique_checks = 1, foreign_key_checks = 1",
			"SET STATEMENT sql_mode = '' FOR INSERT INTO pay (id, ref, amount) VALUES (90, 'st', 99999999999)", "SET STATEMENT max_statement_time = 100 FOR SELECT * FROM pay WHERE id = 1",
			"SET time_zone = 'Nowhere/At_All'", "SET timestamp = 1767225600.5", "SELECT NOW(3), UNIX_TIMESTAMP()", "SET timestamp = DEFAULT", "SET last_insert_id = 9", "SELECT LAST_INSERT_ID(), @@identity",
			"SET auto_increment_increment = 10, auto_increment_offset = 3", "INSERT INTO pay (ref) VALUES ('ai1'), ('ai2')", "SELECT id FROM pay WHERE ref = 'ai2'", "SELECT LAST_INSERT_ID()", "SET auto_increment_increment = 1, auto_increment_offset = DEFAULT",
			"SET insert_id = 5000", "INSERT INTO pay (ref) VALUES ('forced')", "SELECT id FROM pay WHERE ref = 'forced'", "SET ROLE NONE", "/* a comment */ SET /* more */ sql_mode /*!50000 = */ 'ANSI_QUOTES' -- end", "SET sql_mode = DEFAULT;", "SET", "SET ;",
			"SET sql_mode = (SELECT @@sql_mode), @y = (SELECT COUNT(*) FROM pay)", "SELECT @y", "SET lc_time_names = 'de_DE'", "SET div_precision_increment = 10", "SET @@session.max_error_count = 0", "SET max_error_count = DEFAULT", "SET net_write_timeout = 60, net_read_timeout = 30",
			"SET SESSION group_concat_max_len = 4", "SET character_set_results = NULL", "SET character_set_results = utf8mb4", "SET collation_connection = utf8mb4_unicode_ci", "SET character_set_client = latin1, character_set_connection = latin1", "SET NAMES utf8mb4",
		} {
			p.query(anyhow, s)
			probe()
		}
		p.execute(anyhow, "SET @p = ?", 7)
		p.execute(anyhow, "SET sql_mode = ?", "NO_BACKSLASH_ESCAPES")
		probe()
		p.execute(anyhow, "SET sql_mode = DEFAULT")
		p.query(anyhow, "PREPARE s FROM 'SET sql_mode = ''ANSI_QUOTES'''", "EXECUTE s")
		probe()
		p.query(anyhow, "SELECT FOUND_ROWS()", "SET sql_mode = 'ANSI_QUOTES'", "SELECT FOUND_ROWS()", "SET sql_mode = 'NO_BACKSLASH_ESCAPES'", "SELECT FOUND_ROWS()")
		probe()
		p.query(anyhow, "SELECT @p", "SET autocommit = 0")
		p.query(passed, "INSERT INTO pay (id, ref) VALUES (95, 'uncommitted')")
		p.query(anyhow, "ROLLBACK", "SELECT * FROM pay WHERE id = 95", "SET autocommit = 1")
	})
}

// TestF2First: the SETs that a session begins with, before it has a backend
// connection, and writes that they change.
func TestF2First(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), nil, fidelityTables...)
			id := 0
			for _, caps := range []wire.Capability{0, wire.CapSessionTrack | wire.CapDeprecateEOF} {
				for _, first := range [][]string{
					{"SET NAMES utf8mb4"}, {"SET NAMES utf8mb4", "SET autocommit = 1", "SET NAMES utf8mb4", "SET NAMES 'utf8mb4' COLLATE utf8mb4_bin"}, {"set autocommit=1, names utf8mb4", "SET character_set_results = utf8mb4;"},
					{"SET collation_connection = utf8mb4_unicode_ci"}, {"SET CHARACTER SET utf8mb4"}, {"SET autocommit = 0", "COMMIT"}, {"SET NAMES latin1"}, {"SET sql_mode = 'ANSI'"}, {"SET NAMES utf8mb4, time_zone = '+00:00'"}, {"SET nothing = 1", "SET NAMES utf8mb4"}, {"SET time_zone = '+02:00', @a = 1"},
				} {
					p := b.sessions(caps)
					id++
					p.query(anyhow, first...)
					k := strings.NewReplacer("#", strconv.Itoa(id)).Replace
					p.query(anyhow, k("INSERT INTO pay (id, ref, at) VALUES (#, 'r#', '2026-01-01 01:02:03.004')"), k("SELECT * FROM pay WHERE id = #"), k("SELECT id FROM pay WHERE ref = 'R#'"))
					p.query(anyhow, first...)
					p.query(anyhow, "SELECT @@sql_mode, @@autocommit, @@time_zone, @@character_set_client, @@character_set_results, @@collation_connection", "COMMIT")
				}
			}
			b.equal("pay")
		})
	}
}

// TestF2Unseen: variables that are set out of sight, by a prepared text or a
// routine, count as any other.
func TestF2Unseen(t *testing.T) {
	fidelity(t, func(p *pair) {
		insert := "INSERT INTO word (id, u) VALUES (#, NOW())"
		for i, s := range [][]string{
			{"PREPARE s FROM 'SET timestamp = 1000000000'", "EXECUTE s"}, {"SET timestamp = DEFAULT"},
			{"SET @t = CONCAT('SET time', 'stamp = 1000000000')", "PREPARE s FROM @t", "EXECUTE s"}, {"SET timestamp = DEFAULT"},
			{"CALL set_clock(1100000000)"}, {"SELECT 1", "CALL set_clock(0)"},
		} {
			p.query(anyhow, s...)
			if i%2 == 0 {
				p.query(anyhow, strings.ReplaceAll(insert, "#", strconv.Itoa(i+1)))
			}
		}
		p.query(anyhow, "SELECT * FROM word ORDER BY id", "PREPARE s FROM 'SET sql_safe_updates = 1'", "EXECUTE s", "UPDATE pay SET amount = 2 WHERE ref = 'one'", "UPDATE pay SET amount = 3 WHERE note IS NULL",
			"PREPARE s FROM 'SET sql_safe_updates = 0'", "EXECUTE s", "PREPARE s FROM 'SET insert_id = 700'", "EXECUTE s", "INSERT INTO pay (ref) VALUES ('forced')", "SELECT id FROM pay WHERE ref = 'forced'",
			"PREPARE s FROM 'SET SESSION TRANSACTION READ ONLY'", "EXECUTE s", "UPDATE pay SET amount = 3 WHERE id = 1", "PREPARE s FROM 'SET SESSION TRANSACTION READ WRITE'", "EXECUTE s", "UPDATE pay SET amount = 3 WHERE id = 1",
			"SET autocommit = 1", "PREPARE s FROM 'SET autocommit = 0'", "EXECUTE s", "UPDATE pay SET amount = 4 WHERE id = 1", "ROLLBACK", "PREPARE s FROM 'SET autocommit = 1'", "EXECUTE s", "SELECT amount FROM pay WHERE id = 1",
			"PREPARE s FROM 'SET NAMES latin1'", "EXECUTE s", "INSERT INTO word (id, u) VALUES (60, 'caf\xe9')", "SET NAMES utf8mb4", "SELECT u FROM word WHERE id = 60")
	})
}

// TestF3InsertID: LAST_INSERT_ID() in every form, and the id in OK
// packets, where the INSERTs are absorbed.
func TestF3InsertID(t *testing.T) {
	fidelity(t, func(p *pair) {
		ask := []string{"SELECT LAST_INSERT_ID()", "SELECT LAST_INSERT_ID();", "select last_insert_id ( ) + 1 AS x", "SELECT @@identity, @@last_insert_id", "SELECT id FROM pay WHERE id = LAST_INSERT_ID()", "SELECT ROW_COUNT()"}
		p.query(inserted, "INSERT INTO pay (id, ref) VALUES (10, 'id1')")
		p.query(anyhow, ask...)
		p.query(anyhow, "INSERT INTO pay (ref, note) VALUES ('id1', CONCAT('it ', 'fails'))")
		p.query(anyhow, ask...)
		p.query(anyhow, "INSERT INTO pay (ref, note) VALUES ('id2', CONCAT('n', 1)), ('id1', 'the second fails')")
		p.query(anyhow, ask...)
		p.query(inserted, "INSERT INTO pay (ref) VALUES ('id2'), ('id3'), ('id4')")
		p.query(anyhow, "SELECT ROW_COUNT(), LAST_INSERT_ID()")
		p.query(anyhow, ask...)
		p.query(inserted, "INSERT INTO pay (id, ref) VALUES (NULL, 'id5'), (0, 'id6')")
		p.execute(anyhow, "SELECT LAST_INSERT_ID()")
		p.execute(anyhow, "SELECT LAST_INSERT_ID(?) + ROW_COUNT()", 55)
		p.query(anyhow, ask...)
		p.query(inserted, "INSERT INTO pay (id, ref, note) VALUES (50, 'id7', CONCAT('n', 1))")
		p.query(anyhow, ask...)
		p.execute(inserted, "INSERT INTO pay (ref, amount) VALUES (?, ?)", "id8", "3.5")
		p.execute(anyhow, "SELECT LAST_INSERT_ID()")
		p.execute(anyhow, "UPDATE pay SET amount = LAST_INSERT_ID(amount + 1) WHERE id = ?", 1)
		p.query(anyhow, ask...)
		p.query(anyhow, "INSERT INTO pay (ref, amount) VALUES ('id2', 4) ON DUPLICATE KEY UPDATE amount = amount + 1, id = LAST_INSERT_ID(id)")
		p.query(anyhow, ask...)
		p.query(anyhow, "INSERT INTO pay (ref, amount) VALUES ('id3', 4) ON DUPLICATE KEY UPDATE amount = 9")
		p.query(anyhow, ask...)
		p.query(anyhow, "INSERT INTO pay (ref) VALUES ('id2')")
		p.query(anyhow, ask...)
		p.query(anyhow, "INSERT IGNORE INTO pay (id, ref) VALUES (10, 'id1'), (11, 'new')")
		p.query(anyhow, ask...)
		p.query(anyhow, "REPLACE INTO pay (id, ref) VALUES (10, 'id1')")
		p.query(anyhow, ask...)
		p.query(anyhow, "INSERT INTO plain VALUES (LAST_INSERT_ID(), 'by id'), (LAST_INSERT_ID() + 1, @@identity)", "SELECT * FROM plain ORDER BY id", "SET @k = LAST_INSERT_ID()", "SELECT @k", "DO LAST_INSERT_ID(1234)", "SELECT LAST_INSERT_ID()",
			"INSERT INTO pay (id, ref) SELECT 70, 'sel'", "SELECT LAST_INSERT_ID(), ROW_COUNT()", "BEGIN", "INSERT INTO pay (id, ref) VALUES (80, 'in tx')", "SELECT LAST_INSERT_ID()", "ROLLBACK", "SELECT LAST_INSERT_ID()")
	})
}

// TestF4FoundRows: FOUND_ROWS() after what came from memory, and
// SQL_CALC_FOUND_ROWS, in both protocols.
func TestF4FoundRows(t *testing.T) {
	fidelityWith(t, func(p *pair) {
		p.query(inserted, "INSERT INTO pay (id, ref) VALUES (3, 'three'), (4, 'four'), (5, 'five')")
		for _, s := range []string{"SELECT * FROM pay WHERE id = 1", "SELECT * FROM pay WHERE id = 100", "SELECT * FROM pay WHERE id IN (2)", "SELECT id FROM pay", "SELECT id FROM pay LIMIT 2", "SELECT SQL_CALC_FOUND_ROWS id FROM pay LIMIT 2",
			"SELECT SQL_CALC_FOUND_ROWS id FROM pay WHERE id > 1 ORDER BY id LIMIT 1, 1", "SELECT SQL_CALC_FOUND_ROWS * FROM pay WHERE id = 1 LIMIT 0", "UPDATE pay SET amount = amount + 1 WHERE id = 3", "UPDATE pay SET amount = 5 WHERE id IN (1, 2)",
			"INSERT INTO plain VALUES (7, 'fr')", "DELETE FROM plain WHERE id = 7", "SELECT id FROM pay UNION SELECT id + 1 FROM pay", "SELECT COUNT(*) FROM pay", "SHOW TABLES LIKE 'pay'", "SELECT nothing FROM pay", "SET @x = 1"} {
			p.query(anyhow, s, "SELECT FOUND_ROWS()", "SELECT FOUND_ROWS()", s, "SELECT FOUND_ROWS() AS n, 1", s)
			p.execute(anyhow, "SELECT FOUND_ROWS()")
			p.query(anyhow, "SHOW WARNINGS", s)
			if strings.HasSuffix(p.t.Name(), "MySQL") { // MariaDB's would be gone
				p.execute(anyhow, "SELECT ROW_COUNT(), FOUND_ROWS(), 1 / 0")
				p.query(anyhow, "SHOW WARNINGS")
			}
		}
		p.execute(fromRows, "SELECT id, ref FROM pay WHERE id = ?", 1)
		p.execute(anyhow, "SELECT FOUND_ROWS()")
		p.execute(anyhow, "SELECT SQL_CALC_FOUND_ROWS id FROM pay LIMIT ?", 1)
		p.execute(anyhow, "SELECT FOUND_ROWS()")
	}, 0, wire.CapDeprecateEOF)
}

// TestF5State: what a session holds in MySQL is there for statements
// that are forwarded, and hides or locks what is absorbed.
func TestF5State(t *testing.T) {
	fidelity(t, func(p *pair) {
		p.says(anyhow, "SET @v = 1, @w = 'x'", "SELECT @v := @v + 1, ref FROM pay ORDER BY id", "SELECT @v, @w", "UPDATE pay SET amount = @v WHERE id = 1", "SELECT * FROM pay WHERE id = @v - 1")
		p.says(anyhow, "CREATE TEMPORARY TABLE word (id INT PRIMARY KEY, t VARCHAR(10))", "INSERT INTO word VALUES (1, 'temp')", "SELECT * FROM word WHERE id = 1", "UPDATE word SET t = 'changed' WHERE id = 1", "SELECT * FROM $.word", "DELETE FROM word WHERE id = 1", "SELECT COUNT(*) FROM word", "CREATE TEMPORARY TABLE IF NOT EXISTS word (x INT)", "ALTER TABLE word ADD COLUMN z INT", "SELECT * FROM word")
		p.says(inserted, "INSERT INTO plain VALUES (5, 'while one is hidden')")
		p.says(anyhow, "DROP TABLE word", "INSERT INTO word (id, u) VALUES (1, 'real')")
		p.says(fromRows, "SELECT id, u FROM word WHERE id = 1")
		p.says(anyhow, "CREATE TEMPORARY TABLE copy AS SELECT * FROM pay", "SELECT * FROM copy ORDER BY id", "CREATE TEMPORARY TABLE plain LIKE plain", "INSERT INTO plain VALUES (9, 'temp')", "SELECT * FROM plain", "TRUNCATE TABLE plain", "SELECT * FROM plain", "DROP TEMPORARY TABLE plain, copy", "SELECT * FROM plain WHERE id = 5")
		p.says(anyhow, "SELECT GET_LOCK('sa_$', 1), ref FROM pay WHERE id = 1", "UPDATE pay SET amount = amount + IS_FREE_LOCK('sa_$') WHERE id = 1", "SELECT IS_USED_LOCK('sa_$') = CONNECTION_ID()", "SELECT amount FROM pay WHERE id = 1", "SELECT RELEASE_LOCK('sa_$'), RELEASE_LOCK('sa_$')", "DO RELEASE_ALL_LOCKS()")
		p.says(anyhow, "LOCK TABLES pay READ, plain WRITE")
		p.says(anyhow, "UPDATE pay SET amount = 1 WHERE id = 1", "SELECT ref FROM pay WHERE id = 1", "INSERT INTO plain VALUES (6, 'locked')", "SELECT * FROM word", "UNLOCK TABLES")
		p.says(updated, "UPDATE pay SET amount = 7 WHERE id = 1")
		p.says(anyhow, "HANDLER pay OPEN", "HANDLER pay READ `PRIMARY` = (1)", "HANDLER pay READ `PRIMARY` NEXT", "HANDLER pay READ FIRST LIMIT 5", "UPDATE pay SET amount = 8 WHERE id = 1", "HANDLER pay READ `PRIMARY` = (1)", "HANDLER pay CLOSE", "HANDLER pay READ FIRST")
		p.says(updated, "UPDATE pay SET amount = 9 WHERE id = 1")
		p.says(anyhow, "BEGIN", "UPDATE pay SET amount = 10 WHERE id = 1", "SAVEPOINT a", "DELETE FROM pay WHERE id = 2", "SAVEPOINT b", "ROLLBACK TO SAVEPOINT a", "RELEASE SAVEPOINT a", "ROLLBACK TO b", "COMMIT", "SELECT * FROM pay WHERE id IN (1, 2)")
		p.says(anyhow, "XA START 'sa_$'", "INSERT INTO pay (id, ref) VALUES (30, 'xa')", "SELECT * FROM pay WHERE id = 30", "XA END 'sa_$'", "SELECT 1", "XA PREPARE 'sa_$'", "XA COMMIT 'sa_$'", "SELECT * FROM pay WHERE id = 30",
			"XA START 'sa_$'", "UPDATE pay SET amount = 99 WHERE id = 30", "XA END 'sa_$'", "XA ROLLBACK 'sa_$'", "SELECT * FROM pay WHERE id = 30", "XA RECOVER")
		p.says(updated, "UPDATE pay SET amount = 11 WHERE id = 30")
		p.says(anyhow, "FLUSH TABLES pay WITH READ LOCK", "SELECT * FROM pay WHERE id = 30", "UNLOCK TABLES")
	})
}
