package crash

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// TestDefinitionOutlivesProxy kills a proxy whose ALTER TABLE MySQL finishes
// afterwards, so that nobody is left who could tell the others of it. Who ends
// the dead one's part in the gate must: until then the gate is shut, and from
// then on nobody goes by the old definition.
func TestDefinitionOutlivesProxy(t *testing.T) {
	for _, s := range []setting{{"MariaDB", servertest.MariaDB, "memory", ""}, {"MySQL", servertest.MySQL, "redis", ""}} {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t, s, 0, "")
			w.answering()
			other := w.pools[1]
			shown := func() []string {
				rows, err := other.Query("SELECT * FROM counter WHERE id = 1")
				if err != nil {
					t.Fatal(err)
				}
				defer rows.Close()
				names, err := rows.Columns()
				if err != nil || !rows.Next() {
					t.Fatalf("no row: %v, %v", err, rows.Err())
				}
				return names
			}
			if _, err := other.Exec("INSERT INTO counter VALUES (1, 0, 'first')"); err != nil {
				t.Fatal(err)
			}
			if got := shown(); !slices.Equal(got, []string{"id", "n", "last"}) {
				t.Fatalf("the columns are %q", got)
			}
			reader, err := w.direct.Begin() // the ALTER waits for its metadata lock
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = reader.Rollback() }()
			var n int
			if err := reader.QueryRow("SELECT COUNT(*) FROM counter").Scan(&n); err != nil {
				t.Fatal(err)
			}
			altered := make(chan error, 1)
			go func() {
				_, err := w.pools[0].Exec("ALTER TABLE counter ADD COLUMN added INT NOT NULL DEFAULT 7")
				altered <- err
			}()
			counted := func(query string, want int) func() error {
				return func() error {
					var n int
					err := w.direct.QueryRow(query).Scan(&n)
					if err == nil && n != want {
						err = fmt.Errorf("%d, want %d", n, want)
					}
					return err
				}
			}
			w.until("the ALTER to wait in MySQL", counted("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'ALTER TABLE counter%' AND STATE LIKE 'Waiting for table metadata lock%'", 1))
			w.proxies[0].Kill()
			if err := reader.Commit(); err != nil {
				t.Fatal(err)
			}
			if err := <-altered; err == nil {
				t.Error("the ALTER had an answer")
			}
			w.until("MySQL to finish the ALTER", counted("SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'counter' AND COLUMN_NAME = 'added'", 1))
			w.gatesOpenAt(other)
			for range 2 { // from MySQL, and from memory
				if got := shown(); !slices.Equal(got, []string{"id", "n", "last", "added"}) {
					t.Errorf("the columns are %q", got)
				}
			}
			if _, err := other.Exec("UPDATE counter SET n = n + 1, added = added + 1 WHERE id = 1"); err != nil {
				t.Error(err)
			}
			w.daemon("proxy 1", w.proxies[0]).restart()
			w.drained()
			if err := counted("SELECT n * 100 + added FROM counter WHERE id = 1", 108)(); err != nil {
				t.Errorf("the row in MySQL: %v", err)
			}
			w.audit("in the end")
		})
	}
}
