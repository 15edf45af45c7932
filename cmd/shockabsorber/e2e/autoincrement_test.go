package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

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
SET auto_increment_increment = 1, auto_increment_offset = 1;
INSERT INTO steps (v) VALUES (6);
SELECT LAST_INSERT_ID();
SELECT * FROM steps ORDER BY id;
CREATE TABLE spent (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, u INT UNIQUE, v INT);
INSERT INTO spent VALUES (NULL, 1, 0);
INSERT INTO spent VALUES (50, 1, 0);
INSERT INTO spent VALUES (NULL, 2, 0);
SELECT LAST_INSERT_ID();
INSERT INTO spent VALUES (NULL, 1, 0);
INSERT INTO spent VALUES (NULL, 3, 0);
SELECT LAST_INSERT_ID();
INSERT INTO spent VALUES (NULL, 4, 0), (NULL, 1, 0), (NULL, 5, 0);
INSERT INTO spent VALUES (NULL, 6, 0);
SELECT LAST_INSERT_ID();
INSERT INTO spent VALUES (20, 7, 0), (30, 8, 0), (40, 1, 0);
INSERT INTO spent VALUES (NULL, 9, 0);
SELECT LAST_INSERT_ID();
INSERT INTO spent VALUES (60, 1, 0), (50, 10, 0) ;
INSERT INTO spent VALUES (51, 11, 0), (31, 12, 0);
INSERT IGNORE INTO spent VALUES (70, 1, 0);
INSERT INTO spent VALUES (NULL, 13, 0);
SELECT LAST_INSERT_ID();
INSERT IGNORE INTO spent VALUES (NULL, 1, 0), (NULL, 14, 0), (NULL, 2, 0);
SELECT LAST_INSERT_ID();
INSERT INTO spent VALUES (80, 1, 0) ON DUPLICATE KEY UPDATE v = 1;
INSERT INTO spent VALUES (NULL, 1, 0) ON DUPLICATE KEY UPDATE v = 2;
INSERT INTO spent VALUES (NULL, 15, 0);
SELECT LAST_INSERT_ID();
REPLACE INTO spent VALUES (90, 2, 0);
REPLACE INTO spent VALUES (NULL, 3, 0);
SELECT LAST_INSERT_ID();
UPDATE spent SET id = 120 WHERE id = 90;
INSERT INTO spent VALUES (NULL, 16, 0);
SELECT LAST_INSERT_ID();
SET auto_increment_increment = 10, auto_increment_offset = 3;
INSERT INTO spent VALUES (NULL, 17, 0), (NULL, 18, 0);
INSERT INTO spent VALUES (NULL, 1, 0);
SELECT LAST_INSERT_ID();
SET auto_increment_increment = 1, auto_increment_offset = 1;
INSERT INTO spent VALUES (NULL, 19, 0);
SELECT LAST_INSERT_ID();
INSERT INTO spent VALUES (NULL, 20, 0);
INSERT INTO spent VALUES (NULL, 21, 'x');
INSERT INTO spent VALUES (NULL, 22, 0);
SELECT LAST_INSERT_ID();
SELECT ROW_COUNT(), LAST_INSERT_ID() > 0, FOUND_ROWS();
SELECT * FROM spent ORDER BY id;
`

// spentScript uses values up without a row that MySQL would see, and then has
// MySQL itself give out the next one: as if everything had gone there.
const spentScript = `
CREATE TABLE spent (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, u INT UNIQUE, v INT);
INSERT INTO spent VALUES (NULL, 1, 0);
INSERT INTO spent VALUES (NULL, 1, 0);
INSERT INTO spent (u) SELECT 2;
SELECT LAST_INSERT_ID();
INSERT INTO spent VALUES (NULL, 3, 0);
INSERT IGNORE INTO spent VALUES (NULL, 1, 0);
INSERT INTO spent (u) SELECT 4;
SELECT LAST_INSERT_ID();
INSERT INTO spent VALUES (NULL, 5, 0);
DELETE FROM spent WHERE u = 5;
DELETE FROM spent WHERE id = 8;
INSERT INTO spent (u) SELECT 6;
SELECT LAST_INSERT_ID();
INSERT INTO spent VALUES (NULL, 7, 0), (NULL, 1, 0);
UPDATE spent SET v = 1 WHERE v = 0;
INSERT INTO spent VALUES (NULL, 8, 0);
SELECT LAST_INSERT_ID();
INSERT INTO spent VALUES (90, 8, 0);
INSERT INTO spent VALUES (91, 9, 0), (92, 8, 0);
INSERT INTO spent (u) SELECT 10;
SELECT LAST_INSERT_ID();
BEGIN;
INSERT INTO spent (u) SELECT 11;
ROLLBACK;
INSERT INTO spent VALUES (NULL, 12, 0);
SELECT LAST_INSERT_ID();
BEGIN;
INSERT INTO spent VALUES (NULL, 13, 0), (NULL, 14, 0);
ROLLBACK;
INSERT INTO spent VALUES (NULL, 1, 0);
ALTER TABLE spent COMMENT 'x';
INSERT INTO spent VALUES (NULL, 15, 0);
SELECT LAST_INSERT_ID();
INSERT INTO spent VALUES (NULL, 1, 0);
ALTER TABLE spent AUTO_INCREMENT = 500;
INSERT INTO spent VALUES (NULL, 16, 0);
SELECT LAST_INSERT_ID();
INSERT INTO spent VALUES (NULL, 1, 0);
ALTER TABLE spent AUTO_INCREMENT = 3;
INSERT INTO spent VALUES (NULL, 17, 0);
SELECT LAST_INSERT_ID();
INSERT INTO spent VALUES (NULL, 1, 0);
TRUNCATE spent;
INSERT INTO spent VALUES (NULL, 1, 0);
INSERT INTO spent VALUES (NULL, 1, 0);
SELECT LAST_INSERT_ID();
RENAME TABLE spent TO spent2;
INSERT INTO spent2 VALUES (NULL, 2, 0);
SELECT LAST_INSERT_ID();
INSERT INTO spent2 VALUES (NULL, 2, 0);
DROP TABLE spent2;
CREATE TABLE spent2 (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, u INT UNIQUE, v INT CHECK (v >= 0));
INSERT INTO spent2 VALUES (NULL, 2, 0);
SELECT LAST_INSERT_ID();
INSERT INTO spent2 VALUES (NULL, 2, 0);
SET auto_increment_increment = 10, auto_increment_offset = 3;
INSERT INTO spent2 (u) SELECT 4;
INSERT INTO spent2 VALUES (NULL, 5, 0);
INSERT INTO spent2 VALUES (NULL, 5, 0);
SELECT LAST_INSERT_ID();
SET auto_increment_increment = 1, auto_increment_offset = 1;
INSERT INTO spent2 (u) SELECT 6;
SELECT LAST_INSERT_ID();
SELECT * FROM spent2 ORDER BY id;
`

// belowOneScript moves rows to values below 1. The INSERTs from a SELECT pass
// through, so that the counter is MySQL's from then on: what drains must
// leave it as an UPDATE does. The COUNTs drain.
const belowOneScript = `
CREATE TABLE below (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT);
CREATE TABLE nought (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT);
CREATE TABLE within (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT);
INSERT INTO below (v) SELECT 1;
UPDATE below SET id = id - 100 WHERE id = 1;
SELECT COUNT(*) FROM below;
INSERT INTO below VALUES (0, 2);
SELECT LAST_INSERT_ID();
INSERT INTO nought (v) SELECT 1;
UPDATE nought SET id = id DIV 4 WHERE id = 1;
SELECT COUNT(*) FROM nought;
INSERT INTO nought VALUES (0, 2);
SELECT LAST_INSERT_ID();
INSERT INTO within (v) SELECT 1;
BEGIN;
UPDATE within SET id = -5 WHERE id = 1;
UPDATE within SET v = 6 WHERE id = -5;
COMMIT;
SELECT COUNT(*) FROM within;
INSERT INTO within VALUES (0, 2);
SELECT LAST_INSERT_ID();
SELECT * FROM below ORDER BY id;
SELECT * FROM nought ORDER BY id;
SELECT * FROM within ORDER BY id;
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
			for _, script := range []string{autoIncrementScript, "DROP TABLE spent;" + spentScript, belowOneScript} {
				want := commandLine(t, db.Addr, direct, script)
				got := commandLine(t, p.Proxy, proxied, script)
				compareLines(t, want, strings.ReplaceAll(got, proxied, direct))
			}
			if lane := readLane(t, p.open(t, "")); lane.lsn < 5 {
				t.Errorf("%d units were committed: the statements of the script were not absorbed", lane.lsn)
			}
		})
	}
}

