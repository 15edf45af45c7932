package wal

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// checkOf runs Check on a server and gives warnings and error as one text.
func checkOf(t *testing.T, o DialOptions, opts Options) string {
	t.Helper()
	rdb, err := Dial(o)
	if err != nil {
		t.Fatal(err)
	}
	defer rdb.Close()
	warnings, err := New(rdb, opts).Check(t.Context())
	text := strings.Join(warnings, "\n")
	if err != nil {
		text += "ERROR " + kind(err) + ": " + err.Error()
	}
	return text
}

func TestCheckMemoryTwin(t *testing.T) {
	m := miniredis.RunT(t)
	if got := checkOf(t, DialOptions{Endpoints: []string{m.Addr()}}, Options{}); strings.Contains(got, "ERROR") || got == "" {
		t.Errorf("check of the memory twin: %q", got)
	}
	m.RequireAuth("secret")
	if got := checkOf(t, DialOptions{Endpoints: []string{m.Addr()}}, Options{}); !strings.Contains(got, "ERROR permanent") || !strings.Contains(got, "kvstore.password") {
		t.Errorf("check without a password: %q", got)
	}
	addr := m.Addr()
	m.Close()
	if got := checkOf(t, DialOptions{Endpoints: []string{addr}}, Options{}); !strings.Contains(got, "ERROR transient") {
		t.Errorf("check of nothing: %q", got)
	}
}

// Redis before 7 would hide its restarts from us.
func TestCheckVersion(t *testing.T) {
	for version, refused := range map[string]bool{"6.0.16": true, "6.2.14": true, "7.0.15": false, "7.2.4": false, "8.0.2": false, "10.1.0": false, "": false, "?": false} {
		if err := tooOld("wal.check", version); (err != nil) != refused || refused && (kind(err) != "permanent" || !strings.Contains(err.Error(), version)) {
			t.Errorf("%q: %v", version, err)
		}
	}
}

func TestCheckReal(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		opts Options
		want string // "" = no word
	}{
		{"safe", []string{"--appendfsync", "always"}, Options{}, ""},
		{"volatile is safe", []string{"--appendfsync", "always", "--maxmemory-policy", "volatile-ttl"}, Options{}, ""},
		{"may evict", []string{"--maxmemory-policy", "allkeys-lru"}, Options{}, "ERROR permanent: wal.check: maxmemory-policy allkeys-lru"},
		{"everysec", []string{"--appendfsync", "everysec"}, Options{}, "last second"},
		{"no fsync", []string{"--appendfsync", "no"}, Options{}, "half a minute"},
		{"no file", []string{"--appendonly", "no"}, Options{}, "no append-only file"},
		{"no replica", nil, Options{Replicas: 1}, "ERROR permanent: wal.check: Redis has 0 replicas in sync"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := servertest.Redis(t, c.args...)
			got := checkOf(t, DialOptions{Endpoints: []string{r.Addr}}, c.opts)
			if !strings.Contains(got, c.want) || c.want == "" && got != "" {
				t.Errorf("check said %q, want %q", got, c.want)
			}
		})
	}
}

// A managed Redis lets nobody use CONFIG.
func TestCheckManaged(t *testing.T) {
	r := servertest.Redis(t, "--appendfsync", "always")
	admin := redis.NewClient(&redis.Options{Addr: r.Addr})
	defer admin.Close()
	if err := admin.Do(t.Context(), "acl", "setuser", "app", "on", ">pw", "~*", "&*", "+@all", "-config").Err(); err != nil {
		t.Fatal(err)
	}
	got := checkOf(t, DialOptions{Endpoints: []string{r.Addr}, Username: "app", Password: "pw"}, Options{})
	if strings.Contains(got, "ERROR") || !strings.Contains(got, "does not tell its maxmemory-policy") {
		t.Errorf("check said %q", got)
	}
	got = checkOf(t, DialOptions{Endpoints: []string{r.Addr}, Username: "app", Password: "wrong"}, Options{})
	if !strings.Contains(got, "ERROR permanent") || !strings.Contains(got, "kvstore.username") {
		t.Errorf("check with a wrong password said %q", got)
	}
}

