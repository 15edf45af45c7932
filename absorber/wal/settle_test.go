package wal

import (
	"errors"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

func TestSettleAndTail(t *testing.T) {
	conform(t, []scenario{
		{"settled rows are clean and expire, tombstones go", settleClean},
		{"a row written again stays dirty", settleOlder},
		{"a row written again whose value is gone stays pending", settleGone},
		{"settling again is harmless", settleTwice},
		{"TTL 0 drops the row and the lease of its readers", settleDrop},
		{"drop leaves dirty rows", dropDirty},
		{"an older epoch is fenced", settleFenced},
		{"settling what was never committed is refused", settleBeyond},
		{"settle trims the WAL, and Tail says what is gone", settleTrims},
		{"a long WAL is trimmed in steps", settleLong},
		{"Tail is gapless, bounded, and waits", tailWaits},
		{"Tail refuses a gap", tailGap},
		{"settle after a gate finds the rows of the new generation", settleGeneration},
	})
}

func settleClean(e *env) {
	e.commit(e.unit("a").put("k", "v").put("gone", ""))
	row := SettleRow{RowKey{table, "k"}, 80 * time.Millisecond}
	if err := e.s.Settle(e.ctx, main0, 1, 1, []SettleRow{row, {RowKey{table, "gone"}, time.Minute}}); err != nil {
		e.Fatal(err)
	}
	e.wantRow("k", "v", false)
	if r := e.read("k"); r.Version != 1 {
		e.Errorf("settling changed the version to %d", r.Version)
	}
	if r := e.read("gone"); r.Found {
		e.Errorf("the tombstone is still there: %+v", r)
	}
	if i := e.info(e.s); i.Dirty != 0 || i.LastDirty != 0 {
		e.Errorf("pending: %+v", i)
	}
	e.pass(200 * time.Millisecond)
	if r := e.read("k"); r.Found {
		e.Errorf("the clean row outlived its TTL: %+v", r)
	}
}

func settleOlder(e *env) {
	e.commit(e.unit("a").put("k", "v1"))
	e.commit(e.unit("a").put("k", "v2"))
	e.settle(1, "k")
	e.wantRow("k", "v2", true)
	if i := e.info(e.s); i.Dirty != 1 || i.LastDirty != 2 {
		e.Errorf("pending: %+v", i)
	}
	e.settle(2, "k")
	e.wantRow("k", "v2", false)
	// Written again, a clean row loses its TTL.
	e.commit(e.unit("a").put("k", "v3"))
	e.pass(10 * time.Millisecond)
	if e.b.mini != nil {
		e.pass(time.Hour)
	}
	e.wantRow("k", "v3", true)
}

// Somebody has deleted the row's key (an operator, a Redis that evicts): the
// table still knows that MySQL does not have the later write.
func settleGone(e *env) {
	e.commit(e.unit("a").put("k", "v1"))
	e.commit(e.unit("a").put("k", "v2"))
	if err := e.rdb.Del(e.ctx, e.s.lane(main0).keys.row(RowKey{table, "k"}, e.st.Gen)).Err(); err != nil {
		e.Fatal(err)
	}
	e.settle(1, "k")
	if i := e.info(e.s); i.Dirty != 1 || i.LastDirty != 2 {
		e.Errorf("pending: %+v", i)
	}
	e.settle(2, "k")
	if i := e.info(e.s); i.Dirty != 0 {
		e.Errorf("pending: %+v", i)
	}
}

func settleTwice(e *env) {
	e.commit(e.unit("a").put("k", "v1").put("d", ""))
	e.settle(1, "k", "d")
	e.settle(1, "k", "d")
	e.wantRow("k", "v1", false)
	if p := e.progress(); p.Settled != 1 || p.Pending != 0 || p.Epoch != 1 {
		e.Errorf("progress %+v", p)
	}
	e.settle(0)
	if p := e.progress(); p.Settled != 1 {
		e.Errorf("settled went back: %+v", p)
	}
}

func settleDrop(e *env) {
	e.commit(e.unit("a").put("k", "v"))
	if err := e.s.Settle(e.ctx, main0, 1, 1, []SettleRow{{RowKey: RowKey{table, "k"}}}); err != nil {
		e.Fatal(err)
	}
	miss := e.read("k")
	if miss.Found {
		e.Fatalf("the row is still there: %+v", miss)
	}
	// A reader asks MySQL; then the operator changes the row there, and drops it here.
	if err := e.s.Drop(e.ctx, main0, []RowKey{{table, "k"}}); err != nil {
		e.Fatal(err)
	}
	if _, err := e.fill("k", miss.Lease, "old"); !errors.Is(err, ErrConflict) {
		e.Errorf("the reader's fill gave %v", err)
	}
}

func dropDirty(e *env) {
	e.commit(e.unit("a").put("k", "v"))
	if err := e.s.Drop(e.ctx, main0, []RowKey{{table, "k"}, {table, "unknown"}}); err != nil {
		e.Fatal(err)
	}
	e.wantRow("k", "v", true)
	if i := e.info(e.s); i.Dirty != 1 {
		e.Errorf("pending %+v", i)
	}
}

func settleFenced(e *env) {
	e.commit(e.unit("a").put("k", "v"))
	e.commit(e.unit("a").put("k2", "v"))
	if err := e.s.Settle(e.ctx, main0, 5, 1, []SettleRow{{RowKey{table, "k"}, time.Minute}}); err != nil {
		e.Fatal(err)
	}
	err := e.s.Settle(e.ctx, main0, 4, 2, []SettleRow{{RowKey{table, "k2"}, time.Minute}})
	if kind(err) != "fenced" {
		e.Errorf("an older epoch gave %v", err)
	}
	if err := e.s.Settle(e.ctx, main0, 4, 2, nil); kind(err) != "fenced" {
		e.Errorf("an older epoch without rows gave %v", err)
	}
	e.wantRow("k2", "v", true)
}

func settleBeyond(e *env) {
	e.commit(e.unit("a").put("k", "v"))
	err := e.s.Settle(e.ctx, main0, 1, 2, []SettleRow{{RowKey{table, "k"}, time.Minute}})
	if !errors.Is(err, ErrLost) {
		e.Errorf("settling beyond the lane's end gave %v", err)
	}
	e.wantRow("k", "v", true)
}

func settleTrims(e *env) {
	for range 5 {
		e.commit(e.unit("a").put("k", "v"))
	}
	e.settle(3, "k")
	if recs := e.tail(3); len(recs) != 2 || recs[0].LSN != 4 {
		e.Errorf("tail after 3 gave %v", recs)
	}
	_, err := e.s.Tail(e.ctx, main0, 1, 10, 0)
	var re *row.Error
	if !errors.Is(err, ErrTrimmed) || !errors.As(err, &re) || re.LSN != 2 {
		e.Errorf("tail after 1 gave %v", err)
	}
	e.settle(5, "k")
	if _, err := e.s.Tail(e.ctx, main0, 4, 10, 0); !errors.Is(err, ErrTrimmed) {
		e.Errorf("tail after 4 of an empty WAL gave %v", err)
	}
	if recs := e.tail(5); len(recs) != 0 {
		e.Errorf("tail at the end gave %v", recs)
	}
	if lsn := e.commit(e.unit("a").put("k", "v")); lsn != 6 {
		e.Errorf("the LSN after an empty WAL is %d", lsn)
	}
}

func settleLong(e *env) {
	const n = 2*trimUnits + 10
	for range n {
		e.commit(e.unit("a").put("k", "v"))
	}
	e.settle(n-5, "k")
	if recs := e.tail(n - 5); len(recs) != 5 {
		e.Errorf("%d units left, want 5", len(recs))
	}
	if l, err := e.rdb.XLen(e.ctx, e.s.lane(main0).keys.wal()).Result(); err != nil || l != 5 {
		e.Errorf("the stream holds %d entries, %v", l, err)
	}
}

func tailWaits(e *env) {
	for range 5 {
		e.commit(e.unit("a").put("k", "v"))
	}
	recs, err := e.s.Tail(e.ctx, main0, 1, 2, 0)
	if err != nil || len(recs) != 2 || recs[0].LSN != 2 || recs[1].LSN != 3 {
		e.Errorf("two after 1: %v, %v", recs, err)
	}
	got := make(chan []Record, 1)
	go func() {
		recs, err := e.s.Tail(e.ctx, main0, 5, 10, 30*time.Second)
		if err != nil {
			e.Errorf("waiting tail: %v", err)
		}
		got <- recs
	}()
	e.pass(20 * time.Millisecond)
	e.commit(e.unit("a").put("k", "v"))
	if recs := <-got; len(recs) != 1 || recs[0].LSN != 6 {
		e.Errorf("the waiting tail got %v", recs)
	}
	if _, err := e.s.Tail(e.ctx, main0, 7, 10, 0); !errors.Is(err, ErrLost) {
		e.Errorf("tail beyond the end gave %v", err)
	}
	if _, err := e.s.Tail(e.ctx, main0, 0, 0, 0); kind(err) != "permanent" {
		e.Errorf("tail of nothing gave %v", err)
	}
}

func tailGap(e *env) {
	for range 3 {
		e.commit(e.unit("a").put("k", "v"))
	}
	if err := e.rdb.XDel(e.ctx, e.s.lane(main0).keys.wal(), "2-0").Err(); err != nil {
		e.Fatal(err)
	}
	var re *row.Error
	if _, err := e.s.Tail(e.ctx, main0, 0, 10, 0); !errors.Is(err, ErrTrimmed) || !errors.As(err, &re) || re.LSN != 2 {
		e.Errorf("a WAL without 2 gave %v", err)
	}
}

func settleGeneration(e *env) {
	e.join("o", 1, time.Minute)
	if err := e.s.ShutGate(e.ctx, main0, table, Counter{}); err != nil {
		e.Fatal(err)
	}
	e.leave("o")
	e.st = e.info(e.s).TableState
	e.commit(e.unit("a").put("k", "v"))
	e.settle(1, "k")
	e.wantRow("k", "v", false)
}
