package sqlrewrite

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	tidb "github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// rowAlias finds what may be the alias of an INSERT's rows.
var rowAlias = regexp.MustCompile(`(?is)\)[^,]*\bAS\b`)

// fuzzedEnv is a session under a few bits of everything that changes a plan.
func fuzzedEnv(bits uint16) *Env {
	env := session()
	for i, m := range []SQLMode{ModeANSIQuotes, ModeNoBackslashEscapes, ModePipesAsConcat, ModeHighNotPrecedence, ModeNoAutoValueOnZero, ModeAllowInvalidDates} {
		if bits>>i&1 != 0 {
			env.Mode |= m
		}
	}
	if bits>>6&1 != 0 {
		env.Mode &^= ModeStrict
	}
	if bits>>7&1 != 0 {
		env.Shadows, env.Version = true, 80400
	}
	if bits>>8&1 != 0 {
		env.Dialect, env.Version = schema.MariaDB, 0
	}
	env.FoundRows = bits>>9&1 != 0
	if bits>>10&1 != 0 {
		env.Location = nil
	}
	return env
}

// addStatements seeds a target with the statements of the golden files.
func addStatements(f *testing.F, add func(sql string, bits uint16)) {
	for i, sql := range corpus(f) {
		add(sql, uint16(i*37))
	}
	for _, file := range []string{"absorb.txt", "shadow.txt", "bind.txt", "touch.txt"} {
		data, err := os.ReadFile("testdata/" + file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if sql, ok := strings.CutPrefix(line, "> "); ok {
				add(strings.TrimSpace(sql), uint16(len(sql)*41))
			}
		}
	}
}

// FuzzAbsorbed: what is absorbed is one statement of that verb on that table
// for TiDB's parser too, read from the text as the client sent it, literals and
// comments included; and its tables are among those it would touch if it were
// passed through.
func FuzzAbsorbed(f *testing.F) {
	addStatements(f, func(sql string, bits uint16) { f.Add(sql, bits) })
	cat := shop()
	f.Fuzz(func(t *testing.T, sql string, bits uint16) {
		env := fuzzedEnv(bits)
		st := NewPlanner(1).Plan([]byte(sql), env, cat)
		p := st.Plan
		if p.Verb == PassThrough {
			return
		}
		if len(p.Reads)+len(p.Writes) != 1 || p.Table == nil || append(p.Reads, p.Writes...)[0] != p.Table.Name {
			t.Fatalf("%q: %s reads %v and writes %v", sql, p.Verb, p.Reads, p.Writes)
		}
		if !utf8.ValidString(sql) {
			return // the parser wants UTF-8; the normalised text was read
		}
		stmt, ok := parseTiDB(tidb.New(), sql, env)
		if !ok {
			// The parser does not know the alias of new rows: what it reads
			// as the second reader is the text without it.
			if p.insert != nil && rowAlias.MatchString(sql) {
				return
			}
			// It takes ? COLLATE x, but not 2 COLLATE x. Where the server
			// computes the statement it judges the literals as well.
			if p.Shadow == ShadowMust {
				return
			}
			if executed(st, env) {
				t.Fatalf("%q: absorbed as %s, but not one statement for the parser", sql, p.Verb)
			}
			return
		}
		var is bool
		switch s := stmt.(type) {
		case *ast.InsertStmt:
			is = s.IsReplace == (p.Verb == Replace) && (len(s.OnDuplicate) > 0) == (p.Verb == Upsert) && p.insert != nil
		case *ast.UpdateStmt:
			is = p.Verb == Update
		case *ast.DeleteStmt:
			is = p.Verb == Delete
		case *ast.SelectStmt:
			is = p.Verb == PointRead && s.LockInfo == nil
		}
		if !is {
			t.Fatalf("%q: absorbed as %s, for the parser it is %T", sql, p.Verb, stmt)
		}
	})
}

// executed reports whether the values of a planned statement are accepted too:
// LIMIT '1' has the shape of LIMIT 1, and is refused for its value.
func executed(st *Statement, env *Env) bool {
	args := st.Args(make([]Arg, st.NumParams))
	if st.Plan.insert != nil {
		_, reason := st.Plan.Rows(args, env)
		return reason == "" || st.Plan.Shadow != ShadowNo
	}
	_, keys := st.Plan.Keys(args, env)
	_, index := st.Plan.IndexKeys(args, env)
	_, _, shadow := st.Plan.Candidates(args, env)
	return keys == "" || index == "" || shadow == ""
}

