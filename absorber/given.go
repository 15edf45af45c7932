package absorber

import (
	"context"
	"sync"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// given is how far this process knows the AUTO_INCREMENT counters to have come.
// A Redis that was restarted, replaced or emptied may have lost the values that
// it gave out last, and must not give them out again.
type given struct {
	mu    sync.Mutex
	marks map[string]mark // by "db.table"
}

// mark is the value below which all are used, as the counter of state had it.
type mark struct {
	lane  row.Lane
	state wal.TableState
	next  uint64
	told  string // the incarnation that was told of it, if it is another one
}

// note adds what the counter of st has given out. In one life of a lane a later
// generation has a counter of its own, which MySQL began; after the life before
// the mark is kept.
func (g *given) note(lane row.Lane, table string, st wal.TableState, next uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m, ok := g.marks[table]
	if ok && m.state.Incarnation == st.Incarnation {
		if st.Gen < m.state.Gen {
			return // an answer that was long on its way
		}
		if st.Gen > m.state.Gen {
			m.next = 0
		}
	}
	if g.marks == nil {
		g.marks = map[string]mark{}
	}
	g.marks[table] = mark{lane: lane, state: st, next: max(m.next, next)}
}

// untold are the marks of a lane's tables of which incarnation has not been
// told; those that it made itself not among them. For the incarnation "" they
// are all marks.
func (g *given) untold(lane row.Lane, incarnation string) map[string]mark {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out map[string]mark
	for table, m := range g.marks {
		if m.lane == lane && (incarnation == "" || m.state.Incarnation != incarnation && m.told != incarnation) {
			if out == nil {
				out = map[string]mark{}
			}
			out[table] = m
		}
	}
	return out
}

// tell notes that incarnation was told of a mark.
func (g *given) tell(table string, m mark, incarnation string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.marks[table] == m {
		m.told = incarnation
		g.marks[table] = m
	}
}

// keepCounters tells Redis what this process was given of a lane's counters,
// which it may have lost: before a lane that is closed is opened again, so that
// whoever seeds a counter finds it, and whenever the lane has begun a new life.
func (e *Engine) keepCounters(ctx context.Context, lane row.Lane, marks map[string]mark) error {
	incarnation := e.store.Knows(lane).Incarnation
	for table, m := range marks {
		if err := e.store.KeepAutoIncrement(ctx, lane, m.state, table, m.next); err != nil {
			return err
		}
		e.given.tell(table, m, incarnation)
	}
	return nil
}
