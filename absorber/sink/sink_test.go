package sink

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/client"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// world is a server with a database of its own and the sink's tables in it.
type world struct {
	db      *servertest.DB
	name    string // the test's database; the sink's tables are in it too
	dialect schema.Dialect
	sql     *sql.DB
}

// onServers runs a test on MariaDB and on MySQL.
func onServers(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	for _, s := range []struct {
		name    string
		dialect schema.Dialect
		start   func(testing.TB) *servertest.DB
	}{{"MariaDB", schema.MariaDB, servertest.MariaDB}, {"MySQL", schema.MySQL, servertest.MySQL}} {
		t.Run(s.name, func(t *testing.T) {
			db := s.start(t)
			w := &world{db: db, name: db.Database(t), dialect: s.dialect}
			w.sql = db.Open(t, w.name)
			test(t, w)
		})
	}
}

// open gives a sink on the server, or on addr if it is not empty.
func (w *world) open(t *testing.T, addr string) *Sink {
	t.Helper()
	if addr == "" {
		addr = w.db.Addr
	}
	s := Open(Config{Database: w.name, Dial: func(ctx context.Context) (*client.Conn, error) {
		d := &net.Dialer{Timeout: 5 * time.Second}
		return client.ConnectWithDialer(ctx, "tcp", addr, w.db.User, w.db.Password, "", d.DialContext, Capabilities)
	}})
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// owned gives a sink that has taken the lane over.
func (w *world) owned(t *testing.T, lane row.Lane) (*Sink, Checkpoint) {
	t.Helper()
	s := w.open(t, "")
	if err := s.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	cp, err := s.Takeover(t.Context(), lane, 0)
	if err != nil {
		t.Fatal(err)
	}
	return s, cp
}

// pairs makes the table (id INT PRIMARY KEY, v VARCHAR(50), u INT UNIQUE).
func (w *world) pairs(t *testing.T) *schema.Table {
	t.Helper()
	w.db.Exec(t, w.name, "CREATE TABLE pairs (id INT PRIMARY KEY, v VARCHAR(50), u INT, UNIQUE KEY u (u))")
	return w.table()
}

// table is the definition of pairs.
func (w *world) table() *schema.Table {
	return &schema.Table{
		Name: schema.Name{DB: w.name, Table: "pairs"}, Dialect: w.dialect, Version: 1, AutoIncrement: -1,
		Columns: []schema.Column{
			{Name: "id", Type: schema.Int, ColumnType: "int", NotNull: true},
			{Name: "v", Type: schema.Varchar, ColumnType: "varchar(50)", Length: 50},
			{Name: "u", Type: schema.Int, ColumnType: "int"},
		},
		Primary: schema.Index{Name: "PRIMARY", Columns: []int{0}, Prefix: []int{0}},
		Uniques: []schema.Index{{Name: "u", Columns: []int{2}, Prefix: []int{0}}},
	}
}

// change makes a change of a row of pairs.
func change(t *schema.Table, lsn row.LSN, op row.Op, id int, v string, u int, changed ...uint16) Change {
	return Change{Table: t, LSN: lsn, Mutation: row.Mutation{
		Table: t.Name.String(), Key: row.Key(fmt.Sprint(id)), Op: op, Schema: 1, Changed: changed,
		Image: row.Image{[]byte(fmt.Sprint(id)), []byte(v), []byte(fmt.Sprint(u))},
	}}
}

// rows prints the rows of a query, a line each.
func (w *world) rows(t *testing.T, query string) string {
	t.Helper()
	rs, err := w.sql.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Close()
	cols, err := rs.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for rs.Next() {
		vals := make([]sql.NullString, len(cols))
		ptrs := make([]any, len(cols))
		for i := range vals {
			ptrs[i] = &vals[i]
		}
		if err := rs.Scan(ptrs...); err != nil {
			t.Fatal(err)
		}
		var line []string
		for _, v := range vals {
			if v.Valid {
				line = append(line, v.String)
			} else {
				line = append(line, "NULL")
			}
		}
		out = append(out, strings.Join(line, " "))
	}
	if err := rs.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, "\n")
}

// expectKind fails unless err is a *row.Error of the kind.
func expectKind(t *testing.T, err error, kind row.Kind) *row.Error {
	t.Helper()
	var e *row.Error
	if !errors.As(err, &e) || e.Kind != kind {
		t.Fatalf("got %v, want a %s error", err, kind)
	}
	return e
}

