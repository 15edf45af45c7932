package absorber

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// The twin's desk: requests as the sink keeps them. The caller holds s.mu
// where the name is not exported.

// answered reports whether a request has its answer.
func (s *server) answered(id uint64) bool {
	return s.requests[id-1].State != sink.StateOpen
}

// answer does what an answer says about the letters.
func (s *server) answer(a *sink.Answer) error {
	if a == nil {
		return nil
	}
	next := slices.Clone(s.letters)
	for _, id := range a.Remove {
		at := slices.IndexFunc(next, func(l sink.DeadLetter) bool { return l.ID == id })
		if at < 0 {
			return &row.Error{Op: "twin", Kind: row.Permanent, Err: fmt.Errorf("no letter %d", id)}
		}
		next = slices.Delete(next, at, at+1)
	}
	for i := range next {
		if a.Refused != nil && next[i].ID == a.Refused.ID {
			next[i].Code, next[i].Cause = a.Refused.Code, a.Refused.Cause
		}
		if a.Rewrite != nil && next[i].ID == a.Rewrite.ID {
			next[i].Unit, next[i].Definition, next[i].Edits = a.Rewrite.Unit, a.Rewrite.Definition, a.Rewrite.Edits
		}
	}
	r := &s.requests[a.Request-1]
	s.letters, r.State, r.Result, r.Touched = next, a.State, a.Result, a.Touched
	return nil
}

// Ask writes a request down.
func (s *server) Ask(_ context.Context, verb string, letter uint64, by string, argument []byte) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.ContainsFunc(s.letters, func(l sink.DeadLetter) bool { return l.ID == letter }) {
		return 0, sink.ErrNoLetter
	}
	id := uint64(len(s.requests) + 1)
	s.requests = append(s.requests, sink.Request{ID: id, Lane: "main", Verb: verb, Letter: letter, By: by, Argument: argument, State: sink.StateOpen})
	return id, s.down
}

// Requests lists what is open or applied.
func (s *server) Requests(context.Context, row.Lane) ([]sink.Request, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []sink.Request
	for _, r := range s.requests {
		if r.State != sink.StateOpen && r.State != sink.StateApplied {
			continue
		}
		for _, l := range s.letters {
			if l.ID == r.Letter {
				r.LSN = l.LSN
			}
		}
		out = append(out, r)
	}
	return out, s.down
}

// Note says what a request waits for.
func (s *server) Note(_ context.Context, id uint64, text string) error {
	s.set(func(s *server) {
		if r := &s.requests[id-1]; r.State == sink.StateOpen {
			r.Result = text
		}
	})
	return nil
}

// Finish ends an applied request.
func (s *server) Finish(_ context.Context, id uint64) error {
	s.set(func(s *server) {
		if r := &s.requests[id-1]; r.State == sink.StateApplied {
			r.State = sink.StateDone
		}
	})
	return nil
}

// DeadLettersAt finds letters by LSN.
func (s *server) DeadLettersAt(_ context.Context, _ row.Lane, lsns []row.LSN) ([]sink.DeadLetter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []sink.DeadLetter
	for _, l := range s.letters {
		if slices.Contains(lsns, l.LSN) {
			out = append(out, l)
		}
	}
	return out, s.down
}

// Connection is always a new one, which looks at the checkpoint.
func (s *server) Connection(_ context.Context, _ row.Lane, epoch row.Epoch, checkpoint row.LSN) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down == nil && (epoch != s.cp.Epoch || checkpoint != s.cp.LSN) {
		return 0, &row.Error{Op: "twin", Kind: row.Fenced, Err: fmt.Errorf("checkpoint %+v, not %d of epoch %d", s.cp, checkpoint, epoch)}
	}
	return 7, s.down
}

// AskSkip writes down that units shall be given up.
func (s *server) AskSkip(to row.LSN) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := uint64(len(s.requests) + 1)
	s.requests = append(s.requests, sink.Request{ID: id, Lane: "main", Verb: sink.VerbSkip, By: "tester", Argument: []byte(to.String()), State: sink.StateOpen})
	return id
}

