package queue

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// reader walks a partition from some offset towards its end and takes out the
// records that follow one another by LSN.
type reader struct {
	client *kgo.Client
	next   row.LSN       // the record it needs
	at     int64         // offset behind the last record read
	end    int64         // offset behind the log's last record, as far as known
	whole  bool          // it began where the log begins
	met    bool          // it has met a record of its lane
	passed row.LSN       // highest LSN passed over for being too high
	hole   bool          // something was passed over since the last ErrGap
	seen   func(row.LSN) // is told of each record of its lane, if not nil
}

// position is the drained position as it stands in the commit's metadata, so
// that a drainer with an older checkpoint knows that it must look further back.
type position struct {
	lane row.Lane
	lsn  row.LSN
}

// String prints "lane@lsn".
func (p position) String() string { return string(p.lane) + "@" + p.lsn.String() }

// parsePosition is the inverse of String.
func parsePosition(s string) (p position, ok bool) {
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return p, false
	}
	lsn, err := strconv.ParseUint(s[i+1:], 10, 64)
	return position{row.Lane(s[:i]), row.LSN(lsn)}, err == nil
}

// Poll returns the records from after+1 on, waiting for the first.
func (k *Kafka) Poll(ctx context.Context, lane row.Lane, after row.LSN, max int) ([]wal.Record, error) {
	const op = "queue.poll"
	p, err := k.partition(op, lane)
	if err != nil {
		return nil, err
	}
	caller := ctx
	ctx, cancel := k.untilClosed(ctx)
	defer cancel()
	select {
	case <-ctx.Done():
		return nil, k.stopped(caller)
	case <-p.turn:
	}
	defer func() { p.turn <- struct{}{} }()
	recs, err := k.poll(ctx, p, after, max)
	switch {
	case err == nil:
		return recs, nil
	case ctx.Err() != nil:
		return nil, k.stopped(caller)
	case errors.Is(err, ErrGap):
		return nil, &row.Error{Op: op, Lane: lane, LSN: after + 1, Kind: row.Transient, Err: err}
	}
	// Whatever is wrong with the log (deleted, truncated, unreadable), the next
	// Poll looks for its place anew, and asks again for what was lost.
	p.dropReader()
	p.told = false
	k.doubtTopic(err)
	var typed *row.Error
	if errors.As(err, &typed) {
		return nil, err
	}
	return nil, &row.Error{Op: op, Lane: lane, LSN: after + 1, Kind: row.Transient, Hint: kafkaHint(err), Err: err}
}

// poll is Poll for the one that has the partition's turn.
func (k *Kafka) poll(ctx context.Context, p *partition, after row.LSN, max int) ([]wal.Record, error) {
	if err := k.ensure(ctx); err != nil {
		return nil, err
	}
	if err := k.seek(ctx, p, after); err != nil {
		return nil, err
	}
	r := p.reader
	for {
		if r.at >= r.end {
			if r.hole {
				r.hole = false
				return nil, ErrGap
			}
			if r.whole && !r.met && !p.told {
				p.told = true
				return nil, ErrGap
			}
		}
		recs, err := r.read(ctx, p, max)
		if err != nil || len(recs) > 0 {
			return recs, err
		}
	}
}

// read waits for up to max records of the log and returns those among them
// that are needed next.
func (r *reader) read(ctx context.Context, p *partition, max int) (recs []wal.Record, err error) {
	fetches := r.client.PollRecords(ctx, max)
	for _, failed := range fetches.Errors() {
		return nil, fmt.Errorf("read partition %d: %w", failed.Partition, failed.Err)
	}
	p.mu.Lock()
	refused := p.refused
	p.mu.Unlock()
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		for _, found := range f.Records {
			r.at = found.Offset + 1
			if rec, ok := r.take(p.lane, found, refused); ok {
				p.deliver(place{rec.LSN, found.Offset})
				recs = append(recs, rec)
			}
		}
		// Only now: the mark is that of the fetch, which may lie behind a
		// position that an earlier look at the log's end has set.
		r.end = f.HighWatermark
	})
	return recs, nil
}

// take decides about one record: needed, a repeat, too high, or refused.
func (r *reader) take(lane row.Lane, found *kgo.Record, refused row.Refusals) (rec wal.Record, needed bool) {
	rec, ok := decode(lane, found)
	if !ok {
		return rec, false
	}
	r.met = true
	if refused.Hold(rec.LSN, rec.Epoch) {
		return rec, false
	}
	if r.seen != nil {
		r.seen(rec.LSN)
	}
	switch {
	case rec.LSN < r.next:
		return rec, false
	case rec.LSN > r.next:
		// The relay fills the hole further down, if it has not done so already.
		r.passed = max(r.passed, rec.LSN)
		r.hole = true
		return rec, false
	}
	r.next++
	// What was passed over by now comes again behind the record just found.
	r.hole = false
	return rec, true
}

// seek makes sure that the reader stands before the record after+1.
func (k *Kafka) seek(ctx context.Context, p *partition, after row.LSN) error {
	next := after + 1
	if r := p.reader; r != nil {
		if r.next == next {
			return nil
		}
		// Ahead of what was read and never passed over: it comes further down.
		if next > r.next && next > r.passed {
			r.next = next
			return nil
		}
		p.dropReader()
	}
	// The drainer began again from its checkpoint, which this instance has
	// handed out before.
	if at, ok := p.placeOf(next); ok && !p.whole {
		return k.open(ctx, p, next, &at.offset)
	}
	return k.open(ctx, p, next, nil)
}