// A full Redis refuses the unit whole, and says what to do.
func TestOutOfMemory(t *testing.T) {
	for name, start := range map[string]func(testing.TB, ...string) *servertest.RedisServer{
		"redis7": servertest.Redis, "redis8": servertest.Redis8, "valkey": servertest.Valkey,
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, &backend{name: name, addr: start(t).Addr})
			e.commit(e.unit("a").put("k", "v1"))
			before := e.progress()
			limit := func(bytes string) {
				if err := e.rdb.ConfigSet(e.ctx, "maxmemory", bytes).Err(); err != nil {
					t.Fatal(err)
				}
			}
			limit("1")
			_, err := e.s.Commit(e.ctx, e.unit("a").put("k", "v2").put("k2", "v2"))
			if kind(err) != "transient" || !strings.Contains(err.Error(), "maxmemory") {
				t.Errorf("a commit without memory gave %v", err)
			}
			limit("0")
			if after := e.progress(); !reflect.DeepEqual(after, before) {
				t.Errorf("progress went from %+v to %+v", before, after)
			}
			e.wantRow("k", "v1", true)
			if lsn := e.commit(e.unit("a").put("k", "v3")); lsn != 2 {
				t.Errorf("the next LSN is %d", lsn)
			}
		})
	}
}

// A policy that may evict what was acknowledged is noticed when it is set, and
// closes the store until it is changed back.
func TestEvictionWhileRunning(t *testing.T) {
	e := newEnv(t, &backend{name: "redis7", addr: servertest.Redis(t).Addr})
	e.commit(e.unit("a").put("k", "v1"))
	policy := func(name string) error {
		if err := e.rdb.ConfigSet(e.ctx, "maxmemory-policy", name).Err(); err != nil {
			t.Fatal(err)
		}
		return e.s.CheckEviction(e.ctx)
	}
	for _, name := range []string{"allkeys-lru", "allkeys-random"} {
		if err := policy(name); kind(err) != "permanent" || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := e.s.Commit(e.ctx, e.unit("a").put("k", "v2")); kind(err) != "permanent" || !strings.Contains(err.Error(), "CONFIG SET") {
			t.Errorf("a commit under %s: %v", name, err)
		}
		if _, err := e.s.Read(e.ctx, main0, e.st, []RowKey{{table, "k"}}, true); kind(err) != "permanent" {
			t.Errorf("a read under %s: %v", name, err)
		}
	}
	if err := policy("volatile-ttl"); err != nil {
		t.Errorf("volatile-ttl: %v", err)
	}
	e.wantRow("k", "v1", true)
	e.commit(e.unit("a").put("k", "v2"))
}

// With Replicas, a commit is acknowledged only when they have it.
func TestReplicas(t *testing.T) {
	master := servertest.Redis(t)
	host, port, _ := strings.Cut(master.Addr, ":")
	replica := servertest.Redis(t, "--replicaof", host+" "+port)
	e := newEnv(t, &backend{name: "redis7", addr: master.Addr})
	e.s, _ = e.process(master.Addr, Options{Replicas: 1, DurableWait: 50 * time.Millisecond})
	e.open(e.s)
	confirmed := func(c *Commit) *Commit { c.Confirm = true; return c }
	e.commit(confirmed(e.unit("a").put("k", "v1")))
	rdb, err := Dial(DialOptions{Endpoints: []string{replica.Addr}})
	if err != nil {
		t.Fatal(err)
	}
	defer rdb.Close()
	if n, err := rdb.XLen(e.ctx, e.s.lane(main0).keys.wal()).Result(); err != nil || n != 1 {
		t.Errorf("the replica holds %d units, %v", n, err)
	}
	short, cancel := context.WithTimeout(e.ctx, 300*time.Millisecond)
	defer cancel()
	replica.Freeze()
	e.commit(e.unit("b").put("other", "waits for nobody"))
	c := confirmed(e.unit("a").put("k", "v2"))
	_, err = e.s.Commit(short, c)
	if kind(err) != "ambiguous" {
		t.Errorf("a commit without the replica gave %v", err)
	}
	replica.Thaw()
	if lsn := e.commit(c); lsn != 3 {
		t.Errorf("asked again with the replica, the LSN is %d", lsn)
	}
	if n := len(e.tail(0)); n != 3 {
		t.Errorf("the WAL holds %d units", n)
	}
}

