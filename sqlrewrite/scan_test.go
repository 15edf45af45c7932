package sqlrewrite

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

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

func FuzzScan(f *testing.F) {
	for i, sql := range corpus(f) {
		f.Add(sql, uint8(i%4))
	}
	for _, sql := range []string{"a--;", "--", "'\\", "x'4", "0x", "1.e", "/*!50000 /* */", "@'", "`", "1e3abc", ".5.5", "N'x'", "a.1e5", "NOW(6)", "/*+", "$$", "\x00--\x01"} {
		f.Add(sql, uint8(0))
	}
	cat := shop()
	f.Fuzz(func(t *testing.T, sql string, mode uint8) {
		m := SQLMode(mode&1) * ModeANSIQuotes
		m |= SQLMode(mode>>1&1) * ModeNoBackslashEscapes
		checkScan(t, sql, m)
		env := session()
		env.Mode |= m
		p := NewPlanner(1)
		st := p.Plan([]byte(sql), env, cat)
		if a, b := describe(p.Plan([]byte(sql), env, cat).Plan), describe(st.Plan); a != b {
			t.Errorf("%q: planned as %s, then as %s", sql, b, a)
		}
		switch args := st.Args(make([]Arg, st.NumParams)); st.Plan.Verb {
		case Insert:
			st.Plan.Rows(args, env)
		case Update, Delete, PointRead:
			st.Plan.Keys(args, env)
		}
		ParseSet([]byte(sql), m)
	})
}
