package row_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/client"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// storeSession is one way a session may be set up.
type storeSession struct {
	sqlMode  string
	zone     string
	mode     row.StoreMode
	dialects []schema.Dialect // that have the mode
	temporal bool             // makes no difference but to temporal columns
}

func storeSessions() []storeSession {
	utc, kolkata := time.UTC, time.FixedZone("", 5*3600+1800)
	both := []schema.Dialect{schema.MySQL, schema.MariaDB}
	return []storeSession{
		{"STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE", "+00:00", row.StoreMode{Strict: true, NoZeroDate: true, NoZeroInDate: true, Location: utc}, both, false},
		{"", "+00:00", row.StoreMode{Location: utc}, both, false},
		{"STRICT_ALL_TABLES", "+05:30", row.StoreMode{Strict: true, Location: kolkata}, both, true},
		{"STRICT_TRANS_TABLES,ALLOW_INVALID_DATES", "+00:00", row.StoreMode{Strict: true, AllowInvalidDates: true, Location: utc}, both, true},
		{"NO_ZERO_DATE", "+00:00", row.StoreMode{NoZeroDate: true, Location: utc}, both, true},
		{"NO_ZERO_IN_DATE", "+00:00", row.StoreMode{NoZeroInDate: true, Location: utc}, both, true},
		{"STRICT_TRANS_TABLES,TIME_TRUNCATE_FRACTIONAL", "+00:00", row.StoreMode{Strict: true, TimeTruncateFractional: true, Location: utc}, both[:1], true},
		{"STRICT_TRANS_TABLES,TIME_ROUND_FRACTIONAL", "+00:00", row.StoreMode{Strict: true, TimeRoundFractional: true, Location: utc}, both[1:], true},
	}
}

// TestStoreOnRealServers stores every value of storeValues into every column of
// storeColumns under every session: where Store says clean, the server must
// store exactly those bytes without a word, as a literal and as a parameter.
func TestStoreOnRealServers(t *testing.T) { eachServer(t, testStore) }

func testStore(s *storeServer, dialect schema.Dialect) {
	t := s.t
	values := storeValues()
	for i, col := range storeColumns(dialect) {
		temporal := col.Type >= schema.Date && col.Type <= schema.Time
		table := fmt.Sprintf("s%d", i)
		s.exec("SET SESSION sql_mode=''")
		s.exec("CREATE TABLE " + table + " (id INT AUTO_INCREMENT PRIMARY KEY, v " + col.ColumnType + " NULL DEFAULT NULL)")
		for _, session := range storeSessions() {
			if slices.Contains(session.dialects, dialect) && (temporal || !session.temporal) {
				session.mode.Dialect = dialect
				s.column(table, &col, session, values)
			}
		}
		s.exec("DROP TABLE " + table)
	}
	t.Logf("%d of %d pairs clean, %d also tried as parameters", s.clean, s.pairs, s.bound)
	if s.clean < 10000 || s.bound < 10000 {
		t.Errorf("too few clean pairs to prove anything: %d, %d as parameters", s.clean, s.bound)
	}
}

// storeCase is a clean pair: the value and what Store made of it.
type storeCase struct {
	value  row.Value
	stored []byte
}

// column tries all values on one column in one session.
func (s *storeServer) column(table string, col *schema.Column, session storeSession, values []row.Value) {
	s.exec("SET SESSION sql_mode='" + session.sqlMode + "', time_zone='" + session.zone + "'")
	var cases []storeCase
	for _, v := range values {
		s.pairs++
		if stored, clean := row.Store(col, v, session.mode); clean {
			cases = append(cases, storeCase{v, stored})
		}
	}
	s.clean += len(cases)
	s.literals(table, col, session, cases)
	s.parameters(table, col, session, cases)
}

// literals inserts all cases with one statement; if the server has anything to
// say about it, singly, to find out about which.
func (s *storeServer) literals(table string, col *schema.Column, session storeSession, cases []storeCase) {
	s.exec("TRUNCATE " + table)
	var rows []string
	for _, c := range cases {
		if text, ok := literal(c.value); ok {
			rows = append(rows, "("+text+")")
		}
	}
	cases = slices.DeleteFunc(slices.Clone(cases), func(c storeCase) bool { _, ok := literal(c.value); return !ok })
	if r, err := s.conn.Execute("INSERT INTO " + table + " (v) VALUES " + strings.Join(rows, ",")); err == nil && r.Warnings == 0 {
		s.compare(table, col, session, cases)
		return
	}
	for i, c := range cases {
		r, err := s.conn.Execute("INSERT INTO " + table + " (v) VALUES " + rows[i])
		if err != nil {
			s.t.Errorf("%s <- %.80q under %q: %v", col.ColumnType, rows[i], session.sqlMode, err)
		} else if r.Warnings > 0 {
			s.t.Errorf("%s <- %.80q under %q: %d warnings, Store says %.80q", col.ColumnType, rows[i], session.sqlMode, r.Warnings, c.stored)
		}
	}
}

