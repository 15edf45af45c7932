package main

import (
	"context"
	"strings"
	"sync"

	vitess "github.com/dolthub/vitess/go/mysql"
)

// dialect mends where the stand-in differs from MySQL in a way that would
// change data or stop the proxy:
//
//   - it ignores the sql_mode NO_BACKSLASH_ESCAPES, which the drainer sets and
//     writes its literals for: in such a session backslashes are doubled here;
//   - it says only after the first statement that a session commits by itself.
type dialect struct {
	vitess.Handler
	sessions sync.Map // connection id -> *plainSession
}

// plainSession is a session in which a backslash is an ordinary character.
type plainSession struct {
	rest string // what is left of a packet of several statements, doubled already
}

// NewConnection sets the status that MySQL sends with the greeting.
func (d *dialect) NewConnection(c *vitess.Conn) {
	c.StatusFlags |= uint16(vitess.ServerStatusAutocommit)
	d.Handler.NewConnection(c)
}

// ConnectionClosed forgets the session.
func (d *dialect) ConnectionClosed(c *vitess.Conn) {
	d.sessions.Delete(c.ConnectionID)
	d.Handler.ConnectionClosed(c)
}

// ComQuery runs one statement.
func (d *dialect) ComQuery(ctx context.Context, c *vitess.Conn, query string, callback vitess.ResultSpoolFn) error {
	_, query = d.double(c, query)
	return d.Handler.ComQuery(ctx, c, query, callback)
}

// ComMultiQuery runs the first of several statements and returns the rest,
// with which it is called again.
func (d *dialect) ComMultiQuery(ctx context.Context, c *vitess.Conn, query string, callback vitess.ResultSpoolFn) (string, error) {
	s, query := d.double(c, query)
	rest, err := d.Handler.ComMultiQuery(ctx, c, query, callback)
	if s != nil {
		s.rest = rest
	}
	return rest, err
}

// double doubles the backslashes of a plain session's statement; the session
// is nil if it is none. A statement that sets the mode has no backslashes.
func (d *dialect) double(c *vitess.Conn, query string) (*plainSession, string) {
	if strings.Contains(query, "NO_BACKSLASH_ESCAPES") {
		d.sessions.LoadOrStore(c.ConnectionID, &plainSession{})
	}
	v, ok := d.sessions.Load(c.ConnectionID)
	if !ok {
		return nil, query
	}
	s := v.(*plainSession)
	if query != s.rest {
		query = strings.ReplaceAll(query, `\`, `\\`)
	}
	s.rest = ""
	return s, query
}
