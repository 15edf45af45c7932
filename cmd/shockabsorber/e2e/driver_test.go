package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// driverSkips are tests of the driver that need what no machine here has:
// TestConnectorReturnsTimeout an address outside that does not answer.
const driverSkips = "TestConnectorReturnsTimeout"

// TestDriverSuite runs the tests of github.com/go-sql-driver/mysql, at the
// version this module uses, directly, through the proxy with nothing absorbed,
// and through the proxy with every table absorbed. What passes directly has to
// pass through the proxy.
func TestDriverSuite(t *testing.T) {
	db := servertest.MariaDB(t)
	dir := driverSource(t)
	database := db.Database(t)
	direct := driverTests(t, dir, db.Addr, database)
	if n := passes(direct); n < 400 {
		t.Fatalf("only %d of the driver's tests pass directly", n)
	}
	for name, tables := range map[string]map[string]config.Table{"nothing absorbed": nil, "everything absorbed": {"*.*": {}}} {
		t.Run(name, func(t *testing.T) {
			cfg := settings(t, db, servertest.Redis(t).Addr)
			cfg.Tables = tables
			p := start(t, db, cfg)
			proxied := driverTests(t, dir, p.Proxy, database)
			for _, test := range slices.Sorted(maps.Keys(direct)) {
				if direct[test] == "pass" && proxied[test] != "pass" {
					t.Errorf("%s passes directly, through the proxy: %q", test, proxied[test])
				}
			}
			t.Logf("passed directly %d, through the proxy %d", passes(direct), passes(proxied))
		})
	}
}

// driverSource copies the driver's module out of the module cache.
func driverSource(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/go-sql-driver/mysql").Output()
	if err != nil {
		t.Fatalf("find the driver's source: %v", err)
	}
	dir := filepath.Join(t.TempDir(), "driver")
	if err := os.CopyFS(dir, os.DirFS(strings.TrimSpace(string(out)))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// driverTests runs the suite against addr and gives each test's outcome.
func driverTests(t *testing.T, dir, addr, database string) map[string]string {
	t.Helper()
	c := exec.Command("go", "test", "-count=1", "-json", "-skip", driverSkips, "-timeout", "10m", ".")
	c.Dir = dir
	c.Env = append(os.Environ(), "MYSQL_TEST_USER="+proxyUser, "MYSQL_TEST_PASS="+proxyPassword, "MYSQL_TEST_PROT=tcp",
		"MYSQL_TEST_ADDR="+addr, "MYSQL_TEST_DBNAME="+database, "MYSQL_TEST_CONCURRENT=1", "GOFLAGS=-mod=mod")
	out, _ := c.Output() // failing tests are in the answer
	outcome := map[string]string{}
	said := map[string]*bytes.Buffer{}
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
				said[e.Test] = &bytes.Buffer{}
			}
			said[e.Test].WriteString(e.Output)
		case "pass", "fail", "skip":
			outcome[e.Test] = e.Action
			if e.Action == "fail" && os.Getenv("SHOCK_ABSORBER_LOG") != "" {
				t.Logf("%s", said[e.Test])
			}
		}
	}
	if len(outcome) == 0 {
		t.Fatalf("the driver's tests did not run: %s", out)
	}
	return outcome
}

// passes counts.
func passes(outcome map[string]string) (n int) {
	for _, o := range outcome {
		if o == "pass" {
			n++
		}
	}
	return n
}
