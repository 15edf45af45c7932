package queue

import (
	"context"
	"sync"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// Memory is the queue of a process that relays and drains by itself: a ring
// of the last 10000 LSNs a lane. Nothing survives the process.
type Memory struct {
	mu     sync.Mutex
	lanes  map[row.Lane]*ring
	closed chan struct{} // closed by Close
}

// ring holds record n of a lane in slot n % len(slots). A slot whose LSN is
// another one is empty.
type ring struct {
	slots   []wal.Record
	top     row.LSN // highest LSN ever published
	floor   row.LSN // highest LSN forgotten
	told    bool    // a reader has been told that the lane was empty
	refused row.Refusals
	arrived chan struct{} // closed and replaced by each Publish
}

// NewMemory makes an empty queue.
func NewMemory() *Memory {
	return &Memory{lanes: make(map[row.Lane]*ring), closed: make(chan struct{})}
}

// ring returns the lane's ring, making it on first use. The caller holds mu.
func (m *Memory) ring(lane row.Lane) *ring {
	r := m.lanes[lane]
	if r == nil {
		r = &ring{slots: make([]wal.Record, window), arrived: make(chan struct{})}
		m.lanes[lane] = r
	}
	return r
}

// Publish puts the records into the ring. It never waits: a relay that runs
// further ahead than Window overwrites, and the drainer then reports a gap.
func (m *Memory) Publish(_ context.Context, lane row.Lane, recs []wal.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.isClosed() {
		return ErrClosed
	}
	r := m.ring(lane)
	for _, rec := range recs {
		if r.refused.Hold(rec.LSN, rec.Epoch) {
			continue
		}
		slot := &r.slots[rec.LSN%window]
		// A late relay publishes what is drained already: it must not push out
		// a record that is still needed.
		if rec.LSN <= r.floor && slot.LSN > r.floor {
			continue
		}
		*slot = rec
		r.top = max(r.top, rec.LSN)
	}
	close(r.arrived)
	r.arrived = make(chan struct{})
	return nil
}

// Poll returns the records from after+1 on, waiting for the first.
func (m *Memory) Poll(ctx context.Context, lane row.Lane, after row.LSN, max int) ([]wal.Record, error) {
	for {
		recs, arrived, err := m.take(lane, after, max)
		if err != nil || len(recs) > 0 {
			return recs, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-m.closed:
			return nil, ErrClosed
		case <-arrived:
		}
	}
}

// take is one look at the ring: records, or what to wait for, or ErrGap.
func (m *Memory) take(lane row.Lane, after row.LSN, max int) ([]wal.Record, <-chan struct{}, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.isClosed() {
		return nil, nil, ErrClosed
	}
	r := m.ring(lane)
	if after < r.floor {
		// The drainer's checkpoint went back: what was forgotten is needed again.
		r.floor = after
	}
	var recs []wal.Record
	for next := after + 1; len(recs) < max && r.slots[next%window].LSN == next; next++ {
		recs = append(recs, r.slots[next%window])
	}
	if len(recs) > 0 {
		return recs, nil, nil
	}
	if r.top > after {
		return nil, nil, ErrGap
	}
	if r.top == 0 && !r.told {
		r.told = true
		return nil, nil, ErrGap
	}
	return nil, r.arrived, nil
}

// Forget drops the records up to upto.
func (m *Memory) Forget(_ context.Context, lane row.Lane, upto row.LSN) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.isClosed() {
		return ErrClosed
	}
	r := m.ring(lane)
	from := r.floor + 1
	if upto > window {
		// Whatever is older than a turn of the ring has been overwritten.
		from = max(from, upto-window+1)
	}
	for lsn := from; lsn <= upto; lsn++ {
		if slot := &r.slots[lsn%window]; slot.LSN <= upto {
			*slot = wal.Record{}
		}
	}
	r.floor = max(r.floor, upto)
	return nil
}

// Refuse drops records of former owners.
func (m *Memory) Refuse(lane row.Lane, refused row.Refusals) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.ring(lane)
	r.refused = r.refused.Or(refused)
	top := r.floor
	for i := range r.slots {
		if r.refused.Hold(r.slots[i].LSN, r.slots[i].Epoch) {
			r.slots[i] = wal.Record{}
		}
		top = max(top, r.slots[i].LSN)
	}
	r.top = min(r.top, top)
}

// Top returns the highest LSN ever published in the lane, 0 if none.
func (m *Memory) Top(_ context.Context, lane row.Lane) (row.LSN, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.isClosed() {
		return 0, ErrClosed
	}
	return m.ring(lane).top, nil
}

// Above returns the lowest LSN above after that is in the ring, 0 if none.
func (m *Memory) Above(_ context.Context, lane row.Lane, after row.LSN) (lowest row.LSN, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.isClosed() {
		return 0, ErrClosed
	}
	for _, rec := range m.ring(lane).slots {
		if rec.LSN > after && (lowest == 0 || rec.LSN < lowest) {
			lowest = rec.LSN
		}
	}
	return lowest, nil
}

// Window is the size of the ring.
func (m *Memory) Window() int { return window }

// Close wakes whoever waits in Poll.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.isClosed() {
		close(m.closed)
	}
	return nil
}

// isClosed reports whether Close was called. The caller holds mu.
func (m *Memory) isClosed() bool {
	select {
	case <-m.closed:
		return true
	default:
		return false
	}
}