// An INSERT that comes while a gate is closing, kept up by a row lock in MySQL,
// gets its AUTO_INCREMENT value after the statement behind the gate has got its
// own.
func TestAutoIncrementAcrossGate(t *testing.T) {
	db := servertest.MariaDB(t)
	database := db.Database(t)
	db.Exec(t, database, "CREATE TABLE t (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT)", "INSERT INTO t VALUES (1, 0)")
	r := servertest.Redis(t)
	rdb := redis.NewClient(&redis.Options{Addr: r.Addr})
	defer rdb.Close()
	cfg := settings(t, db, r.Addr)
	cfg.Tables = map[string]config.Table{database + ".t": {}}
	pool, direct := start(t, db, cfg).open(t, database), db.Open(t, database)
	lock, err := direct.Begin()
	if err != nil {
		t.Fatal(err)
	}
	mustExec(t, pool, "SELECT 1")
	if _, err := lock.Exec("UPDATE t SET v = v WHERE id = 1"); err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Exec("SELECT v FROM t WHERE id = 1 FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	mustExec(t, pool, "UPDATE t SET v = 5 WHERE id = 1")
	type answer struct {
		id  int64
		err error
	}
	insert := func(sql string) <-chan answer {
		c := make(chan answer, 1)
		go func() {
			res, err := pool.Exec(sql)
			if err != nil {
				c <- answer{0, err}
				return
			}
			id, err := res.LastInsertId()
			c <- answer{id, err}
		}()
		return c
	}
	key := "sa:{main}:%s:" + database + ".t"
	get := func(kind string) string {
		return rdb.Get(context.Background(), strings.Replace(key, "%s", kind, 1)).Val()
	}
	behind := insert("INSERT INTO t (v) SELECT 7")
	until(t, "the gate to begin to close", func() bool { return strings.HasSuffix(get("t"), ":c") })
	absorbed := insert("INSERT INTO t (v) VALUES (8)")
	until(t, "the absorbed INSERT to wait for the gate", func() bool {
		return rdb.HExists(context.Background(), strings.Replace(key, "%s", "gate", 1), "want").Val()
	})
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	a, b := <-behind, <-absorbed
	if a.err != nil || b.err != nil || a.id == b.id {
		t.Fatalf("MySQL inserted %d (%v), the proxy %d (%v)", a.id, a.err, b.id, b.err)
	}
	if n := count(t, pool, "SELECT v FROM t WHERE id = ?", b.id); n != 8 {
		t.Errorf("row %d holds %d", b.id, n)
	}
}
