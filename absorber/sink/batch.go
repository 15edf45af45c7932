package sink

import (
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// Change is one row's change together with the definition its image was made
// under.
type Change struct {
	Table    *schema.Table
	LSN      row.LSN // of the unit it comes from, or the last one of several folded together
	Mutation row.Mutation
}

// Batch is what one MySQL transaction does: apply Changes, write Dead, and
// move the checkpoint of Lane from From to To.
type Batch struct {
	Lane        row.Lane
	Epoch       row.Epoch
	Incarnation string // of the lane in Redis, kept beside the checkpoint
	From, To    row.LSN
	Changes     []Change
	// InOrder keeps the statements in the order of Changes, which may then
	// name a row more than once. Without it each row appears at most once, and
	// the sink deletes, then updates, then inserts.
	InOrder bool
	Dead    []DeadLetter
	// Answer, if not nil, is what an operator asked for: From and To are the
	// checkpoint then, which stays where it is unless units are given up.
	Answer *Answer
	// Connection, if not 0, is the MySQL connection that the transaction runs on,
	// or not at all: gates are held in its name (see Sink.Connection).
	Connection uint64
}

// DeadLetter is a unit that MySQL refused for good, or that waits behind one.
type DeadLetter struct {
	ID     uint64 // given by MySQL
	Lane   row.Lane
	LSN    row.LSN
	Tables string // "db.table", comma-separated
	Code   uint16 // MySQL's error code, 0 if the cause is not MySQL's
	Cause  string
	Unit   []byte // as it stood in the WAL

	Definition []byte    // what the columns of its images are, for the reader (JSON); nil in letters of older versions
	Edits      []byte    // who has changed what in Unit since (JSON); nil if nobody has
	Created    time.Time // when it was written; read only
}
