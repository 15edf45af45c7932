package absorber

import (
	"context"
	"fmt"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// parkedRows are the rows that dead letters hold: later units that touch one
// must not overtake the unit that is waiting there.
type parkedRows struct {
	rows    map[wal.RowKey]row.LSN // the first dead letter that holds the row
	letters map[row.LSN]struct{}
}

// add parks all rows of a dead unit.
func (p *parkedRows) add(u *pendingUnit) {
	if p.rows == nil {
		p.rows, p.letters = map[wal.RowKey]row.LSN{}, map[row.LSN]struct{}{}
	}
	p.letters[u.unit.LSN] = struct{}{}
	for i := range u.unit.Mutations {
		if _, ok := p.rows[u.key(i)]; !ok {
			p.rows[u.key(i)] = u.unit.LSN
		}
	}
}

// has reports whether the unit with this LSN is a dead letter.
func (p *parkedRows) has(lsn row.LSN) bool {
	_, ok := p.letters[lsn]
	return ok
}

// blocks is the dead letter that u has to wait behind, 0 if none.
func (p *parkedRows) blocks(u *pendingUnit) row.LSN {
	for i := range u.unit.Mutations {
		if lsn, ok := p.rows[u.key(i)]; ok {
			return lsn
		}
	}
	return 0
}

// loadParked reads the lane's dead letters.
func (d *drainer) loadParked(ctx context.Context) error {
	const page = 200
	d.parked = parkedRows{}
	for after := uint64(0); ; {
		letters, err := d.w.cfg.Target.DeadLetters(ctx, d.w.cfg.Lane, after, page)
		if err != nil {
			return err
		}
		for _, l := range letters {
			u, err := wal.Decode(l.Unit)
			if err != nil {
				return &row.Error{Op: "worker.parked", Lane: d.w.cfg.Lane, LSN: l.LSN, Kind: row.Permanent,
					Err: fmt.Errorf("read dead letter %d: %w", l.ID, err), Hint: "the dead letter is damaged; take it out of shock_absorber.dead_letters by hand"}
			}
			u.LSN = l.LSN
			d.parked.add(&pendingUnit{unit: u})
			after = l.ID
		}
		if len(letters) < page {
			break
		}
	}
	d.w.status.change(func(s *Stats) { s.Parked = len(d.parked.rows) })
	d.w.cfg.Metrics.parked.WithLabelValues(string(d.w.cfg.Lane)).Set(float64(len(d.parked.rows)))
	return nil
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
