package absorber

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

const (
	beatEvery      = 200 * time.Millisecond
	beatTTL        = 3 * time.Second // a process that was silent for so long is not waited for
	adoptWait      = 10 * time.Second
	rereadEvery    = time.Minute     // with DDL, all is read again, as it may have been changed around the proxies
	catalogTimeout = 2 * time.Minute // reading the schema, which may have thousands of tables
	enabledInit    = "CREATE TABLE IF NOT EXISTS shock_absorber.absorbed_tables (" +
		"name VARBINARY(400) NOT NULL PRIMARY KEY, absorbed TINYINT NOT NULL)"
)

// Catalog is the schema as of now, with the absorbed tables marked.
func (e *Engine) Catalog() *schema.Catalog { return e.catalog.Load() }

// Reload reads the schema and the set of absorbed tables from MySQL.
func (e *Engine) Reload(ctx context.Context) error {
	return e.read(ctx, func(q queryer) (*schema.Catalog, error) {
		var choice map[string]bool
		err := e.cfg.Effects.Do(opCatalog, func() (err error) {
			choice, err = readChoice(q)
			return err
		})
		if err != nil {
			return nil, err
		}
		match := schema.Match(e.cfg.Patterns)
		e.want = func(n schema.Name) bool {
			if on, ok := choice[n.String()]; ok {
				return on
			}
			return match(n)
		}
		cat, err := schema.Load(q.batching(), e.want, e.schemaOptions())
		e.reread = time.Now()
		return cat, err
	})
}

// refresh reads the definitions of some tables from MySQL, which are all that
// has changed.
func (e *Engine) refresh(ctx context.Context, tables []schema.Name) error {
	return e.read(ctx, func(q queryer) (*schema.Catalog, error) {
		var cat *schema.Catalog
		err := e.cfg.Effects.Do(opCatalog, func() (err error) {
			cat, err = schema.Refresh(q.batching(), e.catalog.Load(), tables, e.want, e.schemaOptions())
			return err
		})
		return cat, err
	})
}

// schemaOptions are what MySQL does not know of its tables.
func (e *Engine) schemaOptions() schema.Options {
	return schema.Options{CollationExact: row.CollationExact,
		Lane: func(n schema.Name) string { return string(e.cfg.Options(n.String()).Lane) }}
}

// read makes what load reads the catalog.
func (e *Engine) read(ctx context.Context, load func(queryer) (*schema.Catalog, error)) error {
	conn, err := e.cfg.Dial(ctx)
	if err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(catalogTimeout)); err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	if _, err := conn.Execute("SET NAMES utf8mb4"); err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	cat, err := load(queryer{conn})
	if err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	e.catalog.Store(cat)
	// States are only trusted together with the definition they were read under.
	e.states.Clear()
	return nil
}

// readChoice reads which tables were enabled or disabled at run time.
func readChoice(q queryer) (map[string]bool, error) {
	if _, err := q.conn.Execute(enabledInit); err != nil {
		return nil, &row.Error{Op: "catalog.load", Kind: row.Permanent, Err: err,
			Hint: "grant the proxy's MySQL user CREATE, SELECT, INSERT, UPDATE, DELETE on shock_absorber.*"}
	}
	rows, err := q.Query("SELECT name, absorbed FROM shock_absorber.absorbed_tables")
	if err != nil {
		return nil, fmt.Errorf("read the enabled tables: %w", err)
	}
	m := map[string]bool{}
	for _, r := range rows {
		m[string(r[0])] = string(r[1]) != "0"
	}
	return m, nil
}

// queryer lets schema.Load read through a go-mysql connection.
type queryer struct{ conn *client.Conn }

// batching is the queryer, as a schema.Batcher if it can be one.
func (q queryer) batching() schema.Queryer {
	if q.conn.HasCapability(mysql.CLIENT_MULTI_STATEMENTS) {
		return batcher{q}
	}
	return q
}

// batcher is a queryer whose connection takes several statements at once.
type batcher struct{ queryer }

// Batch runs all statements in one round trip.
func (q batcher) Batch(statements []string) (results [][][][]byte, err error) {
	var failed error
	_, err = q.conn.ExecuteMultiple(strings.Join(statements, ";"), func(res *mysql.Result, err error) {
		if err == nil {
			var rows [][][]byte
			rows, err = copyRows(res)
			results = append(results, rows)
		}
		failed = cmp.Or(failed, err)
	})
	return results, cmp.Or(err, failed)
}

// Query runs sql and copies the rows out; nil is NULL.
func (q queryer) Query(sql string) ([][][]byte, error) {
	res, err := q.conn.Execute(sql)
	if err != nil {
		return nil, err
	}
	defer res.Close()
	return copyRows(res)
}

// copyRows copies the rows of a result.
func copyRows(res *mysql.Result) ([][][]byte, error) {
	images, err := storedRows(res)
	if err != nil {
		return nil, err
	}
	rows := make([][][]byte, len(images))
	for i := range images {
		rows[i] = images[i]
	}
	return rows, nil
}

// CatalogChanged makes every process on this Redis load the schema again, and
// returns when none of them runs a statement that was planned before. u is the
// caller's own session, whose statement is over in MySQL. tables are all that it
// may have defined anew; nil means that it may have changed anything. Call it
// after DDL and before the gate opens.
func (e *Engine) CatalogChanged(ctx context.Context, u *Usage, tables []schema.Name) error {
	return e.adopt(ctx, u, tables, func(s wal.Seen, v uint64) bool { return s.Statements >= v })
}

// Adopted grows with every change of the schema, and of privileges, that this
// process has followed.
func (e *Engine) Adopted() uint64 { return e.usages.version.Load() }

