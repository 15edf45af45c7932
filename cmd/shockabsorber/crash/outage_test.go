package crash

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// outageRate is how many writes a second the clients ask for.
const outageRate = 500

// rowState is what a client knows of a row that only it writes.
type rowState struct {
	n       int64 // of acknowledged increments
	unknown int64 // of increments without an answer
	note    string
}

// outage is the load of one test.
type outage struct {
	w                                  *world
	acknowledged, refused, unanswered  atomic.Int64
	reads, wrong, failedReads, inserts atomic.Int64

	mu       sync.Mutex
	first    string         // wrong read
	failures map[string]int // by text, of writes and reads
}

// TestOutage takes MySQL away for a long time, under steady load: inserts with
// AUTO_INCREMENT, increments and reads by key, of a table without unique
// secondary indexes: whether a unique value is free MySQL would have to say.
// Nothing is refused; what was acknowledged is read back meanwhile, and is in
// MySQL in the end. Rows stay in the cache for an hour, the default: those of
// before the outage are read too.
// SHOCK_ABSORBER_OUTAGE says for how long MySQL is away (default 30m).
func TestOutage(t *testing.T) {
	if soak(t) == 0 {
		t.Skip("takes half an hour: set SHOCK_ABSORBER_SOAK")
	}
	away := 30 * time.Minute
	if text := os.Getenv("SHOCK_ABSORBER_OUTAGE"); text != "" {
		var err error
		if away, err = time.ParseDuration(text); err != nil {
			t.Fatalf("SHOCK_ABSORBER_OUTAGE: %v", err)
		}
	}
	seed := seedOf(t)
	// What is acknowledged in the outage must fit: max_backlog is a million.
	w := newWorld(t, setting{"MariaDB", servertest.MariaDB, "redis", ""}, seed, `ttl = "1h"`)
	o := &outage{w: w, failures: map[string]int{}}
	const clients = 100 // each may wait for Redis to have its file on disk
	states := make([]map[int64]*rowState, clients)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for c := range clients {
		states[c] = map[int64]*rowState{}
		wg.Go(func() { o.client(c, clients, states[c], stop) })
	}
	time.Sleep(3 * time.Second) // sessions are open, the counter is seeded
	w.db.Kill()
	begin := time.Now()
	t.Logf("MySQL is away for %v", away)
	for sample := min(time.Minute, away/3); ; {
		left := away - time.Since(begin)
		if left <= 0 {
			break
		}
		time.Sleep(min(sample, left))
		o.sample(time.Since(begin))
	}
	inOutage := o.acknowledged.Load()
	close(stop)
	wg.Wait()
	w.db.Restart(t)
	back := time.Now()
	lsn, settled, err := w.meta()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("MySQL is back; %d units wait for it", lsn-settled)
	w.emptied(away*6 + patience)
	t.Logf("drained %d units in %v", lsn-settled, time.Since(back).Round(time.Second))
	lost, doubled, rows := o.compare(states)
	t.Logf("acknowledged %d (%d before MySQL was back, asked for %d a second), refused %d, unknown %d; inserts %d; reads by key %d, wrong %d, failed %d; in MySQL %d rows: %d lost, %d doubled",
		o.acknowledged.Load(), inOutage, outageRate, o.refused.Load(), o.unanswered.Load(), o.inserts.Load(), o.reads.Load(), o.wrong.Load(), o.failedReads.Load(), rows, lost, doubled)
	for text, n := range o.failures {
		t.Errorf("%d failed: %s", n, text)
	}
	if o.wrong.Load() > 0 {
		t.Errorf("%d wrong reads by key, the first: %s", o.wrong.Load(), o.first)
	}
	if lost+doubled > 0 {
		t.Errorf("%d lost, %d doubled", lost, doubled)
	}
	if least := int64(away.Seconds()) * 20; inOutage < least {
		t.Errorf("only %d writes were acknowledged in the outage: the test shows little", inOutage)
	}
	w.audit("after the outage")
}

// client writes rows of its own at its part of the rate, and reads some back.
func (o *outage) client(c, clients int, states map[int64]*rowState, stop <-chan struct{}) {
	rng := rand.New(rand.NewPCG(o.w.seed, uint64(c)))
	pool := o.w.pools[c%2]
	var ids []int64
	tick := time.NewTicker(time.Second * time.Duration(clients) / outageRate)
	defer tick.Stop()
	for seq := 1; ; seq++ {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		if len(ids) == 0 || rng.IntN(2) == 0 {
			note := fmt.Sprintf("%d.%d", c, seq)
			res, err := pool.Exec("INSERT INTO steady (client, seq, note) VALUES (?, ?, ?)", c, 0-seq, note)
			if o.count(err) == acknowledged {
				id, _ := res.LastInsertId()
				ids, states[id] = append(ids, id), &rowState{note: note}
				o.inserts.Add(1)
			}
			continue
		}
		id := ids[max(0, len(ids)-1-rng.IntN(400))]
		s := states[id]
		if rng.IntN(3) == 0 {
			o.read(pool, id, s)
		}
		_, err := pool.Exec("UPDATE steady SET seq = seq + 1000000 WHERE id = ?", id)
		switch o.count(err) {
		case acknowledged:
			s.n++
		case unknown:
			s.unknown++
		}
	}
}

