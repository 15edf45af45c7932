package absorber

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// turnTable names the rows of the tests of turns.
var turnTable = &schema.Table{Name: schema.Name{DB: "d", Table: "t"}, AutoIncrement: -1}

// Sessions take turns at a row in the order they came, those of other rows do
// not wait, and nothing is left when all have gone.
func TestTurnsAreInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &Engine{cfg: Config{}.withDefaults()}
		done, err := e.takeTurns(t.Context(), nil, turnTable, []row.Ref{{Key: "b"}, {Key: "a"}, {Key: "b"}})
		if err != nil {
			t.Fatal(err)
		}
		other, err := e.takeTurns(t.Context(), nil, turnTable, []row.Ref{{Key: "c"}})
		if err != nil {
			t.Fatal(err)
		}
		other()
		var mu sync.Mutex
		var order []int
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				mine, err := e.takeTurns(t.Context(), nil, turnTable, []row.Ref{{Key: "a"}, {Key: "b"}})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
				mine()
			})
			synctest.Wait() // it waits in the queue
		}
		if len(order) != 0 {
			t.Errorf("%v did not wait", order)
		}
		done()
		wg.Wait()
		for i, c := range order {
			if c != i {
				t.Errorf("the order is %v", order)
				break
			}
		}
		if len(e.turns.rows) != 0 {
			t.Errorf("%d queues are left", len(e.turns.rows))
		}
	})
}

// Who waits for a turn gives up with its client, or after the lock wait, and
// stands in nobody's way then. While it waits the schema may change.
func TestTurnsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &Engine{cfg: Config{}.withDefaults()}
		e.usages.version.Store(1)
		refs := []row.Ref{{Key: "a"}, {Key: "b"}}
		done, err := e.takeTurns(t.Context(), nil, turnTable, refs[1:])
		if err != nil {
			t.Fatal(err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := e.takeTurns(gone, nil, turnTable, refs); !errors.Is(err, context.Canceled) {
			t.Errorf("a client that went away: %v", err)
		}
		if _, err := e.takeTurns(t.Context(), nil, turnTable, refs); !errors.Is(err, ErrLockWait) {
			t.Errorf("after the lock wait: %v", err)
		}
		u := e.NewUsage()
		e.Begin(u)
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := e.takeTurns(t.Context(), u, turnTable, refs); !errors.Is(err, ErrReplan) {
				t.Errorf("the schema changed: %v", err)
			}
		})
		synctest.Wait()
		if s, _ := e.usages.seen(); s != 1 {
			t.Fatal(s)
		}
		e.usages.version.Store(2)
		if s, _ := e.usages.seen(); s != 2 {
			t.Errorf("a change of the schema waits for who waits for a turn: %d", s)
		}
		done()
		wg.Wait()
		if len(e.turns.rows) != 0 {
			t.Errorf("%d queues are left", len(e.turns.rows))
		}
	})
}
