// Package rawclient is a client of the MySQL protocol that keeps every packet
// of a response as it came, so that tests can compare responses byte by byte.
// The product does not use it.
package rawclient
