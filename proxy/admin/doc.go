// Package admin is the HTTP listener for operators: health, metrics and the
// state of lanes, tables and sessions.
//
//	GET /healthz     200 while the process runs
//	GET /readyz      200 when applications can be served, else 503 and why
//	GET /metrics     Prometheus text
//	GET /api/status  Status as JSON
//
// It imports nothing of the proxy: whoever wires it hands in functions.
package admin
