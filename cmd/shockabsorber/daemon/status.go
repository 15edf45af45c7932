package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
	"github.com/rzpsarthak13/shock-absorber/proxy"
	"github.com/rzpsarthak13/shock-absorber/proxy/admin"
)

// ready reports why applications cannot be served, if they cannot. srv is nil
// without a proxy.
func (p *parts) ready(ctx context.Context, srv *proxy.Server) error {
	if srv != nil {
		select {
		case <-srv.Ready():
		default:
			return errors.New("the proxy does not listen yet")
		}
	}
	if p.rdb == nil {
		return nil
	}
	if err := p.rdb.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("redis does not answer: %w", err)
	}
	return nil
}

// status gathers the state of everything. srv is nil without a proxy.
func (p *parts) status(ctx context.Context, srv *proxy.Server) (admin.Status, error) {
	st := admin.Status{
		Version: Version(), Started: p.started, Uptime: time.Since(p.started).Seconds(), Mode: p.cfg.Proxy.Mode,
		Lanes: []admin.Lane{}, Tables: []admin.Table{}, Reasons: []admin.ReasonCount{}, Transactions: []admin.TransactionCount{}, Sessions: []admin.Session{},
	}
	for _, c := range p.cfg.Settings() {
		st.Settings = append(st.Settings, admin.Setting{Key: c.Key, Value: c.Value})
	}
	if srv != nil {
		for _, c := range srv.Sessions() {
			session := admin.Session{ID: c.ID(), BackendID: uint64(c.BackendID())}
			if u := c.User(); u != nil {
				session.User = u.Name
			}
			st.Sessions = append(st.Sessions, session)
		}
		slices.SortFunc(st.Sessions, func(a, b admin.Session) int { return cmp.Compare(a.ID, b.ID) })
	}
	for _, w := range p.workers {
		lane, err := p.lane(ctx, w.Stats())
		if err != nil {
			return st, err
		}
		st.Lanes = append(st.Lanes, lane)
	}
	var err error
	if p.engine != nil {
		if st.Tables, err = p.listTables(ctx); err != nil {
			return st, err
		}
	}
	if p.absorbing != nil {
		if st.Reasons, err = countReasons(p.absorbing.Statements()); err != nil {
			return st, err
		}
		if st.Transactions, err = countBoth(p.absorbing.Transactions()); err != nil {
			return st, fmt.Errorf("read the counter of transactions: %w", err)
		}
	}
	return st, nil
}

// lane joins what Redis and this process's worker know of a lane.
func (p *parts) lane(ctx context.Context, w absorber.Stats) (admin.Lane, error) {
	progress, err := p.store.Progress(ctx, w.Lane)
	closed := errors.Is(err, wal.ErrLost)
	if closed {
		progress, err = p.store.Remains(ctx, w.Lane)
	}
	if err != nil {
		return admin.Lane{}, err
	}
	l := admin.Lane{
		Name: w.Lane, LSN: progress.LSN, Relayed: progress.Relayed, Checkpoint: max(progress.Settled, w.Checkpoint),
		Backlog: progress.Pending, Rate: w.RowsPerSec, Epoch: progress.Epoch, State: string(w.State), DeadLetters: w.DeadLetters,
	}
	if w.Owned {
		l.Owner = p.process
	}
	if w.Failing {
		l.LastError = w.LastError
	}
	for _, s := range w.Skipped {
		l.Skipped += s.Units()
	}
	l.LastError = lossOf(closed, progress) + skippedOf(w.Skipped) + l.LastError
	if l.Rate > 0 {
		eta := float64(l.Backlog) / l.Rate
		l.ETA = &eta
	}
	return l, nil
}

