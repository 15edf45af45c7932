package absorber

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/client"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// Two sessions miss the same row. One fills it, and a third writes it, between
// the other's read of MySQL and its fill: that one must go on with the row as
// it is now, not with what it has read and the version of what is there.
func TestLateFillTakesTheNewRow(t *testing.T) {
	db := servertest.MariaDB(t)
	ensureCheckpoints(t, db)
	db.Exec(t, "", "CREATE DATABASE IF NOT EXISTS late", "CREATE OR REPLACE TABLE late.pairs (id INT PRIMARY KEY, v VARCHAR(50) COLLATE utf8mb4_bin, u INT)",
		"INSERT INTO late.pairs VALUES (1, 'old', 5)")
	t.Cleanup(func() { db.Exec(t, "", "DROP DATABASE late") })
	p := newPipeline(t)
	table := *pairs
	table.Name, table.Uniques = schema.Name{DB: "late", Table: "pairs"}, nil
	name := table.Name.String()
	infos, err := p.store.TableStates(t.Context(), "main", []string{name})
	if err != nil {
		t.Fatal(err)
	}
	st := infos[0].TableState
	ref, err := row.IndexRef(&table, row.Image{[]byte("1"), nil, nil})
	if err != nil {
		t.Fatal(err)
	}
	key := wal.RowKey{Table: name, Key: ref.Key}
	old, now := row.Image{[]byte("1"), []byte("old"), []byte("5")}, row.Image{[]byte("1"), []byte("new"), []byte("6")}
	var e *Engine
	e = p.engine(func(c *Config) {
		c.Dial = func(ctx context.Context) (*client.Conn, error) { // after the lease was taken, before the fill
			rows, err := p.store.Read(ctx, "main", st, []wal.RowKey{key}, true)
			if err != nil {
				return nil, err
			}
			filled, err := p.store.Fill(ctx, "main", st, key, rows[0].Lease, 1, old.AppendTo(nil), time.Hour)
			if err != nil {
				return nil, err
			}
			_, err = p.store.Commit(ctx, &wal.Commit{
				Unit: &row.Unit{ID: row.UnitID{Writer: "third", Seq: 1}, Lane: "main", Mutations: []row.Mutation{{Table: name, Key: ref.Key, Op: row.Update, Schema: 1, Image: now, Changed: []uint16{1, 2}}}},
				Gens: map[string]uint64{name: st.Gen}, Reads: []wal.RowRead{{RowKey: key, Version: filled.Version}},
				Writes: []wal.RowWrite{{RowKey: key, Schema: 1, Image: now.AppendTo(nil)}},
			})
			if err != nil {
				return nil, err
			}
			return client.ConnectWithContext(ctx, db.Addr, db.User, db.Password, "", time.Second, sink.Capabilities)
		}
	})
	defer e.loader.close()
	rows, err := e.current(t.Context(), &table, st, []row.Ref{ref})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(rows[0].im[1]); got != "new" {
		t.Errorf("the row is %q with the version of the one that was committed, want \"new\"", got)
	}
}

// ensureCheckpoints makes the tables that the proxy keeps in MySQL.
func ensureCheckpoints(t *testing.T, db *servertest.DB) {
	t.Helper()
	s := sink.Open(sink.Config{Dial: func(ctx context.Context) (*client.Conn, error) {
		return client.ConnectWithContext(ctx, db.Addr, db.User, db.Password, "", time.Second, sink.Capabilities)
	}})
	defer s.Close()
	if err := s.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A column that a DDL statement has just dropped is no failure of MySQL.
func TestLoadOfADroppedColumn(t *testing.T) {
	db := servertest.MariaDB(t)
	ensureCheckpoints(t, db)
	name := db.Database(t)
	db.Exec(t, name, "CREATE TABLE pairs (id INT PRIMARY KEY, u INT)", "INSERT INTO pairs VALUES (1, 5)")
	l := newLoader(func(ctx context.Context) (*client.Conn, error) {
		return client.ConnectWithContext(ctx, db.Addr, db.User, db.Password, "", time.Second, sink.Capabilities)
	}, "shock_absorber.checkpoint", 1, nil)
	defer l.close()
	table := *pairs
	table.Name = schema.Name{DB: name, Table: "pairs"}
	for what, n := range map[string]string{"column": "pairs", "table": "gone"} {
		table.Name.Table = n
		if _, err := l.byIndex(t.Context(), reached{}, &table, table.Primary, map[string][][]byte{"k": {[]byte("1")}}); !errors.Is(err, errSchema) {
			t.Errorf("a %s that is not there: %v", what, err)
		}
	}
}

// What MySQL says of a row counts only if it has every unit that was settled
// when the row was missed: a connection may lead to a server that was the
// primary until a moment ago, and the address to one that lags behind it.
func TestLoadFromMySQLThatLags(t *testing.T) {
	db := servertest.MariaDB(t)
	name := db.Database(t)
	db.Exec(t, name, "CREATE TABLE pairs (id INT PRIMARY KEY, v VARCHAR(50), u INT)", "INSERT INTO pairs VALUES (1, 'a', 5)")
	open := func(ctx context.Context) (*client.Conn, error) {
		return client.ConnectWithContext(ctx, db.Addr, db.User, db.Password, "", time.Second, sink.Capabilities)
	}
	ensureCheckpoints(t, db)
	lane, dials, next := row.Lane("lags-"+name), 0, 0
	l := newLoader(func(ctx context.Context) (*client.Conn, error) {
		dials++
		if next > 0 { // the other server has more
			db.Exec(t, "shock_absorber", fmt.Sprintf("REPLACE INTO checkpoint (lane, epoch, lsn) VALUES ('%s', 1, %d)", lane, next))
		}
		return open(ctx)
	}, "shock_absorber.checkpoint", 1, nil)
	defer l.close()
	defer db.Exec(t, "shock_absorber", fmt.Sprintf("DELETE FROM checkpoint WHERE lane = '%s'", lane))
	table := *pairs
	table.Name = schema.Name{DB: name, Table: "pairs"}
	for _, c := range []struct {
		what        string
		settled     row.LSN
		next, dials int
		fails       bool
	}{
		{"nothing was ever drained", 0, 0, 1, false},
		{"the first connection leads to a server without anything, the second as well", 7, 0, 2, true},
		{"the next one leads to one that has it", 7, 7, 3, false},
		{"and goes on", 7, 0, 3, false},
		{"it is not the primary any more", 9, 12, 4, false},
		{"the new one lags", 13, 11, 5, true},
	} {
		next = c.next
		for _, id := range []string{"1", "2"} { // there, and not
			ref, err := row.IndexRef(&table, row.Image{[]byte(id), nil, nil})
			if err != nil {
				t.Fatal(err)
			}
			found, err := l.byIndex(t.Context(), reached{lane, c.settled}, &table, table.Primary, map[string][][]byte{string(ref.Key): ref.Values})
			var fault *row.Error
			switch {
			case c.fails && (!errors.As(err, &fault) || fault.Kind != row.Transient || fault.LSN != c.settled || fault.Hint == ""):
				t.Errorf("%s: row %s: %v, want a passing error", c.what, id, err)
			case !c.fails && (err != nil || (found[string(ref.Key)] != nil) != (id == "1") || len(found) > 1):
				t.Errorf("%s: row %s: %v, %v", c.what, id, found, err)
			}
			if c.fails {
				break
			}
		}
		if dials != c.dials {
			t.Errorf("%s: %d connections, want %d", c.what, dials, c.dials)
		}
	}
}
