package sqlrewrite

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// kindRow is a line of the table of statements in DESIGN.md.
var kindRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|.*$")

// kindsTable is what stands between the marks of that table.
var kindsTable = regexp.MustCompile(`(?s)(<!-- kinds -->\n)(.*?)(<!-- end of kinds -->)`)

// TestKindsTable: DESIGN.md lists every kind of statement, and says of each
// what the classifier says. -update writes what it says.
func TestKindsTable(t *testing.T) {
	design, err := os.ReadFile("DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	m := kindsTable.FindSubmatch(design)
	if m == nil {
		t.Fatal("DESIGN.md has no table of kinds")
	}
	planner, cat, env := NewPlanner(100), shop(), session()
	env.Shadows, env.Dialect = true, schema.MariaDB
	missing := maps.Clone(kinds)
	opaque := false
	written := kindRow.ReplaceAllFunc(m[2], func(line []byte) []byte {
		sql := string(kindRow.FindSubmatch(line)[1])
		first, _, _ := strings.Cut(strings.ToLower(sql), " ")
		if strings.HasPrefix(sql, "(") {
			first = "("
		}
		if _, known := kinds[first]; !known {
			opaque = true
		}
		delete(missing, first)
		row := kindLine(sql, planner.Plan([]byte(sql), env, cat).Plan, len(cat.All()))
		if string(line) != row && !*update {
			t.Errorf("DESIGN.md says\n%s\nand the classifier\n%s", line, row)
		}
		return []byte(row)
	})
	if len(missing) > 0 {
		t.Errorf("DESIGN.md says nothing of %q", slices.Sorted(maps.Keys(missing)))
	}
	if !opaque {
		t.Error("DESIGN.md says nothing of a first word that is not known")
	}
	if *update {
		if err := os.WriteFile("DESIGN.md", kindsTable.ReplaceAllFunc(design, func(b []byte) []byte {
			part := kindsTable.FindSubmatch(b)
			return slices.Concat(part[1], written, part[3])
		}), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// kindLine is a line of the table.
func kindLine(sql string, p *Plan, all int) string {
	how := "forwarded"
	if p.Verb != PassThrough {
		how = "absorbed: " + p.Verb.String()
	} else if p.Reason != "" {
		how = "forwarded: " + string(p.Reason)
	}
	names := func(list []schema.Name) string {
		if len(list) == all || p.Effect&EffectUnknown != 0 {
			return "every table"
		}
		var out []string
		for _, n := range list {
			out = append(out, n.String())
		}
		return strings.Join(out, ", ")
	}
	reads, writes := names(p.Reads), names(p.Writes)
	if p.Effect&EffectUnknown != 0 {
		reads = ""
	}
	effects := strings.ReplaceAll(bits(uint32(p.Effect), effectNames), "|", ", ")
	return fmt.Sprintf("| `%s` | %s | %s | %s | %s |", sql, how, reads, writes, effects)
}
