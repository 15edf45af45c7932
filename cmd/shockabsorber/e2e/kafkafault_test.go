package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// kafkaQueue configures Kafka as the queue alone, and notes the topic.
func kafkaQueue(t *testing.T, topic *string) func(cfg *config.Config, table string) {
	level := kafkaLevel(t)
	return func(cfg *config.Config, table string) {
		level(cfg, table)
		cfg.WriteBack.Durability = config.DurabilityRedis
		*topic = cfg.WriteBack.Kafka.Topic
	}
}

// kafkaAdmin is a plain administration client.
func kafkaAdmin(t *testing.T) *kadm.Client {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(servertest.Kafka(t)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return kadm.NewClient(c)
}

// TestKafkaFaults: what happens to the topic loses no acknowledged write, or
// names it, and keeps nobody waiting for ever.
func TestKafkaFaults(t *testing.T) {
	t.Run("a write larger than Kafka takes", func(t *testing.T) {
		var topic string
		queue := kafkaQueue(t, &topic)
		d := newDurable(t, servertest.Redis(t).Addr, func(cfg *config.Config, table string) {
			queue(cfg, table)
			cfg.WriteBack.Kafka.MaxMessageBytes = 20_000
			cfg.Tables[strings.Replace(table, ".ledger", ".big", 1)] = config.Table{}
			servertest.MariaDB(t).Exec(t, strings.TrimSuffix(table, ".ledger"), "CREATE TABLE big (id INT NOT NULL PRIMARY KEY, note LONGTEXT NOT NULL) ENGINE=InnoDB")
		})
		long := strings.Repeat("x", 30_000)
		d.load(func() {
			mustExec(t, d.pool, "INSERT INTO big (id, note) VALUES (1, 'short')", "INSERT INTO big (id, note) VALUES (2, '"+long+"')")
			if n := count(t, d.direct, "SELECT COUNT(*) FROM big WHERE id = 2 AND LENGTH(note) = 30000"); n != 1 {
				t.Error("the long row is not in MySQL")
			}
			mustExec(t, d.pool, "UPDATE big SET note = '"+long+long+"' WHERE id = 1", "UPDATE big SET note = 'short again' WHERE id = 2")
		})
		if n := count(t, d.pool, "SELECT SUM(LENGTH(note)) FROM big"); n != 60_000+len("short again") {
			t.Errorf("the notes have %d bytes", n)
		}
		var counted int
		rows, err := d.pool.Query("SELECT * FROM shock_absorber.reasons")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var reason string
			var n int
			if err := rows.Scan(&reason, &n); err != nil {
				t.Fatal(err)
			}
			if reason == "unit_too_large" {
				counted = n
			}
		}
		if counted != 2 {
			t.Errorf("%d statements were too large", counted)
		}
		d.wantAll()
	})
	t.Run("the topic is deleted", func(t *testing.T) {
		var topic string
		level := kafkaLevel(t)
		d := newDurable(t, servertest.Redis(t).Addr, func(cfg *config.Config, table string) {
			level(cfg, table)
			topic = cfg.WriteBack.Kafka.Topic
		})
		d.load(func() {
			if _, err := kafkaAdmin(t).DeleteTopic(t.Context(), topic); err != nil {
				t.Error(err)
			}
		})
		d.wantAll()
	})
	t.Run("Redis is emptied, and Kafka lacks records", func(t *testing.T) {
		var topic string
		queue := kafkaQueue(t, &topic)
		admin := servertest.FreeAddr(t)
		r := servertest.Redis(t)
		d := newDurable(t, r.Addr, func(cfg *config.Config, table string) {
			queue(cfg, table)
			cfg.Admin.Listen = admin
		})
		var from, to int
		d.load(func() {
			until(t, "Kafka to have a backlog", func() bool { return endOf(t, topic) > 500 })
			// The retention of the topic was too short for what waits in it.
			offsets := kadm.Offsets{}
			offsets.AddOffset(topic, 0, 400, -1)
			if _, err := kafkaAdmin(t).DeleteRecords(t.Context(), offsets); err != nil {
				t.Error(err)
			}
			command(t, r.Addr, "flushall")
			from, to = d.hole()
			time.Sleep(2 * time.Second)
			if n := checkpointOf(t, d.direct); n != from-1 {
				t.Errorf("units %d to %d are missing, and the checkpoint is at %d", from, to, n)
			}
			d.skip(admin, from, to)
		})
		lost := d.missing()
		// Those that Kafka had not been given when Redis was emptied are named apart.
		text := d.lastError()
		var first, last, most int
		if i := strings.Index(text, "Units "); i >= 0 {
			_, _ = fmt.Sscanf(text[i:], "Units %d to %d (%d at most)", &first, &last, &most)
		}
		if len(lost) == 0 || len(lost) > to-from+1+most {
			t.Errorf("%d acknowledged rows are lost; given up were units %d to %d, named are %d more: %s", len(lost), from, to, most, text)
		}
		mustExec(t, d.pool, "INSERT INTO ledger (id, n) VALUES (-1, 0)")
	})
}

// endOf is the offset behind the last record of a topic's first partition.
func endOf(t *testing.T, topic string) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ends, err := kafkaAdmin(t).ListEndOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	found, _ := ends.Lookup(topic, 0)
	return found.Offset
}
