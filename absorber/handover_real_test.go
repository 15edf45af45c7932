package absorber

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/client"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
)

// handedOver are tables whose counters MySQL has to be told of, and what stands
// in the way of a row that would push them.
var handedOver = []struct{ name, ddl, rows string }{
	{"plain", "(id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, v INT)", ""},
	{"required", "(id BIGINT AUTO_INCREMENT PRIMARY KEY, u VARCHAR(20) NOT NULL UNIQUE, e ENUM('x','y') NOT NULL, d DATETIME NOT NULL, b VARBINARY(9) NOT NULL)", ""},
	{"taken", "(id INT AUTO_INCREMENT PRIMARY KEY, u VARCHAR(20) NOT NULL UNIQUE)", "INSERT INTO taken VALUES (3, '')"},
	{"id_taken", "(id INT AUTO_INCREMENT PRIMARY KEY, v INT)", "INSERT INTO id_taken VALUES (3, 0); UPDATE id_taken SET id = 99 WHERE id = 3"},
	{"child", "(id INT AUTO_INCREMENT PRIMARY KEY, p INT UNSIGNED NOT NULL, FOREIGN KEY (p) REFERENCES plain (id))", ""},
	{"checked", "(id INT AUTO_INCREMENT PRIMARY KEY, n INT NOT NULL CHECK (n > 0), g INT AS (n + 1) STORED)", "INSERT INTO checked (id, n) VALUES (3, 7)"},
	{"checked_empty", "(id INT AUTO_INCREMENT PRIMARY KEY, n INT NOT NULL CHECK (n > 0))", ""},
	{"narrow", "(id TINYINT AUTO_INCREMENT PRIMARY KEY, v INT)", ""},
	{"ahead", "(id INT AUTO_INCREMENT PRIMARY KEY, v INT)", "INSERT INTO ahead VALUES (500, 0); DELETE FROM ahead"},
}

