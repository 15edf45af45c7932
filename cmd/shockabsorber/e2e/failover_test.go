package e2e

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// operator runs the program's commands on a proxy's admin listener.
func operator(t *testing.T, admin string, args ...string) (out string, code int) {
	t.Helper()
	var text bytes.Buffer
	cmd := exec.Command(servertest.Program(t), append(args, "--admin", "http://"+admin)...)
	cmd.Stdout, cmd.Stderr = &text, &text
	_ = cmd.Run() // the exit code says it
	return text.String(), cmd.ProcessState.ExitCode()
}

// hole is what status says is missing of the lane.
func (d *durable) hole() (from, to int) {
	d.t.Helper()
	until(d.t, "the missing units to be named", func() bool {
		text := d.lastError()
		at := strings.LastIndex(text, "units ")
		if at < 0 {
			return false
		}
		_, err := fmt.Sscanf(text[at:], "units %d to %d were acknowledged", &from, &to)
		return err == nil
	})
	return from, to
}

// skip gives units up as an operator does, after the mistakes he may make.
func (d *durable) skip(admin string, from, to int) {
	d.t.Helper()
	last := fmt.Sprint(to)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--lane", "main", "--to", last}, 2, "confirm it with --yes"},
		{[]string{"--lane", "elsewhere", "--to", last, "--yes"}, 1, "no lane"},
		{[]string{"--lane", "main", "--to", fmt.Sprint(to + 1), "--yes"}, 1, fmt.Sprintf("units %d to %d are missing, not up to %d", from, to, to+1)},
		{[]string{"--lane", "main", "--to", last, "--yes"}, 0, fmt.Sprintf("gave up units %d to %d", from, to)},
	} {
		if out, code := operator(d.t, admin, append([]string{"skip"}, c.args...)...); code != c.code || !strings.Contains(out, c.want) {
			d.t.Fatalf("skip %q gave %d: %s", c.args, code, out)
		}
	}
	until(d.t, "status to name what was given up", func() bool {
		out, code := operator(d.t, admin, "status")
		return code == 0 && strings.Contains(out, fmt.Sprintf("Units %d to %d, which were acknowledged and missing, were given up by ", from, to))
	})
	if out, code := operator(d.t, admin, "skip", "--lane", "main", "--to", last, "--yes"); code != 1 || !strings.Contains(out, "nothing of it is missing") {
		d.t.Errorf("skip of an open lane gave %d: %s", code, out)
	}
}

// TestMySQLFailover: the address under [database] comes to point to another
// server. The checkpoint there tells which units it has. Those that it lacks
// are applied again if Kafka has them; otherwise the lane closes before the
// hole, names it, and stays closed until an operator gives it up.
func TestMySQLFailover(t *testing.T) {
	admin := ""
	begin := func(t *testing.T, change func(cfg *config.Config, table string)) (*durable, *gateway) {
		primary := servertest.MariaDB(t)
		g := newGateway(t, primary.Addr)
		admin = servertest.FreeAddr(t)
		d := newDurable(t, servertest.Redis(t).Addr, func(cfg *config.Config, table string) {
			cfg.Database.Host, cfg.Database.Port = hostPort(t, g.addr)
			cfg.WriteBack.DrainRate = 300
			cfg.Admin.Listen = admin
			if change != nil {
				change(cfg, table)
			}
		})
		return d, g
	}
	// switchTo kills the primary and moves the address.
	switchTo := func(d *durable, g *gateway, standby *servertest.DB) {
		g.point("")
		d.db.Kill()
		if standby == nil {
			standby = d.db.Copy(d.t)
		}
		g.point(standby.Addr)
		d.direct = standby.Open(d.t, d.database)
		d.t.Cleanup(func() { d.db.Restart(d.t) })
	}
	// lagging is a standby that gets no more from now on.
	lagging := func(d *durable) *servertest.DB {
		d.db.Kill()
		standby := d.db.Copy(d.t)
		d.db.Restart(d.t)
		before := readLane(d.t, d.pool).checkpoint
		until(d.t, "the primary to get more", func() bool { return readLane(d.t, d.pool).checkpoint > before+100 })
		return standby
	}
	t.Run("to a server that has everything", func(t *testing.T) {
		d, g := begin(t, nil)
		d.load(func() { switchTo(d, g, nil) })
		d.wantAll()
		if text := d.lastError(); strings.Contains(text, "rebuilt") {
			t.Errorf("the lane was closed: %s", text)
		}
	})
	t.Run("to a server that lacks the last transactions", func(t *testing.T) {
		d, g := begin(t, nil)
		var from, to int
		d.load(func() {
			switchTo(d, g, lagging(d))
			from, to = d.hole()
			time.Sleep(2 * time.Second)
			if n := count(t, d.direct, "SELECT lsn FROM shock_absorber.checkpoint WHERE lane = 'main'"); n != from-1 {
				t.Errorf("units %d to %d are missing, and the checkpoint is at %d", from, to, n)
			}
			d.skip(admin, from, to)
		})
		lost := d.missing()
		if len(lost) == 0 || len(lost) > to-from+1 {
			t.Errorf("%d acknowledged rows are lost, named were units %d to %d", len(lost), from, to)
		}
		mustExec(t, d.pool, "INSERT INTO ledger (id, n) VALUES (-1, 0)")
		noDeadLetters(t, d.pool)
	})
	t.Run("to a server that lacks the last transactions, which Kafka has", func(t *testing.T) {
		d, g := begin(t, kafkaLevel(t))
		d.load(func() { switchTo(d, g, lagging(d)) })
		d.wantAll()
	})
}
