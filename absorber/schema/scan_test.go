package schema

import (
	"slices"
	"strings"
	"testing"
)

// words collects what identifiers yields.
func words(sql string) []string {
	var got []string
	identifiers(sql, func(w string) { got = append(got, w) })
	return got
}

// TestIdentifiers finds names however they are written, and none in strings
// and comments.
func TestIdentifiers(t *testing.T) {
	for _, c := range []struct {
		sql  string
		want string // separated by spaces, sorted, without repetition
	}{
		{"select * from shop.comp", "comp from select shop"},
		{"`we.ird``t`.`a b`", "a.b we.ird`t"},
		{`"quoted""name" 'string'`, `quoted"name`},
		{"a /* b ' */ c -- d\n e # f\ng --h", "a c e g h"},
		{"'it''s' a 'it\\'s b' c", "a b c s"}, // with and without backslash escapes
		{"/*!50000 a */ /*M!100101 b */ /*+ c */ /*T! d */ e", "100101 50000 a b e"},
		{"/*!99999 it's */ delete from comp", "99999 comp delete from it"},
		{"e1.é2.$3", "$3 e1 é2"},
		{"日本 x", "x 日本"},
		{"a--", "a"},
		{"`open", "open"},
		{"'open a", ""},
		{"/* open a", ""},
		{"`", ""},
		{"", ""},
	} {
		got := words(c.sql)
		slices.Sort(got)
		got = slices.Compact(got)
		for i := range got {
			got[i] = strings.ReplaceAll(got[i], " ", ".")
		}
		if s := strings.TrimSpace(strings.Join(got, " ")); s != c.want {
			t.Errorf("%s: %q, want %q", c.sql, s, c.want)
		}
	}
}

// FuzzIdentifiers puts a quoted name behind anything that leaves no quote or
// comment open: it must be found.
func FuzzIdentifiers(f *testing.F) {
	for _, s := range []string{"select 1", "'a\\'", "/*!1 x", "-- a", "# b\n", "`a", `"x`, "a/*b*/c"} {
		f.Add(s, "target")
	}
	f.Fuzz(func(t *testing.T, before, name string) {
		words(before)
		quoted := quoteName(name)
		if !slices.Contains(words(quoted), name) {
			t.Errorf("%q not found in %s", name, quoted)
		}
		if !strings.ContainsAny(before, "'\"`#-/*\\") && name != "" && !slices.Contains(words(before+" "+quoted+" "+before), name) {
			t.Errorf("%q not found behind %q", name, before)
		}
	})
}

// TestFold joins names by case and accents and keeps others apart.
func TestFold(t *testing.T) {
	for _, pair := range [][2]string{{"Comp", "comp"}, {"CAFÉ", "cafe"}, {"straße", "strase"}, {"ＡＢ", "ab"}, {"\u212Aelvin", "kelvin"}} {
		if fold(pair[0]) != fold(pair[1]) {
			t.Errorf("%s and %s fold to %q and %q", pair[0], pair[1], fold(pair[0]), fold(pair[1]))
		}
	}
	if fold("a_b") == fold("ab") || fold("日") == fold("本") {
		t.Error("different names fold alike")
	}
}

// TestGraph follows cycles, cascades and bodies that cannot be seen.
func TestGraph(t *testing.T) {
	name := func(s string) Name { return Name{DB: "d", Table: s} }
	body := func(s, sql string) rawBody { return newBody(name(s), s, sql, true) }
	r := &raw{
		views: []rawBody{body("a", "select * from b"), body("b", "select * from A, t1")},
		routines: []rawBody{body("hidden", ""), body("calls", "call Hidden()"), body("dynamic", "EXECUTE IMMEDIATE x"),
			body("plain", "select 't1'"), body("drops", "DROP /* all */ SCHEMA x"), body("replaces", "create or replace database x"),
			body("asks", "select database(), schema()")},
		triggers:    []rawBody{body("parent", "set new.z = 1")},
		foreignKeys: []rawForeignKey{{child: name("t2"), parent: name("Parent"), cascades: true}, {child: name("t1"), parent: name("keeps")}},
	}
	tables := []*Table{{Name: name("t1")}, {Name: name("t2")}, {Name: Name{DB: "e", Table: "T1"}},
		{Name: name("t3"), Refusals: []Refusal{{Reason: ReasonView}}}}
	reached, written, inserted := newGraph(r).reach(tables, asking), newGraph(r).reach(tables, writing), newGraph(r).reach(tables, inserting)
	t1 := []Name{name("t1"), {DB: "e", Table: "T1"}}
	all := []Name{name("t1"), name("t2"), {DB: "e", Table: "T1"}}
	for id, want := range map[string][]Name{"t1": t1, "a": t1, "b": t1, "t2": {name("t2")}, "t3": nil, "hidden": all, "calls": all,
		"dynamic": all, "drops": all, "replaces": all, "asks": nil, "plain": nil, "parent": nil, "keeps": nil} {
		if got := reached.of(id); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", id, got, want)
		}
	}
	for id, want := range map[string][2][]Name{"t1": {t1, t1}, "plain": {nil, nil}, "keeps": {t1, nil}, "calls": {all, all},
		"parent": {{name("t2")}, {name("t2")}}} { // parent has a trigger: nobody knows what else is written
		if got := written.of(id); !slices.Equal(got, want[0]) {
			t.Errorf("written by %s: %v, want %v", id, got, want[0])
		}
		if got := inserted.of(id); !slices.Equal(got, want[1]) {
			t.Errorf("inserted by %s: %v, want %v", id, got, want[1])
		}
	}
	if none := newGraph(r).reach(tables[3:], asking); len(none.of("hidden")) != 0 || len(none.all) != 0 {
		t.Errorf("nothing absorbed, yet %v is touched", none.by)
	}
}

// TestRelations follows foreign keys as far as a write goes, and no further.
func TestRelations(t *testing.T) {
	fk := func(child, parent string, cascades bool) rawForeignKey {
		return rawForeignKey{child: Name{Table: child}, parent: Name{Table: parent}, cascades: cascades}
	}
	// a <- b (cascades) <- c (cascades) <- d, c -> e, b -> b (cascades), x <- a
	r := relate([]rawForeignKey{fk("b", "a", true), fk("c", "b", true), fk("d", "c", false), fk("g", "d", true), fk("c", "e", false),
		fk("b", "b", true), fk("a", "x", false)}, func(n Name) string { return n.Table })
	for _, c := range []struct {
		name    string
		inserts bool
		want    []string
	}{
		{"a", false, []string{"a", "b", "c", "d", "e", "x"}},
		{"a", true, []string{"a", "x"}},
		{"b", false, []string{"a", "b", "c", "d", "e"}},
		{"c", false, []string{"b", "c", "d", "e"}},
		{"c", true, []string{"b", "c", "e"}},
		{"d", false, []string{"c", "d", "g"}},
		{"x", false, []string{"a", "x"}},
		{"other", false, []string{"other"}},
	} {
		got := r.of(c.name, c.inserts)
		if slices.Sort(got); !slices.Equal(got, c.want) {
			t.Errorf("%s, inserts %v: %v, want %v", c.name, c.inserts, got, c.want)
		}
	}
}
