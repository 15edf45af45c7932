package sink

import (
	"fmt"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// Units are given up once, in the transaction that moves the checkpoint, also
// when the reply is lost; what says so is not purged.
func TestSkipHappensExactlyOnce(t *testing.T) {
	for name, arm := range map[string]func(c *cutter){
		"no fault":     nil,
		"request lost": func(c *cutter) { c.before = true },
		"reply lost":   func(c *cutter) { c.after = true },
	} {
		t.Run(name, func(t *testing.T) {
			onServers(t, func(t *testing.T, w *world) {
				cut := newCutter(t, w.db.Addr)
				s := w.open(t, cut.addr)
				if err := s.Ensure(t.Context()); err != nil {
					t.Fatal(err)
				}
				if _, err := s.Takeover(t.Context(), "main", 0); err != nil {
					t.Fatal(err)
				}
				id, err := s.AskSkip(t.Context(), "main", 6, "o'me")
				if err != nil {
					t.Fatal(err)
				}
				reqs, err := s.Requests(t.Context(), "main")
				if err != nil || len(reqs) != 1 || reqs[0].ID != id || reqs[0].Verb != VerbSkip || string(reqs[0].Argument) != "6" || reqs[0].LSN != 0 || reqs[0].State != StateOpen {
					t.Fatalf("%+v, %v", reqs, err)
				}
				if arm != nil {
					cut.arm(arm)
				}
				b := Batch{Lane: "main", Epoch: 1, To: 6, InOrder: true,
					Answer: &Answer{Request: id, State: StateDone, Result: "gave up", Touched: AppendSkipped(1, 6)}}
				for range 2 { // asked again it is recognised
					if err := s.Apply(t.Context(), b); err != nil {
						t.Fatal(err)
					}
				}
				list, err := s.SkippedUnits(t.Context(), "main")
				if err != nil || len(list) != 1 || list[0].From != 1 || list[0].To != 6 || list[0].Units() != 6 || list[0].By != "o'me" || list[0].Request != id || list[0].At.IsZero() {
					t.Fatalf("%+v, %v", list, err)
				}
				if cp, err := s.Checkpoint(t.Context(), "main"); err != nil || cp.LSN != 6 {
					t.Errorf("%+v, %v", cp, err)
				}
				if _, err := s.Purge(t.Context(), 0); err != nil {
					t.Fatal(err)
				}
				if list, err := s.SkippedUnits(t.Context(), "main"); err != nil || len(list) != 1 {
					t.Errorf("after a purge: %+v, %v", list, err)
				}
				if list, err := s.SkippedUnits(t.Context(), "other"); err != nil || len(list) != 0 {
					t.Errorf("of another lane: %+v, %v", list, err)
				}
			})
		})
	}
}

// A batch that names its connection is applied on that one, or not at all.
func TestApplyOnItsConnection(t *testing.T) {
	onServers(t, func(t *testing.T, w *world) {
		s, _ := w.owned(t, "main")
		tab := w.pairs(t)
		id, err := s.Connection(t.Context(), "main", 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		if n := w.rows(t, fmt.Sprintf("SELECT COUNT(*) FROM information_schema.processlist WHERE id = %d", id)); n != "1" {
			t.Fatalf("there is no connection %d", id)
		}
		batch := func(id uint64, from row.LSN) Batch {
			return Batch{Lane: "main", Epoch: 1, From: from, To: from + 1, Connection: id, Changes: []Change{change(tab, from+1, row.Insert, int(from), "x", int(from))}}
		}
		if err := s.Apply(t.Context(), batch(id, 0)); err != nil {
			t.Fatal(err)
		}
		expectKind(t, s.Apply(t.Context(), batch(id+1, 1)), row.Transient)
		w.db.Exec(t, "", fmt.Sprintf("KILL %d", id))
		// The first may meet the dead connection; none may use another one.
		for range 3 {
			if err := s.Apply(t.Context(), batch(id, 1)); err == nil {
				t.Fatal("it was applied on another connection")
			}
		}
		again, err := s.Connection(t.Context(), "main", 1, 1)
		if err != nil || again == id {
			t.Fatalf("connection %d, %v", again, err)
		}
		if err := s.Apply(t.Context(), batch(again, 1)); err != nil {
			t.Fatal(err)
		}
		if got := w.rows(t, "SELECT id FROM pairs ORDER BY id"); got != "0\n1" {
			t.Errorf("rows %q", got)
		}
		if _, err := s.Connection(t.Context(), "main", 1, 5); err != nil {
			t.Errorf("on a session that is the lane's already: %v", err)
		}
		_ = s.Close()
		expectKind(t, func() error { _, err := s.Connection(t.Context(), "main", 7, 2); return err }(), row.Fenced)
	})
}
