package spike

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// reader reads every acknowledged row by its key through the proxy, while
// most are not in MySQL yet.
type reader struct {
	cfg     *Config
	latency histogram
	read    atomic.Int64
	stale   atomic.Int64 // acknowledged, but not there or not as it was written
	errors  atomic.Int64
	first   atomic.Pointer[string] // what was wrong first
}

// readBack reads the accepted rows of fates.
func (r *reader) readBack(ctx context.Context, fates []byte) error {
	stmt, err := r.cfg.Proxy.PrepareContext(ctx, fmt.Sprintf("SELECT %s FROM `%s` WHERE id = ?", columns, r.cfg.Table))
	if err != nil {
		return fmt.Errorf("prepare the read: %w", err)
	}
	defer stmt.Close()
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range r.cfg.Connections {
		g.Go(func() error {
			for ctx.Err() == nil {
				n := int(next.Add(1) - 1)
				if n >= len(fates) {
					return nil
				}
				if fates[n] == accepted {
					r.one(ctx, stmt, n)
				}
			}
			return ctx.Err()
		})
	}
	return g.Wait()
}

// one reads row n and compares it.
func (r *reader) one(ctx context.Context, stmt *sql.Stmt, n int) {
	begin := time.Now()
	want := makePayment(r.cfg.Run, n)
	got, err := scanPayment(stmt.QueryRowContext(ctx, want.ID))
	r.latency.record(time.Since(begin))
	r.read.Add(1)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		r.stale.Add(1)
		r.complain("row %s is not there", want.ID)
	case err != nil:
		r.errors.Add(1)
		r.complain("row %s: %v", want.ID, err)
	default:
		if column := diff(want, got); column != "" {
			r.stale.Add(1)
			r.complain("row %s has another %s", want.ID, column)
		}
	}
}

// complain keeps the first complaint.
func (r *reader) complain(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	r.first.CompareAndSwap(nil, &s)
}
