package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// TestDurabilityReplica: what replicas have survives the loss of the master.
func TestDurabilityReplica(t *testing.T) {
	level := func(cfg *config.Config, _ string) {
		cfg.WriteBack.Durability = config.DurabilityReplica
		cfg.WriteBack.QueueType = config.QueueRedis // one in the proxy's memory would help
	}
	t.Run("the master's machine is lost", func(t *testing.T) {
		args := []string{"--repl-diskless-sync-delay", "0"}
		master := servertest.Redis(t, args...)
		host, port := hostPort(t, master.Addr)
		replica := servertest.Redis(t, append(args, "--replicaof", fmt.Sprintf("%s %d", host, port))...)
		g := newGateway(t, master.Addr)
		d := newDurable(t, g.addr, level)
		d.load(func() {
			replica.Kill() // what is written now has only the master
			time.Sleep(300 * time.Millisecond)
			g.point("")
			master.Kill()
			wipe(t, master)
			replica.Restart()
			promote(t, g, replica, master)
		})
		d.wantAll()
	})
	t.Run("the power fails, and the master's disk is lost", func(t *testing.T) {
		args := []string{"--appendfsync", "always", "--repl-diskless-sync-delay", "0"}
		master := servertest.Redis8(t, args...)
		host, port := hostPort(t, master.Addr)
		replica := servertest.Redis8(t, append(args, "--replicaof", fmt.Sprintf("%s %d", host, port))...)
		g := newGateway(t, master.Addr)
		d := newDurable(t, g.addr, level)
		d.load(func() {
			replica.Freeze()
			time.Sleep(300 * time.Millisecond)
			g.point("")
			master.Kill()
			replica.Kill()
			wipe(t, master)
			replica.Restart()
			promote(t, g, replica, master)
		})
		d.wantAll()
	})
}

// promote makes a replica the master, and what was the master its replica,
// without which nothing would be acknowledged.
func promote(t *testing.T, g *gateway, replica, master *servertest.RedisServer) {
	t.Helper()
	command(t, replica.Addr, "replicaof", "no", "one")
	g.point(replica.Addr)
	master.Restart()
	host, port := hostPort(t, replica.Addr)
	command(t, master.Addr, "replicaof", host, port)
}

// TestDurabilityKafka: what Kafka has survives Redis itself.
func TestDurabilityKafka(t *testing.T) {
	t.Run("Redis emptied", func(t *testing.T) {
		r := servertest.Redis(t)
		d := newDurable(t, r.Addr, kafkaLevel(t))
		d.load(func() { command(t, r.Addr, "flushall") })
		d.wantAll()
		if text := d.lastError(); strings.Contains(text, "lost") {
			t.Errorf("status names a loss: %s", text)
		}
	})
	t.Run("Redis' machine is lost", func(t *testing.T) {
		r := servertest.Redis(t)
		d := newDurable(t, r.Addr, kafkaLevel(t))
		d.load(func() { r.Kill(); wipe(t, r); r.Restart() })
		d.wantAll()
	})
	t.Run("proxy killed, and Redis' machine is lost", func(t *testing.T) {
		killAll(t, servertest.Redis(t), func(*durable) {}, wipe)
	})
	// Nobody is left who knows how far the lane was, but Kafka.
	t.Run("proxy killed, and Redis comes up without the last writes", func(t *testing.T) {
		r := servertest.Redis(t, "--appendonly", "no", "--save", "")
		killAll(t, r, func(d *durable) {
			mustExec(t, d.pool, "CALL shock_absorber.pause()")
			command(t, r.Addr, "SAVE")
			time.Sleep(300 * time.Millisecond) // of writes that Redis forgets
		}, func(*testing.T, *servertest.RedisServer) {})
	})
	t.Run("Kafka away", func(t *testing.T) {
		r := servertest.Redis(t)
		level := kafkaLevel(t)
		d := newDurable(t, r.Addr, func(cfg *config.Config, table string) {
			level(cfg, table)
			cfg.WriteBack.BarrierTimeout = config.Duration{Duration: time.Second}
		})
		mustExec(t, d.pool, "INSERT INTO ledger (id, n) VALUES (1, 1)")
		broker := servertest.KafkaBroker(t)
		broker.Freeze(t)
		_, err := d.pool.Exec("INSERT INTO ledger (id, n) VALUES (2, 2)")
		n := 0
		rerr := d.pool.QueryRow("SELECT n FROM ledger WHERE id = 2").Scan(&n)
		broker.Thaw(t)
		var told *mysql.MySQLError
		if !errors.As(err, &told) || told.Number != 1180 || !strings.Contains(told.Message, "stands in the write-ahead log") || !strings.Contains(told.Message, "do not send it again") {
			t.Errorf("a write that Kafka did not confirm was answered with %v", err)
		}
		if rerr != nil || n != 2 {
			t.Errorf("a read by key before Kafka has the write: %d, %v", n, rerr)
		}
		until(t, "the write to appear", func() bool { return count(t, d.direct, "SELECT COUNT(*) FROM ledger WHERE id = 2") == 1 })
	})
}

