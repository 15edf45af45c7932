package absorber

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// handmade is a transaction on rows 1 and 2 of pairs, without any server.
func handmade(t *testing.T) (*Transaction, func(id int, now row.Image)) {
	t.Helper()
	x := &Transaction{rows: map[wal.RowKey]*lockedRow{}, seen: map[wal.RowKey]seenRow{}, held: map[wal.ClaimKey]wal.RowKey{}, based: map[wal.ClaimKey]bool{}}
	key := func(id int) wal.RowKey {
		ref, err := row.IndexRef(pairs, pairRow(id, id, ""))
		if err != nil {
			t.Fatal(err)
		}
		return wal.RowKey{Table: "d.pairs", Key: ref.Key}
	}
	for id := 1; id <= 2; id++ {
		im := pairRow(id, id*10, "old")
		x.add(&lockedRow{t: pairs, ref: row.Ref{Key: key(id).Key, Values: [][]byte{im[0]}}, base: im, now: im})
	}
	return x, func(id int, now row.Image) {
		k := key(id)
		if x.rows[k] == nil {
			x.add(&lockedRow{t: pairs, ref: row.Ref{Key: k.Key}})
		}
		x.note([]step{{key: k, old: x.rows[k].now, new: now}})
	}
}

// tale is what a transaction would replay.
func (x *Transaction) tale() (out []string) {
	for _, s := range x.Steps() {
		if s.Savepoint != "" {
			out = append(out, s.Savepoint)
			continue
		}
		out = append(out, fmt.Sprintf("%s %s", s.Change.Mutation.Op, s.Change.Mutation.Image[1]))
	}
	return out
}

// TestTransactionSavepoints: what is rolled back leaves neither a step nor an
// image, what is released only loses its name, and a name is a savepoint's once.
func TestTransactionSavepoints(t *testing.T) {
	x, set := handmade(t)
	same := func(want ...string) {
		t.Helper()
		if got := x.tale(); !slices.Equal(got, want) {
			t.Fatalf("the steps are %q, want %q", got, want)
		}
	}
	set(1, pairRow(1, 10, "a"))
	x.Savepoint("One")
	set(1, pairRow(1, 10, "b"))
	x.Savepoint("two")
	set(3, pairRow(3, 30, "c"))
	set(1, nil)
	same("update a", "one", "update b", "two", "insert c", "delete b")
	if !x.RollbackTo("TWO") || x.RollbackTo("three") || x.Release("three") {
		t.Fatal("a savepoint's name was taken for another")
	}
	same("update a", "one", "update b", "two")
	if n := x.net(pairs, nil); len(n) != 1 || string(n[0].new[1]) != "b" {
		t.Errorf("the net changes are %v", n)
	}
	if !x.Release("one") || x.RollbackTo("two") {
		t.Error("releasing a savepoint releases those set after it")
	}
	same("update a", "update b")
	x.Savepoint("s")
	set(2, pairRow(2, 20, "d"))
	x.Savepoint("S")
	same("update a", "update b", "update d", "s")
	set(2, pairRow(2, 20, "old"))
	set(1, pairRow(1, 10, "old"))
	if n := x.net(pairs, nil); len(n) != 0 {
		t.Errorf("rows that are what they were are changes: %v", n)
	}
	if n := len(x.Locked()); n != 3 {
		t.Errorf("%d rows are locked; a row that was inserted and taken back is one of three", n)
	}
	set(3, pairRow(3, 30, "again"))
	if n := len(x.Locked()); n != 2 {
		t.Errorf("%d rows are to be found as they were; the INSERT finds out about the third", n)
	}
}

// TestTransactionDistinct: a unique value is one row's, also when the row that had
// it before the transaction comes back to it.
func TestTransactionDistinct(t *testing.T) {
	x, set := handmade(t)
	key := func(id int) wal.RowKey {
		ref, err := row.IndexRef(pairs, pairRow(id, 0, ""))
		if err != nil {
			t.Fatal(err)
		}
		return wal.RowKey{Table: "d.pairs", Key: ref.Key}
	}
	taken := func(id, u int) bool {
		t.Helper()
		err := x.distinct(pairs, []step{{key: key(id), new: pairRow(id, u, "")}})
		var dup *Duplicate
		if err != nil && !errors.As(err, &dup) {
			t.Fatal(err)
		}
		return err != nil
	}
	if taken(1, 30) || !taken(1, 20) || taken(1, 10) {
		t.Error("rows as they were")
	}
	x.Savepoint("s")
	set(2, nil)
	set(1, pairRow(1, 20, ""))
	if !taken(2, 20) || taken(2, 10) {
		t.Error("row 1 has taken the value of row 2, which may not come back to it, but take that of row 1")
	}
	swap := []step{{key: key(1), new: pairRow(1, 10, "")}, {key: key(2), new: pairRow(2, 20, "")}}
	if err := x.distinct(pairs, swap); err != nil {
		t.Errorf("one statement moves both: %v", err)
	}
	swap[0].new = pairRow(1, 20, "")
	var refused *Refused
	if err := x.distinct(pairs, swap); !errors.As(err, &refused) {
		t.Errorf("two rows of a statement with one value: %v", err)
	}
	x.RollbackTo("s")
	if !taken(1, 20) || !taken(2, 10) || taken(2, 20) {
		t.Error("rows as they were, again")
	}
}

// TestPatience: a wait goes on until its limit, and not after it.
func TestPatience(t *testing.T) {
	var p patience
	n := 0
	for ; n < 1000; n++ {
		err := p.wait(t.Context(), 30*time.Millisecond)
		if errors.Is(err, ErrLockWait) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if n == 0 || n == 1000 {
		t.Errorf("%d waits", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var q patience
	if err := q.wait(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled wait gave %v", err)
	}
}