func TestApplyMovesRowsAndCheckpointTogether(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, cp := w.owned(t, "main")
		if !reflect.DeepEqual(cp, Checkpoint{Epoch: 1}) {
			t.Fatalf("a new lane starts at %+v", cp)
		}
		tab := w.pairs(t)
		b := Batch{Lane: "main", Epoch: 1, Incarnation: "abc", From: 0, To: 3, Changes: []Change{
			change(tab, 1, row.Insert, 1, "it's \\ a", 10), change(tab, 2, row.Insert, 2, "b", 20), change(tab, 3, row.Insert, 3, "c", 30)}}
		if err := s.Apply(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		b = Batch{Lane: "main", Epoch: 1, Incarnation: "abc", From: 3, To: 6, Changes: []Change{
			change(tab, 4, row.Insert, 4, "d", 20), change(tab, 5, row.Update, 1, "A", 10, 1), change(tab, 6, row.Delete, 2, "b", 20)}}
		if err := s.Apply(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if got, want := w.rows(t, "SELECT * FROM pairs ORDER BY id"), "1 A 10\n3 c 30\n4 d 20"; got != want {
			t.Errorf("rows:\n%s\nwant:\n%s", got, want)
		}
		cp, err := s.Checkpoint(t.Context(), "main")
		if err != nil || !reflect.DeepEqual(cp, Checkpoint{Epoch: 1, LSN: 6, Incarnation: "abc"}) {
			t.Errorf("checkpoint %+v, %v", cp, err)
		}
		// The same batch again is recognised.
		if err := s.Apply(t.Context(), b); err != nil {
			t.Errorf("repeat: %v", err)
		}
	})
}

func TestApplyRefusesWhatDiverges(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, _ := w.owned(t, "main")
		tab := w.pairs(t)
		w.db.Exec(t, w.name, "INSERT INTO pairs VALUES (1,'a',10),(2,'b',20)")
		for name, c := range map[string][]Change{
			"duplicate key":    {change(tab, 1, row.Insert, 1, "x", 99)},
			"duplicate unique": {change(tab, 1, row.Insert, 9, "x", 10)},
			"update of none":   {change(tab, 1, row.Update, 7, "x", 70, 1)},
			"delete of none":   {change(tab, 1, row.Delete, 1, "a", 10), change(tab, 1, row.Delete, 7, "x", 70)},
			"too long":         {change(tab, 1, row.Insert, 9, strings.Repeat("x", 51), 90)},
			"wrong image":      {{Table: tab, LSN: 1, Mutation: row.Mutation{Op: row.Insert, Image: row.Image{[]byte("1")}}}},
			"not a number":     {{Table: tab, LSN: 1, Mutation: row.Mutation{Op: row.Insert, Image: row.Image{[]byte("1);DROP TABLE pairs"), nil, nil}}}},
			"good, then bad":   {change(tab, 1, row.Insert, 5, "x", 50), change(tab, 1, row.Update, 7, "x", 70, 1)},
		} {
			err := s.Apply(t.Context(), Batch{Lane: "main", Epoch: 1, From: 0, To: 1, Changes: c})
			if e := expectKind(t, err, row.Permanent); e.LSN != 1 || !strings.Contains(err.Error(), "pairs") {
				t.Errorf("%s: %v names no table or LSN", name, err)
			}
		}
		// An update that matches and changes nothing is not a divergence.
		if err := s.Apply(t.Context(), Batch{Lane: "main", Epoch: 1, From: 0, To: 1, Changes: []Change{change(tab, 1, row.Update, 1, "a", 10, 1)}}); err != nil {
			t.Error(err)
		}
		if got := w.rows(t, "SELECT * FROM pairs ORDER BY id"); got != "1 a 10\n2 b 20" {
			t.Errorf("rows: %s", got)
		}
	})
}

