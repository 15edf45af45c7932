package wire

import "encoding/binary"

// Response is what the last result of a response said.
type Response struct {
	// Err is set if the response ended with an error; nothing else is then.
	Err *ErrPacket
	// HasStatus tells whether the response carried status flags at all;
	// COM_STATISTICS and a few others do not.
	HasStatus          bool
	Status, Warnings   uint16
	Affected, InsertID uint64
	// Rows is true if the last result was a result set.
	Rows bool
}

// Event is why Scan stopped.
type Event uint8

const (
	// More: the response goes on; read at least Need bytes more.
	More Event = iota
	// Done: the response is complete with the bytes returned.
	Done
	// SendFile: the server waits for the contents of a file (LOAD DATA LOCAL).
	// The client sends packets up to an empty one, then the response goes on.
	SendFile
)

// Scanner follows the packets of one response without keeping them, and says
// where it ends. The bytes may come in any pieces.
type Scanner struct {
	// Set and Clear change the status flags of every OK and EOF packet in
	// place.
	Set, Clear uint16
	// Response is valid once Scan said Done.
	Response Response

	caps  Capability
	cmd   byte
	state scanState
	left  int  // column definitions still to come in this section
	next  int  // PREPARE: column definitions of the section after this one
	skip  int  // bytes of the current packet still to pass
	cont  bool // the next packet continues the current payload
	out   bool // the rows are OUT parameters, and another result follows
	need  int
}

// scanState says what the next packet is.
type scanState uint8

const (
	scanFirst  scanState = iota // OK, ERR, LOCAL INFILE or a column count
	scanDefs                    // column definitions
	scanDefEnd                  // the EOF after them
	scanRows                    // rows
	scanSingle                  // any one packet
	scanDone                    // nothing
)

// Reset prepares for the response to cmd.
func (s *Scanner) Reset(cmd byte, caps Capability) {
	*s = Scanner{Set: s.Set, Clear: s.Clear, caps: caps, cmd: cmd}
	switch cmd {
	case ComStatistics:
		s.state = scanSingle
	case ComFieldList, ComStmtFetch, ComBinlogDump, ComBinlogDumpGTID, ComTableDump:
		s.state = scanRows
	}
}

// Need is how many bytes, counted from where the last Scan stopped, the next
// Scan must be given at least.
func (s *Scanner) Need() int { return max(s.need, 1) }

// Scan looks at the bytes that follow those it accepted before. It returns
// how many of them belong to the response and are understood, and why it
// stopped there.
func (s *Scanner) Scan(p []byte) (n int, ev Event, err error) {
	for {
		if s.skip > 0 {
			m := min(s.skip, len(p)-n)
			n += m
			if s.skip -= m; s.skip > 0 {
				s.need = 1
				return n, More, nil
			}
		}
		if s.state == scanDone && !s.cont {
			return n, Done, nil
		}
		rest := p[n:]
		if len(rest) < 4 {
			s.need = 4
			return n, More, nil
		}
		length := int(rest[0]) | int(rest[1])<<8 | int(rest[2])<<16
		if s.cont {
			s.cont = length == MaxPayload
			s.skip = length
			n += 4
			continue
		}
		if len(rest) < 4+min(length, 1) {
			s.need = 5
			return n, More, nil
		}
		if !s.control(rest[4:], length) {
			s.cont = length == MaxPayload
			s.skip = length
			n += 4
			s.body()
			continue
		}
		if len(rest) < 4+length {
			s.need = 4 + length
			return n, More, nil
		}
		ev, err = s.packet(rest[4 : 4+length])
		if err != nil {
			return n, More, err
		}
		n += 4 + length
		if ev != More {
			return n, ev, nil
		}
	}
}

// control reports whether the packet says something about the response, so
// that it is needed whole. p holds at least its first byte, if it has one.
func (s *Scanner) control(p []byte, length int) bool {
	switch s.state {
	case scanDefs:
		return length > 0 && p[0] == 0xff
	case scanRows:
		switch {
		case length == 0:
			return false
		case p[0] == 0xff:
			return true
		case p[0] == 0xfe && s.caps.Has(CapDeprecateEOF):
			return length < MaxPayload
		default:
			return p[0] == 0xfe && length < 9
		}
	}
	return true
}

// body counts a packet that is passed unread.
func (s *Scanner) body() {
	if s.state != scanDefs {
		return
	}
	if s.left--; s.left == 0 {
		s.endDefs()
	}
}

// endDefs goes on after a section of column definitions.
func (s *Scanner) endDefs() {
	if s.caps.Has(CapDeprecateEOF) {
		s.afterDefs()
		return
	}
	s.state = scanDefEnd
}

