// Package apps holds the tests that run programs of others unchanged, once
// straight at MariaDB and once through the proxy with all their tables
// absorbed, and compare what is in the databases in the end.
//
//	wordpress_test.go   WordPress behind PHP's web server, installed and used by HTTP
//	rsyslog_test.go     rsyslogd, which writes a flood of log lines into SystemEvents
//
// What differs by nature, such as dates and random keys, is masked before the
// comparison, each kind with its reason (masks of a test). What the proxy did with the
// statements, by reason, and how long each way took are logged.
package apps
