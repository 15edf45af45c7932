package wal

import (
	"errors"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// Decisions of the scripts that a caller has to act upon.
var (
	// ErrConflict: a row or claim the unit was computed from has changed, or a
	// lease has gone. Nothing was applied: read again, evaluate again, commit again.
	ErrConflict = errors.New("a row changed since it was read")
	// ErrGated: the table's gate is closed. Nothing was applied: wait, then read again.
	ErrGated = errors.New("the table's gate is closed")
	// ErrStaleTable: the table's generation is not the one the caller named:
	// fetch TableState again and start over.
	ErrStaleTable = errors.New("the table's generation has changed")
	// ErrFull: the lane has as many pending units as Commit.MaxBacklog allows.
	ErrFull = errors.New("the backlog is full")
	// ErrTooLarge: the unit has more bytes than Commit.MaxBytes, or more rows than
	// a script call may have. It never fits.
	ErrTooLarge = errors.New("the unit is too large")
	// ErrUnseeded: an AUTO_INCREMENT counter that the unit raises is not there.
	// Nothing was applied: seed it, then commit again.
	ErrUnseeded = errors.New("the AUTO_INCREMENT counter is not seeded")
	// ErrLocked: a transaction has locked a row or a unique value that the unit
	// changes. Nothing was applied: wait, then read again.
	ErrLocked = errors.New("a transaction has locked a row")
	// ErrDeadlock: whoever has the lock waits for the transaction that asks for it.
	ErrDeadlock = errors.New("two transactions wait for each other's locks")
	// ErrUnlocked: the lease on a transaction's locks has ended, so others may
	// have changed its rows. Nothing was applied, and nothing of it ever will be.
	ErrUnlocked = errors.New("the lease on the transaction's locks has ended")
	// ErrLost: the lane's incarnation in Redis is not the one the store opened:
	// Redis was flushed, restored or replaced. The lane is closed until recovered.
	ErrLost = errors.New("the lane in Redis is not the one this proxy knows")
	// ErrTrimmed: the WAL does not hold the unit after the one the caller named.
	ErrTrimmed = errors.New("the WAL does not hold the next unit any more")
)

// GateState says what may happen to a table.
type GateState byte

const (
	GateOpen    GateState = 'o' // absorbing
	GateClosing GateState = 'c' // commits wait; pending rows drain; reads by key still use the cache
	GateShut    GateState = 's' // nothing pending; synchronous writers are at work in MySQL; reads by key go to MySQL
)

// TableState is what every read and every commit checks: one short string in
// Redis, "incarnation:generation:state". The generation is part of each row
// key of the table, so one INCR makes everything cached before unreachable.
type TableState struct {
	Incarnation string
	Gen         uint64
	Gate        GateState
}

// TableInfo is a table's state and what of it is pending.
type TableInfo struct {
	TableState
	Dirty     int64   // rows not yet in MySQL
	LastDirty row.LSN // LSN of the newest of them; 0 if none
	Touched   Touched // by TableReads
}

// TouchedColumn is a column by the definition of the table that a unit was made by.
type TouchedColumn struct {
	Schema   uint32
	Position uint16
}

// Touched is what the pending units of a table may have touched.
type Touched struct {
	Last    row.LSN                   // of the last unit of the table, pending or not; 0 if none
	Rows    row.LSN                   // of the last pending one by which a row came or went, or of which nothing is known
	Columns map[TouchedColumn]row.LSN // of the last pending one that changed the column
}

// RowKey names one cached row.
type RowKey struct {
	Table string // "db.table"
	Key   row.Key
}

// ClaimKey names a value of a unique secondary index. Value is encoded like a row.Key.
type ClaimKey struct {
	Table, Index string
	Value        string
}

// Row is what the cache says about a row.
//
// Found false is a miss: Lease then holds the token that proves, when it is
// handed to Fill or Commit, that nobody has written the row since. Found true
// and Tombstone true is a row deleted but not yet drained.
type Row struct {
	Found     bool
	Tombstone bool
	Dirty     bool
	Version   row.LSN // of the last write; from 2^63 up: a number used once, of a row filled from MySQL
	Schema    uint32
	Image     []byte  // encoded image, valid until the caller drops it; nil for a tombstone or a miss
	Lease     string  // only on a miss, and only if a lease was asked for
	Settled   row.LSN // with Lease: MySQL tells the row only if it has every unit up to here
	Locks     bool    // some row of the lane may be locked: see Store.Unlocked; only if a lease was asked for
}

// Claim is what the cache says about a unique value: held by Owner, or a miss
// with a lease.
type Claim struct {
	Held  bool
	Owner row.Key
	Lease string
	// Settled is what MySQL must have for its word on the value to count, as in
	// Row.
	Settled row.LSN
}

// RowRead is the witness of a row the unit was computed from: Lease for a
// miss, else Version. Version 0 without a Lease asks only that the cache holds
// no such row, or a tombstone: enough for a key that AUTO_INCREMENT has just
// given out.
//
// Present asks only that the cache holds the row, whatever was written to it
// since: enough for a parent, whose key nobody changes while its gate is open.
type RowRead struct {
	RowKey
	Version row.LSN
	Lease   string
	Present bool
}

// ClaimRead is the witness that a unique value was free: its miss lease.
type ClaimRead struct {
	ClaimKey
	Lease string
}

// RowWrite puts a row: its image, or a tombstone when Image is nil.
type RowWrite struct {
	RowKey
	Schema uint32
	Image  []byte
	// Columns are the positions of those that an UPDATE changes; none for a row
	// that comes or goes, or of which that is not known.
	Columns []uint16
}

// Mark is the last unit that may have touched a table.
type Mark struct {
	Table string
	LSN   row.LSN
}

// ClaimWrite takes a unique value for Owner.
type ClaimWrite struct {
	ClaimKey
	Owner row.Key
}

// Commit is everything the commit script needs. It either applies all of it
// and gives the unit the lane's next LSN, or nothing.
type Commit struct {
	Unit       *row.Unit         // LSN 0; the script's LSN is returned and stands as the stream id
	Gens       map[string]uint64 // generation of each table in the unit
	Reads      []RowRead
	ClaimReads []ClaimRead
	Unmoved    []Mark // tables that no later unit may have touched
	Writes     []RowWrite
	Claims     []ClaimWrite
	Releases   []ClaimWrite // dropped if still held by Owner
	Raises     []Raise
	MaxBacklog int64  // 0 = unlimited
	MaxBytes   int    // of the unit's record; 0 = unlimited
	Owner      string // of the locks of a transaction, which ends with the unit; "" for another unit
	// Confirm asks that Options.Replicas have the unit before Commit returns.
	Confirm bool
	// Elsewhere says that the unit counts as acknowledged only when something
	// else has it as well (see AwaitRelayed): should Redis lose it, it is not
	// one of the acknowledged units that are missing.
	Elsewhere bool
	// Receipt is set by Commit when it returns an LSN.
	Receipt Receipt
}

// Raise pushes a table's AUTO_INCREMENT counter above a value that a row of
// the unit brings along, when and only when the unit is applied, as InnoDB does.
type Raise struct {
	Table string
	Used  uint64
}

// Receipt is the life of the lane in which an LSN was given.
type Receipt struct {
	incarnation string
	doubts      uint64
}

// Incarnation is the lane's in that life.
func (r Receipt) Incarnation() string { return r.incarnation }

// Record is one unit as it stands in the WAL and in the queue.
type Record struct {
	LSN  row.LSN
	Data []byte // Encode's bytes

	// Incarnation is the lane's when the unit was committed, "" if not known.
	// It tells a record of a lane that was lost from one of its successor.
	Incarnation string

	// Epoch is that of the lane's owner who gave the record to the queue, 0 if not
	// known. Of the same LSN it tells a unit that Redis has lost from the one that
	// took its place (row.Refusals).
	Epoch row.Epoch
}

// SettleRow is a row of an applied batch.
type SettleRow struct {
	RowKey
	TTL time.Duration // life as a clean row; 0 = drop at once
}

// GateInfo is what an owner of a closed gate has to know: once MySQL has
// everything up to DrainTo, nothing of the table is pending.
type GateInfo struct {
	State   GateState
	Gen     uint64
	DrainTo row.LSN
}

// Lease is the ownership of a lane by one drain worker.
type Lease struct {
	Lane  row.Lane
	Owner string
	TTL   time.Duration
}

// Progress is a lane as Redis sees it.
type Progress struct {
	Incarnation string
	LSN         row.LSN // last committed
	Settled     row.LSN // everything up to here is in MySQL and settled
	Relayed     row.LSN // everything up to here is in the queue
	Flush       row.LSN // a barrier asks that everything up to here be drained ahead of the rate
	Pending     int64   // units in the WAL not yet settled
	Paused      bool
	Epoch       row.Epoch // of the last Settle

	// Of a lane that was rebuilt after Redis had lost it: the LSN it began
	// with, and between which LSNs of the life before units were acknowledged
	// that neither MySQL nor the queue has (none if LostTo is not above
	// LostAfter). All 0 if it never was.
	Start, LostAfter, LostTo row.LSN
	// Told is the highest LSN that a process has missed in the lane: above LSN
	// it says that Redis was rolled back.
	Told row.LSN
	// Run is the run of Redis in which all agreed how far the lane is, Cut how far
	// that was, Roll the run for which they are being asked, "" if they are not.
	Run, Roll string
	Cut       row.LSN
	// Refused are the queue's records that are of units that Redis has lost.
	Refused row.Refusals
	// Between these LSNs Redis was rolled back, and went on with other units; who
	// had acknowledged those before was silent for too long to be asked. 0 if that
	// never was.
	ReplacedAfter, ReplacedTo row.LSN
	// Sealed says that somebody is rebuilding the lane: nothing is committed.
	Sealed bool
}

// Lost is how many LSNs of acknowledged units Redis has lost, at most.
func (p Progress) Lost() uint64 {
	n := uint64(p.ReplacedTo - p.ReplacedAfter)
	if p.LostTo > p.LostAfter {
		n += uint64(p.LostTo - p.LostAfter)
	}
	return n
}
