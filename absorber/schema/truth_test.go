package schema_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// quoteName is a quoted identifier.
func quoteName(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }

// full is a table's name in SQL.
func full(t *schema.Table) string { return quoteName(t.Name.DB) + "." + quoteName(t.Name.Table) }

// table finds a table that must be absorbed.
func table(t *testing.T, c *schema.Catalog, name string) *schema.Table {
	t.Helper()
	tab := c.Absorbed(schema.Name{DB: "shop", Table: name})
	if tab == nil {
		t.Fatalf("%s is not absorbed", name)
	}
	return tab
}

// errorCode is the server's error number, 0 for none.
func errorCode(t *testing.T, err error) uint16 {
	t.Helper()
	var e *mysql.MyError
	if err != nil && !errors.As(err, &e) {
		t.Fatal(err)
	}
	if e == nil {
		return 0
	}
	return e.Code
}

// TestDefaultsAreWhatTheServerStores leaves every column out of an INSERT and
// compares what the server stored, without a warning, with the catalog.
func TestDefaultsAreWhatTheServerStores(t *testing.T) {
	onBoth(t, func(t *testing.T, db *servertest.DB, root conn) {
		c := root.load()
		root.exec("SET sql_mode = 'STRICT_TRANS_TABLES', time_zone = '+00:00', timestamp = 1700000000.123456")
		for _, name := range []string{"types", "defaults", "inv", "js2", "jsd"} {
			tab := c.Absorbed(schema.Name{DB: "shop", Table: name})
			if tab == nil {
				continue // on the other server
			}
			if name == "jsd" { // its invalid default would be refused
				root.exec("INSERT INTO shop.jsd (id, c) VALUES (1, '[]')")
			} else {
				root.exec("INSERT INTO " + full(tab) + " (id) VALUES (1)")
			}
			if w := root.rows("SHOW WARNINGS"); len(w) > 0 {
				t.Errorf("%s: %q", name, w)
			}
			var names []string
			for i := range tab.Columns {
				names = append(names, quoteName(tab.Columns[i].Name))
			}
			stored := root.rows("SELECT " + strings.Join(names, ",") + " FROM " + full(tab))[0]
			for i := range tab.Columns {
				checkDefault(t, name, &tab.Columns[i], stored[i])
			}
		}
	})
}

// checkDefault compares one column's stored value with its default. The
// instant of the session is 2023-11-14 22:13:20.123456 UTC.
func checkDefault(t *testing.T, name string, c *schema.Column, stored []byte) {
	t.Helper()
	var want string
	switch c.Default {
	case schema.DefaultExpr, schema.DefaultComputed, schema.NoDefault:
		return
	case schema.DefaultNull:
		if stored != nil {
			t.Errorf("%s.%s: stored %q, the catalog says NULL", name, c.Name, stored)
		}
		return
	case schema.DefaultLiteral:
		want = string(c.DefaultValue)
	case schema.DefaultNow:
		want = "2023-11-14 22:13:20.123456"[:len("2023-11-14 22:13:20")]
		if c.Fsp > 0 {
			want += ".123456"[:c.Fsp+1]
		}
	}
	if stored == nil || string(stored) != want {
		t.Errorf("%s.%s: stored %q, the catalog says %q", name, c.Name, stored, want)
	}
}

// TestOmittedColumns leaves out one column at a time: error 1364 exactly for
// those without a default, or where the server is to be asked.
func TestOmittedColumns(t *testing.T) {
	values := map[string]string{"a": "1", "b": "'x'", "t": "'x'", "e": "1", "c`d": "1", "s": "'a'", "n": "1"}
	onBoth(t, func(t *testing.T, db *servertest.DB, root conn) {
		c := root.load()
		root.exec("SET sql_mode = 'STRICT_TRANS_TABLES'")
		for _, name := range []string{"dropped", "implicit"} {
			tab := table(t, c, name)
			for at := 1; at < len(tab.Columns); at++ {
				into, vals := "id", fmt.Sprint(at)
				for i := 1; i < len(tab.Columns); i++ {
					if i != at {
						into += "," + quoteName(tab.Columns[i].Name)
						vals += "," + values[tab.Columns[i].Name]
					}
				}
				_, err := root.Query("INSERT INTO " + full(tab) + " (" + into + ") VALUES (" + vals + ")")
				col, code := &tab.Columns[at], errorCode(t, err)
				if code != 0 && code != 1364 || col.Default == schema.NoDefault && code != 1364 ||
					col.Default == schema.DefaultNull && code != 0 {
					t.Errorf("%s without %s: error %d, default kind %d", name, col.Name, code, col.Default)
				}
			}
		}
	})
}