// MySQL's counters come to where those in Redis are, whatever the tables look
// like, and no row is left or lost.
func TestHandOver(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *servertest.DB{"MariaDB": servertest.MariaDB, "MySQL": servertest.MySQL} {
		t.Run(name, func(t *testing.T) {
			db := start(t)
			database := db.Database(t)
			db.Exec(t, "", "CREATE DATABASE IF NOT EXISTS shock_absorber")
			pool := db.Open(t, database)
			for _, h := range handedOver {
				db.Exec(t, database, "CREATE TABLE "+h.name+" "+h.ddl)
				if h.rows != "" {
					db.Exec(t, database, strings.Split(h.rows, "; ")...)
				}
			}
			p := newPipeline(t)
			e := p.engine(func(c *Config) {
				c.Patterns = []string{database + ".*"}
				c.Dial = func(ctx context.Context) (*client.Conn, error) {
					return client.ConnectWithContext(ctx, db.Addr, db.User, db.Password, "", time.Second, sink.Capabilities)
				}
			})
			defer e.loader.close()
			if err := e.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, h := range handedOver {
				n := schema.Name{DB: database, Table: h.name}
				table := e.Catalog().Absorbed(n)
				if table == nil {
					t.Errorf("%s is not absorbed: %s", h.name, e.Catalog().Table(n).Explain())
					continue
				}
				infos, err := p.store.TableStates(t.Context(), "main", []string{n.String()})
				if err != nil {
					t.Fatal(err)
				}
				if err := p.store.SeedAutoIncrement(t.Context(), "main", infos[0].TableState, n.String(), 100); err != nil {
					t.Fatal(err)
				}
				sum := func() (rows, ids int) {
					if err := pool.QueryRow("SELECT COUNT(*), COALESCE(SUM(id), 0) FROM "+h.name).Scan(&rows, &ids); err != nil {
						t.Fatal(err)
					}
					return rows, ids
				}
				rows, ids := sum()
				hold := e.NewHold(nil, "owner", 0)
				if err := hold.Close(t.Context(), []schema.Name{n}); err != nil {
					t.Errorf("%s: %v", h.name, err)
				}
				want := uint64(100)
				if h.name == "ahead" {
					want = 501
				}
				if next, err := e.nextInMySQL(t.Context(), table); err != nil || next != want {
					t.Errorf("%s: MySQL gives out %d next (%v), want %d", h.name, next, err, want)
				}
				if r, i := sum(); r != rows || i != ids {
					t.Errorf("%s: %d rows with a sum of %d were there, now %d with %d", h.name, rows, ids, r, i)
				}
				if c, err := p.store.Counter(t.Context(), "main", n.String()); err != nil || c.Next != 0 {
					t.Errorf("%s: Redis still has a counter at %d (%v)", h.name, c.Next, err)
				}
				if err := hold.Drop(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A function that the server does not have by itself is found out, though a
// stored one has its name.
func TestLacks(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *servertest.DB{"MariaDB": servertest.MariaDB, "MySQL": servertest.MySQL} {
		t.Run(name, func(t *testing.T) {
			db := start(t)
			db.Exec(t, db.Database(t), "CREATE FUNCTION not_native (a INT) RETURNS INT DETERMINISTIC NO SQL RETURN a")
			e := newPipeline(t).engine(func(c *Config) {
				c.Dial = func(ctx context.Context) (*client.Conn, error) {
					return client.ConnectWithContext(ctx, db.Addr, db.User, db.Password, "", time.Second, sink.Capabilities)
				}
			})
			defer e.loader.close()
			lacks, err := e.Lacks(t.Context(), []string{"abs", "insert", "rand", "count", "md5", "not_native"})
			want := map[string]bool{"not_native": true, "md5": true}
			if name == "MariaDB" {
				delete(want, "md5")
			}
			if err != nil || !maps.Equal(lacks, want) {
				t.Errorf("%v lack (%v), want %v", lacks, err, want)
			}
		})
	}
}

// A process tells a Redis that has forgotten it what it was given, also in
// another life of the lane; but not what MySQL has had since.
func TestGivenMarks(t *testing.T) {
	p := newPipeline(t)
	e := p.engine(nil)
	st := p.state
	later := st
	later.Gen++
	other := st
	other.Incarnation = "another life"
	for _, c := range []struct {
		name  string
		notes func(g *given)
		want  uint64
	}{
		{"the highest counts", func(g *given) { g.note("main", "t", st, 7); g.note("main", "t", st, 5) }, 7},
		{"a later generation begins anew", func(g *given) { g.note("main", "t", st, 7); g.note("main", "t", later, 5) }, 5},
		{"an answer that comes late", func(g *given) { g.note("main", "t", later, 5); g.note("main", "t", st, 7) }, 5},
		{"another life goes on", func(g *given) { g.note("main", "t", other, 7); g.note("main", "t", st, 5) }, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			var g given
			c.notes(&g)
			if got := g.untold("main", "a third life")["t"].next; got != c.want {
				t.Errorf("the mark is %d, want %d", got, c.want)
			}
			if g.untold(row.Lane("other"), "a third life") != nil {
				t.Error("the mark is told to another lane")
			}
		})
	}
	e.given.note("main", "d.pairs", other, 50)
	if all := e.given.untold("main", ""); all["d.pairs"].next != 50 {
		t.Errorf("all marks: %v", all)
	}
	for range 2 { // the second time there is nothing to tell
		if err := e.keepCounters(t.Context(), "main", e.given.untold("main", st.Incarnation)); err != nil {
			t.Fatal(err)
		}
		if left := e.given.untold("main", st.Incarnation); left != nil {
			t.Errorf("untold: %v", left)
		}
	}
	if err := p.store.SeedAutoIncrement(t.Context(), "main", st, "d.pairs", 3); err != nil {
		t.Fatal(err)
	}
	first, ok, err := p.store.NextAutoIncrement(t.Context(), "main", st, "d.pairs", 1, 1, 1)
	if err != nil || !ok || first.First != 50 {
		t.Errorf("the counter gives %d, %v, %v; want 50", first.First, ok, err)
	}
}
