package crash

import (
	"database/sql"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// act is what a client does to a row.
type act struct {
	op    string // "insert", "set", "add", "delete", "read"
	key   int
	value int64 // of insert and set; unique in the history
}

// told is the answer.
type told struct {
	unknown bool  // no answer: it happened at some time, or never
	ok      bool  // insert: no 1062; set, add, delete, read: the row was there
	value   int64 // of read
}

// absent is the state of a row that does not exist.
const absent = int64(math.MinInt64)

// rowModel is one row as a register that can be absent and be incremented;
// histories are checked row by row. An operation without an answer has no end:
// what it did may show at any time after it began, or after the last read,
// which is never.
var rowModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[int][]porcupine.Operation{}
		for _, o := range history {
			byKey[o.Input.(act).key] = append(byKey[o.Input.(act).key], o)
		}
		var parts [][]porcupine.Operation
		for _, p := range byKey {
			parts = append(parts, p)
		}
		return parts
	},
	Init: func() any { return absent },
	Step: func(state, input, output any) (bool, any) {
		now, in, out := state.(int64), input.(act), output.(told)
		there := now != absent
		next := now
		switch {
		case in.op == "insert" && !there, in.op == "set" && there:
			next = in.value
		case in.op == "add" && there:
			next = now + 1
		case in.op == "delete":
			next = absent
		}
		switch {
		case out.unknown:
			return true, next
		case in.op == "insert":
			return out.ok != there, next
		case in.op == "read":
			return out.ok == there && (!there || out.value == now), now
		}
		return out.ok == there, next
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
}

