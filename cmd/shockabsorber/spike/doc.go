// Package spike sends a burst of inserts at a fixed rate through an ordinary
// MySQL connection, and then finds out what became of every row.
//
//	report, err := spike.Run(ctx, spike.Config{Proxy: db, Direct: mysql, Rate: 200, Duration: 5 * time.Second})
//
// The schedule is open: a statement's latency counts from the moment it was
// due, so a proxy that stalls cannot hide it by being asked less. The content
// of a row follows from its run and number alone, so that it can be compared
// later without having been kept.
//
// Run goes through send.go, readback.go, watch.go (waiting) and verify.go, in
// this order.
package spike