// adopt bumps the version, loads the catalog here and waits for all others.
func (e *Engine) adopt(ctx context.Context, u *Usage, tables []schema.Name, done func(s wal.Seen, v uint64) bool) error {
	// Two sessions that change the schema at once must not wait for each other.
	u.statement.Store(0)
	u.transaction.Store(0)
	seen := e.usages.version.Load()
	v, err := e.registry.Bump(ctx, seen-min(seen, 1), tables)
	if err != nil {
		return err
	}
	v++ // see usages: the registry begins at 0, which here means "none"
	if err := e.advance(ctx, v); err != nil {
		return err
	}
	deadline := time.NewTimer(adoptWait)
	defer deadline.Stop()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		waiting, err := e.behind(ctx, v, done)
		if err != nil || waiting == "" {
			return err
		}
		select {
		case <-poll.C:
		case <-deadline.C:
			return fmt.Errorf("process %s still works with the schema from before: %w", waiting, ErrLockWait)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// behind names a process, this one included, that has not adopted v.
func (e *Engine) behind(ctx context.Context, v uint64, done func(s wal.Seen, v uint64) bool) (string, error) {
	stmts, txns := e.usages.seen()
	if own := (wal.Seen{Process: e.cfg.Process, Statements: stmts, Transactions: txns}); !done(own, v) {
		return own.Process, nil
	}
	live, err := e.registry.Live(ctx)
	if err != nil {
		return "", err
	}
	for _, s := range live {
		if s.Process != e.cfg.Process && !done(s, v) {
			return s.Process, nil
		}
	}
	return "", nil
}

// advance loads the catalog if version v is newer than what this process has.
func (e *Engine) advance(ctx context.Context, v uint64) error {
	e.reloading.Lock()
	defer e.reloading.Unlock()
	own := e.usages.version.Load()
	if own >= v {
		return nil
	}
	if err := e.catchUp(ctx, own, v); err != nil {
		return err
	}
	e.usages.version.Store(v)
	return nil
}

// catchUp reads what has changed since version own. What nobody has told of was
// changed around the proxies, and is found when all is read again.
func (e *Engine) catchUp(ctx context.Context, own, v uint64) error {
	if own == 0 || time.Since(e.reread) > rereadEvery {
		return e.Reload(ctx)
	}
	changed, known, err := e.registry.Changes(ctx, own-1, v-1)
	if err != nil || !known {
		return e.Reload(ctx)
	}
	return e.refresh(ctx, changed)
}

// Enable starts absorbing a table, or with on false stops it: behind a shut
// gate the choice is stored, every process adopts it, and the transactions
// that began before it have ended.
func (e *Engine) Enable(ctx context.Context, u *Usage, owner string, name schema.Name, on bool) error {
	// Two calls at once must not open each other's gates.
	h := e.NewHold(nil, fmt.Sprintf("%s.%d", owner, e.enables.Add(1)), 0)
	defer func() {
		if err := h.Drop(context.WithoutCancel(ctx)); err != nil {
			e.log.Error("the gate stays closed until its lease ends", "table", name.String(), "err", err)
		}
	}()
	if err := h.Close(ctx, []schema.Name{name}); err != nil {
		return err
	}
	was, err := e.choose(ctx, name, on)
	if err != nil {
		return err
	}
	adopted := e.adopt(ctx, u, nil, func(s wal.Seen, v uint64) bool { return s.Transactions >= v })
	if adopted == nil && on {
		adopted = e.enabled(name)
	}
	if adopted == nil {
		return nil
	}
	// Not adopted everywhere: back to what was, and everybody has to know that
	// before the gate opens, or some would absorb what others write past it.
	if err := e.unchoose(context.WithoutCancel(ctx), name, was); err != nil {
		return errors.Join(adopted, err)
	}
	back := e.adopt(context.WithoutCancel(ctx), u, nil, func(s wal.Seen, v uint64) bool { return s.Statements >= v })
	return errors.Join(adopted, back)
}

// enabled says why an enabled table is not absorbed.
func (e *Engine) enabled(name schema.Name) error {
	cat := e.Catalog()
	if cat.Absorbed(name) != nil {
		return nil
	}
	t := cat.Table(name)
	if t == nil {
		return &Refused{Reason: fmt.Sprintf("table %s does not exist", name)}
	}
	return &Refused{Reason: t.Explain()}
}

// choose stores the choice and returns the SQL literal of the one before.
func (e *Engine) choose(ctx context.Context, name schema.Name, on bool) (was string, err error) {
	lit := sink.QuoteText(name.String())
	v, err := e.loader.scalar(ctx, opQuery, "SELECT absorbed FROM shock_absorber.absorbed_tables WHERE name = "+lit)
	if err != nil {
		return "", fmt.Errorf("read the enabled tables: %w", err)
	}
	return string(v), e.unchoose(ctx, name, map[bool]string{true: "1", false: "0"}[on])
}

// unchoose stores a choice; "" removes it, so that the configuration decides.
func (e *Engine) unchoose(ctx context.Context, name schema.Name, absorbed string) error {
	lit := sink.QuoteText(name.String())
	sql := "DELETE FROM shock_absorber.absorbed_tables WHERE name = " + lit
	if absorbed != "" {
		sql = fmt.Sprintf("REPLACE INTO shock_absorber.absorbed_tables VALUES (%s, %s)", lit, absorbed)
	}
	if _, err := e.loader.scalar(ctx, opChoose, sql); err != nil {
		return fmt.Errorf("store the choice for %s: %w", name, err)
	}
	return nil
}
