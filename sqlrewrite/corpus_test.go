package sqlrewrite

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// corpus is what drivers, ORMs and applications send, one statement a line.
func corpus(t testing.TB) []string {
	t.Helper()
	data, err := os.ReadFile("testdata/corpus.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	for i := range lines {
		lines[i] = strings.NewReplacer(`\\`, `\`, `\n`, "\n").Replace(lines[i])
	}
	return lines
}

// literals finds strings and comments the slow way, as an oracle for texts
// without executable comments.
var literals = regexp.MustCompile(`(?s)\b[xXbB]'\w*'|'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|/\*[^!M].*?\*/|(?:--[ \n]|#)[^\n]*|@@?[\w.$]+|@` + "`[^`]*`")

// names finds the identifiers of what is left.
var names = regexp.MustCompile("`(?:[^`]|``)*`|[\\w$]+")

// TestCorpusTouches: every identifier of a statement, taken for an absorbed
// table, must be among what the statement touches.
func TestCorpusTouches(t *testing.T) {
	n := 0
	for _, sql := range corpus(t) {
		rest := literals.ReplaceAllString(sql, " ")
		for _, id := range names.FindAllString(rest, -1) {
			id = strings.ReplaceAll(strings.Trim(id, "`"), "``", "`")
			if id == "" || id[0] >= '0' && id[0] <= '9' {
				continue
			}
			name := schema.Name{DB: "app", Table: id}
			cat := newCatalog(table("app."+id, 1, notNull(integer("id", schema.Int, false))))
			p := NewPlanner(1).Plan([]byte(sql), session(), cat).Plan
			if !slices.Contains(p.Reads, name) && !slices.Contains(p.Writes, name) && p.Effect&EffectUnknown == 0 {
				t.Errorf("%s: does not touch %s: %s", sql, id, describe(p))
			}
			n++
		}
	}
	if n < 1000 {
		t.Errorf("only %d identifiers tried", n)
	}
}

// readWords start the statements of the corpus that only read.
var readWords = regexp.MustCompile(`(?is)^\s*(/\*.*?\*/\s*|# c\n)*[( ]*(SELECT|SHOW|EXPLAIN|DESCRIBE|TABLE|VALUES|WITH|ANALYZE FORMAT=JSON SELECT|SET STATEMENT .* FOR SELECT|CREATE TEMPORARY|SET @|BEGIN NOT|EXECUTE|PREPARE|START|HANDLER)\b`)

// TestCorpusWrites: a statement that names a table and is no read must write
// it, as far as the first words tell.
func TestCorpusWrites(t *testing.T) {
	cat := newCatalog(table("app.t", 1, notNull(integer("id", schema.Int, false))), table("app.users", 1, notNull(integer("id", schema.Int, false))))
	writes := 0
	for _, sql := range corpus(t) {
		p := NewPlanner(1).Plan([]byte(sql), session(), cat).Plan
		if len(p.Reads) > 0 && !readWords.MatchString(sql) {
			t.Errorf("%s: reads %v", sql, p.Reads)
		}
		if len(p.Writes) > 0 {
			writes++
		}
	}
	if writes < 20 {
		t.Errorf("only %d statements write", writes)
	}
}

// respell changes a statement in ways that change nothing for the server.
var respell = []struct {
	name string
	make func(sql string) string
}{
	{"comment", func(s string) string { return strings.ReplaceAll(s, " ", " /* users ' */ ") }},
	{"line comment", func(s string) string { return "-- x\n" + strings.ReplaceAll(s, " ", " # it's\n") }},
	{"newline", func(s string) string { return "\t" + strings.ReplaceAll(s, " ", "\r\n\t ") + " ;\n" }},
	{"quoted table", func(s string) string { return strings.ReplaceAll(s, "users", "`users`") }},
	{"database", func(s string) string {
		return regexp.MustCompile(`\b(INTO|FROM|UPDATE) users`).ReplaceAllString(s, "$1 app.users")
	}},
	{"quoted database", func(s string) string {
		return regexp.MustCompile(`\b(INTO|FROM|UPDATE) users`).ReplaceAllString(s, "$1 `app`.`users`")
	}},
	{"upper case columns", func(s string) string {
		return regexp.MustCompile(`\b(email|id|name)\b`).ReplaceAllStringFunc(s, strings.ToUpper)
	}},
	{"lower case keywords", func(s string) string {
		return regexp.MustCompile(`\b(INSERT|INTO|VALUES|UPDATE|SET|WHERE|DELETE|FROM|SELECT|IN|LIMIT|AND|NOW|AS)\b`).ReplaceAllStringFunc(s, strings.ToLower)
	}},
}

// TestSpelling: what is absorbed stays absorbed, with the same values, however
// it is spelled.
func TestSpelling(t *testing.T) {
	cat, env, p := shop(), session(), NewPlanner(1000)
	for _, sql := range []string{
		"INSERT INTO users (email, name, n) VALUES ('a_b', 'it''s', -5)",
		"INSERT INTO users SET email = 'x', created = NOW()",
		"UPDATE users SET n = n + 1, name = 'x' WHERE id = 7",
		"UPDATE users AS u SET u.n = 5 WHERE u.id IN (3, 1, 2) LIMIT 3",
		"DELETE FROM users WHERE id IN (1, 2)",
		"SELECT id, email AS e FROM users WHERE id = 1 LIMIT 1",
	} {
		want := p.Plan([]byte(sql), env, cat)
		if want.Plan.Verb == PassThrough {
			t.Fatalf("%s: %s", sql, want.Plan.Reason)
		}
		for _, r := range respell {
			text := r.make(sql)
			got := p.Plan([]byte(text), env, cat)
			if describe(got.Plan) != describe(want.Plan) {
				t.Errorf("%s: %q\n got %s\nwant %s", r.name, text, describe(got.Plan), describe(want.Plan))
			}
			if a, b := got.Args(nil), want.Args(nil); !slices.EqualFunc(a, b, func(x, y Arg) bool { return x.Kind == y.Kind && bytes.Equal(x.Text, y.Text) }) {
				t.Errorf("%s: %q: values %v, want %v", r.name, text, a, b)
			}
		}
	}
}
