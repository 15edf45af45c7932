package shockabsorber_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the path of this module.
const module = "github.com/rzpsarthak13/shock-absorber"

// maxLines is how long a file may be, tests included.
const maxLines = 400

// layersBelow says which packages of ours a package may import: those whose
// path is one of the prefixes ("absorber/row" names one package, "absorber/..."
// a tree). A package that no entry names may import nothing of ours, and must
// be entered here.
var layersBelow = map[string][]string{
	"absorber/schema":     {},
	"absorber/row":        {"absorber/schema"},
	"absorber/effect":     {},
	"absorber/faults":     {},
	"absorber/wal":        {"absorber/effect", "absorber/row", "absorber/schema"},
	"absorber/queue":      {"absorber/effect", "absorber/wal", "absorber/row", "absorber/schema"},
	"absorber/sink":       {"absorber/effect", "absorber/wal", "absorber/row", "absorber/schema"},
	"absorber/servertest": {},
	"absorber":            {"absorber/effect", "absorber/wal", "absorber/queue", "absorber/sink", "absorber/row", "absorber/schema"},
	"sqlrewrite":          {"absorber/row", "absorber/schema"},
	"proxy/wire":          {"absorber/row", "absorber/schema"},
	"proxy/admin":         {"absorber/row", "absorber/schema"},
	"proxy":               {"proxy/wire", "proxy/admin", "sqlrewrite", "absorber", "absorber/wal", "absorber/sink", "absorber/row", "absorber/schema"},
	"cmd/...":             {"cmd/...", "proxy/...", "sqlrewrite", "absorber/..."},
}

// adapters are libraries that speak to something outside, and the only
// packages whose product code may import them.
var adapters = map[string][]string{
	"github.com/redis/go-redis":        {"absorber/wal", "absorber/queue", "cmd/..."},
	"github.com/twmb/franz-go":         {"absorber/queue", "cmd/..."},
	"github.com/go-mysql-org/go-mysql": {"absorber", "absorber/sink", "proxy", "proxy/wire", "cmd/..."},
	"github.com/go-sql-driver/mysql":   {"cmd/..."},
	"github.com/pelletier/go-toml":     {"cmd/shockabsorber/config"},
	"github.com/pingcap/tidb":          {"sqlrewrite"},
	"vitess.io/vitess":                 {"sqlrewrite", "absorber/row"},
	"database/sql":                     {"cmd/..."},
	"net/http":                         {"proxy/admin", "cmd/..."},
}

// testOnly are packages that stand in for real servers or drive tests: they
// must not get into the product's binary.
var testOnly = []string{
	module + "/absorber/servertest", module + "/cmd/shockabsorber/serial", "github.com/alicebob/miniredis", "github.com/twmb/franz-go/pkg/kfake",
	"pgregory.net/rapid", "github.com/anishathalye/porcupine", "testing",
}

// source is one Go file of the module.
type source struct {
	path    string // slash-separated, from the top
	pkg     string // its directory
	test    bool
	lines   int
	syntax  *ast.File
	set     *token.FileSet
	imports []string
}

// position prints where a node stands.
func (s *source) position(n ast.Node) string {
	return s.path + ":" + strconv.Itoa(s.set.Position(n.Pos()).Line)
}

// sources parses every Go file below the top. The demo is a module of its own
// with stand-ins as its product, but its files keep the other rules.
func sources(t *testing.T) []*source {
	t.Helper()
	var all []*source
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		s := &source{path: filepath.ToSlash(name), test: strings.HasSuffix(name, "_test.go"), lines: strings.Count(string(data), "\n"), set: token.NewFileSet()}
		s.pkg = path.Dir(s.path)
		if s.syntax, err = parser.ParseFile(s.set, name, data, parser.ParseComments|parser.SkipObjectResolution); err != nil {
			return err
		}
		for _, i := range s.syntax.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, p)
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("found only %d files: the walk is broken", len(all))
	}
	return all
}

