package wal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// ownerField is what the fields of owners in a gate's hash begin with.
const ownerField = "o:"

// Joining is how a gate is joined.
type Joining string

const (
	// JoinFirst closes a gate that is open, and joins one that was closed less
	// than Options.GateWindow ago.
	JoinFirst Joining = "first"
	// JoinHolding may join at any time: the session holds another gate, and two
	// could wait for each other.
	JoinHolding Joining = "holding"
	// JoinLate joins a gate that is shut, however long it has been, as long as
	// somebody keeps it who did not come late. So the late ones do not keep it
	// from opening for ever.
	JoinLate Joining = "late"
)

// JoinGate makes owner one of those who keep the table's gate closed, closing
// it if it is open: from then on commits to the table get ErrGated. backend is
// the MySQL connection that will write, 0 if none is open yet (join again to
// name it); lease is how long the owner is believed to live without RenewGates.
// Joining again renews.
//
// ErrGated: how does not allow to join now, or the gate has opened a moment ago
// for commits that had waited (WantGate); wait until it opens, and a moment, so
// that the commits get their turn. ErrConflict: late, and the gate is open. A
// Fenced error: the owner's own lease has ended.
func (s *Store) JoinGate(ctx context.Context, name row.Lane, table, owner string, backend uint64, lease time.Duration, how Joining) (GateInfo, error) {
	const op = "wal.gate_join"
	l, inc, err := s.usable(op, name)
	if err != nil {
		return GateInfo{}, err
	}
	if _, err := s.TableStates(ctx, name, []string{table}); err != nil { // makes the state if absent
		return GateInfo{}, err
	}
	reply, err := s.admin(ctx, op, l, s.scripts.join,
		[]any{l.keys.meta(), l.keys.table(table), l.keys.gate(table), l.keys.gates()},
		[]any{inc, owner, backend, millis(lease), millis(s.opts.GateWindow), string(how), table, l.keys.wake()})
	if err != nil {
		return GateInfo{}, err
	}
	if err := decision(op, name, reply); err != nil {
		return GateInfo{}, err
	}
	list, ok := reply.([]any)
	if !ok || len(list) != 2 {
		return GateInfo{}, unexpected(op, name, reply)
	}
	text, _ := list[0].(string)
	st, err := parseState(text)
	if err != nil {
		return GateInfo{}, unexpected(op, name, reply)
	}
	to, err := parseLSN(list[1])
	if err != nil {
		return GateInfo{}, unexpected(op, name, reply)
	}
	return GateInfo{State: st.Gate, Gen: st.Gen, DrainTo: to}, nil
}

// ShutGate lets the owners of a closed gate write to MySQL: closing becomes
// shut if nothing of the table is pending and told, which MySQL has been told
// of, is the table's AUTO_INCREMENT counter; else ErrConflict. The counter is
// MySQL's from then on, and gone here. A Fenced error: the gate is open, so the
// caller's lease has ended.
func (s *Store) ShutGate(ctx context.Context, name row.Lane, table string, told Counter) error {
	const op = "wal.gate_shut"
	l, inc, err := s.known(op, name)
	if err != nil {
		return err
	}
	reply, err := s.admin(ctx, op, l, s.scripts.shut, []any{l.keys.table(table), l.keys.dirty(table), l.keys.auto(table)}, []any{inc, told.text})
	if err != nil {
		return err
	}
	return decision(op, name, reply)
}

// RenewGates extends the owner's leases on all the tables' gates, or on none:
// a Fenced error says that one has ended and the owner must stop.
func (s *Store) RenewGates(ctx context.Context, name row.Lane, owner string, tables []string, lease time.Duration) error {
	const op = "wal.gate_renew"
	l, _, err := s.known(op, name)
	if err != nil || len(tables) == 0 {
		return err
	}
	var keys []any
	for _, t := range tables {
		keys = append(keys, l.keys.gate(t))
	}
	reply, err := s.admin(ctx, op, l, s.scripts.renew, keys, []any{owner, millis(lease)})
	if err != nil {
		return err
	}
	return decision(op, name, reply)
}

// LeaveGate ends the owner's part in the gate. After the last owner it opens,
// with a new generation if it was shut. It may be repeated.
func (s *Store) LeaveGate(ctx context.Context, name row.Lane, table, owner string) error {
	return s.leave(ctx, name, table, owner, "")
}

// leave removes the owner if its record is still the one given ("" = any).
func (s *Store) leave(ctx context.Context, name row.Lane, table, owner, record string) error {
	const op = "wal.gate_leave"
	l, inc, err := s.known(op, name)
	if err != nil {
		return err
	}
	reply, err := s.admin(ctx, op, l, s.scripts.leave,
		[]any{l.keys.table(table), l.keys.gate(table), l.keys.gates()}, []any{inc, owner, table, record, l.keys.wake()})
	if err != nil {
		return err
	}
	return decision(op, name, reply)
}

// WantGate notes that a commit waits for the gate, if it is closed: when it
// opens it then stays open for long enough that those who are in WaitGate get
// through.
func (s *Store) WantGate(ctx context.Context, name row.Lane, table string) error {
	const op = "wal.gate_want"
	l, _, err := s.usable(op, name)
	if err != nil {
		return err
	}
	_, err = s.admin(ctx, op, l, s.scripts.want, []any{l.keys.table(table), l.keys.gate(table)}, nil)
	return err
}

// SweepGates removes the owners whose leases have ended. reap is called first
// with the owner's MySQL connection, and returns nil only when that connection
// is gone, so that its statement cannot commit after the gate has opened. An
// owner that cannot be reaped stays; the errors are joined.
func (s *Store) SweepGates(ctx context.Context, name row.Lane, reap func(backend uint64) error) error {
	const op = "wal.gate_sweep"
	l, _, err := s.known(op, name)
	if err != nil {
		return err
	}
	tables, err := s.rdb.SMembers(ctx, l.keys.gates()).Result()
	if err != nil {
		return classify(op, name, err)
	}
	var errs []error
	for _, t := range tables {
		var clock *redis.TimeCmd
		var owners *redis.MapStringStringCmd
		// The clock before the owners: a lease is never taken for ended early.
		if clock = s.rdb.Time(ctx); clock.Err() != nil {
			return classify(op, name, clock.Err())
		}
		if owners = s.rdb.HGetAll(ctx, l.keys.gate(t)); owners.Err() != nil {
			return classify(op, name, owners.Err())
		}
		for field, record := range owners.Val() {
			owner, ok := strings.CutPrefix(field, ownerField)
			if !ok {
				continue
			}
			if err := s.sweep(ctx, name, t, owner, record, clock.Val(), reap); err != nil {
				errs = append(errs, fmt.Errorf("%s %s: %w", op, t, err))
			}
		}
	}
	return errors.Join(errs...)
}

// sweep removes one owner if its lease has ended.
func (s *Store) sweep(ctx context.Context, name row.Lane, table, owner, record string, now time.Time, reap func(uint64) error) error {
	at, backend, _ := strings.Cut(record, ":")
	ms, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return fmt.Errorf("owner %s has record %q", owner, record)
	}
	id, err := strconv.ParseUint(backend, 10, 64)
	if err != nil {
		return fmt.Errorf("owner %s has record %q", owner, record)
	}
	if now.UnixMilli() < ms {
		return nil
	}
	if err := reap(id); err != nil {
		return err
	}
	s.log.Warn("the owner of a closed gate has died; its part in the gate ends", "lane", string(name), "table", table, "owner", owner)
	return s.leave(ctx, name, table, owner, record)
}
