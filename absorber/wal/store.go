package wal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// How many goroutines send the commits and the reads that have gathered: while
// one waits for its answers the other collects. One sender makes larger script
// calls, but leaves the clients and Redis to wait for each other in turns
// (BenchmarkCommit with 64 callers: 32,000 units a second with one, 38,000 with
// two; absorbed INSERTs of BenchmarkRatios 10.0 and 10.6 thousand).
//
// Senders of confirmed commits wait for replicas, and for the disk of those
// that sync every second: then eight of them let as many units through as may
// be in flight.
const (
	commitSenders  = 2
	confirmSenders = 8
	readSenders    = 2
)

// ConfirmConnections is how many connections the commits that replicas confirm
// can take up, beside all others.
const ConfirmConnections = confirmSenders

// Store is the WAL and the row cache of any number of lanes in one Redis. It
// is safe for concurrent use. Run must run for Commit to return.
type Store struct {
	rdb     redis.UniversalClient
	opts    Options
	log     *slog.Logger
	process string // random, new with each Store
	began   time.Time
	scripts *scripts
	lanes   sync.Map // row.Lane -> *lane
	commits *pipe
	confirm *pipe // commits that replicas confirm
	waitAOF atomic.Bool
	evicts  atomic.Pointer[string] // the policy by which Redis may evict writes; nil: none
	reads   *pipe
	watches chan watch
	lookers chan *lane // with units that wait for the queue
}

// lane is what this process remembers of a lane.
type lane struct {
	name  row.Lane
	keys  laneKeys
	inc   atomic.Pointer[string] // incarnation that Open, Join or Rebuild found
	floor atomic.Uint64          // highest LSN this process was told of
	// suspect: the server was restarted or replaced; nobody has yet compared
	// the lane with MySQL's checkpoint.
	suspect atomic.Bool
	doubts  atomic.Uint64          // how often suspect was set
	acked   atomic.Uint64          // highest LSN that was acknowledged on Redis' word alone
	run     atomic.Pointer[string] // run of Redis in which the lane was opened
	refused atomic.Pointer[row.Refusals]

	writers writerKey
	polled  poll
	awaited awaited
}

// doubt closes the lane, and refuses whoever waits for a unit of it.
func (l *lane) doubt() {
	l.doubts.Add(1)
	l.suspect.Store(true)
	l.awaited.refuse()
}

// New makes a store on a client from Dial. It does not talk to Redis.
func New(rdb redis.UniversalClient, opts Options) *Store {
	s := &Store{
		rdb: rdb, opts: opts.withDefaults(), process: randomHex(8), began: time.Now(), watches: make(chan watch, 64), lookers: make(chan *lane, 64),
	}
	s.log = s.opts.Logger.With("component", "REDIS")
	s.scripts = newScripts(s.process)
	s.commits = newPipe(commitSenders, s.sendCommits)
	s.confirm = newPipe(confirmSenders, s.sendConfirmed)
	s.reads = newPipe(readSenders, s.sendReads)
	return s
}

// Run sends what Commit and Read hand over, and delivers Wakeups, until ctx
// ends. What is waiting then is refused as not sent; what is on its way is
// answered first.
func (s *Store) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	s.commits.run(ctx, g)
	s.confirm.run(ctx, g)
	s.reads.run(ctx, g)
	g.Go(func() error { return s.watch(ctx, g) })
	g.Go(func() error { return s.lookOut(ctx, g) })
	return g.Wait()
}

// lane finds or makes the memory of a lane.
func (s *Store) lane(name row.Lane) *lane {
	if l, ok := s.lanes.Load(name); ok {
		return l.(*lane)
	}
	l, _ := s.lanes.LoadOrStore(name, &lane{
		name: name, keys: newLaneKeys(s.opts.Prefix, name), writers: newWriterKey(), polled: newPoll(),
	})
	return l.(*lane)
}

// known is the lane with its incarnation. It fails unless Open, Join or Rebuild
// has succeeded before.
func (s *Store) known(op string, name row.Lane) (*lane, string, error) {
	l := s.lane(name)
	if inc := l.inc.Load(); inc != nil {
		return l, *inc, nil
	}
	return nil, "", &row.Error{Op: op, Lane: name, Kind: row.Permanent, Err: fmt.Errorf("the lane was not opened")}
}

// usable is known, and ErrLost while the lane is suspect.
func (s *Store) usable(op string, name row.Lane) (*lane, string, error) {
	l, inc, err := s.known(op, name)
	if err == nil && l.suspect.Load() {
		err = fmt.Errorf("%s: redis was restarted or replaced: %w", op, ErrLost)
	}
	return l, inc, err
}

// saw raises the floor to n.
func (l *lane) saw(n row.LSN) { raise(&l.floor, n) }

// raise raises a mark, which never goes back.
func raise(mark *atomic.Uint64, n row.LSN) {
	for {
		f := mark.Load()
		if f >= uint64(n) || mark.CompareAndSwap(f, uint64(n)) {
			return
		}
	}
}

// LastSeen is the highest LSN of the lane that this process was told of, 0 if
// none. After ErrLost, units above what Redis, the queue and MySQL have and up
// to here were acknowledged and are gone.
func (s *Store) LastSeen(name row.Lane) row.LSN { return row.LSN(s.lane(name).floor.Load()) }

// randomHex gives 2n hexadecimal digits nobody can guess.
func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails since Go 1.24
	return hex.EncodeToString(b)
}

// millis is d in ms, at least 1.
func millis(d time.Duration) int64 { return max(1, d.Milliseconds()) }

// maxExact is the highest number that the scripts compute with exactly.
const maxExact = math.MaxInt64 >> 10 // 2^53 - 1
