// Package wire is the MySQL client/server protocol as bytes: packets, the
// handshake, OK, ERR and EOF, column definitions, text and binary rows, the
// parameters of prepared statements, and where a response ends.
//
// It has no policy and keeps no connections: a Reader and a Writer move
// packets over an io.Reader and an io.Writer, everything else works on byte
// slices. Parsers never panic and never trust a length they are given; they
// answer ErrMalformed. What a parser returns aliases its input unless its
// comment says otherwise.
//
// Encoders produce what MySQL 9 and MariaDB 10.11 send, byte for byte; the
// tests compare them with both.
//
// "Payload" is a packet without its 4-byte header, joined when it was split
// at 16 MiB. A "frame" is a payload with 4 bytes of room before it, so that it
// can be sent on without a copy.
package wire
