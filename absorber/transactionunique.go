package absorber

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// absence is a unique value that no row had when the transaction locked it, or
// read it.
type absence struct {
	t      *schema.Table
	value  UniqueValue
	locked wal.TableState // the lock belongs to
}

// absent makes an absence of a value that may lie in the client's packet.
func absent(t *schema.Table, v UniqueValue, st wal.TableState) absence {
	v.Values = keep(v.Values)
	return absence{t: t, value: v, locked: st}
}

// has reports whether a row holds the value.
func (v *UniqueValue) has(t *schema.Table, im row.Image) bool {
	key, ok, err := claimKey(t, v.Index, im)
	return err == nil && ok && key.Value == v.Encoded
}

// own finds the row that holds a value among those that the transaction has
// locked. gave says that one of them has given it up in the transaction.
func (x *Transaction) own(t *schema.Table, v UniqueValue) (r *lockedRow, gave bool) {
	c := v.claim(t)
	if k, ok := x.held[c]; ok {
		return x.rows[k], false
	}
	return nil, x.based[c]
}

// hold notes which unique values a row that the transaction has locked gives up and
// takes, as it goes from old to new.
func (x *Transaction) hold(t *schema.Table, k wal.RowKey, old, new row.Image) {
	for _, ix := range t.Uniques {
		was, had, err := claimKey(t, ix, old)
		if err == nil && had && x.held[was] == k {
			delete(x.held, was)
		}
		is, has, err := claimKey(t, ix, new)
		if err == nil && has {
			x.held[is] = k
		}
	}
}

// distinct is a *Duplicate if a row of the steps takes a unique value that another
// of the transaction's rows has. Claims cannot tell: a row that comes back to what
// it was is no change, and needs none.
func (x *Transaction) distinct(t *schema.Table, steps []step) error {
	keeps := map[wal.RowKey]row.Image{}
	for _, s := range steps {
		keeps[s.key] = s.new
	}
	for _, s := range steps {
		if err := noPrefix(t, s.old, s.new); err != nil {
			return err
		}
	}
	taken := map[wal.ClaimKey]bool{}
	for _, s := range steps {
		for _, ix := range t.Uniques {
			is, has, err := claimKey(t, ix, s.new)
			if err != nil {
				return err
			}
			if !has {
				continue
			}
			k, held := x.held[is]
			if im, moves := keeps[k]; held && moves {
				still, ok, err := claimKey(t, ix, im)
				held = err == nil && ok && still == is
			}
			if held && k != s.key || taken[is] {
				if len(steps) > 1 {
					return &Refused{Reason: reasonTxnDuplicate}
				}
				return duplicate(t, ix, s.new)
			}
			taken[is] = true
		}
	}
	return nil
}

// transformation begins a try that locks what it reads, unique values before
// their rows.
func (x *Transaction) transformation(t *schema.Table, st wal.TableState, how Locking) *transformation {
	tr := x.e.transformation(t, st, func(ctx context.Context, t *schema.Table, st wal.TableState, refs []row.Ref) ([]currentRow, error) {
		if err := x.acquire(ctx, t, st, refs, how); err != nil {
			return nil, err
		}
		rows := make([]currentRow, len(refs))
		for i, ref := range refs {
			rows[i].im = x.rows[wal.RowKey{Table: t.Name.String(), Key: ref.Key}].now
		}
		return rows, nil
	})
	tr.find = func(ctx context.Context, values []UniqueValue) ([]holder, error) {
		return x.holders(ctx, tr, values, how)
	}
	return tr
}

