package daemon

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"
)

// layer is a group of functions that run side by side until their context ends.
type layer []func(context.Context) error

// runLayers runs all layers. When ctx ends, or any function returns, they stop
// from the last one to the first: a layer's context ends only when those above
// it have returned, so that a statement that still runs in the proxy finds the
// log and the gates alive. It returns what failed.
func runLayers(ctx context.Context, layers ...layer) error {
	stopping, stop := context.WithCancel(ctx)
	defer stop()
	groups := make([]errgroup.Group, len(layers))
	cancels := make([]context.CancelFunc, len(layers))
	for i, l := range layers {
		lctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		cancels[i] = cancel
		defer cancel()
		for _, f := range l {
			groups[i].Go(func() error {
				defer stop()
				return f(lctx)
			})
		}
	}
	<-stopping.Done()
	var errs []error
	for i := len(layers) - 1; i >= 0; i-- {
		cancels[i]()
		// To be told to stop is no failure.
		if err := groups[i].Wait(); err != nil && !errors.Is(err, context.Canceled) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
