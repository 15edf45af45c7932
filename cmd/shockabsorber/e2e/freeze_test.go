package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// TestFreezeInApply stops the process that drains the lane in the middle of a
// transaction in MySQL, as a machine that swaps or a paused container does,
// lets another take the lane over, and then lets the first go on: it believes
// that it owns the lane still. No row is written twice and none is skipped.
func TestFreezeInApply(t *testing.T) {
	db := servertest.MariaDB(t)
	database := db.Database(t)
	db.Exec(t, database, "CREATE TABLE ledger (id BIGINT NOT NULL PRIMARY KEY, worker INT NOT NULL, n INT NOT NULL DEFAULT 0) ENGINE=InnoDB")
	redis := servertest.Redis(t)
	addrs := []string{servertest.FreeAddr(t), servertest.FreeAddr(t)}
	var pools []*sql.DB
	var first *process
	for i, addr := range addrs {
		p := serve(t, crashConfig(t, db, redis.Addr, addr, database, "redis"), addr)
		pools = append(pools, openDSN(t, fmt.Sprintf("%s:%s@tcp(%s)/%s?timeout=5s&readTimeout=30s", proxyUser, proxyPassword, addr, database)))
		if i == 0 {
			first = p
			mustExec(t, pools[0], "INSERT INTO ledger (id, worker) VALUES (1, 0), (2, 0), (3, 0)")
			drainedAll(t, pools[0])
		}
	}
	direct := db.Open(t, "")
	owner := count(t, direct, "SELECT epoch FROM shock_absorber.checkpoint")

	unlock := lockRow(t, direct, database)
	want := map[int]int{1: 0, 2: 0, 3: 0}
	step := func(pool *sql.DB, fresh int) {
		t.Helper()
		mustExec(t, pool, "UPDATE ledger SET n = n + 1 WHERE id IN (1, 2, 3)", fmt.Sprintf("INSERT INTO ledger (id, worker) VALUES (%d, 0)", fresh))
		for id := 1; id <= 3; id++ {
			want[id]++
		}
		want[fresh] = 0
	}
	step(pools[0], 10)
	step(pools[1], 11)
	thaw := freezeInTransaction(t, direct, first)
	unlock()
	step(pools[1], 12)
	drainedAll(t, pools[1])
	if now := count(t, direct, "SELECT epoch FROM shock_absorber.checkpoint"); now <= owner {
		t.Errorf("epoch %d after %d: nobody took the lane over", now, owner)
	}
	taken := count(t, direct, "SELECT lsn FROM shock_absorber.checkpoint")
	thaw()
	step(pools[0], 13)
	step(pools[1], 14)
	drainedAll(t, pools[0])
	drainedAll(t, pools[1])
	if now := count(t, direct, "SELECT lsn FROM shock_absorber.checkpoint"); now < taken+4 {
		t.Errorf("the checkpoint is at %d, it was at %d before four more units", now, taken)
	}
	wantLedger(t, direct, database, want)
	noDeadLetters(t, direct)
}

// TestFreezeLosesTail freezes the only drainer with a batch in flight, and Redis
// comes up without the units in it. A process that has never seen them is not told
// of them: the drainer is silent, and not waited for. Its units get the same LSNs,
// and the drainer, which goes on with an epoch that nobody has raised by taking
// over, must not move the checkpoint over them, nor may what its queue holds of the
// lost ones be taken for them.
func TestFreezeLosesTail(t *testing.T) {
	for _, queue := range []string{"redis", "memory"} {
		t.Run(queue, func(t *testing.T) { freezeLosesTail(t, queue) })
	}
}

