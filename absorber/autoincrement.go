package absorber

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// Reservation are AUTO_INCREMENT values that were given to a statement.
type Reservation struct {
	wal.Taken
	gen   wal.TableState // by whose counter,
	given time.Time      // and before which they were certainly not given out: the answer may have been long on its way
}

// nextAutoIncrement takes n values from the table's counter in Redis. The
// counter belongs to a generation of the table: for a synchronous section it is
// handed over to MySQL (handOver), and then seeded from MySQL again.
func (e *Engine) nextAutoIncrement(ctx context.Context, u *Usage, t *schema.Table, n uint64, inc AutoIncrement) (r Reservation, err error) {
	err = e.onCounter(ctx, u, t, func(st wal.TableState) (ok bool, err error) {
		lane, table := e.lane(t), t.Name.String()
		if err := e.keepCounters(ctx, lane, e.given.untold(lane, st.Incarnation)); err != nil {
			return false, err
		}
		r.gen, r.given = st, time.Now()
		if r.Taken, ok, err = e.takers.take(ctx, takeKey{lane, table, st, inc}, n, e.store.NextAutoIncrement); ok && err == nil {
			e.given.note(lane, table, st, r.First+n*inc.Increment)
		}
		return ok, err
	})
	return r, err
}

// Reserve takes n AUTO_INCREMENT values for rows that Transform will insert.
// Values that are not used are gone, as after a rollback, unless GiveBack gets
// them. *Refused where the counter cannot do it.
func (e *Engine) Reserve(ctx context.Context, u *Usage, t *schema.Table, n uint64, inc AutoIncrement) (Reservation, error) {
	if slices.ContainsFunc(t.Uniques, ofPrefix) { // the statement will pass through: no value is used up
		return Reservation{}, &Refused{Reason: reasonPrefix}
	}
	r, err := e.nextAutoIncrement(ctx, u, t, n, inc)
	if err != nil {
		return Reservation{}, err
	}
	last := r.First + (n-1)*inc.Increment
	if last < r.First || last > maxAutoIncrement(&t.Columns[t.AutoIncrement]) {
		e.GiveBack(ctx, t, r)
		return Reservation{}, &Refused{Reason: "auto_increment_range"}
	}
	return r, nil
}

// GiveBack gives values back of which nothing is stored, and never will be: the
// statement they were for passes through, and is to be given by MySQL what it
// would be given without a proxy. Called once for a Reservation. It does nothing
// once somebody has been given values after them, or has used one of these by
// itself, or the gate has been closed; nor where Redis does not answer. Then they
// are gone, as after a rollback.
func (e *Engine) GiveBack(ctx context.Context, t *schema.Table, r Reservation) {
	if r.N == 0 {
		return
	}
	if _, err := e.store.GiveBackAutoIncrement(ctx, e.lane(t), r.gen, t.Name.String(), r.Taken); err != nil {
		e.log.Debug("AUTO_INCREMENT values could not be given back, and are skipped", "table", t.Name, "first", r.First, "n", r.N, "err", err)
	}
}

// raises are the values of new rows above which the counter has to go: the
// largest explicit one, unless it is not above given, the last that came from
// the counter. InnoDB does so for rows that it stores, and so does the commit.
// A value below 1 does not move it; but MariaDB's goes up by one for some INSERTs
// of such a value, and an UPDATE that makes one drains as a DELETE and an INSERT.
// So MariaDB is to execute the statement.
func raises(t *schema.Table, changes []change, given uint64) ([]wal.Raise, error) {
	col := t.AutoIncrement
	if col < 0 {
		return nil, nil
	}
	top := uint64(0)
	for _, c := range changes {
		if c.old != nil || c.new == nil {
			continue
		}
		if belowOne(c.new[col]) {
			if t.Dialect == schema.MariaDB {
				return nil, &Refused{Reason: "auto_increment_range"}
			}
			continue
		}
		v, err := strconv.ParseUint(string(c.new[col]), 10, 64)
		if err != nil || v >= maxCounter {
			return nil, &Refused{Reason: "auto_increment_range"}
		}
		top = max(top, v)
	}
	if top <= given {
		return nil, nil
	}
	return []wal.Raise{{Table: t.Name.String(), Used: top}}, nil
}

