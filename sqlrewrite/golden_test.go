package sqlrewrite

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// update writes the golden files instead of comparing with them.
var update = flag.Bool("update", false, "write what is found into testdata")

// effectNames are the bits of Effect in order.
var effectNames = []string{"begin", "end", "savepoint", "session", "db", "temp", "tempdrop", "lock", "unlock", "ddl", "prepare", "execute", "maydefine", "unknown"}

// bits names the bits of a set.
func bits(set uint32, names []string) string {
	var out []string
	for i, n := range names {
		if set&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return strings.Join(out, "|")
}

// describe prints a plan on one line.
func describe(p *Plan) string {
	out := p.Verb.String()
	add := func(key string, v any) {
		if s := fmt.Sprint(v); s != "" && s != "[]" {
			out += " " + key + "=" + s
		}
	}
	add("reason", string(p.Reason))
	add("reads", p.Reads)
	add("writes", p.Writes)
	if p.Effect&effectAnything == effectAnything {
		add("effect", "anything|"+bits(uint32(p.Effect&^effectAnything), effectNames))
	} else {
		add("effect", bits(uint32(p.Effect), effectNames))
	}
	add("uses", bits(uint32(p.Uses), []string{"insertid", "rowcount", "foundrows", "warnings"}))
	add("database", p.Database)
	add("temporary", p.Temporary)
	add("defines", p.Defined)
	add("prepared", p.Prepared)
	add("columns", p.Columns)
	add("assigned", p.Assigned)
	if p.AssignsUnique {
		out += " unique"
	}
	for _, flag := range []struct {
		name string
		set  bool
	}{{"moves", p.MovesKey}, {"ignore", p.Ignore}, {"conditional", p.Conditional}, {"scans", p.Scans}, {"total", p.Shadow != ShadowNo && p.where != nil && p.where.total}, {"single", p.Shadow != ShadowNo && p.where != nil && p.where.single}} {
		if flag.set {
			out += " " + flag.name
		}
	}
	if p.Index != nil {
		add("index", p.Index.Name)
	}
	if p.Shadow != ShadowNo {
		add("shadow", p.Shadow)
	}
	if p.Inner != nil {
		out += " {" + describe(p.Inner) + "}"
	}
	return out
}

// golden runs a file of cases: lines "> text", each followed by lines "< result",
// and compares, or writes the file with -update. Other lines are kept.
func golden(t *testing.T, file string, run func(input string) string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	lines := strings.Split(string(data), "\n")
	cases := 0
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if strings.HasPrefix(line, "< ") {
			continue // the result of the case before
		}
		out.WriteString(line)
		if i < len(lines)-1 {
			out.WriteString("\n")
		}
		input, ok := strings.CutPrefix(line, "> ")
		if !ok {
			continue
		}
		cases++
		got := run(strings.NewReplacer(`\n`, "\n", `\0`, "\x00").Replace(input))
		out.WriteString("< " + got + "\n")
		if want := strings.TrimPrefix(strings.Join(lines[i+1:min(i+2, len(lines))], ""), "< "); want != got && !*update {
			t.Errorf("%s:%d: %s\n got %s\nwant %s", path, i+1, input, got, want)
		}
	}
	if cases == 0 {
		t.Errorf("%s has no cases", path)
	}
	if *update {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestClassifyGolden(t *testing.T) {
	p, cat := NewPlanner(100), shop()
	for _, f := range []string{"touch.txt", "effect.txt", "absorb.txt"} {
		golden(t, f, func(sql string) string { return describe(p.Plan([]byte(sql), session(), cat).Plan) })
	}
	maria := session()
	maria.Dialect = schema.MariaDB
	golden(t, "mariadb.txt", func(sql string) string { return describe(p.Plan([]byte(sql), maria, cat).Plan) })
}
