package wal

import (
	"context"
	"errors"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// maxBatch is the most calls that share a round trip. Larger ones only make
// each caller wait for more of the others.
const maxBatch = 128

// errStopped: Run has ended.
var errStopped = errors.New("the store was stopped")

// call is one unit for the commit script, or a call of another script, or one
// MGET if both are nil, on its way to Redis.
type call struct {
	op     string
	lane   *lane
	unit   *commitUnit
	script *script
	keys   []any
	args   []any

	state atomic.Int32 // queued, taken by a sender, or given up by the caller
	done  chan struct{}
	reply any
	err   error
}

const (
	callQueued = iota
	callTaken
	callGivenUp
)

// pipe gathers the calls of many goroutines. Its senders take all that wait
// and send them together, so the busier it is, the fewer round trips there
// are; when nobody else calls, nobody waits.
type pipe struct {
	queue   chan *call
	send    func(calls []*call)
	senders int
	running atomic.Bool
	stopped chan struct{}
}

// newPipe makes a pipe whose senders hand their batches to send, which sets
// reply and err of each call.
func newPipe(senders int, send func([]*call)) *pipe {
	return &pipe{queue: make(chan *call, 4*maxBatch), send: send, senders: senders, stopped: make(chan struct{})}
}

// run starts the senders; the last of them to end refuses what still waits.
func (p *pipe) run(ctx context.Context, g *errgroup.Group) {
	p.running.Store(true)
	var left atomic.Int32
	left.Store(int32(p.senders))
	for range p.senders {
		g.Go(func() error {
			p.loop(ctx)
			if left.Add(-1) == 0 {
				p.running.Store(false)
				close(p.stopped)
			}
			return nil
		})
	}
}

// loop is one sender.
func (p *pipe) loop(ctx context.Context) {
	batch := make([]*call, 0, maxBatch)
	for {
		batch = batch[:0]
		select {
		case <-ctx.Done():
			return
		case c := <-p.queue:
			batch = take(batch, c)
		}
	gather:
		for len(batch) < maxBatch {
			select {
			case c := <-p.queue:
				batch = take(batch, c)
			default:
				break gather
			}
		}
		if len(batch) == 0 {
			continue
		}
		p.send(batch)
		for i, c := range batch {
			close(c.done)
			batch[i] = nil
		}
	}
}

// take adds c to the batch unless its caller has gone.
func take(batch []*call, c *call) []*call {
	if c.state.CompareAndSwap(callQueued, callTaken) {
		return append(batch, c)
	}
	return batch
}

// do hands c over and waits for its answer in c.reply and c.err. An error of
// do itself comes with sent: false means that c has not left the process, true
// that its outcome is unknown.
func (p *pipe) do(ctx context.Context, c *call) (sent bool, err error) {
	c.done = make(chan struct{})
	select {
	case p.queue <- c:
	case <-ctx.Done():
		return false, ctx.Err()
	case <-p.stopped:
		return false, errStopped
	}
	select {
	case <-c.done:
		return true, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-p.stopped:
		err = errStopped
	}
	if c.state.CompareAndSwap(callQueued, callGivenUp) {
		return false, err
	}
	if errors.Is(err, errStopped) { // the sender had answered before it stopped
		<-c.done
		return true, nil
	}
	return true, err
}
