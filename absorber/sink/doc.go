// Package sink applies drained units to MySQL.
//
// A batch is one MySQL transaction that moves the lane's checkpoint from the
// LSN before the batch to its last LSN and changes the rows. The checkpoint
// lives in MySQL beside the data, so "how far has this lane drained" and "what
// is in the tables" cannot disagree, whatever dies when.
//
// # A batch, step by step
//
//  1. Apply (apply.go) makes sure of a session (session.go). A new session
//     first proves that no earlier session of this lane can still commit: it
//     takes the lane's named lock, killing the connection that holds it.
//  2. script (statement.go) turns the changes into statements: multi-row
//     INSERT and DELETE, UPDATE (update.go), each with the number of rows it must
//     touch. Literals are in literal.go.
//  3. The first packet holds BEGIN, the guarded UPDATE of the checkpoint and
//     as many statements as fit. The guard fails when another drainer has
//     taken the lane over (epoch) or the batch is in MySQL already (lsn).
//  4. Each statement's count is compared; then COMMIT.
//  5. A lost reply to COMMIT is answered by doing all of it again: the guard
//     tells "it had committed" from "it had not".
//
// An operator's request about a dead letter (request.go) is answered by a batch
// that leaves the checkpoint where it is (answer.go): its first statement
// behind the guard takes the request from open to its outcome, so that it has
// its effect once, whoever repeats it.
//
// # Invariants that are easy to break
//
//   - The checkpoint's UPDATE is the first statement of the transaction. Its
//     row lock makes a second drainer wait, and a retry of a batch that is in
//     MySQL already meets the guard before it meets a duplicate key.
//   - COMMIT is sent only after the reply to everything before it. So when
//     COMMIT may have been executed, the checkpoint's row was locked, and a
//     later guarded UPDATE waits for the outcome.
//   - An UPDATE names every ON UPDATE CURRENT_TIMESTAMP column: the server
//     would put its own clock into one that is left out.
//   - A statement's count is part of its meaning. A row that is missing, or
//     one that is there already, was changed by somebody who went around the
//     proxy, and that is never passed over in silence.
package sink