// arguments cuts bytes into as many parameters as a statement has.
func arguments(n int, kinds, data []byte) []Arg {
	args := make([]Arg, n)
	for i := range args {
		var kind, size byte
		if len(kinds) > 0 {
			kind = kinds[i%len(kinds)]
		}
		if len(data) > 0 {
			size, data = data[0], data[1:]
		}
		text := data[:min(int(size%64), len(data))]
		data = data[len(text):]
		if args[i].Kind = row.ValueKind(kind % byte(row.KindDefault)); args[i].Kind != row.KindNull {
			args[i].Text = text
		}
	}
	return args
}

// FuzzBind gives the plans of statements any parameters: what comes out is a
// whole row in stored form, or keys that name rows; and nothing panics, though
// a client may send texts that are no numbers as numbers.
func FuzzBind(f *testing.F) {
	for _, c := range []struct{ sql, kinds, data string }{
		{"INSERT INTO users (id, email, n, balance, created) VALUES (?, ?, ?, ?, ?)", "\x01\x05\x01\x03\x08", "\x017\x03a@b\x0242\x0510.50\x132020-01-02 03:04:05"},
		{"UPDATE users SET n = n + ?, balance = balance * ? WHERE id = ?", "\x01\x03\x02", "\x011\x031.5\x017"},
		{"DELETE FROM order_items WHERE order_id = ? AND line IN (?, ?)", "\x01", "\x011\x012\x013"},
		{"SELECT * FROM users WHERE email = ? AND n > ? LIMIT ?", "\x05\x01\x01", "\x03a@b\x010\x011"},
		{"INSERT INTO users (id, email) VALUES (?, ?) ON DUPLICATE KEY UPDATE n = n + VALUES(id), name = ?", "\x01\x05\x05", "\x017\x03a@b\x01x"},
	} {
		f.Add(c.sql, uint16(0), []byte(c.kinds), []byte(c.data))
		f.Add(c.sql, uint16(1<<7), []byte(c.kinds), []byte(c.data))
		f.Add(c.sql, uint16(1<<6|1<<7|1<<8), []byte("\x05"), []byte(c.data))
	}
	cat := shop()
	f.Fuzz(func(t *testing.T, sql string, bits uint16, kinds, data []byte) {
		env := fuzzedEnv(bits)
		st := NewPlanner(1).Plan([]byte(sql), env, cat)
		p := st.Plan
		if p.Verb == PassThrough {
			return
		}
		args := st.Args(arguments(st.NumParams, kinds, data))
		if p.insert != nil {
			rows, reason := p.Rows(args, env)
			if reason == "" && len(rows) != len(p.insert.rows) {
				t.Errorf("%q: %d rows", sql, len(rows))
			}
			for _, r := range rows {
				whole(t, sql, p.Table, r.Image, r.Generate)
			}
			p.Generates(args, env)
		}
		im := shopRow(p.Table)
		before := im.Clone()
		if next, changed, reason := p.Apply(im, args, env); reason == "" && p.Verb == Update {
			whole(t, sql, p.Table, next, false)
			if len(changed) == 0 && !next.Equal(im) {
				t.Errorf("%q: changed, but no column is named", sql)
			}
		}
		p.ApplyDuplicate(im, im, args, env)
		p.Matches(im, args, env)
		if !im.Equal(before) {
			t.Errorf("%q changed the image that it was given", sql)
		}
		if refs, reason := p.Keys(args, env); reason == "" {
			for i, r := range refs {
				if again, err := row.EncodeKey(p.Table, r.Values); err != nil || again.Key != r.Key || i > 0 && refs[i-1].Key >= r.Key {
					t.Errorf("%q: key %d is %q, its values encode to %q, %v", sql, i, r.Key, again.Key, err)
				}
			}
		}
		p.IndexKeys(args, env)
		p.Candidates(args, env)
	})
}

// whole checks that an image is a row of the table in stored form.
func whole(t *testing.T, sql string, table *schema.Table, im row.Image, generate bool) {
	t.Helper()
	if len(im) != len(table.Columns) {
		t.Fatalf("%q: a row of %d columns", sql, len(im))
	}
	for c, v := range im {
		col := &table.Columns[c]
		if v == nil && col.NotNull && !(generate && c == table.AutoIncrement) {
			t.Errorf("%q: NULL in column %s", sql, col.Name)
		}
	}
	if !generate {
		if _, err := row.IndexRef(table, im); err != nil {
			t.Errorf("%q: a row without a key: %q, %v", sql, im, err)
		}
	}
}
