package spike

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Fates of a row as its sender knows them.
const (
	unsent   byte = iota
	accepted      // acknowledged: must reach MySQL
	failed        // answered with an error, or not at all: may be there or not
)

// sender inserts the rows of a run on schedule.
type sender struct {
	cfg   *Config
	fates []byte // by row number; each written by one goroutine, read after send
	next  atomic.Int64
	ack   histogram

	accepted, failed atomic.Int64

	mu     sync.Mutex
	errors map[string]int // text -> rows
}

// maxErrors bounds the distinct error texts that are kept.
const maxErrors = 10

// send runs the whole schedule. It returns early only when ctx ends or the
// statement cannot even be prepared.
func (s *sender) send(ctx context.Context) error {
	stmt, err := s.cfg.Proxy.PrepareContext(ctx, insertSQL(s.cfg.Table, s.cfg.Batch))
	if err != nil {
		return fmt.Errorf("prepare the insert: %w", err)
	}
	defer stmt.Close()
	start := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for range s.cfg.Connections {
		g.Go(func() error { return s.work(ctx, stmt, start) })
	}
	return g.Wait()
}

// work takes the next statement of the schedule, waits until it is due and
// sends it, until all are sent. When every worker is busy, statements become
// overdue and the wait counts as latency.
func (s *sender) work(ctx context.Context, stmt *sql.Stmt, start time.Time) error {
	gap := float64(time.Second) * float64(s.cfg.Batch) / s.cfg.Rate
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		k := int(s.next.Add(1) - 1)
		first := k * s.cfg.Batch
		if first >= len(s.fates) {
			return nil
		}
		due := start.Add(time.Duration(gap * float64(k)))
		if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.insert(ctx, stmt, first, due)
	}
}

// insert sends one statement and notes the fate of its rows.
func (s *sender) insert(ctx context.Context, stmt *sql.Stmt, first int, due time.Time) {
	args := make([]any, 0, s.cfg.Batch*columnCount)
	for n := first; n < first+s.cfg.Batch; n++ {
		p := makePayment(s.cfg.Run, n)
		args = append(args, p.args()...)
	}
	res, err := stmt.ExecContext(ctx, args...)
	s.ack.record(time.Since(due))
	if err == nil {
		err = checkAffected(res, s.cfg.Batch)
	}
	fate, counter := accepted, &s.accepted
	if err != nil {
		fate, counter = failed, &s.failed
		s.note(err)
	}
	for n := first; n < first+s.cfg.Batch; n++ {
		s.fates[n] = fate
	}
	counter.Add(int64(s.cfg.Batch))
}

// checkAffected compares the affected rows of the answer with the batch.
func checkAffected(res sql.Result, batch int) error {
	n, err := res.RowsAffected()
	if err == nil && n != int64(batch) {
		err = fmt.Errorf("the insert of %d rows says it affected %d", batch, n)
	}
	return err
}

// note counts an error by its text.
func (s *sender) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := err.Error()
	if _, ok := s.errors[text]; !ok && len(s.errors) >= maxErrors {
		text = "other errors"
	}
	s.errors[text] += s.cfg.Batch
}