// matches reports whether a package is one of the patterns.
func matches(pkg string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if tree, ok := strings.CutSuffix(p, "/..."); ok {
			return pkg == tree || strings.HasPrefix(pkg, tree+"/")
		}
		return pkg == p
	})
}

// isOf reports whether an import is the library or a package of it, whatever
// its major version.
func isOf(imported, library string) bool {
	rest, ok := strings.CutPrefix(imported, library)
	return ok && (rest == "" || rest[0] == '/')
}

// below finds the entry of layersBelow for a package.
func below(pkg string) ([]string, bool) {
	for name, allowed := range layersBelow {
		if matches(pkg, []string{name}) {
			return allowed, true
		}
	}
	return nil, false
}

func TestImportsPointDown(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.pkg == "." {
			continue
		}
		allowed, known := below(s.pkg)
		if !known && !s.test && s.pkg != "proxy/clienttest" {
			t.Errorf("%s: package %s is not in layersBelow", s.path, s.pkg)
		}
		for _, i := range s.imports {
			if own, ok := strings.CutPrefix(i, module+"/"); ok && !matches(own, allowed) && own != "absorber/servertest" {
				t.Errorf("%s: %s must not import %s", s.path, s.pkg, own)
			}
			for library, users := range adapters {
				if isOf(i, library) && !matches(s.pkg, users) && s.pkg != "absorber/servertest" {
					t.Errorf("%s: %s must not import %s", s.path, s.pkg, i)
				}
			}
		}
	}
}

func TestProductHoldsNoTestCode(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.pkg == "absorber/servertest" || s.pkg == "cmd/shockabsorber/serial" || s.pkg == "cmd/demo" {
			continue
		}
		for _, i := range s.imports {
			for _, forbidden := range testOnly {
				if isOf(i, forbidden) {
					t.Errorf("%s imports %s, which is for tests", s.path, i)
				}
			}
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	for _, s := range sources(t) {
		if s.lines > maxLines && !strings.HasSuffix(s.path, ".pb.go") {
			t.Errorf("%s has %d lines, at most %d are allowed", s.path, s.lines, maxLines)
		}
	}
}

func TestPackagesAreDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		documented[s.pkg] = documented[s.pkg] || path.Base(s.path) == "doc.go" && s.syntax.Doc != nil
		for _, d := range s.syntax.Decls {
			if undocumented(d) {
				t.Errorf("%s: a declaration has no comment", s.position(d))
			}
		}
		switch base := path.Base(s.pkg); base {
		case "util", "utils", "common", "helper", "helpers", "types", "manager", "misc":
			t.Errorf("%s: %q says nothing about what is in a package", s.path, base)
		}
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("%s has no doc.go with a package comment", pkg)
		}
	}
}

// undocumented reports whether a top-level declaration lacks a comment. A
// method of an interface that is named by an assertion, main and init need
// none; generated files are not asked.
func undocumented(d ast.Decl) bool {
	switch d := d.(type) {
	case *ast.FuncDecl:
		return d.Doc == nil && d.Recv == nil && d.Name.Name != "main" && d.Name.Name != "init" && d.Name.IsExported()
	case *ast.GenDecl:
		if d.Tok != token.TYPE || d.Doc != nil {
			return false
		}
		return slices.ContainsFunc(d.Specs, func(s ast.Spec) bool {
			spec := s.(*ast.TypeSpec)
			return spec.Doc == nil && spec.Comment == nil && spec.Name.IsExported()
		})
	}
	return false
}

// Product code waits for events, not for time, and writes to no standard
// stream behind its caller's back.
func TestProductCallsNothingForbidden(t *testing.T) {
	forbidden := []string{"time.Sleep", "flag.Parse", "flag.String", "flag.Bool", "flag.Int", "fmt.Print", "fmt.Printf", "fmt.Println"}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && slices.Contains(forbidden, x.Name+"."+sel.Sel.Name) {
					t.Errorf("%s calls %s.%s", s.position(call), x.Name, sel.Sel.Name)
				}
			}
			return true
		})
	}
}
