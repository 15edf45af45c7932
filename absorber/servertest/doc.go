// Package servertest starts real servers for tests: MariaDB, MySQL, Redis,
// Valkey and Kafka, on free ports of 127.0.0.1 and in temporary folders.
//
// Only tests import it. Each function skips its test unless SHOCK_ABSORBER_REAL
// is 1, so that `go test ./...` needs nothing but Go; with the variable set, a
// server that is not installed fails the test and says what to install
// (.ci/setup installs all of them).
//
//	db := servertest.MariaDB(t)           // one server for the whole test binary
//	pool := db.Open(t, db.Database(t))    // a fresh database, dropped after the test
//	r := servertest.Redis(t)              // a server of this test's own, append-only file on
//	r.Kill(); r.Restart()                 // the same port and folder
//
// # Where the servers come from
//
//	mariadbd, redis-server          on PATH or in /usr/sbin
//	mysqld 9, redis 8, valkey       a Debian sid chroot at $SHOCK_ABSORBER_SID,
//	                                /var/cache/shock-absorber/sid; needs root
//	Kafka 4                         jars at $SHOCK_ABSORBER_KAFKA,
//	                                /var/cache/shock-absorber/kafka/libs, and java 17
//
// # How they end
//
// A child gets SIGKILL when the test binary dies, however it dies, and a small
// shell that holds the other end of a pipe then removes the temporary folder.
// Nothing therefore depends on a TestMain or on a test that ends in order.
package servertest
