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
	// patienceAgain is how long it is not asked after it was waited for in vain.
	patienceAgain = 5 * time.Second
)

// errSilent is for a question that was not asked, because MySQL does not answer.
var errSilent = errors.New("the server behind the proxy does not answer")

// patience bounds the waits for what MySQL is asked of again and again: whether
// a database is there, who may run a statement, what a session begins with. A
// server that is gone refuses at once. One that hangs, or whose network swallows
// packets, would be waited for by every session in turn, though all of them can
// go on with what it said before. So one of them waits, and not for long; those
// that come after it do not.
type patience struct {
	log *slog.Logger

	mu     sync.Mutex
	silent bool      // it was waited for in vain, and has not answered since
	until  time.Time // it is not asked before
}

// ask runs question, which asks MySQL. If the answer is known from before, its
// context is bounded; with errSilent it was not run at all.
func (p *patience) ask(ctx context.Context, known bool, question func(ctx context.Context) error) error {
	if !known {
		return question(ctx)
	}
	if !p.begin() {
		return errSilent
	}
	deadline := time.Now().Add(patienceTime)
	bounded, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	err := question(bounded)
	switch {
	case err == nil || ctx.Err() == nil && time.Now().Before(deadline):
		p.answered()
	case ctx.Err() == nil:
		p.waited(err)
	}
	return err
}

// begin reports whether MySQL is to be asked. Of those that come when it has not
// been for long enough, the first is to find out for the others.
func (p *patience) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.silent {
		if time.Now().Before(p.until) {
			return false
		}
		p.until = time.Now().Add(patienceTime + patienceAgain)
	}
	return true
}

// answered notes that MySQL, or its machine, has said something.
func (p *patience) answered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.silent {
		p.silent = false
		p.log.Info("MySQL answers again", "component", "MYSQL")
	}
}

// waited notes that it has not.
func (p *patience) waited(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = time.Now().Add(patienceAgain)
	if !p.silent {
		p.silent = true
		p.log.Warn("MySQL does not answer: sessions go on with what it said before of their privileges, databases and variables", "component", "MYSQL", "error", err,
			"hint", "it takes connections, or does not refuse them, and is silent then: look whether it hangs or is overloaded, and whether packets reach it")
	}
}

// turnedAway reports whether an error of MySQL's says nothing of what it was
// asked: it could not be reached, or lets nobody in now.
func turnedAway(e *wire.ErrPacket) bool {
	switch e.Code {
	case codeCannotConnect, codeTooManyConnections, codeShutdown, codeHostBlocked, codeTooManyOfUser, codeOffline, codeNotAvailable:
		return true
	}
	return false
}
