package wal

import (
	"errors"
	"testing"
)

// TestResent: a commit that was on its way when Redis was restarted is not made
// in the new run, although another goroutine has loaded the scripts again: nobody
// has said yet whether anything is missing there.
func TestResent(t *testing.T) {
	conform(t, []scenario{
		{"a commit that is sent late", resentLate},
		{"a commit that waits behind others", resentQueued},
	})
}

func resentLate(e *env) {
	sent, goOn := make(chan struct{}), make(chan struct{})
	hold := false
	s, _ := e.process(e.b.addr, Options{Effects: func(op string, act func() error) error {
		if op == opCommit && hold {
			hold = false
			close(sent)
			<-goOn
		}
		return act()
	}})
	e.st = e.open(s)
	if _, err := s.Commit(e.ctx, e.unit("a").put("k", "v1")); err != nil {
		e.Fatal(err)
	}
	hold = true
	answer := make(chan error, 1)
	late := e.unit("a").put("k", "v2")
	go func() {
		_, err := s.Commit(e.ctx, late)
		answer <- err
	}()
	<-sent
	if err := e.rdb.ScriptFlush(e.ctx).Err(); err != nil {
		e.Fatal(err)
	}
	if _, err := s.TableStates(e.ctx, main0, []string{table}); !errors.Is(err, ErrLost) {
		e.Errorf("the states of the tables after the restart: %v", err)
	}
	close(goOn)
	if err := <-answer; !errors.Is(err, ErrLost) {
		e.Errorf("a commit that was on its way gave %v", err)
	}
	if p := e.progress(); p.LSN != 1 {
		e.Errorf("the lane is at %d", p.LSN)
	}
}

func resentQueued(e *env) {
	e.commit(e.unit("a").put("k", "v1"))
	l, inc, err := e.s.known("test", main0)
	if err != nil {
		e.Fatal(err)
	}
	record, err := e.s.writerRecord(e.ctx, l)
	if err != nil {
		e.Fatal(err)
	}
	unit, err := newCommitUnit(l, inc, record, e.unit("a").put("k", "v2"))
	if err != nil {
		e.Fatal(err)
	}
	e.s.Doubt(main0)
	c := &call{lane: l, unit: unit}
	e.s.sendCommits([]*call{c})
	if !errors.Is(c.err, ErrLost) {
		e.Errorf("a commit that was sent after the lane was closed gave %v, %v", c.reply, c.err)
	}
}
