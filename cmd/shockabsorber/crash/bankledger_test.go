package crash

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// client moves money until stop is closed.
func (b *bank) client(c int, stop <-chan struct{}) {
	rng := rand.New(rand.NewPCG(b.seed, uint64(1000+c)))
	for seq := 1; ; seq++ {
		select {
		case <-stop:
			return
		default:
		}
		pool := b.pools[rng.IntN(len(b.pools))]
		o := &order{name: fmt.Sprintf("%d.%d", c, seq), client: c, source: rng.IntN(bankAccounts), amount: 1 + rng.Int64N(50)}
		o.target = (o.source + 1 + rng.IntN(bankAccounts-1)) % bankAccounts
		var err error
		switch n := rng.IntN(100); {
		case n < 60:
			err = b.insist(pool, o, rng, stop)
		case n < 75:
			err = b.move(pool, o)
		case n < 85:
			err = b.note(pool, o)
		default:
			var balance int64
			err = pool.QueryRow("SELECT balance FROM account WHERE id = ?", o.source).Scan(&balance)
			b.mu.Lock()
			b.reads++
			b.mu.Unlock()
		}
		if err != nil { // something is down: no need to ask a thousand times a second
			time.Sleep(time.Duration(10+rng.IntN(40)) * time.Millisecond)
		}
	}
}

// enter puts an order into the ledger, with what the client was told.
func (b *bank) enter(o *order, err error, how outcome) error {
	o.ret, o.outcome = b.now(), how
	b.mu.Lock()
	defer b.mu.Unlock()
	b.orders = append(b.orders, o)
	return err
}

// failed notes an error number.
func (b *bank) failed(statement string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.codes[fmt.Sprintf("%s %d", statement, code(err))]++
}

// insist does a transfer, and begins again after a deadlock or a lock wait, as
// applications do. Each of its errors before COMMIT means that nothing is there.
func (b *bank) insist(pool *sql.DB, o *order, rng *rand.Rand, stop <-chan struct{}) error {
	o.call = b.now()
	recordFirst, computed := rng.IntN(6) == 0, rng.IntN(2) == 0
	o.undone = rng.IntN(10) == 0
	for {
		err, how := b.transfer(pool, o, recordFirst, computed)
		again := how == refused && (code(err) == 1205 || code(err) == 1213)
		if !again {
			return b.enter(o, err, how)
		}
		select {
		case <-stop:
			return b.enter(o, err, refused)
		default:
		}
		b.mu.Lock()
		b.retries++
		b.mu.Unlock()
	}
}

// transfer is one transaction: it locks both accounts in the order of their
// keys, moves the money and records that. recordFirst does the latter first,
// so the two tables are not always locked in the same order. computed writes
// balances that the client has computed from those it read.
func (b *bank) transfer(pool *sql.DB, o *order, recordFirst, computed bool) (error, outcome) {
	tx, err := pool.Begin()
	if err != nil {
		b.failed("BEGIN", err)
		return err, refused
	}
	steps := []func() error{func() error { return b.lockAndPay(tx, o, computed) }, func() error {
		_, err := tx.Exec("INSERT INTO transfers (name, source, target, amount) VALUES (?, ?, ?, ?)", o.name, o.source, o.target, o.amount)
		return err
	}}
	if recordFirst {
		slices.Reverse(steps)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			_ = tx.Rollback() // where it fails, the connection is gone, and the transaction with it
			if errors.Is(err, errPoor) {
				o.undone = true
				return nil, acknowledged
			}
			b.failed("in a transaction", err)
			return err, refused
		}
	}
	if o.undone {
		if err := tx.Rollback(); err != nil {
			b.failed("ROLLBACK", err)
		}
		return nil, acknowledged
	}
	if err := tx.Commit(); err != nil {
		b.failed("COMMIT", err)
		if errors.Is(err, driver.ErrBadConn) || code(err) == 2006 { // it was not sent
			return err, refused
		}
		return err, unknown
	}
	return nil, acknowledged
}

// errPoor ends a transfer that the source cannot pay.
var errPoor = errors.New("the account has too little")

// lockAndPay reads both balances under locks, and writes them.
func (b *bank) lockAndPay(tx *sql.Tx, o *order, computed bool) error {
	balance := map[int]int64{}
	for _, id := range []int{min(o.source, o.target), max(o.source, o.target)} {
		var n int64
		if err := tx.QueryRow("SELECT balance FROM account WHERE id = ? FOR UPDATE", id).Scan(&n); err != nil {
			return err
		}
		balance[id] = n
	}
	if balance[o.source] < o.amount {
		return errPoor
	}
	for id, change := range map[int]int64{o.source: -o.amount, o.target: o.amount} {
		query, value := "UPDATE account SET balance = balance + ? WHERE id = ?", change
		if computed {
			query, value = "UPDATE account SET balance = ? WHERE id = ?", balance[id]+change
		}
		if _, err := tx.Exec(query, value, id); err != nil {
			return err
		}
	}
	return nil
}

