package wal

import (
	"strconv"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// escaper keeps a name's colons and braces from being read as a key's.
var escaper = strings.NewReplacer("%", "%25", ":", "%3A", "{", "%7B", "}", "%7D")

// escape makes a name safe between the colons of a key.
func escape(name string) string {
	if strings.ContainsAny(name, "%:{}") {
		return escaper.Replace(name)
	}
	return name
}

// laneKeys builds the keys of one lane; its value is their common beginning,
// "sa:{lane}:".
type laneKeys string

// newLaneKeys joins prefix and hash tag.
func newLaneKeys(prefix string, lane row.Lane) laneKeys {
	return laneKeys(prefix + ":{" + escape(string(lane)) + "}:")
}

// meta is the hash of the lane's marks.
func (k laneKeys) meta() string { return string(k) + "meta" }

// wal is the stream of units.
func (k laneKeys) wal() string { return string(k) + "wal" }

// lost is where Rebuild puts what is left of a stream.
func (k laneKeys) lost(incarnation string) string { return string(k) + "lost:" + incarnation }

// owner is the lease of the lane's drain worker.
func (k laneKeys) owner() string { return string(k) + "owner" }

// gates is the set of tables whose gate is closed.
func (k laneKeys) gates() string { return string(k) + "gates" }

// wake is the channel on which waiting drainers are woken.
func (k laneKeys) wake() string { return string(k) + "wake" }

// writers lists the writer hashes: "<process>:<n>" -> Redis time in ms.
func (k laneKeys) writers() string { return string(k) + "writers" }

// writer is one hash of writers' last answers.
func (k laneKeys) writer(id string) string { return string(k) + "w:" + id }

// table is the state of a table.
func (k laneKeys) table(t string) string { return string(k) + "t:" + escape(t) }

// dirty is the sorted set of a table's pending rows.
func (k laneKeys) dirty(t string) string { return string(k) + "dirty:" + escape(t) }

// touched is the hash of what units have touched of a table, see lua/commit.lua.
func (k laneKeys) touched(t string) string { return string(k) + "touched:" + escape(t) }

// gate is the hash of a closed gate's owners.
func (k laneKeys) gate(t string) string { return string(k) + "gate:" + escape(t) }

// auto is a table's AUTO_INCREMENT counter.
func (k laneKeys) auto(t string) string { return string(k) + "auto:" + escape(t) }

// locks is the hash lock -> its owners; a lock is the key of a row or of a claim.
func (k laneKeys) locks() string { return string(k) + "locks" }

// lockers is the hash of the locks' owners -> end of their leases.
func (k laneKeys) lockers() string { return string(k) + "lockers" }

// lockWaits is the hash of those owners who wait -> for which locks.
func (k laneKeys) lockWaits() string { return string(k) + "lockwaits" }

// lockMark is there while locks is.
func (k laneKeys) lockMark() string { return string(k) + "lockmark" }

// row is a cached row.
func (k laneKeys) row(r RowKey, gen uint64) string {
	return string(k) + "row:" + escape(r.Table) + ":" + strconv.FormatUint(gen, 10) + ":" + string(r.Key)
}

// rowLease is the lease of a row that is not cached.
func (k laneKeys) rowLease(r RowKey, gen uint64) string {
	return string(k) + "lease:r:" + escape(r.Table) + ":" + strconv.FormatUint(gen, 10) + ":" + string(r.Key)
}

// claim is a reserved unique value.
func (k laneKeys) claim(c ClaimKey, gen uint64) string {
	return string(k) + "uniq:" + claimPath(c, gen)
}

// claimLease is the lease of a unique value that nobody has reserved.
func (k laneKeys) claimLease(c ClaimKey, gen uint64) string {
	return string(k) + "lease:u:" + claimPath(c, gen)
}

// claimPath is what a claim and its lease have in common.
func claimPath(c ClaimKey, gen uint64) string {
	return escape(c.Table) + ":" + strconv.FormatUint(gen, 10) + ":" + escape(c.Index) + ":" + c.Value
}
