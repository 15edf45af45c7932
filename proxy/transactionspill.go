package proxy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
	"github.com/rzpsarthak13/shock-absorber/sqlrewrite"
)

// errReplay says that MySQL would not do again what the client was told.
var errReplay = errors.New("the replay of a transaction changed another number of rows")

// spill makes the transaction that is kept here one of the backend: from now on
// all its statements run there. The locks in Redis are given up only when the
// gates of its tables are shut, and those stay shut until it ends. p is the
// statement that cannot be kept here, nil for a command.
//
// As long as nothing was sent, an error leaves the transaction as it is. Later,
// if the replay does not do exactly what the client was told, the transaction
// is rolled back and the client gets 1213.
func (s *session) spill(ctx context.Context, p *sqlrewrite.Plan, reason string) error {
	x := s.txn
	if x.implied && !x.told && !x.touched() {
		x.Rollback(background(ctx)) // the backend begins it by itself, with the statement
		s.ended()
		return nil
	}
	if err := s.openBackend(ctx); err != nil {
		return clientError(err)
	}
	if err := s.ready(ctx, p); err != nil {
		return clientError(err)
	}
	s.shared.transactions.WithLabelValues("spill", reason).Inc()
	err := s.replay(ctx)
	s.snapshot = err == nil && len(x.Seen())+len(x.MissedValues()) > 0
	x.Rollback(background(ctx))
	s.ended()
	if err == nil {
		return nil
	}
	s.lacking = nil
	s.shared.transactions.WithLabelValues("abort", "replay").Inc()
	var cut *fatal
	if errors.As(err, &cut) {
		return err
	}
	s.shared.log.Warn("a transaction was rolled back: it could not be replayed in MySQL", "err", err)
	if _, err := s.query(background(ctx), "ROLLBACK"); err != nil {
		return Fatal(err)
	}
	if err := s.releaseGates(ctx); err != nil { // the transaction is gone all the same
		s.shared.log.Warn("a gate stays closed until its lease ends", "component", "TABLE", "err", err)
	}
	return errDeadlock()
}

// ready makes sure that MySQL has what the transaction has seen, and nothing
// that it does not know of its rows: the gates of the tables that it has locked
// are shut; what it has read, what its session wrote before, and what its next
// statement reads have drained before it gets a snapshot.
func (s *session) ready(ctx context.Context, p *sqlrewrite.Plan) error {
	var seen, reads []schema.Name
	for _, r := range s.txn.Seen() {
		seen = append(seen, r.Table.Name)
	}
	for _, v := range s.txn.MissedValues() {
		seen = append(seen, v.Table.Name)
	}
	slices.SortFunc(seen, func(a, b schema.Name) int { return strings.Compare(a.String(), b.String()) })
	seen = slices.Compact(seen)
	if p != nil {
		reads, _ = s.touches(p)
	}
	for try := 0; ; try++ {
		err := s.drainOwn(ctx)
		if err == nil {
			err = s.closeGates(ctx, s.txn.Tables(), s.lockLimit(p))
		}
		if err == nil && len(seen) > 0 && (p == nil || p.Effect&sqlrewrite.EffectEnd == 0) {
			err = s.beforeSnapshot(ctx, slices.Concat(seen, reads)) // replay takes it
		}
		if err == nil {
			err = s.shared.engine.Drain(ctx, s.usage, seen)
		}
		if err == nil && len(reads) > 0 {
			_, err = s.shared.engine.Barrier(ctx, s.usage, reads, nil)
		}
		if err == nil || !errors.Is(err, absorber.ErrReplan) || try == maxReplan {
			if err != nil {
				err = and(err, s.releaseGates(ctx))
			}
			return err
		}
	}
}

// replay begins the transaction in the backend and does there what was done
// here. The session's settings are as they were when it returns without error.
func (s *session) replay(ctx context.Context) (err error) {
	rows, err := s.query(ctx, "SELECT @@character_set_client, @@collation_connection, @@time_zone, @@sql_mode, FOUND_ROWS()")
	if err != nil {
		return err
	}
	if len(rows) != 1 || len(rows[0]) != 5 {
		return fmt.Errorf("read the settings of a session: %d rows", len(rows))
	}
	if err := s.remember(rows[0][4]); err != nil {
		return err
	}
	own := "SET"
	for i, name := range []string{" character_set_client=", ", collation_connection=", ", time_zone=", ", sql_mode="} {
		own += name + sink.QuoteText(string(rows[0][i]))
	}
	// With autocommit off the first statement begins it; under READ COMMITTED
	// what was read is not read again.
	if !s.txn.implied || !s.txn.touched() {
		begin := "START TRANSACTION"
		if s.txn.implied && s.tracks() { // the end of an explicit one would be told
			begin = "SELECT 1 FROM information_schema.SCHEMATA LIMIT 1"
		}
		if _, err := s.query(ctx, begin); err != nil {
			return err
		}
	}
	if _, err := s.query(ctx, "SET "+sink.TextSettings); err != nil {
		return err
	}
	err = s.redo(ctx)
	if _, restored := s.query(background(ctx), own); restored != nil {
		return Fatal(restored) // the session would read its statements differently
	}
	return err
}

