package e2e

import (
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// autoIncrementScript goes to the ends of what AUTO_INCREMENT can do: values
// that Redis cannot count, full columns, steps, zero and negative values.
const autoIncrementScript = `
CREATE TABLE big (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT);
INSERT INTO big (v) VALUES (1), (2);
INSERT INTO big VALUES (9007199254740991, 3);
INSERT INTO big (v) VALUES (4);
INSERT INTO big VALUES (9007199254740999, 5);
SELECT LAST_INSERT_ID();
INSERT INTO big (v) VALUES (6);
SELECT * FROM big WHERE id = 9007199254741000;
INSERT INTO big VALUES (18446744073709551615, 7);
INSERT INTO big (v) VALUES (8);
SELECT * FROM big WHERE id = 18446744073709551615;
SELECT * FROM big ORDER BY id;
CREATE TABLE small (id TINYINT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT);
INSERT INTO small VALUES (-5, 1);
INSERT INTO small VALUES (0, 2), (NULL, 3);
INSERT INTO small VALUES (126, 4);
INSERT INTO small (v) VALUES (5);
INSERT INTO small (v) VALUES (6);
SELECT * FROM small ORDER BY id;
CREATE TABLE steps (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT);
SET auto_increment_increment = 5, auto_increment_offset = 3;
INSERT INTO steps (v) VALUES (1), (2), (3);
SELECT LAST_INSERT_ID();
INSERT INTO steps (v) VALUES (4), (5);
SELECT * FROM steps ORDER BY id;
`

// TestAutoIncrementEdges compares each answer with the direct one.
func TestAutoIncrementEdges(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			db := backend.start(t)
			direct, proxied := db.Database(t), db.Database(t)
			cfg := settings(t, db, servertest.Redis(t).Addr)
			cfg.Tables = map[string]config.Table{proxied + ".*": {}}
			p := start(t, db, cfg)
			want := commandLine(t, db.Addr, direct, autoIncrementScript)
			got := commandLine(t, p.Proxy, proxied, autoIncrementScript)
			compareLines(t, want, strings.ReplaceAll(got, proxied, direct))
			if lane := readLane(t, p.open(t, "")); lane.lsn < 5 {
				t.Errorf("%d units were committed: the statements of the script were not absorbed", lane.lsn)
			}
		})
	}
}
