package interleave

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

const (
	freeSessions = 4
	freeRows     = 4                // rows that all transactions are about
	freeEach     = 40               // transactions of a session in a round
	checkTime    = 60 * time.Second // for finding a serial order
)

// event is a part of a transaction: a row and its value as it was read, or written.
type event struct {
	row   int
	value int
	write bool
}

// history collects transactions that were committed.
type history struct {
	mu         sync.Mutex
	operations []porcupine.Operation
	aborted    map[string]int // by the error
	kinds      map[string]int
}

// serial is the database as if one transaction ran after the other: a value for
// each row. A transaction that may have been committed, or not, has no end.
var serial = porcupine.NondeterministicModel{
	Init: func() []any { return []any{[freeRows]int{}} },
	Step: func(state, input, output any) []any {
		now := state.([freeRows]int)
		next := now
		for _, e := range input.([]event) {
			switch {
			case e.write:
				next[e.row] = e.value
			case next[e.row] != e.value:
				if output.(bool) {
					return nil
				}
				return []any{now} // it was not committed: nobody knows of what it read
			}
		}
		if output.(bool) {
			return []any{next}
		}
		return []any{now, next}
	},
	Equal:             func(a, b any) bool { return a == b },
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%v %v", input, output) },
}

// explained reports whether some serial order explains a history.
func explained(operations []porcupine.Operation) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(serial.ToModel(), operations, checkTime)
}

