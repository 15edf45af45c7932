package crash

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// The bank: so many accounts, each with this balance in the beginning.
const (
	bankAccounts = 100
	bankBalance  = 1000
	bankTotal    = bankAccounts * bankBalance
	bankClients  = 16
)

// bankTables are the bank's. No index makes a transfer's name unique: a
// transfer that is there twice must show. moves lists what single statements
// have moved, so that each of them can be found, too.
var bankTables = []string{
	"CREATE TABLE account (id INT NOT NULL PRIMARY KEY, balance BIGINT NOT NULL, moves MEDIUMTEXT NOT NULL)",
	"CREATE TABLE transfers (id BIGINT NOT NULL PRIMARY KEY AUTO_INCREMENT, name VARCHAR(24) NOT NULL, source INT NOT NULL, target INT NOT NULL, amount BIGINT NOT NULL, KEY (name))",
}

// bank is one run of the load, and its ledger.
type bank struct {
	t     *testing.T
	seed  uint64
	pools []*sql.DB
	began time.Time

	mu      sync.Mutex
	orders  []*order
	codes   map[string]int // error numbers by the statement that got them
	reads   int
	retries int

	audits, failedAudits, wrongAudits atomic.Int64
}

// order is money that a client has moved, or tried to.
type order struct {
	name           string
	client         int
	source, target int
	amount         int64
	single         bool // by one statement on account, outside of a transaction
	undone         bool // the client rolled it back
	outcome        outcome
	call, ret      time.Duration
}

// newBank is a load on these pools; open puts the accounts into MySQL before.
func newBank(t *testing.T, seed uint64, pools ...*sql.DB) *bank {
	return &bank{t: t, seed: seed, pools: pools, began: time.Now(), codes: map[string]int{}}
}

// openAccounts fills account.
func openAccounts(t *testing.T, db *servertest.DB, database string) {
	t.Helper()
	values := make([]string, bankAccounts)
	for id := range values {
		values[id] = fmt.Sprintf("(%d, %d, '')", id, bankBalance)
	}
	db.Exec(t, database, "INSERT INTO account VALUES "+strings.Join(values, ", "))
}

// settingsOfBank are the databases that the bank runs on.
var settingsOfBank = []struct {
	setting
	short time.Duration
}{
	{setting{"MariaDB", servertest.MariaDB, "memory", ""}, 20 * time.Second},
	{setting{"MySQL", servertest.MySQL, "redis", ""}, 15 * time.Second},
}

// TestBank moves money between accounts, through two proxies: in transactions
// that lock both accounts, and by single statements that are absorbed. The sum
// of all balances never changes, whoever asks and whatever is killed meanwhile,
// and in the end each balance is what the transfers that are there make it.
func TestBank(t *testing.T) {
	long := soak(t)
	for _, s := range settingsOfBank {
		t.Run(s.name, func(t *testing.T) {
			limit := s.short
			if long > 0 {
				limit = long / time.Duration(len(settingsOfBank))
			}
			seed := seedOf(t)
			w := newWorld(t, s.setting, seed, "")
			openAccounts(t, w.db, w.database)

			// The same load straight at the database, to compare with.
			direct := w.db.Database(t)
			w.db.Exec(t, direct, bankTables...)
			openAccounts(t, w.db, direct)
			d := newBank(t, seed, w.db.Open(t, direct))
			d.during(func() { time.Sleep(limit / 20) }, d.pools[0])
			t.Logf("directly: %s", d.summary(0, d.now()))
			d.verify(d.pools[0])
			if err := d.pools[0].Close(); err != nil { // before its server is killed
				t.Error(err)
			}

			b := newBank(t, seed, w.pools...)
			rng := rand.New(rand.NewPCG(seed, 2))
			b.during(func() {
				time.Sleep(limit / 5)
				calm := b.now()
				t.Logf("undisturbed: %s", b.summary(0, calm))
				var back []time.Duration
				for len(back) < 2 || b.now() < limit {
					w.strike(rng)
					back = append(back, b.flowing(w))
					time.Sleep(time.Duration(500+rng.IntN(2500)) * time.Millisecond)
				}
				t.Logf("with kills: %s; kills: %v; when all was started again, transfers went on after %v", b.summary(calm, b.now()), w.kills, back)
			}, w.direct)
			w.drained()
			w.gatesOpen()
			b.verify(w.direct)
			w.audit("after the load")
			if b.audits.Load() == 0 {
				t.Errorf("no audit got an answer, %d asked", b.failedAudits.Load())
			}
		})
	}
}

