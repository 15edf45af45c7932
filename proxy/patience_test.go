package proxy

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// hang is a question to a server that does not answer.
func hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestPatience: a silent server is waited for by one session at a time, and not
// for long; one that answers, be it with an error, is asked by all.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &patience{log: slog.New(slog.DiscardHandler)}
		var asked atomic.Int64
		waits := func(n int, question func(ctx context.Context) error) (longest time.Duration) {
			asked.Store(0)
			begun := time.Now()
			var all sync.WaitGroup
			for range n {
				all.Go(func() {
					_ = p.ask(t.Context(), true, func(ctx context.Context) error {
						asked.Add(1)
						return question(ctx)
					})
				})
			}
			all.Wait()
			return time.Since(begun)
		}
		refused := func(context.Context) error { return NewError(codeCannotConnect, "HY000", "refused") }

		for range 2 {
			if w := waits(3, refused); w != 0 || asked.Load() != 3 {
				t.Fatalf("a server that refuses: %d of 3 asked it, and waited %v", asked.Load(), w)
			}
		}
		if w := waits(3, hang); w != patienceTime || asked.Load() != 3 {
			t.Fatalf("nobody knows yet that it is silent: %d of 3 asked, and waited %v", asked.Load(), w)
		}
		if err := p.ask(t.Context(), true, hang); !errors.Is(err, errSilent) {
			t.Fatalf("the next got %v", err)
		}
		for range 2 {
			time.Sleep(patienceAgain)
			if w := waits(3, hang); w != patienceTime || asked.Load() != 1 {
				t.Fatalf("after a while: %d of 3 asked, and waited %v", asked.Load(), w)
			}
		}
		begun := time.Now()
		if err := p.ask(t.Context(), false, func(ctx context.Context) error {
			time.Sleep(time.Hour)
			return ctx.Err()
		}); err != nil || time.Since(begun) != time.Hour {
			t.Fatalf("a question whose answer nobody knows: %v after %v", err, time.Since(begun))
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.ask(gone, true, hang); !errors.Is(err, context.Canceled) {
			t.Fatalf("a client that has gone: %v", err)
		}
		if waits(3, refused); asked.Load() != 0 {
			t.Fatal("a client that has gone says nothing of the server, but it was asked at once")
		}
		time.Sleep(patienceTime + patienceAgain)
		if waits(1, refused); asked.Load() != 1 {
			t.Fatal("it was not asked")
		}
		if waits(3, refused); asked.Load() != 3 {
			t.Fatalf("a server that answers again: %d of 3 asked", asked.Load())
		}
		gone, cancel = context.WithCancel(t.Context())
		cancel()
		_ = p.ask(gone, true, hang)
		if waits(3, refused); asked.Load() != 3 {
			t.Fatalf("a client has gone, and %d of 3 asked", asked.Load())
		}
	})
}

// TestDatabaseKnownFromBefore: while MySQL lets nobody in or says nothing, a
// session begins in a database where another was let in before, but in no other;
// what MySQL says of the database counts, however long it has known it.
func TestDatabaseKnownFromBefore(t *testing.T) {
	s, f := startOnFake(t, mariaVersion, Config{})
	login := func(db string) error {
		c, err := tryRaw(t, s.Addr().String(), "app", "secret", db, baseCaps)
		if err == nil {
			err = c.nc.Close()
		}
		return err
	}
	for _, c := range []struct {
		name  string
		door  *wire.ErrPacket
		stays bool
	}{
		{"too many connections", NewError(codeTooManyConnections, "08004", "Too many connections"), true},
		{"too many of the user", NewError(codeTooManyOfUser, "42000", "too many"), true},
		{"shutting down", NewError(codeShutdown, "08S01", "shutdown"), true},
		{"the host is blocked", NewError(codeHostBlocked, "HY000", "blocked"), true},
		{"offline", NewError(codeOffline, "HY000", "offline"), true},
		{"not available", NewError(codeNotAvailable, "HY000", "not available"), true},
		{"no such database", NewError(codeUnknownDatabase, "42000", "no such database"), false},
		{"a wrong password", NewError(codeAccessDenied, "28000", "denied"), false},
		{"silent", &wire.ErrPacket{}, true},
	} {
		f.shut(nil)
		if err := login("seen"); err != nil {
			t.Fatal(err)
		}
		s.verified.mu.Lock()
		for key, v := range s.verified.seen {
			v.at = v.at.Add(-2 * verifiedFor)
			s.verified.seen[key] = v
		}
		s.verified.mu.Unlock()
		f.shut(c.door)
		if err := login("seen"); (err == nil) != c.stays {
			t.Errorf("%s: the login got %v", c.name, err)
		}
		if c.door.Code == 0 {
			continue // to wait for that in vain takes ten seconds
		}
		if err := login("unseen"); err == nil {
			t.Errorf("%s: a database that nobody knows was let in", c.name)
		}
	}
}
