package e2e

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/daemon"
)

// featured is a table with one feature: only is the one server that has it, ""
// for both; refused is the reason for which it is passed on, "" if it is
// absorbed.
type featured struct{ name, only, refused, ddl string }

// features are tables with every feature that decides whether one is absorbed.
var features = []featured{
	{"plain", "", "", "CREATE TABLE plain (id INT PRIMARY KEY, v VARCHAR(20), UNIQUE KEY v (v))"},
	{"triggered", "", "trigger", "CREATE TABLE triggered (id INT PRIMARY KEY, v INT);CREATE TRIGGER tr BEFORE INSERT ON triggered FOR EACH ROW SET NEW.v = 1"},
	{"gen_virtual", "", "", "CREATE TABLE gen_virtual (id INT PRIMARY KEY, a INT, g INT AS (a + 1) VIRTUAL, UNIQUE KEY g (g))"},
	{"gen_stored", "", "", "CREATE TABLE gen_stored (id INT PRIMARY KEY, a VARCHAR(9), g VARCHAR(20) AS (CONCAT(a, '-', UPPER(a))) STORED)"},
	{"gen_json", "", "", "CREATE TABLE gen_json (id INT PRIMARY KEY, j JSON, g VARCHAR(20) AS (JSON_UNQUOTE(JSON_EXTRACT(j, '$.a'))) VIRTUAL)"},
	{"gen_zone", "", "generated_column", "CREATE TABLE gen_zone (id INT PRIMARY KEY, a TIMESTAMP NULL, g VARCHAR(40) AS (CONCAT(a)) VIRTUAL)"},
	{"gen_locale", "", "generated_column", "CREATE TABLE gen_locale (id INT PRIMARY KEY, a DATE, g VARCHAR(40) AS (DATE_FORMAT(a, '%M')) VIRTUAL)"},
	{"gen_unsigned", "", "generated_column", "CREATE TABLE gen_unsigned (id INT PRIMARY KEY, a INT UNSIGNED, g BIGINT AS (a - 5) VIRTUAL)"},
	{"gen_of_unsigned", "", "", "CREATE TABLE gen_of_unsigned (id INT PRIMARY KEY, a INT UNSIGNED, g BIGINT AS (a + 5) STORED)"},
	{"checked", "", "", "CREATE TABLE checked (id INT PRIMARY KEY, a INT, CONSTRAINT positive CHECK (a > 0), CONSTRAINT small CHECK (a BETWEEN 1 AND id))"},
	{"checked_zone", "", "check_constraint", "CREATE TABLE checked_zone (id INT PRIMARY KEY, a TIMESTAMP NULL, CONSTRAINT c CHECK (a > '2020-01-01'))"},
	{"period", "MariaDB", "check_constraint", "CREATE TABLE period (id INT PRIMARY KEY, s DATE, e DATE, PERIOD FOR app(s, e))"},
	{"overlaps", "MariaDB", "check_constraint", "CREATE TABLE overlaps (id INT, s DATE, e DATE, PERIOD FOR app(s, e), PRIMARY KEY (id, app WITHOUT OVERLAPS))"},
	{"parts_all", "", "", "CREATE TABLE parts_all (id INT PRIMARY KEY, v INT) PARTITION BY HASH(id) PARTITIONS 4"},
	{"parts_gap", "", "partitioned", "CREATE TABLE parts_gap (id INT PRIMARY KEY, v INT) PARTITION BY RANGE(id) (PARTITION p0 VALUES LESS THAN (100))"},
	{"fulltext", "", "", "CREATE TABLE `fulltext` (id INT PRIMARY KEY, t TEXT, FULLTEXT KEY t (t))"},
	{"places", "", "column_type", "CREATE TABLE places (id INT PRIMARY KEY, p POINT NOT NULL, SPATIAL KEY p (p))"},
	{"keyless", "", "no_primary_key", "CREATE TABLE keyless (a INT NOT NULL UNIQUE)"},
	{"prefixed", "", "prefix_primary_key", "CREATE TABLE prefixed (t TEXT, PRIMARY KEY (t(9)))"},
	{"myisam", "", "engine", "CREATE TABLE myisam (id INT PRIMARY KEY) ENGINE=MyISAM"},
	{"parent", "", "foreign_key_cascade", "CREATE TABLE parent (id INT PRIMARY KEY)"},
	{"child", "", "", "CREATE TABLE child (id INT PRIMARY KEY, p INT, CONSTRAINT fk FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE)"},
	{"default_expr", "", "", "CREATE TABLE default_expr (id INT PRIMARY KEY, k CHAR(36) DEFAULT (UUID()), a INT DEFAULT (1 + 2), b INT DEFAULT (a * 2))"},
	{"func_index", "MySQL", "functional_index", "CREATE TABLE func_index (id INT PRIMARY KEY, a VARCHAR(9), KEY f ((LOWER(a))))"},
	{"func_unique", "MySQL", "functional_unique_index", "CREATE TABLE func_unique (id INT PRIMARY KEY, a VARCHAR(9), UNIQUE KEY f ((LOWER(a))))"},
	{"hashed", "MariaDB", "hash_unique_index", "CREATE TABLE hashed (id INT PRIMARY KEY, t TEXT, UNIQUE KEY t (t))"},
	{"versioned", "MariaDB", "system_versioned", "CREATE TABLE versioned (id INT PRIMARY KEY) WITH SYSTEM VERSIONING"},
	{"chinese", "", "unsupported_charset", "CREATE TABLE chinese (id INT PRIMARY KEY, t VARCHAR(9) CHARACTER SET gbk)"},
	{"seen", "", "view", "CREATE VIEW seen AS SELECT * FROM plain"},
}

// TestCheckNamesReasons lets `check` look at a table with each feature: what
// is absorbed, and what is not, with its reason.
func TestCheckNamesReasons(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			db := backend.start(t)
			database := db.Database(t)
			var list []featured
			for _, f := range features {
				if f.only == "" || f.only == backend.name {
					db.Exec(t, database, strings.Split(f.ddl, ";")...)
					list = append(list, f)
				}
			}
			cfg := settings(t, db, servertest.Redis(t).Addr)
			cfg.Tables = map[string]config.Table{database + ".*": {}}
			var out bytes.Buffer
			if err := daemon.Check(t.Context(), cfg, &out); err != nil {
				t.Errorf("check: %v", err)
			}
			for _, f := range list {
				line := regexp.MustCompile(`(?m)^` + database + `\.` + f.name + ` .*$`).FindString(out.String())
				absorbed, passed := strings.Contains(line, " absorbed "), strings.Contains(line, " passed on ")
				if absorbed != (f.refused == "") || passed != (f.refused != "") || !strings.Contains(line, f.refused+":") && f.refused != "" {
					t.Errorf("%s: want %q, check says %q", f.name, f.refused, line)
				}
			}
			if t.Failed() || testing.Verbose() {
				t.Log(out.String())
			}
		})
	}
}