// parameters inserts the cases through prepared statements, one for each kind.
func (s *storeServer) parameters(table string, col *schema.Column, session storeSession, cases []storeCase) {
	s.exec("TRUNCATE " + table)
	s.exec("START TRANSACTION")
	var done []storeCase
	for kind := row.KindNull; kind < row.KindDefault; kind++ {
		stmt, err := s.conn.Prepare("INSERT INTO " + table + " (v) VALUES (?)")
		if err != nil {
			s.t.Fatal(err)
		}
		for _, c := range cases {
			arg, ok := parameter(c.value)
			if !ok || c.value.Kind != kind {
				continue
			}
			r, err := stmt.Execute(arg)
			if err != nil {
				s.t.Errorf("%s <- ? = %.80q under %q: %v", col.ColumnType, c.value.Text, session.sqlMode, err)
				continue
			}
			if r.Warnings > 0 {
				s.t.Errorf("%s <- ? = %.80q under %q: %d warnings", col.ColumnType, c.value.Text, session.sqlMode, r.Warnings)
			}
			done = append(done, c)
		}
		if err := stmt.Close(); err != nil {
			s.t.Fatal(err)
		}
	}
	s.exec("COMMIT")
	s.bound += len(done)
	s.compare(table, col, session, done)
	s.updates(table, col, session, done)
}

// updates gives the rows their values once more, by UPDATE with a parameter.
// The statement is prepared anew for each kind of value, as in parameters: once
// MySQL has seen a float in a parameter, it takes a later string there for a
// number ('00012' is stored as '12'), which no rule for single values can tell.
func (s *storeServer) updates(table string, col *schema.Column, session storeSession, cases []storeCase) {
	s.exec("UPDATE " + table + " SET v = NULL")
	s.exec("START TRANSACTION")
	var stmt *client.Stmt
	for i, c := range cases {
		if i == 0 || c.value.Kind != cases[i-1].value.Kind {
			var err error
			if stmt, err = s.conn.Prepare("UPDATE " + table + " SET v = ? WHERE id = ?"); err != nil {
				s.t.Fatal(err)
			}
			defer stmt.Close()
		}
		arg, _ := parameter(c.value)
		if r, err := stmt.Execute(arg, i+1); err != nil || r.Warnings > 0 {
			s.t.Errorf("UPDATE %s <- ? = %.80q under %q: %v or warnings", col.ColumnType, c.value.Text, session.sqlMode, err)
		}
	}
	s.exec("COMMIT")
	s.compare(table, col, session, cases)
}

// compare reads the table back and compares it with what Store said.
func (s *storeServer) compare(table string, col *schema.Column, session storeSession, cases []storeCase) {
	s.exec("SET SESSION time_zone='+00:00'")
	defer s.exec("SET SESSION time_zone='" + session.zone + "'")
	got := s.read(table, col)
	if len(got) != len(cases) {
		s.t.Errorf("%s: %d rows for %d cases", col.ColumnType, len(got), len(cases))
		return
	}
	for i, c := range cases {
		if string(got[i]) != string(c.stored) || (got[i] == nil) != (c.stored == nil) {
			s.t.Errorf("%s <- %.80q (kind %d) under %q: server has %.80q, Store said %.80q", col.ColumnType, c.value.Text, c.value.Kind, session.sqlMode, got[i], c.stored)
		}
	}
}

// read gives the column in stored form: FLOAT by the binary protocol, which has
// all its bits, the rest as the text protocol's row body.
func (s *storeServer) read(table string, col *schema.Column) (out [][]byte) {
	if col.Type == schema.Float {
		for _, r := range s.exec("SELECT v FROM "+table+" WHERE id > ? ORDER BY id", 0).RowDatas {
			if len(r) < 6 { // header, NULL bitmap
				out = append(out, nil)
				continue
			}
			out = append(out, row.FormatFloat32(math.Float32frombits(binary.LittleEndian.Uint32(r[2:]))))
		}
		return out
	}
	for _, r := range s.exec("SELECT v FROM " + table + " ORDER BY id").RowDatas {
		im, err := row.DecodeImage(r, 1)
		if err != nil {
			s.t.Fatalf("row body %x: %v", []byte(r), err)
		}
		out = append(out, im[0])
	}
	return out
}
