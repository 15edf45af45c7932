package absorber

import (
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// pendingUnit is a unit on its way to MySQL.
type pendingUnit struct {
	unit   *row.Unit
	data   []byte          // as it stands in the WAL
	tables []*schema.Table // of each mutation
	behind row.LSN         // the dead letter it is parked behind, 0 if none
}

// key names the row of mutation i.
func (u *pendingUnit) key(i int) wal.RowKey {
	return wal.RowKey{Table: u.unit.Mutations[i].Table, Key: u.unit.Mutations[i].Key}
}

// tableNames lists the unit's tables for a dead letter.
func (u *pendingUnit) tableNames() string {
	var names []string
	seen := map[string]bool{}
	for _, m := range u.unit.Mutations {
		if !seen[m.Table] {
			seen[m.Table] = true
			names = append(names, m.Table)
		}
	}
	return strings.Join(names, ",")
}

// batchLimits bound a batch. A single unit may exceed them.
type batchLimits struct {
	mutations int
	table     func(table string) (mutations, rows int)
	rows      int
	coalesce  bool
}

// batch is a run of whole units and the net changes they make.
type batch struct {
	units   []*pendingUnit
	slots   []slot
	at      map[wal.RowKey]int // the row's slot, while it has one
	rows    map[string]int     // net row changes by table
	total   int                // net row changes
	count   int                // mutations
	perTab  map[string]int     // mutations by table
	inOrder bool
}

// slot is one net change; gone when an insert and a delete met in it.
type slot struct {
	change sink.Change
	gone   bool
}

// newBatch makes an empty batch.
func newBatch() *batch {
	return &batch{at: map[wal.RowKey]int{}, rows: map[string]int{}, perTab: map[string]int{}}
}

// compose takes units from the head of pending, at least one, as many as the
// limits allow. Parked units come apart from those that can be applied.
func compose(pending []*pendingUnit, lim batchLimits) *batch {
	b := newBatch()
	b.inOrder = !lim.coalesce
	for _, u := range pending {
		if len(b.units) > 0 && (b.parked() != (u.behind > 0) || !b.fits(u, lim)) {
			break
		}
		if !b.inOrder && !b.foldable(u) {
			// The history contradicts itself, which MySQL has to judge:
			// statement by statement, with the unit alone.
			if len(b.units) > 0 {
				break
			}
			b.inOrder = true
			b.add(u)
			break
		}
		b.add(u)
	}
	return b
}

// alone makes a batch of one unit, its statements in their order.
func alone(u *pendingUnit) *batch {
	b := newBatch()
	b.inOrder = true
	b.add(u)
	return b
}

// parked reports whether the batch holds parked units.
func (b *batch) parked() bool { return b.units[0].behind > 0 }

// to is the batch's last LSN.
func (b *batch) to() row.LSN { return b.units[len(b.units)-1].unit.LSN }

// fits reports whether u may join the units that are there.
func (b *batch) fits(u *pendingUnit, lim batchLimits) bool {
	if b.count+len(u.unit.Mutations) > lim.mutations {
		return false
	}
	fresh, freshRows, muts := 0, map[string]int{}, map[string]int{}
	seen := map[wal.RowKey]bool{}
	for i, m := range u.unit.Mutations {
		muts[m.Table]++
		k := u.key(i)
		_, known := b.at[k]
		if b.inOrder || !known && !seen[k] {
			seen[k] = true
			fresh++
			freshRows[m.Table]++
		}
	}
	if b.total+fresh > lim.rows {
		return false
	}
	for name, n := range muts {
		maxMutations, maxRows := lim.table(name)
		if b.perTab[name]+n > maxMutations || b.rows[name]+freshRows[name] > maxRows {
			return false
		}
	}
	return true
}

// foldable reports whether each mutation of u can come after what the batch
// holds of its row.
func (b *batch) foldable(u *pendingUnit) bool {
	last := map[wal.RowKey]row.Op{}
	for i, m := range u.unit.Mutations {
		k := u.key(i)
		op, ok := last[k]
		if !ok {
			if s, held := b.at[k]; held {
				op, ok = b.slots[s].change.Mutation.Op, true
			}
		}
		if ok && !row.Follows(op, m.Op) {
			return false
		}
		last[k] = m.Op
	}
	return true
}

// add appends u, folded row by row unless the batch keeps the order.
func (b *batch) add(u *pendingUnit) {
	b.units = append(b.units, u)
	for i, m := range u.unit.Mutations {
		b.count++
		b.perTab[m.Table]++
		c := sink.Change{Table: u.tables[i], LSN: u.unit.LSN, Mutation: m}
		k := u.key(i)
		if s, ok := b.at[k]; ok && !b.inOrder {
			folded, gone := row.Fold(b.slots[s].change.Mutation, m)
			c.Mutation = folded
			b.slots[s] = slot{change: c, gone: gone}
			if gone {
				delete(b.at, k)
				b.rows[m.Table]--
				b.total--
			}
			continue
		}
		b.at[k] = len(b.slots)
		b.slots = append(b.slots, slot{change: c})
		b.rows[m.Table]++
		b.total++
	}
}

// changes are the net changes in order of first appearance.
func (b *batch) changes() []sink.Change {
	out := make([]sink.Change, 0, len(b.slots))
	for _, s := range b.slots {
		if !s.gone {
			out = append(out, s.change)
		}
	}
	return out
}

// settled lists the rows and claims that units wrote. Every mutation counts,
// also those folded away: each left a dirty row and claims.
func settled(units []*pendingUnit, dead func(row.LSN) bool, options func(table string) TableOptions) ([]wal.SettleRow, []wal.ClaimKey) {
	at := map[wal.RowKey]int{}
	var rows []wal.SettleRow
	var claims []wal.ClaimKey
	for _, u := range units {
		for i, m := range u.unit.Mutations {
			k := u.key(i)
			s, ok := at[k]
			if !ok {
				s = len(rows)
				at[k] = s
				rows = append(rows, wal.SettleRow{RowKey: k, TTL: lifetime(u.tables[i], options(m.Table).TTL)})
			}
			if dead(u.unit.LSN) {
				// MySQL does not have this row: reads must show what it has.
				rows[s].TTL = 0
			}
			claims = appendClaims(claims, u.tables[i], m.Image)
		}
	}
	return rows, claims
}

// appendClaims appends the unique values of an image. A value that cannot be
// encoded was not claimed either.
func appendClaims(claims []wal.ClaimKey, t *schema.Table, im row.Image) []wal.ClaimKey {
	if len(im) != len(t.Columns) {
		return claims
	}
	for _, ix := range t.Uniques {
		if key, ok, err := claimKey(t, ix, im); ok && err == nil {
			claims = append(claims, key)
		}
	}
	return claims
}
