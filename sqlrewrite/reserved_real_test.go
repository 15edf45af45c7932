package sqlrewrite

import (
	"database/sql"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// places are where a bare name may stand in an absorbed statement, with the
// errors that say it was taken for a name there. No error: an alias.
var places = []struct {
	text string
	want []uint16
}{
	{"INSERT INTO t (@) VALUES (1)", []uint16{1054}},
	{"INSERT INTO t (a, @) VALUES (1,2)", []uint16{1054}},
	{"INSERT INTO t SET @ = 1", []uint16{1054}},
	{"INSERT INTO @ VALUES (1)", []uint16{1146}},
	{"INSERT INTO @(a) VALUES (1)", []uint16{1146}},
	{"INSERT INTO @ SET a = 1", []uint16{1146}},
	{"UPDATE @ SET a = 1 WHERE a = 1", []uint16{1146}},
	{"UPDATE t SET @ = 1 WHERE a = 1", []uint16{1054}},
	{"UPDATE t SET a = @ WHERE a = 1", []uint16{1054}},
	{"UPDATE t SET a = @ + 1 WHERE a = 1", []uint16{1054}},
	{"UPDATE t SET a = 1 - @ * 2 WHERE a = 1", []uint16{1054}},
	{"UPDATE t SET a = 1 WHERE @ = 1", []uint16{1054}},
	{"UPDATE t SET a = 1 WHERE @ IN (1)", []uint16{1054}},
	{"UPDATE t SET a = 1 WHERE 1 = @", []uint16{1054}},
	{"UPDATE t SET a = 1 WHERE (a, @) IN ((1, 2))", []uint16{1054}},
	{"UPDATE t AS @ SET a = 1 WHERE a = 1", nil},
	{"UPDATE t @ SET a = 1 WHERE a = 1", nil},
	{"DELETE FROM @ WHERE a = 1", []uint16{1146}},
	{"SELECT @ FROM t WHERE a = 1", []uint16{1054}},
	{"SELECT a, @ FROM t WHERE a = 1", []uint16{1054}},
	{"SELECT a AS @ FROM t WHERE a = 1", nil},
	{"SELECT a @ FROM t WHERE a = 1", nil},
	{"SELECT a FROM @ WHERE a = 1", []uint16{1146}},
	{"SELECT a FROM t AS @ WHERE a = 1", nil},
	{"SELECT a FROM t @ WHERE a = 1", nil},
	{"SELECT a FROM t WHERE a = 1 ORDER BY @", []uint16{1054}},
	{"SELECT @.a FROM t WHERE a = 1", []uint16{1054, 1109}},
	{"SELECT t.@ FROM t WHERE a = 1", []uint16{1054}},
	{"SELECT a FROM @.t WHERE a = 1", []uint16{1049, 1146}},
}

// TestReservedWords asks both servers, for each of their keywords that the
// parser takes for a name, whether they do too.
func TestReservedWords(t *testing.T) {
	both(t, func(t *testing.T, db *servertest.DB) {
		pool := db.Open(t, db.Database(t))
		if _, err := pool.Exec("CREATE TABLE t (a INT PRIMARY KEY, b INT)"); err != nil {
			t.Fatal(err)
		}
		asked := 0
		for w := range strings.FieldsSeq(strings.Join(keywords(t, pool), " ") + callWords + " uuid id name value n _utf8 _filename _id n _") {
			if reserved[w] {
				continue
			}
			for _, place := range places {
				if strings.Contains(place.text, "@(") && calls[w] {
					continue
				}
				asked++
				text := strings.ReplaceAll(place.text, "@", w)
				stmt, err := pool.Prepare(text)
				if err == nil {
					stmt.Close()
				}
				var e *mysql.MySQLError
				if ok := err == nil && place.want == nil || errors.As(err, &e) && slices.Contains(place.want, e.Number); !ok {
					t.Errorf("%s: %s: %v", w, text, err)
				}
			}
		}
		if asked < 5000 {
			t.Errorf("only %d statements tried", asked)
		}
	})
}

// TestIgnoreSpace asks both servers, for each word that one of them knows, whether
// IGNORE_SPACE makes something else than a name of it before a space and a
// parenthesis, and expects that of no word that callsApart does not know.
func TestIgnoreSpace(t *testing.T) {
	both(t, func(t *testing.T, db *servertest.DB) {
		pool := db.Open(t, db.Database(t))
		words := append(keywords(t, pool), strings.Fields(callWords+pureWords+pureWordsMySQL8+onceWords+aggregateWords+treeWords)...)
		var names sql.NullString
		// Only MariaDB has this view.
		if err := pool.QueryRow("SELECT GROUP_CONCAT(LOWER(FUNCTION) SEPARATOR ' ') FROM information_schema.SQL_FUNCTIONS").Scan(&names); err == nil {
			words = append(words, strings.Fields(names.String)...)
		}
		conn, err := pool.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		code := func(mode, text string) uint16 {
			if _, err := conn.ExecContext(t.Context(), "SET sql_mode = '"+mode+"'"); err != nil {
				t.Fatal(err)
			}
			_, err := conn.ExecContext(t.Context(), text)
			var e *mysql.MySQLError
			if !errors.As(err, &e) {
				t.Fatalf("%s: %v", text, err)
			}
			return e.Number
		}
		changed := 0
		for _, w := range words {
			if reserved[w] {
				continue
			}
			into, where := "INSERT INTO "+w+" (a) VALUES (1)", "UPDATE nosuch SET a = "+w+" WHERE "+w+" IN (1)"
			if plain, mode := code("", into), code("IGNORE_SPACE", into); plain != mode {
				changed++
				if !apart[w] {
					t.Errorf("%s is not known to be a function behind a space: %d, %d", w, plain, mode)
				}
			}
			if plain, mode := code("", where), code("IGNORE_SPACE", where); plain != mode {
				t.Errorf("%s is something else without a parenthesis behind it: %d, %d", w, plain, mode)
			}
		}
		if len(words) < 500 || changed < 20 {
			t.Errorf("%d words tried, %d are functions behind a space", len(words), changed)
		}
	})
}

// keywords are the server's own and its character set introducers, in lower case.
func keywords(t *testing.T, pool *sql.DB) []string {
	t.Helper()
	rows, err := pool.Query(`SELECT LOWER(WORD) FROM information_schema.KEYWORDS
		UNION ALL SELECT CONCAT('_', LOWER(CHARACTER_SET_NAME)) FROM information_schema.CHARACTER_SETS`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var w sql.NullString
		if err := rows.Scan(&w); err != nil {
			t.Fatal(err)
		}
		if strings.Trim(w.String, "abcdefghijklmnopqrstuvwxyz0123456789_") == "" {
			out = append(out, w.String)
		}
	}
	return out
}

// TestAbsorbedGolden: both servers accept every statement of the golden files
// that is computed here, as a text without a warning or an error of syntax or
// name.
func TestAbsorbedGolden(t *testing.T) {
	var texts [2]string
	for i, file := range []string{"absorb.txt", "shadow.txt"} {
		data, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(data)
	}
	both(t, func(t *testing.T, db *servertest.DB) {
		s := start(t, db, `CREATE TABLE users (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, email VARCHAR(100) NOT NULL,
			name VARCHAR(50) DEFAULT 'x', n INT, balance DECIMAL(12,2), created DATETIME DEFAULT CURRENT_TIMESTAMP,
			updated TIMESTAMP(3) NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3), UNIQUE (email))`,
			"CREATE TABLE order_items (order_id BIGINT NOT NULL, line INT NOT NULL, sku VARCHAR(20), qty INT UNSIGNED, PRIMARY KEY (order_id, line))")
		env := s.session(modes[0], 0, time.Unix(1790000000, 0).UTC())
		n := 0
		shadows := *env
		shadows.Shadows, shadows.Version = true, 80400
		for line := range strings.Lines(texts[0] + texts[1]) {
			text, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "> ")
			text = strings.NewReplacer(`\n`, "\n", "app.", s.db+".").Replace(text)
			if !ok {
				continue
			}
			if p := NewPlanner(1).Plan([]byte(text), &shadows, s.cat).Plan; p.Verb == PassThrough || p.Shadow == ShadowMust {
				continue
			}
			stmt, err := s.conn.PrepareContext(t.Context(), strings.TrimSuffix(text, ";"))
			if err != nil {
				t.Errorf("%s: absorbed, but: %v", text, err)
				continue
			}
			if w := s.warnings(); len(w) > 0 {
				t.Errorf("%s: absorbed, but warned: %s", text, w[0])
			}
			stmt.Close()
			n++
		}
		if n < 70 {
			t.Errorf("only %d statements tried", n)
		}
	})
}
