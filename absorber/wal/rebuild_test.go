package wal

import (
	"errors"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// TestRebuild: only one of those who rebuild a lane succeeds, nothing is
// committed meanwhile, and the others join.
func TestRebuild(t *testing.T) {
	conform(t, []scenario{
		{"a sealed lane takes no commits", rebuildSealed},
		{"the slower of two is refused", rebuildRace},
		{"a process that joins names what it misses", rebuildJoin},
		{"a process that has seen more leaves word of it", rebuildTold},
	})
}

func rebuildSealed(e *env) {
	e.commit(e.unit("a").put("k", "v"))
	other, _ := e.process(e.b.addr, Options{})
	e.open(other)
	was, err := other.Remains(e.ctx, main0)
	if err != nil {
		e.Fatal(err)
	}
	sealed, err := other.Seal(e.ctx, main0, was)
	if err != nil || sealed.LSN != 1 || !sealed.Sealed {
		e.Fatalf("%+v, %v", sealed, err)
	}
	e.refuse(e.unit("a").put("k", "w"), ErrLost)
	if err := e.s.Verify(e.ctx, main0); !errors.Is(err, ErrLost) {
		e.Errorf("verify gave %v", err)
	}
	if _, err := e.s.Join(e.ctx, main0, 0); !errors.Is(err, ErrLost) {
		e.Errorf("joining a sealed lane gave %v", err)
	}
	if recs, err := other.Tail(e.ctx, main0, 0, 10, 0); err != nil || len(recs) != 1 {
		e.Errorf("whoever sealed it reads %d units, %v", len(recs), err)
	}
}

func rebuildRace(e *env) {
	e.commit(e.unit("a").put("k", "v"))
	was := e.progress()
	other, _ := e.process(e.b.addr, Options{})
	first, err := e.s.Seal(e.ctx, main0, was)
	if err != nil {
		e.Fatal(err)
	}
	second, err := other.Seal(e.ctx, main0, first)
	if err != nil {
		e.Fatal(err)
	}
	if _, err := e.s.Rebuild(e.ctx, main0, first, Rebuilt{End: 1, Start: 10}); !errors.Is(err, ErrConflict) {
		e.Errorf("the slower one got %v", err)
	}
	if _, err := other.Rebuild(e.ctx, main0, second, Rebuilt{End: 1, Start: 10}); err != nil {
		e.Error(err)
	}
	if p, err := e.s.Join(e.ctx, main0, 1); err != nil || p.LSN != 10 {
		e.Errorf("join: %+v, %v", p, err)
	}
	e.st = e.info(e.s).TableState
	if lsn := e.commit(e.unit("a").put("k", "w")); lsn != 11 {
		e.Errorf("the next LSN is %d", lsn)
	}
}

func rebuildJoin(e *env) {
	for range 5 {
		e.commit(e.unit("a").put("k", "v"))
	}
	if err := e.rdb.FlushAll(e.ctx).Err(); err != nil {
		e.Fatal(err)
	}
	other, _ := e.process(e.b.addr, Options{})
	p, err := other.Rebuild(e.ctx, main0, Progress{}, Rebuilt{End: 2, Start: 1000})
	if err != nil || p.Lost() != 0 {
		e.Fatalf("%+v, %v", p, err)
	}
	if err := e.s.Verify(e.ctx, main0); !errors.Is(err, ErrLost) {
		e.Fatalf("verify gave %v", err)
	}
	if _, err := e.s.Join(e.ctx, main0, 2); err != nil {
		e.Fatal(err)
	}
	if p := e.progress(); p.LostAfter != 2 || p.LostTo != 5 || p.Lost() != 3 {
		e.Errorf("progress %+v", p)
	}
	// Another goroutine of the same process comes later, and finds it open.
	if p, err := e.s.Join(e.ctx, main0, 2); err != nil || p.LSN != 1000 {
		e.Errorf("join of an open lane: %+v, %v", p, err)
	}
	if _, err := e.s.Join(e.ctx, main0, 1001); !errors.Is(err, ErrLost) {
		e.Errorf("join of a lane that is too short gave %v", err)
	}
	e.s.Doubt(main0)
	if _, err := e.s.Join(e.ctx, main0, 2); !errors.Is(err, ErrLost) {
		e.Errorf("join of a lane in doubt gave %v", err)
	}
}

func rebuildTold(e *env) {
	for range 5 {
		e.commit(e.unit("a").put("k", "v"))
	}
	e.rollBack(3, 0)
	if err := e.s.Adopt(e.ctx, main0, 0); !errors.Is(err, ErrLost) {
		e.Errorf("adopt gave %v", err)
	}
	other, _ := e.process(e.b.addr, Options{})
	if p, err := other.Remains(e.ctx, main0); err != nil || p.Told != row.LSN(5) {
		e.Errorf("progress %+v, %v", p, err)
	}
}
