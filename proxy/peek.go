package proxy

// peekResult says what stands at the front of a socket's input.
type peekResult uint8

const (
	peekNothing peekResult = iota // open, nothing to read; also if it cannot be told
	peekData                      // bytes to read
	peekClosed                    // the other side has closed, or the connection is broken
)

// tlsAlert is the first byte of the record with which TLS announces its end.
const tlsAlert = 21

// clientGone reports whether the client has closed its side. It may be called
// from anywhere.
func (c *Conn) clientGone() bool {
	result, first := peek(c.raw)
	return result == peekClosed || result == peekData && first == tlsAlert && c.overTLS.Load()
}
