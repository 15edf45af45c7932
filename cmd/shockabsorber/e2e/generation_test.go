package e2e

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"
)

// TestCommitDeadlock: a transaction's locks are of the generation in which it took
// them, and another can lock its row in the next, after a statement in MySQL has
// shut the table's gate. The COMMIT waits for that one then; if that one waits for
// a row of its own, one of the two has to give way at once.
func TestCommitDeadlock(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			f := newFleet(t, backend.start(t), 2, []string{"t"}, "CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL)")
			mustExec(t, f.direct, "INSERT INTO t VALUES (1, 0), (2, 0)")
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // innodb_lock_wait_timeout is 50
			defer cancel()
			first, err := f.pool(0).BeginTx(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := first.ExecContext(ctx, "UPDATE t SET n = n + 1 WHERE id = 1"); err != nil {
				t.Fatal(err)
			}
			if _, err := f.pool(0).Exec("INSERT INTO t SELECT 9, 0"); err != nil { // another generation
				t.Fatal(err)
			}
			second, err := f.pool(1).BeginTx(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			lock := func(tx *sql.Tx, id int) error {
				var n int
				return tx.QueryRowContext(ctx, "SELECT n FROM t WHERE id = ? FOR UPDATE", id).Scan(&n)
			}
			if err := errors.Join(lock(first, 2), lock(second, 1)); err != nil {
				t.Fatal(err)
			}
			waited := make(chan error, 1)
			go func() { waited <- lock(second, 2) }()
			time.Sleep(200 * time.Millisecond) // for it to wait; else it comes too late, and finds the row locked or free
			committed := first.Commit()
			lost := <-waited
			if ended := second.Rollback(); ended != nil && lost == nil {
				t.Error(ended)
			}
			if (code(committed) == 1213) == (code(lost) == 1213) || committed != nil && lost != nil {
				t.Errorf("the COMMIT gave %v, the one that waited for its row %v; want 1213 for one of them", committed, lost)
			}
			want := 1
			if committed != nil {
				want = 0
			}
			if n := count(t, f.pool(1), "SELECT n FROM t WHERE id = 1"); n != want {
				t.Errorf("the row is %d, want %d", n, want)
			}
		})
	}
}
