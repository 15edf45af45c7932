package schema_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// conn is a connection to a real server as Load wants it.
type conn struct {
	t *testing.T
	c *client.Conn
}

// dial opens a connection with results in utf8mb4.
func dial(t *testing.T, db *servertest.DB, user, password string) conn {
	t.Helper()
	c, err := client.Connect(db.Addr, user, password, "", func(c *client.Conn) error {
		return c.SetCapability(mysql.CLIENT_MULTI_STATEMENTS)
	})
	if err != nil {
		t.Fatalf("connect as %s: %v", user, err)
	}
	t.Cleanup(func() { c.Close() })
	q := conn{t, c}
	q.exec("SET NAMES utf8mb4")
	return q
}

// Query returns the rows as the text protocol prints them.
func (q conn) Query(sql string) ([][][]byte, error) {
	res, err := q.c.Execute(sql)
	if err != nil {
		return nil, err
	}
	defer res.Close()
	return copyRows(res)
}

// batch runs all statements in one round trip.
func (q conn) batch(statements []string) (results [][][][]byte, err error) {
	var failed error
	_, err = q.c.ExecuteMultiple(strings.Join(statements, ";"), func(res *mysql.Result, err error) {
		if err == nil {
			var rows [][][]byte
			rows, err = copyRows(res)
			results = append(results, rows)
		}
		failed = errors.Join(failed, err)
	})
	return results, errors.Join(err, failed)
}

// copyRows copies the rows of a result.
func copyRows(res *mysql.Result) ([][][]byte, error) {
	if res.Resultset == nil {
		return nil, nil
	}
	var rows [][][]byte
	for _, data := range res.RowDatas {
		var row [][]byte
		for rest := []byte(data); len(rest) > 0; {
			v, null, n, err := mysql.LengthEncodedString(rest)
			if err != nil {
				return nil, err
			}
			rest = rest[n:]
			if null {
				v = nil
			} else {
				v = append([]byte{}, v...)
			}
			row = append(row, v)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// exec runs statements and fails the test at the first error.
func (q conn) exec(statements ...string) {
	q.t.Helper()
	for _, s := range statements {
		if _, err := q.c.Execute(s); err != nil {
			q.t.Fatalf("%s: %v", s, err)
		}
	}
}

// rows runs a query and fails the test at an error.
func (q conn) rows(sql string) [][][]byte {
	q.t.Helper()
	rows, err := q.Query(sql)
	if err != nil {
		q.t.Fatalf("%s: %v", sql, err)
	}
	return rows
}

// load reads the test schema.
func (q conn) load() *schema.Catalog {
	q.t.Helper()
	c, err := schema.Load(q, wanted, schema.Options{CollationExact: exact})
	if err != nil {
		q.t.Fatal(err)
	}
	return c
}

// onBoth runs a test on MariaDB and on MySQL, with the test schema in place.
func onBoth(t *testing.T, test func(t *testing.T, db *servertest.DB, root conn)) {
	for _, s := range []struct {
		name  string
		start func(testing.TB) *servertest.DB
	}{{"mariadb", servertest.MariaDB}, {"mysql", servertest.MySQL}} {
		t.Run(s.name, func(t *testing.T) {
			db := s.start(t)
			root := dial(t, db, db.User, db.Password)
			drop := []string{"SET foreign_key_checks = 0", "DROP DATABASE IF EXISTS shop", "DROP DATABASE IF EXISTS other", "SET foreign_key_checks = 1"}
			t.Cleanup(func() { root.exec(drop...) })
			root.exec(drop...)
			root.exec("SET sql_mode = 'NO_ENGINE_SUBSTITUTION'", "CREATE DATABASE shop COLLATE utf8mb4_general_ci",
				"CREATE DATABASE other COLLATE utf8mb4_general_ci", "USE shop")
			for _, file := range []string{"common", s.name} {
				b, err := os.ReadFile(filepath.Join("testdata", file+".sql"))
				if err != nil {
					t.Fatal(err)
				}
				root.exec(strings.Split(string(b), "\n;;\n")...)
			}
			root.exec("SET sql_mode = DEFAULT")
			test(t, db, root)
		})
	}
}

// TestLoadReal loads from the servers themselves and expects what the recorded
// answers give; so the recordings are honest.
func TestLoadReal(t *testing.T) {
	onBoth(t, func(t *testing.T, db *servertest.DB, root conn) {
		name := strings.TrimPrefix(t.Name(), "TestLoadReal/")
		r := &recorder{q: root}
		c, err := schema.Load(r, wanted, schema.Options{CollationExact: exact})
		if err != nil {
			t.Fatal(err)
		}
		if *recordFixtures {
			r.rec.Server = c.ServerVersion()
			b, err := json.MarshalIndent(r.rec, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join("testdata", name+".json"), append(b, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		golden(t, name, dump(c))
	})
}

// TestSessionDoesNotMatter loads from a session that prints otherwise, finds
// the same, and expects its variables to be as before.
func TestSessionDoesNotMatter(t *testing.T) {
	onBoth(t, func(t *testing.T, db *servertest.DB, root conn) {
		odd := dial(t, db, db.User, db.Password)
		odd.exec("SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES', sql_quote_show_create = 0")
		const vars = "SELECT @@sql_mode, @@sql_quote_show_create"
		before := odd.rows(vars)
		if a, b := root.load(), odd.load(); a.Version() != b.Version() || dump(a) != dump(b) {
			t.Errorf("versions %x and %x differ with the session", a.Version(), b.Version())
		}
		after := odd.rows(vars)
		for i := range before[0] {
			if string(before[0][i]) != string(after[0][i]) {
				t.Errorf("session variable %d was %s, is %s", i, before[0][i], after[0][i])
			}
		}
	})
}
