package wal

import (
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

func TestClaims(t *testing.T) {
	conform(t, []scenario{
		{"a value is held by its owner alone", claimDuplicate},
		{"a row may take its own value again", claimAgain},
		{"a value moves between rows in one unit", claimMoves},
		{"a released value is free, another's is not released", claimReleased},
		{"a lease on a value ends when somebody takes it", claimLeaseEnds},
		{"whoever saw no claim loses against the commit that took it, settled or not", claimSettleRace},
		{"settle leaves a claim that was taken again", claimRetaken},
	})
}

// settleClaims settles without rows.
func (e *env) settleClaims(upto row.LSN, values ...string) {
	e.Helper()
	var keys []ClaimKey
	for _, v := range values {
		keys = append(keys, claimKey(v))
	}
	if err := e.s.Settle(e.ctx, main0, 1, upto, nil, keys...); err != nil {
		e.Fatalf("settle claims: %v", err)
	}
}

func claimDuplicate(e *env) {
	e.commit(e.unit("a").put("1", "x@y").claim("x@y", "1"))
	if c := e.readClaim("x@y"); !c.Held || c.Owner != "1" || c.Lease != "" {
		e.Errorf("claim %+v", c)
	}
	e.refuse(e.unit("b").put("2", "x@y").claim("x@y", "2"), ErrConflict)
	if r := e.read("2"); r.Found {
		e.Errorf("the refused row is there: %+v", r)
	}
}

func claimAgain(e *env) {
	e.commit(e.unit("a").put("1", "x@y").claim("x@y", "1"))
	e.commit(e.unit("a").put("1", "x@y").claim("x@y", "1"))
}

func claimMoves(e *env) {
	e.commit(e.unit("a").put("1", "x").claim("x", "1").put("2", "y").claim("y", "2"))
	e.commit(e.unit("a").put("1", "y").put("2", "x").
		release("x", "1").release("y", "2").claim("y", "1").claim("x", "2"))
	if x, y := e.readClaim("x"), e.readClaim("y"); x.Owner != "2" || y.Owner != "1" {
		e.Errorf("x is held by %q, y by %q", x.Owner, y.Owner)
	}
}

func claimReleased(e *env) {
	e.commit(e.unit("a").put("1", "x").claim("x", "1"))
	e.commit(e.unit("a").put("9", "z").release("x", "9"))
	if c := e.readClaim("x"); !c.Held {
		e.Fatal("a row has released another's claim")
	}
	e.refuse(e.unit("a").put("2", "x").release("x", "2").claim("x", "2"), ErrConflict)
	e.commit(e.unit("a").put("1", "").release("x", "1"))
	free := e.readClaim("x")
	if free.Held {
		e.Fatalf("claim %+v", free)
	}
	e.commit(e.unit("a").put("2", "x").unclaimed("x", free).claim("x", "2"))
}

func claimLeaseEnds(e *env) {
	free := e.readClaim("x")
	e.commit(e.unit("a").put("1", "x").unclaimed("x", free).claim("x", "1"))
	e.commit(e.unit("a").put("1", "").release("x", "1"))
	// x is free again, but not the freedom that the first reader saw: in
	// between it was taken, so MySQL may hold it by now.
	e.refuse(e.unit("b").put("2", "x").unclaimed("x", free).claim("x", "2"), ErrConflict)
}

// Claims are dropped at settle although a reader may have looked before: a
// reader who saw no claim holds a lease, which the commit that took the claim
// has deleted; a reader who comes after the settle asks MySQL, which has it.
func claimSettleRace(e *env) {
	free := e.readClaim("x") // and reads MySQL: nobody has x
	e.commit(e.unit("a").put("1", "x").claim("x", "1"))
	e.settle(1, "1")
	e.settleClaims(1, "x")
	if c := e.readClaim("x"); c.Held {
		e.Fatalf("the claim outlived its settle: %+v", c)
	}
	e.refuse(e.unit("b").put("2", "x").unclaimed("x", free).claim("x", "2"), ErrConflict)
}

func claimRetaken(e *env) {
	e.commit(e.unit("a").put("1", "x").claim("x", "1"))
	e.commit(e.unit("a").put("1", "").release("x", "1"))
	e.commit(e.unit("a").put("2", "x").claim("x", "2"))
	e.settleClaims(2, "x")
	if c := e.readClaim("x"); c.Owner != "2" {
		e.Errorf("claim %+v", c)
	}
	e.settleClaims(3, "x")
	if c := e.readClaim("x"); c.Held {
		e.Errorf("claim %+v", c)
	}
}
