package e2e

import (
	"database/sql"
	"slices"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// computedScript writes to tables of which the server computes a part: CHECKs,
// generated columns of both kinds, a unique index over one, one whose reading
// warns, defaults that are expressions.
const computedScript = `
CREATE TABLE acc (id INT NOT NULL PRIMARY KEY, n INT NOT NULL DEFAULT 1, c VARCHAR(20), total BIGINT AS (n * 2) STORED, tag VARCHAR(8) AS (CONCAT('t', n)) VIRTUAL,
 ratio DECIMAL(14,4) AS (100 / n) VIRTUAL, UNIQUE KEY tag (tag), CONSTRAINT positive CHECK (n >= 0), CONSTRAINT short CHECK (CHAR_LENGTH(c) < 10));
CREATE TABLE def (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, a INT DEFAULT (1 + 2), b VARCHAR(20) DEFAULT (CONCAT('x', 5)), k CHAR(36) NOT NULL DEFAULT (UUID()), d DATE DEFAULT (CURRENT_DATE + INTERVAL 1 DAY),
 e ENUM('one', 'two') NOT NULL, f INT DEFAULT (a + 10), w TIMESTAMP NOT NULL DEFAULT '2020-01-01 10:00:00', x TIME(2) DEFAULT '-10:00:00.5', y DOUBLE DEFAULT 1.25e-30);
CREATE TABLE loud (id INT NOT NULL PRIMARY KEY, n INT, c VARCHAR(20), ratio DECIMAL(14,4) AS (100 / n) VIRTUAL);
%ENABLE%
INSERT INTO acc (id, n, c) VALUES (1, 10, 'a');
INSERT INTO acc (id, n, c) VALUES (2, 20, 'b'), (3, 30, 'c');
INSERT INTO acc (id) VALUES (4);
INSERT INTO acc (id, n, c, total, tag, ratio) VALUES (5, 5, 'five', DEFAULT, DEFAULT, DEFAULT);
INSERT INTO acc (id, n) VALUES (6, -1);
INSERT INTO acc (id, n, c) VALUES (6, 6, 'much too long');
INSERT INTO acc (id, n) VALUES (6, 10);
INSERT INTO acc (id, n) VALUES (6, 12345678);
INSERT INTO acc (id, n) VALUES (6, 0);
INSERT INTO acc (id, n, total) VALUES (6, 6, 7);
INSERT IGNORE INTO acc (id, n) VALUES (6, -5);
REPLACE INTO acc (id, n, c) VALUES (7, 30, 'took 3');
INSERT INTO acc (id, n) VALUES (1, 1) ON DUPLICATE KEY UPDATE n = n + 1, c = 'dup';
INSERT INTO acc (id, n) VALUES (8, 11) ON DUPLICATE KEY UPDATE c = CONCAT(tag, total);
UPDATE acc SET n = n + 5 WHERE id = 2;
UPDATE acc SET n = -3 WHERE id = 2;
UPDATE acc SET n = 30 WHERE id = 2;
UPDATE acc SET c = 'ten chars!' WHERE id = 2;
UPDATE acc SET n = 25 WHERE id = 2;
UPDATE acc SET total = 4 WHERE id = 2;
UPDATE acc SET total = DEFAULT, n = 26 WHERE tag = 't25';
UPDATE acc SET c = 'two' WHERE id = 2 AND total > 50;
SELECT * FROM acc WHERE id = 1;
SELECT id, total, tag FROM acc WHERE id IN (1, 2, 3, 4, 5, 6, 7);
SELECT id, n FROM acc WHERE tag = 't26';
SELECT ratio FROM acc WHERE id = 2;
SELECT total + 1, UPPER(tag) FROM acc WHERE id = 5;
SELECT id FROM acc WHERE id = 2 AND total = 52;
DELETE FROM acc WHERE tag = 't1';
DELETE FROM acc WHERE id = 5 AND total = 10;
SELECT COUNT(*), SUM(total), MIN(ratio) FROM acc;
SET sql_mode = '';
INSERT INTO acc (id, n) VALUES (20, 0);
INSERT INTO loud (id, n) VALUES (1, 0);
INSERT INTO loud (id, n) VALUES (2, 4);
UPDATE loud SET c = 'lax' WHERE id = 1;
INSERT INTO acc (id, n) VALUES (21, 12345678);
INSERT INTO acc (id, n) VALUES (22, 'abc');
UPDATE acc SET n = -1 WHERE id = 1;
SELECT id, n, total, ratio FROM acc WHERE id = 20;
SELECT id, tag FROM acc WHERE id = 21;
SET sql_mode = DEFAULT;
UPDATE acc SET c = 'cut' WHERE id = 21;
SELECT id, n, ratio FROM acc WHERE id = 20;
SELECT id, n FROM acc WHERE id = 20;
UPDATE acc SET c = 'zero' WHERE id = 20;
UPDATE loud SET c = 'strict' WHERE id = 1;
SELECT id, c FROM loud WHERE id = 1;
SELECT * FROM loud WHERE id = 1;
UPDATE loud SET c = 'strict' WHERE id = 2;
DELETE FROM loud WHERE id = 1;
DELETE FROM loud WHERE id = 2;
SELECT id, n, c FROM loud ORDER BY id;
DELETE FROM acc WHERE id = 20;
INSERT INTO def () VALUES ();
INSERT INTO def (a, e) VALUES (7, 'two');
INSERT INTO def (b, k) VALUES (DEFAULT, 'given');
INSERT INTO def (id, a) VALUES (2, 9) ON DUPLICATE KEY UPDATE a = DEFAULT, e = 'one';
SELECT id, a, b, LENGTH(k), e, f FROM def WHERE id = 1;
SELECT id, a, b, e, f FROM def WHERE id IN (2, 3);
UPDATE def SET b = DEFAULT, a = 4 WHERE id = 3;
SET time_zone = '+05:00';
INSERT INTO def (a, w) VALUES (8, DEFAULT);
INSERT INTO def (a) VALUES (9);
SELECT id, a, w, x, y FROM def WHERE id IN (1, 4, 5);
SET time_zone = '+00:00';
SELECT id, a, w, x, y FROM def WHERE id IN (1, 4, 5);
SELECT id, a, b, k = 'given', d = CURRENT_DATE + INTERVAL 1 DAY, e, f FROM def ORDER BY id;
SELECT * FROM acc ORDER BY id;
SELECT COUNT(*), COUNT(DISTINCT k) FROM def;
`

// TestComputedTables compares every answer with the direct one, and the rows in
// MySQL at the end, which the drainer wrote without their generated columns.
func TestComputedTables(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			db := backend.start(t)
			cfg := settings(t, db, servertest.Redis(t).Addr)
			direct, proxied := db.Database(t), db.Database(t)
			p := start(t, db, cfg)
			enable := "CALL shock_absorber.enable('" + proxied + ".acc');\nCALL shock_absorber.enable('" + proxied + ".def');\nCALL shock_absorber.enable('" + proxied + ".loud');"
			want := commandLine(t, db.Addr, direct, strings.ReplaceAll(computedScript, "%ENABLE%", "DO 0;\nDO 0;\nDO 0;"))
			got := commandLine(t, p.Proxy, proxied, strings.ReplaceAll(computedScript, "%ENABLE%", enable))
			if testing.Verbose() {
				t.Log(got)
			}
			compareLines(t, want, strings.ReplaceAll(got, proxied, direct))
			if lane := readLane(t, p.open(t, "")); lane.lsn < 18 {
				t.Errorf("%d units were committed: the statements of the script were not absorbed", lane.lsn)
			}
			for reason, n := range passedThrough(t, p.open(t, "")) {
				if !slices.Contains([]string{"no_key", "order_by", "drain", "generated_column", "shadow_computed", "shadow_rows", "scan_warnings"}, reason) {
					t.Errorf("%s statements were passed through: %s", n, reason)
				}
			}
		})
	}
}

// passedThrough are the reasons for which statements were passed through, and how
// often.
func passedThrough(t *testing.T, db *sql.DB) map[string]string {
	t.Helper()
	rows, err := db.Query("SELECT * FROM shock_absorber.reasons")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var reason, n string
		if err := rows.Scan(&reason, &n); err != nil {
			t.Fatal(err)
		}
		out[reason] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