// count notes the outcome of a write.
func (o *outage) count(err error) outcome {
	how := classify(err)
	if err != nil {
		o.failed("write", err)
	}
	switch how {
	case acknowledged:
		o.acknowledged.Add(1)
	case refused:
		o.refused.Add(1)
	default:
		o.unanswered.Add(1)
	}
	return how
}

// failed counts an error by its text, of which the row's key is left out.
func (o *outage) failed(what string, err error) {
	text := what + ": " + numbers.ReplaceAllString(err.Error(), "N")
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.failures) < 100 || o.failures[text] > 0 {
		o.failures[text]++
	}
}

var numbers = regexp.MustCompile(`\b[0-9]{2,}\b`)

// base is what seq was when the row was inserted.
func (s *rowState) base() int64 {
	_, text, _ := strings.Cut(s.note, ".")
	n, _ := strconv.ParseInt(text, 10, 64)
	return -n
}

// plausible reports whether seq is what the client's increments made of it.
func (s *rowState) plausible(seq int64) bool {
	n := (seq - s.base()) / 1000000
	return (seq-s.base())%1000000 == 0 && n >= s.n && n <= s.n+s.unknown
}

// read reads one row by its key.
func (o *outage) read(pool *sql.DB, id int64, s *rowState) {
	var seq int64
	var note string
	err := pool.QueryRow("SELECT seq, note FROM steady WHERE id = ?", id).Scan(&seq, &note)
	o.reads.Add(1)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		o.failedReads.Add(1)
		o.failed("read", err)
		return
	}
	if err != nil || note != s.note || !s.plausible(seq) {
		o.wrong.Add(1)
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.first == "" {
			o.first = fmt.Sprintf("row %d read as %d, %q (%v), wanted %d increments of %q", id, seq, note, err, s.n, s.note)
		}
	}
}

// sample prints what the processes hold.
func (o *outage) sample(at time.Duration) {
	var sizes []string
	for i, p := range append(slices.Clone(o.w.proxies), o.w.drainer) {
		sizes = append(sizes, fmt.Sprintf("%s %d MB", [...]string{"proxy 1", "proxy 2", "drainer"}[i], resident(p.Pid())>>20))
	}
	lsn, settled, err := o.w.meta()
	used := ""
	for line := range strings.Lines(o.w.rdb.Info(context.Background(), "memory").Val()) {
		if v, ok := strings.CutPrefix(line, "used_memory_human:"); ok {
			used = strings.TrimSpace(v)
		}
	}
	o.w.t.Logf("%v: acknowledged %d, refused %d, unknown %d, reads %d, wrong %d; backlog %d units (%v), Redis %s; RSS: %s", at.Round(time.Second),
		o.acknowledged.Load(), o.refused.Load(), o.unanswered.Load(), o.reads.Load(), o.wrong.Load(), lsn-settled, err, used, strings.Join(sizes, ", "))
}

// resident is the resident memory of a process in bytes, 0 if it cannot be told.
func resident(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	pages, _ := strconv.ParseInt(f[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// compare reads all rows from MySQL.
func (o *outage) compare(states []map[int64]*rowState) (lost, doubled, count int) {
	rows, err := o.w.direct.Query("SELECT id, client, seq, note FROM steady")
	if err != nil {
		o.w.t.Fatal(err)
	}
	defer rows.Close()
	seen := map[int64]bool{}
	for rows.Next() {
		var id, seq int64
		var client int
		var note string
		if err := rows.Scan(&id, &client, &seq, &note); err != nil {
			o.w.t.Fatal(err)
		}
		count++
		s := states[client][id]
		if s == nil {
			continue // an insert without an answer
		}
		seen[id] = true
		n := (seq - s.base()) / 1000000
		switch {
		case note != s.note || n < s.n:
			lost++
		case !s.plausible(seq):
			doubled++
		}
	}
	for _, m := range states {
		for id := range m {
			if !seen[id] {
				lost++
			}
		}
	}
	return lost, doubled, count
}
