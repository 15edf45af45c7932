package absorber

import (
	"sync"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
)

// State says what a worker is doing.
type State string

const (
	StateContending State = "contending"  // another process owns the lane
	StateTakingOver State = "taking over" // MySQL is asked for the checkpoint
	StateRestoring  State = "restoring"   // Redis has lost the lane: what is left drains, then it is rebuilt
	StateIdle       State = "idle"        // nothing to drain
	StateDraining   State = "draining"    // at the normal rate
	StateFlushing   State = "flushing"    // a barrier waits
	StatePaused     State = "paused"      // by the operator
	StateRetrying   State = "retrying"    // after a passing error, see LastError
	StateStopped    State = "stopped"     // Run has returned
)

// Stats is what a worker says about itself.
type Stats struct {
	Lane        row.Lane
	State       State
	Owned       bool
	Epoch       row.Epoch
	Checkpoint  row.LSN // MySQL has everything up to here
	Relayed     row.LSN // the queue has everything up to here
	Units       uint64  // drained since the start of the process
	Rows        uint64  // row changes after coalescing
	Mutations   uint64  // before coalescing
	Batches     uint64
	DeadLetters uint64         // written since the start of the process
	Skipped     []sink.Skipped // units that operators have given up, since the lane exists
	Parked      int            // rows whose later units go to the dead letters
	RowsPerSec  float64
	LastError   string // with its hint; kept when it has passed
	LastErrorAt time.Time
	Failing     bool // LastError is what the worker waits for now
}

// rateWindow is over how many seconds RowsPerSec is averaged.
const rateWindow = 10

// status is the Stats of a live worker.
type status struct {
	mu      sync.Mutex
	s       Stats
	seconds [rateWindow]struct {
		at   int64 // Unix time
		rows uint64
	}
}

// init names the lane.
func (st *status) init(lane row.Lane) { st.s = Stats{Lane: lane, State: StateContending} }

// change edits the stats.
func (st *status) change(f func(s *Stats)) {
	st.mu.Lock()
	defer st.mu.Unlock()
	f(&st.s)
}

// set says what the worker does. While it fails, that is retrying.
func (st *status) set(state State) {
	st.change(func(s *Stats) {
		if !s.Failing || state == StateStopped {
			s.State = state
		}
	})
}

// owned says whether the lane is this worker's.
func (st *status) owned(yes bool) { st.change(func(s *Stats) { s.Owned = yes }) }

// position says where the lane stands after a takeover.
func (st *status) position(epoch row.Epoch, checkpoint row.LSN) {
	st.change(func(s *Stats) { s.Epoch, s.Checkpoint = epoch, checkpoint })
}

// trouble records an error that the worker waits for.
func (st *status) trouble(err error) {
	st.change(func(s *Stats) {
		s.LastError, s.LastErrorAt, s.Failing, s.State = err.Error(), time.Now(), true, StateRetrying
	})
}

// calm says that the last error has passed.
func (st *status) calm() { st.change(func(s *Stats) { s.Failing = false }) }

// drained counts a batch that is in MySQL.
func (st *status) drained(b *batch) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.s.Units += uint64(len(b.units))
	st.s.Mutations += uint64(b.count)
	st.s.Batches++
	st.s.Checkpoint = b.to()
	if b.parked() {
		st.s.DeadLetters += uint64(len(b.units))
		return
	}
	st.s.Rows += uint64(b.total)
	now := time.Now().Unix()
	slot := &st.seconds[now%rateWindow]
	if slot.at != now {
		slot.at, slot.rows = now, 0
	}
	slot.rows += uint64(b.total)
}

// snapshot copies the stats.
func (st *status) snapshot() Stats {
	st.mu.Lock()
	defer st.mu.Unlock()
	out := st.s
	now := time.Now().Unix()
	var rows uint64
	for _, s := range st.seconds {
		if now-s.at < rateWindow {
			rows += s.rows
		}
	}
	out.RowsPerSec = float64(rows) / rateWindow
	return out
}
