package apps

import (
	"bufio"
	"database/sql"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// patience bounds each wait for something that must come. It only names what
// did not come; the machine may be busy.
const patience = 3 * time.Minute

// proxy is the product's process before a database.
type proxy struct {
	addr  string
	admin string // address of the admin listener
	pool  *sql.DB
}

// startProxy runs the product with every table of the database absorbed.
func startProxy(t *testing.T, db *servertest.DB, database string) *proxy {
	t.Helper()
	p := &proxy{addr: servertest.FreeAddr(t), admin: servertest.FreeAddr(t)}
	text := fmt.Sprintf(`[proxy]
listen = %q
[[users]]
name = %q
password = %q
admin = true
[database]
host = %q
port = %d
username = "root"
password = %[3]q
[kvstore]
endpoints = [%[6]q]
[writeback]
drain_rate = 200
[tables."%[7]s.*"]
[admin]
listen = %[8]q
`, p.addr, servertest.AppUser, db.Password, db.Host, db.Port, servertest.Redis(t).Addr, database, p.admin)
	file := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	servertest.StartDaemon(t, p.addr, "serve", "--config", file)
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd, cfg.DBName = "tcp", p.addr, servertest.AppUser, db.Password, database
	pool, err := sql.Open("mysql", cfg.FormatDSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	p.pool = pool
	return p
}

// drain waits until MySQL has everything.
func (p *proxy) drain(t *testing.T) {
	t.Helper()
	if _, err := p.pool.Exec("CALL shock_absorber.drain()"); err != nil {
		t.Fatal(err)
	}
}

// counted is a line of the statement counter.
var counted = regexp.MustCompile(`^shockabsorber_statements_total\{(.*)\} (\d+)$`)

// statements is how many statements the proxy has treated in each way.
func (p *proxy) statements(t *testing.T) map[string]int {
	t.Helper()
	res, err := http.Get("http://" + p.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	out := map[string]int{}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if m := counted.FindStringSubmatch(lines.Text()); m != nil {
			if out[m[1]], err = strconv.Atoi(m[2]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// programWrites is how many statements that write the server has got so far.
func programWrites(t *testing.T, pool *sql.DB) (n int) {
	t.Helper()
	rows, err := pool.Query("SHOW GLOBAL STATUS WHERE variable_name IN ('Com_insert', 'Com_insert_select', 'Com_replace', 'Com_replace_select', 'Com_update', 'Com_update_multi', 'Com_delete', 'Com_delete_multi')")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var count int
		if err := rows.Scan(&name, &count); err != nil {
			t.Fatal(err)
		}
		n += count
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}

// logStatements logs which share was answered from memory, and the counter by
// way and reason, the greatest first. writes is how many statements that write
// the program sent on its way straight to the server. A barrier is no
// statement: it is a drain that one waited for.
func logStatements(t *testing.T, counts map[string]int, writes int) {
	t.Helper()
	all, absorbed, reads := 0, 0, 0
	for k, n := range counts {
		switch {
		case strings.Contains(k, `verb="barrier"`):
			continue
		case strings.Contains(k, `verb="pointread"`):
			reads += n
		case !strings.Contains(k, `verb="passthrough"`):
			absorbed += n
		}
		all += n
	}
	t.Logf("absorbed: %d writes (straight at the server there were %d); from memory: %d reads; together %.0f%% of the %d statements on absorbed tables",
		absorbed, writes, reads, 100*float64(absorbed+reads)/float64(all), all)
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return counts[b] - counts[a] })
	for _, k := range keys {
		t.Logf("%6d  %s", counts[k], k)
	}
}

// program is a program of others, which ends with the test or before.
type program struct {
	cmd  *exec.Cmd
	file string // its output
	done chan struct{}
}

// startProgram runs it with its output in a file, which is shown if the test fails.
func startProgram(t *testing.T, cmd *exec.Cmd) *program {
	t.Helper()
	name := filepath.Join(t.TempDir(), "output")
	out, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &program{cmd: cmd, file: name, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how a server that was stopped ended says nothing
		close(p.done)
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			text := p.output(t)
			t.Logf("the end of the output of %s:\n%s", cmd.Path, text[max(0, len(text)-4<<10):])
		}
	})
	return p
}

// output is what the program has written so far.
func (p *program) output(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(p.file)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

// stop ends the program with its children.
func (p *program) stop() {
	select {
	case <-p.done:
		return
	default:
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
	}
}

// until polls ok until it holds.
func until(t *testing.T, what string, ok func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s: %v", patience, what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// installed fails the test unless .ci/setup has installed a file.
func installed(t *testing.T, path, pack string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: apt-get install %s, or run .ci/setup", err, pack)
	}
}

// mask hides what differs by nature between two runs.
type mask struct {
	where  *regexp.Regexp // of "table: column=value ..."
	with   string
	do     func(string) string // instead of with
	reason string
}

// hide applies masks to a line.
func hide(masks []mask, line string) string {
	for _, m := range masks {
		if m.do != nil {
			line = m.where.ReplaceAllStringFunc(line, m.do)
		} else {
			line = m.where.ReplaceAllString(line, m.with)
		}
	}
	return line
}

// dump prints all tables of a database in the order of their primary keys,
// masked.
func dump(t *testing.T, db *sql.DB, database string, masks []mask) string {
	t.Helper()
	var out strings.Builder
	for _, table := range tablesOf(t, db, database) {
		fmt.Fprintf(&out, "table %s\n", table)
		dumpTable(t, &out, db, database, table, masks)
	}
	return out.String()
}

// tablesOf lists the tables of a database.
func tablesOf(t *testing.T, db *sql.DB, database string) (names []string) {
	t.Helper()
	rows, err := db.Query("SELECT table_name FROM information_schema.tables WHERE table_schema = ? ORDER BY 1", database)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return names
}

// dumpTable prints one table, a line for each value.
func dumpTable(t *testing.T, out io.Writer, db *sql.DB, database, table string, masks []mask) {
	t.Helper()
	rows, err := db.Query(fmt.Sprintf("SELECT * FROM `%s`.`%s` ORDER BY 1, 2", database, table))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values, into := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		line := table + ":"
		for i, v := range values {
			if v == nil {
				line += fmt.Sprintf(" %s=NULL", columns[i])
			} else {
				line += fmt.Sprintf(" %s=%q", columns[i], v)
			}
		}
		fmt.Fprintln(out, hide(masks, line))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// compare names each line that differs, up to twenty of them.
func compare(t *testing.T, want, got string) {
	t.Helper()
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	differ := 0
	for i := range max(len(w), len(g)) {
		var a, b string
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a == b {
			continue
		}
		if differ++; differ <= 20 {
			t.Errorf("line %d\n  directly  %.2000s\n  absorbed  %.2000s", i+1, a, b)
		}
	}
	if differ > 20 {
		t.Errorf("and %d more lines differ", differ-20)
	}
}