func TestUpdateKeepsColumnsTheServerWouldTouch(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, _ := w.owned(t, "main")
		w.db.Exec(t, w.name, "CREATE TABLE stamped (id INT PRIMARY KEY, v INT, at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3))",
			"INSERT INTO stamped VALUES (1,1,'2001-02-03 04:05:06.789')")
		tab := &schema.Table{
			Name: schema.Name{DB: w.name, Table: "stamped"}, Columns: []schema.Column{
				{Name: "id", Type: schema.Int}, {Name: "v", Type: schema.Int}, {Name: "at", Type: schema.Timestamp, Fsp: 3, OnUpdateNow: true}},
			Primary: schema.Index{Columns: []int{0}},
		}
		im := row.Image{[]byte("1"), []byte("2"), []byte("2001-02-03 04:05:06.789")}
		err := s.Apply(t.Context(), Batch{Lane: "main", Epoch: 1, To: 1, Changes: []Change{
			{Table: tab, LSN: 1, Mutation: row.Mutation{Op: row.Update, Image: im, Changed: []uint16{1}}}}})
		if err != nil {
			t.Fatal(err)
		}
		if got := w.rows(t, "SELECT v, at + INTERVAL 0 SECOND FROM stamped"); got != "2 2001-02-03 04:05:06.789" {
			t.Errorf("got %s", got)
		}
	})
}

func TestDeadLettersComeBackWhole(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, _ := w.owned(t, "main")
		s.cfg.MaxStatement = 2048
		unit := make([]byte, 5000)
		for i := range unit {
			unit[i] = byte(i * 7)
		}
		letters := []DeadLetter{
			{Lane: "main", LSN: 1, Tables: "a.b", Code: 1062, Cause: "Duplicate entry 'x'", Unit: unit},
			{Lane: "main", LSN: 2, Tables: "a.b,a.c", Cause: "parked behind lsn 1", Unit: []byte{}},
		}
		if err := s.Apply(t.Context(), Batch{Lane: "main", Epoch: 1, To: 2, Dead: letters}); err != nil {
			t.Fatal(err)
		}
		var got []DeadLetter
		for after := uint64(0); ; {
			page, err := s.DeadLetters(t.Context(), "main", after, 1)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
			after = page[0].ID
		}
		if len(got) != 2 || string(got[0].Unit) != string(unit) || got[0].Cause != letters[0].Cause || got[0].Code != 1062 ||
			got[1].LSN != 2 || got[1].Tables != "a.b,a.c" || len(got[1].Unit) != 0 {
			t.Errorf("got %+v", got)
		}
		if n, err := s.DeadLetterCount(t.Context(), "main"); n != 2 || err != nil {
			t.Errorf("count %d, %v", n, err)
		}
		if n, err := s.DeadLetterCount(t.Context(), "other"); n != 0 || err != nil {
			t.Errorf("count of another lane %d, %v", n, err)
		}
	})
}

func TestEnsureNamesTheGrant(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		user := "u" + w.name[:3]
		w.db.Exec(t, "", "DROP USER IF EXISTS "+user, "CREATE USER "+user+" IDENTIFIED BY 'secret'")
		s := Open(Config{Database: w.name, Dial: func(ctx context.Context) (*client.Conn, error) {
			return client.ConnectWithContext(ctx, w.db.Addr, user, "secret", "", 5*time.Second, Capabilities)
		}})
		defer s.Close()
		e := expectKind(t, s.Ensure(t.Context()), row.Transient)
		if !strings.Contains(e.Hint, "GRANT") {
			t.Errorf("no GRANT in the hint of %v", e)
		}
		w.db.Exec(t, "", "GRANT CREATE, SELECT, INSERT, UPDATE, DELETE ON "+w.name+".* TO "+user)
		if err := s.Ensure(t.Context()); err != nil {
			t.Errorf("with the grant: %v", err)
		}
		if err := s.Ensure(t.Context()); err != nil {
			t.Errorf("again: %v", err)
		}
	})
}

// expectKindIn is expectKind for any of several kinds.
func expectKindIn(t *testing.T, err error, kinds ...row.Kind) *row.Error {
	t.Helper()
	var e *row.Error
	if errors.As(err, &e) {
		for _, k := range kinds {
			if e.Kind == k {
				return e
			}
		}
	}
	t.Fatalf("got %v, want one of %v", err, kinds)
	return nil
}

// refusedData reports whether err is Permanent.
func refusedData(err error) bool {
	var e *row.Error
	return errors.As(err, &e) && e.Kind == row.Permanent
}

// unreachable is a Dial to a server that is away.
func unreachable(context.Context) (*client.Conn, error) {
	return nil, errors.New("connection refused")
}
