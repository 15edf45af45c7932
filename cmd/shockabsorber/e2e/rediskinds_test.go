package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// TestRedisSentinel: Sentinel promotes the replica when the master dies; what
// was acknowledged, at durability replica, is there.
func TestRedisSentinel(t *testing.T) {
	const name = "lanes"
	args := []string{"--repl-diskless-sync-delay", "0"}
	master := servertest.Redis(t, args...)
	host, port := hostPort(t, master.Addr)
	replica := servertest.Redis(t, append(args, "--replicaof", fmt.Sprintf("%s %d", host, port))...)
	sentinel := servertest.Sentinel(t, name, master.Addr)
	asked := redis.NewSentinelClient(&redis.Options{Addr: sentinel.Addr})
	defer asked.Close()
	until(t, "Sentinel to know the replica", func() bool {
		found, err := asked.Replicas(t.Context(), name).Result()
		return err == nil && len(found) == 1 && found[0]["master-link-status"] == "ok"
	})
	d := newDurable(t, sentinel.Addr, func(cfg *config.Config, _ string) {
		cfg.KVStore.SentinelMaster = name
		cfg.WriteBack.Durability, cfg.WriteBack.QueueType = config.DurabilityReplica, config.QueueRedis
	})
	d.load(func() {
		master.Kill()
		_, want := hostPort(t, replica.Addr)
		until(t, "Sentinel to promote the replica", func() bool {
			addr, err := asked.GetMasterAddrByName(t.Context(), name).Result()
			return err == nil && len(addr) == 2 && addr[1] == fmt.Sprint(want)
		})
		master.Restart() // Sentinel makes it a replica, without which nothing is acknowledged
		before := len(d.copyOfAcked())
		until(t, "writes to be acknowledged again", func() bool { return len(d.copyOfAcked()) > before+100 })
	})
	d.wantAll()
}

// copyOfAcked are the ids that were acknowledged so far.
func (d *durable) copyOfAcked() []int {
	d.mu.Lock()
	defer d.mu.Unlock()
	ids := make([]int, 0, len(d.acked))
	for id := range d.acked {
		ids = append(ids, id)
	}
	return ids
}

// TestRedisCluster: lanes in different nodes of a cluster; one of them dies and
// comes back, and the other's lane goes on meanwhile.
func TestRedisCluster(t *testing.T) {
	nodes := make([]*servertest.RedisServer, 3)
	args := []string{"--cluster", "create"}
	for i := range nodes {
		nodes[i] = servertest.Redis(t, "--cluster-enabled", "yes", "--cluster-require-full-coverage", "no")
		args = append(args, nodes[i].Addr)
	}
	if out, err := exec.Command("redis-cli", append(args, "--cluster-yes")...).CombinedOutput(); err != nil {
		t.Fatalf("make the cluster: %v: %s", err, out)
	}
	until(t, "the cluster to be up", func() bool {
		for _, n := range nodes {
			if text, err := ask(n.Addr, "cluster", "info"); err != nil || !strings.Contains(text, "cluster_state:ok") {
				return false
			}
		}
		return true
	})
	db := servertest.MariaDB(t)
	var mine, others string
	d := newDurableOn(t, db, nodes[0].Addr, func(cfg *config.Config, table string) {
		cfg.KVStore.Cluster = true
		cfg.KVStore.Endpoints = []string{nodes[0].Addr, nodes[1].Addr, nodes[2].Addr}
		mine, others = lanesOfTwoNodes(t, nodes[0].Addr)
		other := strings.TrimSuffix(table, "ledger") + "other"
		db.Exec(t, strings.TrimSuffix(table, ".ledger"), "CREATE TABLE other (id BIGINT NOT NULL PRIMARY KEY, n INT NOT NULL)")
		cfg.Tables = map[string]config.Table{table: {Existence: "trust", Lane: mine}, other: {Lane: others}}
	})
	d.load(func() {
		home := owner(t, nodes, mine)
		home.Kill()
		for id := range 20 {
			mustExec(t, d.pool, fmt.Sprintf("INSERT INTO other (id, n) VALUES (%d, 1)", id))
		}
		home.Restart()
	})
	for id := range 20 {
		// The scripts are loaded again when a node has lost them, and for that
		// moment all lanes are looked at.
		until(t, "an increment to be accepted", func() bool {
			_, err := d.pool.Exec("UPDATE other SET n = n + 1 WHERE id = ?", id)
			return err == nil
		})
		if n := count(t, d.pool, fmt.Sprintf("SELECT n FROM other WHERE id = %d", id)); n != 2 {
			t.Errorf("row %d reads as %d", id, n)
		}
	}
	if lost := d.missing(); len(lost) > 0 {
		t.Errorf("%d acknowledged rows are lost, such as %d", len(lost), lost[0])
	}
	until(t, "the other lane to drain", func() bool { return count(t, d.direct, "SELECT COUNT(*) FROM other WHERE n = 2") == 20 })
}

// lanesOfTwoNodes are names of lanes whose keys are in different thirds of the
// slots, which are the nodes of a new cluster.
func lanesOfTwoNodes(t *testing.T, addr string) (a, b string) {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr})
	defer c.Close()
	third := func(lane string) int64 {
		slot, err := c.ClusterKeySlot(t.Context(), "{"+lane+"}").Result()
		if err != nil {
			t.Fatal(err)
		}
		return slot / 5462
	}
	a = "one"
	for i := 0; ; i++ {
		if b = fmt.Sprintf("two%d", i); third(a) != third(b) {
			return a, b
		}
	}
}

// owner is the node that has the lane's keys.
func owner(t *testing.T, nodes []*servertest.RedisServer, lane string) *servertest.RedisServer {
	t.Helper()
	for _, n := range nodes {
		c := redis.NewClient(&redis.Options{Addr: n.Addr})
		err := c.Exists(t.Context(), "{"+lane+"}").Err()
		c.Close()
		if err == nil {
			return n
		}
	}
	t.Fatalf("no node has lane %s", lane)
	return nil
}
