package absorber

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// TestTakersShareCalls: sessions that come while a call is on its way share
// the next, and each value is given out once.
func TestTakersShareCalls(t *testing.T) {
	var ts takers
	var mu sync.Mutex
	counter, calls := uint64(1), 0
	release := make(chan struct{})
	next := func(_ context.Context, _ row.Lane, _ wal.TableState, _ string, n, increment, _ uint64) (wal.Taken, bool, error) {
		<-release
		mu.Lock()
		defer mu.Unlock()
		first := counter
		counter += n * increment
		calls++
		return wal.Taken{First: first, N: n, Increment: increment}, true, nil
	}
	k := takeKey{table: "t", inc: AutoIncrement{Increment: 5, Offset: 1}}
	const sessions, each = 40, 3
	var wg sync.WaitGroup
	var got []uint64
	session := func() {
		wg.Go(func() {
			v, ok, err := ts.take(t.Context(), k, each, next)
			if !ok || err != nil || v.N != each {
				t.Errorf("take gave %v, %v, %v", v, ok, err)
			}
			mu.Lock()
			defer mu.Unlock()
			for i := range uint64(each) {
				got = append(got, v.First+i*5)
			}
		})
	}
	// until spins until the newest call is as wanted.
	until := func(ok func(b *taking) bool) {
		for {
			ts.mu.Lock()
			done := ts.last[k] != nil && ok(ts.last[k])
			ts.mu.Unlock()
			if done {
				return
			}
			runtime.Gosched()
		}
	}
	session()
	until(func(b *taking) bool { return b.sent })
	for range sessions - 1 {
		session()
	}
	until(func(b *taking) bool { return !b.sent && b.n == (sessions-1)*each })
	close(release)
	wg.Wait()
	slices.Sort(got)
	for i, v := range got {
		if v != 1+uint64(i)*5 {
			t.Fatalf("value %d is %d", i, v)
		}
	}
	if len(got) != sessions*each || calls != 2 {
		t.Errorf("%d values in %d calls, want %d in 2", len(got), calls, sessions*each)
	}
	if len(ts.last) != 0 {
		t.Errorf("%d calls are remembered", len(ts.last))
	}
}

// TestTakersFail: an error reaches everybody who shared the call, and the next
// call is not affected.
func TestTakersFail(t *testing.T) {
	var ts takers
	broken := errors.New("broken")
	k := takeKey{table: "t", inc: AutoIncrement{Increment: 1, Offset: 1}}
	fail := func(context.Context, row.Lane, wal.TableState, string, uint64, uint64, uint64) (wal.Taken, bool, error) {
		return wal.Taken{}, false, broken
	}
	if _, _, err := ts.take(t.Context(), k, 1, fail); !errors.Is(err, broken) {
		t.Errorf("take gave %v", err)
	}
	good := func(context.Context, row.Lane, wal.TableState, string, uint64, uint64, uint64) (wal.Taken, bool, error) {
		return wal.Taken{First: 7, N: 1, Increment: 1}, true, nil
	}
	if v, ok, err := ts.take(t.Context(), k, 1, good); v.First != 7 || !ok || err != nil {
		t.Errorf("take gave %d, %v, %v", v.First, ok, err)
	}
}
