// Package absorber answers writes from Redis and carries them to MySQL.
//
// An Engine is what sessions absorb through: it turns a statement's rows into
// a unit, commits it to the lane's WAL with everything it was computed from
// (package wal), looks rows up, and closes the gates behind which statements
// reach MySQL directly. A Worker drains one lane: its relay (relay.go) copies
// the WAL into the queue, its drainer (drainer.go, drain.go) applies the queue
// to MySQL through the sink. DESIGN.md walks the flows.
//
// # How a lane drains
//
//  1. Worker.own holds the lane's lease in Redis, which keeps others from
//     trying; what makes it safe is the epoch that begin raises in MySQL.
//  2. begin rebuilds the lane if Redis has lost it (restore.go, salvage.go),
//     compares the checkpoint with the lane in Redis (agree), settles
//     what a predecessor applied and did not settle, and loads the rows that
//     dead letters hold (park.go).
//  3. fetch polls the queue from the checkpoint, decode verifies each unit,
//     compose (batch.go) folds whole units into their net changes.
//  4. admit waits for the Limiter; a barrier's flush has its own rate.
//  5. drain applies the batch and the checkpoint in one transaction, settles
//     the rows in Redis, and lets the queue forget them, in this order.
//  6. A batch that MySQL refuses is replayed unit by unit in the order of
//     acknowledgement. A unit that is refused still is written to the dead
//     letters in the transaction that moves the checkpoint past it.
//  7. Between two batches the drainer does what operators ask for about dead
//     letters (desk.go, chain.go, edit.go).
//
// # Invariants that are easy to break
//
//   - Nothing is ever skipped but what the checkpoint in MySQL covers. A
//     record that is missing, damaged or of another incarnation is fetched
//     again from the WAL; if it is not there, the lane stops and says so.
//   - A unit that touches a row of a dead letter goes to the dead letters too,
//     with all its rows. Before each such step MySQL is asked (DeadLetterCount)
//     whether somebody has taken letters away by hand.
//   - Rows in flight shrink the limiter's bucket until their transaction has
//     ended, else a late commit lets twice the burst through.
//   - The drainer never gives up on a passing error: the WAL keeps the backlog.
package absorber
