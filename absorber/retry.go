package absorber

import (
	"context"
	"errors"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// logEvery is how often an error that lasts is logged again.
const logEvery = time.Minute

// retry repeats one kind of work while its errors are passing ones.
type retry struct {
	w      *Worker
	what   string
	delay  time.Duration
	last   string // the error that was logged
	logged time.Time
}

// newRetry makes a retry for what, a verb phrase for the log.
func (w *Worker) newRetry(what string) *retry {
	return &retry{w: w, what: what, delay: w.cfg.RetryBackoff}
}

// do calls f until it succeeds, ctx ends, or its error is for the caller to
// act upon: Permanent, Fenced, or a lane that was lost in Redis. f gets a
// context that outlives ctx by the grace, so that what has begun can finish.
func (r *retry) do(ctx context.Context, f func(ctx context.Context) error) error {
	for {
		err := r.w.finishing(ctx, f)
		if err == nil {
			r.passed()
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if final(err) {
			return err
		}
		r.failed(err)
		if !r.wait(ctx) {
			return ctx.Err()
		}
	}
}

// final reports whether trying again cannot help.
func final(err error) bool {
	var e *row.Error
	if errors.As(err, &e) && (e.Kind == row.Permanent || e.Kind == row.Fenced) {
		return true
	}
	return errors.Is(err, wal.ErrLost)
}

// failed makes err visible: in Stats, and in the log when it is another error
// than before or a minute has gone by.
func (r *retry) failed(err error) {
	r.w.status.trouble(err)
	r.w.cfg.Metrics.retries.WithLabelValues(string(r.w.cfg.Lane), r.what).Inc()
	if err.Error() == r.last && time.Since(r.logged) < logEvery {
		return
	}
	r.last, r.logged = err.Error(), time.Now()
	r.w.log.Warn("cannot "+r.what+"; trying again", "error", err, "hint", hint(err))
}

// passed says that the work succeeded.
func (r *retry) passed() {
	if r.last != "" {
		r.w.log.Info("can " + r.what + " again")
		r.w.status.calm()
	}
	r.reset()
}

// reset forgets the errors before.
func (r *retry) reset() { r.last, r.delay = "", r.w.cfg.RetryBackoff }

// wait lets the backoff pass and doubles it. False: ctx ended.
func (r *retry) wait(ctx context.Context) bool {
	d := jitter(r.delay)
	r.delay = min(2*r.delay, r.w.cfg.MaxBackoff)
	return pause(ctx, d, nil)
}

// hint is what the operator should do about err, "" if nothing.
func hint(err error) string {
	var e *row.Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// finishing calls f with a context that ends the grace after ctx does.
func (w *Worker) finishing(ctx context.Context, f func(ctx context.Context) error) error {
	fctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	over := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-over:
			return
		case <-ctx.Done():
		}
		t := time.NewTimer(w.cfg.Grace)
		defer t.Stop()
		select {
		case <-t.C:
			cancel()
		case <-over:
		}
	}()
	err := f(fctx)
	close(over)
	<-stopped
	return err
}
