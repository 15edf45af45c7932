// Command demo shows the product with nothing installed: it starts a Redis, a
// Kafka and a MySQL of its own, runs the real proxy, relay and drainer between
// them, sends a burst of payments, and follows every row.
//
//	go run -C cmd/demo .          then keeps serving, to be tried by hand
//	go run -C cmd/demo . --once   ends when all is drained; 0 if every row arrived unchanged
//
// Redis is miniredis and Kafka is kfake, both inside this process. MySQL is a
// private mariadbd or mysqld if one is on PATH (or in --mysqld), else
// go-mysql-server, an in-memory stand-in that is good enough to look at and
// never a reference for behaviour.
//
// It is a module of its own, so that the product's binary holds none of them.
package main
