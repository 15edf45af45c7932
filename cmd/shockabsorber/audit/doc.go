// Package audit compares what Shock Absorber keeps in different places, and
// names every disagreement: the checkpoint in MySQL, the log (WAL) and the row
// cache in Redis, the queue in Kafka or Redis, and the rows in MySQL.
//
// It is written to judge the engine, so it uses none of it. It reads Redis,
// MySQL and Kafka by itself, from what absorber/wal, absorber/sink and
// absorber/queue document of their keys, tables and records, and shares only
// the codecs: a unit's encoding, a row image's, a key's and a literal's, and
// the loading of the schema. It writes nothing anywhere.
//
// # A system at work
//
// Audit runs beside live proxies. Three rules keep what is merely under way
// from being taken for wrong:
//
//   - Marks only grow, so the one that must be smaller is read first: settled,
//     then checkpoint, then LSN.
//   - A row's version never repeats. A row that is read, compared with MySQL,
//     and found unchanged (same version, same generation, gate open before and
//     after) had nothing pending in between, so MySQL must show the same.
//   - A pass that finds something is repeated after a pause (Options.Grace,
//     longer than it takes until another process has taken over from one that
//     died). Only what both passes found, of the same row at the same version,
//     is reported.
//
// Pending rows are compared with a consistent snapshot of MySQL, which holds
// the rows exactly as of the checkpoint that is read in the same snapshot: the
// row at the checkpoint, then the units above it, must lead to the image in the
// cache, each step from the one before.
//
// # What is a disagreement
//
//	settled_above_checkpoint    units left the log that MySQL does not have
//	checkpoint_above_log        MySQL is further than Redis: Redis was rolled back
//	relayed_above_log           the queue is said to have more than there is
//	epoch_above_mysql           Redis was settled under an epoch that MySQL never gave
//	log_gap                     a unit between settled and the last LSN is missing
//	log_above_lsn               the log holds a unit above the last LSN
//	log_corrupt                 a unit that cannot be decoded, or is another lane's
//	log_untrimmed               units that are settled stay in the log
//	log_unsettled               units at or below the checkpoint are not settled,
//	                            although somebody owns the lane
//	queue_gap, queue_differs    the queue lacks a unit that was relayed, or has other bytes
//	queue_above_log             the queue has a unit of this life above the last LSN
//	cache_differs               a clean row that is not what MySQL has
//	cache_key                   a row under another key than its own
//	cache_corrupt               a row that cannot be decoded
//	clean_tombstone             a deleted row that is not pending
//	clean_without_end           a clean row, a lease or the lane's owner without a TTL
//	pending_row_missing         a pending row that is not in the cache, or not dirty
//	pending_not_listed          a dirty row that the table's pending set does not list
//	pending_version             row and pending set name different LSNs
//	pending_above_lsn           a pending row above the last LSN
//	pending_unsettled           pending although the checkpoint has passed it
//	pending_differs             the cache is not what the log's last unit made of the row
//	pending_base                the first unit above the checkpoint does not follow from
//	                            what MySQL has
//	pending_step                a unit does not follow from the one before it
//	claim_without_row           a unique value that is claimed by a row that is not pending
//	gate_overdue                a closed gate whose owner's time has passed
//	gate_without_owner          a closed gate that nobody holds
//	auto_increment_behind       the counter would give out a value that MySQL has
//	dead_letter_corrupt         a dead letter that cannot be decoded
//	dead_letter_cached          a row in the cache as a dead letter left it
//
// Dead letters themselves, units that are known to be lost, and units that an
// operator has given up, are remarks, not disagreements: the system says so
// itself.
//
// # Bounds
//
// Memory: pages of 256 rows; of the log, the column hashes of at most 50,000
// mutations at a time, by passes over it; 8 bytes for each unit that the queue
// is compared with; the keys of dead letters. Rate: Options.Rate rows, units and
// records a second. What is cached but neither clean nor pending (leases that
// run out by themselves, generations that cannot be reached any more) is not
// looked at.
package audit
