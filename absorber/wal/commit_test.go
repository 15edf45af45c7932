package wal

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

func TestCommit(t *testing.T) {
	conform(t, []scenario{
		{"a commit is read back dirty, and stands in the WAL", commitAndRead},
		{"a repeat by id gets the first answer", repeatByID},
		{"a refusal is remembered as well", repeatOfRefusal},
		{"an older unit of the writer is superseded", olderUnit},
		{"a version that changed is a conflict", conflictByVersion},
		{"a lease that was used up is a conflict", conflictByLease},
		{"no row or a tombstone is enough for a fresh key", absentWitness},
		{"a row that must be there may have any version", presentWitness},
		{"a version never repeats for other content", noABA},
		{"a fill after a commit is refused", fillAfterCommit},
		{"two readers of a miss share the lease, and the first fill wins", sharedLease},
		{"a full backlog refuses until it is settled", backlog},
		{"keys and images may hold every byte", everyByte},
		{"names with the key syntax's characters do not collide", oddNames},
		{"a unit of many rows, more than a Lua stack holds", largeUnit},
		{"all or nothing when a later row conflicts", allOrNothing},
		{"a table without a generation is the caller's mistake", noGeneration},
	})
}

func commitAndRead(e *env) {
	if lsn := e.commit(e.unit("a").put("k1", "v1").put("k2", "v2")); lsn != 1 {
		e.Fatalf("first LSN is %d", lsn)
	}
	if lsn := e.commit(e.unit("b").put("k1", "")); lsn != 2 {
		e.Fatalf("second LSN is %d", lsn)
	}
	e.wantRow("k1", "", true)
	e.wantRow("k2", "v2", true)
	if r := e.read("k2"); r.Version != 1 {
		e.Errorf("version is %d, want 1", r.Version)
	}
	recs := e.tail(0)
	if len(recs) != 2 || recs[0].LSN != 1 || recs[1].LSN != 2 {
		e.Fatalf("the WAL holds %v", recs)
	}
	u, err := Decode(recs[0].Data)
	if err != nil {
		e.Fatal(err)
	}
	if len(u.Mutations) != 2 || u.Mutations[1].Key != "k2" || u.ID.Writer != "a" || u.Lane != main0 {
		e.Errorf("unit 1 is %+v", u)
	}
	if info := e.info(e.s); info.Dirty != 2 || info.LastDirty != 2 {
		e.Errorf("pending: %+v", info)
	}
	if p := e.progress(); p.LSN != 2 || p.Pending != 2 || p.Settled != 0 {
		e.Errorf("progress: %+v", p)
	}
}

func presentWitness(e *env) {
	want := func(err error, key, why string) {
		e.Helper()
		c := e.unit("child").put("c"+key+why, "v")
		c.Reads = []RowRead{{RowKey: RowKey{table, row.Key(key)}, Present: true}}
		if _, got := e.s.Commit(e.Context(), c); !errors.Is(got, err) {
			e.Errorf("%s: %v, want %v", why, got, err)
		}
	}
	want(ErrConflict, "p", "no such row")
	e.commit(e.unit("a").put("p", "v1"))
	want(nil, "p", "the row is there")
	e.commit(e.unit("a").put("p", "v2"))
	want(nil, "p", "the row was written since")
	e.commit(e.unit("a").put("p", ""))
	want(ErrConflict, "p", "a tombstone")
	// It does not tell of the row that is written itself.
	c := e.unit("b").put("q", "v")
	c.Reads = []RowRead{{RowKey: RowKey{table, "q"}, Present: true}}
	if _, err := e.s.Commit(e.Context(), c); !errors.Is(err, ErrConflict) {
		e.Errorf("a row that is its own parent and not there yet: %v", err)
	}
}

func repeatByID(e *env) {
	c := e.unit("a").put("k", "v1")
	c.Reads = []RowRead{{RowKey: RowKey{table, "k"}}}
	first := e.commit(c)
	e.commit(e.unit("b").put("k", "v2"))
	if again := e.commit(c); again != first {
		e.Errorf("the repeat got LSN %d, first was %d", again, first)
	}
	e.wantRow("k", "v2", true)
	if n := len(e.tail(0)); n != 2 {
		e.Errorf("the WAL holds %d units, want 2", n)
	}
}

func repeatOfRefusal(e *env) {
	stale := e.read("k")
	e.commit(e.unit("b").put("k", "v1"))
	c := e.unit("a").seen("k", stale).put("k", "v2")
	e.refuse(c, ErrConflict)
	// Were it not remembered, an attempt that the network held back could be
	// applied now that its cause to be refused has gone.
	c.Reads = nil
	e.refuse(c, ErrConflict)
	e.wantRow("k", "v1", true)
}