func freezeLosesTail(t *testing.T, queue string) {
	db := servertest.MariaDB(t)
	database := db.Database(t)
	db.Exec(t, database, "CREATE TABLE ledger (id BIGINT NOT NULL PRIMARY KEY, worker INT NOT NULL, n INT NOT NULL DEFAULT 0) ENGINE=InnoDB")
	redis := servertest.Redis(t, "--appendonly", "no", "--save", "")
	process := func() (*process, *sql.DB) {
		addr := servertest.FreeAddr(t)
		p := serve(t, crashConfig(t, db, redis.Addr, addr, database, queue), addr)
		return p, openDSN(t, fmt.Sprintf("%s:%s@tcp(%s)/%s?timeout=5s&readTimeout=30s", proxyUser, proxyPassword, addr, database))
	}
	first, pool := process()
	mustExec(t, pool, "INSERT INTO ledger (id, worker) VALUES (1, 0), (2, 0), (3, 0)")
	drainedAll(t, pool)
	command(t, redis.Addr, "SAVE")
	direct := db.Open(t, "")
	unlock := lockRow(t, direct, database)
	mustExec(t, pool, "UPDATE ledger SET n = n + 1 WHERE id IN (1, 2, 3)", "INSERT INTO ledger (id, worker) VALUES (10, 0)")
	thaw := freezeInTransaction(t, direct, first)
	redis.Kill()
	redis.Restart()
	unlock()

	_, other := process()
	mustExec(t, other, "UPDATE ledger SET n = n + 10 WHERE id IN (1, 2, 3)", "INSERT INTO ledger (id, worker) VALUES (20, 0)", "INSERT INTO ledger (id, worker) VALUES (21, 0)")
	thaw()
	drainedAll(t, other)
	until(t, "the units that Redis has lost to be named", func() bool {
		var named sql.NullString
		into := make([]any, 12)
		for i := range into {
			into[i] = new(sql.NullString)
		}
		into[10] = &named
		err := other.QueryRow("SELECT * FROM shock_absorber.lanes").Scan(into...)
		return err == nil && strings.Contains(named.String, "lost")
	})
	mustExec(t, other, "INSERT INTO ledger (id, worker) VALUES (22, 0)")
	until(t, "the first process to go on", func() bool {
		_, err := pool.Exec("INSERT INTO ledger (id, worker) VALUES (23, 0)")
		return err == nil || strings.Contains(err.Error(), "Duplicate")
	})
	drainedAll(t, other)
	wantLedger(t, direct, database, map[int]int{1: 10, 2: 10, 3: 10, 20: 0, 21: 0, 22: 0, 23: 0})
}

// lockRow locks a row in MySQL, which keeps the drainer's transaction from its
// end, until the result is called.
func lockRow(t *testing.T, direct *sql.DB, database string) (unlock func()) {
	t.Helper()
	lock, err := direct.BeginTx(context.Background(), nil)
	if err == nil {
		_, err = lock.Exec("SELECT * FROM " + database + ".ledger WHERE id=2 FOR UPDATE")
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := lock.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
}

// freezeInTransaction stops a process whose drainer waits for a lock, until the
// result is called. The statement goes on when it gets the lock; the transaction
// stays open.
func freezeInTransaction(t *testing.T, direct *sql.DB, p *process) (thaw func()) {
	t.Helper()
	until(t, "the drainer to wait in the middle of its transaction", func() bool {
		var n int
		err := direct.QueryRow("SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state='LOCK WAIT'").Scan(&n)
		return err == nil && n > 0
	})
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	thaw = sync.OnceFunc(func() { _ = p.cmd.Process.Signal(syscall.SIGCONT) })
	t.Cleanup(thaw)
	return thaw
}

// wantLedger compares MySQL's table, id -> n, with what it must hold.
func wantLedger(t *testing.T, direct *sql.DB, database string, want map[int]int) {
	t.Helper()
	got := map[int]int{}
	rows, err := direct.Query("SELECT id, n FROM " + database + ".ledger")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, n int
		if err := rows.Scan(&id, &n); err != nil {
			t.Fatal(err)
		}
		got[id] = n
	}
	if err := rows.Err(); err != nil || !maps.Equal(got, want) {
		t.Errorf("MySQL has %v, want %v, %v", got, want, err)
	}
}

// drainedAll waits until a proxy's lane has no backlog.
func drainedAll(t *testing.T, pool *sql.DB) {
	t.Helper()
	until(t, "the backlog to drain", func() bool {
		l, err := tryLane(pool)
		return err == nil && l.backlog == 0
	})
}
