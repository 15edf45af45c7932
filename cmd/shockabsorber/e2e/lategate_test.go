package e2e

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// TestLateCrowd has many clients write one row that a transaction in MySQL has
// locked, which keeps the table's gate shut. A few of them come late and wait in
// MySQL, as they would without the proxy; the others must not bring MySQL to its
// limits, and wait for the gate. In the end all have counted the row up once.
func TestLateCrowd(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			const crowd, proxies = 40, 2
			f := newFleet(t, backend.start(t), proxies, []string{"t"}, "CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL)")
			mustExec(t, f.direct, "INSERT INTO t VALUES (1, 0), (2, 0)")
			tx, err := f.pool(0).Begin()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback() }()
			for _, s := range []string{"UPDATE t SET n = n + 100 WHERE id = 1", "INSERT INTO t SELECT 3, 0"} {
				if _, err := tx.Exec(s); err != nil {
					t.Fatal(err)
				}
			}
			var done atomic.Int64
			all := make(chan struct{})
			go func() {
				defer close(all)
				clients(crowd, func(c int) {
					if _, err := f.pool(c).Exec("UPDATE t SET n = n + 1 WHERE id = 1"); err != nil {
						t.Errorf("client %d: %v", c, err)
						return
					}
					done.Add(1)
				})
			}()
			const there = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = '" + servertest.AppUser + "' AND INFO LIKE 'UPDATE t SET n = n + 1%'"
			most := 0
			for deadline := time.Now().Add(time.Minute); most < 8*proxies && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
				most = max(most, count(t, f.direct, there))
			}
			time.Sleep(time.Second) // for others to come, if they do
			if most = max(most, count(t, f.direct, there)); most != 8*proxies {
				t.Errorf("%d wait in MySQL, want 8 of each of %d proxies", most, proxies)
			}
			if n := done.Load(); n > 0 {
				t.Errorf("%d have counted up a row that is locked", n)
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			<-all
			if n := count(t, f.pool(1), "SELECT n FROM t WHERE id = 1"); n != 100+crowd {
				t.Errorf("the row is %d through a proxy, want %d", n, 100+crowd)
			}
			f.drained(t)
			f.absorbed(t, 1)
			if n := count(t, f.direct, "SELECT n FROM t WHERE id = 1"); n != 100+crowd {
				t.Errorf("the row is %d in MySQL, want %d", n, 100+crowd)
			}
			if _, err := f.pool(1).Exec(fmt.Sprintf("UPDATE t SET n = %d WHERE id = 2", crowd)); err != nil {
				t.Errorf("the gate is open again: %v", err)
			}
		})
	}
}

// TestLateFamily writes tables that foreign keys connect, each beside a
// transaction in MySQL that keeps their gates shut. Nothing that it has locked is
// touched, so no statement may wait for its end.
func TestLateFamily(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			f := newFleet(t, backend.start(t), 2, []string{"p", "c", "g"}, familyDDL[:3]...)
			for _, s := range []string{"INSERT INTO p VALUES (1, 'a', 0), (2, 'b', 0)", "INSERT INTO c VALUES (1, 2, NULL, 0, NULL)", "INSERT INTO g VALUES (1, 1, 0)"} {
				mustExec(t, f.direct, s)
			}
			for _, first := range []string{"INSERT INTO p SELECT 9, NULL, 0", "INSERT INTO c SELECT 9, 1, NULL, 0, NULL", "INSERT INTO g SELECT 9, NULL, 0"} {
				tx, err := f.pool(0).Begin()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := tx.Exec(first); err != nil {
					t.Fatal(err)
				}
				for i, s := range []string{"INSERT INTO c VALUES (2, 2, 'b', 0, NULL)", "UPDATE p SET v = v + 1 WHERE id = 2", "UPDATE c SET v = v + 1 WHERE id = 1",
					"INSERT INTO g VALUES (2, 2, 0)", "UPDATE g SET v = v + 1 WHERE id = 1", "DELETE FROM g WHERE id = 2", "DELETE FROM c WHERE id = 2", "INSERT INTO p VALUES (3, 'c', 0)", "DELETE FROM p WHERE id = 3"} {
					if res, err := f.pool(1).Exec(s); err != nil {
						t.Errorf("beside %s: %s: %v", first, s, err)
					} else if n, _ := res.RowsAffected(); n != 1 {
						t.Errorf("beside %s: %s: %d rows, statement %d", first, s, n, i)
					}
				}
				if err := tx.Commit(); err != nil {
					t.Fatal(err)
				}
			}
			f.drained(t)
			for table, want := range map[string]string{"p": "1 0,2 3,9 0", "c": "1 3,9 0", "g": "1 3,9 0"} {
				var got string
				if err := f.direct.QueryRow("SELECT GROUP_CONCAT(CONCAT(id, ' ', v) ORDER BY id) FROM " + table).Scan(&got); err != nil || got != want {
					t.Errorf("%s has %q, want %q (%v)", table, got, want, err)
				}
			}
		})
	}
}
