package e2e

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// act is what a client did to a row.
type act struct {
	op    string // "insert", "set", "delete", "read"
	key   int
	value int  // of insert and set; unique in the history
	sync  bool // sent so that it cannot be absorbed
}

// told is the answer.
type told struct {
	ok    bool // insert: no 1062; set, delete, read: the row was there
	value int  // of read
}

// absent is the state of a row that does not exist.
const absent = -1

// rowModel is one row as a register that can be absent; histories are checked
// row by row.
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
		now, in, out := state.(int), input.(act), output.(told)
		there := now != absent
		switch in.op {
		case "insert":
			if out.ok == there {
				return false, now
			}
			if out.ok {
				now = in.value
			}
		case "set":
			if out.ok != there {
				return false, now
			}
			if there {
				now = in.value
			}
		case "delete":
			if out.ok != there {
				return false, now
			}
			now = absent
		default:
			if out.ok != there || there && out.value != now {
				return false, now
			}
		}
		return true, now
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
}

// perform runs one statement.
func perform(pool *sql.DB, a act) (out told, err error) {
	where := "id = ?"
	if a.sync {
		where = "id + 0 = ?"
	}
	var res sql.Result
	switch a.op {
	case "insert":
		_, err = pool.Exec("INSERT INTO r (id, v) VALUES (?, ?)", a.key, a.value)
		if code(err) == 1062 {
			return told{}, nil
		}
		return told{ok: err == nil}, err
	case "set":
		res, err = pool.Exec("UPDATE r SET v = ? WHERE "+where, a.value, a.key)
	case "delete":
		res, err = pool.Exec("DELETE FROM r WHERE "+where, a.key)
	default:
		err = pool.QueryRow("SELECT v FROM r WHERE "+where, a.key).Scan(&out.value)
		if errors.Is(err, sql.ErrNoRows) {
			return told{}, nil
		}
		out.ok = err == nil
		return out, err
	}
	if err != nil {
		return out, err
	}
	n, err := res.RowsAffected()
	return told{ok: n == 1}, err
}

// TestLinearRows runs random statements on a few rows through two proxies,
// with drains, expiring cache entries and, now and then, statements that MySQL
// runs behind a closed gate. What the clients were told must be possible with
// one row that does one thing after the other.
func TestLinearRows(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			const keys, workers, each = 12, 10, 220
			f := newFleet(t, backend.start(t), 2, []string{"r"}, "CREATE TABLE r (id INT PRIMARY KEY, v INT NOT NULL)")
			seed := time.Now().UnixNano()
			t.Logf("seed %d", seed)
			var mu sync.Mutex
			var history []porcupine.Operation
			begin := time.Now()
			clients(workers, func(c int) {
				rng := rand.New(rand.NewPCG(uint64(seed), uint64(c)))
				for i := range each {
					a := act{op: [...]string{"insert", "set", "set", "delete", "read", "read", "read"}[rng.IntN(7)],
						key: rng.IntN(keys), value: c*each + i + 1, sync: rng.IntN(40) == 0}
					if rng.IntN(60) == 0 { // let rows settle and leave the cache
						time.Sleep(time.Duration(rng.IntN(1500)) * time.Millisecond)
					}
					call := time.Since(begin)
					out, err := perform(f.pool(c+i), a)
					if err != nil {
						t.Errorf("%+v: %v", a, err)
						return
					}
					mu.Lock()
					history = append(history, porcupine.Operation{ClientId: c, Input: a, Call: int64(call), Output: out, Return: int64(time.Since(begin))})
					mu.Unlock()
				}
			})
			f.drained(t)
			f.absorbed(t, 100)
			// What MySQL has in the end is part of the history.
			for key := range keys {
				call := time.Since(begin)
				out, err := perform(f.direct, act{op: "read", key: key})
				if err != nil {
					t.Fatal(err)
				}
				history = append(history, porcupine.Operation{ClientId: workers, Input: act{op: "read", key: key}, Call: int64(call), Output: out, Return: int64(time.Since(begin))})
			}
			result, info := porcupine.CheckOperationsVerbose(rowModel, history, time.Minute)
			t.Logf("%d operations in %v: %v", len(history), time.Since(begin), result)
			if result != porcupine.Ok {
				path := t.ArtifactDir() + "/history.html"
				if err := porcupine.VisualizePath(rowModel, info, path); err != nil {
					t.Error(err)
				}
				t.Errorf("the history is not linearizable (%v): see %s", result, path)
			}
		})
	}
}
