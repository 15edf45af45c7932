package sink

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// errUnknown says that COMMIT was sent and its outcome not heard.
var errUnknown = errors.New("the outcome of COMMIT is not known")

// commitTries is how often Apply asks for the outcome of a COMMIT itself
// before it leaves that to the caller.
const commitTries = 3

// Apply does the whole batch in one transaction, or nothing of it. It may be
// called again with the same batch after any error: a batch that is in MySQL
// already is recognised and not applied twice.
//
// Errors are *row.Error. Fenced: another drainer owns the lane, or the
// checkpoint is not where the caller believes it: take over again. Permanent:
// MySQL refuses the data, and nothing was applied. Transient: nothing was
// applied. Ambiguous: the outcome of COMMIT could not be asked for; the next
// Apply of the same batch, or Takeover, finds out.
func (s *Sink) Apply(ctx context.Context, b Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	unknown := false
	for try := 1; ; try++ {
		err := s.transact(ctx, &b)
		if err == nil {
			return nil
		}
		lost := errors.Is(err, errUnknown)
		unknown = unknown || lost
		if lost && try < commitTries && ctx.Err() == nil {
			continue
		}
		s.rollback(ctx)
		err = wrap(opApply, b.Lane, b.To, err)
		var e *row.Error
		if unknown && errors.As(err, &e) && e.Kind == row.Transient {
			e.Kind = row.Ambiguous
		}
		return err
	}
}

// transact runs the transaction once.
func (s *Sink) transact(ctx context.Context, b *Batch) error {
	done, err := s.enter(ctx, b)
	if done || err != nil {
		return err
	}
	sess := s.sess // the transaction lives and dies with it
	if id := uint64(sess.conn.GetConnectionID()); b.Connection != 0 && id != b.Connection {
		return fmt.Errorf("MySQL connection %d has ended, this is %d", b.Connection, id)
	}
	limit := min(s.cfg.MaxStatement, sess.maxPacket-1024)
	statements, err := s.statements(b, limit)
	if err != nil {
		return err
	}
	for i := range statements {
		if st := &statements[i]; len(st.sql) > sess.maxPacket-64 {
			return &row.Error{Op: opApply, LSN: st.lsn, Kind: row.Permanent, Hint: refusing[mysql.ER_NET_PACKET_TOO_LARGE],
				Err: fmt.Errorf("a row of %s needs a statement of %d bytes, the server takes %d", st.table, len(st.sql), sess.maxPacket)}
		}
	}
	done, err = s.send(ctx, sess, b, statements, limit)
	if errors.Is(err, errAnswered) {
		s.rollback(ctx)
		return nil
	}
	if done || err != nil {
		return err
	}
	// From here on a lost reply leaves the outcome open, and so does an error:
	// a cluster may report one for a transaction that was applied.
	if _, err := s.on(ctx, opCommit, sess, []byte("COMMIT")); err != nil {
		s.drop()
		return &row.Error{Op: opCommit, LSN: b.To, Kind: row.Ambiguous, Err: fmt.Errorf("%w: %w", errUnknown, err)}
	}
	return nil
}

// statements are those of a batch, the guarded move of the checkpoint apart.
func (s *Sink) statements(b *Batch, limit int) ([]statement, error) {
	out := answers(b, s.cfg.Database, limit)
	changes, err := script(b, limit)
	if err != nil {
		return nil, err
	}
	return append(append(out, changes...), letters(b, s.cfg.Database, limit)...), nil
}

// enter makes sure that the session belongs to the lane. A new one looks at
// the epoch first, so that a drainer that has been replaced does not kill the
// connection of the one that replaced it.
func (s *Sink) enter(ctx context.Context, b *Batch) (done bool, err error) {
	if _, err := s.connect(ctx); err != nil {
		return false, err
	}
	if s.sess.lane == b.Lane {
		return false, nil
	}
	if done, err := s.outcome(ctx, b, false); done || err != nil {
		return done, err
	}
	return false, s.lockLane(ctx, b.Lane)
}

