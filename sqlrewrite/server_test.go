package sqlrewrite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// server is one connection to a real server, a second one that reads what is
// stored, and the catalog of its database.
type server struct {
	t          *testing.T
	conn, read *sql.Conn
	db         string
	cat        *schema.Catalog
}

// query asks the server and gives text results.
func (s *server) query(conn *sql.Conn, q string) ([][][]byte, error) {
	rows, err := conn.QueryContext(context.Background(), q)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var out [][][]byte
	for rows.Next() {
		cells := make([]sql.RawBytes, len(names))
		into := make([]any, len(names))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		line := make([][]byte, len(names))
		for i, c := range cells {
			if c != nil {
				line[i] = append([]byte{}, c...)
			}
		}
		out = append(out, line)
	}
	return out, rows.Err()
}

// Query is schema.Queryer on the reading connection.
func (s *server) Query(q string) ([][][]byte, error) { return s.query(s.read, q) }

// exec runs statements that must succeed.
func (s *server) exec(statements ...string) {
	s.t.Helper()
	for _, q := range statements {
		if _, err := s.conn.ExecContext(context.Background(), q); err != nil {
			s.t.Fatalf("%s: %v", q, err)
		}
	}
}

// start makes a database with the tables and reads its catalog.
func start(t *testing.T, db *servertest.DB, ddl ...string) *server {
	t.Helper()
	s := &server{t: t, db: db.Database(t)}
	pool := db.Open(t, s.db)
	for _, c := range []**sql.Conn{&s.conn, &s.read} {
		conn, err := pool.Conn(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		*c = conn
		t.Cleanup(func() { conn.Close() })
	}
	s.exec("SET NAMES utf8mb4")
	s.exec(ddl...)
	if _, err := s.read.ExecContext(context.Background(), "SET NAMES utf8mb4, time_zone = '+00:00'"); err != nil {
		t.Fatal(err)
	}
	cat, err := schema.Load(s, schema.Match([]string{s.db + ".*"}), schema.Options{CollationExact: row.CollationExact})
	if err != nil {
		t.Fatal(err)
	}
	s.cat = cat
	for _, tb := range cat.Tables() {
		if !tb.Absorbable() {
			t.Fatalf("%s: %s", tb.Name, tb.Explain())
		}
	}
	return s
}

// session sets the server's session to an Env's and gives the Env.
func (s *server) session(mode SQLMode, zone time.Duration, now time.Time) *Env {
	s.t.Helper()
	e := session()
	e.DB, e.Mode, e.Now = s.db, mode, now
	e.Dialect, e.LowerCaseNames = s.cat.Dialect(), s.cat.LowerCaseNames()
	e.Location = time.FixedZone("", int(zone.Seconds()))
	names := []string{}
	for bit, name := range map[SQLMode]string{ModeStrict: "STRICT_TRANS_TABLES", ModeNoZeroDate: "NO_ZERO_DATE",
		ModeNoZeroInDate: "NO_ZERO_IN_DATE", ModeErrorForDivisionByZero: "ERROR_FOR_DIVISION_BY_ZERO",
		ModePadCharToFullLength: "PAD_CHAR_TO_FULL_LENGTH", ModePipesAsConcat: "PIPES_AS_CONCAT", ModeHighNotPrecedence: "HIGH_NOT_PRECEDENCE",
		ModeNoUnsignedSubtraction: "NO_UNSIGNED_SUBTRACTION", ModeNoAutoValueOnZero: "NO_AUTO_VALUE_ON_ZERO"} {
		if mode&bit != 0 {
			names = append(names, name)
		}
	}
	h, m := int(zone.Hours()), int(zone.Minutes())%60
	s.exec(fmt.Sprintf("SET sql_mode = '%s', time_zone = '%+03d:%02d', timestamp = %d.%06d",
		strings.Join(names, ","), h, max(m, -m), now.Unix(), now.Nanosecond()/1000))
	return e
}

// image reads a row in its stored form; nil if there is none.
func (s *server) image(t *schema.Table, where string) row.Image {
	s.t.Helper()
	var list []string
	for i := range t.Columns {
		name := "`" + t.Columns[i].Name + "`"
		switch t.Columns[i].Type {
		case schema.Float:
			name = "CAST(CAST(" + name + " AS DOUBLE) AS CHAR)" // all digits
		case schema.Double, schema.Int, schema.Year:
			name = "CAST(" + name + " AS CHAR)" // the driver would print numbers itself
		}
		list = append(list, name)
	}
	rows, err := s.query(s.read, "SELECT "+strings.Join(list, ", ")+" FROM "+t.Name.Table+" WHERE "+where)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(rows) == 0 {
		return nil
	}
	im := row.Image(rows[0])
	for i := range t.Columns {
		if t.Columns[i].Type == schema.Float && im[i] != nil {
			im[i] = shortFloat(s.t, im[i])
		}
	}
	return im
}

// warnings is the number of warnings of the last statement.
func (s *server) warnings() [][][]byte {
	s.t.Helper()
	rows, err := s.query(s.conn, "SHOW WARNINGS")
	if err != nil {
		s.t.Fatal(err)
	}
	return rows
}

// both runs a test on MariaDB and on MySQL.
func both(t *testing.T, run func(t *testing.T, db *servertest.DB)) {
	t.Run("mariadb", func(t *testing.T) { run(t, servertest.MariaDB(t)) })
	t.Run("mysql", func(t *testing.T) { run(t, servertest.MySQL(t)) })
}
