package schema_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

var (
	updateGolden   = flag.Bool("update", false, "write testdata/*.golden from what the recorded answers give")
	recordFixtures = flag.Bool("record", false, "write testdata/*.json from the real servers' answers")
)

// answer is one recorded statement with the rows of a real server; null is
// NULL. Bytes that are no UTF-8 do not occur in what Load asks for.
type answer struct {
	SQL  string
	Rows [][]*string
}

// recording is a Queryer that gives the recorded answers of one real server.
type recording struct {
	Server  string
	Answers []answer
}

// Query returns the recorded rows of sql.
func (r *recording) Query(sql string) ([][][]byte, error) {
	for _, a := range r.Answers {
		if a.SQL == sql {
			return a.rows(), nil
		}
	}
	return nil, fmt.Errorf("not recorded: %s", sql)
}

// rows converts an answer to what a connection would return.
func (a *answer) rows() [][][]byte {
	var rows [][][]byte
	for _, r := range a.Rows {
		row := make([][]byte, len(r))
		for i, v := range r {
			if v != nil {
				row[i] = []byte(*v)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// recorder records what a Queryer answers. Lists of the whole server are cut
// to the test's own databases.
type recorder struct {
	q   schema.Queryer
	rec recording
}

// Query asks the real server.
func (r *recorder) Query(sql string) ([][][]byte, error) {
	rows, err := r.q.Query(sql)
	if err != nil {
		return nil, err
	}
	a := answer{SQL: sql}
	for _, row := range rows {
		first := string(row[0])
		if strings.Contains(sql, "FROM information_schema") &&
			!strings.HasPrefix(first, "shop") && !strings.HasPrefix(first, "other") {
			continue
		}
		out := make([]*string, len(row))
		for i, v := range row {
			if v != nil {
				s := string(v)
				if !utf8.ValidString(s) {
					return nil, fmt.Errorf("not UTF-8: %q", s)
				}
				out[i] = &s
			}
		}
		a.Rows = append(a.Rows, out)
	}
	r.rec.Answers = append(r.rec.Answers, a)
	return rows, nil
}

// load reads the recorded answers of one of the two servers.
func load(t testing.TB, name string) *recording {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var r recording
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

// wanted are the patterns under which the test schema is loaded.
var wanted = schema.Match([]string{"shop.*", "other.log"})

// exact stands for row.CollationExact, which this package does not import: it
// knows all but a few.
func exact(collation string) bool {
	return !strings.Contains(collation, "uca1400") && !strings.Contains(collation, "nopad") &&
		!strings.Contains(collation, "spanish2")
}

// dump prints everything a catalog answers about the test schema.
func dump(c *schema.Catalog) string {
	var b strings.Builder
	for _, t := range c.Tables() {
		fmt.Fprintf(&b, "%s\n  %s\n", t.Name, t.Explain())
		if len(t.Refusals) > 0 && t.Name.Table != "gen" {
			continue
		}
		for i := range t.Columns {
			fmt.Fprintf(&b, "    %s\n", dumpColumn(&t.Columns[i]))
		}
		for _, ix := range append([]schema.Index{t.Primary}, t.Uniques...) {
			fmt.Fprintf(&b, "    unique %s %v %v\n", ix.Name, ix.Columns, ix.Prefix)
		}
		for _, k := range t.ForeignKeys {
			fmt.Fprintf(&b, "    foreign key %s %v to %s %s\n", k.Name, k.Columns, k.Parent, k.Index)
		}
		if len(t.Referenced) > 0 {
			fmt.Fprintf(&b, "    referenced %v\n", t.Referenced)
		}
	}
	fmt.Fprintf(&b, "all %v\n", c.All())
	for _, id := range touchWords {
		fmt.Fprintf(&b, "touched by %s: %s\n", id, touches(c, c.TouchedBy(id)))
		if w := c.WrittenBy(id, false); !slices.Equal(w, c.TouchedBy(id)) {
			fmt.Fprintf(&b, "written by %s: %s, inserted %s\n", id, touches(c, w), touches(c, c.WrittenBy(id, true)))
		}
	}
	for _, w := range c.Warnings() {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	return b.String()
}

// touchWords are the identifiers whose reach the golden files hold.
var touchWords = []string{"comp", "COMP", "CamelCase", "camelcase", "log", "v1", "V2", "v3", "v4", "jdv", "f1", "p1", "p2",
	"dyn", "café", "cafe", "CAFÉ", "nothing", "t2", "ev1", "parentc", "parentr", "childr", "selfr", "fkparent", "fkchild", "we.ird`t", "select", "no_such_name"}

// touches prints what TouchedBy answers; "everything" for all tables.
func touches(c *schema.Catalog, got []schema.Name) string {
	if slices.Equal(got, c.All()) {
		return "everything"
	}
	return fmt.Sprint(got)
}

// dumpColumn prints every attribute of a column that is not zero.
func dumpColumn(c *schema.Column) string {
	def := map[schema.DefaultKind]string{schema.NoDefault: "none", schema.DefaultNull: "null", schema.DefaultNow: "now",
		schema.DefaultExpr: "expression", schema.DefaultComputed: "computed", schema.DefaultLiteral: fmt.Sprintf("%q", c.DefaultValue)}[c.Default]
	s := fmt.Sprintf("%s type=%d len=%d prec=%d scale=%d fsp=%d %s/%s default=%s", c.Name, c.Type, c.Length, c.Precision,
		c.Scale, c.Fsp, c.Charset, c.Collation, def)
	for _, f := range []struct {
		name string
		on   bool
	}{{"unsigned", c.Unsigned}, {"zerofill", c.Zerofill}, {"notnull", c.NotNull}, {"onupdate", c.OnUpdateNow},
		{"generated", c.Generated}, {"virtual", c.Virtual}, {"loud", c.Loud}, {"invisible", c.Invisible}, {"auto", c.AutoIncrement}} {
		if f.on {
			s += " " + f.name
		}
	}
	if len(c.Members) > 0 {
		s += fmt.Sprintf(" %q", c.Members)
	}
	return s
}

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *updateGolden {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("%s line %d:\n got %s\nwant %s", path, i+1, g[i], w[i])
		}
	}
	t.Fatalf("%s: %d lines instead of %d", path, len(g), len(w))
}

// TestLoadRecorded builds the catalogs of a MariaDB 10.11 and a MySQL 9.7 with
// every feature from what those servers answered.
func TestLoadRecorded(t *testing.T) {
	for _, name := range []string{"mariadb", "mysql"} {
		t.Run(name, func(t *testing.T) {
			c, err := schema.Load(load(t, name), wanted, schema.Options{CollationExact: exact})
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, dump(c))
		})
	}
}
