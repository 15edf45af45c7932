package absorber

import (
	"context"
	"errors"
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

// A column that a DDL statement has just dropped is no failure of MySQL.
func TestLoadOfADroppedColumn(t *testing.T) {
	db := servertest.MariaDB(t)
	name := db.Database(t)
	db.Exec(t, name, "CREATE TABLE pairs (id INT PRIMARY KEY, u INT)", "INSERT INTO pairs VALUES (1, 5)")
	l := newLoader(func(ctx context.Context) (*client.Conn, error) {
		return client.ConnectWithContext(ctx, db.Addr, db.User, db.Password, "", time.Second, sink.Capabilities)
	}, 1, nil)
	defer l.close()
	table := *pairs
	table.Name = schema.Name{DB: name, Table: "pairs"}
	for what, n := range map[string]string{"column": "pairs", "table": "gone"} {
		table.Name.Table = n
		if _, err := l.byIndex(t.Context(), &table, table.Primary, map[string][][]byte{"k": {[]byte("1")}}); !errors.Is(err, errSchema) {
			t.Errorf("a %s that is not there: %v", what, err)
		}
	}
}
