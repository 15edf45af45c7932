package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// appended appends a token to a history.
func appended(token string) absorber.Apply {
	return func(im row.Image) (row.Image, []uint16, bool, string) {
		out := im.Clone()
		out[1] = append(out[1][:len(out[1]):len(out[1])], token...)
		return out, []uint16{1}, true, ""
	}
}

// transaction changes two rows and inserts a third with one commit. While it is
// open for longer than a renewal of its locks, another process writes a row
// that it has not locked.
func (w *world) transaction(i int, token string, id, other, fresh int) {
	p := w.process(i)
	t := p.table("hist")
	x := p.engine.NewTransaction(nil, true)
	did := w.do(p, "the statements of the transaction "+token, func(ctx context.Context) error {
		if _, err := x.Update(ctx, t, refs(t, id), appended(token)); err != nil {
			return err
		}
		x.Savepoint("s")
		if _, err := x.Update(ctx, t, refs(t, id, other, 99), appended("never;")); err != nil {
			return err
		}
		if !x.RollbackTo("s") {
			return errors.New("no savepoint")
		}
		if _, err := x.Update(ctx, t, refs(t, other), appended(token)); err != nil {
			return err
		}
		_, err := x.Insert(ctx, t, []absorber.NewRow{{Image: image(fresh, token, fresh*10)}}, absorber.AutoIncrement{Increment: 1, Offset: 1})
		return err
	})
	<-time.After(gateLease / 2)
	w.update(i+1, "hist", "beside;", 0, 23)
	if did != done {
		w.do(p, "roll back "+token, func(ctx context.Context) error { x.Rollback(ctx); return nil })
		return
	}
	w.write(p, "commit the transaction "+token, func(ctx context.Context) error {
		_, err := x.Commit(ctx)
		return err
	}, func(s state) bool {
		key := fmt.Sprint("hist/", fresh)
		if s[key] != "" || s.holds("hist", fresh*10) {
			return false
		}
		s[key] = text(image(fresh, token, fresh*10))
		for _, id := range []int{id, other} {
			if key := fmt.Sprint("hist/", id); s[key] != "" {
				s.append(key, token, 0)
			}
		}
		return true
	})
}

// deadTransaction leaves a lock of a process that has died on a row.
func (w *world) deadTransaction(id int) {
	w.insist("a transaction that dies", func(ctx context.Context, p *process) error {
		table := w.database + ".hist"
		infos, err := p.store.TableStates(ctx, w.lane, []string{table})
		if err != nil {
			return err
		}
		lock := wal.Lock{Table: table, Gen: infos[0].Gen, Key: refs(p.table("hist"), id)[0].Key}
		err = p.store.Lock(ctx, w.lane, fmt.Sprintf("gone-%s-%d", p.name, time.Now().UnixNano()), 300*time.Millisecond, true, []wal.Lock{lock})
		if errors.Is(err, wal.ErrLocked) || errors.Is(err, wal.ErrUnlocked) {
			return nil // an attempt without an answer has it, or had
		}
		return err
	})
}

// TestTransactionDies ends a process between the last statement of a transaction
// and its commit, in the commit, and behind it. Either all of it is there or
// nothing, and the rows can be written again once the lease has ended.
func TestTransactionDies(t *testing.T) {
	s := newServers(t)
	for _, x := range []struct {
		name string
		f    *fault
	}{
		{"before the commit", &fault{op: "none"}},
		{"in the commit, before Redis has it", &fault{op: "wal.commit", at: 2, mode: diesBefore}},
		{"in the commit, once Redis has it", &fault{op: "wal.commit", at: 2, mode: diesAfter}},
		{"with the reply of the commit lost", &fault{op: "wal.commit", at: 2, mode: after}},
	} {
		t.Run(x.name, func(t *testing.T) {
			s.run(t, x.f, nil, func(w *world) {
				w.insert(0, "hist", "a;", 1)
				p := w.process(0)
				table := p.table("hist")
				tx := p.engine.NewTransaction(nil, true)
				w.do(p, "the statements", func(ctx context.Context) error {
					_, err := tx.Update(ctx, table, refs(table, 1, 20), appended("tx;"))
					return err
				})
				if x.f.op == "none" {
					p.kill()
				} else {
					w.update(1, "hist", "b;", 0, 21) // the second commit
					w.write(p, "the commit", func(ctx context.Context) error {
						_, err := tx.Commit(ctx)
						return err
					}, func(s state) bool {
						s.append("hist/1", "tx;", 0)
						s.append("hist/20", "tx;", 0)
						return true
					})
					if !x.f.happened() {
						w.failf("the fault did not happen")
					}
				}
				w.read(1, "hist", 1, 20)
				w.observe("all or nothing", func(s state) bool {
					return strings.Contains(s["hist/1"], "tx;") == strings.Contains(s["hist/20"], "tx;")
				})
				w.update(1, "hist", "c;", 0, 1, 20)
			})
		})
	}
}
