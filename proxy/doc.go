// Package proxy speaks the MySQL protocol to applications: it accepts
// connections, authenticates them against the configured users, and forwards
// every command byte by byte to a backend connection that belongs to the
// session and is opened when it is first needed. A Router, one per session,
// may answer a command instead, or act before and after it; without one the
// proxy is a transparent pass-through.
//
// A session is one goroutine (conn.go). Each command goes read -> command.go
// -> a handler in a file of its own -> forward.go, which relays the backend's
// packets with their sequence ids unchanged, because both sides see the same
// command with the same number of packets.
//
// Between commands a session holds no buffers but 2 KiB for the next command.
//
// Whatever this package cannot do safely it says to the client as a MySQL
// error (errors.go), and then either the session goes on as if the command had
// not been sent, or it is closed.
package proxy
