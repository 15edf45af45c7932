package absorber

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// changed reports whether a statement has changed the row.
func (x *Transaction) changed(k wal.RowKey) bool {
	for i := range x.steps {
		if x.steps[i].savepoint == "" && x.steps[i].key == k {
			return true
		}
	}
	return false
}

// Update is Engine.Update within the transaction. Errors as there; also
// wal.ErrDeadlock and wal.ErrUnlocked, after which it must be rolled back.
func (x *Transaction) Update(ctx context.Context, t *schema.Table, refs []row.Ref, apply Apply) (Result, error) {
	return x.modify(ctx, t, refs, func(im row.Image) (out row.Image, matched, differs bool, err error) {
		out, changed, matched, reason := apply(im)
		if reason != "" {
			return nil, false, false, &Refused{Reason: reason}
		}
		return out, matched, matched && len(changed) > 0, nil
	})
}

// Delete is Engine.Delete within the transaction. Errors as for Update.
func (x *Transaction) Delete(ctx context.Context, t *schema.Table, refs []row.Ref, matches Matches) (Result, error) {
	return x.modify(ctx, t, refs, func(im row.Image) (out row.Image, matched, differs bool, err error) {
		matched, reason := matches(im)
		if reason != "" {
			return nil, false, false, &Refused{Reason: reason}
		}
		return nil, matched, matched, nil
	})
}

// modify locks the rows and notes what decide makes of those that exist. All
// rows that are named stay locked, those that do not exist as well: InnoDB
// locks the gap.
func (x *Transaction) modify(ctx context.Context, t *schema.Table, refs []row.Ref, decide func(im row.Image) (out row.Image, matched, differs bool, err error)) (Result, error) {
	var res Result
	err := x.writing(ctx, t, func(st wal.TableState) error {
		if err := x.acquire(ctx, t, st, refs, Locking{}); err != nil {
			return err
		}
		res = Result{Lane: x.lane}
		var steps []step
		done := map[row.Key]bool{}
		for _, ref := range refs {
			k := wal.RowKey{Table: t.Name.String(), Key: ref.Key}
			im := x.rows[k].now
			if im == nil || done[ref.Key] {
				continue
			}
			done[ref.Key] = true
			out, matched, differs, err := decide(im)
			if err != nil {
				return err
			}
			if matched {
				res.Matched++
			}
			if differs {
				res.Affected++
				steps = append(steps, step{key: k, old: im, new: out})
			}
		}
		if err := x.claim(ctx, t, st, steps); err != nil {
			return err
		}
		x.note(steps)
		return nil
	})
	return res, err
}

// Insert is Engine.Insert within the transaction. Errors as for Update. An
// AUTO_INCREMENT value that a row brings along raises the table's counter at
// once, as in InnoDB, whatever becomes of the transaction.
func (x *Transaction) Insert(ctx context.Context, t *schema.Table, rows []NewRow, inc AutoIncrement) (Result, error) {
	if err := x.admits(t); err != nil {
		return Result{}, err
	}
	in := &insertion{e: x.e, u: x.u, t: t, rows: rows, inc: inc, res: Result{Lane: x.lane}, locked: true}
	if err := in.name(ctx); err != nil {
		return in.res, err
	}
	err := x.writing(ctx, t, func(st wal.TableState) error {
		if in.outdated(st) {
			if err := in.name(ctx); err != nil {
				return err
			}
		}
		if err := x.lock(ctx, rowLocks(t, st, in.refs), Wait); err != nil {
			return err
		}
		steps, err := x.insertion(ctx, in, st)
		if err != nil {
			return err
		}
		if err := x.claim(ctx, t, st, steps); err != nil {
			return err
		}
		if err := x.raise(ctx, t, steps, in.last); err != nil {
			return err
		}
		x.note(steps)
		return nil
	})
	var dup *Duplicate
	if errors.As(err, &dup) && len(rows) > 1 {
		return in.res, &Refused{Reason: reasonTxnDuplicate} // which row it is, and what the others moved, MySQL says
	}
	if err != nil {
		return in.res, err
	}
	in.res.Matched, in.res.Affected = uint64(len(rows)), uint64(len(rows))
	return in.res, nil
}

// raise pushes the table's AUTO_INCREMENT counter above what new rows bring
// along; given is the last value that came from it. It comes last of what may
// fail: a statement that is planned again must not find its own rows.
func (x *Transaction) raise(ctx context.Context, t *schema.Table, steps []step, given uint64) error {
	changes := make([]change, len(steps))
	for i, s := range steps {
		changes[i] = change{old: s.old, new: s.new}
	}
	up, err := raises(t, changes, given)
	if err != nil || len(up) == 0 {
		return err
	}
	return x.e.raiseAutoIncrement(ctx, x.u, t, up[0].Used)
}

