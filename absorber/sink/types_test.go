package sink

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// queryer reads the schema over a sink's connection.
type queryer struct {
	ctx context.Context
	s   *Sink
}

// Query gives raw text results.
func (q queryer) Query(text string) ([][][]byte, error) {
	rs, err := q.s.run(q.ctx, "", []byte(text))
	if err != nil {
		return nil, err
	}
	var out [][][]byte
	for _, data := range rs[0].RowDatas {
		im, err := row.DecodeImage(data, len(rs[0].Fields))
		if err != nil {
			return nil, err
		}
		out = append(out, im.Clone())
	}
	return out, nil
}

// load reads a table's definition from the server.
func (w *world) load(t *testing.T, s *Sink, name string) *schema.Table {
	t.Helper()
	n := schema.Name{DB: w.name, Table: name}
	cat, err := schema.Load(queryer{t.Context(), s}, func(m schema.Name) bool { return m == n }, schema.Options{CollationExact: row.CollationExact})
	if err != nil {
		t.Fatal(err)
	}
	tab := cat.Table(n)
	if tab == nil {
		t.Fatalf("no table %s", n)
	}
	return tab
}

// images reads all rows of a table in the stored form of row.Image, by key.
func images(t *testing.T, s *Sink, tab *schema.Table) []row.Image {
	t.Helper()
	var cols []string
	for _, c := range tab.Columns {
		name := QuoteName(c.Name)
		if c.Type == schema.Float {
			name = "(" + name + "*1e0)"
		}
		cols = append(cols, name)
	}
	rows, err := queryer{t.Context(), s}.Query("SELECT " + strings.Join(cols, ",") + " FROM " + string(appendTable(nil, tab.Name)) + " ORDER BY 1")
	if err != nil {
		t.Fatal(err)
	}
	out := make([]row.Image, len(rows))
	for i, r := range rows {
		for c, v := range r {
			if tab.Columns[c].Type == schema.Float && v != nil {
				f, err := strconv.ParseFloat(string(v), 64)
				if err != nil {
					t.Fatal(err)
				}
				v = row.FormatFloat32(float32(f))
			}
			out[i] = append(out[i], v)
		}
	}
	return out
}

// kinds are the column types with values as a client writes them.
var kinds = []struct{ name, def, values string }{
	{"ti", "TINYINT", "-128;127;0;NULL"},
	{"tu", "TINYINT(3) UNSIGNED ZEROFILL", "0;7;255;NULL"},
	{"si", "SMALLINT", "-32768;32767"},
	{"mi", "MEDIUMINT UNSIGNED", "0;16777215"},
	{"bi", "BIGINT", "-9223372036854775808;9223372036854775807"},
	{"bu", "BIGINT UNSIGNED", "18446744073709551615;0"},
	{"de", "DECIMAL(65,30)", "-12345678901234567890123456789012345.123456789012345678901234567890;0.000000000000000000000000000001;0"},
	{"dz", "DECIMAL(8,2) UNSIGNED ZEROFILL", "1.5;999999.99"},
	{"fl", "FLOAT", "0.1;'-0';16777217;-3.4028234e38;1.17549435e-38;1.2345678;NULL"},
	{"fd", "FLOAT(7,3)", "1234.567;-0.001"},
	{"dd", "DOUBLE(12,4)", "12345678.1234;0"},
	{"do", "DOUBLE", "0.1;1.7976931348623157e308;2.2250738585072014e-308;-1e-5;123456789012345680;1e15;5e-324;NULL"},
	{"b1", "BIT(1)", "b'0';b'1';NULL"},
	{"b9", "BIT(9)", "b'100000001';b'0'"},
	{"bb", "BIT(64)", "18446744073709551615;0"},
	{"ye", "YEAR", "'0000';'1901';'2155';NULL"},
	{"da", "DATE", "'0000-00-00';'2024-02-29';'2023-02-31';'9999-12-31';'2024-00-00';NULL"},
	{"dt", "DATETIME(6)", "'0000-00-00 00:00:00';'2024-02-29 23:59:59.999999';'1000-01-01 00:00:00.000001';NULL"},
	{"d0", "DATETIME", "'2024-03-31 02:30:00'"},
	{"ts", "TIMESTAMP(6) NULL", "'0000-00-00 00:00:00';'1970-01-01 00:00:01';'2038-01-19 03:14:07.999999';'2024-10-27 01:30:00.5';NULL"},
	{"tm", "TIME(3)", "'-838:59:59.000';'838:59:59';'00:00:00.001';'-00:00:00.5';NULL"},
	{"ch", "CHAR(10)", "'';'a''b\\';'trailing  ';'žluť😀';NULL"},
	{"vc", "VARCHAR(60)", "'';'x  ';'\"''\\\\''\";%_;--/*';'日本語😀';NULL"},
	{"vl", "VARCHAR(20) CHARACTER SET latin1", "'é€ß';'a';NULL"},
	{"va", "VARCHAR(20) CHARACTER SET ascii", "'abc''';''"},
	{"v3", "VARCHAR(20) CHARACTER SET utf8mb3", "'日本';''"},
	{"vb", "VARCHAR(20) COLLATE utf8mb4_bin", "'A';'a '"},
	{"tx", "LONGTEXT", "'';REPEAT('x''\\',70000);NULL"},
	{"bn", "BINARY(4)", "x'00';x'27005C27';NULL"},
	{"vy", "VARBINARY(300)", "x'';x'00FF275C80';NULL;(SELECT UNHEX(GROUP_CONCAT(LPAD(HEX(n),2,'0') ORDER BY n SEPARATOR '')) FROM bytes)"},
	{"bl", "LONGBLOB", "x'';x'F09F98';REPEAT(x'00275CFF',50000);NULL"},
	{"en", "ENUM('a','it''s','ž','')", "'a';'it''s';'ž';'';NULL"},
	{"se", "SET('x','y','z''z')", "'';'x,y';'z''z';NULL"},
	{"js", "JSON", "'{\"b\": [1, 2.50, \"it''s \\\\ \\u00e9 😀\", null, true], \"a\": {}}';'\"x\"';NULL"},
	{"od", "INT", "1;2"},
}

