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
}
