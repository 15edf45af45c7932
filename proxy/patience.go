package proxy

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

const (
	// patienceTime is how long MySQL is waited for where what it said before will
	// do instead.
	patienceTime = 2 * time.Second
	// silentPause is how long it is not asked after it was waited for in vain,
	// refusedPause after it has let nobody in.
	silentPause  = 5 * time.Second
	refusedPause = time.Second
)

// errNotAsked is for a question that was not put, because MySQL is away.
var errNotAsked = errors.New("the server behind the proxy was away a moment ago, and is not asked")

// patience bounds the waits for what MySQL is asked of again and again: whether
// a database is there, who may run a statement, what a session begins with. A
// server that hangs, or whose network swallows packets, would be waited for by
// every session in turn, and one that is gone or full would be called by every
// statement, though all of them can go on with what it said before. So while it
// is away, one session in a while finds out for the others whether it still is.
type patience struct {
	log *slog.Logger

	mu    sync.Mutex
	away  bool
	until time.Time // it is not asked before, if it is away
}

// ask puts a question to MySQL. If the answer is known from before, the context
// of the question is bounded; with errNotAsked it was not put at all.
func (p *patience) ask(ctx context.Context, known bool, question func(ctx context.Context) error) error {
	if !known {
		return question(ctx)
	}
	if !p.begin() {
		return errNotAsked
	}
	deadline := time.Now().Add(patienceTime)
	bounded, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	err := question(bounded)
	switch {
	case !unanswered(err):
		p.answered()
	case ctx.Err() != nil: // the client has gone: that says nothing of MySQL
	case time.Now().Before(deadline):
		p.missed(refusedPause, err, "see whether it is running, and whether max_connections is reached")
	default:
		p.missed(silentPause, err, "it does not refuse connections, and is silent then: see whether it hangs or is overloaded, and whether packets reach it")
	}
	return err
}

// begin reports whether MySQL is to be asked. Of those that come when it has not
// been for long enough, the first is to find out for the others.
func (p *patience) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		if time.Now().Before(p.until) {
			return false
		}
		p.until = time.Now().Add(patienceTime + silentPause)
	}
	return true
}

// answered notes that MySQL is there.
func (p *patience) answered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		p.away = false
		p.log.Info("MySQL answers again", "component", "MYSQL")
	}
}

// missed notes that it is not.
func (p *patience) missed(pause time.Duration, err error, hint string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = time.Now().Add(pause)
	if !p.away {
		p.away = true
		p.log.Warn("MySQL does not answer: sessions go on with what it said before of databases, privileges and variables", "component", "MYSQL", "error", err, "hint", hint)
	}
}

// unanswered reports whether an error says nothing of what MySQL was asked: it
// could not be reached, or lets nobody in now.
func unanswered(err error) bool {
	var e *wire.ErrPacket
	if !errors.As(err, &e) {
		why, _ := refused(err)
		return err != nil && why == ""
	}
	switch e.Code {
	case codeCannotConnect, codeTooManyConnections, codeShutdown, codeHostBlocked, codeTooManyOfUser, codeOffline, codeNotAvailable:
		return true
	}
	return false
}
