package spike

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

// memdb is a database in memory that knows the statements of this package and
// nothing else. refuse, if set, may fail the INSERT that holds an id; a row
// for which it says kept is stored all the same, as when a reply is lost.
type memdb struct {
	mu     sync.Mutex
	rows   map[string][]driver.Value
	refuse func(id string) (kept bool, err error)
}

// openMemdb returns an empty database.
func openMemdb(t *testing.T) (*memdb, *sql.DB) {
	m := &memdb{rows: map[string][]driver.Value{}}
	db := sql.OpenDB(m)
	t.Cleanup(func() { db.Close() })
	return m, db
}

// Connect, Driver, Prepare, Close and Begin make memdb a driver.
func (m *memdb) Connect(context.Context) (driver.Conn, error) { return memConn{m}, nil }
func (m *memdb) Driver() driver.Driver                        { return nil }

type memConn struct{ m *memdb }

func (c memConn) Prepare(q string) (driver.Stmt, error) { return memStmt{c.m, q}, nil }
func (c memConn) Close() error                          { return nil }
func (c memConn) Begin() (driver.Tx, error)             { return nil, errors.New("no transactions here") }

type memStmt struct {
	m     *memdb
	query string
}

func (s memStmt) Close() error  { return nil }
func (s memStmt) NumInput() int { return strings.Count(s.query, "?") }

// Exec runs CREATE TABLE and INSERT.
func (s memStmt) Exec(args []driver.Value) (driver.Result, error) {
	if strings.HasPrefix(s.query, "CREATE TABLE") {
		return driver.RowsAffected(0), nil
	}
	if !strings.HasPrefix(s.query, "INSERT INTO") {
		return nil, errors.New("unknown statement: " + s.query)
	}
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	rows := slices.Collect(slices.Chunk(args, columnCount))
	for _, r := range rows {
		id := r[0].(string)
		if _, there := s.m.rows[id]; there {
			return nil, errors.New("duplicate " + id)
		}
		if s.m.refuse == nil {
			continue
		}
		if kept, err := s.m.refuse(id); err != nil {
			if kept {
				s.m.rows[id] = slices.Clone(r)
			}
			return nil, err
		}
	}
	for _, r := range rows {
		s.m.rows[r[0].(string)] = slices.Clone(r)
	}
	return driver.RowsAffected(len(rows)), nil
}

// Query runs the SELECTs.
func (s memStmt) Query(args []driver.Value) (driver.Rows, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	out := &memRows{columns: columnCount}
	for _, id := range slices.Sorted(maps.Keys(s.m.rows)) {
		switch {
		case strings.HasSuffix(s.query, "LIMIT 0"):
		case strings.HasSuffix(s.query, "id = ?") && id != args[0].(string):
		case strings.HasSuffix(s.query, "BETWEEN ? AND ?") && (id < args[0].(string) || id > args[1].(string)):
		default:
			out.rows = append(out.rows, s.m.rows[id])
		}
	}
	if strings.HasPrefix(s.query, "SELECT COUNT(*)") {
		return &memRows{columns: 1, rows: [][]driver.Value{{int64(len(out.rows))}}}, nil
	}
	return out, nil
}

type memRows struct {
	columns int
	rows    [][]driver.Value
}

func (r *memRows) Columns() []string { return make([]string, r.columns) }
func (r *memRows) Close() error      { return nil }

// Next gives the next row.
func (r *memRows) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	copy(dest, r.rows[0])
	r.rows = r.rows[1:]
	return nil
}
