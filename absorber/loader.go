package absorber

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/effect"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

const (
	loadBatch   = 256              // keys one SELECT asks for at most
	loadTimeout = 30 * time.Second // one SELECT, with the wait for a connection
)

// Labels of what the engine does in MySQL; see package effect.
const (
	opLoad    = "engine.load"
	opQuery   = "engine.query"
	opKill    = "engine.kill"
	opChoose  = "engine.choose"
	opCatalog = "engine.catalog"
)

// errSchema says that MySQL does not know what the catalog says of a table: a
// DDL statement has just run behind the shut gate, after the cache was asked.
var errSchema = errors.New("the table's definition in MySQL has changed")

// schemaTries is how often a statement that met errSchema looks again. Once is
// enough for DDL through a proxy, whose gate it then finds shut; if somebody
// changed the table behind the proxies' back it would never end.
const schemaTries = 20

// loader reads rows from MySQL by a unique index. Callers that ask for the
// same index while all connections are busy share one SELECT, so a spike of
// misses costs MySQL a few statements and not one for each.
type loader struct {
	dial        func(ctx context.Context) (*client.Conn, error)
	slots       chan *client.Conn // nil entries: a connection to be opened
	effects     effect.Hook
	checkpoints string // the table

	mu      sync.Mutex
	waiting map[loadKey]*load // the batch that still takes keys
}

type loadKey struct {
	table   string
	version uint32
	index   string
	locked  bool
}

// newLoader makes a loader with n connections, opened when first needed.
// checkpoints is the table that has them.
func newLoader(dial func(ctx context.Context) (*client.Conn, error), checkpoints string, n int, effects effect.Hook) *loader {
	l := &loader{dial: dial, checkpoints: checkpoints, effects: effects, slots: make(chan *client.Conn, n), waiting: map[loadKey]*load{}}
	for range n {
		l.slots <- nil
	}
	return l
}

// byIndex reads the rows whose ix columns hold one of the values. Both keys
// and the answer are by encoded index value; what MySQL does not have is
// missing in the answer. The SELECT starts after the call, so a lease taken
// before the call covers what it sees. A MySQL that has not reached at is a
// passing error.
func (l *loader) byIndex(ctx context.Context, at reached, t *schema.Table, ix schema.Index, keys map[string][][]byte) (map[string]row.Image, error) {
	return l.batch(ctx, loadKey{t.Name.String(), t.Version, ix.Name, false}, at, t, ix, keys)
}

// locked is byIndex for the primary key of a table that need not be absorbed.
// It finds only rows that are committed and that no transaction is about to
// change: those on which a foreign key's check would not have to wait. A
// *Refused if MySQL will not say.
func (l *loader) locked(ctx context.Context, t *schema.Table, keys map[string][][]byte) (map[string]row.Image, error) {
	found, err := l.batch(ctx, loadKey{t.Name.String(), t.Version, t.Primary.Name, true}, reached{}, t, t.Primary, keys)
	if _, answered := asMySQLError(err); answered && !errors.Is(err, errSchema) {
		return nil, &Refused{Reason: ReasonParentUnread}
	}
	return found, err
}

