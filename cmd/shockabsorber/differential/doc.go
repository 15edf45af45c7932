// Package differential runs random statements against a database directly and
// through the proxy in front of the same server, and compares every answer
// byte by byte and, after the last drain, the tables.
//
// A seed makes chapters. A chapter is a schema of a few tables, some sessions
// with settings of their own, and a script: statements, and between them
// drains, restarts of the proxy and a cold row cache. It is played on two
// databases of one server with names of equal length; the tables of one are
// absorbed. A chapter that answers differently is cut down to the shortest
// script that still does, and printed with its seed.
//
// Who reads the tests starts with run_test.go (the entries), then chapter_test.go
// (what is made), play_test.go (how it is played and compared), ledger_test.go
// (what has to be absorbed: the maps `today` and `least`) and shrink_test.go.
//
//	SHOCK_ABSORBER_SEED        the seed (9)
//	SHOCK_ABSORBER_CHAPTER     play this chapter of the seed only
//	SHOCK_ABSORBER_STATEMENTS  statements per server (20000)
//	SHOCK_ABSORBER_AVOID       kinds and traits (ledger_test.go) that are not made, with commas between
//	SHOCK_ABSORBER_SOAK        how long TestSoak and TestMetamorphic go on with new chapters
package differential
