// Package serial checks that transactions are strictly serialisable: sessions run
// them beside each other, lock what they read, and write values that nobody else
// writes. Some order of the transactions, one after the other, that keeps real
// time must explain all that they were told, and what MySQL holds in the end.
//
// A transaction whose client lost its connection in COMMIT may have been
// committed, then or at any time later, or not. One that was lost before was not.
//
// It is for tests: cmd/shockabsorber/interleave runs it undisturbed,
// cmd/shockabsorber/crash while processes are killed.
package serial