// batch reads keys together with whoever else asks for k now.
func (l *loader) batch(ctx context.Context, k loadKey, at reached, t *schema.Table, ix schema.Index, keys map[string][][]byte) (map[string]row.Image, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	l.mu.Lock()
	b := l.waiting[k]
	lead := b == nil || len(b.keys)+len(keys) > loadBatch
	if lead {
		b = &load{t: t, ix: ix, lock: k.locked, at: at, keys: map[string][][]byte{}, done: make(chan struct{})}
		l.waiting[k] = b
	}
	b.at.lsn = max(b.at.lsn, at.lsn)
	for enc, v := range keys {
		b.keys[enc] = v
	}
	l.mu.Unlock()
	if lead {
		// Others may join while the leader waits for a connection, so the
		// leader's own client going away must not end their read.
		l.run(context.WithoutCancel(ctx), k, b)
	}
	select {
	case <-b.done:
		return b.found, b.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// run takes a connection, closes the batch and reads it.
func (l *loader) run(ctx context.Context, k loadKey, b *load) {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	defer close(b.done)
	var conn *client.Conn
	select {
	case conn = <-l.slots:
	case <-ctx.Done():
		b.err = ctx.Err()
	}
	l.mu.Lock()
	if l.waiting[k] == b {
		delete(l.waiting, k)
	}
	l.mu.Unlock()
	if b.err != nil {
		return
	}
	conn, b.found, b.err = l.read(ctx, conn, b)
	l.slots <- conn
}

// read runs the batch's SELECT, once more on a new connection if the one from
// the pool turns out to be dead, or to lead to a MySQL that is the primary no
// more.
func (l *loader) read(ctx context.Context, conn *client.Conn, b *load) (*client.Conn, map[string]row.Image, error) {
	sql, err := b.sql(l.checkpoints)
	if err != nil {
		return conn, nil, err
	}
	var res []row.Image
	for pooled := conn != nil; ; pooled = false {
		conn, res, err = l.query(ctx, opLoad, conn, sql)
		if my, ok := asMySQLError(err); ok && (my.Code == mysql.ER_BAD_FIELD_ERROR || my.Code == mysql.ER_NO_SUCH_TABLE) {
			err = fmt.Errorf("%w: %w", errSchema, err)
		}
		if err != nil {
			return conn, nil, fmt.Errorf("read %s from MySQL: %w", b.t.Name, err)
		}
		if err = b.suffices(res); err == nil {
			break
		}
		_ = conn.Close() // the next one may lead to another server
		if conn = nil; !pooled {
			return nil, nil, err
		}
	}
	found, err := b.collect(res)
	return conn, found, err
}

// query runs sql and returns all rows as stored values. A connection that
// fails is closed; the one returned may be nil.
func (l *loader) query(ctx context.Context, op string, conn *client.Conn, sql string) (*client.Conn, []row.Image, error) {
	fresh := conn == nil
	for {
		if conn == nil {
			var err error
			if conn, err = l.open(ctx); err != nil {
				return nil, nil, err
			}
		}
		if err := bound(ctx, conn); err != nil {
			return nil, nil, err
		}
		var res *mysql.Result
		err := l.effects.Do(op, func() (err error) {
			res, err = conn.Execute(sql)
			return err
		})
		if err == nil {
			defer res.Close()
			rows, err := storedRows(res)
			return conn, rows, err
		}
		if _, answered := asMySQLError(err); answered {
			return conn, nil, err
		}
		_ = conn.Close() // already broken: the error above is the one to report
		conn = nil
		if fresh {
			return nil, nil, err
		}
		fresh = true
	}
}

// bound gives conn ctx's deadline.
func bound(ctx context.Context, conn *client.Conn) error {
	deadline, _ := ctx.Deadline()
	return conn.SetDeadline(deadline)
}

// open dials and sets the session that row images are defined in. The
// connection has ctx's deadline.
func (l *loader) open(ctx context.Context) (*client.Conn, error) {
	c, err := l.dial(ctx)
	if err != nil {
		return nil, err
	}
	if err := bound(ctx, c); err != nil {
		_ = c.Close()
		return nil, err
	}
	for _, s := range []string{
		"SET @login_collation = @@collation_connection", // for HonoursLogin
		"SET NAMES utf8mb4",
		"SET time_zone = '+00:00', sql_mode = 'NO_BACKSLASH_ESCAPES', autocommit = 1",
		"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
	} {
		if _, err = c.Execute(s); err != nil {
			_ = c.Close()
			return nil, fmt.Errorf("prepare the session for reading rows: %w", err)
		}
	}
	// MySQL 8 and later answer AUTO_INCREMENT from statistics of up to a day
	// ago; MariaDB has no such variable, and no such cache.
	if _, err = c.Execute("SET information_schema_stats_expiry = 0"); err != nil {
		if my, ok := asMySQLError(err); !ok || my.Code != mysql.ER_UNKNOWN_SYSTEM_VARIABLE {
			_ = c.Close()
			return nil, fmt.Errorf("prepare the session for reading rows: %w", err)
		}
	}
	return c, nil
}

// rows runs a query that is not a batch of keys.
func (l *loader) rows(ctx context.Context, op, sql string) ([]row.Image, error) {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	var conn *client.Conn
	select {
	case conn = <-l.slots:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	conn, rows, err := l.query(ctx, op, conn, sql)
	l.slots <- conn
	return rows, err
}

// scalar reads one value; nil is NULL or no row.
func (l *loader) scalar(ctx context.Context, op, sql string) ([]byte, error) {
	rows, err := l.rows(ctx, op, sql)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0][0], nil
}

// close ends the connections that are not in use.
func (l *loader) close() {
	for range cap(l.slots) {
		if c := <-l.slots; c != nil {
			_ = c.Close()
		}
	}
}

// storedRows copies a text result's raw values.
func storedRows(res *mysql.Result) ([]row.Image, error) {
	if res.Resultset == nil { // KILL and the like: no rows
		return nil, nil
	}
	rows := make([]row.Image, 0, len(res.RowDatas))
	for _, data := range res.RowDatas {
		im, err := row.DecodeImage(bytes.Clone(data), len(res.Fields))
		if err != nil {
			return nil, fmt.Errorf("read a row from MySQL: %w", err)
		}
		rows = append(rows, im)
	}
	return rows, nil
}
