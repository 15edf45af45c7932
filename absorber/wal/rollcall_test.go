package wal

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// TestRollCall: a Redis that was restarted without its last units takes no
// commits before everybody alive has said how far he saw the lane. Whoever looks
// first may not know of what is missing; its commits would be given the LSNs of
// units that another process has acknowledged, and nobody would miss those.
func TestRollCall(t *testing.T) {
	for name, start := range map[string]func(testing.TB, ...string) *servertest.RedisServer{
		"redis7": servertest.Redis, "redis8": servertest.Redis8, "valkey": servertest.Valkey,
	} {
		for what, run := range map[string]func(*rolled){
			"who saw more is waited for":           rollSawMore,
			"all saw what is there":                rollIntact,
			"who is dead is not waited for":        rollDead,
			"who is new takes part":                rollFresh,
			"who comes late is told what is gone":  rollLate,
			"a second restart begins another call": rollTwice,
			"what is in flight is ended first":     rollFence,
			"what was refused stays refused":       rollRefused,
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				t.Parallel()
				r := &rolled{server: start(t, "--appendonly", "no", "--save", "")}
				r.env = newEnv(t, &backend{name: name, addr: r.server.Addr})
				r.other, _ = r.process(r.server.Addr, Options{Process: "other"})
				r.open(r.other)
				run(r)
			})
		}
	}
}

// rolled is a lane that two processes work on.
type rolled struct {
	*env
	server *servertest.RedisServer
	other  *Store
}

// beats enters a process in the registry for that long.
func (r *rolled) beats(process *Store, ttl time.Duration) {
	r.Helper()
	if _, err := NewRegistry(r.rdb, r.s.opts).Beat(r.ctx, Seen{Process: process.opts.Process}, ttl); err != nil {
		r.Fatal(err)
	}
}

// by commits n units in s.
func (r *rolled) by(s *Store, n int) (last row.LSN) {
	r.Helper()
	for range n {
		lsn, err := s.Commit(r.ctx, r.unit("w"+s.opts.Process).put("k", "v"))
		if err != nil {
			r.Fatal(err)
		}
		last = lsn
	}
	return last
}

// save is what a restart finds.
func (r *rolled) save() {
	r.Helper()
	if err := r.rdb.Save(r.ctx).Err(); err != nil {
		r.Fatal(err)
	}
}

// restart kills Redis and starts it with what was saved.
func (r *rolled) restart() {
	r.Helper()
	r.server.Kill()
	r.server.Restart()
}

// adopt adopts in s until no more have to be heard, for 20 s at most.
func (r *rolled) adopt(s *Store) error {
	r.Helper()
	for {
		err := s.Adopt(r.ctx, main0, 0)
		if !errors.Is(err, ErrRollCall) {
			return err
		}
		if err := pause(r.ctx, rollCallTime/10); err != nil {
			r.Fatal(err)
		}
	}
}

// closed makes s notice the restart.
func (r *rolled) closed(s *Store) {
	r.Helper()
	if _, err := s.Commit(r.ctx, r.unit("x"+s.opts.Process).put("k", "v")); !errors.Is(err, ErrLost) {
		r.Fatalf("a commit after the restart gave %v", err)
	}
}

func rollSawMore(r *rolled) {
	r.beats(r.other, time.Minute)
	r.by(r.s, 2)
	r.save()
	r.by(r.other, 3)
	r.restart()
	r.closed(r.s)
	for until := time.Now().Add(rollCallTime * 3 / 2); time.Now().Before(until); {
		if err := r.s.Adopt(r.ctx, main0, 2); !errors.Is(err, ErrRollCall) {
			r.Fatalf("adopt gave %v before the other process was heard", err)
		}
	}
	if err := r.s.Adopt(r.ctx, main0, 2); !strings.Contains(fmt.Sprint(err), "other") {
		r.Errorf("nobody is named in %v", err)
	}
	r.closed(r.s)
	if err := r.other.Verify(r.ctx, main0); !errors.Is(err, ErrLost) {
		r.Errorf("the other process found %v", err)
	}
	if err := r.other.Adopt(r.ctx, main0, 0); !errors.Is(err, ErrLost) {
		r.Errorf("the other process, which saw 5 of 2 units, was given %v", err)
	}
	if err := r.s.Adopt(r.ctx, main0, 0); !errors.Is(err, ErrRollCall) {
		r.Errorf("adopt gave %v", err)
	}
	left, err := r.s.Remains(r.ctx, main0)
	if err != nil || left.LSN != 2 || left.Told != 5 {
		r.Errorf("left is %+v, %v", left, err)
	}
}

func rollIntact(r *rolled) {
	r.beats(r.other, time.Minute)
	r.by(r.other, 1)
	r.by(r.s, 1)
	r.save()
	r.restart()
	r.closed(r.s)
	if err := r.s.Adopt(r.ctx, main0, 0); !errors.Is(err, ErrRollCall) {
		r.Errorf("adopt gave %v", err)
	}
	if err := r.other.Verify(r.ctx, main0); !errors.Is(err, ErrLost) { // as every process looks from time to time
		r.Errorf("the other process found %v", err)
	}
	if err := r.adopt(r.other); err != nil {
		r.Error(err)
	}
	if err := r.adopt(r.s); err != nil {
		r.Error(err)
	}
	if a, b := r.by(r.s, 1), r.by(r.other, 1); a != 3 || b != 4 {
		r.Errorf("the next LSNs are %d and %d", a, b)
	}
	if err := r.s.Verify(r.ctx, main0); err != nil {
		r.Error(err)
	}
}

