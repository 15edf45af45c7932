package schema_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// asked counts the statements that a Queryer is asked.
type asked struct {
	schema.Queryer
	n     int
	texts []string
}

// Query counts.
func (a *asked) Query(sql string) ([][][]byte, error) {
	a.n++
	a.texts = append(a.texts, sql)
	return a.Queryer.Query(sql)
}

// batching is a Queryer that counts what it runs at once.
type batching struct {
	asked
	root conn
}

// Batch counts as one.
func (b *batching) Batch(statements []string) ([][][][]byte, error) {
	b.n++
	return b.root.batch(statements)
}

// ddl is random DDL, and the tables that it says it defines.
type ddl struct {
	sql    string
	tables []schema.Name
}

// randomDDL makes one, valid or not.
func randomDDL(r *rand.Rand) ddl {
	dbs := []string{"shop", "shop", "shop", "other", "aside"}
	name := func() schema.Name {
		return schema.Name{DB: dbs[r.IntN(len(dbs))], Table: []string{"ra", "rb", "RA", "r`c", "log"}[r.IntN(5)]}
	}
	quoted := func(n schema.Name) string {
		return fmt.Sprintf("`%s`.`%s`", n.DB, strings.ReplaceAll(n.Table, "`", "``"))
	}
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	t, parent := name(), name()
	var sql string
	switch r.IntN(8) {
	case 0, 1:
		sql = "CREATE TABLE " + pick("", "IF NOT EXISTS ") + quoted(t) + " (id INT " + pick("PRIMARY KEY", "NOT NULL, PRIMARY KEY (id)", "PRIMARY KEY AUTO_INCREMENT") +
			", a INT DEFAULT NULL, b VARCHAR(20) DEFAULT 'x'" + pick("", ", UNIQUE KEY u (a)", ", UNIQUE KEY z (a), UNIQUE KEY b (b)", ", c INT AS (a + 1), CHECK (a > 0)") +
			pick("", ", FOREIGN KEY (a) REFERENCES "+quoted(parent)+" (id)", ", FOREIGN KEY (a) REFERENCES "+quoted(parent)+" (id) ON DELETE CASCADE") +
			")" + pick("", "", " ENGINE = MEMORY", " PARTITION BY HASH (id) PARTITIONS 3")
	case 2:
		sql = "DROP TABLE " + pick("", "IF EXISTS ") + quoted(t) + ", " + quoted(parent)
		return ddl{sql, []schema.Name{t, parent}}
	case 3:
		sql = "ALTER TABLE " + quoted(t) + " " + pick("ADD COLUMN d INT", "DROP COLUMN d", "ADD UNIQUE KEY v (b)", "DROP KEY u", "ALTER COLUMN a DROP DEFAULT",
			"MODIFY a BIGINT", "ADD FOREIGN KEY (a) REFERENCES "+quoted(parent)+" (id)", "DROP COLUMN a", "ADD CHECK (id <> 7)", "ENGINE = InnoDB", "REMOVE PARTITIONING", "DROP PRIMARY KEY")
	case 4:
		sql = "TRUNCATE TABLE " + quoted(t)
	case 5:
		sql = pick("CREATE UNIQUE INDEX i ON ", "CREATE INDEX i ON ", "DROP INDEX i ON ") + quoted(t)
		if strings.HasPrefix(sql, "CREATE") {
			sql += " (a)"
		}
	case 6:
		sql = "CREATE TABLE " + quoted(t) + " LIKE " + quoted(parent)
	case 7: // what Refresh has to be told nothing of: all is read
		return ddl{pick("CREATE TRIGGER tr BEFORE INSERT ON "+quoted(t)+" FOR EACH ROW SET NEW.a = 1", "DROP TRIGGER "+"`"+t.DB+"`.tr",
			"RENAME TABLE "+quoted(t)+" TO "+quoted(parent), "ALTER TABLE "+quoted(t)+" CHANGE id k INT NOT NULL"), nil}
	}
	return ddl{sql, []schema.Name{t}}
}