// On a cluster of one node, keys of different slots in one call would fail.
func TestCluster(t *testing.T) {
	r := servertest.Redis(t, "--cluster-enabled", "yes")
	plain := redis.NewClient(&redis.Options{Addr: r.Addr})
	defer plain.Close()
	if err := plain.ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	rdb, err := Dial(DialOptions{Endpoints: []string{r.Addr}, Cluster: true})
	if err != nil {
		t.Fatal(err)
	}
	defer rdb.Close()
	s := New(rdb, Options{Logger: quiet()})
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	done := make(chan error, 1)
	run, end := context.WithCancel(ctx)
	go func() { done <- s.Run(run) }()
	defer func() { end(); <-done }()
	for ctx.Err() == nil { // until the node has noticed that it is complete
		if _, err = s.Open(ctx, "a"); err == nil {
			break
		}
	}
	if _, err := s.Open(ctx, "b"); err != nil {
		t.Fatal(err)
	}
	for i, lane := range []row.Lane{"a", "b", "a", "b"} {
		infos, err := s.TableStates(ctx, lane, []string{table})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := s.Read(ctx, lane, infos[0].TableState, []RowKey{{table, "k"}, {table, "other"}}, true)
		if err != nil {
			t.Fatal(err)
		}
		c := &Commit{Unit: &row.Unit{ID: row.UnitID{Writer: "w", Seq: uint64(i + 1)}, Lane: lane}, Gens: map[string]uint64{table: 1}}
		lsn, err := s.Commit(ctx, c.seen("k", rows[0]).put("k", "v").claim("x", "k"))
		if err != nil || int(lsn) != i/2+1 {
			t.Fatalf("lane %s: %d, %v", lane, lsn, err)
		}
		g, err := s.JoinGate(ctx, lane, table, "o", 1, time.Minute, JoinFirst)
		if err == nil {
			err = errors.Join(s.Settle(ctx, lane, 1, g.DrainTo, []SettleRow{{RowKey{table, "k"}, time.Minute}}, claimKey("x")),
				s.LeaveGate(ctx, lane, table, "o"))
		}
		if err != nil {
			t.Fatalf("lane %s: %v", lane, err)
		}
	}
}

func TestDialRefuses(t *testing.T) {
	for name, o := range map[string]DialOptions{
		"nothing":              {},
		"two plain endpoints":  {Endpoints: []string{"a:1", "b:1"}},
		"cluster and sentinel": {Endpoints: []string{"a:1"}, Cluster: true, SentinelMaster: "m"},
		"cluster with db":      {Endpoints: []string{"a:1"}, Cluster: true, DB: 3},
	} {
		if _, err := Dial(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A store that ends answers or refuses everything; nothing hangs.
func TestStop(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		e := newEnv(t, b)
		rdb, err := Dial(DialOptions{Endpoints: []string{b.addr}})
		if err != nil {
			t.Fatal(err)
		}
		defer rdb.Close()
		s := New(rdb, Options{Prefix: e.prefix, Logger: quiet()})
		if _, err := s.Open(e.ctx, main0); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(e.ctx)
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		answers := make(chan error, 50)
		for i := range cap(answers) {
			go func() {
				c := &Commit{Unit: &row.Unit{ID: row.UnitID{Writer: string(rune('a' + i)), Seq: 1}, Lane: main0}}
				_, err := s.Commit(e.ctx, c)
				answers <- err
			}()
		}
		if err := <-answers; err != nil {
			t.Errorf("commit: %v", err)
		}
		stop()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		applied := 1
		for range cap(answers) - 1 {
			if err := <-answers; err == nil {
				applied++
			} else if kind(err) != "transient" {
				t.Errorf("a commit at the end gave %v", err)
			}
		}
		if n := len(e.tail(0)); n != applied {
			t.Errorf("%d commits were acknowledged, the WAL holds %d", applied, n)
		}
		if err := s.SetPaused(e.ctx, main0, true); err != nil {
			t.Errorf("giving things back after the end: %v", err)
		}
		if _, err := s.TableStates(e.ctx, main0, []string{table}); err != nil {
			t.Errorf("reading after the end: %v", err)
		}
	})
}