// remember keeps what FOUND_ROWS() was before statements of the proxy's own
// changed it, unless it is known.
func (s *session) remember(found []byte) error {
	if s.outcome.found != 0 {
		return nil
	}
	n, err := strconv.Atoi(string(found))
	if err != nil {
		return fmt.Errorf("read FOUND_ROWS(): %w", err)
	}
	s.outcome.found = n + 1
	return nil
}

// redo locks what the transaction has locked, finds it unchanged, makes the
// changes, and finds unchanged what was only read.
func (s *session) redo(ctx context.Context) error {
	if err := s.lockRows(ctx, s.txn.Locked()); err != nil {
		return err
	}
	if err := s.lockValues(ctx, s.txn.LockedValues()); err != nil {
		return err
	}
	if err := s.txn.Verify(ctx); err != nil {
		return err
	}
	for _, st := range s.txn.Steps() {
		if st.Savepoint != "" {
			if _, err := s.query(ctx, "SAVEPOINT "+sink.QuoteName(st.Savepoint)); err != nil {
				return err
			}
			continue
		}
		texts, err := sink.Text([]sink.Change{st.Change})
		if err != nil {
			return err
		}
		res, err := s.conn.BackendQuery(ctx, texts[0], nil)
		if err != nil {
			return err
		}
		if res.Response.Affected != 1 {
			return errReplay
		}
	}
	if err := s.sameRows(ctx, s.txn.Seen()); err != nil {
		return err
	}
	return s.sameValues(ctx, s.txn.MissedValues())
}

// sameRows finds the rows that the transaction has read, and has not changed,
// as they were: MySQL takes its snapshot here, and goes on showing them so.
func (s *session) sameRows(ctx context.Context, rows []absorber.KnownRow) error {
	for _, r := range rows {
		sql, err := sink.Known(r.Table, r.Ref.Values, r.Image)
		if err != nil {
			return err
		}
		want := "1"
		if r.Image == nil {
			want = "0"
		}
		got, err := s.query(ctx, sql)
		if err != nil {
			return err
		}
		if len(got) != 1 || string(got[0][0]) != want {
			return absorber.ErrOverrun
		}
	}
	return nil
}

// lockRows locks rows in MySQL.
func (s *session) lockRows(ctx context.Context, rows []absorber.KnownRow) error {
	type lock struct {
		t      *schema.Table
		shared bool
	}
	keys := map[lock][][][]byte{}
	for _, r := range rows {
		l := lock{r.Table, r.Shared}
		keys[l] = append(keys[l], r.Ref.Values)
	}
	for l, values := range keys {
		texts, err := sink.Locking(l.t, l.t.Primary, values, l.shared)
		if err != nil {
			return err
		}
		for _, sql := range texts {
			if _, err := s.query(ctx, sql); err != nil {
				return err
			}
		}
	}
	return nil
}

// lockValues locks in MySQL that no row has these unique values.
func (s *session) lockValues(ctx context.Context, values []absorber.KnownValue) error {
	for _, v := range values {
		texts, err := sink.Locking(v.Table, v.Index, [][][]byte{v.Values}, v.Shared)
		if err != nil {
			return err
		}
		got, err := s.query(ctx, texts[0])
		if err != nil {
			return err
		}
		if len(got) != 0 {
			return absorber.ErrOverrun
		}
	}
	return nil
}

// sameValues finds that no row has the unique values that the transaction has
// looked for without success.
func (s *session) sameValues(ctx context.Context, values []absorber.KnownValue) error {
	for _, v := range values {
		sql, err := sink.Holding(v.Table, v.Index, v.Values)
		if err != nil {
			return err
		}
		got, err := s.query(ctx, sql)
		if err != nil {
			return err
		}
		if len(got) != 1 || string(got[0][0]) != "0" {
			return absorber.ErrOverrun
		}
	}
	return nil
}

// harmless reports whether a command can be forwarded while a transaction is
// kept here: neither does it see a transaction, nor could it end one.
func harmless(cmd byte) bool {
	switch cmd {
	case wire.ComPing, wire.ComStatistics, wire.ComFieldList, wire.ComProcessKill, wire.ComInitDB, wire.ComStmtPrepare, wire.ComStmtReset,
		wire.ComStmtLongData, wire.ComStmtFetch, wire.ComStmtClose, wire.ComSetOption:
		return true
	}
	return false
}
