package faults

import (
	"context"
	"fmt"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// generateBehind uses AUTO_INCREMENT values up without rows, and has MySQL give
// out the next one behind the gate: none that was given out before.
func (w *world) generateBehind(i int, token string) {
	p := w.process(i)
	var last uint64
	w.do(p, "use up values of auto", func(ctx context.Context) error {
		r, err := p.engine.Reserve(ctx, nil, p.table("auto"), 3, absorber.AutoIncrement{Increment: 1, Offset: 1})
		if err != nil {
			return err
		}
		last = r.First + 2
		further, err := p.engine.Reserve(ctx, nil, p.table("auto"), 2, absorber.AutoIncrement{Increment: 1, Offset: 1})
		if err == nil { // nobody uses these
			p.engine.GiveBack(ctx, p.table("auto"), further)
		}
		return err
	})
	if p.dead.Load() {
		p = w.process(i + 1)
	}
	conn, id := w.session()
	defer conn.Close()
	h := p.engine.NewHold(nil, fmt.Sprintf("%s.%s", p.name, token), id)
	shut := w.do(p, "close the gate of auto", func(ctx context.Context) error {
		return h.Close(ctx, []schema.Name{{DB: w.database, Table: "auto"}})
	})
	if shut == done {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		res, err := conn.ExecContext(ctx, "INSERT INTO "+w.database+".auto (v) VALUES ('"+token+"')")
		cancel()
		w.note("generate behind the gate %s: %v", token, err)
		key := "auto/?" + token
		if err == nil {
			given, _ := res.LastInsertId()
			if uint64(given) <= last {
				w.failf("MySQL gave out %d behind the gate, %d was given out before", given, last)
			}
			key = fmt.Sprint("auto/", given)
		} else if !p.dead.Load() && h.Lost() == nil {
			w.failf("the INSERT behind the gate: %v", err)
		}
		var next []state
		for _, s := range w.states {
			if err != nil { // killed: it may have committed
				next = add(next, s)
			}
			s = state(cloneOf(s))
			s[key] = token
			next = add(next, s)
		}
		w.states = next
	}
	w.do(p, "open the gate of auto", func(ctx context.Context) error { return h.Drop(ctx) })
}
