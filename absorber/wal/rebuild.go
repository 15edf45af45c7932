package wal

import (
	"context"
	"errors"
	"fmt"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// Knowledge is what this process knows of a lane by itself.
type Knowledge struct {
	Incarnation  string  // that it has open, "" if none
	Seen         row.LSN // highest LSN it was told of
	Acknowledged row.LSN // highest one that was acknowledged on Redis' word alone
	Refused      row.Refusals
}

// Knows tells what this process knows of the lane.
func (s *Store) Knows(name row.Lane) Knowledge {
	l := s.lane(name)
	k := Knowledge{Seen: row.LSN(l.floor.Load()), Acknowledged: row.LSN(l.acked.Load())}
	if inc := l.inc.Load(); inc != nil {
		k.Incarnation = *inc
	}
	if r := l.refused.Load(); r != nil {
		k.Refused = *r
	}
	return k
}

// Remains is what Redis holds of the lane, whatever this process knows of it.
// Without an Incarnation it holds nothing.
func (s *Store) Remains(ctx context.Context, name row.Lane) (Progress, error) {
	const op = "wal.remains"
	m, err := s.rdb.HGetAll(ctx, s.lane(name).keys.meta()).Result()
	if err != nil {
		return Progress{}, classify(op, name, err)
	}
	if m["incarnation"] == "" {
		return Progress{}, nil
	}
	return progressOf(op, name, m)
}

// Doubt closes the lane in this process: Redis has lost it, or units of it.
// Adopt, Join or Rebuild open it again.
func (s *Store) Doubt(name row.Lane) {
	l := s.lane(name)
	none := ""
	l.inc.CompareAndSwap(nil, &none)
	l.doubt()
}

// Verify closes the lane in this process if Redis does not hold it any more as
// far as it was seen.
func (s *Store) Verify(ctx context.Context, name row.Lane) error {
	seen := s.LastSeen(name)
	p, err := s.Progress(ctx, name)
	l := s.lane(name)
	run := l.run.Load()
	switch {
	case err != nil:
	case p.LSN < seen:
		err = fmt.Errorf("wal.verify: the lane ends at %d, it was seen at %d: %w", p.LSN, seen, ErrLost)
	case run != nil && p.Run != *run || p.Roll != "":
		err = fmt.Errorf("wal.verify: Redis was restarted: %w", ErrLost)
	}
	if errors.Is(err, ErrLost) {
		l.doubt()
	}
	return err
}

// Seal stops all commits to a lane that has lost units and still holds others,
// so that what it holds can be drained; was is what Remains gave. Only this
// process can read the lane from then on. ErrConflict: it has changed.
func (s *Store) Seal(ctx context.Context, name row.Lane, was Progress) (Progress, error) {
	const op = "wal.seal"
	l := s.lane(name)
	p, err := s.replace(ctx, op, l, s.scripts.seal, []any{l.keys.meta()}, []any{was.Incarnation, randomHex(8)})
	if err == nil {
		l.doubt()
		l.inc.Store(&p.Incarnation)
	}
	return p, err
}

// Rebuilt is where a lane's new life begins.
type Rebuilt struct {
	End          row.LSN      // MySQL has everything of the life before up to here
	Acknowledged row.LSN      // and up to here units were acknowledged in it
	Start        row.LSN      // above every LSN of the life before
	Refused      row.Refusals // records of the queue that are not the lane's, as far as MySQL knows
}

// Rebuild begins a new life of a lane that Redis has lost, with a new
// incarnation, under which nothing cached before is seen. was is what Remains
// or Seal gave. What was left of the WAL is kept under
// sa:{lane}:lost:<incarnation>. ErrConflict: somebody was faster.
func (s *Store) Rebuild(ctx context.Context, name row.Lane, was Progress, r Rebuilt) (Progress, error) {
	const op = "wal.rebuild"
	l, fresh := s.lane(name), randomHex(8)
	refused := was.Refused.Or(s.Knows(name).Refused).Or(r.Refused)
	p, err := s.replace(ctx, op, l, s.scripts.rebuild, []any{l.keys.meta(), l.keys.wal(), l.keys.lost(fresh)},
		[]any{was.Incarnation, uint64(r.End), uint64(r.Acknowledged), uint64(r.Start), fresh, refused.String(), uint64(refused.Epoch())})
	if err == nil {
		l.begin(p)
	}
	return p, err
}

// replace runs a script that answers with the lane's new marks.
func (s *Store) replace(ctx context.Context, op string, l *lane, sc *script, keys, args []any) (Progress, error) {
	reply, err := s.admin(ctx, op, l, sc, keys, args)
	if err != nil {
		return Progress{}, err
	}
	return parseProgress(op, l.name, reply)
}

// begin opens the lane in a life of which this process knows nothing.
func (l *lane) begin(p Progress) {
	l.doubt() // whoever waits for a unit of the life before is told
	l.floor.Store(uint64(p.LSN))
	l.enter(p)
}

// enter opens the lane as p says it is.
func (l *lane) enter(p Progress) {
	l.saw(p.LSN)
	l.inc.Store(&p.Incarnation)
	l.run.Store(&p.Run)
	l.refused.Store(&p.Refused)
	l.suspect.Store(false)
}

// Join opens a lane that another process has rebuilt, or made, since this one
// noticed that it was lost, unless it is open by now: both who drains and who
// serves clients look (absorber/restore.go, adopt.go). least is as for Adopt.
// ErrLost: nobody has yet.
func (s *Store) Join(ctx context.Context, name row.Lane, least row.LSN) (Progress, error) {
	p, err := s.Remains(ctx, name)
	if err != nil {
		return p, err
	}
	know := s.Knows(name)
	if p.Incarnation == know.Incarnation && p.LSN >= max(least, p.Told, know.Seen) && s.Usable(name) == nil {
		return p, nil
	}
	if p.Incarnation == "" || p.Incarnation == know.Incarnation || p.Sealed || p.LSN < max(least, p.Told) {
		return p, fmt.Errorf("wal.join: the lane has not been rebuilt yet: %w", ErrLost)
	}
	l := s.lane(name)
	if p, err = s.agree(ctx, "wal.join", l, p.Incarnation, max(p.LSN, least)); err != nil {
		return p, err
	}
	l.begin(p)
	s.log.Warn("joined the lane that was rebuilt", "lane", string(name), "lsn", uint64(p.LSN))
	if know.Acknowledged <= p.LostAfter || know.Acknowledged >= p.Start {
		return p, nil
	}
	s.log.Error("acknowledged writes of this process were in Redis only, and are lost", "lane", string(name),
		"from", uint64(p.LostAfter+1), "to", uint64(know.Acknowledged), "units_at_most", uint64(know.Acknowledged-p.LostAfter))
	return p, s.advance(ctx, "wal.join", name, "lost_to", know.Acknowledged, "")
}
