package sqlrewrite

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	tidb "github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"
	tidbop "github.com/pingcap/tidb/pkg/parser/opcode"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// normalise gives a statement's normalised text and its scan.
func normalise(sql string, mode SQLMode) (string, *scan) {
	s := new(scan)
	s.run([]byte(sql), mode)
	return string(s.text()), s
}

// kindNames are the value kinds in order.
var kindNames = []string{"null", "int", "uint", "decimal", "float", "string", "bytes", "date", "datetime", "time", "default"}

// describeScan prints a normalised text and its values.
func describeScan(sql string, mode SQLMode) string {
	text, s := normalise(sql, mode)
	out := fmt.Sprintf("%q", text)
	for i, v := range s.slots {
		if s.params[i] >= 0 {
			out += fmt.Sprintf(" param%d", s.params[i])
		} else {
			out += fmt.Sprintf(" %s:%q", kindNames[v.Kind], v.Text)
		}
	}
	for i, set := range []bool{s.several, s.executable, s.hint, s.broken} {
		if set {
			out += []string{" several", " executable", " hint", " broken"}[i]
		}
	}
	return out
}

func TestScanGolden(t *testing.T) {
	golden(t, "scan.txt", func(sql string) string { return describeScan(sql, 0) })
	golden(t, "scan_ansi.txt", func(sql string) string { return describeScan(sql, ModeANSIQuotes|ModeNoBackslashEscapes) })
}

func TestParseSetGolden(t *testing.T) {
	golden(t, "set.txt", func(sql string) string {
		list, ok := ParseSet([]byte(sql), 0)
		if !ok {
			return "not understood"
		}
		var out []string
		for _, a := range list {
			s := fmt.Sprintf("%s=%q", a.Name, a.Value)
			if a.Once {
				s += " once"
			}
			out = append(out, s)
		}
		return strings.Join(out, ", ")
	})
}

// checkScan holds what must be true of every text.
func checkScan(t *testing.T, sql string, mode SQLMode) {
	t.Helper()
	text, s := normalise(sql, mode)
	again, s2 := normalise(text, mode)
	if again != text {
		t.Errorf("%q: normalised to %q, and that to %q", sql, text, again)
	}
	if len(s.slots) != len(s2.slots) || len(s.params) != len(s.slots) {
		t.Errorf("%q: %d values, its normalised text %d", sql, len(s.slots), len(s2.slots))
	}
	at := 0
	for _, tok := range tokenise([]byte(sql), mode, false) {
		if tok.start < at || tok.end <= tok.start || tok.end > len(sql) {
			t.Fatalf("%q: token %+v after %d", sql, tok, at)
		}
		at = tok.end
	}
	markers := 0
	for _, tok := range tokenise(s.text(), mode, false) {
		if tok.kind == tokParam {
			markers++
		}
	}
	if markers != len(s.slots) {
		t.Errorf("%q: %d markers in %q for %d values", sql, markers, text, len(s.slots))
	}
	for _, v := range s.slots {
		if v.Kind == row.KindString && utf8.ValidString(sql) && !utf8.Valid(v.Text) {
			t.Errorf("%q: the value %q is cut within a character", sql, v.Text)
		}
	}
}

// bindAll calls every method of a plan, whether it fits or not: each may say
// no, and none may panic.
func bindAll(st *Statement, env *Env) {
	p := st.Plan
	if p.Verb == PassThrough {
		return
	}
	args, im := st.Args(make([]Arg, st.NumParams)), shopRow(p.Table)
	if p.insert != nil {
		p.Rows(args, env)
		p.Generates(args, env)
	}
	p.ApplyDuplicate(im, im, args, env)
	p.Apply(im, args, env)
	p.Matches(im, args, env)
	p.Keys(args, env)
	p.IndexKeys(args, env)
	p.Candidates(args, env)
}

// checkSecond looks at an absorbed statement as neither reader does: TiDB's
// tree must have the key's literals as operands of conditions that nothing but
// AND and parentheses is around.
func checkSecond(t *testing.T, sql string, st *Statement, env *Env) {
	t.Helper()
	p := st.Plan
	if p.where == nil || st.NumParams > 0 || strings.Contains(sql, "/*") {
		return
	}
	stmt, ok := parseTiDB(tidb.New(), strings.TrimRight(sql, "; \n\t"), env)
	if !ok {
		return
	}
	var where ast.ExprNode
	switch s := stmt.(type) {
	case *ast.UpdateStmt:
		where = s.Where
	case *ast.DeleteStmt:
		where = s.Where
	case *ast.SelectStmt:
		where = s.Where
	}
	var simple int
	var look func(n ast.Node)
	look = func(n ast.Node) {
		switch n := n.(type) {
		case *ast.ParenthesesExpr:
			look(n.Expr)
		case *ast.PatternInExpr:
			if !n.Not {
				simple++
			}
		case *ast.BinaryOperationExpr:
			if n.Op == tidbop.LogicAnd {
				look(n.L)
				look(n.R)
			} else if n.Op == tidbop.EQ {
				simple++
			}
		}
	}
	if look(where); simple == 0 && !p.Scans {
		t.Errorf("%q: a key without a condition for it: %s", sql, describe(p))
	}
}

func FuzzScan(f *testing.F) {
	for i, sql := range corpus(f) {
		f.Add(sql, uint8(i%4))
	}
	for _, file := range []string{"absorb.txt", "shadow.txt", "impure.txt"} {
		data, err := os.ReadFile("testdata/" + file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if sql, ok := strings.CutPrefix(line, "> "); ok {
				f.Add(strings.TrimSpace(sql), uint8(len(sql)%16))
			}
		}
	}
	for _, sql := range []string{"a--;", "--", "'\\", "x'4", "0x", "1.e", "/*!50000 /* */", "@'", "`", "1e3abc", ".5.5", "N'x'", "a.1e5", "NOW(6)", "/*+", "$$", "\x00--\x01"} {
		f.Add(sql, uint8(0))
	}
	cat := shop()
	f.Fuzz(func(t *testing.T, sql string, mode uint8) {
		m := SQLMode(mode&1) * ModeANSIQuotes
		m |= SQLMode(mode>>1&1) * ModeNoBackslashEscapes
		m |= SQLMode(mode>>2&1) * ModePipesAsConcat
		m |= SQLMode(mode>>3&1) * ModeHighNotPrecedence
		checkScan(t, sql, m)
		env := session()
		env.Mode |= m
		p := NewPlanner(1)
		st := p.Plan([]byte(sql), env, cat)
		if a, b := describe(p.Plan([]byte(sql), env, cat).Plan), describe(st.Plan); a != b {
			t.Errorf("%q: planned as %s, then as %s", sql, b, a)
		}
		bindAll(st, env)
		env.Shadows, env.Version = true, 80400
		st = p.Plan([]byte(sql), env, cat)
		bindAll(st, env)
		checkSecond(t, sql, st, env)
		ParseSet([]byte(sql), m)
	})
}