// holders locks unique values and names the rows that hold them, as the
// transaction sees it. While a value is locked nobody else takes it or gives it up.
func (x *Transaction) holders(ctx context.Context, tr *transformation, values []UniqueValue, how Locking) ([]holder, error) {
	locks := make([]wal.Lock, len(values))
	for i, v := range values {
		locks[i] = claimLock(v.claim(tr.t), tr.st)
	}
	if how.Shared {
		locks = shared(locks)
	}
	if err := x.lock(ctx, locks, how.Wait); err != nil {
		return nil, err
	}
	var found []holder
	var others []UniqueValue
	for _, v := range values {
		switch r, gave := x.own(tr.t, v); {
		case r != nil:
			found = append(found, holder{v, r.ref})
		case !gave: // one that has given it up had it, so nobody else has
			others = append(others, v)
		}
	}
	committed, err := tr.holders(ctx, others)
	if err != nil {
		return nil, err
	}
	for _, h := range committed {
		if x.rows[wal.RowKey{Table: tr.t.Name.String(), Key: h.ref.Key}] != nil {
			return nil, ErrOverrun // it did not hold the value when it was locked
		}
	}
	for _, v := range others {
		if !slices.ContainsFunc(committed, func(h holder) bool { return h.value.Index.Name == v.Index.Name && h.value.Encoded == v.Encoded }) {
			x.absent[v.claim(tr.t)] = absent(tr.t, v, tr.st)
			x.concerns(tr.t)
		}
	}
	return append(found, committed...), nil
}

// Transform is Engine.Transform within the transaction: it locks the rows in the
// scope, and the unique values, for itself. Errors as for Update.
func (x *Transaction) Transform(ctx context.Context, t *schema.Table, sc Scope, compute Compute) (Result, error) {
	err := x.writing(ctx, t, func(st wal.TableState) error {
		tr := x.transformation(t, st, Locking{})
		changes, _, err := tr.changes(ctx, sc, compute)
		if err != nil || len(changes) == 0 {
			return err
		}
		changes, ok := inOrder(t, changes)
		if !ok {
			return &Refused{Reason: "unique_move"}
		}
		steps := make([]step, len(changes))
		for i, ch := range changes {
			steps[i] = step{key: wal.RowKey{Table: t.Name.String(), Key: ch.key}, old: ch.old, new: ch.new}
		}
		var dup *Duplicate
		if err = x.claim(ctx, t, st, steps); errors.As(err, &dup) {
			return ErrOverrun // changes would have read its row
		}
		if err != nil {
			return err
		}
		if err := x.raise(ctx, t, steps, sc.Given); err != nil {
			return err
		}
		x.note(steps)
		return nil
	})
	return Result{Lane: x.lane}, err
}

// LookupUniqueLocking is LookupLocking by values of unique indexes: the rows that
// exist, ascending by key. A value that no row has is locked as well where reads
// are repeatable.
func (x *Transaction) LookupUniqueLocking(ctx context.Context, t *schema.Table, values []UniqueValue, how Locking) ([]row.Image, error) {
	var images []row.Image
	err := x.writing(ctx, t, func(st wal.TableState) error {
		there, err := x.existingValues(ctx, t, st, values)
		if err != nil {
			return err
		}
		tr, rounds := x.transformation(t, st, how), [][]UniqueValue{there}
		if how.Wait == Skip {
			tr = x.transformation(t, st, Locking{Wait: NoWait, Shared: how.Shared})
			rounds = nil
			for i := range there {
				rounds = append(rounds, there[i:i+1])
			}
		}
		for _, some := range rounds {
			if _, err := tr.loadUnique(ctx, some); err != nil && !(how.Wait == Skip && errors.Is(err, wal.ErrLocked)) {
				return err
			}
		}
		images = tr.before()
		return nil
	})
	return images, err
}