// TestSerialModel: the checker finds what no serial order explains.
func TestSerialModel(t *testing.T) {
	read := func(row, v int) event { return event{row: row, value: v} }
	write := func(row, v int) event { return event{row: row, value: v, write: true} }
	op := func(call, ret int64, ok bool, events ...event) porcupine.Operation {
		return porcupine.Operation{ClientId: int(call), Input: events, Call: call, Return: ret, Output: ok}
	}
	for name, c := range map[string]struct {
		want    porcupine.CheckResult
		history []porcupine.Operation
	}{
		"one after the other": {porcupine.Ok, []porcupine.Operation{op(0, 1, true, read(0, 0), write(0, 5)), op(2, 3, true, read(0, 5), write(1, 6)), op(4, 5, true, read(0, 5), read(1, 6))}},
		"own write":           {porcupine.Ok, []porcupine.Operation{op(0, 1, true, write(0, 5), read(0, 5))}},
		"lost update":         {porcupine.Illegal, []porcupine.Operation{op(0, 9, true, read(0, 0), write(0, 5)), op(1, 8, true, read(0, 0), write(0, 6))}},
		"write skew":          {porcupine.Illegal, []porcupine.Operation{op(0, 9, true, read(0, 0), write(1, 5)), op(1, 8, true, read(1, 0), write(0, 6))}},
		"half a transaction":  {porcupine.Illegal, []porcupine.Operation{op(0, 1, true, write(0, 5), write(1, 6)), op(2, 3, true, read(0, 5), read(1, 0))}},
		"an old read":         {porcupine.Illegal, []porcupine.Operation{op(0, 1, true, write(0, 5)), op(2, 3, true, read(0, 0))}},
		"unknown, and done":   {porcupine.Ok, []porcupine.Operation{op(0, 99, false, write(0, 5)), op(2, 3, true, read(0, 5))}},
		"unknown, not done":   {porcupine.Ok, []porcupine.Operation{op(0, 99, false, write(0, 5)), op(2, 3, true, read(0, 0))}},
		"unknown, and undone": {porcupine.Illegal, []porcupine.Operation{op(0, 99, false, write(0, 5)), op(2, 3, true, read(0, 5)), op(4, 5, true, read(0, 0))}},
	} {
		if got := explained(c.history); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// client runs transactions of one session.
type client struct {
	*link
	*rand.Rand
	h      *history
	values *atomic.Int64
	since  time.Time
	events []event
}

// errAborted ends a transaction that the server has rolled back, or that must be.
var errAborted = errors.New("aborted")

// must runs a statement of a transaction.
func (c *client) must(sql string, args ...any) (string, error) {
	sql = fmt.Sprintf(sql, args...)
	a := c.run(sql)
	switch {
	case a.gone():
		return "", fmt.Errorf("%s: %s", sql, a.text)
	case a.code == 1213, a.code == 1205, a.code == 3572:
		c.h.mu.Lock()
		c.h.aborted[a.text[strings.Index(a.text, "error"):]]++
		c.h.mu.Unlock()
		return "", errAborted
	case a.code != 0:
		return "", fmt.Errorf("%s: %s", sql, a.text)
	}
	return a.text, nil
}

// read notes the rows of an answer: (row,value) each.
func (c *client) read(sql string, args ...any) (map[int]int, error) {
	text, err := c.must(sql, args...)
	if err != nil {
		return nil, err
	}
	found := map[int]int{}
	for _, f := range strings.Fields(text) {
		var row, v int
		if n, _ := fmt.Sscanf(f, "(%d,%d)", &row, &v); n == 2 {
			c.events = append(c.events, event{row: row, value: v})
			found[row] = v
		}
	}
	return found, nil
}

// write gives a row a value that nobody else writes.
func (c *client) write(row int, where string) error {
	v := int(c.values.Add(1))
	text, err := c.must("UPDATE reg SET v = %d WHERE %s", v, where)
	if err == nil && !strings.HasPrefix(text, "ok, 1 rows") {
		err = fmt.Errorf("an UPDATE of row %d: %s", row, text)
	}
	c.events = append(c.events, event{row: row, value: v, write: true})
	return err
}

// one is one part of a transaction. All that it reads it locks.
func (c *client) one() error {
	row := c.IntN(freeRows)
	where := fmt.Sprintf("id = %d", row)
	if c.IntN(8) == 0 {
		where = fmt.Sprintf("u = 'u%d'", row)
	}
	switch p := c.IntN(20); {
	case p < 8:
		if _, err := c.read("SELECT id, v FROM reg WHERE %s FOR UPDATE", where); err != nil {
			return err
		}
		return c.write(row, where)
	case p < 13:
		_, err := c.read("SELECT id, v FROM reg WHERE %s FOR UPDATE", where)
		return err
	case p < 18:
		return c.write(row, where)
	default:
		found, err := c.read("SELECT id, v FROM reg ORDER BY id FOR UPDATE")
		if err == nil && len(found) != freeRows {
			err = fmt.Errorf("%d rows of %d", len(found), freeRows)
		}
		return err
	}
}

// transaction runs one transaction, or a statement of its own.
func (c *client) transaction() error {
	c.events = nil
	began := time.Since(c.since)
	kind, err := "transaction", error(nil)
	switch p := c.IntN(10); {
	case p < 1:
		kind = "all rows"
		_, err = c.read("SELECT id, v FROM reg WHERE v >= 0 ORDER BY id")
	case p < 2:
		kind = "one row"
		_, err = c.read("SELECT id, v FROM reg WHERE id = %d", c.IntN(freeRows))
	case p < 3:
		kind = "one write"
		row := c.IntN(freeRows)
		err = c.write(row, fmt.Sprintf("id = %d", row))
	default:
		err = c.within()
	}
	if errors.Is(err, errAborted) {
		a := c.run("ROLLBACK")
		if a.code != 0 || a.gone() {
			return errors.New(a.text)
		}
		return nil
	}
	if err != nil {
		return err
	}
	c.h.mu.Lock()
	defer c.h.mu.Unlock()
	c.h.kinds[kind]++
	if len(c.events) > 0 {
		c.h.operations = append(c.h.operations, porcupine.Operation{Input: c.events, Call: int64(began), Return: int64(time.Since(c.since)), Output: true})
	}
	return nil
}

// within runs the parts between BEGIN and COMMIT, or ROLLBACK.
func (c *client) within() error {
	if _, err := c.must("BEGIN"); err != nil {
		return err
	}
	for range 1 + c.IntN(3) {
		if err := c.one(); err != nil {
			return err
		}
		if c.IntN(6) == 0 { // what comes now is undone
			if _, err := c.must("SAVEPOINT a"); err != nil {
				return err
			}
			kept := len(c.events)
			if err := c.one(); err != nil {
				return err
			}
			if _, err := c.must("ROLLBACK TO a"); err != nil {
				return err
			}
			c.events = c.events[:kept]
		}
	}
	if c.IntN(6) == 0 {
		_, err := c.must("ROLLBACK")
		c.events = nil
		return err
	}
	_, err := c.must("COMMIT")
	return err
}

// serialRound lets sessions run into each other, and looks for a serial order.
func (w *world) serialRound(seed, round uint64, total *history) error {
	h := &history{aborted: map[string]int{}, kinds: map[string]int{}}
	for _, sql := range []string{"DELETE FROM reg WHERE id >= 0 OR v >= 0", "INSERT INTO reg (id, u, v) VALUES (0,'u0',0),(1,'u1',0),(2,'u2',0),(3,'u3',0)"} {
		if _, err := w.operator.Exec(sql); err != nil {
			return err
		}
	}
	links, err := w.side(freeSessions, true)
	if err != nil {
		return err
	}
	var values atomic.Int64
	since := time.Now()
	errs := make([]error, freeSessions)
	var wg sync.WaitGroup
	for i, l := range links {
		c := &client{link: l, Rand: rand.New(rand.NewPCG(seed, round*freeSessions+uint64(i))), h: h, values: &values, since: since}
		wg.Go(func() {
			for n := 0; n < freeEach && errs[i] == nil; n++ {
				errs[i] = c.transaction()
			}
		})
	}
	wg.Wait()
	if err := errors.Join(append(errs, closeAll(links))...); err != nil {
		return err
	}
	for i := range h.operations {
		h.operations[i].ClientId = i
	}
	if _, err := w.operator.Exec("CALL shock_absorber.drain()"); err != nil {
		return err
	}
	last := &client{link: &link{}, h: h}
	if err := w.lastState(last); err != nil {
		return err
	}
	now := int64(time.Since(since))
	h.operations = append(h.operations, porcupine.Operation{ClientId: len(h.operations), Input: last.events, Call: now, Return: now + 1, Output: true})
	for text, n := range h.aborted {
		total.aborted[text] += n
	}
	for kind, n := range h.kinds {
		total.kinds[kind] += n
	}
	total.operations = append(total.operations, h.operations...)
	if got := explained(h.operations); got != porcupine.Ok {
		return fmt.Errorf("seed %d round %d: a serial order is %s:%s", seed, round, map[porcupine.CheckResult]string{porcupine.Illegal: "not there", porcupine.Unknown: "not found in time"}[got], firstWrong(h.operations))
	}
	return nil
}

// firstWrong prints the part of a history before the first answer that no serial
// order explains.
func firstWrong(all []porcupine.Operation) string {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) })
	n := sort.Search(len(all), func(n int) bool {
		known := slices.Clone(all)
		for i := n; i < len(known); i++ {
			known[i].Output, known[i].Return = false, all[len(all)-1].Return+1
		}
		return explained(known) != porcupine.Ok
	})
	text := ""
	for i, o := range all[:min(n+6, len(all))] {
		if i > n-16 {
			text += fmt.Sprintf("\n  %8d %8d %v", o.Call/1000, o.Return/1000, o.Input)
		}
		if i == n-1 {
			text += "  <- not explained"
		}
	}
	return text
}

