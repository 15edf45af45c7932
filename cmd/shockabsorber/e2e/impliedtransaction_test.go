package e2e

import (
	"testing"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// TestErrorBeginsTransaction: without autocommit a statement that fails in MySQL
// has begun a transaction there and may have locked rows, though its error does
// not say so. Were it not noticed, the COMMIT would be answered here, and the
// drainer would wait for those locks for as long as the client stays.
func TestErrorBeginsTransaction(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), nil, sessionTables...)
			p := b.sessions(wire.CapDeprecateEOF)
			p.query(anyhow, "INSERT INTO pay (id, ref, amount) VALUES (1, 'a', 1), (2, 'b', 2)", "SELECT COUNT(*) FROM pay",
				"SET autocommit = 0", "INSERT INTO pay (id, ref) SELECT 1, 'duplicate'", "UPDATE pay SET amount = 5 WHERE id = 1", "COMMIT",
				"SELECT amount FROM pay WHERE id = 1", "COMMIT",
				"INSERT INTO pay (id, ref) SELECT 2, 'duplicate'", "UPDATE pay SET amount = 6 WHERE id = 2", "ROLLBACK",
				"UPDATE pay SET amount", "UPDATE pay SET amount = 7 WHERE id = 2", "COMMIT",
				"CREATE TABLE pay (id INT)", "UPDATE pay SET amount = 8 WHERE id = 2", "COMMIT",
				"SET autocommit = 1", "SELECT id, ref, amount FROM pay ORDER BY id")
			b.equal("pay")
		})
	}
}

// TestReadBeginsTransaction: without autocommit a read begins a transaction, also
// under READ COMMITTED, where nothing of it has to be kept. It is still open, with
// its savepoints, when MySQL takes it over.
func TestReadBeginsTransaction(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), nil, sessionTables...)
			for _, caps := range []wire.Capability{wire.CapDeprecateEOF, wire.CapDeprecateEOF | wire.CapSessionTrack} {
				p := b.sessions(caps)
				p.query(anyhow, "DELETE FROM pay", "INSERT INTO pay (id, ref, amount) VALUES (1, 'a', 1), (2, 'b', 2)", "SELECT COUNT(*) FROM pay",
					"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", "SET autocommit = 0",
					"SELECT amount FROM pay WHERE id = 1", "SET @n = 5", "SET TRANSACTION READ ONLY", "COMMIT",
					"SELECT amount FROM pay WHERE id = 1", "SELECT FOUND_ROWS()", "SELECT @n", "SELECT ROW_COUNT()", "COMMIT",
					"SELECT amount FROM pay WHERE id = 99", "SAVEPOINT a", "UPDATE pay SET amount = 9 WHERE amount > 0", "ROLLBACK TO a", "SET @n = 6", "COMMIT",
					"INSERT INTO pay (id, ref) VALUES (1, 'duplicate')", "SET @n = 7", "ROLLBACK", "SET @n = 8",
					"INSERT INTO pay (id, ref) VALUES (1, 'duplicate')", "SELECT id FROM pay WHERE amount > 0 ORDER BY id", "ROLLBACK",
					"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
					"INSERT INTO pay (id, ref) VALUES (1, 'duplicate')", "SELECT id FROM pay WHERE amount > 0 ORDER BY id", "ROLLBACK",
					"SET autocommit = 1", "SELECT id, ref, amount FROM pay ORDER BY id")
			}
			b.equal("pay")
		})
	}
}

// TestErrorAfterBegin: a procedure that fails between its START TRANSACTION and
// its COMMIT, or several statements of which one does, leave a transaction open.
// One that has begun none keeps no gate shut while its client idles.
func TestErrorAfterBegin(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), nil, sessionTables...)
			p := b.sessions(wire.CapDeprecateEOF | wire.CapMultiStatements | wire.CapMultiResults)
			p.query(anyhow, "INSERT INTO pay (id, ref, amount) VALUES (1, 'a', 1), (2, 'b', 2)", "SELECT COUNT(*) FROM pay",
				"CREATE PROCEDURE halfway() BEGIN START TRANSACTION; UPDATE pay SET amount = 50 WHERE id = 1; INSERT INTO pay (id, ref) VALUES (1, 'duplicate'); COMMIT; END",
				"CREATE PROCEDURE refuses() BEGIN UPDATE pay SET amount = 60 WHERE id = 2; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END",
				"CALL halfway()", "UPDATE pay SET amount = amount + 1 WHERE id = 1", "COMMIT", "SELECT amount FROM pay WHERE id = 1",
				"CALL halfway()", "UPDATE pay SET amount = amount + 1 WHERE id = 1", "ROLLBACK", "SELECT amount FROM pay WHERE id = 1",
				"BEGIN; INSERT INTO pay (id, ref) SELECT 1, 'duplicate'", "UPDATE pay SET amount = 70 WHERE id = 1", "COMMIT")
			p.query(anyhow, "CALL refuses()")
			other := b.sessions(wire.CapDeprecateEOF)
			other.query(anyhow, "UPDATE pay SET amount = amount + 1 WHERE id = 2", "SELECT id, ref, amount FROM pay ORDER BY id")
			p.query(anyhow, "SHOW WARNINGS", "DROP PROCEDURE halfway", "DROP PROCEDURE refuses")
			b.equal("pay")
		})
	}
}
