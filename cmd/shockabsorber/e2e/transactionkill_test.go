package e2e

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// accounts and wealth are what TestTransactionKill moves money between.
const accounts, wealth = 8, 1000

// TestTransactionKill kills one of two proxies with kill -9 in the middle of
// transactions. What was open is gone: its rows can be written through the other
// proxy, and look as if it had never been. What was moved from one account to
// another is never on both or on neither.
func TestTransactionKill(t *testing.T) {
	db := servertest.MariaDB(t)
	database := db.Database(t)
	db.Exec(t, database, "CREATE TABLE ledger (id BIGINT NOT NULL PRIMARY KEY, worker INT NOT NULL, n INT NOT NULL DEFAULT 0) ENGINE=InnoDB")
	for i := range accounts + 2 {
		db.Exec(t, database, fmt.Sprintf("INSERT INTO ledger VALUES (%d, 0, %d)", i, wealth))
	}
	redis := servertest.Redis(t)
	var addrs, files [2]string
	var proxies [2]*process
	var pools [2]*sql.DB
	for i := range addrs {
		addrs[i] = servertest.FreeAddr(t)
		files[i] = crashConfig(t, db, redis.Addr, addrs[i], database, "memory")
		proxies[i] = serve(t, files[i], addrs[i])
		pools[i] = openDSN(t, fmt.Sprintf("%s:%s@tcp(%s)/%s?timeout=5s&readTimeout=60s&interpolateParams=true", proxyUser, proxyPassword, addrs[i], database))
	}
	stop := make(chan struct{})
	var moved, looked atomic.Int64
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				switch err := moveMoney(pools[w%2]); {
				case err == nil:
					moved.Add(1)
				case errors.Is(err, errTorn):
					t.Error(err)
				}
			}
		})
	}
	// MySQL gets each transfer whole.
	direct := db.Open(t, database)
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			if n := count(t, direct, fmt.Sprintf("SELECT SUM(n) FROM ledger WHERE id < %d", accounts)); n != accounts*wealth {
				t.Errorf("MySQL holds %d", n)
			}
			looked.Add(1)
		}
	})
	for range 3 {
		doomed := dialPackets(t, addrs[0], database, wire.CapDeprecateEOF)
		doomed.ok("BEGIN")
		doomed.ok(fmt.Sprintf("UPDATE ledger SET n = n - 100 WHERE id = %d", accounts))
		doomed.ok(fmt.Sprintf("UPDATE ledger SET n = n + 100 WHERE id = %d", accounts+1))
		proxies[0].kill()
		c := dialPackets(t, addrs[1], database, wire.CapDeprecateEOF)
		c.ok(fmt.Sprintf("UPDATE ledger SET worker = worker + 1 WHERE id = %d", accounts)) // waits for the lease
		for i := range 2 {
			if got := c.answer(fmt.Sprintf("SELECT n FROM ledger WHERE id = %d", accounts+i)); got != fmt.Sprint(wealth) {
				t.Errorf("account %d holds %s: a part of a transaction that was never committed", accounts+i, got)
			}
		}
		proxies[0] = serve(t, files[0], addrs[0])
	}
	close(stop)
	wg.Wait()
	for _, pool := range pools {
		total := 0
		for i := range accounts {
			total += count(t, pool, fmt.Sprintf("SELECT n FROM ledger WHERE id = %d", i))
		}
		if total != accounts*wealth {
			t.Errorf("the accounts hold %d", total)
		}
	}
	mustExec(t, pools[1], "CALL shock_absorber.drain()")
	if n := count(t, direct, "SELECT SUM(n) FROM ledger"); n != (accounts+2)*wealth {
		t.Errorf("MySQL holds %d in the end", n)
	}
	if moved.Load() == 0 || looked.Load() == 0 {
		t.Errorf("%d transfers, %d looks", moved.Load(), looked.Load())
	}
	t.Logf("%d transfers, %d looks at MySQL", moved.Load(), looked.Load())
}

// moveMoney moves money from one account to another in a transaction, which reads
// both. Some of them need MySQL.
func moveMoney(pool *sql.DB) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	from, to, amount := rand.IntN(accounts), rand.IntN(accounts), rand.IntN(50)
	for _, step := range []struct{ id, by int }{{from, -amount}, {to, amount}} {
		if rand.IntN(4) == 0 {
			var n int
			if err := tx.QueryRowContext(ctx, "SELECT n FROM ledger WHERE id = ?", step.id).Scan(&n); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, "UPDATE ledger SET n = n + ? WHERE id = ?", step.by, step.id); err != nil {
			return err
		}
	}
	if rand.IntN(20) == 0 {
		var n int
		if err := tx.QueryRowContext(ctx, fmt.Sprintf("SELECT SUM(n) FROM ledger WHERE id < %d", accounts)).Scan(&n); err != nil {
			return err
		}
		if n != accounts*wealth {
			return fmt.Errorf("%w: %d in all accounts", errTorn, n)
		}
	}
	if rand.IntN(5) == 0 {
		return errors.Join(tx.Rollback(), errRolledBack)
	}
	return tx.Commit()
}

// errTorn says that a transaction has seen a part of another.
var errTorn = errors.New("a transaction has seen a part of another")

// errRolledBack says that a transfer was given up.
var errRolledBack = errors.New("rolled back")
