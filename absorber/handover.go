package absorber

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// opRaise is the label of pushing MySQL's AUTO_INCREMENT counter.
const opRaise = "engine.raise"

// handOver tells MySQL, before a gate is shut, how far the table's
// AUTO_INCREMENT counter in Redis has come: behind the gate MySQL gives out the
// values. What it says afterwards is where Redis goes on. So no value is given
// out twice, by whichever of the two, though its row was rolled back, refused,
// ignored, or deleted before it drained; and what DDL makes of the counter holds.
//
// MySQL's counter is nearly always there already, since rows that drain push it.
// Otherwise it is pushed by a row that is inserted with the last of the values
// and rolled back: InnoDB keeps the counter, like that of any INSERT. ALTER TABLE
// would commit what the session has open, and wait for everybody who has read the
// table in a transaction, the session itself included.
func (e *Engine) handOver(ctx context.Context, lane row.Lane, name string) (wal.Counter, error) {
	c, err := e.store.Counter(ctx, lane, name)
	if err != nil || c.Next == 0 {
		return c, err
	}
	n, _ := schema.ParseName(name)
	t := e.Catalog().Absorbed(n)
	if t == nil || t.AutoIncrement < 0 { // dropped or altered around the proxies
		return c, nil
	}
	next := min(c.Next, maxAutoIncrement(&t.Columns[t.AutoIncrement])+1)
	for _, way := range ways(t, next) {
		has, err := e.nextInMySQL(ctx, t)
		if err != nil || has >= next {
			return c, err
		}
		if err = e.push(ctx, t, way); err == nil {
			continue
		}
		if _, answered := asMySQLError(err); !answered {
			return c, fmt.Errorf("push AUTO_INCREMENT of %s to %d: %w", name, next, err)
		}
		e.log.Warn("MySQL's AUTO_INCREMENT counter could not be pushed this way", "table", name, "next", next, "err", err)
	}
	has, err := e.nextInMySQL(ctx, t)
	if err == nil && has < next {
		err = &row.Error{Op: opRaise, Lane: lane, Kind: row.Permanent,
			Err:  fmt.Errorf("the AUTO_INCREMENT counter of %s is at %d in MySQL, and values below %d were given out", name, has, next),
			Hint: fmt.Sprintf("ALTER TABLE %s AUTO_INCREMENT = %d while nobody uses the table", name, next)}
	}
	return c, err
}

// ways are the statements that push a counter to next, from the mildest on. The
// first inserts a row of implicit defaults: foreign keys are off, and of a value
// that a unique index has InnoDB moves the counter all the same. MySQL's CHECKs
// cannot be turned off: a row that is there fulfils them. ALTER TABLE is for
// such a table without rows, and for partitions that have no place for the value.
func ways(t *schema.Table, next uint64) []string {
	table := sink.QuoteName(t.Name.DB) + "." + sink.QuoteName(t.Name.Table)
	id, last := sink.QuoteName(t.Columns[t.AutoIncrement].Name), strconv.FormatUint(next-1, 10)
	columns, values := []string{id}, []string{last}
	for i := range t.Columns {
		if c := &t.Columns[i]; i != t.AutoIncrement && !c.Generated {
			columns, values = append(columns, sink.QuoteName(c.Name)), append(values, sink.QuoteName(c.Name))
		}
	}
	return []string{
		"INSERT IGNORE INTO " + table + " (" + id + ") SELECT " + last,
		"INSERT IGNORE INTO " + table + " (" + strings.Join(columns, ",") + ") SELECT " + strings.Join(values, ",") + " FROM " + table + " LIMIT 1",
		"ALTER TABLE " + table + " AUTO_INCREMENT = " + strconv.FormatUint(next, 10),
	}
}

// push runs one of the ways on a connection of its own, which is closed at the
// first error: nothing is left of the row then either.
func (e *Engine) push(ctx context.Context, t *schema.Table, way string) error {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	conn, err := e.loader.open(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	settings := "SET autocommit = 0, foreign_key_checks = 0, auto_increment_increment = 1, auto_increment_offset = 1, innodb_lock_wait_timeout = 5, lock_wait_timeout = 3"
	if t.Dialect == schema.MariaDB {
		settings += ", check_constraint_checks = 0"
	}
	return e.cfg.Effects.Do(opRaise, func() error {
		for _, sql := range []string{settings, way, "ROLLBACK"} {
			if _, err := conn.Execute(sql); err != nil {
				return err
			}
		}
		return nil
	})
}

// nextInMySQL is the value that MySQL gives out next.
func (e *Engine) nextInMySQL(ctx context.Context, t *schema.Table) (uint64, error) {
	return e.counterOf(ctx, t, fmt.Sprintf("SELECT AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s",
		sink.QuoteText(t.Name.DB), sink.QuoteText(t.Name.Table)))
}
