// Package crash holds the tests that kill everything: the product's binary as
// two proxies and a drainer, Redis, MariaDB or MySQL 9, and Kafka, each with
// kill -9, alone and in pairs, at random moments under load.
//
//	matrix_test.go   rounds of load and kills; a ledger of what each client was
//	                 told is compared with MySQL, row by row
//	linear_test.go   histories of reads, writes, increments and deletes by key,
//	                 checked by porcupine
//	bank_test.go     transfers between accounts in transactions, and sums of all
//	                 balances, which never change
//	serial_test.go   transactions that lock what they read, checked for a serial
//	                 order (cmd/shockabsorber/serial)
//	outage_test.go   MySQL away for a long time under steady load
//	definition_test.go  a proxy that dies under an ALTER TABLE that MySQL finishes
//
// # The ledger
//
// A statement was acknowledged, refused (the error says that nothing was
// written), or its outcome is not known (the connection broke). Acknowledged
// ones are in MySQL exactly once in the end, refused ones are not, and each
// unknown one is there once or not at all. Where that leaves room for mistakes,
// the tables are made so that they show:
//
//	trail    each update appends its own name to the row (CONCAT), so the row is
//	         the list of what was applied, in the order in which it was
//	counter  n = n + 1, from many clients; last names the latest writer
//	pair     one statement increments two rows: a unit arrives whole
//	entry    rows with AUTO_INCREMENT and a unique index, inserted and deleted
//	balance  an upsert: INSERT ... ON DUPLICATE KEY UPDATE n = n + 1
//
// What a client reads by key must contain what was acknowledged before the
// read began, and nothing that began after it ended; what is read of a trail
// is a prefix of what the row is in the end, so an update whose outcome was
// unknown and that was seen once is never gone later. MySQL itself is watched
// meanwhile: its trails too only ever grow.
//
// # Running it
//
// A few rounds run with every test against real servers. With
// SHOCK_ABSORBER_SOAK=30m each test runs for as long, with other seeds each
// time. SHOCK_ABSORBER_CRASH_SEED repeats a seed: the same statements and the
// same kills, though not the same interleaving.
package crash