// open starts a reader that needs next: from the given offset, else from the
// committed position if that does not lie behind next, else from the log's
// beginning.
func (k *Kafka) open(ctx context.Context, p *partition, next row.LSN, from *int64) error {
	start, end, err := k.bounds(ctx, p)
	if err != nil {
		return err
	}
	if from == nil && !p.whole {
		committed, err := k.committed(ctx, p)
		if err != nil {
			return err
		}
		if at, ok := parsePosition(committed.Metadata); ok && at.lane == p.lane && at.lsn < next {
			from = &committed.At
		}
	}
	r := &reader{next: next, end: end}
	if from != nil && start <= *from && *from <= end {
		r.at = *from
	} else {
		r.at, r.whole = start, true
	}
	if r.client, err = k.opts.consumer(p.number, r.at); err != nil {
		return err
	}
	p.reader, p.whole = r, false
	return nil
}

// bounds are the offsets of the partition's first record and behind its last.
func (k *Kafka) bounds(ctx context.Context, p *partition) (start, end int64, err error) {
	find := func(list func(context.Context, ...string) (kadm.ListedOffsets, error)) (int64, error) {
		listed, err := list(ctx, k.opts.Topic)
		if err != nil {
			return 0, fmt.Errorf("list offsets: %w", err)
		}
		found, ok := listed.Lookup(k.opts.Topic, p.number)
		switch {
		case !ok:
			return 0, fmt.Errorf("list offsets of partition %d: %w", p.number, kerr.UnknownTopicOrPartition)
		case found.Err != nil:
			return 0, fmt.Errorf("list offsets of partition %d: %w", p.number, found.Err)
		}
		return found.Offset, nil
	}
	if start, err = find(k.admin.ListStartOffsets); err != nil {
		return 0, 0, err
	}
	end, err = find(k.admin.ListEndOffsets)
	return start, end, err
}

// committed is the group's offset in the partition; a group or partition that
// has none gives one without metadata.
func (k *Kafka) committed(ctx context.Context, p *partition) (kadm.Offset, error) {
	offsets, err := k.admin.FetchOffsets(ctx, k.opts.GroupID)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return kadm.Offset{}, nil
	}
	if err != nil {
		return kadm.Offset{}, fmt.Errorf("fetch the committed offset: %w", err)
	}
	found, ok := offsets.Lookup(k.opts.Topic, p.number)
	if ok && found.Err != nil {
		return kadm.Offset{}, fmt.Errorf("fetch the committed offset: %w", found.Err)
	}
	return found.Offset, nil
}

// Top returns the highest LSN that is in the lane's log, or that was committed
// as drained; 0 if none. It reads the log from the committed position to its
// end.
func (k *Kafka) Top(ctx context.Context, lane row.Lane) (row.LSN, error) {
	return k.highest(ctx, lane, math.MaxInt64)
}

// recent is how many records Recent reads, at most.
const recent = 10000

// Recent is Top by the end of the log alone. It is Top unless the relay was
// interrupted while it published again from far back.
func (k *Kafka) Recent(ctx context.Context, lane row.Lane) (row.LSN, error) {
	return k.highest(ctx, lane, recent)
}

// highest is Top by the last records of the log.
func (k *Kafka) highest(ctx context.Context, lane row.Lane, records int64) (row.LSN, error) {
	const op = "queue.top"
	p, err := k.partition(op, lane)
	if err != nil {
		return 0, err
	}
	caller := ctx
	ctx, cancel := k.untilClosed(ctx)
	defer cancel()
	scan := p.another()
	defer scan.dropReader()
	top, err := k.top(ctx, scan, records)
	if err == nil {
		return top, nil
	}
	if ctx.Err() != nil {
		return 0, k.stopped(caller)
	}
	k.doubtTopic(err)
	return 0, &row.Error{Op: op, Lane: lane, Kind: row.Transient, Hint: kafkaHint(err), Err: err}
}

// top walks the last records of scan to the end of its log.
func (k *Kafka) top(ctx context.Context, scan *partition, records int64) (row.LSN, error) {
	if err := k.ensure(ctx); err != nil {
		return 0, err
	}
	committed, err := k.committed(ctx, scan)
	if err != nil {
		return 0, err
	}
	var drained row.LSN
	if at, ok := parsePosition(committed.Metadata); ok && at.lane == scan.lane {
		drained = at.lsn
	}
	start, end, err := k.bounds(ctx, scan)
	if err != nil {
		return 0, err
	}
	var from *int64 // the committed position
	if near := end - records; near > max(start, committed.At) {
		from = &near
	}
	// No record is the one needed next, so each is passed over and counted.
	if err := k.open(ctx, scan, math.MaxUint64, from); err != nil {
		return 0, err
	}
	r := scan.reader
	r.next = 0
	for r.at < r.end {
		if _, err := r.read(ctx, scan, pollCount); err != nil {
			return 0, err
		}
	}
	return max(drained, r.passed), nil
}

// untilClosed is ctx, cancelled also by Close.
func (k *Kafka) untilClosed(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(k.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// stopped says why a call did not wait any longer.
func (k *Kafka) stopped(caller context.Context) error {
	if k.closed.Load() {
		return ErrClosed
	}
	return caller.Err()
}

// dropReader ends the reader. The caller has the partition's turn.
func (p *partition) dropReader() {
	if p.reader != nil {
		p.reader.client.Close()
		p.reader = nil
	}
}
