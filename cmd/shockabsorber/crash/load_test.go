package crash

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// outcome is what a client was told of a write.
type outcome int

const (
	acknowledged outcome = iota
	refused              // the error says that nothing was written
	unknown
)

// write is one statement that changes rows.
type write struct {
	name      string // unique; what a trail holds of it
	table     string
	key       int // of counter, trail, balance; the first of a pair; seq of an entry
	client    int
	remove    bool  // of an entry
	id        int64 // of an entry: what it got, or what it deletes
	call, ret time.Duration
	outcome   outcome
	err       error
}

// look is what a read by key said.
type look struct {
	table     string
	key       int
	direct    bool // MySQL itself was asked
	there     bool
	n         int64
	text      string // ops of a trail, last of the others, note of an entry
	id        int64  // of an entry
	call, ret time.Duration
}

// round is the ledger of one round.
type round struct {
	w       *world
	report  func(format string, args ...any)
	number  int
	clients int
	keys    int

	mu         sync.Mutex
	writes     []*write
	looks      []look
	failed     int         // reads that were answered with an error
	codes      map[int]int // error numbers of writes
	unexpected []string
}

// base is the first key of the round.
func (r *round) base() int { return r.number * 1000 }

// prepare puts the round's rows into MySQL before anybody writes.
func (r *round) prepare() {
	for k := range r.keys {
		id := r.base() + k
		r.w.db.Exec(r.w.t, r.w.database,
			fmt.Sprintf("INSERT INTO counter VALUES (%d, 0, '')", id),
			fmt.Sprintf("INSERT INTO trail VALUES (%d, 0, '')", id),
			fmt.Sprintf("INSERT INTO pair VALUES (%d, 0), (%d, 0)", id, id+500))
	}
}

// run sends the load of all clients until stop is closed.
func (r *round) run(stop <-chan struct{}) {
	var wg sync.WaitGroup
	for c := range r.clients {
		wg.Go(func() { r.client(c, stop) })
	}
	wg.Go(func() { r.observe(stop) })
	wg.Wait()
}

// client sends one statement after the other, to either proxy.
func (r *round) client(c int, stop <-chan struct{}) {
	rng := rand.New(rand.NewPCG(r.w.seed, uint64(r.number*1000+c)))
	var mine []*write // entries that were acknowledged and stand
	for seq := 1; ; seq++ {
		select {
		case <-stop:
			return
		default:
		}
		pool := r.w.pools[rng.IntN(len(r.w.pools))]
		key := r.base() + rng.IntN(r.keys)
		wr := &write{name: fmt.Sprintf("%d.%d", c, seq), client: r.number*100 + c, key: key}
		ok := true
		switch n := rng.IntN(100); {
		case n < 22:
			ok = r.write(pool, wr, "counter", 1, "UPDATE counter SET n = n + 1, last = ? WHERE id = ?", wr.name, key)
		case n < 23 && rng.IntN(2) == 0: // not by key: it is sent to MySQL, behind the closed gate
			ok = r.write(pool, wr, "counter", 1, "UPDATE counter SET n = n + 1, last = ? WHERE id + 0 = ?", wr.name, key)
		case n < 35:
			ok = r.write(pool, wr, "trail", 1, "UPDATE trail SET n = n + 1, ops = CONCAT(ops, ?) WHERE id = ?", wr.name+",", key)
		case n < 47:
			ok = r.write(pool, wr, "pair", 2, "UPDATE pair SET n = n + 1 WHERE id IN (?, ?)", key, key+500)
		case n < 55:
			ok = r.write(pool, wr, "balance", -1, "INSERT INTO balance VALUES (?, 1, ?) ON DUPLICATE KEY UPDATE n = n + 1, last = VALUES(last)", key, wr.name)
		case n < 68:
			wr.key = seq
			ok = r.write(pool, wr, "entry", 1, "INSERT INTO entry (client, seq, note) VALUES (?, ?, ?)", wr.client, seq, wr.name)
			if wr.outcome == acknowledged {
				mine = append(mine, wr)
			}
		case n < 72 && len(mine) > 0:
			at := rng.IntN(len(mine))
			old := mine[at]
			mine = append(mine[:at], mine[at+1:]...)
			wr.key, wr.id, wr.remove = old.key, old.id, true
			ok = r.write(pool, wr, "entry", 1, "DELETE FROM entry WHERE id = ?", old.id)
		case n < 80 && len(mine) > 0:
			old := mine[rng.IntN(len(mine))]
			ok = r.look(pool, look{table: "entry", id: old.id, key: old.key}, "SELECT seq, note FROM entry WHERE id = ?", old.id)
		default:
			table := [...]string{"counter", "trail", "pair", "balance"}[rng.IntN(4)]
			column := map[string]string{"trail": "ops", "pair": "''"}[table]
			if column == "" {
				column = "last"
			}
			ok = r.look(pool, look{table: table, key: key}, "SELECT n, "+column+" FROM "+table+" WHERE id = ?", key)
		}
		if !ok { // something is down: no need to ask a thousand times a second
			time.Sleep(time.Duration(10+rng.IntN(40)) * time.Millisecond)
		}
	}
}

