package row

import "strconv"

// LSN is a unit's place in its lane: 1, 2, 3 ... without gaps, given by the
// commit script. 0 means "nothing committed yet". The WAL's scripts compute
// with LSNs in Lua doubles, so they stay exact up to 2^53.
type LSN uint64

// String prints the LSN in decimal.
func (l LSN) String() string { return strconv.FormatUint(uint64(l), 10) }

// Lane names an ordered log of units: one hash tag in Redis, one Kafka
// partition, one row of the checkpoint table, one drain worker.
type Lane string

// Epoch is the fencing token of a lane's owner. It lives in MySQL's checkpoint
// row and grows by one whenever a drainer takes the lane over.
type Epoch uint64
