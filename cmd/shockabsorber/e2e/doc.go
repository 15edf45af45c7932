// Package e2e holds the tests of the whole program against real servers, as
// its users meet it: clients in other languages, the mysql command line, the
// test suite of a driver, loads, crashes. It has no code of its own.
package e2e
