package e2e

import (
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// TestF6Prepared: prepared statements on absorbed tables with all the
// commands that there are for them.
func TestF6Prepared(t *testing.T) {
	const insert, read, all = "INSERT INTO word (id, b) VALUES (?, ?)", "SELECT id, b, u FROM word WHERE id = ?", "SELECT id FROM word ORDER BY id"
	fidelityWith(t, func(p *pair) {
		p.execute(inserted, insert, 1, []byte("first"))
		p.execute(inserted, insert, 2, []byte("types are not sent again"))
		p.execute(fromRows, read, 2)
		p.stmt(anyhow, "long data", insert, wire.ComStmtLongData, append([]byte{1, 0}, "LONG"...)...)
		p.stmt(anyhow, "more long data", insert, wire.ComStmtLongData, append([]byte{1, 0}, " AND MORE"...)...)
		p.stmt(inserted, "execute with long data", insert, wire.ComStmtExecute, 0, 1, 0, 0, 0, 0, 1, 3, 0, 0xfc, 0, 3, 0, 0, 0)
		p.stmt(fromRows, "execute", read, wire.ComStmtExecute, 0, 1, 0, 0, 0, 0, 1, 3, 0, 3, 0, 0, 0)
		p.stmt(anyhow, "long data, for nothing", insert, wire.ComStmtLongData, append([]byte{1, 0}, "gone"...)...)
		p.stmt(anyhow, "reset", insert, wire.ComStmtReset)
		p.stmt(inserted, "execute after reset", insert, wire.ComStmtExecute, 0, 1, 0, 0, 0, 0, 1, 3, 0, 0xfc, 0, 4, 0, 0, 0, 1, 'k')
		p.stmt(anyhow, "NULL", insert, wire.ComStmtExecute, 0, 1, 0, 0, 0, 2, 1, 3, 0, 0xfc, 0, 5, 0, 0, 0)
		p.stmt(anyhow, "the key is NULL", insert, wire.ComStmtExecute, 0, 1, 0, 0, 0, 1, 1, 3, 0, 0xfc, 0, 1, 'k')
		p.stmt(anyhow, "cut short", insert, wire.ComStmtExecute, 0, 1, 0, 0, 0, 0, 1, 3, 0, 0xfc, 0, 4, 0)
		p.stmt(anyhow, "a cursor on a row in memory", read, wire.ComStmtExecute, 1, 1, 0, 0, 0, 0, 1, 3, 0, 3, 0, 0, 0)
		p.stmt(anyhow, "fetch", read, wire.ComStmtFetch, 5, 0, 0, 0)
		p.stmt(anyhow, "fetch after the end", read, wire.ComStmtFetch, 5, 0, 0, 0)
		p.execute(anyhow, all)
		p.stmt(anyhow, "a cursor", all, wire.ComStmtExecute, 1, 1, 0, 0, 0)
		p.stmt(anyhow, "fetch 2", all, wire.ComStmtFetch, 2, 0, 0, 0)
		p.query(anyhow, "INSERT INTO plain VALUES (70, 'between two fetches')", "UPDATE word SET b = 'x' WHERE id = 1")
		p.stmt(anyhow, "fetch the rest", all, wire.ComStmtFetch, 200, 0, 0, 0)
		p.stmt(anyhow, "reset", all, wire.ComStmtReset)
		p.stmt(anyhow, "fetch after reset", all, wire.ComStmtFetch, 2, 0, 0, 0)
		p.stmt(anyhow, "close", all, wire.ComStmtClose)
		p.stmt(anyhow, "execute what is closed", all, wire.ComStmtExecute, 0, 1, 0, 0, 0)
		p.odd(anyhow, "execute what never was", wire.ComStmtExecute, 0xe7, 3, 0, 0, 0, 1, 0, 0, 0)
		p.both(anyhow, "prepare for 0xffffffff", func(c *packetClient, _ func(string) string) [][]byte {
			return c.prepare("SELECT u FROM word WHERE id = 1")
		})
		p.odd(anyhow, "execute the last", wire.ComStmtExecute, 0xff, 0xff, 0xff, 0xff, 0, 1, 0, 0, 0)
		for _, s := range []string{"LOCK TABLES pay WRITE", "UNLOCK TABLES", "HANDLER pay OPEN", "USE $", "PREPARE x FROM 'SELECT 1'", "EXECUTE x", "SELECT 1; SELECT 2", "", "SELECT nothing FROM pay", "INSERT INTO pay (nothing) VALUES (?)",
			"SELECT * FROM pay WHERE id = ?", "UPDATE pay SET amount = amount + ? WHERE id = ?", "DELETE FROM pay WHERE ref = ?", "INSERT INTO pay (ref) VALUES (?) ON DUPLICATE KEY UPDATE amount = ?", "SELECT SUM(amount) FROM pay WHERE id > ?", "SELECT ? + 1, ? FROM pay LIMIT ?", "CALL both_of(?, ?, ?)", "SHOW CREATE TABLE plain"} {
			p.both(anyhow, "PREPARE "+s, func(c *packetClient, own func(string) string) [][]byte {
				return c.prepare(own(strings.ReplaceAll(s, "$", p.direct)))
			})
		}
		p.execute(anyhow, "BEGIN") // MySQL prepares none
		p.query(anyhow, "BEGIN")
		p.execute(anyhow, insert, 20, []byte("in a transaction"))
		p.execute(anyhow, "SELECT COUNT(*) FROM word")
		p.execute(anyhow, "ROLLBACK")
		p.execute(fromRows, read, 20)
		p.execute(anyhow, "SET autocommit = ?", 0)
		p.execute(anyhow, insert, 21, []byte("autocommit is off"))
		p.execute(anyhow, "COMMIT")
		p.execute(anyhow, "SET autocommit = ?", 1)
		p.execute(inserted, insert, 22, []byte("on again"))
		p.query(anyhow, "PREPARE ins FROM 'INSERT INTO word (id, u) VALUES (?, ?)'", "SET @i = 30, @u = 'text'", "EXECUTE ins USING @i, @u", "PREPARE tx FROM 'BEGIN'", "EXECUTE tx", "SET autocommit = 0")
		p.query(anyhow, "INSERT INTO word (id, u) VALUES (31, 'rolled back')")
		p.query(anyhow, "PREPARE tx FROM 'ROLLBACK'", "EXECUTE tx", "SET autocommit = 1", "SELECT id FROM word WHERE id IN (30)", "SELECT id FROM word WHERE id = 31", "EXECUTE nothing", "DROP PREPARE ins", "DEALLOCATE PREPARE ins")
	}, 0, wire.CapDeprecateEOF)
}

// TestF7Several: several statements in one text, and procedures.
func TestF7Several(t *testing.T) {
	fidelity(t, func(p *pair) {
		p.query(anyhow, "INSERT INTO pay (id, ref) VALUES (10, 'm1'); SELECT * FROM pay WHERE id = 10; UPDATE pay SET amount = 3 WHERE id = 10; SELECT ROW_COUNT()",
			"SELECT * FROM pay WHERE id = 10", "SELECT * FROM pay WHERE id = 1; DELETE FROM pay WHERE id = 10; SELEC; INSERT INTO pay (id, ref) VALUES (11, 'never')", "SELECT COUNT(*) FROM pay",
			"INSERT INTO pay (id, ref) VALUES (1, 'dup'); INSERT INTO pay (id, ref) VALUES (12, 'never')", "SELECT id FROM pay WHERE id = 12", "BEGIN; UPDATE pay SET amount = 77 WHERE id = 1; ROLLBACK; SELECT amount FROM pay WHERE id = 1",
			"SET @a = 1; SELECT @a", "SET sql_mode = 'ANSI_QUOTES'; SELECT \"id\" FROM pay WHERE id = 1", `SELECT "ref" FROM "pay" WHERE id = 1`, "SET sql_mode = DEFAULT; SELECT 1;", ";", "SELECT 1;;SELECT 2", "USE information_schema; SELECT DATABASE()")
		p.says(anyhow, "USE $; SELECT * FROM pay WHERE id = 2")
		p.odd(anyhow, "several statements off", wire.ComSetOption, 1, 0)
		p.query(anyhow, "SELECT 1; SELECT * FROM pay", "INSERT INTO pay (id, ref) VALUES (13, 'one only');")
		p.odd(anyhow, "several statements on", wire.ComSetOption, 0, 0)
		p.query(anyhow, "UPDATE pay SET amount = 4 WHERE id = 13; SELECT amount FROM pay WHERE id = 13")
		p.query(updated, "UPDATE pay SET amount = 50 WHERE id = 1")
		p.query(anyhow, "SET @n = 5", "CALL both_of(1, @a, @n)", "SELECT @a, @n", "CALL raise_all(2)", "CALL breaks()", "SELECT id FROM pay WHERE id > 800", "CALL nothing()", "SELECT paid(1)", "SELECT paid(id) FROM pay WHERE id IN (1, 2)", "CALL both_of(1)")
		p.execute(anyhow, "CALL both_of(1, @a, @n)")
		p.execute(anyhow, "CALL both_of(?, ?, ?)", 1, nil, 6)
		p.query(anyhow, "SELECT * FROM pay WHERE id = 1")
	})
}

// TestF8Data: texts and results in other character sets. The types are
// TestBytesTypes'.
func TestF8Data(t *testing.T) {
	fidelity(t, func(p *pair) {
		for i, s := range []struct{ names, text string }{{"utf8mb4", "żółć 😀"}, {"utf8mb4 COLLATE utf8mb4_bin", "ÀÉ"}, {"latin1", "caf\xe9"}, {"gbk", "\xb0\xa1\xbf\\"}, {"sjis", "\x83\\\x83\x5c"}, {"binary", "\xff\x00\xfe"}, {"ascii", "plain"}, {"utf8mb3", "é"}, {"cp1250", "\x9c"}} {
			id := strings.Repeat("1", i+1)
			k := strings.NewReplacer("#", id, "$", strings.ReplaceAll(s.text, "\x00", "")).Replace
			p.query(anyhow, "SET NAMES "+s.names, k("INSERT INTO word (id, u) VALUES (#, '$')"), k("UPDATE word SET l = '$', b = '$' WHERE id = #"), k("SELECT * FROM word WHERE id = #"), k("SELECT u, '$' AS `$`, _latin1'\xe9', N'x', _utf8mb4 X'c3a9' FROM word WHERE id = #"),
				k("SELECT id FROM word WHERE u = '$' AND id = #"), k("SELECT HEX(u), HEX(l), HEX(b) FROM word WHERE id = #"), k("INSERT INTO word (id, u) VALUES (# + 5, _utf8mb4 X'c3a9')"), k("INSERT INTO word (id, b) VALUES (# + 6, X'00ff27')"), k("SELECT b FROM word WHERE id = # + 6"))
			p.execute(anyhow, "UPDATE word SET u = ?, b = ? WHERE id = ?", k("$"), []byte("\x00'\\\xff"), i)
			p.execute(anyhow, "SELECT * FROM word WHERE id = ?", i)
		}
		p.query(anyhow, "SET NAMES utf8mb4", "SET character_set_results = latin1", "SELECT u, l FROM word WHERE id = 1", "SET character_set_results = NULL", "SELECT u, l FROM word WHERE id = 111", "SET character_set_client = latin1", "INSERT INTO word (id, u) VALUES (500, '\xe9')", "SET NAMES utf8mb4", "SELECT u, l FROM word WHERE id = 500",
			"INSERT INTO word (id, u) VALUES (501, 'not utf8 \xff')", "INSERT INTO word (id, l) VALUES (502, 'ł')", "INSERT INTO word (id, u) VALUES (503, ''), (504, NULL)", "SELECT * FROM word WHERE id = 503", "SELECT * FROM word WHERE id = 504", "INSERT INTO word (id, u) VALUES (505, '"+strings.Repeat("x", 61)+"')")
	})
}

// TestF10Answers: flags, counts, texts and notices of session changes
// around absorbed statements.
func TestF10Answers(t *testing.T) {
	fidelityWith(t, func(p *pair) {
		diagnostics := []string{"SHOW WARNINGS", "SHOW ERRORS", "SHOW COUNT(*) WARNINGS", "SELECT @@warning_count, @@error_count"}
		for _, s := range []string{"INSERT INTO pay (id, ref) VALUES (1, 'x')", "INSERT INTO pay (id, ref) VALUES (50, 'one')", "INSERT INTO pay (id) VALUES (51)", "UPDATE pay SET ref = 'two' WHERE id = 1", "INSERT INTO pay (id, ref, amount) VALUES (52, 'd', 1.005)", "INSERT INTO pay (id, ref, amount) VALUES (53, 'e', 'abc')", "INSERT INTO pay (id, ref, at) VALUES (54, 'f', '2026-02-30')",
			"INSERT INTO pay (id, ref) VALUES (55, 'g'), (56, 'h'), (57, 'i')", "UPDATE pay SET amount = 5 WHERE id = 55", "UPDATE pay SET amount = 5 WHERE id = 55", "UPDATE pay SET amount = 5 WHERE id = 999", "DELETE FROM pay WHERE id = 56", "DELETE FROM pay WHERE id = 999", "INSERT IGNORE INTO pay (id, ref) VALUES (1, 'dup'), (58, 'j')",
			"REPLACE INTO pay (id, ref) VALUES (58, 'jj'), (59, 'k')", "INSERT INTO pay (id, ref) VALUES (58, 'z') ON DUPLICATE KEY UPDATE amount = amount + 1", "SELECT nothing FROM pay", "SELECT * FROM nowhere", "SELECT * FROM pay WHERE", "SELECT 1 / 0, CAST('a' AS SIGNED) FROM pay WHERE id = 1", "UPDATE pay SET note = REPEAT('x', 201) WHERE id = 1", "INSERT INTO pay (ref, id) VALUES ('y')",
			"INSERT INTO pay (id, ref) VALUES (1, 'x') AS new ON DUPLICATE KEY UPDATE amount = VALUES(amount), note = new.note"} {
			p.query(anyhow, s)
			p.query(anyhow, diagnostics...)
			p.query(anyhow, "GET DIAGNOSTICS @n = NUMBER, @r = ROW_COUNT", "SELECT @n")
		}
		p.query(anyhow, "SET sql_mode = ''", "INSERT INTO pay (id, ref, amount, at) VALUES (60, 'loose', 99999999999, '2026-02-30')", "SHOW WARNINGS", "UPDATE pay SET amount = 'x', note = REPEAT('n', 300) WHERE id = 60", "SHOW WARNINGS LIMIT 1", "SHOW WARNINGS LIMIT 1, 1", "SELECT * FROM pay WHERE id = 60", "SET sql_mode = DEFAULT")
		p.query(anyhow, "SET session_track_schema = ON, session_track_system_variables = 'time_zone,autocommit,sql_mode,character_set_client', session_track_state_change = ON", "INSERT INTO pay (id, ref) VALUES (61, 'tracked')", "SET time_zone = '+02:00'", "UPDATE pay SET amount = 1 WHERE id = 61", "SET @u = 1", "SELECT * FROM pay WHERE id = 61", "USE information_schema")
		p.says(anyhow, "USE $", "SET session_track_transaction_info = 'CHARACTERISTICS'", "INSERT INTO pay (id, ref) VALUES (62, 'tracked')", "UPDATE pay SET amount = 1 WHERE id = 62", "SELECT * FROM pay WHERE id = 62", "BEGIN", "UPDATE pay SET amount = 2 WHERE id = 62", "SELECT amount FROM pay WHERE id = 62", "COMMIT", "DELETE FROM pay WHERE id = 62", "SET autocommit = 0", "SELECT * FROM plain", "SET autocommit = 1")
	}, 0, wire.CapFoundRows|wire.CapSessionTrack|wire.CapDeprecateEOF)
}

// TestF12Transactions: transactions of every kind on absorbed tables.
func TestF12Transactions(t *testing.T) {
	fidelity(t, func(p *pair) {
		p.query(updated, "UPDATE pay SET amount = 100 WHERE id = 1")
		for _, begin := range []string{"BEGIN", "BEGIN WORK", "START TRANSACTION", "START TRANSACTION READ WRITE", "START TRANSACTION READ ONLY", "START TRANSACTION WITH CONSISTENT SNAPSHOT", "START TRANSACTION READ ONLY, WITH CONSISTENT SNAPSHOT", "/* c */ begin;", "SET autocommit = 0", "SET @@autocommit := OFF, @x = 1"} {
			p.query(anyhow, begin, "SELECT amount FROM pay WHERE id = 1", "UPDATE pay SET amount = amount + 1 WHERE id = 1", "INSERT INTO pay (id, ref) VALUES (40, 'tx')", "SELECT * FROM pay WHERE id IN (40)", "SELECT * FROM pay WHERE id = 40 FOR UPDATE", "SAVEPOINT s", "DELETE FROM pay WHERE id = 40", "ROLLBACK TO SAVEPOINT s", "SELECT COUNT(*) FROM pay", "INSERT INTO pay (id, ref) VALUES (40, 'dup')", "ROLLBACK", "SELECT amount FROM pay WHERE id = 1", "SET autocommit = 1")
			p.query(updated, "UPDATE pay SET amount = amount + 5 WHERE id = 1")
		}
		for _, implicit := range []string{"CREATE TABLE made (id INT PRIMARY KEY)", "DROP TABLE made", "BEGIN", "LOCK TABLES pay WRITE", "UNLOCK TABLES", "ANALYZE TABLE plain", "SET autocommit = 1", "ALTER TABLE plain COMMENT 'x'", "TRUNCATE TABLE plain", "CREATE TEMPORARY TABLE tmp (a INT)", "DROP TEMPORARY TABLE tmp", "COMMIT AND CHAIN", "ROLLBACK AND CHAIN"} {
			p.query(anyhow, "BEGIN", "UPDATE pay SET amount = amount + 1 WHERE id = 2", implicit, "UPDATE pay SET amount = amount + 10 WHERE id = 2", "ROLLBACK", "UNLOCK TABLES", "SELECT amount FROM pay WHERE id = 2")
		}
		p.query(anyhow, "SET completion_type = 1", "BEGIN", "COMMIT", "INSERT INTO pay (id, ref) VALUES (41, 'chained')", "ROLLBACK", "SET completion_type = 0", "COMMIT", "SELECT id FROM pay WHERE id = 41",
			"SET TRANSACTION READ ONLY", "BEGIN", "UPDATE pay SET amount = 1 WHERE id = 1", "COMMIT", "SET SESSION TRANSACTION READ ONLY", "UPDATE pay SET amount = 1 WHERE id = 1", "INSERT INTO pay (id, ref) VALUES (42, 'ro')", "SELECT amount FROM pay WHERE id = 1", "SET SESSION TRANSACTION READ WRITE",
			"SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SELECT amount FROM pay WHERE id = 1", "UPDATE pay SET amount = 9 WHERE id = 1", "COMMIT", "ROLLBACK", "SAVEPOINT alone", "RELEASE SAVEPOINT alone", "ROLLBACK TO alone", "BEGIN; BEGIN; INSERT INTO pay (id, ref) VALUES (43, 'x'); BEGIN; ROLLBACK", "SELECT id FROM pay WHERE id = 43",
			"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", "START TRANSACTION READ ONLY", "SELECT @x, ROW_COUNT()", "COMMIT")
	})
}
