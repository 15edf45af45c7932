package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/dolthub/go-mysql-server/sql"
	vitess "github.com/dolthub/vitess/go/mysql"
	"github.com/dolthub/vitess/go/sqltypes"
)

// dialect mends where the stand-in differs from MySQL in a way that would
// change data or stop the proxy:
//
//   - its commits write back every table the session has read, over what others
//     have committed meanwhile: here one transaction runs at a time;
//   - it ignores the sql_mode NO_BACKSLASH_ESCAPES, which the drainer sets and
//     writes its literals for: in such a session backslashes are doubled;
//   - it says only after the first statement that a session commits by itself;
//   - its sessions do not begin with the character set that the client asks for,
//     which the proxy looks for: it is told what MySQL would do. All clients here
//     ask for utf8mb4, which all sessions have.
type dialect struct {
	vitess.Handler
	turn     chan struct{} // holds a token while no transaction runs
	sessions sync.Map      // connection id -> *session
}

// session is what is remembered of a connection. The server runs one command
// of a connection at a time.
type session struct {
	holds bool   // it has the turn
	plain bool   // a backslash is an ordinary character
	rest  string // what is left of a packet of several statements, doubled already
}

// newDialect wraps the stand-in's handler.
func newDialect(h vitess.Handler) (vitess.Handler, error) {
	d := &dialect{Handler: h, turn: make(chan struct{}, 1)}
	d.turn <- struct{}{}
	return d, nil
}

// turnTimeout is how long a statement waits for the transaction of another
// session, as innodb_lock_wait_timeout is at MySQL.
const turnTimeout = 50 * time.Second

// session finds or makes the memory of a connection.
func (d *dialect) session(c *vitess.Conn) *session {
	s, _ := d.sessions.LoadOrStore(c.ConnectionID, &session{})
	return s.(*session)
}

// inTurn runs f when no other session has a transaction open, and keeps the
// turn if one is open behind it.
func (d *dialect) inTurn(ctx context.Context, c *vitess.Conn, f func() error) error {
	s := d.session(c)
	if !s.holds {
		timer := time.NewTimer(turnTimeout)
		defer timer.Stop()
		select {
		case <-d.turn:
			s.holds = true
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return fmt.Errorf("another transaction has been open for %v", turnTimeout)
		}
	}
	err := f()
	if c.StatusFlags&uint16(vitess.ServerInTransaction) == 0 {
		d.leave(s)
	}
	return err
}

// leave gives the turn up.
func (d *dialect) leave(s *session) {
	if s.holds {
		s.holds = false
		d.turn <- struct{}{}
	}
}

// NewConnection sets the status that MySQL sends with the greeting.
func (d *dialect) NewConnection(c *vitess.Conn) {
	c.StatusFlags |= uint16(vitess.ServerStatusAutocommit)
	d.Handler.NewConnection(c)
}

// ConnectionClosed rolls back and forgets the session.
func (d *dialect) ConnectionClosed(c *vitess.Conn) {
	d.Handler.ConnectionClosed(c)
	d.leave(d.session(c))
	d.sessions.Delete(c.ConnectionID)
}

// ComQuery runs one statement. KILL does not wait for the one it ends.
func (d *dialect) ComQuery(ctx context.Context, c *vitess.Conn, query string, callback vitess.ResultSpoolFn) error {
	query = d.double(c, asLoggedIn(c, query))
	if len(query) > 5 && strings.EqualFold(query[:5], "KILL ") {
		return d.Handler.ComQuery(ctx, c, query, callback)
	}
	return d.inTurn(ctx, c, func() error { return d.Handler.ComQuery(ctx, c, query, callback) })
}

// ComMultiQuery runs the first of several statements and returns the rest,
// with which it is called again.
func (d *dialect) ComMultiQuery(ctx context.Context, c *vitess.Conn, query string, callback vitess.ResultSpoolFn) (rest string, err error) {
	query = d.double(c, asLoggedIn(c, query))
	err = d.inTurn(ctx, c, func() error {
		rest, err = d.Handler.ComMultiQuery(ctx, c, query, callback)
		return err
	})
	d.session(c).rest = rest
	return rest, err
}

// ComStmtExecute runs a prepared statement.
func (d *dialect) ComStmtExecute(ctx context.Context, c *vitess.Conn, prepare *vitess.PrepareData, callback func(*sqltypes.Result) error) error {
	return d.inTurn(ctx, c, func() error { return d.Handler.ComStmtExecute(ctx, c, prepare, callback) })
}

// asLoggedIn answers what collation a session began with by that of its login.
func asLoggedIn(c *vitess.Conn, query string) string {
	if query == "SET @login_collation = @@collation_connection" {
		return "SET @login_collation = '" + sql.CollationID(c.CharacterSet).Name() + "'"
	}
	return query
}

// double doubles the backslashes of a plain session's statement. One that sets
// the mode has none.
func (d *dialect) double(c *vitess.Conn, query string) string {
	s := d.session(c)
	s.plain = s.plain || strings.Contains(query, "NO_BACKSLASH_ESCAPES")
	if s.plain && query != s.rest {
		query = strings.ReplaceAll(query, `\`, `\\`)
	}
	s.rest = ""
	return query
}
