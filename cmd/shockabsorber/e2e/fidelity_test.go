package e2e

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// fidelityTables are what the scripts of fidelity work on. All are absorbed.
var fidelityTables = append([]string{
	"CREATE TABLE word (id INT PRIMARY KEY, u VARCHAR(60) CHARACTER SET utf8mb4, l VARCHAR(60) CHARACTER SET latin1, b VARBINARY(200), big LONGBLOB)",
	"CREATE PROCEDURE both_of(IN k INT, OUT a_ DECIMAL(12,2), INOUT n INT) BEGIN SELECT id, ref FROM pay WHERE id = k; SELECT amount INTO a_ FROM pay WHERE id = k; SET n = n + 1; SELECT n; END",
	"CREATE PROCEDURE breaks() BEGIN SELECT 1; INSERT INTO pay (id, ref) VALUES (900, 'in'); SELECT nothing FROM nowhere; END",
	"CREATE PROCEDURE set_clock(IN at DOUBLE) SET timestamp = at",
	"CREATE FUNCTION paid(k INT) RETURNS DECIMAL(12,2) READS SQL DATA RETURN (SELECT amount FROM pay WHERE id = k)",
}, sessionTables...)

// fidelity runs a script in a session on each side, on both servers, as
// today's drivers log in, and compares the tables in the end.
func fidelity(t *testing.T, script func(p *pair)) {
	fidelityWith(t, script, wire.CapSessionTrack|wire.CapDeprecateEOF|wire.CapExtendedMetadata)
}

// fidelityWith is fidelity with each of the sets of capabilities.
func fidelityWith(t *testing.T, script func(p *pair), sets ...wire.Capability) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), nil, fidelityTables...)
			for _, caps := range sets {
				p := b.sessions(caps | wire.CapLocalFiles)
				p.query(anyhow, "DELETE FROM pay", "DELETE FROM plain", "DELETE FROM word", "SELECT 1")
				p.query(inserted, "INSERT INTO pay (id, ref, amount) VALUES (1, 'one', 1.50), (2, 'two', 20)")
				script(p)
			}
			b.equal("pay", "plain", "word")
		})
	}
}

// says runs statements in the text protocol, with the own database for a $.
func (p *pair) says(want string, statements ...string) {
	p.t.Helper()
	for _, s := range statements {
		p.query(want, strings.ReplaceAll(s, "$", p.direct))
	}
}

// odd runs a command of any kind on both sides, in both sessions as they are.
func (p *pair) odd(want, what string, cmd byte, arg ...byte) {
	p.t.Helper()
	p.both(want, what, func(c *packetClient, own func(string) string) [][]byte {
		return c.odd(cmd, []byte(own(string(arg))), nil)
	})
}

// stmt runs a command about a prepared statement: its id, then rest.
func (p *pair) stmt(want, what, sql string, cmd byte, rest ...byte) {
	p.t.Helper()
	p.both(want, what+" "+sql, func(c *packetClient, _ func(string) string) [][]byte {
		if c.stmt[sql] == nil {
			c.t.Fatalf("%s is not prepared", sql)
		}
		id := c.stmt[sql].ID()
		return c.odd(cmd, append([]byte{byte(id), byte(id >> 8), byte(id >> 16), byte(id >> 24)}, rest...), nil)
	})
}

// load runs a statement that asks for a file.
func (p *pair) load(want, sql, file string) {
	p.t.Helper()
	p.both(want, sql, func(c *packetClient, own func(string) string) [][]byte {
		return c.odd(wire.ComQuery, c.queryText(own(sql)), []byte(file))
	})
}

// statementID is in error texts. MariaDB counts over all sessions.
var statementID = regexp.MustCompile(`handler \(\d+\)|statement \(\d+\)`)

// odd runs a command of any kind.
func (c *packetClient) odd(cmd byte, arg, file []byte) [][]byte {
	c.t.Helper()
	packets, err := c.raw.Odd(cmd, arg, file)
	if err != nil {
		c.t.Fatal(err)
	}
	for i, p := range packets {
		if p[4] == 0xff {
			packets[i] = append([]byte("----"), statementID.ReplaceAll(p[4:], []byte("n"))...)
		}
	}
	return packets
}

// value runs a query of one cell in the session, without comparing it.
func (c *packetClient) value(sql string) string {
	c.t.Helper()
	packets := c.query(sql)
	if len(packets) < 4 {
		c.t.Fatalf("%s: %q", sql, packets)
	}
	at := 2 // count, definition, perhaps EOF
	if !c.raw.Caps().Has(wire.CapDeprecateEOF) {
		at++
	}
	cells, err := wire.ParseTextRow(nil, packets[at][4:], 1)
	if err != nil {
		c.t.Fatalf("%s: %v", sql, err)
	}
	return string(cells[0])
}

// errorOf is the error that a statement ends with.
func (c *packetClient) errorOf(sql string) wire.ErrPacket {
	c.t.Helper()
	last := tail(c.query(sql))
	if last[4] != 0xff {
		c.t.Fatalf("%s: no error", sql)
	}
	e, err := wire.ParseERR(last[4:])
	if err != nil {
		c.t.Fatal(err)
	}
	return *e
}

// groupLine is a line of the table of groups in proxy/DESIGN.md.
var groupLine = regexp.MustCompile(`(?m)^\| (F\d+) \|.*$`)

// testName is how that table names a test.
var testName = regexp.MustCompile("`(Test[A-Za-z0-9]+)`")

// groupTest is how the name of a group's own test begins.
var groupTest = regexp.MustCompile(`^TestF\d+`)

// TestFidelityTable: proxy/DESIGN.md names for each group F1 to F14 a test of
// its own and others, and all that it names are there.
func TestFidelityTable(t *testing.T) {
	top := filepath.Join("..", "..", "..")
	design, err := os.ReadFile(filepath.Join(top, "proxy", "DESIGN.md"))
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, dir := range []string{".", "../differential", filepath.Join(top, "proxy"), filepath.Join(top, "proxy", "wire"), filepath.Join(top, "sqlrewrite")} {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			syntax, err := parser.ParseFile(token.NewFileSet(), f, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range syntax.Decls {
				if f, ok := d.(*ast.FuncDecl); ok {
					have[f.Name.Name] = true
				}
			}
		}
	}
	lines := groupLine.FindAllStringSubmatch(string(design), -1)
	if len(lines) != 14 {
		t.Errorf("the table has %d groups", len(lines))
	}
	named := map[string]bool{}
	for _, line := range lines {
		own := false
		for _, m := range testName.FindAllStringSubmatch(line[0], -1) {
			named[m[1]] = true
			own = own || groupTest.FindString(m[1]) == "Test"+line[1]
			if !have[m[1]] {
				t.Errorf("%s: there is no test %s", line[1], m[1])
			}
		}
		if !own {
			t.Errorf("%s has no test of its own", line[1])
		}
	}
	for name := range have {
		if groupTest.MatchString(name) && !named[name] {
			t.Errorf("%s is not in the table", name)
		}
	}
}