// definition is the columns of a table of all kinds.
func definition() string {
	var defs []string
	for _, k := range kinds {
		defs = append(defs, "`"+k.name+"` "+k.def)
	}
	return " (id INT PRIMARY KEY," + strings.Join(defs, ",") + ") CHARACTER SET utf8mb4"
}

func TestEveryTypeComesOutAsItWentIn(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, _ := w.owned(t, "main")
		def := definition()
		w.db.Exec(t, w.name, "CREATE TABLE direct"+def, "CREATE TABLE drained"+def, "CREATE TABLE bytes (n INT)")
		var all []string
		for n := range 256 {
			all = append(all, fmt.Sprintf("(%d)", n))
		}
		w.db.Exec(t, w.name, "INSERT INTO bytes VALUES "+strings.Join(all, ","))
		values := make([][]string, len(kinds))
		for i, k := range kinds {
			values[i] = splitValues(k.values)
		}
		const rows = 14
		for r := range rows {
			line := []string{strconv.Itoa(r)}
			for _, v := range values {
				line = append(line, v[r%len(v)])
			}
			sql := "SET group_concat_max_len=100000; INSERT INTO " + w.name + ".direct SELECT " + strings.Join(line, ",")
			if _, err := s.run(t.Context(), "", []byte("USE "+w.name+";"+sql)); err != nil {
				t.Fatal(err)
			}
		}
		from, to := w.load(t, s, "direct"), w.load(t, s, "drained")
		want := images(t, s, from)
		if len(want) != rows {
			t.Fatalf("%d rows", len(want))
		}
		lsn := row.LSN(0)
		apply := func(op row.Op, ims []row.Image) {
			t.Helper()
			b := Batch{Lane: "main", Epoch: 1, From: lsn, To: lsn + 1}
			lsn++
			for _, im := range ims {
				m := row.Mutation{Op: op, Image: im}
				for c := 1; op == row.Update && c < len(im); c++ {
					m.Changed = append(m.Changed, uint16(c))
				}
				b.Changes = append(b.Changes, Change{Table: to, LSN: lsn, Mutation: m})
			}
			if err := s.Apply(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		apply(row.Insert, want)
		sameBytes(t, w, s, from, to, want)
		// Each row takes the values of another, and then its own again.
		shifted := make([]row.Image, rows)
		for i := range want {
			shifted[i] = append(row.Image{want[i][0]}, want[(i+5)%rows][1:]...)
		}
		apply(row.Update, shifted)
		apply(row.Update, want)
		sameBytes(t, w, s, from, to, want)
		// Column by column, which lets rows share a statement.
		for c := 1; c < len(to.Columns); c++ {
			for _, ims := range [][]row.Image{shifted, want} {
				b := Batch{Lane: "main", Epoch: 1, From: lsn, To: lsn + 1}
				lsn++
				for _, im := range ims {
					b.Changes = append(b.Changes, Change{Table: to, LSN: lsn, Mutation: row.Mutation{Op: row.Update, Image: im, Changed: []uint16{uint16(c)}}})
				}
				if err := s.Apply(t.Context(), b); err != nil {
					t.Fatal(err)
				}
				for i, im := range images(t, s, to) {
					if string(im[c]) != string(ims[i][c]) {
						t.Errorf("row %d column %s: %.60q, want %.60q", i, to.Columns[c].Name, im[c], ims[i][c])
					}
				}
			}
		}
		sameBytes(t, w, s, from, to, want)
		apply(row.Delete, want)
		if got := w.rows(t, "SELECT COUNT(*) FROM drained"); got != "0" {
			t.Errorf("%s rows are left", got)
		}
	})
}

