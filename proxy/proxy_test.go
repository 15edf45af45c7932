package proxy

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"
)

// testUsers are the users of proxies under test; the backends know the same.
var testUsers = []User{{Name: "root", Password: "secret", Admin: true}, {Name: "app", Password: "secret"}}

// startProxy runs a proxy until the test ends.
func startProxy(tb testing.TB, cfg Config) *Server {
	tb.Helper()
	s, _ := startStoppable(tb, cfg)
	return s
}

// startStoppable runs a proxy until stop is called or the test ends. stop
// waits for Run to return.
func startStoppable(tb testing.TB, cfg Config) (s *Server, stop func()) {
	tb.Helper()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Listen == "" && cfg.Socket == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.Users == nil {
		cfg.Users = testUsers
	}
	s, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				tb.Errorf("Run: %v", err)
			}
		case <-time.After(40 * time.Second):
			tb.Error("Run did not return")
		}
	})
	tb.Cleanup(stop)
	select {
	case <-s.Ready():
	case err := <-done:
		done <- nil
		tb.Fatalf("Run: %v", err)
	}
	return s, stop
}
