package e2e

import (
	"fmt"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// TestMySQLSwitchover: the address under [database] comes to point to another
// server that has everything, while the one that was the primary lives on,
// read-only, and the proxy's connections to it with it. Draining goes on in the
// new primary, and no row is taken from the old one, which lacks what was
// drained since.
func TestMySQLSwitchover(t *testing.T) {
	const rows = 40
	primary := servertest.MariaDB(t)
	g := newGateway(t, primary.Addr)
	d := newDurable(t, servertest.Redis(t).Addr, func(cfg *config.Config, table string) {
		narrowAccount(t, cfg)
		cfg.Database.Host, cfg.Database.Port = hostPort(t, g.addr)
		cfg.WriteBack.DrainRate, cfg.WriteBack.DefaultTTL = 1000, config.Duration{}
		cfg.Tables[table] = config.Table{}
	})
	for id := range rows {
		mustExec(t, d.pool, fmt.Sprintf("INSERT INTO ledger (id, n) VALUES (%d, 1)", id))
	}
	drained := func(what string) {
		t.Helper()
		until(t, what, func() bool { l := readLane(t, d.pool); return l.backlog == 0 })
	}
	drained("the first rows to be in MySQL")

	g.point("")
	primary.Kill()
	standby := primary.Copy(t)
	primary.Restart(t)
	primary.Exec(t, "", "SET GLOBAL read_only = 1")
	defer primary.Exec(t, "", "SET GLOBAL read_only = 0")
	g.point(primary.Addr)
	until(t, "the old primary to be read", func() bool {
		var n int
		return d.pool.QueryRow("SELECT n FROM ledger WHERE id = 0").Scan(&n) == nil
	})
	for id := range rows {
		mustExec(t, d.pool, fmt.Sprintf("UPDATE ledger SET n = n + 1 WHERE id = %d", id))
	}
	if l := readLane(t, d.pool); l.backlog == 0 {
		t.Fatal("a read-only server has taken writes")
	}

	g.lead(standby.Addr)
	drained("the lane to drain into the new primary")
	now := standby.Open(t, d.database)
	for round := 2; round <= 4; round++ {
		for id := range rows {
			if n := count(t, d.pool, fmt.Sprintf("SELECT n FROM ledger WHERE id = %d", id)); n != round {
				t.Fatalf("row %d was incremented %d times and reads as %d", id, round, n)
			}
			mustExec(t, d.pool, fmt.Sprintf("UPDATE ledger SET n = n + 1 WHERE id = %d", id))
		}
		drained("the increments to drain")
		if n := count(t, now, fmt.Sprintf("SELECT COUNT(*) FROM ledger WHERE n = %d", round+1)); n != rows {
			t.Errorf("%d of %d rows have all increments", n, rows)
		}
	}
	noDeadLetters(t, now)
}
