package faults

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// administration is the scenario of what is rare: a table is disabled and
// enabled again, the schema changes, Redis is restarted without a loss, and
// then loses the newest unit.
func (w *world) administration() {
	w.lossy = true
	w.insert(0, "hist", "a1;", 1, 2)
	w.generate(0, 0, "x1;")
	w.generate(1, 0, "x2;")
	w.enable(0, false)
	w.enable(1, true)
	w.changed(1)
	w.update(1, "hist", "b2;", 0, 1, 20)
	w.rerun()
	w.update(0, "hist", "a3;", 0, 1, 2)
	w.restart()
	w.drainTo(0)
	w.lose()
	w.doubt()
	w.update(1, "hist", "b4;", 0, 2, 20)
	w.update(0, "hist", "a5;", 0, 2, 20)
	w.cure()
}

// enable starts or stops absorbing the table gated.
func (w *world) enable(i int, on bool) {
	p := w.process(i)
	u := p.engine.NewUsage()
	defer p.engine.EndUsage(u)
	w.do(p, fmt.Sprintf("enable gated %v", on), func(ctx context.Context) error {
		return p.engine.Enable(ctx, u, p.name, schema.Name{DB: w.database, Table: "gated"}, on)
	})
}

// absorbs enables a table of which a fault has left open whether it is.
func (w *world) absorbs(table string) {
	name := schema.Name{DB: w.database, Table: table}
	w.insist("enable "+table, func(ctx context.Context, p *process) error {
		if p.engine.Catalog().Absorbed(name) != nil {
			return nil
		}
		u := p.engine.NewUsage()
		defer p.engine.EndUsage(u)
		return p.engine.Enable(ctx, u, p.name, name, true)
	})
}

// changed tells all processes of a change of the schema.
func (w *world) changed(i int) {
	p := w.process(i)
	u := p.engine.NewUsage()
	defer p.engine.EndUsage(u)
	w.do(p, "change the schema", func(ctx context.Context) error { return p.engine.CatalogChanged(ctx, u, nil) })
}

// doubt closes the lane in all processes, as a restart of Redis does, and
// waits until it is open again in those that live.
func (w *world) doubt() {
	for _, p := range w.all {
		p.store.Doubt(w.lane)
	}
	w.usable()
}

// rerun is a restart of Redis that loses nothing: the lane was open in another run
// of it. When all have been heard the owner is fenced off, and notes that.
func (w *world) rerun() {
	if err := w.admin.HSet(context.Background(), fmt.Sprintf("%s:{%s}:meta", w.prefix, w.lane), "run", "another").Err(); err != nil {
		w.failf("%v", err)
	}
	w.note("Redis was restarted")
	w.doubt()
	w.eventually("MySQL knows of the fence", func() bool {
		var refused string
		err := w.pool.QueryRow(fmt.Sprintf("SELECT refused FROM %s.checkpoint WHERE lane=?", w.own), string(w.lane)).Scan(&refused)
		return err == nil && refused != ""
	})
}

// usable waits until the lane is open in all processes that live.
func (w *world) usable() {
	w.eventually("the lane is open", func() bool {
		for _, p := range w.all {
			if !p.dead.Load() && p.store.Usable(w.lane) != nil {
				return false
			}
		}
		return true
	})
}

// lose takes the newest acknowledged unit out of Redis, as a failover to a
// replica that lags does. It may have drained before: then nothing is lost.
func (w *world) lose() {
	ctx := context.Background()
	w.insist("pause", func(ctx context.Context, p *process) error { return p.store.SetPaused(ctx, w.lane, true) })
	<-time.After(50 * time.Millisecond) // so that the drainer knows
	before := len(w.states)
	states := w.states
	w.update(1, "hist", "lost;", 0, 1)
	if len(w.states) == before {
		for _, s := range states {
			w.states = add(w.states, s)
		}
	}
	base := fmt.Sprintf("%s:{%s}:", w.prefix, w.lane)
	lsn, err := w.admin.HGet(ctx, base+"meta", "lsn").Uint64()
	if err != nil {
		w.failf("%v", err)
	}
	_, err = w.admin.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, base+"meta", "lsn", lsn-1, "paused", 0)
		p.HIncrBy(ctx, base+"meta", "relayed", 0)
		p.XDel(ctx, base+"wal", fmt.Sprintf("%d-0", lsn))
		p.Del(ctx, base+"queue", base+"queue:meta")
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		w.failf("%v", err)
	}
	w.note("Redis has lost unit %d", lsn)
	w.eventually("the lane has a new life", func() bool {
		start, err := w.admin.HGet(ctx, base+"meta", "start").Uint64()
		return err == nil && start > lsn
	})
	w.usable()
}

// restart ends a process in good order, and starts another in its place.
func (w *world) restart() {
	p := w.process(0)
	p.stop()
	p.dead.Store(true)
	w.note("%s was stopped", p.name)
	w.insist("start a process", func(context.Context, *process) error {
		q, err := w.start()
		if err == nil {
			w.all = append(w.all, q)
		}
		return err
	})
}
