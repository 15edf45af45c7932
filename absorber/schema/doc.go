// Package schema knows the tables of the server behind the proxy: their
// columns, keys and defaults, whether writes to a table may be absorbed, and if
// not exactly why.
//
// Load reads information_schema once and gives a Catalog, an immutable
// snapshot. Two rules run through the package:
//
//   - A table is absorbed only when everything the server would do with a row
//     can be done here, or asked of the server, with the same result. Any doubt
//     is a Refusal with a stable reason (refuse.go, partition.go).
//   - What a statement may touch is over-approximated, never missed: bodies of
//     views, routines and triggers are scanned for identifiers, and a body that
//     cannot be seen touches every absorbed table (touch.go, scan.go).
//
// The way of a load: load.go (Load) sets the session up and calls read.go for
// the raw rows; build.go makes a Table of each wanted one from column.go,
// columntype.go and defaults.go; refuse.go judges it; touch.go builds the graph
// of what reaches what; catalog.go holds the result.
//
// # The account's grants
//
// information_schema shows an account only what it has privileges on. The
// account the schema is read with needs SELECT and TRIGGER on an absorbed
// table, or the table is refused: a hidden column or trigger looks like none. With SELECT,
// TRIGGER, SHOW VIEW and PROCESS on *.* nothing is hidden; what a lack of them
// hides is told by Catalog.Warnings.
//
// # Invariants that are easy to break
//
//   - Table.Version covers all that a row image or key depends on. A new
//     attribute of Column or Index must be added to definitionHash.
//   - The session variables in loadSession decide how the server quotes what
//     it prints; CHECK_CLAUSE and SHOW CREATE TABLE follow sql_mode.
//   - information_schema's text is utf8mb3: a character beyond U+FFFF arrives
//     as '?'. So a '?' in a default or in an ENUM member of a utf8mb4 column
//     proves nothing.
//   - MySQL says NULL both for "DEFAULT NULL" and for a nullable column whose
//     default was dropped; only SHOW CREATE TABLE tells them apart, and
//     omitting the latter is error 1364.
//   - A duplicate key is reported in InnoDB's order of indexes, the order in
//     which they were made; SHOW CREATE TABLE sorts them otherwise.
package schema
