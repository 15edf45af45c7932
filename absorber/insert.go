package absorber

import (
	"context"
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// NewRow is one row of an INSERT. Generate asks for an AUTO_INCREMENT value;
// the image's column is nil until then.
type NewRow struct {
	Image    row.Image
	Generate bool
}

// AutoIncrement is a session's auto_increment_increment and _offset.
type AutoIncrement struct{ Increment, Offset uint64 }

// freshKey is how long a value that AUTO_INCREMENT gave out is taken to be
// free without a look at MySQL; see insertion.keyReads.
const freshKey = 2 * time.Second

// minTTL is the shortest life of a clean row of a table with AUTO_INCREMENT,
// whatever ttl says: longer than freshKey and a commit's patience together, so
// that an explicit INSERT is still in the cache when a value given out before
// it is committed.
const minTTL = freshKey + commitPatience + 3*time.Second

// lifetime is how long a row that has drained stays in the cache.
func lifetime(t *schema.Table, ttl time.Duration) time.Duration {
	if t.AutoIncrement >= 0 {
		return max(ttl, minTTL)
	}
	return ttl
}

// insertion is one INSERT on its way.
type insertion struct {
	e    *Engine
	u    *Usage
	t    *schema.Table
	rows []NewRow
	refs []row.Ref
	inc  AutoIncrement
	last uint64 // the last AUTO_INCREMENT value of res.Reserved
	res  Result

	failedAt int  // the row that clashed
	locked   bool // a transaction has locked the rows for this INSERT
}

// read looks the new keys up in the cache.
func (in *insertion) read(ctx context.Context, st wal.TableState) ([]wal.Row, error) {
	if in.locked {
		return in.e.store.Read(ctx, in.e.lane(in.t), st, rowKeys(in.t.Name.String(), in.refs), true)
	}
	return in.e.unlocked(ctx, in.t, st, in.refs)
}

// Insert absorbs an INSERT of complete rows by the session u: all of them or
// none. Errors:
// *Duplicate (1062), *Refused (do it synchronously), ErrReplan, ErrLockWait,
// ErrBacklog, or *row.Error when Redis or MySQL cannot be asked; an Ambiguous
// one leaves open whether the rows were inserted. AUTO_INCREMENT values that
// were taken are in the Result with an error too; of a *Refused statement they
// can be given back.
func (e *Engine) Insert(ctx context.Context, u *Usage, t *schema.Table, rows []NewRow, inc AutoIncrement) (Result, error) {
	in := &insertion{e: e, u: u, t: t, rows: rows, inc: inc, res: Result{Lane: e.lane(t)}}
	if err := in.name(ctx); err != nil {
		return in.res, err
	}
	lsn, err := e.attempt(ctx, u, t, nil, func(st wal.TableState) (*wal.Commit, error) { return in.build(ctx, st) })
	if err != nil {
		return in.res, in.failed(ctx, err)
	}
	in.res.LSN = lsn
	in.res.Matched, in.res.Affected = uint64(len(rows)), uint64(len(rows))
	return in.res, nil
}

// name gives the rows their AUTO_INCREMENT values and their keys.
func (in *insertion) name(ctx context.Context) error {
	if err := in.generate(ctx); err != nil {
		return err
	}
	in.refs = in.refs[:0]
	seen := make(map[row.Key]bool, len(in.rows))
	for _, r := range in.rows {
		ref, err := row.IndexRef(in.t, r.Image)
		if err != nil {
			return &Refused{Reason: "key_value"}
		}
		if seen[ref.Key] {
			return &Refused{Reason: "duplicate_in_statement"}
		}
		seen[ref.Key] = true
		in.refs = append(in.refs, ref)
	}
	return nil
}

// outdated reports whether the values were given out by the counter of another
// generation. A statement that ran in MySQL behind the gate was not given the
// same ones (handOver), unless it was DDL that has begun the counter anew. Others
// are taken, and the old are gone, as after a rollback.
func (in *insertion) outdated(st wal.TableState) bool {
	gen := in.res.Reserved.gen
	return in.res.Generated && (gen.Incarnation != st.Incarnation || gen.Gen != st.Gen)
}

// build makes the unit from what the cache and MySQL say now. Of several rows
// that clash the first is the one that MySQL names; those before it had been
// stored, and have moved the counter.
func (in *insertion) build(ctx context.Context, st wal.TableState) (*wal.Commit, error) {
	if in.outdated(st) {
		if err := in.name(ctx); err != nil {
			return nil, err
		}
	}
	c, err := in.unit(ctx, st)
	var dup *Duplicate
	if len(in.rows) == 1 || !errors.As(err, &dup) {
		return c, err
	}
	taken := map[wal.ClaimKey]bool{}
	for i := range in.rows {
		for _, ix := range in.t.Uniques {
			key, has, err := claimKey(in.t, ix, in.rows[i].Image)
			if err != nil {
				return nil, err
			}
			if has && taken[key] { // by a row before, which MySQL comes to first
				return nil, &Refused{Reason: "duplicate_in_statement"}
			}
			taken[key] = has
		}
		one := *in
		one.rows, one.refs = in.rows[i:i+1], in.refs[i:i+1]
		if _, err := one.unit(ctx, st); err != nil {
			if errors.As(err, &dup) {
				in.failedAt = i
			}
			return nil, err
		}
	}
	return nil, wal.ErrConflict // nothing clashes any more
}

// unit makes the commit of the rows.
func (in *insertion) unit(ctx context.Context, st wal.TableState) (*wal.Commit, error) {
	c := &wal.Commit{Unit: &row.Unit{}}
	changes := make([]change, len(in.rows))
	for i := range in.rows {
		changes[i] = change{key: in.refs[i].Key, new: in.rows[i].Image}
	}
	// First: of a row that lacks its parent and is a duplicate, MySQL says which.
	parents, err := in.e.keys(ctx, in.t, st, changes, nil)
	if err != nil {
		return nil, err
	}
	if c.Raises, err = raises(in.t, changes, in.last); err != nil {
		return nil, err
	}
	if err := in.keyReads(ctx, st, c); err != nil {
		return nil, err
	}
	parents.addTo(c)
	if err := in.e.claim(ctx, in.t, st, changes, c); err != nil {
		return nil, err
	}
	for i, r := range in.rows {
		put(c, in.t, row.Mutation{Key: in.refs[i].Key, Op: row.Insert, Image: r.Image})
	}
	return c, nil
}

// keyReads proves that no row has one of the new keys, and adds the witnesses.
//
// A key that AUTO_INCREMENT has just given out needs no look at MySQL: only an
// explicit INSERT of the same value could clash, and its row is in the cache,
// pending or clean, for longer than freshKey (see minTTL). A key that is older,
// is checked like any other; one from a counter before a synchronous section has
// been replaced (outdated).
func (in *insertion) keyReads(ctx context.Context, st wal.TableState, c *wal.Commit) error {
	table := in.t.Name.String()
	if r := in.res.Reserved; in.res.Generated && in.keyGenerated() && r.gen == st && time.Since(r.given) < freshKey {
		for _, ref := range in.refs {
			c.Reads = append(c.Reads, wal.RowRead{RowKey: wal.RowKey{Table: table, Key: ref.Key}})
		}
		return nil
	}
	rows, err := in.read(ctx, st)
	if err != nil {
		return err
	}
	missing, at := map[string][][]byte{}, reached{lane: in.e.lane(in.t)}
	for i, r := range rows {
		if r.Found && !r.Tombstone {
			return duplicate(in.t, in.t.Primary, in.rows[i].Image)
		}
		if !r.Found {
			missing[string(in.refs[i].Key)] = in.refs[i].Values
			at.lsn = max(at.lsn, r.Settled)
		}
		c.Reads = append(c.Reads, wal.RowRead{RowKey: wal.RowKey{Table: table, Key: in.refs[i].Key}, Version: r.Version, Lease: r.Lease})
	}
	if in.e.options(in.t).Existence == ExistenceTrust {
		return nil
	}
	found, err := in.e.loader.byIndex(ctx, at, in.t, in.t.Primary, missing)
	if err != nil {
		return err
	}
	for i, ref := range in.refs {
		if _, ok := found[string(ref.Key)]; ok && !rows[i].Found {
			return in.clash(ctx, i)
		}
	}
	return nil
}

// clash is the error of a row that MySQL has, although the cache had nothing
// about it a moment before. If the gate was shut in between, and DDL has begun
// the counter anew, a statement behind it may have been given the same
// AUTO_INCREMENT value: the next try takes another one, since the client named
// none.
func (in *insertion) clash(ctx context.Context, i int) error {
	if in.res.Generated {
		infos, err := in.e.store.TableStates(ctx, in.e.lane(in.t), []string{in.t.Name.String()})
		if err != nil {
			return err
		}
		if in.outdated(infos[0].TableState) {
			return wal.ErrStaleTable
		}
		if infos[0].Gate == wal.GateShut {
			return wal.ErrGated
		}
	}
	return duplicate(in.t, in.t.Primary, in.rows[i].Image)
}

// keyGenerated reports whether the generated column alone is the primary key.
func (in *insertion) keyGenerated() bool {
	return len(in.t.Primary.Columns) == 1 && in.t.Primary.Columns[0] == in.t.AutoIncrement
}

// generate gives the rows that ask for it their AUTO_INCREMENT values.
func (in *insertion) generate(ctx context.Context) error {
	col := in.t.AutoIncrement
	if col < 0 {
		return nil
	}
	n := 0
	for _, r := range in.rows {
		if r.Generate {
			n++
		}
	}
	if n == 0 {
		return in.explicit()
	}
	if n != len(in.rows) {
		return &Refused{Reason: "mixed_auto_increment"}
	}
	r, err := in.e.Reserve(ctx, in.u, in.t, uint64(n), in.inc)
	if err != nil {
		return err
	}
	for i := range in.rows {
		in.rows[i].Image[col] = strconv.AppendUint(nil, r.First+uint64(i)*in.inc.Increment, 10)
	}
	in.last = r.First + uint64(n-1)*in.inc.Increment
	in.res.InsertID, in.res.Generated, in.res.Reserved = r.First, true, r
	return nil
}

// explicit handles rows that bring their own AUTO_INCREMENT values.
func (in *insertion) explicit() error {
	for _, r := range in.rows {
		v := r.Image[in.t.AutoIncrement]
		u, err := strconv.ParseUint(string(v), 10, 64)
		if err != nil { // negative: does not move the counter; what the OK packet shows is MySQL's to say
			return &Refused{Reason: "auto_increment_range"}
		}
		in.res.InsertID = u
	}
	return nil
}

// failed is the error of the INSERT. Explicit AUTO_INCREMENT values of rows
// before the one that clashed stay used.
func (in *insertion) failed(ctx context.Context, err error) error {
	var dup *Duplicate
	if in.t.AutoIncrement < 0 || !errors.As(err, &dup) {
		return err
	}
	if dup.Row = in.failedAt; in.res.Generated {
		return err
	}
	var top uint64
	for _, r := range in.rows[:in.failedAt] {
		v, _ := strconv.ParseUint(string(r.Image[in.t.AutoIncrement]), 10, 64) // explicit has looked
		top = max(top, v)
	}
	if top == 0 {
		return err
	}
	if fault := in.e.raiseAutoIncrement(ctx, in.u, in.t, top); fault != nil {
		return fault
	}
	return err
}

// maxAutoIncrement is the largest value the column can hold. The top value
// itself is left to MySQL, whose counter behaves specially there.
func maxAutoIncrement(c *schema.Column) uint64 {
	var bits uint
	switch c.Type {
	case schema.Tinyint:
		bits = 8
	case schema.Smallint:
		bits = 16
	case schema.Mediumint:
		bits = 24
	case schema.Int:
		bits = 32
	case schema.Bigint:
		bits = 64
	default:
		return 0
	}
	if !c.Unsigned {
		bits--
	}
	return math.MaxUint64>>(64-bits) - 1
}

// put adds a mutation and the row it leaves in the cache to a commit.
func put(c *wal.Commit, t *schema.Table, m row.Mutation) {
	m.Table, m.Schema = t.Name.String(), t.Version
	w := wal.RowWrite{RowKey: wal.RowKey{Table: m.Table, Key: m.Key}, Schema: t.Version}
	if m.Op != row.Delete {
		w.Image = m.Image.AppendTo(make([]byte, 0, 256))
	}
	if m.Op == row.Update {
		w.Columns = m.Changed
	}
	c.Unit.Mutations = append(c.Unit.Mutations, m)
	c.Writes = append(c.Writes, w)
}

// rowKeys names refs in the cache.
func rowKeys(table string, refs []row.Ref) []wal.RowKey {
	keys := make([]wal.RowKey, len(refs))
	for i, r := range refs {
		keys[i] = wal.RowKey{Table: table, Key: r.Key}
	}
	return keys
}