// killAll kills the proxy with kill -9 and Redis at the same time, after before, and
// has what Redis has kept spoilt.
func killAll(t *testing.T, r *servertest.RedisServer, before func(*durable), spoil func(*testing.T, *servertest.RedisServer)) {
	db := servertest.MariaDB(t)
	d := &durable{t: t, db: db, database: db.Database(t), acked: map[int]bool{}, unknown: map[int]bool{}}
	db.Exec(t, d.database, "CREATE TABLE ledger (id BIGINT NOT NULL PRIMARY KEY, n INT NOT NULL) ENGINE=InnoDB")
	addr := servertest.FreeAddr(t)
	file := crashConfig(t, db, r.Addr, addr, d.database, fmt.Sprintf("kafka|durability = \"kafka\"\n[writeback.kafka]\nbrokers = [%q]\ntopic = %q",
		servertest.Kafka(t), fmt.Sprintf("killall-%d", time.Now().UnixNano())))
	p := serve(t, file, addr)
	d.direct = db.Open(t, d.database)
	d.pool = openDSN(t, fmt.Sprintf("%s:%s@tcp(%s)/%s?timeout=5s&readTimeout=30s", proxyUser, proxyPassword, addr, d.database))
	d.load(func() {
		before(d)
		p.kill()
		r.Kill()
		spoil(t, r)
		r.Restart()
		p = serve(t, file, addr)
	})
	until(t, "the lane to be drained again", func() bool {
		_, err := d.pool.Exec("CALL shock_absorber.resume()")
		return err == nil
	})
	d.wantAll()
}

// TestDurabilityPerTable: the tables of one lane differ, and the writes of one
// do not wait for what those of another wait for.
func TestDurabilityPerTable(t *testing.T) {
	r := servertest.Redis(t)
	level := kafkaLevel(t)
	d := newDurable(t, r.Addr, func(cfg *config.Config, table string) {
		level(cfg, table)
		cfg.WriteBack.BarrierTimeout = config.Duration{Duration: 2 * time.Second}
		cfg.Tables[strings.Replace(table, ".ledger", ".quick", 1)] = config.Table{Durability: config.DurabilityRedis, Existence: "trust"}
		d := strings.TrimSuffix(table, ".ledger")
		servertest.MariaDB(t).Exec(t, d, "CREATE TABLE quick (id BIGINT NOT NULL PRIMARY KEY, n INT NOT NULL) ENGINE=InnoDB")
	})
	mustExec(t, d.pool, "INSERT INTO ledger (id, n) VALUES (1, 1)", "INSERT INTO quick (id, n) VALUES (1, 1)")
	broker := servertest.KafkaBroker(t)
	broker.Freeze(t)
	waits := make(chan error, 1)
	go func() {
		_, err := d.pool.Exec("INSERT INTO ledger (id, n) VALUES (2, 2)")
		waits <- err
	}()
	began := time.Now()
	_, err := d.pool.Exec("INSERT INTO quick (id, n) VALUES (2, 2)")
	took := time.Since(began)
	slow := <-waits
	broker.Thaw(t)
	if err != nil || took > time.Second {
		t.Errorf("a write that needs only Redis: %v after %v", err, took)
	}
	if slow == nil {
		t.Error("a write that needs Kafka was acknowledged without it")
	}
}

// TestBacklogLimits: bytes, age and Redis' memory refuse writes as the number
// of units does, and let them in again.
func TestBacklogLimits(t *testing.T) {
	for name, limit := range map[string]func(w *config.WriteBack){
		"max_backlog_bytes": func(w *config.WriteBack) { w.MaxBacklogBytes = 50_000 },
		"max_backlog_age":   func(w *config.WriteBack) { w.MaxBacklogAge = config.Duration{Duration: time.Second} },
		"memory_watermark":  func(w *config.WriteBack) { w.MemoryWatermark = 0.5 },
	} {
		t.Run(name, func(t *testing.T) {
			r := servertest.Redis(t, "--maxmemory", "8mb")
			d := newDurable(t, r.Addr, func(cfg *config.Config, _ string) {
				cfg.WriteBack.OnFull, cfg.WriteBack.DrainRate = config.OnFullReject, 1
				limit(&cfg.WriteBack)
			})
			var err error
			id := 0
			for began := time.Now(); err == nil && time.Since(began) < time.Minute; id++ {
				_, err = d.pool.Exec("INSERT INTO ledger (id, n) VALUES (?, 1)", id)
			}
			var told *mysql.MySQLError
			if !errors.As(err, &told) || told.Number != 1040 {
				t.Fatalf("after %d writes: %v", id, err)
			}
			t.Logf("%d writes were taken", id-1)
			if name == "memory_watermark" {
				command(t, r.Addr, "config", "set", "maxmemory", "80mb")
			} else {
				until(t, "the backlog to drain", func() bool {
					var n int
					return d.pool.QueryRow("SELECT COUNT(*) FROM ledger").Scan(&n) == nil && n == id-1
				})
			}
			until(t, "writes to be taken again", func() bool {
				_, err := d.pool.Exec("INSERT INTO ledger (id, n) VALUES (-1, 1)")
				return err == nil
			})
		})
	}
}
