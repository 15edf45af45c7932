package wal

import (
	"errors"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

func TestLost(t *testing.T) {
	conform(t, []scenario{
		{"a flush closes the lane until it is recovered", lostFlush},
		{"what another process has recovered is taken as it is", lostRecoveredByOther},
		{"a rollback is noticed, and its cache is not used again", lostRollback},
		{"a rollback with units that MySQL lacks asks to drain first", lostPending},
		{"a server that has forgotten the scripts is not trusted", lostScripts},
		{"a checkpoint ahead of a new lane is caught up with", lostFresh},
	})
}

// wantLost checks that nothing can be done with the lane.
func (e *env) wantLost() {
	e.Helper()
	e.refuse(e.unit("a").put("k", "v"), ErrLost)
	if _, err := e.s.TableStates(e.ctx, main0, []string{table}); !errors.Is(err, ErrLost) {
		e.Errorf("states gave %v", err)
	}
	if _, err := e.s.Read(e.ctx, main0, e.st, []RowKey{{table, "k"}}, true); !errors.Is(err, ErrLost) {
		e.Errorf("read gave %v", err)
	}
	if _, err := e.s.Open(e.ctx, main0); !errors.Is(err, ErrLost) {
		e.Errorf("open gave %v", err)
	}
}

// recover recovers the lane and refreshes the table's state.
func (e *env) recover(checkpoint row.LSN) {
	e.Helper()
	if err := e.s.Recover(e.ctx, main0, checkpoint); err != nil {
		e.Fatalf("recover: %v", err)
	}
	e.st = e.info(e.s).TableState
}

func lostFlush(e *env) {
	for range 3 {
		e.commit(e.unit("a").put("k", "v"))
	}
	if err := e.rdb.FlushAll(e.ctx).Err(); err != nil {
		e.Fatal(err)
	}
	e.wantLost()
	if _, err := e.s.Tail(e.ctx, main0, 0, 1, 0); !errors.Is(err, ErrLost) {
		e.Errorf("tail gave %v", err)
	}
	if err := e.s.Settle(e.ctx, main0, 1, 1, nil); !errors.Is(err, ErrLost) {
		e.Errorf("settle gave %v", err)
	}
	if n := e.s.LastSeen(main0); n != 3 {
		e.Errorf("last seen is %d, want 3", n)
	}
	e.recover(3)
	if p := e.progress(); p.LSN != 3 || p.Settled != 3 || p.Pending != 0 {
		e.Errorf("progress %+v", p)
	}
	if lsn := e.commit(e.unit("a").put("k", "v")); lsn != 4 {
		e.Errorf("the next LSN is %d", lsn)
	}
	if recs := e.tail(3); len(recs) != 1 || recs[0].LSN != 4 {
		e.Errorf("tail gave %v", recs)
	}
}

func lostRecoveredByOther(e *env) {
	e.commit(e.unit("a").put("k", "v"))
	if err := e.rdb.FlushAll(e.ctx).Err(); err != nil {
		e.Fatal(err)
	}
	other, _ := e.process(e.b.addr, Options{})
	if err := other.Recover(e.ctx, main0, 1); err != nil {
		e.Fatal(err)
	}
	c := &Commit{Unit: &row.Unit{ID: row.UnitID{Writer: "o", Seq: 1}, Lane: main0}}
	if lsn, err := other.Commit(e.ctx, c); err != nil || lsn != 2 {
		e.Fatalf("the other's commit: %d, %v", lsn, err)
	}
	e.wantLost()
	e.recover(1)
	if lsn := e.commit(e.unit("a").put("k", "v")); lsn != 3 {
		e.Errorf("the LSN after the other's is %d", lsn)
	}
}

// rollBack makes the lane end at lsn, as a restored file would.
func (e *env) rollBack(lsn row.LSN, settled row.LSN) {
	e.Helper()
	k := e.s.lane(main0).keys
	if err := e.rdb.HSet(e.ctx, k.meta(), "lsn", uint64(lsn), "settled", uint64(settled)).Err(); err != nil {
		e.Fatal(err)
	}
}

func lostRollback(e *env) {
	e.commit(e.unit("a").put("k", "v1"))
	e.commit(e.unit("a").put("k", "v2"))
	e.settle(2, "k")
	e.commit(e.unit("a").put("k2", "in the WAL, and drained"))
	e.rollBack(2, 2)
	e.refuse(e.unit("a").put("k", "v3"), ErrLost)
	if _, err := e.s.Open(e.ctx, main0); !errors.Is(err, ErrLost) {
		e.Errorf("open gave %v", err)
	}
	old := e.st
	e.recover(3)
	if e.st.Gen <= old.Gen || e.st.Incarnation == old.Incarnation {
		e.Errorf("state went from %+v to %+v", old, e.st)
	}
	if r := e.read("k"); r.Found {
		e.Errorf("a row from before is visible: %+v", r)
	}
	if i := e.info(e.s); i.Dirty != 0 {
		e.Errorf("pending from before: %+v", i)
	}
	if lsn := e.commit(e.unit("a").put("k", "v3")); lsn != 4 {
		e.Errorf("the next LSN is %d", lsn)
	}
	if left, err := e.rdb.Keys(e.ctx, escapeGlob(e.prefix)+"*:lost:*").Result(); err != nil || len(left) != 1 {
		e.Errorf("what was left of the WAL is not kept: %v, %v", left, err)
	}
}

// escapeGlob makes a prefix safe in a pattern.
func escapeGlob(s string) string { return strings.NewReplacer("[", `\[`, "*", `\*`).Replace(s) }

func lostPending(e *env) {
	for range 4 {
		e.commit(e.unit("a").put("k", "v"))
	}
	e.rollBack(3, 0)
	err := e.s.Recover(e.ctx, main0, 2)
	if kind(err) != "permanent" || !errors.Is(err, ErrLost) {
		e.Fatalf("recover gave %v", err)
	}
	// The drainer can still take what is there; then it works.
	if recs := e.tail(2); len(recs) == 0 || recs[0].LSN != 3 {
		e.Fatalf("tail gave %v", recs)
	}
	e.settle(3, "k")
	e.recover(4)
	if lsn := e.commit(e.unit("a").put("k", "v")); lsn != 5 {
		e.Errorf("the next LSN is %d", lsn)
	}
}

func lostScripts(e *env) {
	e.commit(e.unit("a").put("k", "v1"))
	if err := e.rdb.ScriptFlush(e.ctx).Err(); err != nil {
		e.Fatal(err)
	}
	e.wantLost()
	// The lane is as it was: compared with MySQL it is in order, cache and all.
	e.recover(0)
	e.wantRow("k", "v1", true)
	if lsn := e.commit(e.unit("a").put("k", "v2")); lsn != 2 {
		e.Errorf("the next LSN is %d", lsn)
	}
}

func lostFresh(e *env) {
	fresh := row.Lane("fresh")
	p, err := e.s.Open(e.ctx, fresh)
	if err != nil || p.LSN != 0 {
		e.Fatalf("open: %+v, %v", p, err)
	}
	if err := e.s.Recover(e.ctx, fresh, 40); err != nil {
		e.Fatal(err)
	}
	c := &Commit{Unit: &row.Unit{ID: row.UnitID{Writer: "w", Seq: 1}, Lane: fresh}}
	if lsn, err := e.s.Commit(e.ctx, c); err != nil || lsn != 41 {
		e.Errorf("the first LSN is %d, %v", lsn, err)
	}
}

// A restart that keeps the file loses nothing, but the process cannot know it.
func TestRestart(t *testing.T) {
	for name, start := range map[string]func(testing.TB, ...string) *servertest.RedisServer{
		"redis7": servertest.Redis, "redis8": servertest.Redis8, "valkey": servertest.Valkey,
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t, "--appendfsync", "always")
			e := newEnv(t, &backend{name: name, addr: server.Addr})
			e.commit(e.unit("a").put("k", "v1"))
			server.Kill()
			if _, err := e.s.Commit(e.ctx, e.unit("b").put("k", "v2")); kind(err) == "none" {
				t.Errorf("a commit without a server gave %v", err)
			}
			server.Restart()
			e.wantLost()
			e.recover(0)
			e.wantRow("k", "v1", true)
			if lsn := e.commit(e.unit("a").put("k", "v2")); lsn != 2 {
				t.Errorf("the next LSN is %d", lsn)
			}
		})
	}
}
