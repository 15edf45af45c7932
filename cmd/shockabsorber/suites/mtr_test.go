package suites

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// mtrFolder is where Debian's package mariadb-test has the tests.
const mtrFolder = "/usr/share/mysql/mysql-test"

// mtrArgs are what MariaDB's tests expect of a server, of their own
// include/default_mysqld.cnf. Tables are InnoDB's, not MyISAM's as there: others
// are never absorbed.
var mtrArgs = []string{
	"--character-set-server=latin1", "--collation-server=latin1_swedish_ci", "--log-bin-trust-function-creators=1",
	"--max-heap-table-size=1M", "--sort-buffer-size=256K", "--use-stat-tables=preferably", "--histogram-type=json_hb",
	// The tests are made of DDL, and nothing crashes here.
	"--innodb-flush-log-at-trx-commit=2",
}

// mtrServer makes a server what MariaDB's tests expect of one that they did
// not start themselves: the database they use, and the procedure by which they
// announce what they will find in the error log.
var mtrServer = []string{
	"CREATE DATABASE test",
	"CREATE DATABASE mtr",
	"CREATE TABLE mtr.test_suppressions (pattern VARCHAR(255)) ENGINE = MyISAM",
	"CREATE PROCEDURE mtr.add_suppression (p VARCHAR(255)) INSERT INTO mtr.test_suppressions VALUES (p)",
	// They log in as root without a password, by the Unix socket.
	"ALTER USER root@localhost IDENTIFIED BY ''",
}

// TestMariaDB runs tests of MariaDB itself, those that testdata/mariadb.list
// names, with its own runner against a server by its Unix socket. The server
// without a proxy is another one: the proxy's has a schema of the proxy's.
func TestMariaDB(t *testing.T) {
	direct, db := servertest.OwnMariaDB(t, mtrArgs...), servertest.OwnMariaDB(t, mtrArgs...)
	if _, err := os.Stat(filepath.Join(mtrFolder, "mysql-test-run.pl")); err != nil {
		t.Fatalf("%v: run .ci/setup", err)
	}
	direct.Exec(t, "", mtrServer...)
	db.Exec(t, "", mtrServer...)
	w := newWorld(t, db, "root", "", func(cfg *config.Config) {
		cfg.Database.Socket, cfg.Database.Password = db.Socket, config.NewSecret("")
		// The tests wait for each of their statements, most of which drain.
		cfg.WriteBack.DrainRate = 1000
	})
	w.direct.host, w.direct.port, w.direct.socket = direct.Host, strconv.Itoa(direct.Port), direct.Socket
	known := readList(t, "mariadb")
	tests, least := known.names(listChosen), 40
	if whole() {
		tests, least = slices.Sorted(slices.Values(append(tests, known.names(listWhole)...))), 300
	}
	w.compareParts(t, "mariadb", least, slices.Chunk(tests, 32), mtr)
}

// mtrLine is a test's outcome.
var mtrLine = regexp.MustCompile(`(?m)^(\S+)(?: '\S+')?\s+(?:w\d+ )?\[ (pass|fail|skipped|disabled) \]`)

// mtr runs the tests with MariaDB's own runner.
func mtr(t *testing.T, at target, tests []string) outcomes {
	t.Helper()
	// The runner makes its own folder. Its path becomes part of a socket's: not below t.TempDir, which is long.
	dir, err := os.MkdirTemp("", "mtr")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	args := append([]string{"mysql-test-run.pl", "--extern", "socket=" + at.socket, "--user=" + at.user, "--vardir=" + filepath.Join(dir, "v"),
		"--force", "--max-test-fail=0", "--nocheck-testcases", "--nowarnings", "--testcase-timeout=60", "--suite-timeout=600"}, tests...)
	c := exec.Command("perl", args...)
	c.Dir = mtrFolder
	out := combinedOutput(t, c, "mariadb", at) // failing tests are in the answer
	all := outcomes{}
	for _, m := range mtrLine.FindAllSubmatch(out, -1) {
		what := string(m[2])
		if what != passed && what != failed {
			what = skipped
		}
		all[string(m[1])] = what
	}
	if len(all) == 0 {
		t.Fatalf("MariaDB's tests did not run: %s", out)
	}
	if n := bytes.Count(out, []byte("[ fail ]")); n > 0 {
		t.Logf("%s", cutReports(out))
	}
	return all
}

// cutReports keeps of each failed test the beginning of what the runner says.
func cutReports(out []byte) string {
	const each = 2000
	var all string
	for _, at := range regexp.MustCompile(`(?m)^\S+\s+\[ fail \]`).FindAllIndex(out, -1) {
		all += fmt.Sprintf("%s\n", out[at[0]:min(len(out), at[0]+each)])
	}
	return all
}