// lossOf says that Redis has lost the lane, and names what was lost when it was
// last rebuilt; "" if nothing is to say.
func lossOf(closed bool, p wal.Progress) string {
	text := ""
	if closed {
		text = "Redis or MySQL has lost the lane, or units of it; it is closed until it is rebuilt. "
	}
	if n := p.ReplacedTo - p.ReplacedAfter; n > 0 {
		text += fmt.Sprintf("Units %d to %d (%d at most) of a process that was not heard for a while were acknowledged and in Redis only, and were lost when it was restarted; others have their numbers. ", p.ReplacedAfter+1, p.ReplacedTo, n)
	}
	if n := p.LostTo - p.LostAfter; p.LostTo > p.LostAfter {
		text += fmt.Sprintf("Units %d to %d (%d at most), which were acknowledged and in Redis only, were lost with it. ", p.LostAfter+1, p.LostTo, n)
	}
	return text
}

// skippedOf names the units that an operator has given up last.
func skippedOf(list []sink.Skipped) string {
	if len(list) == 0 {
		return ""
	}
	s := list[len(list)-1]
	return fmt.Sprintf("Units %d to %d, which were acknowledged and missing, were given up by %s (request %d). ", s.From, s.To, s.By, s.Request)
}

// listTables lists what the configuration names, with rows that wait for MySQL.
func (p *parts) listTables(ctx context.Context) ([]admin.Table, error) {
	out := []admin.Table{}
	byLane := map[row.Lane][]string{}
	at := map[string]int{}
	catalog := p.engine.Catalog()
	for _, t := range catalog.Tables() {
		name := t.Name.String()
		lane := p.options(name).Lane
		a := admin.Table{Name: name, Absorbed: catalog.Absorbed(t.Name) != nil, Explain: t.Explain(), Lane: lane, Gate: "open"}
		if len(t.Refusals) > 0 {
			a.Reason = t.Refusals[0].Reason
		}
		at[name] = len(out)
		out = append(out, a)
		if a.Absorbed {
			byLane[lane] = append(byLane[lane], name)
		}
	}
	for lane, names := range byLane {
		states, err := p.store.TableStates(ctx, lane, names)
		if errors.Is(err, wal.ErrLost) {
			continue // closed; the lane's row says so
		}
		if err != nil {
			return nil, err
		}
		for i, info := range states {
			t := &out[at[names[i]]]
			t.Pending = info.Dirty
			t.Gate = gateName(info.Gate)
		}
	}
	return out, nil
}

// gateName is a gate's state in words.
func gateName(g wal.GateState) string {
	switch g {
	case wal.GateClosing:
		return "closing"
	case wal.GateShut:
		return "shut"
	default:
		return "open"
	}
}

// countReasons sums the statement counter up by reason, without what was absorbed.
func countReasons(v *prometheus.CounterVec) ([]admin.ReasonCount, error) {
	counts, err := countBoth(v)
	if err != nil {
		return nil, fmt.Errorf("read the statement counter: %w", err)
	}
	sums := map[string]uint64{}
	for _, c := range counts {
		if c.Reason != "" {
			sums[c.Reason] += c.Count
		}
	}
	out := []admin.ReasonCount{}
	for reason, n := range sums {
		out = append(out, admin.ReasonCount{Reason: reason, Count: n})
	}
	slices.SortFunc(out, func(a, b admin.ReasonCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
	})
	return out, nil
}

// countBoth reads a counter by verb and reason, the highest counts first.
func countBoth(v *prometheus.CounterVec) ([]admin.TransactionCount, error) {
	out := []admin.TransactionCount{}
	ch := make(chan prometheus.Metric, 256)
	done := make(chan error, 1)
	go func() { // ends when ch is closed; its result is waited for
		var failed error
		for m := range ch {
			var d dto.Metric
			if err := m.Write(&d); err != nil {
				failed = err
				continue
			}
			c := admin.TransactionCount{Count: uint64(d.GetCounter().GetValue())}
			for _, l := range d.GetLabel() {
				switch l.GetName() {
				case "reason":
					c.Reason = l.GetValue()
				case "verb":
					c.Verb = l.GetValue()
				}
			}
			out = append(out, c)
		}
		done <- failed
	}()
	v.Collect(ch)
	close(ch)
	if err := <-done; err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b admin.TransactionCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Verb, b.Verb), cmp.Compare(a.Reason, b.Reason))
	})
	return out, nil
}
