package suites

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// mtrFolder is where Debian's package mariadb-test has the tests.
const mtrFolder = "/usr/share/mysql/mysql-test"

// mtrServer makes a server what MariaDB's tests expect of one that they did
// not start themselves: their character set, and the procedure by which they
// announce what they will find in the error log. Tables are InnoDB's, not
// MyISAM's as in their own default: others are never absorbed.
var mtrServer = []string{
	"SET GLOBAL character_set_server = latin1, collation_server = latin1_swedish_ci",
	"SET GLOBAL log_bin_trust_function_creators = 1",
	"SET GLOBAL max_heap_table_size = 1048576, sort_buffer_size = 262144",
	"DROP DATABASE IF EXISTS test",
	"CREATE DATABASE test CHARACTER SET latin1",
	"DROP DATABASE IF EXISTS mtr",
	"CREATE DATABASE mtr CHARACTER SET latin1",
	"CREATE TABLE mtr.test_suppressions (pattern VARCHAR(255)) ENGINE = MyISAM",
	"CREATE PROCEDURE mtr.add_suppression (p VARCHAR(255)) INSERT INTO mtr.test_suppressions VALUES (p)",
	// They log in as root without a password, by the Unix socket.
	"ALTER USER root@localhost IDENTIFIED BY ''",
}

// mtrServerAfter gives the server back to the other tests of this binary.
var mtrServerAfter = []string{
	"SET GLOBAL character_set_server = utf8mb4, collation_server = utf8mb4_general_ci",
	"SET GLOBAL log_bin_trust_function_creators = DEFAULT, max_heap_table_size = DEFAULT, sort_buffer_size = DEFAULT",
	"DROP DATABASE IF EXISTS test",
	"DROP DATABASE IF EXISTS mtr",
	"ALTER USER root@localhost IDENTIFIED BY 'secret'",
}

// TestMariaDB runs tests of MariaDB itself, those that testdata/mariadb.list
// names, with its own runner against a server by its Unix socket.
func TestMariaDB(t *testing.T) {
	db := servertest.MariaDB(t)
	if _, err := os.Stat(filepath.Join(mtrFolder, "mysql-test-run.pl")); err != nil {
		t.Fatalf("%v: run .ci/setup", err)
	}
	db.Exec(t, "", mtrServer...)
	defer db.Exec(t, "", mtrServerAfter...)
	w := newWorld(t, db, "root", "", func(cfg *config.Config) {
		cfg.Database.Socket, cfg.Database.Password = db.Socket, config.NewSecret("")
		// The tests wait for each of their statements, most of which drain.
		cfg.WriteBack.DrainRate = 1000
	})
	known := readList(t, "mariadb")
	tests, least := known.names(listChosen), 40
	if whole() {
		tests, least = slices.Sorted(slices.Values(append(tests, known.names(listWhole)...))), 300
	}
	w.compare(t, suite{name: "mariadb", least: least, run: func(t *testing.T, at target, _ []string) outcomes {
		return mtr(t, at, tests)
	}})
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
		"--force", "--max-test-fail=0", "--nocheck-testcases", "--nowarnings", "--testcase-timeout=15", "--suite-timeout=600"}, tests...)
	c := exec.Command("perl", args...)
	c.Dir = mtrFolder
	out, _ := c.CombinedOutput() // failing tests are in the answer
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
	keep(t, "mariadb", at, out)
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