// lastState reads what MySQL holds in the end.
func (w *world) lastState(c *client) error {
	rows, err := w.admin.QueryContext(context.Background(), "SELECT id, v FROM "+w.proxied+".reg ORDER BY id")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var e event
		if err := rows.Scan(&e.row, &e.value); err != nil {
			return err
		}
		c.events = append(c.events, e)
	}
	if len(c.events) != freeRows {
		return errors.Join(rows.Err(), fmt.Errorf("%d rows in MySQL", len(c.events)))
	}
	return rows.Err()
}

// TestSerializable: transactions that lock what they read are strictly
// serialisable, over two proxies, whoever does them: the proxies or MySQL.
func TestSerializable(t *testing.T) {
	for _, server := range servers {
		t.Run(server.name, func(t *testing.T) {
			w := newWorld(t, server.start(t), server.mysql)
			seed := servertest.Number(t, "SHOCK_ABSORBER_SEED", usualSeed)
			total := &history{aborted: map[string]int{}, kinds: map[string]int{}}
			for round := range servertest.Number(t, "SHOCK_ABSORBER_ROUNDS", 3) {
				if err := w.serialRound(seed, round, total); err != nil {
					t.Error(err)
				}
			}
			t.Logf("%d operations: %v, aborted %v", len(total.operations), total.kinds, total.aborted)
			if total.kinds["transaction"] == 0 {
				t.Error("no transaction was committed")
			}
		})
	}
}