// LookupUnique is Lookup by values of unique indexes: the rows that exist,
// ascending by key.
func (x *Transaction) LookupUnique(ctx context.Context, t *schema.Table, values []UniqueValue) ([]row.Image, error) {
	if err := x.admits(t); err != nil {
		return nil, err
	}
	if x.repeatable && !sink.Comparable(t) {
		return nil, &Refused{Reason: reasonTxnFloat}
	}
	found := map[row.Key]row.Image{}
	var others []UniqueValue
	for _, v := range values {
		if key, im, known := x.recalls(t, v); im != nil {
			found[key] = im
		} else if !known {
			others = append(others, v)
		}
	}
	if len(others) > 0 {
		if x.repeatable && len(x.seen)+len(x.missed)+len(others) > maxTransaction {
			return nil, &Refused{Reason: reasonTxnSize}
		}
		err := x.e.reading(ctx, t, func(st wal.TableState) error {
			tr := x.e.transformation(t, st, x.e.current)
			if _, err := tr.loadUnique(ctx, others); err != nil {
				return err
			}
			for _, v := range others {
				x.notice(tr, v, found)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return ascending(found), nil
}

// recalls finds the row with a value among those that the transaction has
// changed, or has read and must go on seeing as they were. known says that there
// is none that it could see.
func (x *Transaction) recalls(t *schema.Table, v UniqueValue) (key row.Key, im row.Image, known bool) {
	for k, r := range x.rows {
		if k.Table != t.Name.String() || !x.changed(k) {
			continue
		}
		if v.has(t, r.now) {
			return k.Key, r.now, true
		}
		known = known || v.has(t, r.base)
	}
	if known || !x.repeatable {
		return "", nil, known
	}
	for k, r := range x.seen {
		if k.Table == t.Name.String() && !x.changed(k) && v.has(t, r.im) {
			return k.Key, r.im, true
		}
	}
	_, known = x.missed[v.claim(t)]
	return "", nil, known
}

// notice takes what was read of a value into found, and where reads are
// repeatable remembers it. A row that the transaction knows otherwise did not
// have the value as the transaction sees it.
func (x *Transaction) notice(tr *transformation, v UniqueValue, found map[row.Key]row.Image) {
	for key, r := range tr.rows {
		if !tr.has(r.im, v) {
			continue
		}
		k := wal.RowKey{Table: tr.t.Name.String(), Key: key}
		_, seen := x.seen[k]
		if seen && x.repeatable || x.changed(k) {
			break
		}
		found[key] = r.im
		if x.repeatable {
			x.seen[k] = seenRow{t: tr.t, ref: row.Ref{Key: key, Values: keep(r.ref.Values)}, im: r.im}
		}
		return
	}
	if x.repeatable {
		x.missed[v.claim(tr.t)] = absent(tr.t, v, tr.st)
	}
}

// ascending are rows in the order of their keys.
func ascending(rows map[row.Key]row.Image) []row.Image {
	keys := make([]row.Key, 0, len(rows))
	for k := range rows {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b row.Key) int { return strings.Compare(string(a), string(b)) })
	images := make([]row.Image, len(keys))
	for i, k := range keys {
		images[i] = rows[k]
	}
	return images
}

// KnownValue is a unique value that no row had when the transaction locked it, or
// read it.
type KnownValue struct {
	Table  *schema.Table
	Index  schema.Index
	Values [][]byte
	Shared bool
}

// LockedValues are those that the transaction has locked and found with no row.
func (x *Transaction) LockedValues() []KnownValue {
	var values []KnownValue
	for k, a := range x.absent {
		values = append(values, KnownValue{Table: a.t, Index: a.value.Index, Values: a.value.Values, Shared: !x.locks[claimLock(k, a.locked)]})
	}
	return values
}

// MissedValues are those that it has read, and must go on seeing without a row,
// but for those that it has given to one itself.
func (x *Transaction) MissedValues() []KnownValue {
	var values []KnownValue
	for _, a := range x.missed {
		if r, _ := x.own(a.t, a.value); r == nil {
			values = append(values, KnownValue{Table: a.t, Index: a.value.Index, Values: a.value.Values})
		}
	}
	return values
}

// stillAbsent locks the values that the transaction has found with no row in a
// former generation of the table again, and finds them so, but for those that its
// rows take: the claims prove those free.
func (x *Transaction) stillAbsent(ctx context.Context, t *schema.Table, st wal.TableState) error {
	for k, a := range x.absent {
		if a.t.Name != t.Name || a.locked == st {
			continue
		}
		if r, _ := x.own(t, a.value); r == nil {
			if err := x.lock(ctx, []wal.Lock{claimLock(k, st)}, Wait); err != nil {
				return err
			}
			tr := x.e.transformation(t, st, x.e.current)
			found, err := tr.holders(ctx, []UniqueValue{a.value})
			if err != nil {
				return err
			}
			if len(found) > 0 {
				return ErrOverrun
			}
		}
		a.locked = st
		x.absent[k] = a
	}
	return nil
}
