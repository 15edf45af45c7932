package suites

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// goModule is a Go module whose tests take the address of a server.
type goModule struct {
	suite
	folder   string // of .ci/setup
	packages string
	tags     string // build tags
	env      func(at target) []string
	onlyAll  bool // not in the short form
}

// goModules are the libraries. The driver's own tests have a test in e2e as
// well, which compares them with nothing absorbed too.
var goModules = []goModule{
	{suite{name: "sqlx", least: 57}, "sqlx", ".", "", func(at target) []string {
		return []string{"SQLX_MYSQL_DSN=" + at.dsn() + "?parseTime=true", "SQLX_POSTGRES_DSN=skip", "SQLX_SQLITE_DSN=skip"}
	}, false},
	{suite{name: "goqu", least: 20}, "goqu", "./dialect/mysql", "", func(at target) []string {
		return []string{"MYSQL_URI=" + at.dsn() + "?parseTime=true"}
	}, false},
	{suite{name: "gorp", least: 55}, "gorp", ".", "integration", func(at target) []string {
		return []string{"GORP_TEST_DSN=" + at.dsn() + "?parseTime=true", "GORP_TEST_DIALECT=mysql"}
	}, true},
	{suite{name: "go-sql-driver", least: 400}, "go-sql-driver", ".", "", func(at target) []string {
		return []string{"MYSQL_TEST_USER=" + at.user, "MYSQL_TEST_PASS=" + at.password, "MYSQL_TEST_PROT=tcp",
			"MYSQL_TEST_ADDR=" + at.addr(), "MYSQL_TEST_DBNAME=" + at.database, "MYSQL_TEST_CONCURRENT=1"}
	}, true},
}

// TestGo runs the tests of Go's libraries for MySQL.
func TestGo(t *testing.T) {
	db := servertest.MariaDB(t)
	w := newWorld(t, db, servertest.AppUser, db.Password, func(cfg *config.Config) {
		// The tests make and drop tables all the time, which drains.
		cfg.WriteBack.DrainRate = 1000
	})
	for _, m := range goModules {
		if m.onlyAll && !whole() {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(installed(t, m.folder))); err != nil {
				t.Fatal(err)
			}
			w.direct.database, w.proxied.database = db.Database(t), db.Database(t)
			m.run = func(t *testing.T, at target, leaveOut []string) outcomes { return m.test(t, dir, at, leaveOut) }
			w.compare(t, m.suite)
		})
	}
}

// test runs the module's tests once.
func (m goModule) test(t *testing.T, dir string, at target, leaveOut []string) outcomes {
	t.Helper()
	skip := "^$"
	if len(leaveOut) > 0 {
		skip = "^(" + strings.Join(leaveOut, "|") + ")$"
	}
	c := exec.Command("go", "test", "-count=1", "-json", "-tags", m.tags, "-skip", skip, "-timeout", "20m", m.packages)
	c.Dir = dir
	// The versions are those of the module's own go.sum, fetched by .ci/setup.
	c.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "GOPROXY=off", "TZ=UTC")
	c.Env = append(c.Env, m.env(at)...)
	var complaints bytes.Buffer
	c.Stderr = &complaints
	out, _ := c.Output() // failing tests are in the answer
	all := readGo(t, out)
	if len(all) == 0 {
		t.Fatalf("the tests of %s did not run: %s\n%s", m.name, out, &complaints)
	}
	keep(t, filepath.Base(m.name), at, out)
	return all
}

// readGo reads the events that go test -json prints.
func readGo(t *testing.T, out []byte) outcomes {
	t.Helper()
	all := outcomes{}
	said := map[string]*strings.Builder{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e struct{ Action, Test, Output string }
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.Test == "" {
			continue
		}
		switch e.Action {
		case "output":
			if said[e.Test] == nil {
				said[e.Test] = &strings.Builder{}
			}
			said[e.Test].WriteString(e.Output)
		case passed, failed, skipped:
			all[e.Test] = e.Action
			if e.Action == failed {
				t.Logf("%s", said[e.Test])
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// keep writes what a run printed into the folder that SHOCK_ABSORBER_KEEP
// names, to look at what fails.
func keep(t *testing.T, name string, at target, out []byte) {
	t.Helper()
	f := kept(t, name, at)
	if f == nil {
		return
	}
	defer f.Close()
	if _, err := f.Write(out); err != nil {
		t.Fatal(err)
	}
}

// kept is the file that keep writes into, nil if nothing is to be kept. Parts of
// a suite follow each other in it.
func kept(t *testing.T, name string, at target) *os.File {
	t.Helper()
	dir := os.Getenv("SHOCK_ABSORBER_KEEP")
	if dir == "" {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(dir, name+"-"+at.port+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// combinedOutput runs a program and returns what it printed, which can be read
// in the kept file while it runs.
func combinedOutput(t *testing.T, c *exec.Cmd, name string, at target) []byte {
	t.Helper()
	var out bytes.Buffer
	c.Stdout = &out
	if f := kept(t, name, at); f != nil {
		defer f.Close()
		c.Stdout = io.MultiWriter(&out, f)
	}
	c.Stderr = c.Stdout
	_ = c.Run() // what came of it is in the output
	return out.Bytes()
}
