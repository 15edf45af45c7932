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

// TestPatience: a server that is away is asked by one session in a while, and not
// waited for for long; one that answers, be it with a refusal, is asked by all.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &patience{log: slog.New(slog.DiscardHandler)}
		// three sessions put a question at once: how many did, and the longest wait
		three := func(question func(ctx context.Context) error) (asked int64, longest time.Duration) {
			var n atomic.Int64
			begun := time.Now()
			var all sync.WaitGroup
			for range 3 {
				all.Go(func() {
					err := p.ask(t.Context(), true, func(ctx context.Context) error {
						n.Add(1)
						time.Sleep(time.Millisecond) // until all have come
						return question(ctx)
					})
					if err == nil && question(t.Context()) != nil {
						t.Error("an error was not returned")
					}
				})
			}
			all.Wait()
			return n.Load(), time.Since(begun).Truncate(10 * time.Millisecond)
		}
		check := func(when string, question func(ctx context.Context) error, asked int64, longest time.Duration) {
			t.Helper()
			if n, w := three(question); n != asked || w != longest {
				t.Fatalf("%s: %d asked and waited %v, instead of %d and %v", when, n, w, asked, longest)
			}
		}
		answers := func(context.Context) error { return nil }
		denies := func(context.Context) error { return NewError(1142, "42000", "denied") }
		full := func(context.Context) error { return NewError(codeTooManyConnections, "08004", "full") }
		gone := func(context.Context) error { return errors.New("connection refused") }
		leaves := func() {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_ = p.ask(ctx, true, hang)
		}

		check("there", answers, 3, 0)
		check("there, and denies it", denies, 3, 0)
		leaves()
		check("there, a client has left", answers, 3, 0)

		check("silent, nobody knows yet", hang, 3, patienceTime)
		if err := p.ask(t.Context(), true, answers); !errors.Is(err, errNotAsked) {
			t.Fatalf("the next session got %v", err)
		}
		for range 2 {
			time.Sleep(silentPause)
			check("silent, after a while", hang, 1, patienceTime)
		}
		time.Sleep(silentPause)
		leaves()
		check("silent, and who was to find out has left", hang, 0, 0)
		time.Sleep(patienceTime + silentPause)
		check("there again, one finds out", denies, 1, 0)
		check("there again", answers, 3, 0)

		check("full, nobody knows yet", full, 3, 0)
		check("full", full, 0, 0)
		time.Sleep(refusedPause)
		check("gone, one finds out", gone, 1, 0)
		check("gone", gone, 0, 0)

		begun := time.Now()
		err := p.ask(t.Context(), false, func(ctx context.Context) error {
			time.Sleep(time.Hour)
			return ctx.Err()
		})
		if err != nil || time.Since(begun) != time.Hour {
			t.Fatalf("a question whose answer nobody knows: %v after %v", err, time.Since(begun))
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
		s.patience.answered() // else it is not asked for a while
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