// SkippedUnits lists what was given up.
func (s *server) SkippedUnits(context.Context, row.Lane) (out []sink.Skipped, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if from, to, ok := sink.ParseSkipped(r.Touched); ok && r.Verb == sink.VerbSkip && r.State == sink.StateDone {
			out = append(out, sink.Skipped{Request: r.ID, From: from, To: to, By: r.By})
		}
	}
	return out, s.down
}

// The desk's side effects under faults.
func (x faulty) Finish(ctx context.Context, id uint64) error {
	return x.f.do("finish", func() error { return x.server.Finish(ctx, id) })
}

func (x faulty) Drop(ctx context.Context, lane row.Lane, rows []wal.RowKey) error {
	return x.f.do("drop", func() error { return x.Store.Drop(ctx, lane, rows) })
}

func (x faulty) JoinGate(ctx context.Context, lane row.Lane, table, owner string, backend uint64, lease time.Duration, how wal.Joining) (info wal.GateInfo, err error) {
	err = x.f.do("join", func() error {
		info, err = x.Store.JoinGate(ctx, lane, table, owner, backend, lease, how)
		return err
	})
	return info, err
}

func (x faulty) LeaveGate(ctx context.Context, lane row.Lane, table, owner string) error {
	return x.f.do("leave", func() error { return x.Store.LeaveGate(ctx, lane, table, owner) })
}

// withDesk lets a worker's configuration serve requests.
func (p *pipeline) withDesk(cfg WorkerConfig) WorkerConfig {
	cfg.Desk, cfg.Rows, cfg.Current = p.server, p.store, func(string) *schema.Table { return pairs }
	return cfg
}

// ask asks, and wakes the worker.
func (p *pipeline) ask(verb string, lsn row.LSN, argument string) uint64 {
	p.t.Helper()
	var letter uint64
	p.server.set(func(s *server) {
		for _, l := range s.letters {
			if l.LSN == lsn {
				letter = l.ID
			}
		}
	})
	id, err := p.server.Ask(p.t.Context(), verb, letter, "tester", []byte(argument))
	if err != nil {
		p.t.Fatalf("%s of lsn %d: %v", verb, lsn, err)
	}
	if err := p.store.Wake(p.t.Context(), "main"); err != nil {
		p.t.Fatal(err)
	}
	return id
}

// outcome waits until a request has come to one of the states.
func (p *pipeline) outcome(id uint64, states ...sink.State) (r sink.Request) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("request %d is %v", id, states), func() bool {
		p.server.set(func(s *server) { r = s.requests[id-1] })
		return slices.Contains(states, r.State)
	})
	return r
}

// value is a row's v and u in MySQL, "" if there is none.
func (p *pipeline) value(id int) (out string) {
	p.server.set(func(s *server) {
		if im, ok := s.rows[pair(row.Insert, id, "", id).Key]; ok {
			out = string(im[1]) + " " + string(im[2])
		}
	})
	return out
}

// lsns are those of the dead letters.
func (p *pipeline) lsns() (out []row.LSN) {
	p.server.set(func(s *server) {
		for _, l := range s.letters {
			out = append(out, l.LSN)
		}
	})
	return out
}

// cached is what the cache holds of a row: "" for nothing.
func (p *pipeline) cached(id int) string {
	p.t.Helper()
	infos, err := p.store.TableStates(p.t.Context(), "main", []string{"d.pairs"})
	if err != nil {
		p.t.Fatal(err)
	}
	rows, err := p.store.Read(p.t.Context(), "main", infos[0].TableState, []wal.RowKey{{Table: "d.pairs", Key: pair(row.Insert, id, "", id).Key}}, false)
	if errors.Is(err, wal.ErrGated) {
		return "gated"
	}
	if err != nil {
		p.t.Fatal(err)
	}
	if !rows[0].Found {
		return ""
	}
	im, err := row.DecodeImage(rows[0].Image, 3)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(im[1]) + " " + string(im[2])
}

// gates fails unless the table's gate is open.
func (p *pipeline) gatesAreOpen(t *testing.T) {
	t.Helper()
	eventually(t, "the gate is open", func() bool { // a moment after the request is done
		infos, err := p.store.TableStates(t.Context(), "main", []string{"d.pairs"})
		return err == nil && infos[0].Gate == wal.GateOpen
	})
}
