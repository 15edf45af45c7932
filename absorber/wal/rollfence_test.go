package wal

import (
	"context"
	"errors"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// rollFence: MySQL being away, and what it has got meanwhile, keep the lane closed.
func rollFence(r *rolled) {
	calls, checkpoint, away := 0, row.LSN(0), errors.New("MySQL is away")
	fencing, _ := r.process(r.server.Addr, Options{Process: "fencing", Fence: func(_ context.Context, lane row.Lane, above row.Epoch) (row.LSN, row.Epoch, error) {
		if calls++; lane != main0 {
			r.Errorf("lane %q is fenced", lane)
		}
		return checkpoint, max(above+1, row.Epoch(calls)), away
	}})
	r.open(fencing)
	if calls > 0 {
		r.Error("a lane that was open in this run of Redis is fenced")
	}
	r.by(fencing, 1)
	r.save()
	r.restart()
	r.closed(fencing)
	if err := r.adopt(fencing); !errors.Is(err, away) || calls != 1 {
		r.Fatalf("adopt gave %v after %d fences", err, calls)
	}
	r.closed(fencing)
	away, checkpoint = nil, 1
	if err := r.adopt(fencing); err != nil || calls != 2 {
		r.Fatalf("adopt gave %v after %d fences", err, calls)
	}
	if lsn := r.by(fencing, 1); lsn != 2 {
		r.Errorf("the next LSN is %d", lsn)
	}
	if p := r.progress(); p.Refused.String() != "1:2" {
		r.Errorf("refused are %v", p.Refused)
	}
	var late *row.Error
	if err := fencing.Relayed(r.ctx, main0, 1, 2); !errors.As(err, &late) || late.Kind != row.Fenced {
		r.Errorf("the owner before the fence has relayed a unit: %v", err)
	}
	if err := fencing.Relayed(r.ctx, main0, 2, 2); err != nil {
		r.Error(err)
	}

	// What was in flight when the lane was looked at may be in MySQL now.
	r.save()
	r.closed(r.s)
	if err := r.adopt(r.s); err != nil {
		r.Fatal(err)
	}
	r.by(r.s, 1)
	r.restart()
	r.closed(fencing)
	checkpoint = 3
	if err := r.adopt(fencing); !errors.Is(err, ErrLost) || calls != 3 {
		r.Errorf("adopt of a lane that ends at 2, drained up to 3, gave %v after %d fences", err, calls)
	}
}

// rollRefused: a second restart, which loses nothing, does not make records count
// that the first has made void. MySQL has forgotten the epochs meanwhile.
func rollRefused(r *rolled) {
	p, _ := r.process(r.server.Addr, Options{Process: "p", Fence: func(_ context.Context, _ row.Lane, above row.Epoch) (row.LSN, row.Epoch, error) {
		return 0, max(above+1, 7), nil
	}})
	r.open(p)
	next := func(want string) {
		r.Helper()
		r.save()
		r.restart()
		r.closed(p)
		if err := r.adopt(p); err != nil {
			r.Fatal(err)
		}
		if got := r.progress().Refused.String(); got != want || p.Knows(main0).Refused.String() != want {
			r.Errorf("refused are %s, want %s", got, want)
		}
	}
	settle := func(upto row.LSN) {
		r.Helper()
		if err := p.Settle(r.ctx, main0, 6, upto, nil); err != nil {
			r.Fatal(err)
		}
	}
	r.by(p, 2)
	settle(2)
	next("2:7")
	r.by(p, 3)
	next("2:7 5:8")
	settle(4)
	next("2:7 5:9") // of two at one LSN the later says all
	for rec, want := range map[*Record]bool{{LSN: 3, Epoch: 6}: true, {LSN: 2, Epoch: 6}: false, {LSN: 5, Epoch: 7}: false, {LSN: 6, Epoch: 7}: true} {
		if got := (row.Refusals{{Above: 2, Before: 7}, {Above: 5, Before: 8}}).Hold(rec.LSN, rec.Epoch); got != want {
			r.Errorf("%+v is refused: %v", rec, got)
		}
	}
	settle(5)
	next("2:7 5:10") // MySQL may go back to before what is settled
	left, err := p.Remains(r.ctx, main0)
	if err == nil {
		left, err = p.Rebuild(r.ctx, main0, left, Rebuilt{End: 5, Start: 100})
	}
	if err != nil || left.Refused.String() != "2:7 5:10" {
		r.Errorf("%v, refused in the next life are %v", err, left.Refused)
	}
}