// splitValues cuts at the semicolons outside of strings.
func splitValues(s string) []string {
	var out []string
	quoted, from := false, 0
	for i := range len(s) {
		switch {
		case s[i] == '\'':
			quoted = !quoted
		case s[i] == ';' && !quoted:
			out = append(out, s[from:i])
			from = i + 1
		}
	}
	return append(out, s[from:])
}

// sameBytes compares both tables by what the server says of their bytes, and
// the sink's table with the images.
func sameBytes(t *testing.T, w *world, s *Sink, from, to *schema.Table, want []row.Image) {
	t.Helper()
	got := images(t, s, to)
	if len(got) != len(want) {
		t.Fatalf("%d rows instead of %d", len(got), len(want))
	}
	for r := range want {
		for c := range want[r] {
			if string(got[r][c]) != string(want[r][c]) || (got[r][c] == nil) != (want[r][c] == nil) {
				t.Errorf("row %d column %s: %.80q, want %.80q", r, to.Columns[c].Name, got[r][c], want[r][c])
			}
		}
	}
	for _, k := range kinds {
		col := QuoteName(k.name)
		diff := w.rows(t, fmt.Sprintf("SELECT a.id,LEFT(HEX(a.%s),60),LEFT(HEX(b.%[1]s),60) FROM direct a JOIN drained b USING (id) WHERE NOT (HEX(CAST(a.%[1]s AS BINARY)) <=> HEX(CAST(b.%[1]s AS BINARY)))", col))
		if diff != "" {
			t.Errorf("column %s differs:\n%s", k.name, diff)
		}
	}
}

// Every type that may be a key is found by its literal.
func TestRowsAreFoundByKeysOfEveryType(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, _ := w.owned(t, "main")
		lsn := row.LSN(0)
		for _, k := range kinds {
			if k.name == "tx" || k.name == "bl" || k.name == "js" {
				continue
			}
			name := "key_" + k.name
			w.db.Exec(t, w.name, "CREATE TABLE "+name+" (k "+strings.TrimSuffix(k.def, " NULL")+" NOT NULL, n INT NOT NULL, v INT, PRIMARY KEY (k)) CHARACTER SET utf8mb4",
				"CREATE TABLE two_"+name+" (n INT NOT NULL, k "+strings.TrimSuffix(k.def, " NULL")+" NOT NULL, v INT, PRIMARY KEY (n,k)) CHARACTER SET utf8mb4")
			for i, v := range splitValues(k.values) {
				if v == "NULL" || strings.HasPrefix(v, "(") {
					continue
				}
				for _, into := range []string{name + " (k,n,v)", "two_" + name + " (k,n,v)"} {
					if _, err := s.run(t.Context(), "", fmt.Appendf(nil, "INSERT INTO %s.%s VALUES (%s,%d,0)", w.name, into, v, i)); err != nil {
						t.Fatal(k.name, err)
					}
				}
			}
			for _, n := range []string{name, "two_" + name} {
				tab := w.load(t, s, n)
				up := Batch{Lane: "main", Epoch: 1, From: lsn, To: lsn + 1}
				down := Batch{Lane: "main", Epoch: 1, From: lsn + 1, To: lsn + 2}
				for _, im := range images(t, s, tab) {
					im[2] = []byte("1")
					up.Changes = append(up.Changes, Change{Table: tab, LSN: lsn + 1, Mutation: row.Mutation{Op: row.Update, Image: im, Changed: []uint16{2}}})
					down.Changes = append(down.Changes, Change{Table: tab, LSN: lsn + 2, Mutation: row.Mutation{Op: row.Delete, Image: im}})
				}
				for _, b := range []Batch{up, down} {
					if err := s.Apply(t.Context(), b); err != nil {
						t.Fatal(n, err)
					}
				}
				lsn += 2
			}
		}
	})
}

func TestRandomBytesComeOutAsTheyWentIn(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, _ := w.owned(t, "main")
		w.db.Exec(t, w.name, "CREATE TABLE noise (id INT PRIMARY KEY, b LONGBLOB)")
		tab := w.load(t, s, "noise")
		rnd := rand.New(rand.NewPCG(1, 2))
		for lsn := row.LSN(1); lsn <= 20; lsn++ {
			b := Batch{Lane: "main", Epoch: 1, From: lsn - 1, To: lsn}
			var want []row.Image
			for i := range 50 {
				data := make([]byte, rnd.IntN(3000))
				for j := range data {
					data[j] = "'\\\x00\n\x1a\"`;\xc3\xa9\xf0\xff"[rnd.IntN(12)]
				}
				im := row.Image{[]byte(strconv.Itoa(int(lsn)*100 + i)), data}
				want = append(want, im)
				b.Changes = append(b.Changes, Change{Table: tab, LSN: lsn, Mutation: row.Mutation{Op: row.Insert, Image: im}})
			}
			if err := s.Apply(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			for i, im := range images(t, s, tab)[(int(lsn)-1)*50:] {
				if string(im[1]) != string(want[i][1]) {
					t.Fatalf("lsn %d row %d differs", lsn, i)
				}
			}
		}
	})
}