// belowOne reports whether an AUTO_INCREMENT value is zero or negative.
func belowOne(v []byte) bool {
	return len(v) > 0 && (v[0] == '-' || len(bytes.Trim(v, "0")) == 0)
}

// maxCounter is above what the counters in Redis can count.
const maxCounter = 1<<53 - 1

// raiseAutoIncrement pushes the counter above an explicit value of a row that
// a failing statement had stored before it failed.
func (e *Engine) raiseAutoIncrement(ctx context.Context, u *Usage, t *schema.Table, used uint64) error {
	return e.onCounter(ctx, u, t, func(st wal.TableState) (bool, error) {
		err := e.store.RaiseAutoIncrement(ctx, e.lane(t), st, t.Name.String(), used)
		if errors.Is(err, wal.ErrUnseeded) {
			return false, nil
		}
		return true, err
	})
}

// onCounter runs f on the table's counter, seeding it when f says that it is
// not there, and starting over when the table's state has changed.
func (e *Engine) onCounter(ctx context.Context, u *Usage, t *schema.Table, f func(st wal.TableState) (bool, error)) error {
	for try := 0; ; try++ {
		st, err := e.state(ctx, t)
		if err != nil {
			return err
		}
		ok, err := f(st)
		if err == nil && ok {
			return nil
		}
		if err == nil {
			err = e.seedAutoIncrement(ctx, t, st)
		}
		switch {
		case err == nil:
		case errors.Is(err, wal.ErrStaleTable):
			e.forgetState(t.Name.String())
			err = backOff(ctx, try)
		case errors.Is(err, wal.ErrGated):
			err = e.waitGate(ctx, u, t, e.lockWait(u))
		}
		if err != nil {
			return counterRefused(err)
		}
	}
}

// reseed seeds the counter that a commit has missed.
func (e *Engine) reseed(ctx context.Context, t *schema.Table) error {
	st, err := e.state(ctx, t)
	if err != nil {
		return err
	}
	err = e.seedAutoIncrement(ctx, t, st)
	if errors.Is(err, wal.ErrStaleTable) || errors.Is(err, wal.ErrGated) { // the next try finds out
		e.forgetState(t.Name.String())
		return nil
	}
	return counterRefused(err)
}

// counterRefused makes a refusal of what the counter in Redis cannot do: values
// beyond 2^53, and an offset above the increment. MySQL can.
func counterRefused(err error) error {
	var fault *row.Error
	if errors.As(err, &fault) && fault.Kind == row.Permanent && !errors.Is(err, wal.ErrLost) {
		return &Refused{Reason: "auto_increment_range"}
	}
	return err
}

// seedAutoIncrement copies MySQL's next value into Redis. The table's gate is
// open and st names its generation, so no synchronous INSERT can move MySQL's
// value meanwhile without making st stale; and before the gate was shut, MySQL
// was told of all values that were given out here (handOver). The largest value
// in the table is looked at as well, since an UPDATE may have made it.
func (e *Engine) seedAutoIncrement(ctx context.Context, t *schema.Table, st wal.TableState) error {
	next, err := e.nextInMySQL(ctx, t)
	if err != nil {
		return err
	}
	above, err := e.counterOf(ctx, t, fmt.Sprintf("SELECT CAST(GREATEST(MAX(%s), 0) AS DECIMAL(20, 0)) + 1 FROM %s.%s",
		sink.QuoteName(t.Columns[t.AutoIncrement].Name), sink.QuoteName(t.Name.DB), sink.QuoteName(t.Name.Table)))
	if err != nil {
		return err
	}
	return e.store.SeedAutoIncrement(ctx, e.lane(t), st, t.Name.String(), max(next, above))
}

// counterOf reads a counter from MySQL, 1 where there is none.
func (e *Engine) counterOf(ctx context.Context, t *schema.Table, sql string) (uint64, error) {
	v, err := e.loader.scalar(ctx, opLoad, sql)
	if err != nil || v == nil {
		return 1, wrapCounter(t, err)
	}
	n, err := strconv.ParseUint(string(v), 10, 64)
	if errors.Is(err, strconv.ErrRange) { // the table has come to the end of its column
		return 0, &Refused{Reason: "auto_increment_range"}
	}
	return n, wrapCounter(t, err)
}

// wrapCounter says what could not be read.
func wrapCounter(t *schema.Table, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read AUTO_INCREMENT of %s: %w", t.Name, err)
}
