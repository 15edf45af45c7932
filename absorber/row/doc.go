// Package row is the vocabulary of absorbed writes: a row's image, the key
// that names it, the mutation that changes it, and the exact conversion of a
// value into what a column of MySQL or MariaDB would store.
//
// Nothing here does I/O. What is decided here is decided without asking the
// server, so the rule throughout is: say yes only when the server would
// certainly do the same, otherwise say that you cannot tell, and the statement
// goes to the server.
//
//   - Image, Mutation, Unit: what changes (mutation.go); their row body
//     encoding is that of MySQL's text protocol (image.go).
//   - EncodeKey, EncodeIndex: memcomparable keys; values MySQL calls equal
//     have equal bytes (key.go, collation.go).
//   - Store: a value into a column's stored form (store*.go, json.go).
//   - Print: the stored form as a session's text protocol shows it (print.go).
//   - Fold: two mutations of one row as one (fold.go).
package row
