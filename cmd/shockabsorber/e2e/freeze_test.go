package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
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

	// A lock in MySQL keeps the drainer's transaction from its end.
	lock, err := direct.BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Exec("SELECT * FROM " + database + ".ledger WHERE id=2 FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
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
	until(t, "the drainer to wait in the middle of its transaction", func() bool {
		var n int
		err := direct.QueryRow("SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state='LOCK WAIT'").Scan(&n)
		return err == nil && n > 0
	})
	if err := first.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	thawed := false
	thaw := func() {
		if !thawed {
			thawed = true
			_ = first.cmd.Process.Signal(syscall.SIGCONT)
		}
	}
	defer thaw()
	// The statement of the frozen process goes on; its transaction stays open.
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
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
	var got, expected []string
	rows, err := direct.Query("SELECT id, n FROM " + database + ".ledger ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, n int
		if err := rows.Scan(&id, &n); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(id, ":", n))
	}
	for id := 1; id <= 14; id++ {
		if n, ok := want[id]; ok {
			expected = append(expected, fmt.Sprint(id, ":", n))
		}
	}
	if strings.Join(got, " ") != strings.Join(expected, " ") {
		t.Errorf("MySQL has %v, want %v", got, expected)
	}
	if n := count(t, direct, "SELECT COUNT(*) FROM shock_absorber.dead_letters"); n != 0 {
		t.Errorf("%d dead letters", n)
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