func rollDead(r *rolled) {
	r.by(r.s, 1)
	r.beats(r.other, rollCallTime*3)
	r.save()
	r.restart()
	r.closed(r.s)
	if err := r.s.Adopt(r.ctx, main0, 0); !errors.Is(err, ErrRollCall) {
		r.Errorf("adopt gave %v", err)
	}
	if err := r.adopt(r.s); err != nil {
		r.Error(err)
	}
}

func rollFresh(r *rolled) {
	r.beats(r.other, time.Minute)
	r.by(r.s, 1)
	r.save()
	r.by(r.other, 1)
	r.restart()
	fresh, _ := r.process(r.server.Addr, Options{Process: "fresh"})
	opened := make(chan error, 1)
	go func() {
		_, err := fresh.Open(r.ctx, main0)
		opened <- err
	}()
	r.closed(r.s)
	if err := r.s.Adopt(r.ctx, main0, 0); !errors.Is(err, ErrRollCall) {
		r.Errorf("adopt gave %v", err)
	}
	r.closed(r.other)
	if err := r.other.Adopt(r.ctx, main0, 0); !errors.Is(err, ErrLost) {
		r.Errorf("the other process, which saw 2 of 1 units, was given %v", err)
	}
	if err := pause(r.ctx, rollCallTime*3/2); err != nil {
		r.Fatal(err)
	}
	select {
	case err := <-opened:
		r.Errorf("a new process opened the lane, or not: %v", err)
	default:
	}
	left, err := r.s.Remains(r.ctx, main0)
	if err != nil {
		r.Fatal(err)
	}
	if left, err = r.s.Seal(r.ctx, main0, left); err != nil {
		r.Fatal(err)
	}
	if _, err := r.s.Rebuild(r.ctx, main0, left, Rebuilt{End: 1, Start: 100}); err != nil {
		r.Fatal(err)
	}
	err = <-opened
	if errors.Is(err, ErrLost) { // it looked while the lane was sealed, and joins it as every process does
		err = fresh.Recover(r.ctx, main0, 1)
	}
	if err != nil {
		r.Errorf("the new process could not open the rebuilt lane: %v", err)
	}
	r.st = r.info(fresh).TableState
	if lsn := r.by(fresh, 1); lsn != 101 {
		r.Errorf("the next LSN is %d", lsn)
	}
}

func rollLate(r *rolled) {
	r.by(r.s, 2)
	r.save()
	r.by(r.other, 3)
	r.restart()
	r.closed(r.s)
	if err := r.adopt(r.s); err != nil { // the other is not in the registry
		r.Fatal(err)
	}
	if lsn := r.by(r.s, 4); lsn != 6 {
		r.Errorf("the next LSN is %d", lsn)
	}
	r.closed(r.other)
	for range 2 {
		if err := r.adopt(r.other); err != nil {
			r.Errorf("who came late was given %v", err)
		}
	}
	if p := r.progress(); p.ReplacedAfter != 2 || p.ReplacedTo != 5 || p.Lost() != 3 {
		r.Errorf("progress is %+v, want 3 lost above 2", p)
	}
	if lsn := r.by(r.other, 1); lsn != 7 {
		r.Errorf("the next LSN is %d", lsn)
	}
}

func rollTwice(r *rolled) {
	r.beats(r.s, time.Minute)
	r.beats(r.other, time.Minute)
	r.by(r.s, 1)
	r.save()
	r.restart()
	r.closed(r.s)
	if err := r.s.Adopt(r.ctx, main0, 0); !errors.Is(err, ErrRollCall) {
		r.Errorf("adopt gave %v", err)
	}
	r.save() // the answer is in the file
	r.restart()
	r.closed(r.other)
	// It says nothing about what the second restart may have lost.
	for until := time.Now().Add(rollCallTime * 3 / 2); time.Now().Before(until); {
		if err := r.other.Adopt(r.ctx, main0, 0); !errors.Is(err, ErrRollCall) {
			r.Fatalf("adopt gave %v before the first process was heard again", err)
		}
	}
	r.closed(r.s)
	if err := r.adopt(r.s); err != nil {
		r.Error(err)
	}
	if err := r.adopt(r.other); err != nil {
		r.Error(err)
	}
}

// TestSealedStaysClosed: a lane that is being rebuilt is opened by nobody, its
// rebuilder's other goroutines included: what they committed would be lost with it.
func TestSealedStaysClosed(t *testing.T) {
	conform(t, []scenario{{"a sealed lane", func(e *env) {
		e.commit(e.unit("a").put("k", "v"))
		left, err := e.s.Remains(e.ctx, main0)
		if err != nil {
			e.Fatal(err)
		}
		if left, err = e.s.Seal(e.ctx, main0, left); err != nil {
			e.Fatal(err)
		}
		if err := e.s.Adopt(e.ctx, main0, 0); !errors.Is(err, ErrLost) {
			e.Errorf("adopt gave %v", err)
		}
		other, _ := e.process(e.b.addr, Options{})
		if _, err := other.Open(e.ctx, main0); !errors.Is(err, ErrLost) {
			e.Errorf("open gave %v", err)
		}
		e.refuse(e.unit("a").put("k", "w"), ErrLost)
		if _, err := e.s.Rebuild(e.ctx, main0, left, Rebuilt{End: 1, Start: 100}); err != nil {
			e.Error(err)
		}
	}}})
}
