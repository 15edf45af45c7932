package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"
)

// routines are what TestRoutineDDL calls.
var routines = []string{
	"CREATE PROCEDURE adds() ALTER TABLE t ADD COLUMN z INT NOT NULL DEFAULT 7",
	"CREATE PROCEDURE nests() BEGIN DO 1; CALL adds(); END",
	"CREATE PROCEDURE composes() BEGIN SET @text = 'ALTER TABLE t DROP COLUMN z'; PREPARE p FROM @text; EXECUTE p; DEALLOCATE PREPARE p; END",
	"CREATE PROCEDURE makes() BEGIN DROP TABLE t; CREATE TABLE t (id INT PRIMARY KEY, w VARCHAR(10) NOT NULL DEFAULT 'w', n BIGINT NOT NULL); INSERT INTO t (id, n) VALUES (0, 100); END",
	"CREATE PROCEDURE fails() BEGIN ALTER TABLE t ADD COLUMN f INT NULL; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END",
	"CREATE PROCEDURE sleeps() BEGIN ALTER TABLE t ADD COLUMN late INT NOT NULL DEFAULT 9; DO SLEEP(120); END",
	"CREATE PROCEDURE counts() UPDATE t SET n = n + 1 WHERE n >= 0",
	"CREATE PROCEDURE keeps() BEGIN CREATE TEMPORARY TABLE tmp (a INT); INSERT INTO tmp SELECT n FROM t; DROP TEMPORARY TABLE tmp; END",
	"CREATE PROCEDURE might(yes INT) BEGIN IF yes THEN ALTER TABLE t ADD COLUMN y INT NULL; END IF; UPDATE t SET n = n + 1 WHERE n >= 0; END",
}

// TestRoutineDDL: what a procedure defines anew is known to the other proxies when
// the CALL is answered, or was given up. One that defines nothing makes nobody read
// definitions again.
func TestRoutineDDL(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			f := newFleet(t, backend.start(t), 2, []string{"t"}, append(routines, "CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL)", "INSERT INTO t VALUES (0, 0)")...)
			rdb := redis.NewClient(&redis.Options{Addr: f.redis})
			defer rdb.Close()
			version := func() string {
				v, err := rdb.Get(t.Context(), "sa:{registry}:version").Result()
				if err != nil {
					t.Fatal(err)
				}
				return v
			}
			row := func(p *sql.DB) string {
				t.Helper()
				rows, err := p.Query("SELECT * FROM t WHERE id = 0")
				if err != nil {
					t.Fatal(err)
				}
				defer rows.Close()
				text := columnsAndRows(t, rows)
				return text
			}
			// same makes a row dirty through the second proxy, and finds its columns there.
			same := func(after string) {
				t.Helper()
				if _, err := f.pools[1].Exec("UPDATE t SET n = n + 1 WHERE id = 0"); err != nil {
					t.Fatalf("after %s: %v", after, err)
				}
				got := row(f.pools[1])
				f.drained(t)
				if want := row(f.direct); got != want {
					t.Errorf("after %s the second proxy has %s, MySQL %s", after, got, want)
				}
			}
			same("the beginning")
			for _, call := range []string{"CALL adds()", "CALL composes()", "CALL nests()", "CALL makes()", "CALL adds()", "PREPARE q FROM 'CALL composes()'", "EXECUTE q", "CALL might(1)", "CALL adds()"} {
				mustExec(t, f.pools[0], call)
				same(call)
			}
			if _, err := f.pools[0].Exec("CALL fails()"); code(err) != 1644 {
				t.Error(err)
			}
			same("CALL fails()")
			// A session that defines what only a CALL would do keeps no gate.
			session, err := f.pools[0].Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			if _, err := session.ExecContext(t.Context(), "CREATE PROCEDURE later() BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; END; SET @text = 'SELECT COUNT(*) FROM t'; PREPARE p FROM @text; EXECUTE p; DEALLOCATE PREPARE p; END"); err != nil {
				t.Fatal(err)
			}
			same("CREATE PROCEDURE later() in a session that goes on")
			before := version()
			mustExec(t, f.pools[0], "CALL counts()", "CALL keeps()", "CALL might(0)")
			if after := version(); after != before {
				t.Errorf("procedures that define nothing have brought the version from %s to %s", before, after)
			}
			same("CALL counts()")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan error, 1)
			go func() {
				_, err := f.pools[0].ExecContext(ctx, "CALL sleeps()")
				ended <- err
			}()
			until(t, "the procedure to sleep", func() bool {
				return count(t, f.direct, fmt.Sprintf("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = '%s' AND INFO LIKE 'DO SLEEP(120)'", f.database)) == 1
			})
			cancel()
			if err := <-ended; err == nil {
				t.Error("a CALL whose client has left is answered")
			}
			same("a client that has left")
		})
	}
}

// columnsAndRows prints a result.
func columnsAndRows(t *testing.T, rows *sql.Rows) string {
	t.Helper()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(names)
	for rows.Next() {
		values, into := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprint(values)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return text
}
