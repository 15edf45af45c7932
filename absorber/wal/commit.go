package wal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// Commit gives the unit the lane's next LSN and applies its writes to the row
// cache, all or nothing. It returns the LSN; c.Unit is left as it is.
//
// ErrConflict, ErrGated, ErrStaleTable, ErrFull and ErrLost say that nothing
// was applied. A *row.Error of kind Transient or Permanent says so too; one of
// kind Ambiguous says that the outcome is unknown: replies were lost, the same
// unit was asked about again and again, and ctx ended first. The next unit of
// the same writer makes sure that an Ambiguous one is not applied after it.
func (s *Store) Commit(ctx context.Context, c *Commit) (row.LSN, error) {
	const op = "wal.commit"
	l, inc, err := s.usable(op, c.Unit.Lane)
	if err != nil {
		return 0, err
	}
	record, err := s.writerRecord(ctx, l)
	if err != nil {
		return 0, classify(op, l.name, err)
	}
	first, err := newCommitCall(s.scripts.commit, l, inc, record, c)
	if err != nil {
		return 0, &row.Error{Op: op, Lane: l.name, Kind: row.Permanent, Err: err}
	}
	// Once an attempt has had no answer, only an answer ends this: the unit
	// may have been applied, or may yet be when the network delivers it.
	var unknown error
	giveUp := time.Now().Add(recordLife / 2)
	for try := 1; ; try++ {
		attempt := &call{lane: l, script: first.script, keys: first.keys, args: first.args}
		sent, err := s.commits.do(ctx, attempt)
		if err == nil {
			err = attempt.err
		}
		if err == nil {
			lsn, err := s.committed(op, l, attempt.reply)
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
func (s *Store) committed(op string, l *lane, reply any) (row.LSN, error) {
	n, ok := reply.(int64)
	if !ok || n == 0 {
		return 0, unexpected(op, l.name, reply)
	}
	if err := decision(op, l.name, reply); err != nil {
		return 0, err
	}
	l.saw(row.LSN(n))
	return row.LSN(n), nil
}

// ambiguous is the error for a unit whose outcome is unknown.
func (s *Store) ambiguous(op string, l *lane, cause error) error {
	e := &row.Error{Op: op, Lane: l.name, Kind: row.Ambiguous, Err: cause,
		Hint: "the write may or may not have been accepted: read the row before writing again"}
	if errors.Is(cause, errShort) {
		e.Hint = "the write is accepted but not as safe as configured: check the replicas and files of Redis"
	}
	return e
}

// commitCall collects keys and arguments of the commit script in the order
// that lua/commit.lua gives.
type commitCall struct {
	keys    laneKeys
	gens    map[string]uint64
	tables  []string
	err     error
	states  []any // expected states
	leases  []any // keys of leases that must stand, of rows and of claims
	tokens  []any
	claims  []any
	owners  []any
	drops   []any // keys of claims to release
	holders []any
	rows    []any // keys of rows read
	seen    []any // their versions
	written []any
	images  []any
	done    []any // leases to delete
}

// newCommitCall lays the call out.
func newCommitCall(sc *script, l *lane, inc, record string, c *Commit) (*call, error) {
	data, err := Encode(c.Unit)
	if err != nil {
		return nil, err
	}
	b := &commitCall{keys: l.keys, gens: c.Gens}
	for t, gen := range c.Gens {
		b.tables = append(b.tables, t)
		b.states = append(b.states, TableState{Incarnation: inc, Gen: gen}.stem()+string(GateOpen))
	}
	b.reads(c)
	b.writes(c)
	if b.err != nil {
		return nil, b.err
	}
	T, L, C, X, V, W := len(b.states), len(b.leases), len(b.claims), len(b.drops), len(b.rows), len(b.written)
	keys := make([]any, 2, 3+2*T+L+C+X+V+W+len(b.done))
	keys[0], keys[1] = l.keys.meta(), l.keys.wal()
	keys = append(keys, record)
	for _, t := range b.tables {
		keys = append(keys, l.keys.table(t))
	}
	keys = append(append(append(keys, b.leases...), b.claims...), b.drops...)
	for _, t := range b.tables {
		keys = append(keys, l.keys.dirty(t))
	}
	keys = append(append(append(keys, b.rows...), b.written...), b.done...)
	args := make([]any, 0, 14+T+L+C+X+V+4*W)
	args = append(args, inc, l.floor.Load(), len(keys)-2, 12+T+L+C+X+V+4*W,
		c.Unit.ID.Writer, c.Unit.ID.Seq, c.MaxBacklog, T, L, C, X, V, W, data)
	args = append(append(append(args, b.states...), b.tokens...), b.owners...)
	args = append(append(append(args, b.holders...), b.seen...), b.images...)
	return &call{lane: l, script: sc, keys: keys, args: args}, nil
}

// gen is the generation of a table of the unit.
func (b *commitCall) gen(table string) uint64 {
	g, ok := b.gens[table]
	if !ok {
		b.err = fmt.Errorf("no generation given for table %s", table)
	}
	return g
}

// reads adds the witnesses.
func (b *commitCall) reads(c *Commit) {
	for _, r := range c.Reads {
		gen := b.gen(r.Table)
		switch {
		case r.Lease != "":
			b.leases, b.tokens = append(b.leases, b.keys.rowLease(r.RowKey, gen)), append(b.tokens, r.Lease)
		case r.Version != 0:
			b.rows, b.seen = append(b.rows, b.keys.row(r.RowKey, gen)), append(b.seen, version8(r.Version))
		default:
			b.rows, b.seen = append(b.rows, b.keys.row(r.RowKey, gen)), append(b.seen, "")
		}
	}
	for _, r := range c.ClaimReads {
		b.leases = append(b.leases, b.keys.claimLease(r.ClaimKey, b.gen(r.Table)))
		b.tokens = append(b.tokens, r.Lease)
	}
}

// writes adds rows, claims and releases.
func (b *commitCall) writes(c *Commit) {
	for _, w := range c.Writes {
		gen := b.gen(w.Table)
		index := 0
		for i, t := range b.tables {
			if t == w.Table {
				index = i + 1
			}
		}
		flags := byte(flagDirty)
		if w.Image == nil {
			flags |= flagTomb
		}
		h := head(flags, w.Schema)
		b.written = append(b.written, b.keys.row(w.RowKey, gen))
		b.images = append(b.images, index, string(w.Key), h[:], w.Image)
		b.done = append(b.done, b.keys.rowLease(w.RowKey, gen))
	}
	for _, w := range c.Claims {
		gen := b.gen(w.Table)
		b.claims, b.owners = append(b.claims, b.keys.claim(w.ClaimKey, gen)), append(b.owners, string(w.Owner))
		b.done = append(b.done, b.keys.claimLease(w.ClaimKey, gen))
	}
	for _, w := range c.Releases {
		b.drops = append(b.drops, b.keys.claim(w.ClaimKey, b.gen(w.Table)))
		b.holders = append(b.holders, string(w.Owner))
	}
}
