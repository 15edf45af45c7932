package wal

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// opCommit is the label of a commit.
const opCommit = "wal.commit"

// Commit gives the unit the lane's next LSN and applies its writes to the row
// cache, all or nothing. It returns the LSN; c.Unit is left as it is.
//
// ErrConflict, ErrGated, ErrStaleTable, ErrFull, ErrTooLarge, ErrUnseeded and ErrLost say
// that nothing was applied. A *row.Error of kind Transient or Permanent says so too; one of
// kind Ambiguous says that the outcome is unknown: replies were lost, the same
// unit was asked about again and again, and ctx ended first. The next unit of
// the same writer makes sure that an Ambiguous one is not applied after it.
func (s *Store) Commit(ctx context.Context, c *Commit) (row.LSN, error) {
	const op = opCommit
	doubts := s.lane(c.Unit.Lane).doubts.Load()
	if err := s.trusted(op); err != nil {
		return 0, err
	}
	l, inc, err := s.usable(op, c.Unit.Lane)
	if err != nil {
		return 0, err
	}
	pipe := s.commits
	if c.Confirm {
		if pipe = s.confirm; s.opts.Replicas < 1 {
			return 0, &row.Error{Op: op, Lane: l.name, Kind: row.Permanent, Err: errors.New("no number of replicas is configured")}
		}
	}
	receipt := Receipt{incarnation: inc, doubts: doubts}
	record, err := s.writerRecord(ctx, l)
	if err != nil {
		return 0, classify(op, l.name, err)
	}
	unit, err := newCommitUnit(l, inc, record, c)
	if err != nil {
		return 0, &row.Error{Op: op, Lane: l.name, Kind: row.Permanent, Err: err}
	}
	// Once an attempt has had no answer, only an answer ends this: the unit
	// may have been applied, or may yet be when the network delivers it.
	var unknown error
	giveUp := time.Now().Add(recordLife / 2)
	for try := 1; ; try++ {
		attempt := &call{lane: l, unit: unit}
		sent, err := pipe.do(ctx, attempt)
		if err == nil {
			err = attempt.err
		}
		if err == nil {
			lsn, err := s.committed(op, l, c, attempt.reply)
			c.Receipt = receipt
			if unknown == nil || !errors.Is(err, ErrLost) {
				return lsn, err
			}
			return 0, s.ambiguous(op, l, err)
		}
		lost := errors.Is(err, ErrLost)
		if unknown == nil && (!sent || lost || unsent(err)) {
			return 0, classify(op, l.name, err)
		}
		unknown = err
		var reply redis.Error
		broken := errors.As(err, &reply) && !unsent(err) // the script failed half way: asking again will not help
		if lost || broken || errors.Is(err, errStopped) || time.Now().After(giveUp) ||
			pause(ctx, time.Duration(min(try, 20))*5*time.Millisecond) != nil {
			return 0, s.ambiguous(op, l, unknown)
		}
	}
}

// committed reads the script's answer for one unit.
func (s *Store) committed(op string, l *lane, c *Commit, reply any) (row.LSN, error) {
	n, ok := reply.(int64)
	if !ok || n == 0 {
		return 0, unexpected(op, l.name, reply)
	}
	if err := decision(op, l.name, reply); err != nil {
		return 0, err
	}
	l.saw(row.LSN(n))
	if !c.Elsewhere {
		raise(&l.acked, row.LSN(n))
	}
	return row.LSN(n), nil
}

// ambiguous is the error for a unit whose outcome is unknown.
func (s *Store) ambiguous(op string, l *lane, cause error) error {
	if errors.Is(cause, ErrLost) {
		cause = errors.New(cause.Error()) // ErrLost would say that nothing was written
	}
	e := &row.Error{Op: op, Lane: l.name, Kind: row.Ambiguous, Err: cause,
		Hint: "the write may or may not have been accepted: read the row before writing again"}
	if errors.Is(cause, errShort) {
		e.Hint = "the write is accepted but not as safe as configured: check the replicas and files of Redis"
	}
	return e
}