func olderUnit(e *env) {
	old := e.unit("a").put("k", "old")
	e.commit(e.unit("a").put("k", "new"))
	if _, err := e.s.Commit(e.ctx, old); kind(err) != "fenced" {
		e.Errorf("an older unit gave %v", err)
	}
	e.wantRow("k", "new", true)
}

func conflictByVersion(e *env) {
	e.commit(e.unit("a").put("k", "v1"))
	r := e.read("k")
	e.commit(e.unit("b").seen("k", r).put("k", "v2"))
	e.refuse(e.unit("a").seen("k", r).put("k", "lost update"), ErrConflict)
	e.wantRow("k", "v2", true)
}

func conflictByLease(e *env) {
	r := e.read("k")
	if r.Found || r.Lease == "" {
		e.Fatalf("a miss gave %+v", r)
	}
	c := e.unit("a").seen("k", r).put("k", "v1")
	e.commit(c)
	e.refuse(e.unit("b").seen("k", r).put("k", "v2"), ErrConflict)
	hasty, _ := e.process(e.b.addr, Options{LeaseTTL: 50 * time.Millisecond})
	e.s = hasty
	e.open(hasty)
	fresh := e.read("other")
	e.pass(100 * time.Millisecond)
	e.refuse(e.unit("b").seen("other", fresh).put("other", "v"), ErrConflict)
}

func absentWitness(e *env) {
	e.commit(e.unit("a").seen("k", Row{}).put("k", "v1"))
	e.refuse(e.unit("a").seen("k", Row{}).put("k", "v2"), ErrConflict)
	e.commit(e.unit("a").put("k", ""))
	e.commit(e.unit("a").seen("k", Row{}).put("k", "v3"))
	e.wantRow("k", "v3", true)
}

func noABA(e *env) {
	e.commit(e.unit("a").put("k", "refused by MySQL"))
	before := e.read("k")
	// The unit becomes a dead letter: its row leaves the cache, and MySQL's
	// row, which is another, comes back. The lane's LSN has not moved.
	if err := e.s.Settle(e.ctx, main0, 1, 1, []SettleRow{{RowKey: RowKey{table, "k"}}}); err != nil {
		e.Fatal(err)
	}
	miss := e.read("k")
	filled, err := e.fill("k", miss.Lease, "MySQL's")
	if err != nil {
		e.Fatal(err)
	}
	e.refuse(e.unit("b").seen("k", before).put("k", "computed from the refused row"), ErrConflict)
	// The same again between two fills.
	if err := e.s.Drop(e.ctx, main0, []RowKey{{table, "k"}}); err != nil {
		e.Fatal(err)
	}
	if _, err := e.fill("k", e.read("k").Lease, "changed by the operator"); err != nil {
		e.Fatal(err)
	}
	e.refuse(e.unit("b").seen("k", filled).put("k", "computed from the old row"), ErrConflict)
}

func fillAfterCommit(e *env) {
	miss := e.read("k")
	e.commit(e.unit("a").put("k", "v1"))
	e.settle(1, "k")
	if err := e.s.Drop(e.ctx, main0, []RowKey{{table, "k"}}); err != nil {
		e.Fatal(err)
	}
	if _, err := e.fill("k", miss.Lease, "before the commit"); !errors.Is(err, ErrConflict) {
		e.Errorf("a late fill gave %v", err)
	}
	if r := e.read("k"); r.Found {
		e.Errorf("the old image came back: %+v", r)
	}
}

func sharedLease(e *env) {
	a, b := e.read("k"), e.read("k")
	if a.Lease == "" || a.Lease != b.Lease {
		e.Fatalf("leases %q and %q", a.Lease, b.Lease)
	}
	ra, err := e.fill("k", a.Lease, "image")
	if err != nil {
		e.Fatal(err)
	}
	rb, err := e.fill("k", b.Lease, "image")
	if err != nil || rb.Version != ra.Version || ra.Version < filledFrom {
		e.Errorf("fills gave %+v and %+v, %v", ra, rb, err)
	}
	e.wantRow("k", "image", false)
	e.commit(e.unit("a").seen("k", ra).put("k", "v2"))
	e.wantRow("k", "v2", true)
}

func backlog(e *env) {
	limited := func(key string) *Commit {
		c := e.unit("a").put(key, "v")
		c.MaxBacklog = 2
		return c
	}
	e.commit(limited("1"))
	e.commit(limited("2"))
	e.refuse(limited("3"), ErrFull)
	e.settle(1, "1")
	e.commit(limited("3"))
	e.refuse(limited("4"), ErrFull)
}

