package absorber

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

const (
	// gatePatience is how long a session waits for a gate that others keep
	// before it may come late: most statements are done by then.
	gatePatience = 100 * time.Millisecond
	// latePlaces is how many sessions of a process may be late at a time, each
	// with a connection to MySQL.
	latePlaces = 8
)

// late lets sessions that have waited long for a gate run their statements in
// MySQL, beside those who keep it: the gate is the table's, but MySQL locks
// rows, and who keeps the gate may be a transaction whose client thinks, or
// waits for this very statement by means that MySQL knows nothing of. A crowd
// that has come to a gate must not all go to MySQL, though: few at a time do, as
// many a second as the drainers might have written, and the others wait until
// the gate opens.
type late struct {
	places chan struct{}
	limit  *rate.Limiter
}

// newLate makes the places.
func newLate() late {
	return late{places: make(chan struct{}, latePlaces), limit: rate.NewLimiter(rate.Inf, 1)}
}

// SetLateRate changes Config.LateRate from now on.
func (e *Engine) SetLateRate(perSecond float64) {
	limit := rate.Inf
	if perSecond > 0 {
		limit = rate.Limit(perSecond)
	}
	e.late.limit.SetLimit(limit)
}

// free gives back the session's place, if it has one.
func (u *Usage) free() {
	if u.place != nil {
		<-u.place
		u.place = nil
	}
	u.behind = ""
}

// late reports whether the session may join gates late.
func (u *Usage) late() bool { return u != nil && u.place != nil }

// openOrLate waits until the gate has opened, or until the session has a place
// among those who may come late (opened is false then). It keeps the place until
// its statement, or its transaction in MySQL, ends.
func (e *Engine) openOrLate(ctx context.Context, u *Usage, lane row.Lane, table string) (opened bool, err error) {
	if u == nil {
		return true, e.store.WaitGate(ctx, lane, table)
	}
	pctx, cancel := context.WithTimeout(ctx, gatePatience)
	err = e.store.WaitGate(pctx, lane, table)
	cancel()
	if err == nil || ctx.Err() != nil || pctx.Err() == nil {
		return err == nil, err
	}
	if u.late() {
		return false, nil
	}
	octx, cancel := context.WithCancel(ctx)
	defer cancel()
	open := make(chan error, 1)
	go func() { open <- e.store.WaitGate(octx, lane, table) }()
	select {
	case err := <-open:
		return err == nil, err
	case e.late.places <- struct{}{}:
	}
	turn := e.late.limit.Reserve()
	select {
	case err := <-open:
		turn.Cancel()
		<-e.late.places
		return err == nil, err
	case <-time.After(turn.Delay()):
		u.place = e.late.places
		e.metrics.retries.WithLabelValues("late").Inc()
		return false, nil
	}
}