// TestRefreshIsLoad does random DDL, and expects of Refresh what Load finds.
func TestRefreshIsLoad(t *testing.T) {
	onBoth(t, func(t *testing.T, db *servertest.DB, root conn) {
		root.exec("DROP DATABASE IF EXISTS aside", "CREATE DATABASE aside")
		for _, n := range []string{"shop.ra", "shop.rb", "other.ra", "aside.ra"} {
			root.exec("CREATE TABLE " + n + " (id INT PRIMARY KEY, a INT, b VARCHAR(20), UNIQUE KEY u (a))")
		}
		t.Cleanup(func() { root.exec("SET foreign_key_checks = 0", "DROP DATABASE aside") })
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		r := rand.New(rand.NewPCG(seed, 1))
		want := func(n schema.Name) bool { return n.DB == "shop" || n.DB == "other" }
		o := schema.Options{CollationExact: exact, Lane: func(n schema.Name) string { return n.DB }}
		before, err := schema.Load(root, want, o)
		if err != nil {
			t.Fatal(err)
		}
		changes, refreshed := 0, 0
		const rounds = 50
		for range rounds {
			root.exec("SET foreign_key_checks = " + []string{"0", "1"}[r.IntN(2)])
			d := randomDDL(r)
			if _, err := root.c.Execute(d.sql); err != nil {
				d.sql += " -- " + err.Error()
			}
			full, err := schema.Load(root, want, o)
			if err != nil {
				t.Fatal(err)
			}
			if full.Version() != before.Version() {
				changes++
			}
			if d.tables == nil {
				before = full
				continue
			}
			var q schema.Queryer = root
			if r.IntN(2) == 0 {
				q = &batching{asked: asked{Queryer: root}, root: root}
			}
			got, err := schema.Refresh(q, before, d.tables, want, o)
			if err != nil {
				t.Fatalf("%s: %v", d.sql, err)
			}
			refreshed++
			if got.Version() != full.Version() || dump(got) != dump(full) {
				t.Fatalf("after %s\nRefresh finds\n%s\nLoad finds\n%s", d.sql, dump(got), dump(full))
			}
			before = got
		}
		if changes < rounds/15 || refreshed < rounds/3 {
			t.Errorf("%d of %d statements changed the schema, %d were followed: this tries too little", changes, rounds, refreshed)
		}
	})
}

// TestRefreshAsksLittle: what Refresh asks names the table, but for the session's
// settings, the grants, and the order of indexes where there are several.
func TestRefreshAsksLittle(t *testing.T) {
	onBoth(t, func(t *testing.T, db *servertest.DB, root conn) {
		before := root.load()
		root.exec("CREATE TABLE shop.fresh (id INT PRIMARY KEY, a INT)")
		q := &asked{Queryer: root}
		o := schema.Options{CollationExact: exact}
		after, err := schema.Refresh(q, before, []schema.Name{{DB: "shop", Table: "fresh"}}, wanted, o)
		if err != nil {
			t.Fatal(err)
		}
		if after.Absorbed(schema.Name{DB: "shop", Table: "fresh"}) == nil {
			t.Error("the new table is not absorbed")
		}
		for _, sql := range q.texts {
			if strings.Contains(sql, "information_schema") && !strings.Contains(sql, "'fresh'") {
				t.Errorf("asks for more than the table: %s", sql)
			}
		}
		if q.n > 12 {
			t.Errorf("%d statements: %q", q.n, q.texts)
		}
		b := &batching{asked: asked{Queryer: root}, root: root}
		again, err := schema.Refresh(b, before, []schema.Name{{DB: "shop", Table: "fresh"}}, wanted, o)
		if err != nil {
			t.Fatal(err)
		}
		if again.Version() != after.Version() || dump(again) != dump(after) {
			t.Errorf("read at once, the schema is\n%s\nread one by one\n%s", dump(again), dump(after))
		}
		if b.n > 5 {
			t.Errorf("%d round trips, one by one %q", b.n, b.texts)
		}
	})
}

// TestLoadAsksLittle: what Load asks at once gives what it finds one by one.
func TestLoadAsksLittle(t *testing.T) {
	onBoth(t, func(t *testing.T, db *servertest.DB, root conn) {
		one := root.load()
		b := &batching{asked: asked{Queryer: root}, root: root}
		all, err := schema.Load(b, wanted, schema.Options{CollationExact: exact})
		if err != nil {
			t.Fatal(err)
		}
		if all.Version() != one.Version() || dump(all) != dump(one) {
			t.Errorf("read at once, the schema is\n%s\nread one by one\n%s", dump(all), dump(one))
		}
		for _, sql := range b.texts {
			if strings.Contains(sql, " information_schema.") && !strings.Contains(sql, "INNODB") {
				t.Errorf("is asked alone: %s", sql)
			}
		}
	})
}
