package faults

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// label is what a label looks like.
var label = regexp.MustCompile(`^(wal|registry|queue|sink|engine)\.[a-z_]+$`)

// documented are the labels in the first column of the table in DESIGN.md.
func documented(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile("../DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(data), "\n## Side effects\n")
	if !ok {
		t.Fatal("DESIGN.md has no section on side effects")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var ops []string
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		for _, op := range strings.Split(cells[1], ",") {
			if op = strings.Trim(op, " `"); label.MatchString(op) {
				ops = append(ops, op)
			}
		}
	}
	if len(ops) < 40 {
		t.Fatalf("only %d labels: %q", len(ops), ops)
	}
	return ops
}

// unhooked are operations of package wal and queue, by which their errors
// name themselves, that only read or wait and have no hook.
var unhooked = []string{
	"wal.above", "wal.await_relayed", "wal.check", "wal.check_eviction", "wal.counter", "wal.gate_sweep", "wal.load", "wal.newest", "wal.pending", "wal.progress", "wal.remains",
	"wal.tail", "wal.usable", "wal.verify", "wal.wait_settled", "queue.above", "queue.poll", "queue.top", "queue.topic",
}

// TestLabelsInCode: a label in the code that the table does not list is an
// effect that nobody lets fail.
func TestLabelsInCode(t *testing.T) {
	want := documented(t)
	found := map[string]bool{}
	for _, dir := range []string{"..", "../wal", "../queue", "../sink"} {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if s, err := strconv.Unquote(lit.Value); err == nil && label.MatchString(s) {
						found[s] = true
					}
				}
				return true
			})
		}
	}
	for op := range found {
		if !slices.Contains(want, op) && !slices.Contains(unhooked, op) {
			t.Errorf("DESIGN.md does not list %s", op)
		}
	}
	for _, op := range want {
		if !found[op] {
			t.Errorf("DESIGN.md lists %s, which the code does not have", op)
		}
	}
}
