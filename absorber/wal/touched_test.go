package wal

import (
	"maps"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

func TestTouched(t *testing.T) {
	conform(t, []scenario{
		{"what is pending of a table is told apart", touchedApart},
		{"what is pending from before it was noted may be anything", touchedBefore},
		{"a unit that depends on a table is refused once it was touched", touchedSince},
		{"units that share a call see each other", touchedTogether},
		{"a lane that was rebuilt knows of nothing", touchedRebuilt},
		{"a process that notes nothing may have touched anything", touchedSilently},
	})
}

// set adds an UPDATE of columns to the commit.
func (c *Commit) set(key, image string, columns ...uint16) *Commit {
	c.put(key, image)
	c.Writes[len(c.Writes)-1].Columns = columns
	return c
}

// still adds the table's mark as a witness.
func (c *Commit) still(lsn row.LSN) *Commit {
	c.Unmoved = append(c.Unmoved, Mark{table, lsn})
	return c
}

// wantTouched compares what is touched.
func (e *env) wantTouched(last, rows row.LSN, columns map[uint16]row.LSN) {
	e.Helper()
	infos, err := e.s.TableReads(e.ctx, main0, []string{table})
	if err != nil {
		e.Fatal(err)
	}
	want := map[TouchedColumn]row.LSN{}
	for c, lsn := range columns {
		want[TouchedColumn{7, c}] = lsn
	}
	if got := infos[0].Touched; got.Last != last || got.Rows != rows || !maps.Equal(got.Columns, want) {
		e.Errorf("touched %+v; want last %d, rows %d, columns %v", got, last, rows, columns)
	}
}

func touchedApart(e *env) {
	e.wantTouched(0, 0, nil)
	e.commit(e.unit("a").put("k", "v"))
	e.wantTouched(1, 1, nil)
	e.commit(e.unit("a").set("k", "w", 1, 300).set("l", "w", 2))
	e.commit(e.unit("a").set("k", "x", 1))
	e.wantTouched(3, 1, map[uint16]row.LSN{1: 3, 2: 2, 300: 2})
	e.settle(1, "k")
	e.wantTouched(3, 0, map[uint16]row.LSN{1: 3, 2: 2, 300: 2})
	e.settle(2, "k", "l")
	e.wantTouched(3, 0, map[uint16]row.LSN{1: 3})
	e.commit(e.unit("a").put("k", ""))
	e.settle(3, "k")
	e.wantTouched(4, 4, nil)
	e.settle(4, "k")
	e.wantTouched(4, 0, nil)
}

func touchedBefore(e *env) {
	e.commit(e.unit("a").set("k", "v", 1))
	if err := e.rdb.Del(e.ctx, e.prefix+":{main}:touched:"+table).Err(); err != nil {
		e.Fatal(err)
	}
	e.wantTouched(1, 1, nil)
	e.commit(e.unit("a").set("l", "v", 2))
	e.wantTouched(2, 1, map[uint16]row.LSN{2: 2})
	e.settle(1, "k")
	e.wantTouched(2, 0, map[uint16]row.LSN{2: 2})
}

func touchedSince(e *env) {
	e.commit(e.unit("a").still(0).put("k", "v"))
	e.refuse(e.unit("a").still(0).put("l", "v"), ErrConflict)
	e.commit(e.unit("a").still(1).set("k", "w", 1))
	e.refuse(e.unit("a").still(1).put("l", "v"), ErrConflict)
	e.settle(2, "k") // to be drained is not to be touched
	e.commit(e.unit("a").still(2).put("l", "v"))
	e.wantTouched(3, 3, nil)
}

func touchedTogether(e *env) {
	units := []*commitUnit{}
	l := e.s.lane(main0)
	record, err := e.s.writerRecord(e.ctx, l)
	if err != nil {
		e.Fatal(err)
	}
	for _, c := range []*Commit{e.unit("a").still(0).put("k", "v"), e.unit("b").still(0).put("l", "v"), e.unit("c").still(1).put("m", "v"), e.unit("d").put("n", "v")} {
		u, err := newCommitUnit(l, e.st.Incarnation, record, c)
		if err != nil {
			e.Fatal(err)
		}
		units = append(units, u)
	}
	var calls []*call
	for _, u := range units {
		calls = append(calls, &call{lane: l, unit: u})
	}
	e.s.sendCommits(calls)
	for i, want := range []int64{1, ansConflict, 2, 3} {
		if calls[i].err != nil || calls[i].reply != want {
			e.Errorf("unit %d: %v, %v; want %d", i, calls[i].reply, calls[i].err, want)
		}
	}
	e.wantTouched(3, 3, nil)
}

func touchedSilently(e *env) {
	e.commit(e.unit("a").set("k", "v", 1))
	e.settle(1, "k")
	before, err := e.rdb.HGetAll(e.ctx, e.prefix+":{main}:touched:"+table).Result()
	if err != nil {
		e.Fatal(err)
	}
	e.commit(e.unit("a").set("l", "v", 2))
	e.rdb.Del(e.ctx, e.prefix+":{main}:touched:"+table)
	if err := e.rdb.HSet(e.ctx, e.prefix+":{main}:touched:"+table, before).Err(); err != nil {
		e.Fatal(err)
	}
	e.wantTouched(2, 2, nil)
	e.refuse(e.unit("a").still(1).put("m", "v"), ErrConflict)
	e.commit(e.unit("a").still(2).set("l", "w", 3))
	e.wantTouched(3, 2, map[uint16]row.LSN{3: 3})
	if by := (Touched{Columns: map[TouchedColumn]row.LSN{{8, 1}: 5}}).By(7, nil); by != 5 {
		e.Errorf("a column of another definition was touched by %d, want 5", by)
	}
}

func touchedRebuilt(e *env) {
	e.commit(e.unit("a").set("k", "v", 1))
	was, err := e.s.Remains(e.ctx, main0)
	if err == nil {
		_, err = e.s.Rebuild(e.ctx, main0, was, Rebuilt{End: 1, Start: 1000})
	}
	if err != nil {
		e.Fatal(err)
	}
	e.wantTouched(0, 0, nil)
	e.st = e.info(e.s).TableState
	e.commit(e.unit("a").still(0).set("k", "v", 1))
	e.wantTouched(1001, 0, map[uint16]row.LSN{1: 1001})
}