// insertion proves that the new rows' keys are free and makes their steps.
func (x *Transaction) insertion(ctx context.Context, in *insertion, st wal.TableState) ([]step, error) {
	table := in.t.Name.String()
	fresh := *in // those whose row is not known yet
	fresh.rows, fresh.refs = nil, nil
	var steps []step
	for i, ref := range in.refs {
		k := wal.RowKey{Table: table, Key: ref.Key}
		if r := x.rows[k]; r == nil {
			fresh.rows, fresh.refs = append(fresh.rows, in.rows[i]), append(fresh.refs, ref)
		} else if r.now != nil {
			return nil, duplicate(in.t, in.t.Primary, in.rows[i].Image)
		}
		steps = append(steps, step{key: k, new: in.rows[i].Image})
	}
	if len(fresh.rows) == 0 {
		return steps, nil
	}
	var c wal.Commit
	if err := fresh.keyReads(ctx, st, &c); err != nil {
		return nil, err
	}
	for i, ref := range fresh.refs {
		r := &lockedRow{t: in.t, ref: ref, read: c.Reads[i], state: st}
		if r.read.Lease == "" && r.read.Version == 0 { // keyReads has not looked at MySQL
			r.given = in.res.Reserved.given
		}
		x.add(r)
	}
	return steps, nil
}

// writing runs a statement that writes t until it meets neither a stale state of
// the table nor another writer. A gate that is shut is a *Refused.
func (x *Transaction) writing(ctx context.Context, t *schema.Table, statement func(st wal.TableState) error) error {
	if err := x.admits(t); err != nil {
		return err
	}
	err := x.e.reading(ctx, t, statement)
	if errors.Is(err, ErrShut) {
		return &Refused{Reason: reasonGateShut}
	}
	return err
}

// acquire locks rows and reads those that are not known yet.
func (x *Transaction) acquire(ctx context.Context, t *schema.Table, st wal.TableState, refs []row.Ref, how Locking) error {
	locks := rowLocks(t, st, refs)
	if how.Shared {
		locks = shared(locks)
	}
	if err := x.lock(ctx, locks, how.Wait); err != nil {
		return err
	}
	var missing []row.Ref
	for _, ref := range refs {
		if x.rows[wal.RowKey{Table: t.Name.String(), Key: ref.Key}] == nil {
			missing = append(missing, ref)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	rows, err := x.e.current(ctx, t, st, missing)
	if err != nil {
		return err
	}
	for i, r := range rows {
		x.add(&lockedRow{t: t, ref: missing[i], base: r.im, now: r.im, read: r.read, state: st})
	}
	return nil
}

// add notes a row that is locked now.
func (x *Transaction) add(r *lockedRow) {
	k := wal.RowKey{Table: r.t.Name.String(), Key: r.ref.Key}
	if x.rows[k] != nil {
		return
	}
	r.locked, r.ref.Values = r.state, keep(r.ref.Values)
	x.rows[k] = r
	x.hold(r.t, k, nil, r.now)
	for _, ix := range r.t.Uniques {
		if c, has, err := claimKey(r.t, ix, r.base); err == nil && has {
			x.based[c] = true
		}
	}
	x.concerns(r.t)
}

// concerns notes a table of which something is locked.
func (x *Transaction) concerns(t *schema.Table) {
	if !slices.ContainsFunc(x.tables, func(k *schema.Table) bool { return k.Name == t.Name }) {
		x.tables = append(x.tables, t)
	}
}

// note makes a statement's steps part of the transaction.
func (x *Transaction) note(steps []step) {
	for _, s := range steps {
		s.new = keep(s.new)
		r := x.rows[s.key]
		x.hold(r.t, s.key, r.now, s.new)
		r.now = s.new
		x.steps = append(x.steps, s)
	}
}

// keep copies values that may lie in the buffer of the client's packet.
func keep(values [][]byte) [][]byte {
	if values == nil {
		return nil
	}
	out := make([][]byte, len(values))
	for i, v := range values {
		out[i] = bytes.Clone(v)
	}
	return out
}

// claim locks the unique values that the steps need and give up, and proves
// that the former are free: nobody else has them, and no row of the
// transaction.
func (x *Transaction) claim(ctx context.Context, t *schema.Table, st wal.TableState, steps []step) error {
	if len(t.Uniques) == 0 || len(steps) == 0 {
		return nil
	}
	if err := x.distinct(t, steps); err != nil {
		return err
	}
	had, _, _, err := claims(t, x.net(t, nil))
	if err != nil {
		return err
	}
	all, releases, givenUp, err := claims(t, x.net(t, steps))
	if err != nil {
		return err
	}
	known := map[wal.ClaimWrite]bool{}
	for _, w := range had {
		known[w.claim] = true
	}
	var want []wanted
	var locks []wal.Lock
	for _, w := range all {
		if !known[w.claim] {
			want = append(want, w)
			locks = append(locks, claimLock(w.claim.ClaimKey, st))
		}
	}
	for _, r := range releases {
		locks = append(locks, claimLock(r.ClaimKey, st))
	}
	if err := x.lock(ctx, locks, Wait); err != nil || len(want) == 0 {
		return err
	}
	return x.e.proveFree(ctx, t, st, want, givenUp, &wal.Commit{})
}

// net is what the transaction makes of the rows of a table, with further steps.
func (x *Transaction) net(t *schema.Table, further []step) []change {
	now := map[wal.RowKey]row.Image{}
	for _, s := range further {
		now[s.key] = s.new
	}
	var changes []change
	for k, r := range x.rows {
		if k.Table != t.Name.String() {
			continue
		}
		im, ok := now[k]
		if !ok {
			im = r.now
		}
		if r.base == nil && im == nil || r.base != nil && im != nil && sameImage(r.base, im) {
			continue
		}
		changes = append(changes, change{key: k.Key, ref: r.ref, old: r.base, new: im})
	}
	slices.SortFunc(changes, func(a, b change) int { return strings.Compare(string(a.key), string(b.key)) })
	return changes
}