// outcome reads the checkpoint and compares it with the batch: done if the
// batch is in MySQL, Fenced if it can never get there. With guarded the guard
// has refused the batch, so a checkpoint before it is Fenced too.
func (s *Sink) outcome(ctx context.Context, b *Batch, guarded bool) (done bool, err error) {
	cp, err := s.read(ctx, b.Lane)
	if err != nil {
		return false, err
	}
	switch {
	case cp.Epoch != b.Epoch:
		err = fmt.Errorf("epoch %d owns the lane, not %d", cp.Epoch, b.Epoch)
	case cp.LSN == b.To && b.To > b.From:
		// Only this drainer moves the checkpoint under its epoch: an earlier
		// Apply of this batch has committed.
		return true, nil
	case cp.LSN != b.From:
		err = fmt.Errorf("the checkpoint is at %d, not at %d", cp.LSN, b.From)
	case guarded:
		err = errors.New("the checkpoint moved")
	default:
		return false, nil
	}
	return false, &row.Error{Op: opApply, Lane: b.Lane, LSN: b.To, Kind: row.Fenced, Err: err}
}

// send begins the transaction, moves the checkpoint under its guard, executes
// the statements in packets of about limit bytes and verifies each count. done
// says that the batch is in MySQL already; the transaction is then over.
func (s *Sink) send(ctx context.Context, sess *session, b *Batch, statements []statement, limit int) (done bool, err error) {
	packet := fmt.Appendf(nil, "BEGIN;%sUPDATE %s.checkpoint SET lsn=%d,incarnation=%s WHERE lane=%s AND epoch=%d AND lsn=%d",
		mark(b), appendName(nil, s.cfg.Database), b.To, QuoteText(b.Incarnation), QuoteText(string(b.Lane)), b.Epoch, b.From)
	head := 2 // BEGIN and the guard go before the first statement
	for head > 0 || len(statements) > 0 {
		n := 0
		for n < len(statements) && (len(packet) == 0 || len(packet)+len(statements[n].sql) < limit) {
			if len(packet) > 0 {
				packet = append(packet, ';')
			}
			packet = append(packet, statements[n].sql...)
			n++
		}
		rs, err := s.on(ctx, opApply, sess, packet)
		if head > 0 {
			if len(rs) < head {
				return false, fmt.Errorf("move the checkpoint: %w", err)
			}
			if rs[1].AffectedRows == 0 {
				s.rollback(ctx)
				return s.outcome(ctx, b, true)
			}
			rs = rs[head:]
		}
		if err := s.verify(b, statements[:n], rs, err); err != nil {
			return false, err
		}
		statements, packet, head = statements[n:], packet[:0], 0
	}
	return false, nil
}

// verify compares the counts of the executed statements, and gives the error
// of the one that failed its table and LSN.
func (s *Sink) verify(b *Batch, sent []statement, rs []*mysql.Result, failed error) error {
	for i, r := range rs {
		if sent[i].once && r.AffectedRows == 0 {
			return errAnswered
		}
		if r.AffectedRows != sent[i].want && !sent[i].loose {
			return divergence(&sent[i], r.AffectedRows)
		}
		if r.Warnings > 0 {
			s.cfg.Logger.Warn("MySQL warned about a drained statement", "lane", b.Lane, "lsn", sent[i].lsn, "table", sent[i].table, "warnings", r.Warnings)
		}
	}
	if failed == nil && len(rs) == len(sent) {
		return nil
	}
	if failed == nil {
		s.drop()
		return fmt.Errorf("%d answers to %d statements", len(rs), len(sent))
	}
	if len(rs) == len(sent) {
		return failed
	}
	st := &sent[len(rs)]
	return wrap(opApply, b.Lane, st.lsn, fmt.Errorf("%s on %s: %w", st.op, st.table, failed))
}
