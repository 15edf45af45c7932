package e2e

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"
)

// TestCommitDeadlock: a transaction's locks are of the generation in which it took
// them, and another can take the same in the next, after a statement in MySQL has
// shut the table's gate. The COMMIT waits for that one then; if that one waits for
// a row of its own, one of the two has to give way at once.
func TestCommitDeadlock(t *testing.T) {
	for _, c := range []struct {
		name, first, second string // what both lock, one in each generation
		by                  int    // what first adds to the sum of n
	}{
		{"row", "UPDATE t SET n = n + 1 WHERE id = 1", "SELECT n FROM t WHERE id = 1 FOR UPDATE", 1},
		{"unique value", "INSERT INTO t VALUES (3, 10, 7)", "INSERT INTO t VALUES (4, 100, 7)", 10},
	} {
		for _, backend := range backends {
			t.Run(c.name+"/"+backend.name, func(t *testing.T) {
				f := newFleet(t, backend.start(t), 2, []string{"t"}, "CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL, u INT UNIQUE)")
				mustExec(t, f.direct, "INSERT INTO t VALUES (1, 0, NULL), (2, 0, NULL)")
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // innodb_lock_wait_timeout is 50
				defer cancel()
				begin := func(proxy int) *sql.Tx {
					tx, err := f.pool(proxy).BeginTx(ctx, nil)
					if err != nil {
						t.Fatal(err)
					}
					return tx
				}
				run := func(tx *sql.Tx, statement string) error {
					_, err := tx.ExecContext(ctx, statement)
					return err
				}
				const both = "SELECT n FROM t WHERE id = 2 FOR UPDATE"
				first := begin(0)
				if err := run(first, c.first); err != nil {
					t.Fatal(err)
				}
				if _, err := f.pool(0).Exec("INSERT INTO t SELECT 9, 0, NULL"); err != nil { // another generation
					t.Fatal(err)
				}
				second := begin(1)
				if err := errors.Join(run(first, both), run(second, c.second)); err != nil {
					t.Fatal(err)
				}
				waited := make(chan error, 1)
				go func() { waited <- run(second, both) }()
				time.Sleep(200 * time.Millisecond) // for it to wait; else it comes too late, and finds the row locked or free
				committed := first.Commit()
				lost := <-waited
				if ended := second.Rollback(); ended != nil && lost == nil {
					t.Error(ended)
				}
				if (code(committed) == 1213) == (code(lost) == 1213) || committed != nil && lost != nil {
					t.Errorf("the COMMIT gave %v, the one that waited for its row %v; want 1213 for one of them", committed, lost)
				}
				want := 0
				if committed == nil {
					want = c.by
				}
				if n := count(t, f.pool(1), "SELECT SUM(n) FROM t"); n != want {
					t.Errorf("the rows' sum is %d, want %d", n, want)
				}
			})
		}
	}
}
