// Package admin is the HTTP listener for operators: health, metrics, the
// state of lanes, tables and sessions, and what can be done about dead letters.
//
//	GET /healthz     200 while the process runs
//	GET /readyz      200 when applications can be served, else 503 and why
//	GET /metrics     Prometheus text
//	GET /api/status  Status as JSON
//	GET /api/deadletters             a list of Letter
//	GET /api/deadletters/ID          LetterDetail
//	GET /api/requests/ID             Request
//	GET /api/wal?lane=&after=&limit= Dump
//	POST /api/deadletters/ID/retry, discard, edit   Ask -> Request
//	POST /api/pause, /api/resume                    {"lane": ""} -> {}
//	POST /api/skip                                  Skip -> Request
//
// A POST needs Content-Type: application/json, which keeps the pages of other
// sites out (deliberate).
//
// It imports nothing of the proxy: whoever wires it hands in functions.
package admin
