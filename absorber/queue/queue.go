package queue

import (
	"context"
	"errors"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// Labels of what a queue does; see package effect.
const (
	opPublish = "queue.publish"
	opForget  = "queue.forget"
)

// Decisions a caller has to act upon.
var (
	// ErrGap: waiting will not bring after+1. Publish again from after+1 to
	// the end of the WAL, and Poll again.
	ErrGap = errors.New("the queue does not hold the next record")
	// ErrClosed: Close was called.
	ErrClosed = errors.New("the queue is closed")
)

// Queue carries units from the WAL to the drainer, one ordered partition a
// lane. It may deliver a record twice and may lose what it held (memory, a
// deleted topic): the WAL keeps every unit until MySQL has it, the relay
// publishes again from where Poll reports a gap, and the drainer skips what
// the checkpoint covers. What it must never do is deliver records of one lane
// out of order: after LSN n come only LSNs <= n again (repeats) or n+1.
type Queue interface {
	// Publish returns once the records (contiguous LSNs, ascending) are as
	// durable as the queue makes them. Publishing an LSN again is harmless.
	// The queue may keep Data: do not change it afterwards.
	Publish(ctx context.Context, lane row.Lane, recs []wal.Record) error
	// Poll waits until there is a record with an LSN above after, and returns
	// up to max of them, contiguous from after+1. One caller a lane.
	//
	// ErrGap: the queue holds, or once held, records above after but not
	// after+1; or it holds nothing at all of the lane, which an instance says
	// once a lane before it waits (a queue in memory is empty after a restart
	// although the relay has published).
	Poll(ctx context.Context, lane row.Lane, after row.LSN, max int) ([]wal.Record, error)
	// Forget says that MySQL has everything up to upto: the queue may drop it
	// and commit its consumer position.
	Forget(ctx context.Context, lane row.Lane, upto row.LSN) error
	// Refuse says which records are not the lane's any more: Redis has lost their
	// units, and others have taken their LSNs. They are as if they were not there.
	// What was refused by a later owner stays refused.
	Refuse(lane row.Lane, refused row.Refusals)
	// Window is how many records the relay may publish ahead of the drainer;
	// 0 is no limit.
	Window() int
	// Close releases the connections.
	Close() error
}

// window is how far the relay may run ahead of the drainer where the queue
// would otherwise hold the backlog a second time, in records.
const window = 10000