func everyByte(e *env) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	key := string(all)
	e.commit(e.unit("a").put(key, key).claim(key, key))
	e.wantRow(key, key, true)
	if c := e.readClaim(key); !c.Held || string(c.Owner) != key {
		e.Errorf("claim %+v", c)
	}
	if u, err := Decode(e.tail(0)[0].Data); err != nil || string(u.Mutations[0].Key) != key || !bytes.Equal(u.Mutations[0].Image[1], all) {
		e.Errorf("unit %+v, %v", u, err)
	}
	e.settle(1, key)
	e.wantRow(key, key, false)
	if info := e.info(e.s); info.Dirty != 0 {
		e.Errorf("still pending: %+v", info)
	}
}

func oddNames(e *env) {
	k := newLaneKeys("sa", "a}b:{c")
	if got := string(k); strings.Count(got, "{") != 1 || strings.Count(got, "}") != 1 {
		e.Errorf("lane prefix %q has no single hash tag", got)
	}
	if a, b := k.row(RowKey{"db.a:1", "k"}, 2), k.row(RowKey{"db.a", "2:k"}, 1); a == b {
		e.Errorf("two rows share the key %q", a)
	}
	if a, b := k.claim(ClaimKey{"db.a", "i:1", "v"}, 1), k.claim(ClaimKey{"db.a", "i", "1:v"}, 1); a == b {
		e.Errorf("two claims share the key %q", a)
	}
	lane := row.Lane("a}b:{c")
	if _, err := e.s.Open(e.ctx, lane); err != nil {
		e.Fatal(err)
	}
	infos, err := e.s.TableStates(e.ctx, lane, []string{"d{b}.a:b"})
	if err != nil {
		e.Fatal(err)
	}
	rk := RowKey{"d{b}.a:b", "k"}
	c := &Commit{Unit: &row.Unit{ID: row.UnitID{Writer: "w", Seq: 1}, Lane: lane}, Gens: map[string]uint64{rk.Table: 1},
		Writes: []RowWrite{{RowKey: rk, Image: []byte("v")}}}
	if _, err := e.s.Commit(e.ctx, c); err != nil {
		e.Fatal(err)
	}
	if rows, err := e.s.Read(e.ctx, lane, infos[0].TableState, []RowKey{rk}, false); err != nil || !rows[0].Found {
		e.Errorf("read %+v, %v", rows, err)
	}
}

func largeUnit(e *env) {
	const n = 9000
	c := e.unit("a")
	var rows []SettleRow
	for i := range n {
		k := fmt.Sprint("k", i)
		c.put(k, "v").claim(k, k)
		rows = append(rows, SettleRow{RowKey{table, row.Key(k)}, time.Minute})
	}
	e.commit(c)
	if info := e.info(e.s); info.Dirty != n {
		e.Fatalf("%d rows are dirty, want %d", info.Dirty, n)
	}
	var claims []ClaimKey
	for _, cl := range c.Claims {
		claims = append(claims, cl.ClaimKey)
	}
	if err := e.s.Settle(e.ctx, main0, 1, 1, rows, claims...); err != nil {
		e.Fatal(err)
	}
	if info := e.info(e.s); info.Dirty != 0 {
		e.Errorf("%d rows are still dirty", info.Dirty)
	}
	if cl := e.readClaim("k8999"); cl.Held {
		e.Errorf("claim %+v was not dropped", cl)
	}
}

func allOrNothing(e *env) {
	e.commit(e.unit("a").put("last", "v1").claim("taken", "last"))
	miss, old := e.read("first"), e.read("last")
	e.commit(e.unit("b").seen("last", old).put("last", "v2"))
	before := e.progress()
	e.refuse(e.unit("a").seen("first", miss).seen("last", old).put("first", "x").put("last", "x"), ErrConflict)
	e.refuse(e.unit("a").seen("first", miss).put("first", "x").claim("free", "first").claim("taken", "first"), ErrConflict)
	if after := e.progress(); !reflect.DeepEqual(after, before) {
		e.Errorf("progress moved from %+v to %+v", before, after)
	}
	if r := e.read("first"); r.Found || r.Lease != miss.Lease {
		e.Errorf("the refused units left %+v, lease was %q", r, miss.Lease)
	}
	if cl := e.readClaim("free"); cl.Held {
		e.Errorf("a refused unit left claim %+v", cl)
	}
	if info := e.info(e.s); info.Dirty != 1 {
		e.Errorf("pending %+v", info)
	}
}

func noGeneration(e *env) {
	c := e.unit("a").put("k", "v")
	c.Gens = nil
	if _, err := e.s.Commit(e.ctx, c); kind(err) != "permanent" {
		e.Errorf("commit gave %v", err)
	}
}
