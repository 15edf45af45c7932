package faults

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// finish heals everything, drains, and checks the invariants.
func (w *world) finish() {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	if !w.fault.heal() && len(w.errs) > 0 && !w.lossy {
		w.failf("statements fail without a fault: %q", w.errs)
	}
	w.insist("resume", func(ctx context.Context, p *process) error { return p.store.SetPaused(ctx, w.lane, false) })
	p := w.process(0)
	w.absorbs("gated")
	w.drained(p)
	w.cure()
	w.retryAll()
	w.settleStates()
	w.moreWrites(p)
	w.drained(p)
	w.settleStates()
	w.checkMarks(ctx, p)
	for _, table := range []string{"hist", "trusted", "gated", "auto"} {
		w.checkTable(ctx, p, table)
	}
}

// drained waits until MySQL has everything.
func (w *world) drained(p *process) {
	var last any
	w.eventually("the lane is drained", func() bool {
		pr, err := p.store.Progress(context.Background(), w.lane)
		if last = pr; err != nil {
			last = err
		}
		return err == nil && pr.Settled == pr.LSN
	})
	_ = last
}

// settleStates compares MySQL with what may be: one of the states, exactly.
func (w *world) settleStates() {
	got := w.inMySQL()
	w.observe(fmt.Sprintf("MySQL: %v", got), func(s state) bool { return matches(s, got) })
	w.states = []state{got}
}

// matches compares a state, in which ids may be unknown, with MySQL.
func matches(s, got state) bool {
	s, left := maps.Clone(s), maps.Clone(got)
	for k, v := range s {
		if strings.HasPrefix(k, "auto/?") {
			continue
		}
		if left[k] != v {
			return false
		}
		delete(left, k)
	}
	for k, v := range s {
		if !strings.HasPrefix(k, "auto/?") {
			continue
		}
		found := ""
		for g, t := range left {
			if strings.HasPrefix(g, "auto/") && t == v {
				found = g
			}
		}
		if found == "" {
			return false
		}
		delete(left, found)
	}
	return len(left) == 0
}

// inMySQL reads all tables.
func (w *world) inMySQL() state {
	got := state{}
	for table, columns := range map[string]string{"hist": "v,COALESCE(u,'NULL')", "trusted": "v,COALESCE(u,'NULL')", "gated": "v,COALESCE(u,'NULL')", "auto": "v"} {
		rows, err := w.pool.Query(fmt.Sprintf("SELECT id,CONCAT_WS(' ',%s) FROM %s.%s", columns, w.database, table))
		if err != nil {
			w.failf("%v", err)
		}
		for rows.Next() {
			var id, v string
			if err := rows.Scan(&id, &v); err != nil {
				w.failf("%v", err)
			}
			got[table+"/"+id] = v
		}
		if err := rows.Close(); err != nil {
			w.failf("%v", err)
		}
	}
	return got
}

// moreWrites shows that nothing stands in the way of anything: each row can be
// written, and each unique value that is free can be taken.
func (w *world) moreWrites(p *process) {
	failed := len(w.errs)
	now := w.states[0]
	var free []int
	for id := 1; id <= 5; id++ {
		key := fmt.Sprint("hist/", id)
		if now[key] != "" {
			w.update(0, "hist", "end;", 0, id)
		} else if !now.holds("hist", id*10) {
			free = append(free, id)
		}
	}
	for _, id := range free {
		w.insert(1, "hist", "end;", id)
	}
	w.update(0, "trusted", "end;", 0, 1, 2)
	w.update(0, "gated", "end;", 0, 1)
	w.generate(0, 0, "end;")
	w.synchronous(0, "end;", 0)
	w.update(1, "hist", "last;", 0, 20, 21)
	if len(w.errs) > failed {
		w.failf("after the fault: %q", w.errs[failed:])
	}
}

// checkMarks compares checkpoint, WAL and queue.
func (w *world) checkMarks(ctx context.Context, p *process) {
	cp, err := p.desk.Checkpoint(ctx, w.lane)
	if err != nil {
		w.failf("%v", err)
	}
	pr, err := p.store.Progress(ctx, w.lane)
	if err != nil {
		w.failf("%v", err)
	}
	if cp.LSN != pr.LSN || cp.Incarnation != pr.Incarnation || pr.Settled != pr.LSN || pr.Relayed > pr.LSN || pr.Epoch > cp.Epoch {
		w.failf("checkpoint %+v, lane %+v", cp, pr)
	}
	base := fmt.Sprintf("%s:{%s}:", w.prefix, w.lane)
	for _, stream := range []string{"wal", "queue"} { // with Kafka there is no "queue"
		w.eventually(stream+" is empty", func() bool {
			n, err := w.admin.XLen(ctx, base+stream).Result()
			return err == nil && n == 0
		})
	}
	w.eventually("no gate is closed", func() bool {
		n, err := w.admin.SCard(ctx, base+"gates").Result()
		return err == nil && n == 0
	})
	claims, err := w.admin.Keys(ctx, base+"uniq:*").Result()
	if err != nil || len(claims) > 0 {
		w.failf("claims are left: %q, %v", claims, err)
	}
	var open int
	if err := w.pool.QueryRow(fmt.Sprintf("SELECT COUNT(*) FROM %s.requests WHERE lane=? AND state IN ('open','applied')", w.own), string(w.lane)).Scan(&open); err != nil {
		w.failf("%v", err)
	}
	w.eventually("no request is open", func() bool {
		err := w.pool.QueryRow(fmt.Sprintf("SELECT COUNT(*) FROM %s.requests WHERE lane=? AND state IN ('open','applied')", w.own), string(w.lane)).Scan(&open)
		return err == nil && open == 0
	})
}

// checkTable compares the row cache with MySQL, and sees that nothing is dirty.
func (w *world) checkTable(ctx context.Context, p *process, table string) {
	name := w.database + "." + table
	infos, err := p.store.TableStates(ctx, w.lane, []string{name})
	if err != nil || infos[0].Dirty != 0 || infos[0].Gate != wal.GateOpen {
		w.failf("table %s: %+v, %v", table, infos, err)
	}
	t := p.table(table)
	now := w.states[0]
	var keys []wal.RowKey
	var ids []int
	for id := 1; id <= 110; id++ {
		ids = append(ids, id)
		keys = append(keys, wal.RowKey{Table: name, Key: refs(t, id)[0].Key})
	}
	cached, err := p.store.Read(ctx, w.lane, infos[0].TableState, keys, false)
	if err != nil {
		w.failf("%v", err)
	}
	for i, c := range cached {
		want := now[fmt.Sprint(table, "/", ids[i])]
		got := ""
		if c.Found && !c.Tombstone {
			im, err := row.DecodeImage(c.Image, len(t.Columns))
			if err != nil {
				w.failf("%v", err)
			}
			got = text(im)
		}
		if c.Found && got != want {
			w.failf("%s %d is cached as %q, MySQL has %q", table, ids[i], got, want)
		}
	}
}
