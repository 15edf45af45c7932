package wal

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// commitGroup is units of one lane that go into one call of the script.
type commitGroup struct {
	calls  []*call
	weight int
	cmd    *redis.Cmd
}

// maxWeight bounds the keys and arguments of a call that units share. Redis
// closes a connection on which a command with more than 2^20 arrives, and with
// it goes what the other units would have been told.
const maxWeight = 1 << 18

// groups puts the calls of the same lane, incarnation and writers' hash
// together, in order.
func groups(calls []*call, size int) []*commitGroup {
	var all []*commitGroup
	open := map[*lane]*commitGroup{}
	for _, c := range calls {
		g := open[c.lane]
		if g != nil && g.weight+c.unit.weight() > maxWeight {
			g = nil
		}
		if g == nil || len(g.calls) >= size || g.calls[0].unit.inc != c.unit.inc || g.calls[0].unit.record != c.unit.record {
			g = &commitGroup{}
			open[c.lane] = g
			all = append(all, g)
		}
		g.calls = append(g.calls, c)
		g.weight += c.unit.weight()
	}
	return all
}

// layout is one call of the commit script in the making: keys and arguments in
// the order that lua/commit.lua gives. What all units share stands in front;
// numbers that a unit needs are packed into one string, since each argument
// costs Redis as much as a small command (a third of a microsecond).
type layout struct {
	tables   []commitTable // without repeats: one for each table and expected state
	counters []string      // AUTO_INCREMENT counters that are raised
	fresh    []string      // keys of rows that must not be there
	written  []string      // keys of the other rows that are written
	keys     []any         // of the units, behind all those
	args     []any
	floor    uint64
}

// command lays the group out.
func (g *commitGroup) command(ctx context.Context, sc *script) *redis.Cmd {
	lo := &layout{keys: make([]any, 0, 8*len(g.calls)), args: make([]any, 0, 8*len(g.calls))}
	for _, c := range g.calls {
		lo.share(c.unit)
	}
	first := commonKeys + 3*len(lo.tables) + len(lo.counters)
	at := [2]int{first + 1, first + 1 + len(lo.fresh)} // the next key of fresh and of written
	for _, c := range g.calls {
		at = lo.add(c.unit, at)
	}
	u, keys := g.calls[0].unit, g.calls[0].lane.keys
	n := first + len(lo.fresh) + len(lo.written) + len(lo.keys)
	all := make([]any, 0, 3+n+7+len(lo.tables)+len(g.calls)+len(lo.args))
	all = append(all, "evalsha", sc.sha, n, keys.meta(), keys.wal(), u.record, keys.locks(), keys.lockers(), keys.lockMark())
	for i := range lo.tables {
		all = append(all, lo.tables[i].state)
	}
	for i := range lo.tables {
		all = append(all, lo.tables[i].dirty)
	}
	for i := range lo.tables {
		all = append(all, lo.tables[i].touched)
	}
	for _, k := range lo.counters {
		all = append(all, k)
	}
	for _, k := range lo.fresh {
		all = append(all, k)
	}
	for _, k := range lo.written {
		all = append(all, k)
	}
	all = append(append(all, lo.keys...), u.inc, lo.floor, len(lo.tables), len(lo.counters), len(lo.fresh), len(lo.written), len(g.calls))
	for i := range lo.tables {
		all = append(all, lo.tables[i].want)
	}
	for _, c := range g.calls {
		all = append(all, c.unit.id.Writer)
	}
	cmd := redis.NewCmd(ctx, append(all, lo.args...)...)
	cmd.SetFirstKeyPos(3)
	return cmd
}

// share adds what u has in common with other units. The highest floor holds
// for all.
func (lo *layout) share(u *commitUnit) {
	lo.floor = max(lo.floor, u.floor)
	for i := range u.tables {
		if lo.table(&u.tables[i]) == len(lo.tables) {
			lo.tables = append(lo.tables, u.tables[i])
		}
	}
	for i := range u.raises {
		if !slices.Contains(lo.counters, u.raises[i].counter) {
			lo.counters = append(lo.counters, u.raises[i].counter)
		}
	}
	for i := range u.writes {
		if u.writes[i].witness == witnessAbsent {
			lo.fresh = append(lo.fresh, u.writes[i].key)
		} else {
			lo.written = append(lo.written, u.writes[i].key)
		}
	}
}

