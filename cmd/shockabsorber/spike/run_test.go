package spike

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// databases runs a test on the memory twin, and on real servers when there
// are any. exec runs a statement behind the generator's back.
func databases(t *testing.T, f func(t *testing.T, db *sql.DB, damage func(kind, id string))) {
	t.Run("memory", func(t *testing.T) {
		m, db := openMemdb(t)
		f(t, db, func(kind, id string) {
			m.mu.Lock()
			defer m.mu.Unlock()
			switch kind {
			case "delete":
				delete(m.rows, id)
			case "update":
				m.rows[id][4] = "GONE WRONG"
			}
		})
	})
	for name, start := range map[string]func(testing.TB) *servertest.DB{"mariadb": servertest.MariaDB, "mysql": servertest.MySQL} {
		t.Run(name, func(t *testing.T) {
			server := start(t)
			cfg := mysql.NewConfig()
			cfg.User, cfg.Passwd, cfg.Net, cfg.Addr = server.User, server.Password, "tcp", server.Addr
			cfg.DBName = server.Database(t)
			conn, err := mysql.NewConnector(cfg)
			if err != nil {
				t.Fatal(err)
			}
			db := sql.OpenDB(conn)
			t.Cleanup(func() { db.Close() })
			f(t, db, func(kind, id string) {
				q := map[string]string{"delete": "DELETE FROM payments WHERE id = ?", "update": "UPDATE payments SET status = 'GONE WRONG' WHERE id = ?"}[kind]
				if _, err := db.Exec(q, id); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// quick is a run of 500 rows.
func quick(db *sql.DB) Config {
	return Config{Proxy: db, Direct: db, Run: "r1", Rate: 5000, Duration: 100 * time.Millisecond,
		Connections: 8, Watch: 20 * time.Millisecond, Stall: 300 * time.Millisecond}
}

func TestRunFindsAllRows(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, _ func(kind, id string)) {
		var phases []string
		cfg := quick(db)
		cfg.Batch = 7
		cfg.Progress = func(p Progress) { phases = append(phases, p.Phase) }
		rep, err := Run(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if !rep.OK() || !rep.Verified || rep.Rows != 504 || rep.Read != 504 {
			t.Errorf("report: %+v", rep)
		}
		if rep.Peak < 1 || rep.Peak > 504 || rep.Ack.P50 <= 0 || rep.Ack.Max < rep.Ack.P99 || rep.ReadTime.P50 <= 0 {
			t.Errorf("figures: %+v", rep)
		}
		if got := strings.Join(slices.Compact(phases), " "); !strings.Contains(got, "send read drain") {
			t.Errorf("progress of phases %q", got)
		}
		// A second run stands beside the first one, in the same table.
		cfg.Run = "r2"
		if rep, err := Run(t.Context(), cfg); err != nil || !rep.OK() {
			t.Errorf("second run: %v %+v", err, rep)
		}
		// The same run again clashes with its own rows: all fail.
		if rep, err = Run(t.Context(), cfg); err != nil || rep.OK() || rep.Failed != 504 || len(rep.Errors) == 0 || len(rep.Errors) > maxErrors+1 {
			t.Errorf("repeated run: %v %+v", err, rep)
		}
	})
}

func TestRunFindsDamage(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, damage func(kind, id string)) {
		done := false
		cfg := quick(db)
		cfg.Progress = func(p Progress) {
			if p.Phase == "read" && !done {
				done = true
				damage("delete", rowID("r1", 17))
				damage("delete", rowID("r1", 499))
				damage("update", rowID("r1", 400))
			}
		}
		rep, err := Run(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		// The count may have been complete before the damage was done.
		if rep.Lost != 2 || rep.Wrong != 1 || rep.OK() || len(rep.Complaints) == 0 {
			t.Errorf("report: %+v", rep)
		}
		var out bytes.Buffer
		rep.Print(&out)
		if !strings.Contains(out.String(), "lost             2") {
			t.Errorf("printed:\n%s", out.String())
		}
	})
}

func TestRunCountsFailures(t *testing.T) {
	m, db := openMemdb(t)
	m.refuse = func(id string) (bool, error) {
		switch id {
		case rowID("r1", 3):
			return false, errors.New("no room")
		case rowID("r1", 5):
			return true, errors.New("the reply was lost")
		}
		return false, nil
	}
	rep, err := Run(t.Context(), quick(db))
	if err != nil {
		t.Fatal(err)
	}
	if rep.Accepted != 498 || rep.Failed != 2 || rep.Lost != 0 || rep.Extra != 1 || rep.OK() || rep.Errors["no room"] != 1 {
		t.Errorf("report: %+v", rep)
	}
}

// A row that comes late must not be called lost because a row whose reply was
// lost has made the count complete.
func TestRunWaitsForLateRows(t *testing.T) {
	m, db := openMemdb(t)
	late := rowID("r1", 9)
	m.refuse = func(id string) (bool, error) {
		if id == rowID("r1", 5) {
			return true, errors.New("the reply was lost")
		}
		return false, nil
	}
	direct, directDB := openMemdb(t)
	copyRows := func(all bool) {
		m.mu.Lock()
		defer m.mu.Unlock()
		direct.mu.Lock()
		defer direct.mu.Unlock()
		for id, r := range m.rows {
			if all || id != late {
				direct.rows[id] = r
			}
		}
	}
	cfg := quick(db)
	cfg.Direct, cfg.Every, cfg.Stall = directDB, 20*time.Millisecond, 5*time.Second
	first := true
	cfg.Progress = func(p Progress) {
		switch {
		case p.Phase == "read":
			copyRows(false)
		case p.Phase == "drain" && first:
			first = false
			// At the end of the waiting: the late row comes while rows are compared.
			copyRows(true)
		}
	}
	rep, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Lost != 0 || rep.Stalled != nil || rep.Extra != 1 {
		t.Errorf("report: %+v", rep)
	}
}

func TestRunWithoutDirect(t *testing.T) {
	_, db := openMemdb(t)
	cfg := quick(db)
	cfg.Direct = nil
	rep, err := Run(t.Context(), cfg)
	if err != nil || rep.Verified || !rep.OK() {
		t.Errorf("nobody to ask: %v %+v", err, rep)
	}
	cfg.Run, cfg.Backlog = "r2", func() func(context.Context) (int64, error) {
		left := int64(5)
		return func(context.Context) (int64, error) { left = max(0, left-1); return left, nil }
	}()
	cfg.Watch = time.Hour // drained asks by itself, at once
	rep, err = Run(t.Context(), Config{Proxy: db, Backlog: func(context.Context) (int64, error) { return 0, nil }, Run: "r3", Rate: 1000, Duration: 10 * time.Millisecond})
	if err != nil || !rep.Verified || !rep.OK() {
		t.Errorf("backlog 0: %v %+v", err, rep)
	}
	cfg.Watch = 10 * time.Millisecond
	cfg.Backlog = func(context.Context) (int64, error) { return 3, nil }
	rep, err = Run(t.Context(), cfg)
	if err != nil || rep.OK() || rep.Stalled == nil || !strings.Contains(rep.Stalled.Error(), "backlog 3") {
		t.Errorf("backlog stays: %v %+v", err, rep)
	}
}

func TestRunStops(t *testing.T) {
	_, db := openMemdb(t)
	cfg := quick(db)
	cfg.Rate, cfg.Duration = 10, time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	cfg.Every = 10 * time.Millisecond
	cfg.Progress = func(Progress) { cancel() }
	if _, err := Run(ctx, cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
}

func TestDefaultsRefuses(t *testing.T) {
	good := Config{Run: "r", Rate: 1, Duration: time.Second}
	for i, mutate := range []func(*Config){
		func(c *Config) { c.Rate = 0 },
		func(c *Config) { c.Duration = 0 },
		func(c *Config) { c.Rate = 1e12 },
		func(c *Config) { c.Batch = 1001 },
		func(c *Config) { c.Connections = -1 },
		func(c *Config) { c.Table = "a`b" },
		func(c *Config) { c.Run = "" },
	} {
		c := good
		mutate(&c)
		if err := c.Defaults(); err == nil {
			t.Errorf("case %d was accepted: %+v", i, c)
		}
	}
	if err := good.Defaults(); err != nil || good.Table != "payments" {
		t.Errorf("%v %+v", err, good)
	}
	for _, c := range []struct {
		rate  float64
		batch int
		want  int
	}{{200, 1, 200}, {0.1, 1, 1}, {200, 7, 203}, {1, 100, 100}} {
		cfg := Config{Rate: c.rate, Duration: time.Second, Batch: c.batch}
		if got := cfg.rows(); got != c.want {
			t.Errorf("%v: %d rows", c, got)
		}
	}
	if s := fmt.Sprint(Progress{Phase: "send", Accepted: 3, Failed: 1, InMySQL: 2, Backlog: -1}); !strings.Contains(s, "failed 1   in MySQL 2") || strings.Contains(s, "backlog") {
		t.Errorf("progress prints %q", s)
	}
}
