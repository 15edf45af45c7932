package e2e

// severalRows are transactions with an INSERT of several rows that meets a
// duplicate: MySQL answers it, which the transaction moves to. TestTransactionLocks
// runs them.
var severalRows = map[string][]move{
	"several rows, one of them is there": {
		{1, "INSERT INTO pay (id, ref) VALUES (60, 'pending')"},
		{0, "BEGIN"}, {0, "UPDATE account SET balance = balance - 1 WHERE owner = 'ann' AND kind = 1"}, {0, "SAVEPOINT a"},
		{0, "INSERT INTO pay (id, ref, amount) VALUES (70, 's1', 1), (1, 's2', 2), (71, 's3', 3)"}, {0, "SELECT COUNT(*) FROM pay"},
		{0, "INSERT INTO pay (id, ref) VALUES (72, 's4'), (73, 's5')"}, {1, "SELECT ref FROM pay WHERE id = 72"},
		{0, "INSERT INTO pay (id, ref) VALUES (74, 's6'), (60, 's7')"}, {0, "INSERT INTO pay (id, ref) VALUES (75, 's8'), (76, 'pending')"},
		{1, "~INSERT INTO pay (id, ref) VALUES (72, 'second'), (77, 's9')"},
		{0, "SAVEPOINT b"}, {0, "UPDATE pay SET amount = 9 WHERE id = 72"}, {0, "ROLLBACK TO b"}, {0, "COMMIT"}, {1, "wait"},
		{1, "SELECT id, ref, amount FROM pay ORDER BY id"}, {1, "SELECT * FROM account ORDER BY owner"},
		{0, "BEGIN"}, {0, "INSERT INTO pay (id, ref) VALUES (80, 't1'), (80, 't2')"}, {0, "INSERT INTO pay (id, ref) VALUES (80, 't1'), (81, 'b')"},
		{0, "INSERT INTO pay (id, ref) VALUES (80, 't1'), (81, 't2')"}, {0, "ROLLBACK TO a"}, {0, "ROLLBACK"},
		{1, "SELECT id FROM pay WHERE id = 80"}, {1, "SELECT COUNT(*) FROM pay"},
	},
	"several rows, one of them has an open fate": {
		{1, "BEGIN"}, {1, "DELETE FROM pay WHERE id = 2"},
		{0, "BEGIN"}, {0, "UPDATE pay SET amount = 4 WHERE id = 1"}, {0, "~INSERT INTO pay (id, ref) VALUES (100, 'x1'), (2, 'x2')"},
		{1, "COMMIT"}, {0, "wait"}, {0, "COMMIT"},
		{1, "BEGIN"}, {1, "DELETE FROM pay WHERE id = 3"},
		{0, "BEGIN"}, {0, "UPDATE pay SET amount = 5 WHERE id = 1"}, {0, "~INSERT INTO pay (id, ref) VALUES (101, 'y1'), (3, 'y2')"},
		{1, "ROLLBACK"}, {0, "wait"}, {0, "INSERT INTO pay (id, ref) VALUES (101, 'y3'), (102, 'y4')"}, {0, "COMMIT"},
		{1, "SELECT id, ref, amount FROM pay ORDER BY id"},
	},
}