// move moves money by one statement, which is absorbed.
func (b *bank) move(pool *sql.DB, o *order) error {
	o.single, o.call = true, b.now()
	_, err := pool.Exec("UPDATE account SET balance = balance + CASE WHEN id = ? THEN ? ELSE ? END, moves = CONCAT(moves, ?) WHERE id IN (?, ?)",
		o.source, -o.amount, o.amount, o.name+",", o.source, o.target)
	if err != nil {
		b.failed("UPDATE", err)
	}
	return b.enter(o, err, classify(err))
}

// note records a transfer of nothing by one statement, which is absorbed.
func (b *bank) note(pool *sql.DB, o *order) error {
	o.target, o.amount, o.call = o.source, 0, b.now()
	_, err := pool.Exec("INSERT INTO transfers (name, source, target, amount) VALUES (?, ?, ?, 0)", o.name, o.source, o.target)
	if err != nil {
		b.failed("INSERT", err)
	}
	return b.enter(o, err, classify(err))
}

// verify compares MySQL with the ledger, account by account and name by name.
func (b *bank) verify(direct *sql.DB) {
	b.t.Helper()
	balances := map[int]int64{}
	for id := range bankAccounts {
		balances[id] = bankBalance
	}
	recorded, moved := b.recorded(direct, balances), b.moved(direct)
	applied, lost, complaints := 0, 0, 0
	var transfers, others answers
	complain := func(format string, args ...any) {
		if complaints++; complaints <= 20 {
			b.t.Errorf("seed %d: "+format, append([]any{b.seed}, args...)...)
		}
	}
	for _, o := range b.orders {
		in, want := recorded[o.name], 1
		places := []int{in}
		if o.single {
			places = []int{moved[o.source][o.name], moved[o.target][o.name]}
			delete(moved[o.source], o.name)
			delete(moved[o.target], o.name)
		}
		delete(recorded, o.name)
		if !o.single && o.source != o.target {
			transfers.add(o)
		} else {
			others.add(o)
		}
		switch {
		case o.undone || o.outcome == refused:
			want = 0
		case o.outcome == unknown: // once or not at all, but everywhere the same
			want = min(places[0], 1)
			applied += want
		}
		for _, n := range places {
			if n != want {
				if n < want {
					lost++
				}
				complain("order %s (%d from %d to %d, outcome %d, rolled back %v): is there %v times, want %d", o.name, o.amount, o.source, o.target, o.outcome, o.undone, places, want)
				break
			}
		}
		if o.single && places[0] > 0 {
			balances[o.source] -= o.amount * int64(places[0])
			balances[o.target] += o.amount * int64(places[1])
		}
	}
	for statement, n := range b.codes {
		if strings.HasSuffix(statement, " 1062") { // no client names a key
			complain("%d times a duplicate key: %s", n, statement)
		}
	}
	for name := range recorded {
		complain("transfer %s is there, and nobody asked for it", name)
	}
	for id := range moved {
		for name := range moved[id] {
			complain("move %s is in account %d, and nobody asked for it", name, id)
		}
	}
	for id, want := range balances {
		var got int64
		if err := direct.QueryRow("SELECT balance FROM account WHERE id = ?", id).Scan(&got); err != nil {
			b.t.Fatal(err)
		}
		if got != want {
			complain("account %d has %d, want %d", id, got, want)
		}
	}
	b.t.Logf("transfers: %v; single statements: %v; of the unknown ones %d are there; %d reads by key; %d audits, %d wrong; %d lost, %d differences",
		transfers, others, applied, b.reads, b.audits.Load(), b.wrongAudits.Load(), lost, complaints)
}

// answers counts orders by what their clients were told.
type answers struct{ acknowledged, undone, refused, unknown int }

// add counts one more. What the client rolled back was not meant to stay.
func (n *answers) add(o *order) {
	switch {
	case o.outcome == unknown:
		n.unknown++
	case o.outcome == refused:
		n.refused++
	case o.undone:
		n.undone++
	default:
		n.acknowledged++
	}
}

func (n answers) String() string {
	return fmt.Sprintf("%d acknowledged, %d refused, %d unknown, %d rolled back", n.acknowledged, n.refused, n.unknown, n.undone)
}

// recorded are the names in transfers and how often each is there; what they
// say is added to the balances.
func (b *bank) recorded(direct *sql.DB, balances map[int]int64) map[string]int {
	b.t.Helper()
	rows, err := direct.Query("SELECT name, source, target, amount FROM transfers")
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]int{}
	for rows.Next() {
		var (
			name           string
			source, target int
			amount         int64
		)
		if err := rows.Scan(&name, &source, &target, &amount); err != nil {
			b.t.Fatal(err)
		}
		out[name]++
		balances[source] -= amount
		balances[target] += amount
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	return out
}

// moved are the names that single statements left in each account.
func (b *bank) moved(direct *sql.DB) map[int]map[string]int {
	b.t.Helper()
	rows, err := direct.Query("SELECT id, moves FROM account")
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	out := map[int]map[string]int{}
	for rows.Next() {
		var (
			id    int
			moves string
		)
		if err := rows.Scan(&id, &moves); err != nil {
			b.t.Fatal(err)
		}
		out[id] = map[string]int{}
		for name := range strings.SplitSeq(strings.TrimSuffix(moves, ","), ",") {
			if name != "" {
				out[id][name]++
			}
		}
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	return out
}
