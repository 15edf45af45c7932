package serial

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"
)

// sessions run beside each other.
const sessions = 4

// Load is what sessions do beside each other, on the table reg.
type Load struct {
	Pools  []*sql.DB // over which the sessions are spread
	Direct *sql.DB   // the same database without the proxies
	Seed   uint64
	Each   int  // transactions of a session, if nothing stops it before
	Breaks bool // servers are away for a while, and connections break
	// Disturb runs beside the sessions, which stop when it returns; nil for nothing.
	Disturb func()
	// Drain returns when MySQL has everything that was acknowledged.
	Drain func() error
}

// History is what transactions were told.
type History struct {
	Kinds   map[string]int // of those that were committed
	Aborted map[string]int // by the error
	Unknown int            // that may have been committed, or not

	mu         sync.Mutex
	operations []porcupine.Operation
	since      time.Time
}

// Add counts another history in.
func (h *History) Add(other *History) {
	if h.Kinds == nil {
		h.Kinds, h.Aborted = map[string]int{}, map[string]int{}
	}
	for into, from := range map[*map[string]int]map[string]int{&h.Kinds: other.Kinds, &h.Aborted: other.Aborted} {
		sum := maps.Clone(*into)
		for k, n := range from {
			sum[k] += n
		}
		*into = sum
	}
	h.Unknown += other.Unknown
	h.operations = append(h.operations, other.operations...)
}

// String counts it.
func (h *History) String() string {
	return fmt.Sprintf("%d operations: %v, %d may have been committed, aborted %v", len(h.operations), h.Kinds, h.Unknown, h.Aborted)
}

// now is the time since the history began.
func (h *History) now() int64 { return int64(time.Since(h.since)) }

// Run fills the table, lets the sessions run into each other, and looks for a
// serial order: an error if there is none.
func (l *Load) Run(ctx context.Context) (*History, error) {
	h := &History{Kinds: map[string]int{}, Aborted: map[string]int{}, since: time.Now()}
	for _, sql := range []string{"DELETE FROM reg WHERE id >= 0 OR v >= 0", "INSERT INTO reg (id, u, v) VALUES (0,'u0',0),(1,'u1',0),(2,'u2',0),(3,'u3',0)"} {
		if _, err := l.Pools[0].ExecContext(ctx, sql); err != nil {
			return h, fmt.Errorf("%s: %w", sql, err)
		}
	}
	stop := make(chan struct{})
	var values atomic.Int64
	errs := make([]error, sessions)
	var wg sync.WaitGroup
	for i := range errs {
		c := &client{ctx: ctx, pool: l.Pools[i%len(l.Pools)], Rand: rand.New(rand.NewPCG(l.Seed, uint64(i))), h: h, values: &values, breaks: l.Breaks}
		wg.Go(func() { errs[i] = c.run(l.Each, stop) })
	}
	if l.Disturb != nil {
		l.Disturb()
		close(stop)
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return h, err
	}
	if err := l.Drain(); err != nil {
		return h, err
	}
	last, err := l.last(ctx)
	if err != nil {
		return h, err
	}
	h.operations = append(h.operations, porcupine.Operation{Input: last, Call: h.now(), Return: h.now() + 1, Output: true})
	for i := range h.operations {
		h.operations[i].ClientId = i
	}
	if got := explained(h.operations); got != porcupine.Ok {
		return h, fmt.Errorf("seed %d: a serial order is %s:%s", l.Seed,
			map[porcupine.CheckResult]string{porcupine.Illegal: "not there", porcupine.Unknown: "not found in time"}[got], firstWrong(h.operations))
	}
	return h, nil
}

// last reads what MySQL holds in the end.
func (l *Load) last(ctx context.Context) ([]event, error) {
	events, err := read(ctx, l.Direct, "SELECT id, v FROM reg ORDER BY id")
	if err == nil && len(events) != rows {
		err = fmt.Errorf("%d rows in MySQL", len(events))
	}
	return events, err
}

// querier is a pool or a connection.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// read gives the rows of an answer.
func read(ctx context.Context, q querier, query string) ([]event, error) {
	result, err := q.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer result.Close()
	var events []event
	for result.Next() {
		var e event
		if err := result.Scan(&e.row, &e.value); err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, result.Err()
}
