package daemon

import (
	"context"
	"fmt"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/proxy"
	"github.com/rzpsarthak13/shock-absorber/proxy/admin"
)

// administration is the schema shock_absorber for administrators.
type administration struct {
	p   *parts
	srv *proxy.Server
}

// Table gives a virtual table.
func (a *administration) Table(ctx context.Context, name string) ([]string, [][][]byte, bool, error) {
	switch name {
	case "dead_letters":
		letters, err := a.p.listLetters(ctx)
		columns, rows := admin.LetterTable(letters)
		return columns, rows, true, err
	case "requests":
		requests, err := a.p.listRequests(ctx)
		columns, rows := admin.RequestTable(requests)
		return columns, rows, true, err
	case "pending":
		pending, err := a.p.listPending(ctx)
		columns, rows := admin.PendingTable(pending)
		return columns, rows, true, err
	}
	s, err := a.p.status(ctx, a.srv)
	if err != nil {
		return nil, nil, false, err
	}
	columns, rows, ok := s.Table(name)
	return columns, rows, ok, nil
}

// Call runs a procedure.
func (a *administration) Call(ctx context.Context, u *absorber.Usage, by, procedure string, args []string) (bool, error) {
	want := map[string]int{"enable": 1, "disable": 1, "drain": 0, "pause": 0, "resume": 0, "set_rate": 1, sink.VerbRetry: 1, sink.VerbDiscard: 1}
	n, known := want[procedure]
	if !known {
		return false, nil
	}
	if len(args) != n {
		return true, fmt.Errorf("%s takes %d arguments, not %d", procedure, n, len(args))
	}
	switch procedure {
	case "enable", "disable":
		name, ok := schema.ParseName(args[0])
		if !ok {
			return true, fmt.Errorf("%q is not of the form db.table", args[0])
		}
		return true, a.p.engine.Enable(ctx, u, a.p.process+"."+procedure, name, procedure == "enable")
	case "set_rate":
		rate, err := strconv.ParseFloat(args[0], 64)
		if err != nil || rate <= 0 {
			return true, fmt.Errorf("%q is no rate in rows per second above 0", args[0])
		}
		a.p.limiter.SetRate(rate, 0)
		a.p.engine.SetLateRate(rate)
		return true, nil
	}
	switch procedure {
	case "pause", "resume":
		return true, a.p.pauseLanes(ctx, "", procedure == "pause")
	case sink.VerbRetry, sink.VerbDiscard:
		id, err := strconv.ParseUint(args[0], 10, 64)
		if err != nil {
			return true, fmt.Errorf("%q is no id of a dead letter", args[0])
		}
		return true, a.p.callLetter(ctx, u, by, procedure, id)
	}
	for _, lane := range a.p.lanes() {
		if err := a.p.drainAll(ctx, u, lane); err != nil {
			return true, err
		}
	}
	return true, nil
}

// drainAll returns when MySQL has everything of the lane that is committed now.
func (p *parts) drainAll(ctx context.Context, u *absorber.Usage, lane row.Lane) error {
	progress, err := p.store.Progress(ctx, lane)
	if err != nil {
		return err
	}
	return p.engine.DrainTo(ctx, u, lane, progress.LSN)
}
