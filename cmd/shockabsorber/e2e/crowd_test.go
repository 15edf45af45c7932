package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

const (
	// crowd is the default of max_connections.
	crowd = 10_000
	// perConnection is what README allows an idle connection, in bytes of the
	// proxy's resident memory: several times of what it takes.
	perConnection = 100 << 10
)

// moreFiles raises the limit of open files for this process and its children.
func moreFiles(t *testing.T, want uint64) {
	t.Helper()
	var now syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &now); err != nil {
		t.Fatal(err)
	}
	raised := syscall.Rlimit{Cur: max(now.Cur, want), Max: max(now.Max, want)}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised); err != nil {
		t.Skipf("%d files may be open here, the test needs %d, and may not raise it: %v", now.Max, want, err)
	}
}

// resident is the resident memory of a process, in bytes.
func resident(t *testing.T, pid int) (rss uint64) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &rss); n == 1 {
			return rss << 10
		}
	}
	t.Fatalf("no VmRSS in %s", text)
	return 0
}

// measured starts the program on a table with one row, with room for a crowd.
func measured(t *testing.T) (p *process, pool, direct *sql.DB) {
	t.Helper()
	moreFiles(t, crowd+2000)
	db := servertest.MariaDB(t) // takes 1000 connections
	database := db.Database(t)
	db.Exec(t, database, "CREATE TABLE ledger (id BIGINT NOT NULL PRIMARY KEY, worker INT NOT NULL, n INT NOT NULL DEFAULT 0) ENGINE=InnoDB")
	addr := servertest.FreeAddr(t)
	file := crashConfig(t, db, servertest.Redis(t).Addr, addr, database, "memory")
	text, err := os.ReadFile(file)
	if err == nil {
		settings := fmt.Sprintf("listen = %q\nmax_connections = %d", addr, crowd+10)
		err = os.WriteFile(file, []byte(strings.Replace(string(text), fmt.Sprintf("listen = %q", addr), settings, 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	p = serve(t, file, addr)
	pool = openDSN(t, fmt.Sprintf("%s:%s@tcp(%s)/%s?interpolateParams=true", proxyUser, proxyPassword, addr, database))
	pool.SetMaxIdleConns(0)
	mustExec(t, pool, "INSERT INTO ledger (id, worker) VALUES (1, 1)", "SELECT * FROM ledger WHERE id = 1")
	return p, pool, db.Open(t, database)
}

// TestHugeResults: clients that read a result of 400 MB each, slowly, hold up
// MySQL and not the memory of the proxy.
func TestHugeResults(t *testing.T) {
	const clients, mebibytes, bound = 8, 400, 256 << 20
	p, pool, _ := measured(t)
	before := resident(t, p.cmd.Process.Pid)
	most := before
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel() // else Close would read on to the end
	var all []*sql.Rows
	for range clients {
		rows, err := pool.QueryContext(ctx, fmt.Sprintf("SELECT REPEAT('x', 1048576) FROM seq_1_to_%d", mebibytes))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = rows.Close() })
		all = append(all, rows)
	}
	var text sql.RawBytes
	for range 15 {
		for _, rows := range all {
			if !rows.Next() {
				t.Fatalf("the result ends: %v", rows.Err())
			}
			if err := rows.Scan(&text); err != nil || len(text) != 1<<20 {
				t.Fatalf("%d bytes, %v", len(text), err)
			}
		}
		time.Sleep(100 * time.Millisecond)
		most = max(most, resident(t, p.cmd.Process.Pid))
	}
	t.Logf("%d clients in results of %d MiB: resident memory %.1f MiB before, at most %.1f MiB with them", clients, mebibytes, float64(before)/(1<<20), float64(most)/(1<<20))
	cancel()
	if most > before+bound {
		t.Errorf("they take %d bytes, at most %d are in order", most-before, bound)
	}
	mustExec(t, pool, "INSERT INTO ledger (id, worker) VALUES (2, 1)")
}

// TestCrowd: ten thousand connections that have done something and wait take
// little memory of the proxy, and no connection of MySQL, as long as all they
// did was absorbed; and nobody waits for them.
func TestCrowd(t *testing.T) {
	p, pool, direct := measured(t)
	before := resident(t, p.cmd.Process.Pid)
	conns := make([]*sql.Conn, crowd)
	began := time.Now()
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := w; i < crowd; i += 16 {
				c, err := pool.Conn(context.Background())
				if err == nil {
					conns[i] = c
					var n int
					err = c.QueryRowContext(context.Background(), "SELECT n FROM ledger WHERE id = 1").Scan(&n)
				}
				if err != nil {
					t.Errorf("connection %d: %v", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	took := time.Since(began)
	time.Sleep(time.Second)
	after := resident(t, p.cmd.Process.Pid)
	t.Logf("%d idle connections, opened in %v: resident memory %.1f MiB before, %.1f MiB with them, %.1f KiB each",
		crowd, took.Round(time.Millisecond), float64(before)/(1<<20), float64(after)/(1<<20), (float64(after)-float64(before))/crowd/1024)
	if after > before+crowd*perConnection {
		t.Errorf("%d connections take %d bytes, at most %d are in order", crowd, after-before, crowd*perConnection)
	}
	if n := count(t, direct, "SELECT COUNT(*) FROM information_schema.processlist WHERE user = ?", proxyUser); n > 10 {
		t.Errorf("they have %d connections to MySQL", n)
	}
	for _, i := range []int{0, crowd / 2, crowd - 1} {
		if _, err := conns[i].ExecContext(t.Context(), "INSERT INTO ledger (id, worker) VALUES (?, 1)", 100+i); err != nil {
			t.Errorf("connection %d: %v", i, err)
		}
	}
	if n := count(t, pool, "SELECT COUNT(*) FROM ledger"); n != 4 {
		t.Errorf("%d rows", n)
	}
	for w := range 16 {
		wg.Go(func() {
			for i := w; i < crowd; i += 16 {
				_ = conns[i].Close()
			}
		})
	}
	wg.Wait()
}
