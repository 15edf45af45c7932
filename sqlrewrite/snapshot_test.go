package sqlrewrite

import "testing"

// TestSnapshot: what may take a transaction's snapshot, and what does.
func TestSnapshot(t *testing.T) {
	planner := NewPlanner(100)
	for sql, want := range map[string]Snapshot{
		"SELECT 1":                    SnapshotNo,
		"SELECT @@version":            SnapshotNo,
		"BEGIN":                       SnapshotNo,
		"START TRANSACTION READ ONLY": SnapshotNo,
		"START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY":               SnapshotTake,
		"SELECT n FROM users WHERE id = 1":                                    SnapshotTake,
		"SELECT n FROM elsewhere":                                             SnapshotTake,
		"SELECT COUNT(*) FROM `shop`.elsewhere":                               SnapshotTake,
		"WITH x AS (SELECT 1) SELECT * FROM x":                                SnapshotTake,
		"SELECT EXTRACT(YEAR FROM NOW())":                                     SnapshotMay,
		"SELECT (SELECT MAX(id) FROM users)":                                  SnapshotMay,
		"(SELECT id FROM users) UNION (SELECT id FROM elsewhere)":             SnapshotMay,
		"SELECT * FROM dual":                                                  SnapshotMay,
		"SELECT * FROM information_schema.tables":                             SnapshotMay,
		"SELECT n FROM users FOR UPDATE":                                      SnapshotNo,
		"SELECT n FROM elsewhere LOCK IN SHARE MODE":                          SnapshotNo,
		"SELECT n FROM users WHERE id IN (SELECT 1 FROM elsewhere) FOR SHARE": SnapshotMay,
		"INSERT INTO users SELECT * FROM elsewhere":                           SnapshotNo,
		"UPDATE users SET n = 1 WHERE id = (SELECT MAX(id) FROM x)":           SnapshotNo,
		"SET @a = (SELECT MAX(id) FROM elsewhere)":                            SnapshotMay,
		"SET @a = 1":                                   SnapshotNo,
		"DO (SELECT 1 FROM elsewhere)":                 SnapshotMay,
		"CREATE TABLE x SELECT * FROM elsewhere":       SnapshotNo,
		"CALL whatever()":                              SnapshotMay,
		"EXECUTE one":                                  SnapshotMay,
		"TABLE elsewhere":                              SnapshotMay,
		"EXPLAIN SELECT * FROM elsewhere WHERE id = 1": SnapshotMay,
		"BEGIN; SELECT n FROM users":                   SnapshotMay,
		"COMMIT; BEGIN":                                SnapshotNo,
		"HELLO world":                                  SnapshotMay,
		"SHOW TABLES":                                  SnapshotNo,
		"COMMIT":                                       SnapshotNo,
	} {
		for range 2 { // planned, and from the cache
			if got := planner.Plan([]byte(sql), session(), shop()).Plan.Snapshot; got != want {
				t.Errorf("%s: %d, want %d", sql, got, want)
			}
		}
	}
}