// TestDuplicateNamesTheFirstIndex violates all unique indexes of a row at once:
// the server names the first of Table.Uniques.
func TestDuplicateNamesTheFirstIndex(t *testing.T) {
	onBoth(t, func(t *testing.T, db *servertest.DB, root conn) {
		c := root.load()
		for name, rows := range map[string][2]string{
			"late":    {"(1,7,7)", "(2,7,7)"},
			"la-te 2": {"(1,7,7)", "(2,7,7)"},
			"comp":    {"(1,'a',5)", "(1,'b',5)"},
		} {
			tab := table(t, c, name)
			root.exec("INSERT INTO " + full(tab) + " VALUES " + rows[0])
			_, err := root.Query("INSERT INTO " + full(tab) + " VALUES " + rows[1])
			if errorCode(t, err) != 1062 || len(tab.Uniques) != 2 {
				t.Fatalf("%s: %v with %d unique indexes", name, err, len(tab.Uniques))
			}
			if first := tab.Uniques[0].Name; !strings.Contains(err.Error(), first+"'") {
				t.Errorf("%s: first index is %s, the server says %v", name, first, err)
			}
		}
	})
}

// TestPartitionsTakeAll writes the ends of the ranges into the partitioned
// tables that are absorbed, and finds that a refused one does refuse rows.
func TestPartitionsTakeAll(t *testing.T) {
	onBoth(t, func(t *testing.T, db *servertest.DB, root conn) {
		c := root.load()
		root.exec("SET sql_mode = 'STRICT_TRANS_TABLES'")
		for _, name := range []string{"part_hash", "part_key", "part_open"} {
			tab := table(t, c, name)
			root.exec("INSERT INTO " + full(tab) + " (id) VALUES (-2147483648), (0), (8), (9), (2147483647)")
		}
		root.exec("INSERT INTO " + full(table(t, c, "part_opencols")) + " VALUES (-2147483648,''), (9,'m'), (9,'z'), (2147483647,'zzzzz')")
		for _, name := range []string{"part_shut", "part_list"} {
			if tab := c.Table(schema.Name{DB: "shop", Table: name}); tab.Absorbable() || tab.Refusals[0].Reason != schema.ReasonPartitioned {
				t.Errorf("%s: %s", name, tab.Explain())
			}
			if _, err := root.Query("INSERT INTO shop." + name + " VALUES (9)"); errorCode(t, err) != 1526 {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestWhatAnAccountCannotSee loads with few grants: tables whose triggers are
// hidden are refused, hidden views touch everything, and the warnings say so.
func TestWhatAnAccountCannotSee(t *testing.T) {
	onBoth(t, func(t *testing.T, db *servertest.DB, root conn) {
		root.exec("DROP USER IF EXISTS few@'%'", "CREATE USER few@'%' IDENTIFIED BY 'few'",
			"GRANT SELECT, INSERT, UPDATE, DELETE ON shop.* TO few@'%'")
		t.Cleanup(func() { root.exec("DROP USER few@'%'", "DROP ROLE IF EXISTS sees") })
		root.exec("DROP USER IF EXISTS part@'%'", "CREATE USER part@'%' IDENTIFIED BY 'part'",
			"GRANT SELECT (a), TRIGGER ON shop.comp TO part@'%'", "GRANT TRIGGER ON shop.late TO part@'%'")
		t.Cleanup(func() { root.exec("DROP USER part@'%'") })
		part := dial(t, db, "part", "part").load()
		for _, name := range []string{"comp", "late"} {
			tab := part.Table(schema.Name{DB: "shop", Table: name})
			if tab == nil || len(tab.Refusals) != 1 || tab.Refusals[0].Reason != schema.ReasonColumnsHidden {
				t.Errorf("%s: with SELECT on some columns or none: %v", name, tab)
			}
		}
		c := dial(t, db, "few", "few").load()
		tab := c.Table(schema.Name{DB: "shop", Table: "comp"})
		if tab == nil || len(c.All()) != 0 || tab.Refusals[0].Reason != schema.ReasonTriggerPrivilege {
			t.Fatalf("without TRIGGER %v are absorbed", c.All())
		}
		root.exec("DROP ROLE IF EXISTS sees", "CREATE ROLE sees", "GRANT TRIGGER ON shop.* TO sees", "GRANT sees TO few@'%'")
		q := dial(t, db, "few", "few")
		if c = q.load(); len(c.All()) != 0 {
			t.Errorf("with TRIGGER by a role that is not active %v are absorbed", c.All())
		}
		q.exec("SET ROLE sees")
		c = q.load()
		if c.Absorbed(schema.Name{DB: "shop", Table: "comp"}) == nil || c.Absorbed(schema.Name{DB: "shop", Table: "trg"}) != nil {
			t.Errorf("with TRIGGER by a role %v are absorbed", c.All())
		}
		if got := c.TouchedBy("v4"); !slices.Equal(got, c.All()) {
			t.Errorf("a view with a hidden definition touches %v", got)
		}
		for i, want := range []string{"SELECT", "TRIGGER", "SHOW VIEW", "order of the unique indexes of shop.comp"} {
			if w := c.Warnings(); i >= len(w) || !strings.Contains(w[i], want) {
				t.Errorf("warning %d should be about %s: %q", i, want, w)
			}
		}
	})
}
