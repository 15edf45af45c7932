package absorber

import (
	"context"
	"fmt"
	"slices"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// parkedRows are the rows that dead letters hold: later units that touch one
// must not overtake the unit that is waiting there.
type parkedRows struct {
	rows    map[wal.RowKey][]row.LSN // the dead letters that hold the row, ascending
	letters map[row.LSN][]wal.RowKey // the rows of each, without repeats
}

// add parks all rows of a dead unit.
func (p *parkedRows) add(u *row.Unit) {
	if p.rows == nil {
		p.rows, p.letters = map[wal.RowKey][]row.LSN{}, map[row.LSN][]wal.RowKey{}
	}
	if _, ok := p.letters[u.LSN]; ok {
		return
	}
	keys := rowsOf(u)
	p.letters[u.LSN] = keys
	for _, k := range keys {
		held := p.rows[k]
		at, _ := slices.BinarySearch(held, u.LSN)
		p.rows[k] = slices.Insert(held, at, u.LSN)
	}
}

// remove frees the rows of dead letters, unless others hold them too.
func (p *parkedRows) remove(lsns []row.LSN) {
	for _, lsn := range lsns {
		for _, k := range p.letters[lsn] {
			held := slices.DeleteFunc(p.rows[k], func(l row.LSN) bool { return l == lsn })
			if p.rows[k] = held; len(held) == 0 {
				delete(p.rows, k)
			}
		}
		delete(p.letters, lsn)
	}
}

// rowsOf lists the rows of a unit, each once.
func rowsOf(u *row.Unit) []wal.RowKey {
	var keys []wal.RowKey
	seen := map[wal.RowKey]bool{}
	for i := range u.Mutations {
		k := wal.RowKey{Table: u.Mutations[i].Table, Key: u.Mutations[i].Key}
		if !seen[k] {
			seen[k] = true
			keys = append(keys, k)
		}
	}
	return keys
}

// has reports whether the unit with this LSN is a dead letter.
func (p *parkedRows) has(lsn row.LSN) bool {
	_, ok := p.letters[lsn]
	return ok
}

// blocks is the dead letter that u has to wait behind, 0 if none.
func (p *parkedRows) blocks(u *pendingUnit) row.LSN {
	for i := range u.unit.Mutations {
		if held := p.rows[u.key(i)]; len(held) > 0 {
			return held[0]
		}
	}
	return 0
}

// chain is what a retry of the letter applies, ascending; nil if there is no
// such letter:
//
//   - the letter, and every letter it waits behind, and those these wait
//     behind: none of them may be overtaken;
//   - every later letter that waits for nothing but these.
//
// A letter that also waits behind one outside of the chain stays, and so do
// those behind it.
func (p *parkedRows) chain(lsn row.LSN) []row.LSN {
	if !p.has(lsn) {
		return nil
	}
	in := p.before(lsn)
	all := make([]row.LSN, 0, len(p.letters))
	for l := range p.letters {
		all = append(all, l)
	}
	slices.Sort(all)
	const held, left = 1, 2
	rows := map[wal.RowKey]int{} // rows of letters passed: held by the chain, or left to one outside
	var out []row.LSN
	for _, l := range all {
		joins, waits := in[l], false
		for _, k := range p.letters[l] {
			joins = joins || rows[k] == held
			waits = waits || rows[k] == left
		}
		mark := left
		if joins && !waits {
			mark = held
			out = append(out, l)
		}
		for _, k := range p.letters[l] {
			rows[k] = max(rows[k], mark)
		}
	}
	return out
}

// before is the letter and all that it waits behind.
func (p *parkedRows) before(lsn row.LSN) map[row.LSN]bool {
	in := map[row.LSN]bool{lsn: true}
	for next := []row.LSN{lsn}; len(next) > 0; {
		l := next[0]
		next = next[1:]
		for _, k := range p.letters[l] {
			for _, earlier := range p.rows[k] {
				if earlier < l && !in[earlier] {
					in[earlier] = true
					next = append(next, earlier)
				}
			}
		}
	}
	return in
}

// readLetters gives each all dead letters of the lane, in the order in which
// they were written.
func readLetters(ctx context.Context, lane row.Lane, page func(ctx context.Context, lane row.Lane, after uint64, max int) ([]sink.DeadLetter, error),
	each func(l *sink.DeadLetter, u *row.Unit) error) error {
	const size = 200
	for after := uint64(0); ; {
		letters, err := page(ctx, lane, after, size)
		if err != nil {
			return err
		}
		for i := range letters {
			l := &letters[i]
			u, err := wal.Decode(l.Unit)
			if err != nil {
				return &row.Error{Op: "worker.parked", Lane: lane, LSN: l.LSN, Kind: row.Permanent,
					Err: fmt.Errorf("read dead letter %d: %w", l.ID, err), Hint: "the dead letter is damaged; take it out of shock_absorber.dead_letters by hand"}
			}
			u.LSN, u.Lane = l.LSN, lane
			if err := each(l, u); err != nil {
				return err
			}
			after = l.ID
		}
		if len(letters) < size {
			return nil
		}
	}
}

// loadParked reads the lane's dead letters.
func (d *drainer) loadParked(ctx context.Context) error {
	d.parked = parkedRows{}
	err := readLetters(ctx, d.w.cfg.Lane, d.w.cfg.Target.DeadLetters, func(_ *sink.DeadLetter, u *row.Unit) error {
		d.parked.add(u)
		return nil
	})
	d.showParked()
	return err
}

// showParked tells how many rows are parked.
func (d *drainer) showParked() {
	d.w.status.change(func(s *Stats) { s.Parked = len(d.parked.rows) })
	d.w.cfg.Metrics.parked.WithLabelValues(string(d.w.cfg.Lane)).Set(float64(len(d.parked.rows)))
}

// markParked finds the pending units that wait behind dead letters. Before it
// holds one back it asks MySQL whether the operator has dealt with any.
func (d *drainer) markParked(ctx context.Context) error {
	if !d.mark() {
		return nil
	}
	err := d.apply.do(ctx, func(ctx context.Context) error {
		n, err := d.w.cfg.Target.DeadLetterCount(ctx, d.w.cfg.Lane)
		if err != nil || n == len(d.parked.letters) {
			return err
		}
		return d.loadParked(ctx)
	})
	d.mark()
	return err
}

// mark sets behind on each pending unit, and reports whether there is any. A
// parked unit parks all its rows for those after it.
func (d *drainer) mark() bool {
	if len(d.parked.rows) == 0 {
		for _, u := range d.pending {
			u.behind = 0
		}
		return false
	}
	found := false
	held := map[wal.RowKey]row.LSN{}
	for _, u := range d.pending {
		u.behind = d.parked.blocks(u)
		for i := range u.unit.Mutations {
			if lsn, ok := held[u.key(i)]; ok && u.behind == 0 {
				u.behind = lsn
			}
		}
		if u.behind == 0 {
			continue
		}
		found = true
		for i := range u.unit.Mutations {
			held[u.key(i)] = u.behind
		}
	}
	return found
}

// Chains says of a dead letter what a retry of it applies, and which later
// letters wait behind it, directly or not; both ascending. page reads the
// lane's dead letters.
func Chains(ctx context.Context, lane row.Lane, lsn row.LSN,
	page func(ctx context.Context, lane row.Lane, after uint64, max int) ([]sink.DeadLetter, error)) (chain, behind []row.LSN, err error) {
	var p parkedRows
	err = readLetters(ctx, lane, page, func(_ *sink.DeadLetter, u *row.Unit) error {
		p.add(u)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for l := range p.letters {
		if l > lsn && p.before(l)[lsn] {
			behind = append(behind, l)
		}
	}
	slices.Sort(behind)
	return p.chain(lsn), behind, nil
}
