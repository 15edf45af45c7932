package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
	"github.com/rzpsarthak13/shock-absorber/proxy/admin"
)

const (
	// askWait is how long the admin listener waits for what comes of a request
	// before it answers that it is still open. It is below the listener's own
	// limit for an answer.
	askWait = 8 * time.Second
	// callWait is the same for a CALL, whose client gets an error then.
	callWait = 45 * time.Second
	// askLook is how often the request is looked at meanwhile.
	askLook = 50 * time.Millisecond
	// maxLetters bounds a list of dead letters.
	maxLetters = 10000
)

// listLetters lists the dead letters of all lanes, oldest first.
func (p *parts) listLetters(ctx context.Context) ([]admin.Letter, error) {
	var out []admin.Letter
	const page = 500
	for _, lane := range p.lanes() {
		for after, n := uint64(0), page; n == page && len(out) < maxLetters; {
			letters, err := p.desk.DeadLetters(ctx, lane, after, page)
			if err != nil {
				return nil, err
			}
			for i := range letters {
				out = append(out, letterLine(&letters[i]))
				after = letters[i].ID
			}
			n = len(letters)
		}
	}
	return out, nil
}

// letterLine is a dead letter in a list.
func letterLine(d *sink.DeadLetter) admin.Letter {
	l := admin.Letter{ID: d.ID, Lane: d.Lane, LSN: d.LSN, Created: d.Created, Tables: d.Tables, Code: d.Code, Cause: d.Cause, Edited: len(d.Edits) > 0}
	if u, err := wal.Decode(d.Unit); err == nil {
		l.Rows = len(u.Mutations)
	}
	return l
}

// showLetter reads one dead letter.
func (p *parts) showLetter(ctx context.Context, id uint64) (*admin.LetterDetail, error) {
	d, err := p.desk.DeadLetter(ctx, id)
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, fmt.Errorf("%w: there is no dead letter %d", admin.ErrNotFound, id)
	}
	detail, err := absorber.Detail(d, p.engine.TableNow)
	if err != nil {
		return nil, err
	}
	out := &admin.LetterDetail{Letter: letterLine(d), Accepted: detail.Accepted}
	for _, r := range detail.Rows {
		line := admin.LetterRow{Table: r.Table, Op: r.Op, SQL: r.SQL, Error: r.Err}
		for _, c := range r.Columns {
			line.Columns = append(line.Columns, admin.LetterColumn(c))
		}
		out.Images = append(out.Images, line)
	}
	for _, e := range detail.Edits {
		out.Edits = append(out.Edits, admin.LetterEdit{At: e.At, By: e.By, Row: e.Row, Column: e.Column, From: e.From, To: e.To})
	}
	out.Chain, out.Behind, err = absorber.Chains(ctx, d.Lane, d.LSN, p.desk.DeadLetters)
	return out, err
}

// askFor writes a request down, wakes the lane's owner, and waits for what
// comes of it, at most for wait.
func (p *parts) askFor(ctx context.Context, a admin.Ask, wait time.Duration) (admin.Request, error) {
	var argument []byte
	if a.Verb == sink.VerbEdit {
		sets := make([]absorber.LetterSet, len(a.Set))
		for i, s := range a.Set {
			sets[i] = absorber.LetterSet(s)
		}
		var err error
		if argument, err = json.Marshal(sets); err != nil {
			return admin.Request{}, fmt.Errorf("encode the edit: %w", err)
		}
	} else if len(a.Set) > 0 {
		return admin.Request{}, fmt.Errorf("%w: only an edit sets values", admin.ErrInvalid)
	}
	id, err := p.desk.Ask(ctx, a.Verb, a.Letter, a.By, argument)
	if errors.Is(err, sink.ErrNoLetter) {
		return admin.Request{}, fmt.Errorf("%w: %w", admin.ErrNotFound, err)
	}
	if err != nil {
		return admin.Request{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return p.follow(ctx, id)
}

// follow looks at a request until it is over or ctx ends.
func (p *parts) follow(ctx context.Context, id uint64) (last admin.Request, err error) {
	look := time.NewTicker(askLook)
	defer look.Stop()
	for woken := false; ; {
		r, err := p.request(context.WithoutCancel(ctx), id)
		if err != nil {
			return r, err
		}
		if r.Over() && r.State != string(sink.StateApplied) {
			return r, nil
		}
		if !woken {
			woken = true
			if err := p.store.Wake(ctx, r.Lane); err != nil {
				p.log.Debug("could not wake the lane's owner; it looks by itself", "lane", r.Lane, "error", err)
			}
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return r, nil
		}
	}
}

// request reads a request.
func (p *parts) request(ctx context.Context, id uint64) (admin.Request, error) {
	r, err := p.desk.Request(ctx, id)
	if err != nil {
		return admin.Request{}, err
	}
	if r == nil {
		return admin.Request{}, fmt.Errorf("%w: there is no request %d", admin.ErrNotFound, id)
	}
	return requestLine(r), nil
}

// requestLine is a request without the values that it carries.
func requestLine(r *sink.Request) admin.Request {
	return admin.Request{ID: r.ID, Lane: r.Lane, Verb: r.Verb, Letter: r.Letter, By: r.By, Created: r.Created, State: string(r.State), Result: r.Result}
}

// listRequests lists the latest requests.
func (p *parts) listRequests(ctx context.Context) ([]admin.Request, error) {
	list, err := p.desk.LatestRequests(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]admin.Request, len(list))
	for i := range list {
		out[i] = requestLine(&list[i])
	}
	return out, nil
}

// callLetter is CALL retry(id) and discard(id): an error unless it is done.
func (p *parts) callLetter(ctx context.Context, u *absorber.Usage, by, verb string, letter uint64) error {
	return p.engine.Aside(u, func() error {
		r, err := p.askFor(ctx, admin.Ask{Verb: verb, Letter: letter, By: by}, callWait)
		switch {
		case err != nil:
			return err
		case r.State == string(sink.StateFailed):
			return fmt.Errorf("%s of dead letter %d: %s", verb, letter, r.Result)
		case !r.Over():
			return fmt.Errorf("%s of dead letter %d is request %d and still open: %s", verb, letter, r.ID, cmp.Or(r.Result, "no process drains the lane, or it has not come to it"))
		}
		return nil
	})
}

// laneNamed checks a lane's name.
func (p *parts) laneNamed(name string) (row.Lane, error) {
	for _, lane := range p.lanes() {
		if string(lane) == name {
			return lane, nil
		}
	}
	return "", fmt.Errorf("%w: there is no lane %q", admin.ErrNotFound, name)
}
