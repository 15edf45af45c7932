// Package wal keeps the write-ahead log and the row cache of each lane in
// Redis (7.0 or later), Valkey or a memory twin of them.
//
// A Store answers reads from the row cache, commits units through one script
// that applies a unit whole or not at all, hands the log to the relay (Tail),
// and takes back what MySQL has (Settle). The scripts are in lua/, one file
// each, with the keys and arguments they take. The keys of a lane all carry
// the hash tag {lane}:
//
//	sa:{lane}:meta                    hash: incarnation, lsn, settled, relayed, flush, paused, epoch;
//	                                  and what a loss has left (rebuild.go): sealed, told, start, lost_after, lost_to
//	sa:{lane}:wal                     stream of units, id "<LSN>-0"
//	sa:{lane}:t:<table>               "incarnation:generation:gate"
//	sa:{lane}:dirty:<table>           sorted set: key -> LSN of the rows MySQL does not have yet
//	sa:{lane}:touched:<table>         hash: position of a column and version of the definition -> LSN of the last unit that changed it; '' for rows
//	                                  that came or went, '*' for any unit, '^' the last LSN before the hash began
//	sa:{lane}:row:<table>:<gen>:<key> 14 bytes of header, then the image
//	sa:{lane}:uniq:<table>:<gen>:<index>:<value>   LSN (8 bytes), then the owner's key
//	sa:{lane}:lease:r:... lease:u:... proof that a missing row or claim was not written since
//	sa:{lane}:auto:<table>            "generation:next:increment:offset[:used]", see parsecounter in lua/prelude.lua
//	sa:{lane}:gate:<table>            hash: when and up to where it was closed, its owners
//	sa:{lane}:gates                   set of tables whose gate is closed
//	sa:{lane}:owner                   who drains the lane
//	sa:{lane}:w:<process>:<n>         hash: writer -> "seq:answer"; writers lists these keys
//	sa:{lane}:lost:<incarnation>      what was left of a WAL that Rebuild replaced
//
// # Why a version never repeats for other content
//
// A written row carries its LSN. A row filled from MySQL carries a random
// number from 2^63 up, made with the lease it was read under, so a row that
// was read, expired, written, drained, expired and filled again, or that was
// dropped because MySQL refused it, never has a version it had before.
//
// # Why a lost reply cannot apply a unit twice
//
// The script remembers the last answer of each writer, refusals included. The
// store asks again with the same unit id until it gets an answer. An attempt
// that the network held back and delivers later finds its own answer, or that
// of a later unit of the writer, and does nothing. These records have no TTL:
// a Redis with a volatile-* policy may evict keys that have one, and an
// evicted record would forget a unit. Leases and the lane's owner do have a
// TTL; losing them early costs a retry, and the epoch in MySQL fences a second
// owner.
//
// # Why a restarted Redis is noticed
//
// A flush changes the incarnation. A rollback (restart without the last second
// of the file, failover to a replica that lagged) leaves it; then the lane's
// LSN is below one the process has seen, or the server does not know the
// scripts any more, whose text is the process's own. Both close the lane with
// ErrLost. Adopt opens it if it is found to have lost nothing; otherwise its
// owner drains what is left of it, and Rebuild begins a new life of the lane,
// with another incarnation and higher LSNs, which the others Join.
package wal
