package daemon

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
)

// recorder notes the order in which functions end.
type recorder struct {
	mu    sync.Mutex
	ended []string
}

// until makes a function that runs until it is told to stop.
func (r *recorder) until(name string, err error) func(context.Context) error {
	return func(ctx context.Context) error {
		<-ctx.Done()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ended = append(r.ended, name)
		return err
	}
}

func TestLayersStopFromTheTop(t *testing.T) {
	for range 50 {
		var r recorder
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := runLayers(ctx, layer{r.until("store", nil)}, layer{r.until("engine", context.Canceled)}, nil, layer{r.until("proxy", nil)})
		if want := []string{"proxy", "engine", "store"}; err != nil || !slices.Equal(r.ended, want) {
			t.Fatalf("%v, ended %v, want %v", err, r.ended, want)
		}
	}
}

// Whatever fails, and wherever, everything stops, and the error is told.
func TestLayersStopWhenOneEnds(t *testing.T) {
	broken := errors.New("broken")
	for at, want := range map[int]error{0: broken, 1: broken, 2: nil} {
		var r recorder
		layers := []layer{{r.until("store", nil)}, {r.until("engine", nil)}, {r.until("proxy", nil)}}
		layers[at] = append(layers[at], func(context.Context) error { return want })
		if err := runLayers(t.Context(), layers...); !errors.Is(err, want) {
			t.Errorf("layer %d: %v", at, err)
		}
		if got := []string{"proxy", "engine", "store"}; !slices.Equal(r.ended, got) {
			t.Errorf("layer %d: ended %v", at, r.ended)
		}
	}
}
