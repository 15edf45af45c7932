package proxy

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// setAnswers are MySQL's answers to the SET statements with which sessions
// begin, for clients that are told of changes of the session: which variables
// an OK packet names, and in which order, is a matter of settings and versions.
// They are read on a connection of its own, and again every globalsTTL; while
// MySQL is away, what it said last stays good.
type setAnswers struct {
	mu      sync.Mutex
	entries map[setKey]setAnswer
}

// setKey is what such an answer depends on.
type setKey struct {
	caps      wire.Capability
	handshake uint16
	sql       string // all SETs of the session so far
}

// setAnswer is one of them.
type setAnswer struct {
	at time.Time
	ok wire.OK
}

// setAnswersSize bounds the answers kept.
const setAnswersSize = 1000

// of is the answer to the last of the SETs of a session that has no backend
// connection yet.
func (a *setAnswers) of(ctx context.Context, s *session, all []string) (wire.OK, error) {
	if !s.conn.Caps().Has(wire.CapSessionTrack) {
		return wire.OK{Status: s.ownStatus()}, nil
	}
	key := setKey{s.conn.Caps(), s.conn.Collation(), strings.Join(all, "\x00")}
	a.mu.Lock()
	last, known := a.entries[key]
	a.mu.Unlock()
	if known && time.Since(last.at) < globalsTTL {
		return last.ok, nil
	}
	var ok wire.OK
	err := s.conn.srv.patience.ask(ctx, known, func(ctx context.Context) (err error) {
		ok, err = askSet(ctx, s, all)
		return err
	})
	if err != nil {
		if known {
			return last.ok, nil
		}
		return wire.OK{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.entries == nil || len(a.entries) >= setAnswersSize {
		a.entries = map[setKey]setAnswer{}
	}
	a.entries[key] = setAnswer{time.Now(), ok}
	return ok, nil
}

// askSet runs SET statements on a new connection and gives the last answer.
func askSet(ctx context.Context, s *session, all []string) (wire.OK, error) {
	ctx, cancel := context.WithTimeout(ctx, s.conn.srv.cfg.Backend.DialTimeout)
	defer cancel()
	like := &Conn{srv: s.conn.srv, login: s.conn.login, db: s.conn.DB()}
	like.user.Store(s.conn.User())
	like.login.Caps &^= wire.CapQueryAttributes | wire.CapLocalFiles
	be, err := like.dialAndLogin(ctx, &s.conn.srv.cfg.Backend)
	if err != nil {
		return wire.OK{}, err
	}
	defer be.close()
	deadline, _ := ctx.Deadline()
	if err := be.raw.SetDeadline(deadline); err != nil {
		return wire.OK{}, err
	}
	pr := probe{be: be, caps: like.login.Caps}
	var p []byte
	for _, sql := range all {
		if err := pr.send(append([]byte{wire.ComQuery}, sql...)); err != nil {
			return wire.OK{}, err
		}
		if p, err = pr.packet(); err != nil {
			return wire.OK{}, fmt.Errorf("ask MySQL what it answers to %q: %w", sql, err)
		}
	}
	return wire.ParseOK(p, pr.caps)
}
