package suites

import (
	"encoding/xml"
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

// TestSQLAlchemy runs the tests of SQLAlchemy that use a database, over
// PyMySQL: the files that testdata/sqlalchemy.list names.
func TestSQLAlchemy(t *testing.T) {
	if !whole() {
		t.Skip("only in the whole form, SHOCK_ABSORBER_SOAK")
	}
	db := servertest.MariaDB(t)
	dir, python := installed(t, "sqlalchemy"), filepath.Join(installed(t, "python"), "bin", "python")
	w := newWorld(t, db, servertest.AppUser, db.Password, func(cfg *config.Config) {
		// The tests make and drop tables all the time, which drains.
		cfg.WriteBack.DrainRate = 1000
	})
	known := readList(t, "sqlalchemy")
	files, least := known.names(listChosen), 8
	if whole() {
		files, least = slices.Sorted(slices.Values(append(files, known.names(listWhole)...))), 700
	}
	w.direct.database, w.proxied.database = db.Database(t), db.Database(t)
	w.compare(t, suite{name: "sqlalchemy", least: least, run: func(t *testing.T, at target, leaveOut []string) outcomes {
		// The second database has this name in all of its tests.
		db.Exec(t, "", "DROP DATABASE IF EXISTS test_schema", "CREATE DATABASE test_schema")
		defer db.Exec(t, "", "DROP DATABASE test_schema")
		url := fmt.Sprintf("mysql+pymysql://%s:%s@%s/%s?charset=utf8mb4", at.user, at.password, at.addr(), at.database)
		args := []string{"--dburi", url, "-p", "no:logging"}
		for _, test := range leaveOut {
			args = append(args, "--deselect", test)
		}
		return pytest(t, "sqlalchemy", python, dir, at, append(args, files...))
	}})
}

// TestMySQLClient runs mysqlclient's own tests of its cursors, types and
// transactions, over MariaDB's client library in C, as Debian has compiled both.
// Their tables have no keys, so MySQL is told to add one that they do not see.
func TestMySQLClient(t *testing.T) {
	db := servertest.MySQL(t)
	db.Exec(t, "", "SET GLOBAL sql_generate_invisible_primary_key = ON")
	dir := installed(t, "mysqlclient")
	w := newWorld(t, db, servertest.AppUser, db.Password, nil)
	w.direct.database, w.proxied.database = db.Database(t), db.Database(t)
	w.compare(t, suite{name: "mysqlclient", least: 30, run: func(t *testing.T, at target, leaveOut []string) outcomes {
		options := filepath.Join(t.TempDir(), "my.cnf")
		text := fmt.Sprintf("[MySQLdb-tests]\nhost=%s\nport=%s\nuser=%s\npassword=%s\ndatabase=%s\ndefault-character-set=utf8mb4\n", at.host, at.port, at.user, at.password, at.database)
		if err := os.WriteFile(options, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("TESTDB", options)
		args := []string{"tests"}
		for _, file := range leaveOut {
			args = append(args, "--ignore", file)
		}
		return pytest(t, "mysqlclient", "/usr/bin/python3", dir, at, args)
	}})
}

// serverVersion is what SQLAlchemy appends to the names of its classes.
var serverVersion = regexp.MustCompile(`_(mysql|mariadb)\+pymysql_[0-9_]+$`)

// pytest runs Python's tests in a folder and reads their report.
func pytest(t *testing.T, name, python, dir string, at target, args []string) outcomes {
	t.Helper()
	report := filepath.Join(t.TempDir(), "report.xml")
	c := exec.Command(python, append([]string{"-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", "--junit-xml=" + report}, args...)...)
	c.Dir = dir
	c.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	out, _ := c.CombinedOutput() // failing tests are in the report
	keep(t, name, at, out)
	data, err := os.ReadFile(report)
	if err != nil {
		t.Fatalf("the tests of %s did not run: %v\n%s", name, err, out)
	}
	var all struct {
		Cases []struct {
			Class   string    `xml:"classname,attr"`
			Name    string    `xml:"name,attr"`
			Failure *struct{} `xml:"failure"`
			Error   *struct{} `xml:"error"`
			Skipped *struct{} `xml:"skipped"`
		} `xml:"testsuite>testcase"`
	}
	if err := xml.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	result := outcomes{}
	for _, c := range all.Cases {
		what := passed
		switch {
		case c.Failure != nil || c.Error != nil:
			what = failed
		case c.Skipped != nil:
			what = skipped
		}
		test := serverVersion.ReplaceAllString(c.Class, "") + "." + c.Name
		if result[test] != failed { // an error at the end of a test is a case of its own
			result[test] = what
		}
	}
	return result
}