// write sends one statement and notes what the client was told.
func (r *round) write(pool *sql.DB, wr *write, table string, rows int64, sql string, args ...any) bool {
	wr.table, wr.call = table, r.w.now()
	res, err := pool.Exec(sql, args...)
	wr.ret = r.w.now()
	wr.err, wr.outcome = err, classify(err)
	wrong := ""
	if err == nil {
		n, _ := res.RowsAffected()
		if rows >= 0 && n != rows || rows < 0 && n != 1 && n != 2 {
			wrong = fmt.Sprintf("%s %s was acknowledged with %d affected rows", table, wr.name, n)
		}
		if table == "entry" && !wr.remove {
			if wr.id, _ = res.LastInsertId(); wr.id == 0 {
				wrong = fmt.Sprintf("%s %s was acknowledged without an insert id", table, wr.name)
			}
		}
	} else if code(err) == 1062 {
		wrong = fmt.Sprintf("%s %s, which is unique: %v", table, wr.name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes = append(r.writes, wr)
	r.codes[code(err)]++
	if wrong != "" {
		r.unexpected = append(r.unexpected, wrong)
	}
	return err == nil
}

// look reads one row by its key.
func (r *round) look(pool *sql.DB, l look, query string, args ...any) bool {
	l.call = r.w.now()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := pool.QueryRowContext(ctx, query, args...).Scan(&l.n, &l.text)
	l.ret = r.w.now()
	l.there = err == nil
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		r.failed++
		return false
	}
	r.looks = append(r.looks, l)
	return true
}

// observe reads the trails from MySQL itself: they show in which order the
// drainers apply.
func (r *round) observe(stop <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-time.After(30 * time.Millisecond):
		}
		key := r.base() + i%r.keys
		r.look(r.w.direct, look{table: "trail", key: key, direct: true}, "SELECT n, ops FROM trail WHERE id = ?", key)
		r.look(r.w.direct, look{table: "counter", key: key, direct: true}, "SELECT n, last FROM counter WHERE id = ?", key)
	}
}

// classify says what an error tells the client about its write. Only those are
// refusals whose text says that nothing was written or executed, and those of a
// connection that never was.
func classify(err error) outcome {
	var dial *net.OpError
	switch {
	case err == nil:
		return acknowledged
	case errors.Is(err, driver.ErrBadConn), errors.As(err, &dial) && dial.Op == "dial":
		return refused
	}
	switch code(err) {
	case 1297, // the absorber: "nothing was written"
		1205,       // a gate or a barrier did not open in time
		1040,       // the backlog is full
		1053, 2003, // the proxy stops; MySQL cannot be reached
		2006: // "the statement was not executed"
		return refused
	}
	return unknown
}
