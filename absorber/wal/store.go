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
const (
	commitSenders = 2
	readSenders   = 2
)

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
	reads   *pipe
	watches chan watch
}

// lane is what this process remembers of a lane.
type lane struct {
	name  row.Lane
	keys  laneKeys
	inc   atomic.Pointer[string] // incarnation that Open or Recover found
	floor atomic.Uint64          // highest LSN this process was told of
	// suspect: the server was restarted or replaced; nobody has yet compared
	// the lane with MySQL's checkpoint.
	suspect atomic.Bool

	writers writerKey
	polled  poll
}

// New makes a store on a client from Dial. It does not talk to Redis.
func New(rdb redis.UniversalClient, opts Options) *Store {
	s := &Store{
		rdb: rdb, opts: opts.withDefaults(), process: randomHex(8), began: time.Now(), watches: make(chan watch, 64),
	}
	s.log = s.opts.Logger.With("component", "REDIS")
	s.scripts = newScripts(s.process)
	s.commits = newPipe(commitSenders, s.sendCommits)
	s.reads = newPipe(readSenders, s.sendReads)
	return s
}

// Run sends what Commit and Read hand over, and delivers Wakeups, until ctx
// ends. What is waiting then is refused as not sent; what is on its way is
// answered first.
func (s *Store) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	s.commits.run(ctx, g)
	s.reads.run(ctx, g)
	g.Go(func() error { return s.watch(ctx, g) })
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

// known is the lane with its incarnation. It fails unless Open or Recover has
// succeeded before.
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
func (l *lane) saw(n row.LSN) {
	for {
		f := l.floor.Load()
		if f >= uint64(n) || l.floor.CompareAndSwap(f, uint64(n)) {
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
