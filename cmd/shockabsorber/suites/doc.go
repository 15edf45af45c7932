// Package suites runs test suites that nobody here wrote (of database servers,
// drivers and frameworks) through the proxy with every table absorbed, and
// compares each of their tests with a run straight against the same server. A
// test that passes there has to pass through the proxy.
//
// Of the drivers for other languages only mysqlclient's tests are here, besides
// those of Django and SQLAlchemy over PyMySQL: the packages of PyMySQL, mysql2
// and both Connector/J come without tests. TestClients of package e2e runs
// programs over them.
//
// .ci/setup fetches the suites, at pinned versions. testdata/NAME.list says of
// each suite which tests are left out, which fail on both sides, and which are
// known to differ, each with its reason (readList describes the form).
// With SHOCK_ABSORBER_REAL=1 a short form of each runs, with
// SHOCK_ABSORBER_SOAK everything. It has no code of its own.
package suites
