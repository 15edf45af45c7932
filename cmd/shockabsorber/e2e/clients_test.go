package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// language is a client in another language that runs one scripted session.
type language struct {
	name    string
	command func(t *testing.T, host, port, database string) *exec.Cmd
}

// languages are the clients. A missing interpreter fails the test: .ci/setup
// installs all of them.
var languages = []language{
	{"mysqli", script("php", "mysqli.php")},
	{"pdo", script("php", "pdo.php")},
	{"python", script("python3", "session.py")},
	{"node", node("session.js")},
	{"node features", node("features.js")},
	{"connectorj", java("Session.java", "com.mysql.cj.jdbc.Driver", "jdbc:mysql://%H:%P/%D?user=app&password=secret&useServerPrepStmts=true&cachePrepStmts=true&useCursorFetch=true&allowPublicKeyRetrieval=true&useSSL=false")},
	{"mariadbj", java("Session.java", "org.mariadb.jdbc.Driver", "jdbc:mariadb://%H:%P/%D?user=app&password=secret&useServerPrepStmts=true&allowPublicKeyRetrieval=true")},
	{"connectorj features", java("Features.java", "com.mysql.cj.jdbc.Driver", "jdbc:mysql://%H:%P/%D?user=app&password=secret&useServerPrepStmts=true&cachePrepStmts=true&useCursorFetch=true&rewriteBatchedStatements=true&allowPublicKeyRetrieval=true&useSSL=false")},
	{"mariadbj features", java("Features.java", "org.mariadb.jdbc.Driver", "jdbc:mariadb://%H:%P/%D?user=app&password=secret&useBulkStmtsForInserts=false&allowPublicKeyRetrieval=true")},
}

// script runs a file of testdata with an interpreter.
func script(interpreter, file string) func(*testing.T, string, string, string) *exec.Cmd {
	return func(t *testing.T, _, _, _ string) *exec.Cmd {
		if interpreter == "python3" { // Debian's, which has Debian's packages
			interpreter = "/usr/bin/python3"
		}
		return exec.Command(interpreter, filepath.Join("testdata", file))
	}
}

// node runs a file of testdata with the mysql2 that .ci/setup installed.
func node(file string) func(*testing.T, string, string, string) *exec.Cmd {
	return func(*testing.T, string, string, string) *exec.Cmd {
		c := exec.Command("node", filepath.Join("testdata", file))
		c.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(installed("SHOCK_ABSORBER_NODE", "node"), "node_modules"))
		return c
	}
}

// java runs a file of testdata with a JDBC driver.
func java(file, driver, url string) func(*testing.T, string, string, string) *exec.Cmd {
	return func(t *testing.T, host, port, database string) *exec.Cmd {
		u := strings.NewReplacer("%H", host, "%P", port, "%D", database).Replace(url)
		return exec.Command("java", "-Djdbc.drivers="+driver, "-cp", filepath.Join(installed("SHOCK_ABSORBER_JDBC", "jdbc"), "*"), filepath.Join("testdata", file), u)
	}
}

// installed is a folder that .ci/setup fills.
func installed(variable, name string) string {
	if dir := os.Getenv(variable); dir != "" {
		return dir
	}
	return filepath.Join("/var/cache/shock-absorber", name)
}

// TestClients runs each session directly, and through the proxy with all
// tables absorbed: what the client prints must be the same, and so must the
// tables be in the end.
func TestClients(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			db := backend.start(t)
			redis := servertest.Redis(t)
			direct, proxied := db.Database(t), db.Database(t)
			schema, err := os.ReadFile(filepath.Join("testdata", "schema.sql"))
			if err != nil {
				t.Fatal(err)
			}
			cfg := settings(t, db, redis.Addr)
			cfg.WriteBack.DrainRate = 20 // slow enough that reads meet pending rows
			cfg.Tables = map[string]config.Table{proxied + ".*": {}}
			cfg.Admin.Listen = "127.0.0.1:0"
			p := start(t, db, cfg)
			for _, l := range languages {
				t.Run(l.name, func(t *testing.T) {
					admin := p.open(t, proxied)
					for _, s := range strings.Split(strings.TrimSpace(string(schema)), "\n") {
						db.Exec(t, direct, s)
						mustExec(t, admin, s)
					}
					defer func() {
						db.Exec(t, direct, "DROP TABLE people", "DROP TABLE orders")
						mustExec(t, admin, "DROP TABLE people", "DROP TABLE orders")
					}()
					host, port := splitAddr(t, db.Addr)
					want := session(t, l, host, port, direct)
					host, port = splitAddr(t, p.Proxy)
					before := statementCounters(t, p)
					got := session(t, l, host, port, proxied)
					logShare(t, l.name, want, before, statementCounters(t, p))
					got = strings.ReplaceAll(got, proxied, direct)
					compareLines(t, want, got)
					mustExec(t, admin, "CALL shock_absorber.drain()")
					pool := db.Open(t, "")
					for _, table := range []string{"people", "orders"} {
						compareLines(t, dump(t, pool, direct, table), dump(t, pool, proxied, table))
					}
				})
			}
		})
	}
}

// logShare logs how much a client printed, and how many of its statements on
// absorbed tables were absorbed. Less than a fifth of them would mean that something
// that the driver does keeps statements from being absorbed.
func logShare(t *testing.T, name, printed string, before, after map[string]float64) {
	t.Helper()
	var absorbed, all float64
	reasons := map[string]float64{}
	for what, n := range after {
		if n -= before[what]; n == 0 {
			continue
		}
		all += n
		if _, reason, refused := strings.Cut(what, ":"); refused {
			reasons[reason] += n
		} else {
			absorbed += n
		}
	}
	t.Logf("| %s | %d lines | absorbed %.0f of %.0f (%.0f %%) | not %v", name, strings.Count(printed, "\n"), absorbed, all, 100*absorbed/max(all, 1), reasons)
	if absorbed < all/5 {
		t.Errorf("only %.0f of %.0f statements were absorbed", absorbed, all)
	}
}

// splitAddr splits an address into host and port.
func splitAddr(t *testing.T, addr string) (host, port string) {
	t.Helper()
	host, port, ok := strings.Cut(addr, ":")
	if !ok {
		t.Fatalf("%s is no address", addr)
	}
	return host, port
}

// session runs the client and returns what it printed.
func session(t *testing.T, l language, host, port, database string) string {
	t.Helper()
	c := l.command(t, host, port, database)
	if c.Env == nil {
		c.Env = os.Environ()
	}
	c.Env = append(c.Env, "DB_HOST="+host, "DB_PORT="+port, "DB_USER="+proxyUser, "DB_PASSWORD="+proxyPassword, "DB_NAME="+database)
	var complaints bytes.Buffer // a driver's warnings come in between anywhere
	c.Stderr = &complaints
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s against %s:%s: %v\n%s\n%s", l.name, host, port, err, out, &complaints)
	}
	return string(out)
}

// compareLines fails at the first line that differs.
func compareLines(t *testing.T, want, got string) {
	t.Helper()
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		var a, b string
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			t.Errorf("line %d\n  direct  %s\n  proxied %s", i+1, a, b)
			return
		}
	}
}
