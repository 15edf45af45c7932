package e2e

// gateWaits are sessions that wait for a gate for no longer than their own
// settings let them: for rows, and for whole tables. TestTransactionLocks runs
// them.
var gateWaits = map[string][]move{
	"a gate is waited for no longer than the session waits for a row": {
		{1, "SET innodb_lock_wait_timeout = 1"},
		{0, "BEGIN"}, {0, "UPDATE pay SET amount = 5 WHERE amount > 0"},
		{1, "UPDATE pay SET amount = 6 WHERE id = 1"}, {1, "INSERT INTO pay (ref) VALUES ('late')"}, {1, "UPDATE pay SET amount = 6 WHERE amount > 0"},
		{1, "BEGIN"}, {1, "UPDATE account SET balance = 7 WHERE owner = 'ann' AND kind = 1"},
		{1, "UPDATE pay SET amount = 7 WHERE id = 1"},
		{0, "COMMIT"},
		{1, "UPDATE pay SET note = 'late' WHERE id = 1"}, {1, "COMMIT"},
		{0, "SELECT id, amount, note FROM pay ORDER BY id"}, {0, "SELECT * FROM account ORDER BY owner"},
	},
	"nor for a whole table": {
		{1, "SET lock_wait_timeout = 1"},
		{0, "BEGIN"}, {0, "UPDATE pay SET amount = 5 WHERE amount > 0"},
		{1, "LOCK TABLES pay WRITE"}, {1, "ALTER TABLE pay COMMENT 'late'"},
		{1, "UPDATE account SET balance = 7 WHERE owner = 'ann' AND kind = 1"},
		{0, "COMMIT"},
		{1, "LOCK TABLES pay WRITE"}, {1, "UPDATE pay SET note = 'locked' WHERE id = 1"}, {1, "UNLOCK TABLES"},
		{0, "SELECT id, amount, note FROM pay ORDER BY id"},
	},
	"each kind of lock has its own limit": {
		{1, "SET innodb_lock_wait_timeout = 1"},
		{0, "BEGIN"}, {0, "UPDATE pay SET amount = 5 WHERE amount > 0"},
		{1, "UPDATE pay SET amount = 6 WHERE id = 1"}, // and now nobody else may join at once
		{1, "~ALTER TABLE pay COMMENT 'late'"}, {0, "DO SLEEP(1.5)"}, {0, "COMMIT"}, {1, "wait"},
		{0, "SELECT id, amount, note FROM pay ORDER BY id"},
	},
	"who waits long for a gate runs beside the transaction that keeps it": {
		{0, "BEGIN"}, {0, "INSERT INTO pay (id, ref) SELECT 90, 'keeps the gate'"}, {0, "DO SLEEP(1.2)"}, // nobody may join at once any more
		{1, "UPDATE pay SET amount = 6 WHERE id = 1"}, {1, "INSERT INTO pay (id, ref) VALUES (91, 'beside')"}, {1, "INSERT INTO pay (id, ref) VALUES (91, 'again')"},
		{1, "SELECT amount FROM pay WHERE id = 1"}, {1, "INSERT INTO pay (id, ref) SELECT 93, 'synchronous'"}, {1, "DELETE FROM pay WHERE id = 93"},
		{1, "BEGIN"}, {1, "UPDATE account SET balance = 7 WHERE owner = 'ann' AND kind = 1"}, {1, "UPDATE pay SET amount = 8 WHERE id = 2"}, {1, "COMMIT"},
		{1, "~UPDATE pay SET note = 'waits' WHERE id = 90"},
		{0, "SELECT id, amount FROM pay ORDER BY id"}, {0, "COMMIT"}, {1, "wait"},
		{1, "UPDATE pay SET note = 'after' WHERE id = 1"}, {1, "INSERT INTO pay (ref) VALUES ('counted')"}, {1, "SELECT LAST_INSERT_ID()"},
		{0, "SELECT id, ref, amount, note FROM pay ORDER BY id"}, {0, "SELECT * FROM account ORDER BY owner"},
	},
	"so does a transaction that has written before the gate was shut": {
		{1, "BEGIN"}, {1, "UPDATE pay SET amount = 3 WHERE id = 2"},
		{0, "BEGIN"}, {0, "INSERT INTO pay (id, ref) SELECT 90, 'keeps the gate'"}, {0, "DO SLEEP(1.2)"},
		{1, "COMMIT"}, {1, "SELECT amount FROM pay WHERE id = 2"},
		{0, "COMMIT"},
		{0, "SELECT id, ref, amount, note FROM pay ORDER BY id"},
	},
	"and the rows of a transaction in MySQL are waited for": {
		{0, "BEGIN"}, {0, "UPDATE pay SET amount = 5 WHERE id = 1"}, {0, "INSERT INTO pay (id, ref) SELECT 90, 'moves there'"}, {0, "DO SLEEP(1.2)"},
		{1, "~UPDATE pay SET amount = amount + 1 WHERE id = 1"}, {0, "UPDATE pay SET amount = amount * 2 WHERE id = 1"}, {0, "COMMIT"}, {1, "wait"},
		{0, "SELECT id, ref, amount, note FROM pay ORDER BY id"},
	},
}
