package wal

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// Open makes the lane known to this store, creating its keys if they are
// absent, and tells how far it is. The caller has compared what Redis holds
// (Remains) with MySQL's checkpoint and the queue before: if they are further,
// Redis has lost the lane, and Rebuild is called for.
//
// A lane that was open before must be the same one and no shorter, else
// ErrLost; it stays closed until Adopt, Join or Rebuild. If Redis was restarted,
// Open waits until everybody has said how far he saw the lane (agree.go).
func (s *Store) Open(ctx context.Context, name row.Lane) (Progress, error) {
	const op = "wal.open"
	if name == "" {
		return Progress{}, &row.Error{Op: op, Kind: row.Permanent, Err: errors.New("a lane needs a name")}
	}
	l := s.lane(name)
	var known string
	if inc := l.inc.Load(); inc != nil {
		known = *inc
	}
	if l.suspect.Load() {
		return Progress{}, fmt.Errorf("%s: redis was restarted or replaced: %w", op, ErrLost)
	}
	p, err := s.agree(ctx, op, l, known, 0)
	for errors.Is(err, ErrRollCall) && pause(ctx, rollCallTime/10) == nil {
		p, err = s.agree(ctx, op, l, known, 0)
	}
	if err != nil {
		return Progress{}, err
	}
	l.enter(p)
	return p, nil
}

// Progress tells how far the lane is. ErrLost if it is not the one that was
// opened.
func (s *Store) Progress(ctx context.Context, name row.Lane) (Progress, error) {
	const op = "wal.progress"
	l, inc, err := s.known(op, name)
	if err != nil {
		return Progress{}, err
	}
	m, err := s.rdb.HGetAll(ctx, l.keys.meta()).Result()
	if err != nil {
		return Progress{}, classify(op, name, err)
	}
	if m["incarnation"] != inc {
		return Progress{}, fmt.Errorf("%s: %w", op, ErrLost)
	}
	return progressOf(op, name, m)
}

// parseProgress reads HGETALL's flat reply out of a script.
func parseProgress(op string, name row.Lane, reply any) (Progress, error) {
	if err := decision(op, name, reply); err != nil {
		return Progress{}, err
	}
	list, ok := reply.([]any)
	if !ok || len(list)%2 != 0 {
		return Progress{}, unexpected(op, name, reply)
	}
	m := make(map[string]string, len(list)/2)
	for i := 0; i < len(list); i += 2 {
		field, _ := list[i].(string)
		m[field], _ = list[i+1].(string)
	}
	return progressOf(op, name, m)
}

// progressOf reads the fields of meta.
func progressOf(op string, name row.Lane, m map[string]string) (Progress, error) {
	p := Progress{Incarnation: m["incarnation"], Paused: m["paused"] == "1"}
	for field, to := range map[string]*row.LSN{"lsn": &p.LSN, "settled": &p.Settled, "relayed": &p.Relayed, "flush": &p.Flush} {
		n, err := strconv.ParseUint(m[field], 10, 64)
		if err != nil || p.Incarnation == "" {
			return Progress{}, unexpected(op, name, m)
		}
		*to = row.LSN(n)
	}
	epoch, err := strconv.ParseUint(m["epoch"], 10, 64)
	if err != nil {
		return Progress{}, unexpected(op, name, m)
	}
	p.Epoch = row.Epoch(epoch)
	if p.Refused, err = row.ParseRefusals(m["refused"]); err != nil {
		return Progress{}, unexpected(op, name, m)
	}
	p.Sealed = m["sealed"] == "1"
	p.Run, p.Roll = m["run"], m["roll"]
	for field, to := range map[string]*row.LSN{
		"start": &p.Start, "lost_after": &p.LostAfter, "lost_to": &p.LostTo, "told": &p.Told, "cut": &p.Cut,
		"replaced_after": &p.ReplacedAfter, "replaced_to": &p.ReplacedTo,
	} {
		if m[field] == "" {
			continue // only lanes that were rebuilt, or missed something of, have most of them
		}
		n, err := strconv.ParseUint(m[field], 10, 64)
		if err != nil {
			return Progress{}, unexpected(op, name, m)
		}
		*to = row.LSN(n)
	}
	p.Pending = int64(p.LSN) - int64(p.Settled)
	return p, nil
}

// Relayed notes that the queue was given everything up to upto by the owner of
// that epoch. It never goes back. Fenced: what he gives may be units that Redis has
// lost.
func (s *Store) Relayed(ctx context.Context, name row.Lane, epoch row.Epoch, upto row.LSN) error {
	err := s.advance(ctx, "wal.relayed", name, "relayed", upto, "", uint64(epoch))
	if err == nil { // units of this process need not wait for the next look
		if l, inc, kerr := s.known("wal.relayed", name); kerr == nil {
			l.awaited.reached(inc, upto)
		}
	}
	return err
}

// RequestFlush asks the lane's owner to drain up to upto ahead of the rate,
// and wakes it.
func (s *Store) RequestFlush(ctx context.Context, name row.Lane, upto row.LSN) error {
	return s.advance(ctx, "wal.flush", name, "flush", upto, s.lane(name).keys.wake())
}

// advance raises a mark of the lane.
func (s *Store) advance(ctx context.Context, op string, name row.Lane, field string, upto row.LSN, channel string, epoch ...any) error {
	l, inc, err := s.known(op, name)
	if err != nil {
		return err
	}
	reply, err := s.admin(ctx, op, l, s.scripts.advance, []any{l.keys.meta()}, append([]any{inc, field, uint64(upto), channel}, epoch...))
	if err != nil {
		return err
	}
	return decision(op, name, reply)
}

// SetPaused stops or restarts the draining of the lane, and wakes its owner.
func (s *Store) SetPaused(ctx context.Context, name row.Lane, paused bool) error {
	const op = "wal.pause"
	l, inc, err := s.known(op, name)
	if err != nil {
		return err
	}
	mark := "0"
	if paused {
		mark = "1"
	}
	reply, err := s.admin(ctx, op, l, s.scripts.pause, []any{l.keys.meta()}, []any{inc, mark, l.keys.wake()})
	if err != nil {
		return err
	}
	return decision(op, name, reply)
}
