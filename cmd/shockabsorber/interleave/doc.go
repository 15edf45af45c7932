// Package interleave plays random interleavings of two to four sessions, with
// transactions, locks, savepoints and DDL, and says whether applications could
// tell the proxies from the database.
//
// Where the order is forced (TestInterleavings), a seed makes scripts: statements
// of several sessions, one after the other. They are played on two databases of
// one server with the same tables, directly and over two proxies, and every answer
// and in the end the tables are compared. Scripts are of two kinds. Transactions
// of the first can be kept in the proxies: which statement waits for which other
// must be what InnoDB does, and so must 1205 and 1213 (kept_test.go). Of the
// second MySQL does much, behind gates, which make sessions wait where rows would
// not: such a script is played through the proxies first, and then directly in the
// order in which its statements were done (wide_test.go).
//
// Where the order is free (TestSerializable), sessions run transactions beside
// each other, and cmd/shockabsorber/serial looks for a serial order that explains
// all that they were told.
//
// The differences that are known, and that scripts avoid or end with, are listed
// in known_test.go, each with a test that it is there and with the words of
// proxy/DESIGN.md.
//
//	SHOCK_ABSORBER_SEED     the seed (1)
//	SHOCK_ABSORBER_SCRIPTS  scripts per server (16)
//	SHOCK_ABSORBER_SCRIPT   play this script of the seed only, and print all answers
//	SHOCK_ABSORBER_ROUNDS   rounds of TestSerializable per server (3)
//	SHOCK_ABSORBER_SOAK     how long TestSoak goes on with new seeds
package interleave
