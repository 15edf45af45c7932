// Package queue carries units from the WAL to the drainer: in memory, in a
// Redis stream, or in a Kafka topic, all behind Queue and held to the same
// conformance suite.
//
// The WAL keeps each unit until MySQL has it, so a queue may lose and repeat
// records; what it may never do is reorder them, or leave the drainer waiting
// for a record that will not come. Both follow from one rule that all three
// keep: Poll(after) hands out after+1 or nothing. Whatever else the log holds
// at that place is a repeat (skipped) or proof of a gap (ErrGap), and after a
// gap the relay publishes again from after+1.
//
// # How each keeps the rule
//
//	memory  a ring of slots indexed by LSN. A new instance is empty and says so
//	        once with ErrGap, so that the relay fills it from the checkpoint.
//	redis   a stream whose ids are LSNs, beside a hash with the highest LSN ever
//	        published (top) and the highest forgotten one (floor). A missing
//	        record below the stream's last id cannot be added, so the publish
//	        script then starts the stream over; top still tells a reader that
//	        there was more.
//	kafka   a partition a lane. It is append-only, so a refilled gap stands
//	        further down: the reader skips what is too high, and reports the gap
//	        when it reaches the end without having met the record it needs.
//
// # Zombies
//
// Two relays or two drainers may be at work for a moment, until the one that
// lost the lane notices. A late publish of old LSNs is a repeat. A late Poll
// or Forget can move Kafka's committed position or Redis' floor, which are
// only where a search begins, never what is taken for drained: that is the
// checkpoint in MySQL.
package queue
