package wal

import (
	"fmt"
	"math"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// commitUnit is one unit as the commit script wants it, before it is laid out
// beside the units it shares a call with.
type commitUnit struct {
	inc    string // incarnation the lane was opened in
	record string // key of the hash that remembers the answer
	floor  uint64

	id      row.UnitID
	owner   string // of a transaction's locks
	backlog int64
	data    []byte // the encoded unit

	tables []commitTable
	// What must hold, each a key and what is expected there.
	leases, claims, drops, rows []expected
	writes                      []commitWrite
	columns                     int      // the number of columns of all writes
	done                        []string // leases that end with the unit
	raises                      []commitRaise
}

// weight is about how many keys and arguments the unit adds to a call.
func (u *commitUnit) weight() int {
	return 9 + 4*len(u.tables) + 2*(len(u.leases)+len(u.claims)+len(u.drops)+len(u.rows)) + 3*len(u.writes) + len(u.done) + len(u.raises)
}

// commitTable is a table of the unit: its keys and the state it must be in.
type commitTable struct {
	name                  string
	state, dirty, touched string
	want                  string
}

// commitRaise is an AUTO_INCREMENT value that the unit's rows bring along.
type commitRaise struct {
	table   int // in tables
	counter string
	used    uint64
}

// expected is a key and a value: a lease and its token, a claim to take or to
// release and its owner, a row and its version ("" = no row, or a tombstone;
// present = a row), what is touched of a table and the last LSN (unmoved).
type expected struct{ key, value string }

// present stands for any version of a row that is no tombstone.
const present = "+"

// unmoved goes before the last LSN that may have touched a table.
const unmoved = "*"

// witness says what a row must be when it is written.
type witness byte

const (
	witnessNone    witness = iota // a lease says it, or nothing need be
	witnessAbsent                 // no row, or a tombstone
	witnessVersion                // the version that was read
)

// commitWrite is a row to put.
type commitWrite struct {
	table   int // in tables
	key     string
	own     int // where the row's own key begins in key
	witness witness
	version row.LSN
	head    [rowHead]byte
	image   []byte
	columns []uint16
}

// newCommitUnit collects what the script needs of c.
func newCommitUnit(l *lane, inc, record string, c *Commit) (*commitUnit, error) {
	data, err := Encode(c.Unit)
	if err != nil {
		return nil, err
	}
	if c.MaxBytes > 0 && len(data) > c.MaxBytes {
		return nil, fmt.Errorf("%w: it has %d bytes, at most %d are taken", ErrTooLarge, len(data), c.MaxBytes)
	}
	u := &commitUnit{inc: inc, record: record, floor: l.floor.Load(), id: c.Unit.ID, owner: c.Owner, backlog: c.MaxBacklog, data: data}
	for t, gen := range c.Gens {
		u.tables = append(u.tables, commitTable{name: t, state: l.keys.table(t), dirty: l.keys.dirty(t), touched: l.keys.touched(t),
			want: TableState{Incarnation: inc, Gen: gen}.stem() + string(GateOpen)})
	}
	b := &unitBuilder{unit: u, keys: l.keys, gens: c.Gens}
	b.writes(c.Writes)
	b.reads(c)
	b.claims(c)
	b.raises(c.Raises)
	if b.err == nil && u.weight() > 4*maxWeight-1000 {
		b.err = fmt.Errorf("%w: it has %d rows", ErrTooLarge, len(c.Writes))
	}
	return u, b.err
}

// unitBuilder turns names into keys.
type unitBuilder struct {
	unit *commitUnit
	keys laneKeys
	gens map[string]uint64
	err  error
}

// gen is the generation of a table of the unit.
func (b *unitBuilder) gen(table string) uint64 {
	g, ok := b.gens[table]
	if !ok {
		b.err = fmt.Errorf("no generation given for table %s", table)
	}
	return g
}

// table is a table's place in the unit.
func (b *unitBuilder) table(name string) int {
	for i := range b.unit.tables {
		if b.unit.tables[i].name == name {
			return i
		}
	}
	return 0 // gen has noted the error
}

// writes adds the rows and the end of their leases.
func (b *unitBuilder) writes(all []RowWrite) {
	u := b.unit
	u.writes, u.done = make([]commitWrite, len(all)), make([]string, 0, len(all))
	for i, w := range all {
		gen := b.gen(w.Table)
		flags := byte(flagDirty)
		if w.Image == nil {
			flags |= flagTomb
		}
		key := b.keys.row(w.RowKey, gen)
		own := len(key) - len(w.Key)
		if own > math.MaxUint16 {
			b.err = fmt.Errorf("the names of lane and table %s make keys too long", w.Table)
		}
		u.writes[i] = commitWrite{table: b.table(w.Table), key: key, own: own, head: head(flags, w.Schema), image: w.Image, columns: w.Columns}
		u.columns += len(w.Columns)
		u.done = append(u.done, b.keys.rowLease(w.RowKey, gen))
	}
}

// reads adds the witnesses. That of a row which is written too goes with the
// write; whoever reads and writes rows does both in the same order.
func (b *unitBuilder) reads(c *Commit) {
	u := b.unit
	for i, r := range c.Reads {
		gen := b.gen(r.Table)
		switch {
		case r.Present:
			u.rows = append(u.rows, expected{b.keys.row(r.RowKey, gen), present})
		case r.Lease != "":
			u.leases = append(u.leases, expected{b.keys.rowLease(r.RowKey, gen), r.Lease})
		case i < len(c.Writes) && c.Writes[i].RowKey == r.RowKey:
			u.writes[i].witness, u.writes[i].version = witnessAbsent, r.Version
			if r.Version != 0 {
				u.writes[i].witness = witnessVersion
			}
		case r.Version != 0:
			u.rows = append(u.rows, expected{b.keys.row(r.RowKey, gen), version8(r.Version)})
		default:
			u.rows = append(u.rows, expected{b.keys.row(r.RowKey, gen), ""})
		}
	}
	for _, m := range c.Unmoved {
		b.gen(m.Table)
		u.rows = append(u.rows, expected{b.keys.touched(m.Table), unmoved + strconv.FormatUint(uint64(m.LSN), 10)})
	}
}

// claims adds the unique values that are taken and given up.
func (b *unitBuilder) claims(c *Commit) {
	u := b.unit
	for _, r := range c.ClaimReads {
		u.leases = append(u.leases, expected{b.keys.claimLease(r.ClaimKey, b.gen(r.Table)), r.Lease})
	}
	for _, w := range c.Claims {
		gen := b.gen(w.Table)
		u.claims = append(u.claims, expected{b.keys.claim(w.ClaimKey, gen), string(w.Owner)})
		u.done = append(u.done, b.keys.claimLease(w.ClaimKey, gen))
	}
	for _, w := range c.Releases {
		u.drops = append(u.drops, expected{b.keys.claim(w.ClaimKey, b.gen(w.Table)), string(w.Owner)})
	}
}

// raises adds the values above which counters have to go.
func (b *unitBuilder) raises(all []Raise) {
	for _, r := range all {
		b.gen(r.Table)
		if r.Used >= maxExact {
			b.err = fmt.Errorf("AUTO_INCREMENT value %d of table %s is beyond 2^53", r.Used, r.Table)
		}
		b.unit.raises = append(b.unit.raises, commitRaise{table: b.table(r.Table), counter: b.keys.auto(r.Table), used: r.Used})
	}
}