// afterDefs starts what follows the column definitions and their EOF. For
// PREPARE that is the second section, or nothing.
func (s *Scanner) afterDefs() {
	s.state = scanRows
	if s.cmd != ComStmtPrepare {
		return
	}
	s.state = scanDone
	if s.next > 0 {
		s.state, s.left, s.next = scanDefs, s.next, 0
	}
}

// packet takes a control packet.
func (s *Scanner) packet(p []byte) (Event, error) {
	if s.state == scanSingle {
		return Done, nil
	}
	if len(p) == 0 {
		return More, ErrMalformed
	}
	if p[0] == 0xff {
		e, err := ParseERR(p)
		s.Response = Response{Err: e}
		return Done, err
	}
	switch s.state {
	case scanFirst:
		return s.first(p)
	case scanDefEnd:
		return s.defEnd(p)
	}
	s.Response = Response{Rows: true}
	if err := s.end(p); err != nil {
		return More, err
	}
	return s.following(), nil
}

// first takes the first packet of a result.
func (s *Scanner) first(p []byte) (Event, error) {
	switch {
	case p[0] == 0x00 && s.cmd == ComStmtPrepare:
		return s.prepared(p)
	case p[0] == 0x00:
		s.Response = Response{}
		if err := s.ok(p); err != nil {
			return More, err
		}
		return s.following(), nil
	case p[0] == 0xfb && len(p) > 1:
		return SendFile, nil
	case p[0] == 0xfe:
		s.Response = Response{}
		if len(p) >= 5 {
			return Done, s.end(p)
		}
		return Done, nil
	}
	c := cursor{p: p}
	n := c.int()
	if c.bad || n == 0 || n > 1<<16 {
		return More, ErrMalformed
	}
	s.left, s.state = int(n), scanDefs
	return More, nil
}

// prepared takes the head of the answer to PREPARE.
func (s *Scanner) prepared(p []byte) (Event, error) {
	if len(p) < 12 {
		return More, ErrMalformed
	}
	columns, params := int(binary.LittleEndian.Uint16(p[5:])), int(binary.LittleEndian.Uint16(p[7:]))
	s.Response = Response{Warnings: binary.LittleEndian.Uint16(p[10:])}
	s.left, s.next = params, columns
	if params == 0 {
		s.left, s.next = columns, 0
	}
	if s.left == 0 {
		return Done, nil
	}
	s.state = scanDefs
	return More, nil
}

// defEnd takes the EOF after column definitions.
func (s *Scanner) defEnd(p []byte) (Event, error) {
	warnings := s.Response.Warnings
	s.Response = Response{Rows: s.cmd != ComStmtPrepare}
	if err := s.end(p); err != nil {
		return More, err
	}
	if s.cmd == ComStmtPrepare {
		s.Response.Warnings = warnings
		s.afterDefs() // Scan sees scanDone at once if this was the last section
		return More, nil
	}
	if s.Response.Status&StatusCursorExists != 0 {
		return s.following(), nil
	}
	// MySQL forgets MORE_RESULTS in the EOF after the row of OUT parameters.
	s.out = s.Response.Status&StatusPSOutParams != 0 && s.Response.Status&StatusMoreResults != 0
	s.state = scanRows
	return More, nil
}

// following says what comes after a result: another one, or nothing.
func (s *Scanner) following() Event {
	multi := s.cmd == ComQuery || s.cmd == ComStmtExecute
	if multi && (s.out || s.Response.Status&StatusMoreResults != 0) {
		s.out = false
		s.state = scanFirst
		return More
	}
	return Done
}

// ok notes and changes an OK packet.
func (s *Scanner) ok(p []byte) error {
	at := okStatusOffset(p)
	if at == 0 {
		return ErrMalformed
	}
	c := cursor{p: p[1:]}
	s.Response.Affected, s.Response.InsertID = c.int(), c.int()
	s.Response.Warnings = binary.LittleEndian.Uint16(p[at+2:])
	s.status(p[at:])
	return nil
}

// end notes and changes the packet that ends rows or definitions.
func (s *Scanner) end(p []byte) error {
	if s.caps.Has(CapDeprecateEOF) && len(p) > 5 {
		return s.ok(p)
	}
	if len(p) < 5 {
		return ErrMalformed
	}
	s.Response.Warnings = binary.LittleEndian.Uint16(p[1:])
	s.status(p[3:])
	return nil
}

// status notes the flags as the server sent them and changes them for the
// client.
func (s *Scanner) status(p []byte) {
	v := binary.LittleEndian.Uint16(p)
	s.Response.Status, s.Response.HasStatus = v, true
	if s.Set|s.Clear != 0 {
		binary.LittleEndian.PutUint16(p, v&^s.Clear|s.Set)
	}
}
