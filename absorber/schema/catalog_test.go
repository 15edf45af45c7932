package schema_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// options are those of all tests.
var options = schema.Options{CollationExact: exact}

// mustLoad loads a recording that must load.
func mustLoad(t *testing.T, q schema.Queryer, want func(schema.Name) bool) *schema.Catalog {
	t.Helper()
	c, err := schema.Load(q, want, options)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// edited replaces text in every recorded answer to statements that contain
// what.
func edited(r *recording, what, from, to string) *recording {
	out := &recording{}
	for _, a := range r.Answers {
		if strings.Contains(a.SQL, what) {
			rows := make([][]*string, len(a.Rows))
			for i, row := range a.Rows {
				for _, v := range row {
					if v != nil {
						s := strings.ReplaceAll(*v, from, to)
						v = &s
					}
					rows[i] = append(rows[i], v)
				}
			}
			a.Rows = rows
		}
		out.Answers = append(out.Answers, a)
	}
	return out
}

// TestVersions are equal for equal definitions and differ for any other.
func TestVersions(t *testing.T) {
	rec := load(t, "mariadb")
	before := mustLoad(t, rec, wanted)
	if again := mustLoad(t, rec, wanted); again.Version() != before.Version() {
		t.Error("the same schema has two versions")
	}
	comp := schema.Name{DB: "shop", Table: "comp"}
	for _, c := range []struct {
		what, from, to string
		table          bool // the table's own version changes too
	}{
		{"information_schema.COLUMNS", "varchar(10)", "varchar(11)", true},
		{"information_schema.COLUMNS", "utf8mb4_bin", "utf8mb4_general_ci", true},
		{"information_schema.STATISTICS", "u2", "u3", true},
		{"INNODB_SYS_INDEXES", "u2", "gone", true},
		{"information_schema.VIEWS", "comp", "late", false},
		{"information_schema.TRIGGERS", "comp", "late", false},
		{"information_schema.ROUTINES", "late", "comp", false},
	} {
		after := mustLoad(t, edited(rec, c.what, c.from, c.to), wanted)
		if after.Version() == before.Version() {
			t.Errorf("%s: %s -> %s leaves the catalog's version", c.what, c.from, c.to)
		}
		if a, b := before.Table(comp).Version, after.Table(comp).Version; (a != b) != c.table {
			t.Errorf("%s: %s -> %s: table versions %x and %x", c.what, c.from, c.to, a, b)
		}
	}
}

// TestNames follow lower_case_table_names.
func TestNames(t *testing.T) {
	rec := load(t, "mysql")
	camel, lower := schema.Name{DB: "shop", Table: "CamelCase"}, schema.Name{DB: "SHOP", Table: "camelcase"}
	c := mustLoad(t, rec, wanted)
	if c.Absorbed(camel) == nil || c.Absorbed(lower) != nil || c.LowerCaseNames() != 0 {
		t.Error("with 0, case counts")
	}
	folded := mustLoad(t, edited(rec, "SELECT VERSION()", "0", "2"), wanted)
	if folded.Absorbed(camel) == nil || folded.Absorbed(lower) != folded.Table(camel) || folded.LowerCaseNames() != 2 {
		t.Error("with 2, case does not count")
	}
	if got := c.TouchedBy("CAMELCASE"); !slices.Equal(got, []schema.Name{camel}) {
		t.Errorf("an identifier touches whatever its case: %v", got)
	}
	if long := strings.Repeat("x", 100); c.TouchedBy(long) != nil {
		t.Error("a long word touches nothing")
	}
	if c.Dialect() != schema.MySQL || !strings.HasPrefix(c.ServerVersion(), "9.7") {
		t.Errorf("dialect %d, version %s", c.Dialect(), c.ServerVersion())
	}
}

// TestWithout takes tables out of a catalog and leaves the first as it was.
func TestWithout(t *testing.T) {
	c := mustLoad(t, load(t, "mariadb"), wanted)
	comp := schema.Name{DB: "shop", Table: "comp"}
	off := c.Without(comp)
	if off.Absorbed(comp) != nil || off.Version() == c.Version() || len(off.TouchedBy("v1")) != 0 || slices.Contains(off.All(), comp) {
		t.Error("the table is still absorbed")
	}
	if got := off.Table(comp).Explain(); got != "passed through: disabled: it was switched off" {
		t.Error(got)
	}
	if c.Absorbed(comp) == nil || len(c.TouchedBy("v1")) != 1 || len(off.All()) != len(c.All())-1 {
		t.Error("the first catalog changed")
	}
}

// TestOnlyWanted tables are in the catalog, and none wanted is no error.
func TestOnlyWanted(t *testing.T) {
	c := mustLoad(t, load(t, "mariadb"), schema.Match([]string{"shop.comp", "other.log", "mysql.*", "no.such"}))
	var got []string
	for _, tab := range c.Tables() {
		got = append(got, tab.Name.String())
	}
	if fmt.Sprint(got) != "[other.log shop.comp]" || fmt.Sprint(c.TouchedBy("v2")) != "[shop.comp]" || c.TouchedBy("late") != nil {
		t.Errorf("tables %v", got)
	}
	rec := load(t, "mariadb")
	empty := mustLoad(t, rec, func(schema.Name) bool { return false })
	if len(empty.Tables()) != 0 || empty.TouchedBy("dyn") != nil || empty.All() != nil {
		t.Error("nothing is wanted, something is touched")
	}
}

// failing fails at the nth statement, and counts.
type failing struct {
	q    schema.Queryer
	n    int
	seen []string
}

var errLost = errors.New("connection lost")

// Query fails once its turn has come, as a lost connection would from then on.
func (f *failing) Query(sql string) ([][][]byte, error) {
	f.seen = append(f.seen, sql)
	if len(f.seen) > f.n {
		return nil, errLost
	}
	return f.q.Query(sql)
}

// TestLostConnection loses the connection at each statement in turn: Load
// reports it, whatever it was doing.
func TestLostConnection(t *testing.T) {
	for _, name := range []string{"mariadb", "mysql"} {
		for n := 0; ; n++ {
			f := &failing{q: load(t, name), n: n}
			_, err := schema.Load(f, wanted, options)
			if err == nil && n == len(f.seen) {
				if n < 14 {
					t.Errorf("%s: done after %d statements", name, n)
				}
				break
			}
			if !errors.Is(err, errLost) {
				t.Fatalf("%s: lost at %s: %v", name, f.seen[min(n, len(f.seen)-1)], err)
			}
		}
	}
}

// TestSessionIsSetBack also when reading fails.
func TestSessionIsSetBack(t *testing.T) {
	rec := load(t, "mariadb")
	for i, a := range rec.Answers {
		if strings.Contains(a.SQL, "information_schema.COLUMNS") {
			rec.Answers = slices.Delete(rec.Answers, i, i+1)
			break
		}
	}
	f := &failing{q: rec, n: 1 << 20}
	if _, err := schema.Load(f, wanted, options); err == nil {
		t.Fatal("no error")
	}
	if last := f.seen[len(f.seen)-1]; !strings.HasPrefix(last, "SET SESSION sql_mode = 'STRICT_TRANS_TABLES") {
		t.Errorf("last statement %s", last)
	}
}

// TestUnsupported servers and sessions are told apart from other errors.
func TestUnsupported(t *testing.T) {
	for _, c := range [][3]string{{"mysql", "9.7.", "5.7."}, {"mysql", "9.7.4-2", "8.0.11-TiDB-v7.5.0"}, {"mariadb", "10.11.", "10.4."}, {"mysql", "utf8mb4", "latin1"}} {
		_, err := schema.Load(edited(load(t, c[0]), "SELECT VERSION()", c[1], c[2]), wanted, options)
		if !errors.Is(err, schema.ErrUnsupported) {
			t.Errorf("%v: %v", c, err)
		}
	}
}

// changing drops a column from the answers of the first reads, as DDL between
// two of Load's statements would.
type changing struct {
	torn, whole *recording
	tears       int
	reads       int
}

// Query answers from the torn recording as often as asked for.
func (c *changing) Query(sql string) ([][][]byte, error) {
	if strings.Contains(sql, "information_schema.COLUMNS") {
		c.reads++
	}
	if c.reads <= c.tears {
		return c.torn.Query(sql)
	}
	return c.whole.Query(sql)
}

// TestSchemaChangesMeanwhile starts over, and gives up after three attempts.
func TestSchemaChangesMeanwhile(t *testing.T) {
	rec := load(t, "mariadb")
	torn := edited(rec, "information_schema.STATISTICS", "Id", "Gone")
	c, err := schema.Load(&changing{torn: torn, whole: rec, tears: 2}, wanted, options)
	if err != nil || c.Version() != mustLoad(t, rec, wanted).Version() {
		t.Errorf("two torn reads: %v", err)
	}
	if _, err := schema.Load(&changing{torn: torn, whole: rec, tears: 3}, wanted, options); err == nil {
		t.Error("three torn reads are an error")
	}
}

// BenchmarkTouchedBy looks up the words of a statement.
func BenchmarkTouchedBy(b *testing.B) {
	c, err := schema.Load(load(b, "mariadb"), wanted, options)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for _, w := range []string{"SELECT", "amount", "FROM", "comp", "WHERE", "id"} {
			c.TouchedBy(w)
		}
	}
}
