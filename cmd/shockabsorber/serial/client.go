package serial

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/go-sql-driver/mysql"
)

// client runs transactions of one session.
type client struct {
	ctx  context.Context
	pool *sql.DB
	conn *sql.Conn // nil after it broke
	*rand.Rand
	h      *History
	values *atomic.Int64
	breaks bool
	events []event
}

// Ends of a transaction.
var (
	errAborted = errors.New("aborted")                             // the server has rolled it back, or it must be
	errMaybe   = errors.New("the connection was lost in a commit") // nobody knows
)

// away are the errors by which a proxy that lacks a server, or that stops, says
// that a statement was not done; of a COMMIT, that nothing was written.
var away = map[uint16]bool{1297: true, 1040: true, 1053: true, 2003: true, 2006: true}

// run runs transactions until there were so many or stop is closed.
func (c *client) run(each int, stop <-chan struct{}) error {
	defer c.drop()
	for n := 0; n < each; n++ {
		select {
		case <-stop:
			return nil
		default:
		}
		if c.conn == nil {
			conn, err := c.pool.Conn(c.ctx)
			if err != nil && !c.breaks {
				return err
			}
			if err != nil {
				<-time.After(20 * time.Millisecond)
				continue
			}
			c.conn = conn
		}
		if err := c.transaction(); err != nil {
			return err
		}
	}
	return nil
}

// drop gives up the connection.
func (c *client) drop() {
	if c.conn != nil {
		_ = c.conn.Raw(func(any) error { return driver.ErrBadConn })
		c.conn = nil
	}
}

// judge says what an error means for the transaction: errAborted or errMaybe, or
// the error itself if it should not be. commits: the statement commits.
func (c *client) judge(err error, commits bool) error {
	if err == nil {
		return nil
	}
	var my *mysql.MySQLError
	var dial *net.OpError
	known := errors.As(err, &my)
	name := "the connection"
	if known {
		name = my.Error()
	}
	ended := errAborted
	switch {
	case known && (my.Number == 1213 || my.Number == 1205):
	case !c.breaks:
		return err
	case known && away[my.Number], errors.Is(err, driver.ErrBadConn), errors.As(err, &dial) && dial.Op == "dial":
		c.drop()
	case commits:
		c.drop()
		ended = errMaybe
	case known && my.Number != 1180 && my.Number != 2013: // both say that it is not known what became of a statement
		return err
	default:
		c.drop()
	}
	c.h.mu.Lock()
	defer c.h.mu.Unlock()
	c.h.Aborted[name]++
	return ended
}

// must runs a statement of a transaction that changes no row.
func (c *client) must(query string) error {
	_, err := c.conn.ExecContext(c.ctx, query)
	return c.judge(err, query == "COMMIT")
}

// read notes the rows of an answer.
func (c *client) read(format string, args ...any) (int, error) {
	events, err := read(c.ctx, c.conn, fmt.Sprintf(format, args...))
	if err = c.judge(err, false); err != nil {
		return 0, err
	}
	c.events = append(c.events, events...)
	return len(events), nil
}

// write gives a row a value that nobody else writes.
func (c *client) write(row int, where string, commits bool) error {
	v := int(c.values.Add(1))
	c.events = append(c.events, event{row: row, value: v, write: true})
	res, err := c.conn.ExecContext(c.ctx, fmt.Sprintf("UPDATE reg SET v = %d WHERE %s", v, where))
	if err = c.judge(err, commits); err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("an UPDATE of row %d changed %d: %w", row, n, err)
	}
	return nil
}

// one is one part of a transaction. All that it reads it locks.
func (c *client) one() error {
	row := c.IntN(rows)
	where := fmt.Sprintf("id = %d", row)
	if c.IntN(8) == 0 {
		where = fmt.Sprintf("u = 'u%d'", row)
	}
	switch p := c.IntN(20); {
	case p < 8:
		if _, err := c.read("SELECT id, v FROM reg WHERE %s FOR UPDATE", where); err != nil {
			return err
		}
		return c.write(row, where, false)
	case p < 13:
		_, err := c.read("SELECT id, v FROM reg WHERE %s FOR UPDATE", where)
		return err
	case p < 18:
		return c.write(row, where, false)
	default:
		n, err := c.read("SELECT id, v FROM reg ORDER BY id FOR UPDATE")
		if err == nil && n != rows {
			err = fmt.Errorf("%d rows of %d", n, rows)
		}
		return err
	}
}

// transaction runs one transaction, or a statement of its own.
func (c *client) transaction() error {
	c.events = nil
	began := c.h.now()
	kind, err := "transaction", error(nil)
	switch p := c.IntN(10); {
	case p < 1:
		kind = "all rows"
		_, err = c.read("SELECT id, v FROM reg WHERE v >= 0 ORDER BY id")
	case p < 2:
		kind = "one row"
		_, err = c.read("SELECT id, v FROM reg WHERE id = %d", c.IntN(rows))
	case p < 3:
		kind = "one write"
		row := c.IntN(rows)
		err = c.write(row, fmt.Sprintf("id = %d", row), true)
	default:
		err = c.within()
	}
	if errors.Is(err, errAborted) {
		if c.conn != nil {
			if err := c.must("ROLLBACK"); err != nil && !errors.Is(err, errAborted) {
				return err
			}
		}
		return nil
	}
	if err != nil && !errors.Is(err, errMaybe) {
		return err
	}
	o := porcupine.Operation{Input: c.events, Call: began, Return: c.h.now(), Output: err == nil}
	c.h.mu.Lock()
	defer c.h.mu.Unlock()
	if err != nil {
		o.Return = math.MaxInt64
		c.h.Unknown++
	} else {
		c.h.Kinds[kind]++
	}
	if len(c.events) > 0 {
		c.h.operations = append(c.h.operations, o)
	}
	return nil
}

// within runs the parts between BEGIN and COMMIT, or ROLLBACK.
func (c *client) within() error {
	if err := c.must("BEGIN"); err != nil {
		return err
	}
	for range 1 + c.IntN(3) {
		if err := c.one(); err != nil {
			return err
		}
		if c.IntN(6) == 0 { // what comes now is undone
			if err := c.must("SAVEPOINT a"); err != nil {
				return err
			}
			kept := len(c.events)
			if err := c.one(); err != nil {
				return err
			}
			if err := c.must("ROLLBACK TO a"); err != nil {
				return err
			}
			c.events = c.events[:kept]
		}
	}
	if c.IntN(6) == 0 {
		err := c.must("ROLLBACK")
		c.events = nil
		return err
	}
	return c.must("COMMIT")
}