// TestModel: the model refuses what a single row cannot do, and takes an
// operation without an answer for done or not.
func TestModel(t *testing.T) {
	op := func(o, value int64, name string, call, ret int64, out told) porcupine.Operation {
		return porcupine.Operation{ClientId: int(o), Input: act{name, 1, value}, Call: call, Return: ret, Output: out}
	}
	ok := told{ok: true}
	read := func(call int64, v int64) porcupine.Operation {
		return op(9, 0, "read", call, call+1, told{ok: true, value: v})
	}
	lost := told{unknown: true}
	for _, c := range []struct {
		name    string
		history []porcupine.Operation
		want    bool
	}{
		{"increments", []porcupine.Operation{op(1, 5, "insert", 0, 1, ok), op(1, 0, "add", 2, 3, ok), read(4, 6)}, true},
		{"a lost increment", []porcupine.Operation{op(1, 5, "insert", 0, 1, ok), op(1, 0, "add", 2, 3, ok), read(4, 5)}, false},
		{"a doubled increment", []porcupine.Operation{op(1, 5, "insert", 0, 1, ok), op(1, 0, "add", 2, 3, ok), read(4, 7)}, false},
		{"unknown and done", []porcupine.Operation{op(1, 5, "insert", 0, 1, ok), op(1, 0, "add", 2, math.MaxInt64, lost), read(4, 6)}, true},
		{"unknown and not done", []porcupine.Operation{op(1, 5, "insert", 0, 1, ok), op(1, 0, "add", 2, math.MaxInt64, lost), read(4, 5)}, true},
		{"unknown, seen and gone", []porcupine.Operation{op(1, 5, "insert", 0, 1, ok), op(1, 0, "add", 2, math.MaxInt64, lost), read(4, 6), read(6, 5)}, false},
		{"unknown and done twice", []porcupine.Operation{op(1, 5, "insert", 0, 1, ok), op(1, 0, "add", 2, math.MaxInt64, lost), read(4, 7)}, false},
		{"an old read", []porcupine.Operation{op(1, 5, "insert", 0, 1, ok), op(1, 7, "set", 2, 3, ok), read(4, 5)}, false},
	} {
		if got := porcupine.CheckOperations(rowModel, c.history); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// perform runs one statement and says how it came out.
func perform(pool *sql.DB, a act) (out told, how outcome, err error) {
	var res sql.Result
	switch a.op {
	case "insert":
		_, err = pool.Exec("INSERT INTO r (id, v) VALUES (?, ?)", a.key, a.value)
		if code(err) == 1062 {
			return told{}, acknowledged, nil
		}
		return told{ok: err == nil}, classify(err), err
	case "set":
		res, err = pool.Exec("UPDATE r SET v = ? WHERE id = ?", a.value, a.key)
	case "add":
		res, err = pool.Exec("UPDATE r SET v = v + 1 WHERE id = ?", a.key)
	case "delete":
		res, err = pool.Exec("DELETE FROM r WHERE id = ?", a.key)
	default:
		err = pool.QueryRow("SELECT v FROM r WHERE id = ?", a.key).Scan(&out.value)
		if errors.Is(err, sql.ErrNoRows) {
			return told{}, acknowledged, nil
		}
		out.ok = err == nil
		if err != nil {
			return out, refused, err // a read changes nothing
		}
		return out, acknowledged, nil
	}
	if err != nil {
		return out, classify(err), err
	}
	n, err := res.RowsAffected()
	return told{ok: n == 1}, classify(err), err
}

// TestLinear checks histories of reads, writes, increments and deletes by key,
// through two proxies while everything is killed, with porcupine.
func TestLinear(t *testing.T) {
	long := soak(t)
	for i, s := range []setting{settings[0], {"MySQL, Kafka", servertest.MySQL, "kafka", ""}} {
		t.Run(s.name, func(t *testing.T) {
			limit, rounds := long/2, 1<<30
			if long == 0 {
				if i > 0 {
					t.Skip("in the long form: set SHOCK_ABSORBER_SOAK")
				}
				rounds, limit = 2, patience
			}
			seed := seedOf(t)
			w := newWorld(t, s, seed, "")
			rng := rand.New(rand.NewPCG(seed, 2))
			histories, operations, unanswered := 0, 0, 0
			for n := 1; n <= rounds && w.now() < limit && !t.Failed(); n++ {
				h, o, u := w.history(n, rng)
				histories, operations, unanswered = histories+h, operations+o, unanswered+u
			}
			t.Logf("%d histories of one row each, %d operations, %d without an answer; kills: %v", histories, operations, unanswered, w.kills)
			if operations < 100 {
				t.Errorf("only %d operations: the test shows little", operations)
			}
		})
	}
}

// history runs one round and checks it: how many rows, operations, and
// operations without an answer.
func (w *world) history(n int, rng *rand.Rand) (rows, operations, unanswered int) {
	const keys, clients = 24, 8
	var mu sync.Mutex
	var history []porcupine.Operation
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			crng := rand.New(rand.NewPCG(w.seed, uint64(n*1000+c)))
			for i := int64(1); ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				a := act{op: [...]string{"insert", "set", "add", "add", "delete", "read", "read", "read"}[crng.IntN(8)],
					key: n*1000 + crng.IntN(keys), value: (int64(n)*100+int64(c))*10_000_000 + i*1000}
				call := w.now()
				out, how, err := perform(w.pools[crng.IntN(2)], a)
				end := int64(w.now())
				if how == unknown {
					out, end = told{unknown: true}, math.MaxInt64
				}
				if how != refused {
					mu.Lock()
					history = append(history, porcupine.Operation{ClientId: c, Input: a, Call: int64(call), Output: out, Return: end})
					if how == unknown {
						unanswered++
					}
					mu.Unlock()
				}
				if err != nil {
					time.Sleep(time.Duration(10+crng.IntN(40)) * time.Millisecond)
				}
				time.Sleep(time.Duration(crng.IntN(8)) * time.Millisecond) // a history that is checked in seconds
			}
		})
	}
	for range 2 {
		time.Sleep(time.Duration(300+rng.IntN(2000)) * time.Millisecond)
		w.strike(rng)
	}
	time.Sleep(time.Second)
	close(stop)
	wg.Wait()
	w.drained()
	// What MySQL has in the end, and what each proxy then says, is part of it.
	for key := n * 1000; key < n*1000+keys; key++ {
		for _, pool := range []*sql.DB{w.direct, w.pools[0], w.pools[1]} {
			a := act{op: "read", key: key}
			call := w.now()
			out, _, err := perform(pool, a)
			if err != nil {
				w.t.Fatalf("seed %d round %d: read row %d in the end: %v", w.seed, n, key, err)
			}
			history = append(history, porcupine.Operation{ClientId: clients, Input: a, Call: int64(call), Output: out, Return: int64(w.now())})
		}
	}
	result, info := porcupine.CheckOperationsVerbose(rowModel, history, 2*time.Minute)
	w.t.Logf("round %d: %d operations, %d without an answer: %v", n, len(history), unanswered, result)
	if result != porcupine.Ok {
		path := w.t.ArtifactDir() + fmt.Sprintf("/history-%d.html", n)
		if err := porcupine.VisualizePath(rowModel, info, path); err != nil {
			w.t.Error(err)
		}
		w.t.Errorf("seed %d round %d: the history is not linearizable (%v): see %s", w.seed, n, result, path)
		w.printIllegal(history)
	}
	w.audit("after the history")
	return keys, len(history), unanswered
}

// printIllegal prints the rows whose own history is not possible.
func (w *world) printIllegal(history []porcupine.Operation) {
	for _, part := range rowModel.Partition(history) {
		if porcupine.CheckOperationsTimeout(rowModel, part, time.Minute) == porcupine.Ok {
			continue
		}
		for _, o := range part {
			w.t.Logf("row: client %d %v..%v %s", o.ClientId, time.Duration(o.Call), time.Duration(o.Return), rowModel.DescribeOperation(o.Input, o.Output))
		}
	}
}
