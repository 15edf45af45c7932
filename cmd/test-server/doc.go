// Command test-server is a small payment API over HTTP: an ordinary
// database/sql application that knows nothing of the proxy. It works the same
// on MySQL, on MariaDB and on the proxy; only --dsn differs.
//
//	POST /payment                  create a payment, 201 with the row
//	GET  /payment/{id}             by primary key
//	GET  /payment/reference/{ref}  by upi_reference_id
//	GET  /health                   200 while the database answers
//
// Errors are JSON, {"error": "..."}: 400 wrong input, 404 no such payment,
// 409 the reference exists, 500 the database failed.
package main