// flowing waits until transfers are acknowledged again that began after now,
// one for each client: no gate that a dead process has closed stays closed, and
// nobody waits for ever.
func (b *bank) flowing(w *world) time.Duration {
	began := b.now()
	w.until("transfers to go on", func() error {
		n := b.count(func(o *order) bool {
			return o.call > began && o.outcome == acknowledged && !o.undone && !o.single && o.source != o.target
		})
		if n < bankClients {
			return fmt.Errorf("%d transfers since everything was started again", n)
		}
		return nil
	})
	return (b.now() - began).Round(10 * time.Millisecond)
}

// gatesOpen waits until both proxies say that no table's gate is closed.
func (w *world) gatesOpen() {
	w.t.Helper()
	for _, p := range w.pools {
		w.gatesOpenAt(p)
	}
}

// gatesOpenAt is gatesOpen as one proxy sees it.
func (w *world) gatesOpenAt(p *sql.DB) {
	w.t.Helper()
	w.until("all gates to be open", func() error {
		text, err := render(p, "SELECT * FROM shock_absorber.tables")
		if err == nil && (strings.Contains(text, "shut") || strings.Contains(text, "closing")) {
			err = fmt.Errorf("a gate is closed:\n%s", text)
		}
		return err
	})
}

// render is a result as text.
func render(db *sql.DB, query string) (string, error) {
	rows, err := db.Query(query)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	var text strings.Builder
	values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return "", err
		}
		for i, v := range values {
			fmt.Fprintf(&text, "%s=%s ", columns[i], v.String)
		}
		text.WriteByte('\n')
	}
	return text.String(), rows.Err()
}

// during runs the load, and auditors on every pool and on MySQL itself, while
// do runs.
func (b *bank) during(do func(), direct *sql.DB) {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for c := range bankClients {
		wg.Go(func() { b.client(c, stop) })
	}
	for i, pool := range append(slices.Clone(b.pools), direct) {
		name := fmt.Sprintf("proxy %d", i+1)
		if i == len(b.pools) {
			name = "MySQL"
		}
		wg.Go(func() { b.auditor(name, pool, stop) })
	}
	do()
	close(stop)
	wg.Wait()
}

// now is the time since the load began.
func (b *bank) now() time.Duration { return time.Since(b.began) }

// auditor sums all balances, again and again.
func (b *bank) auditor(name string, pool *sql.DB, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Millisecond):
		}
		var accounts, sum int64
		if err := pool.QueryRow("SELECT COUNT(*), SUM(balance) FROM account").Scan(&accounts, &sum); err != nil {
			b.failedAudits.Add(1)
			continue
		}
		b.audits.Add(1)
		if accounts != bankAccounts || sum != bankTotal {
			if b.wrongAudits.Add(1) <= 5 {
				b.t.Errorf("seed %d: %s at %v: %d accounts with %d in all, want %d with %d", b.seed, name, b.now(), accounts, sum, bankAccounts, bankTotal)
			}
		}
	}
}

// count is how many orders are such.
func (b *bank) count(such func(*order) bool) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.orders {
		if such(o) {
			n++
		}
	}
	return n
}

// summary is what was acknowledged in a span, and how long it took: a client
// that starves shows as the longest, and as the client with the fewest.
func (b *bank) summary(from, to time.Duration) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var took []time.Duration
	singles := 0
	each := make([]int, bankClients)
	for _, o := range b.orders {
		switch {
		case o.ret < from || o.ret >= to || o.outcome != acknowledged:
		case o.single:
			singles++
		case !o.undone && o.source != o.target:
			took = append(took, o.ret-o.call)
			each[o.client]++
		}
	}
	slices.Sort(took)
	at := func(part float64) time.Duration {
		if len(took) == 0 {
			return 0
		}
		return took[min(len(took)-1, int(part*float64(len(took))))].Round(100 * time.Microsecond)
	}
	return fmt.Sprintf("%d transfers in %v, %.0f a second (half of them within %v, 95%% %v, 99%% %v, all %v; a client %d to %d), %d single statements; so far %d retries, errors %v, %d audits (%d failed)",
		len(took), (to - from).Round(time.Millisecond), float64(len(took))/(to-from).Seconds(), at(.5), at(.95), at(.99), at(1), slices.Min(each), slices.Max(each), singles,
		b.retries, b.codes, b.audits.Load(), b.failedAudits.Load())
}
