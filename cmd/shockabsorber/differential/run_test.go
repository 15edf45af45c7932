package differential

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

const (
	usualSeed       = 9
	usualStatements = 20000            // on each server
	ledgerEvery     = 20000            // statements, and the ledger is printed
	chapterSteps    = 150              // so many steps a chapter has
	maxReports      = 12               // different failures that are made small and printed
	shrinkTime      = 40 * time.Second // for each of them
)

// servers are the databases that everything runs against.
var servers = []struct {
	name  string
	mysql bool
	start func(testing.TB) *servertest.DB
}{
	{"MariaDB", false, servertest.MariaDB},
	{"MySQL", true, servertest.MySQL},
}

// run is a run of many chapters against one server.
type run struct {
	t      *testing.T
	db     *servertest.DB
	mysql  bool
	seed   uint64
	ledger *ledger
	next   atomic.Uint64

	mu       sync.Mutex
	reported map[string]int
}

// newRun prepares a run; the server need not survive a crash.
func newRun(t *testing.T, db *servertest.DB, mysql bool, seed uint64) *run {
	db.Exec(t, "", "SET GLOBAL innodb_flush_log_at_trx_commit = 0", "SET GLOBAL sync_binlog = 0")
	return &run{t: t, db: db, mysql: mysql, seed: seed, ledger: newLedger(), reported: map[string]int{}}
}

// chapters plays chapters as long as more says so. A server has the checkpoints
// of one Redis only, so they are not played side by side.
func (r *run) chapters(more func() bool) {
	a := newArena(r.t, r.db, "diff")
	err, printed := error(nil), 0
	for c := r.fresh(1); more() && err == nil; {
		if n := r.ledger.total() / ledgerEvery; n > printed {
			printed = n
			r.print()
		}
		next := r.fresh(r.next.Add(1) + 1)
		err = r.chapter(a, r.next.Load(), c, next)
		c = next
	}
	if err = errors.Join(err, a.finish()); err != nil {
		r.t.Error(err)
	}
}

// fresh makes chapter n.
func (r *run) fresh(n uint64) *chapter { return newChapter(r.seed, n, chapterSteps, r.mysql) }

// chapter plays c, which is chapter n, and reports what is not the same. The
// databases of the next one are made meanwhile.
func (r *run) chapter(a *arena, n uint64, c, next *chapter) error {
	how := playing{ledger: r.ledger}
	if err := a.clear(); err != nil {
		return err
	}
	if next != nil {
		how.begun = func() { a.prepare(next) }
	}
	found, err := a.play(c, how)
	how.begun = nil
	if err != nil {
		return fmt.Errorf("seed %d chapter %d: %w", r.seed, n, err)
	}
	for _, d := range found {
		if !r.first(d.signature) {
			r.t.Logf("seed %d chapter %d: %s, not made small", r.seed, n, d.signature)
			continue
		}
		c, d := a.shrink(r.fresh(n), d, how, shrinkTime)
		r.t.Errorf("seed %d chapter %d, within %d statements: %s\n%s", r.seed, n, r.ledger.total(), d.signature, c.script(d))
	}
	return a.rest()
}

// first counts the kinds of differences, and holds for the first of a kind.
func (r *run) first(signature string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reported[signature]++
	return r.reported[signature] == 1 && len(r.reported) <= maxReports
}

// print prints the ledger.
func (r *run) print() {
	r.t.Logf("%d statements in %d chapters of seed %d%s", r.ledger.total(), r.next.Load(), r.seed, r.ledger)
}

// finish prints the ledger and checks the shares.
func (r *run) finish() {
	r.print()
	for _, k := range byCount(r.reported) {
		r.t.Errorf("%d times: %s", r.reported[k], k)
	}
	for _, s := range r.ledger.shortfalls() {
		r.t.Error(s)
	}
}

// soak is how long SHOCK_ABSORBER_SOAK says that a test goes on, 0 if it is not
// set.
func soak(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("SHOCK_ABSORBER_SOAK")
	if text == "" {
		return 0
	}
	limit, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("SHOCK_ABSORBER_SOAK: %v", err)
	}
	return limit
}

// TestDifferential plays chapters of one seed until enough statements ran.
func TestDifferential(t *testing.T) {
	for _, server := range servers {
		t.Run(server.name, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, server.start(t), server.mysql, servertest.Number(t, "SHOCK_ABSORBER_SEED", usualSeed))
			if n := servertest.Number(t, "SHOCK_ABSORBER_CHAPTER", 0); n > 0 {
				if err := r.chapter(newArena(t, r.db, "diff"), n, r.fresh(n), nil); err != nil {
					t.Fatal(err)
				}
				t.Log(r.ledger)
				return
			}
			want := int(servertest.Number(t, "SHOCK_ABSORBER_STATEMENTS", usualStatements))
			r.chapters(func() bool { return r.ledger.total() < want })
			r.finish()
		})
	}
}

// TestSoak plays chapters of a new seed for as long as SHOCK_ABSORBER_SOAK says,
// on both servers.
func TestSoak(t *testing.T) {
	limit := soak(t)
	if limit == 0 {
		t.Skip("set SHOCK_ABSORBER_SOAK to a duration")
	}
	seed := servertest.Number(t, "SHOCK_ABSORBER_SEED", uint64(time.Now().UnixNano()))
	for _, server := range servers {
		t.Run(server.name, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, server.start(t), server.mysql, seed)
			until := time.Now().Add(limit)
			r.chapters(func() bool { return time.Now().Before(until) })
			r.finish()
		})
	}
}
