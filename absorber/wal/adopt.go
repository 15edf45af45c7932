package wal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// rollCallTime is how long a roll call takes at least. Processes beat several
// times in it (Registry.Beat): a Redis that was rolled back to before some of
// them began knows all that are alive when it ends.
const rollCallTime = time.Second

// ErrRollCall says that Redis was restarted, and not everybody has been heard.
var ErrRollCall = errors.New("Redis was restarted, and waits to hear from everybody how far the lane was")

// Usable is nil while the lane takes commits. It is ErrLost once this process
// has noticed that Redis was restarted, replaced or rolled back.
func (s *Store) Usable(name row.Lane) error {
	_, _, err := s.usable("wal.usable", name)
	return err
}

// Adopt makes a lane that ErrLost has closed usable again if Redis still has
// it: the same incarnation, and no shorter than anybody who is alive knows it to
// be. That is a restart of Redis that lost nothing. Otherwise it is ErrLost, and
// the lane stays closed. least is an LSN that the lane must have reached, as far
// as others know: MySQL's checkpoint, the top of the queue. A transient error
// says that others have not been heard yet: call again.
func (s *Store) Adopt(ctx context.Context, name row.Lane, least row.LSN) error {
	const op = "wal.adopt"
	l, inc, err := s.known(op, name)
	if err != nil {
		return err
	}
	if inc == "" { // nothing was ever open here: see Join
		return fmt.Errorf("%s: %w", op, ErrLost)
	}
	know, run := s.Knows(name), l.run.Load()
	p, err := s.agree(ctx, op, l, inc, least)
	if err != nil {
		var e *row.Error
		if errors.Is(err, ErrLost) && !errors.As(err, &e) {
			err = &row.Error{Op: op, Lane: name, LSN: max(know.Seen, least), Kind: row.Permanent, Err: err,
				Hint: "Redis has lost units of the lane; it is rebuilt from what the queue and MySQL have, and what is missing is named in the log"}
		}
		return err
	}
	if run == nil || *run == p.Run || know.Seen <= p.Cut {
		l.enter(p)
		s.log.Warn("Redis was restarted and has lost nothing of the lane", "component", "REDIS", "lane", string(name), "lsn", uint64(p.LSN))
		return nil
	}
	if know.Acknowledged > p.Cut {
		s.log.Error("acknowledged writes of this process were lost by Redis while it was not heard, and others have taken their place", "component", "REDIS", "lane", string(name),
			"from", uint64(p.Cut+1), "to", uint64(know.Acknowledged), "units_at_most", uint64(know.Acknowledged-p.Cut))
		l.acked.Store(uint64(p.Cut)) // told once
	}
	l.begin(p)
	return nil
}

// agree compares the lane inc with what this process and its caller know of it,
// and after a restart of Redis with what the others know. ErrLost: it is another,
// or shorter; ErrRollCall: they have not all been heard. See lua/open.lua.
// Whoever is the last to be heard fences off the lane's owner in MySQL.
func (s *Store) agree(ctx context.Context, op string, l *lane, inc string, least row.LSN) (Progress, error) {
	know, run := s.Knows(l.name), ""
	if know.Incarnation != inc { // what is known is of another life
		know = Knowledge{}
	} else if r := l.run.Load(); r != nil {
		run = *r
	}
	ask := func(fence, of string) (any, error) {
		live, err := NewRegistry(s.rdb, s.opts).Live(ctx) // each time: a fence may take a while
		if err != nil {
			return nil, classify(op, l.name, err)
		}
		args := []any{inc, uint64(know.Seen), uint64(least), randomHex(8), s.opts.Process, run, uint64(know.Acknowledged), rollCallTime.Milliseconds(), fence, of}
		for _, p := range live {
			args = append(args, p.Process)
		}
		return s.admin(ctx, op, l, s.scripts.open, []any{l.keys.meta()}, args)
	}
	reply, err := ask("", "")
	if of, before, called := fenced(reply); err == nil && called {
		epoch := row.Epoch(0)
		if s.opts.Fence != nil {
			reached, raised, err := s.opts.Fence(ctx, l.name, before)
			if err != nil {
				return Progress{}, fmt.Errorf("%s: end what is in flight in MySQL: %w", op, err)
			}
			least, epoch = max(least, reached), raised
		}
		reply, err = ask(strconv.FormatUint(uint64(epoch), 10), of)
	}
	if err != nil {
		return Progress{}, err
	}
	if _, _, again := fenced(reply); again { // another restart came between
		return Progress{}, &row.Error{Op: op, Lane: l.name, Kind: row.Transient, Err: ErrRollCall}
	}
	if list, ok := reply.([]any); ok && len(list) > 0 && list[0] == int64(ansRoll) {
		var missing []string
		for _, name := range list[1:] {
			missing = append(missing, fmt.Sprint(name))
		}
		e := &row.Error{Op: op, Lane: l.name, Kind: row.Transient, Err: ErrRollCall}
		if len(missing) > 0 {
			e.Hint = "not heard yet: " + strings.Join(missing, ", ")
		}
		return Progress{}, e
	}
	return parseProgress(op, l.name, reply)
}

// fenced reads the answer of open.lua that asks for a fence: for which run of Redis,
// and which epoch the one before has raised.
func fenced(reply any) (run string, before row.Epoch, called bool) {
	list, ok := reply.([]any)
	if !ok || len(list) != 3 || list[0] != int64(ansFence) {
		return "", 0, false
	}
	run, _ = list[1].(string)
	text, _ := list[2].(string)
	n, err := strconv.ParseUint(text, 10, 64)
	return run, row.Epoch(n), err == nil
}
