package absorber

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/go-mysql-org/go-mysql/client"

	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// A process that slept through a change of the schema, and was not waited for,
// must not put the new generation of a table together with the old definition.
func TestStateNeedsTheNewestSchema(t *testing.T) {
	p := newPipeline(t)
	mr := miniredis.RunT(t)
	rdb, err := wal.Dial(wal.DialOptions{Endpoints: []string{mr.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rdb.Close() }()
	down := errors.New("MySQL is away")
	e := New(Config{Process: "sleeper", Options: func(string) TableOptions { return TableOptions{Lane: "main"} },
		Dial: func(context.Context) (*client.Conn, error) { return nil, down }}, p.store, wal.NewRegistry(rdb, wal.Options{}))
	v, err := e.announce(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e.usages.version.Store(v)
	if _, err := wal.NewRegistry(rdb, wal.Options{}).Bump(t.Context(), 0, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := e.state(t.Context(), pairs); !errors.Is(err, down) {
		t.Errorf("a table of the old schema was looked up: %v", err)
	}
	if _, kept := e.states.Load("d.pairs"); kept {
		t.Error("its state was remembered")
	}
}

// A statement that finds its rows changed at every try does not try for ever.
func TestConflictsEnd(t *testing.T) {
	p := newPipeline(t)
	e := p.engine(func(c *Config) { c.LockWait = 20 * time.Millisecond })
	e.states.Store(pairs.Name.String(), p.state)
	tries := 0
	_, err := e.attempt(t.Context(), nil, pairs, nil, func(wal.TableState) (*wal.Commit, error) {
		tries++
		return nil, wal.ErrConflict
	})
	if !errors.Is(err, ErrLockWait) || tries < 2 {
		t.Errorf("after %d tries: %v", tries, err)
	}
}

// A pause ends with its context.
func TestPauseFor(t *testing.T) {
	if err := pauseFor(t.Context(), 0); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := pauseFor(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("a pause of an ended context: %v", err)
	}
}
