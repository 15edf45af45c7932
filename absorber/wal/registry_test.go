package wal

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// registry is one on a Redis of its own.
func registry(t *testing.T) (*Registry, *miniredis.Miniredis) {
	t.Helper()
	mr := miniredis.RunT(t)
	rdb, err := Dial(DialOptions{Endpoints: []string{mr.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rdb.Close() })
	return NewRegistry(rdb, Options{}), mr
}

// bumped counts up and expects a version.
func (r *Registry) bumped(t *testing.T, seen uint64, tables []schema.Name, want uint64) {
	t.Helper()
	v, err := r.Bump(t.Context(), seen, tables)
	if err != nil {
		t.Fatal(err)
	}
	if v != want {
		t.Fatalf("version %d, want %d", v, want)
	}
}

// What changed is told version by version, and that anything may have where one
// version says so, or is not remembered.
func TestRegistryChanges(t *testing.T) {
	r, mr := registry(t)
	a, b := schema.Name{DB: "d", Table: "a"}, schema.Name{DB: "d\x00`é", Table: "b"}
	r.bumped(t, 0, []schema.Name{a}, 1)
	r.bumped(t, 1, []schema.Name{b, a}, 2)
	r.bumped(t, 2, nil, 3)
	r.bumped(t, 3, []schema.Name{b}, 4)
	check := func(from, upto uint64, want ...schema.Name) {
		t.Helper()
		got, known, err := r.Changes(t.Context(), from, upto)
		if err != nil || known != (want != nil) || known && !slices.Equal(got, want) {
			t.Errorf("from %d to %d: %q, known %v, %v; want %q", from, upto, got, known, err, want)
		}
	}
	check(0, 1, a)
	check(0, 2, a, b, a)
	check(1, 2, b, a)
	check(3, 4, b)
	check(0, 3)
	check(2, 4)
	check(4, 5) // of a process that does not tell
	check(4, 4)
	for v := range uint64(keptChanges) {
		r.bumped(t, 0, []schema.Name{a}, 5+v)
	}
	check(3, 4)
	check(4, 5, a)
	// Redis was emptied: nobody has seen the versions that come now.
	mr.FlushAll()
	r.bumped(t, 1000, []schema.Name{b}, 1001)
	check(1000, 1001, b)
	check(999, 1001)
	mr.FlushAll()
	if v, err := r.Beat(t.Context(), Seen{Process: "p", Statements: 1002, Transactions: 7}, time.Second); err != nil || v != 1001 {
		t.Errorf("version %d after a beat, want 1001: %v", v, err)
	}
}

// Whoever watches hears of a change.
func TestRegistryWatch(t *testing.T) {
	r, _ := registry(t)
	ctx, cancel := context.WithCancel(t.Context())
	heard, done := make(chan struct{}, 100), make(chan error, 1)
	go func() {
		done <- r.Watch(ctx, func() {
			select {
			case heard <- struct{}{}:
			default:
			}
		})
	}()
	deadline := time.After(time.Minute)
	for told := false; !told; {
		if _, err := r.Bump(t.Context(), 0, nil); err != nil { // again, as the subscription may come later
			t.Fatal(err)
		}
		select {
		case <-heard:
			told = true
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatal("nothing was heard")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
