package queue

import (
	"context"
	"math"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// Above returns the lowest LSN above after that is anywhere in the lane's log,
// 0 if none: what a Poll that met a gap can ever give. It reads the whole log.
//
// A record may stand where no reader looks: before the committed position, if it
// was passed over there and never published again. So the next reader of the
// lane, in this instance, begins where the log begins.
func (k *Kafka) Above(ctx context.Context, lane row.Lane, after row.LSN) (row.LSN, error) {
	const op = "queue.above"
	p, err := k.partition(op, lane)
	if err != nil {
		return 0, err
	}
	caller := ctx
	ctx, cancel := k.untilClosed(ctx)
	defer cancel()
	scan := p.another()
	scan.whole = true
	defer scan.dropReader()
	lowest, err := k.above(ctx, scan, after)
	if ctx.Err() != nil {
		return 0, k.stopped(caller)
	}
	if err != nil {
		k.doubtTopic(err)
		return 0, &row.Error{Op: op, Lane: lane, LSN: after, Kind: row.Transient, Hint: kafkaHint(err), Err: err}
	}
	select {
	case <-ctx.Done():
		return 0, k.stopped(caller)
	case <-p.turn:
	}
	p.dropReader()
	p.whole = true
	p.turn <- struct{}{}
	return lowest, nil
}

// above walks the log from its beginning to its present end.
func (k *Kafka) above(ctx context.Context, scan *partition, after row.LSN) (lowest row.LSN, err error) {
	if err := k.ensure(ctx); err != nil {
		return 0, err
	}
	// Nothing is the record needed next, so each one is passed over.
	if err := k.open(ctx, scan, math.MaxUint64, nil); err != nil {
		return 0, err
	}
	r := scan.reader
	r.seen = func(lsn row.LSN) {
		if lsn > after && (lowest == 0 || lsn < lowest) {
			lowest = lsn
		}
	}
	for r.at < r.end {
		if _, err := r.read(ctx, scan, pollCount); err != nil {
			return 0, err
		}
	}
	return lowest, nil
}