// table is the place of a table and its expected state, len(lo.tables) if it
// has none yet.
func (lo *layout) table(t *commitTable) int {
	for i := range lo.tables {
		if lo.tables[i].state == t.state && lo.tables[i].want == t.want {
			return i
		}
	}
	return len(lo.tables)
}

// commonKeys is how many keys of a call belong to no table.
const commonKeys = 6

// Sizes of the packed strings, in bytes; see lua/commit.lua.
const (
	packedHead  = 6*3 + 8
	packedWrite = 2 + 2 + 3 + 1 + rowHead + 8
	packedRaise = 2 + 2 + 8
)

// add adds a unit's own keys and arguments, and returns the places of the next
// unit's written rows.
func (lo *layout) add(u *commitUnit, at [2]int) [2]int {
	buf := make([]byte, 0, packedHead+2*len(u.tables)+packedRaise*len(u.raises)+packedWrite*len(u.writes)+2*u.columns)
	kind := byte(0)
	if u.owner != "" {
		kind = 1
	}
	buf = binary.BigEndian.AppendUint16(append(buf, kind), uint16(len(u.tables)))
	for _, n := range []int{len(u.leases), len(u.claims), len(u.drops), len(u.rows), len(u.writes)} {
		buf = append3(buf, n)
	}
	buf = binary.BigEndian.AppendUint64(buf, uint64(u.backlog))
	for i := range u.tables {
		buf = binary.BigEndian.AppendUint16(buf, uint16(lo.table(&u.tables[i])+1))
	}
	for i := range u.raises {
		r := &u.raises[i]
		buf = binary.BigEndian.AppendUint16(buf, uint16(slices.Index(lo.counters, r.counter)+1))
		buf = binary.BigEndian.AppendUint16(buf, uint16(lo.table(&u.tables[r.table])+1))
		buf = binary.BigEndian.AppendUint64(buf, r.used)
	}
	lo.args = append(lo.args, buf, strconv.FormatUint(u.id.Seq, 10), u.data)
	for _, list := range [][]expected{u.leases, u.claims, u.drops, u.rows} {
		for i := range list {
			lo.keys, lo.args = append(lo.keys, list[i].key), append(lo.args, list[i].value)
		}
	}
	for i := range u.writes {
		w := &u.writes[i]
		from, place := len(buf), &at[1]
		if w.witness == witnessAbsent {
			place = &at[0]
		}
		buf = binary.BigEndian.AppendUint16(buf, uint16(lo.table(&u.tables[w.table])+1))
		buf = append3(binary.BigEndian.AppendUint16(buf, uint16(w.own+1)), *place)
		buf = append(append(buf, byte(w.witness)), w.head[:]...)
		buf = binary.BigEndian.AppendUint64(buf, uint64(w.version))
		for _, c := range w.columns {
			buf = binary.BigEndian.AppendUint16(buf, c)
		}
		*place++
		lo.args = append(lo.args, buf[from:], w.image)
	}
	for _, k := range u.done {
		lo.keys = append(lo.keys, k)
	}
	if u.owner != "" {
		lo.args = append(lo.args, u.owner)
	}
	return at
}

// append3 appends a number below 2^24: Redis takes fewer arguments than that.
func append3(b []byte, n int) []byte { return append(b, byte(n>>16), byte(n>>8), byte(n)) }

// answer hands the script's reply out to the units.
func (g *commitGroup) answer() {
	reply, err := g.cmd.Result()
	list, ok := reply.([]any)
	for i, c := range g.calls {
		switch {
		case err != nil:
			c.reply, c.err = nil, err
		case !ok:
			c.reply = reply
		case i >= len(list):
			c.err = fmt.Errorf("the commit script answered %d of %d units", len(list), len(g.calls))
		default:
			if e, bad := list[i].(error); bad {
				c.err = e
			} else {
				c.reply = list[i]
			}
		}
	}
}
