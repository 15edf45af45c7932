package wire

import (
	"encoding/binary"
	"fmt"
)

// OK is the contents of an OK packet, or of the EOF packet that takes its
// place after rows.
type OK struct {
	Affected, InsertID uint64
	Status, Warnings   uint16
	Info               []byte
	Changes            []byte // session state changes, as sent; with StatusSessionChanged only
}

// ErrPacket is the contents of an ERR packet: a server's error. It is the one
// error of this project that a client sees as it is.
type ErrPacket struct {
	Code    uint16
	State   string // 5 characters; "" if the server named none, as before a handshake
	Message string
}

// Error prints the error as the mysql client does.
func (e *ErrPacket) Error() string {
	return fmt.Sprintf("ERROR %d (%s): %s", e.Code, e.State, e.Message)
}

// AppendOK appends the payload of an OK packet that answers a command.
func AppendOK(dst []byte, caps Capability, ok OK) []byte {
	return appendOK(append(dst, 0), caps, ok)
}

// AppendEOF appends the packet that ends rows, or, without DEPRECATE_EOF, also
// column definitions: of ok only Status and Warnings are used.
func AppendEOF(dst []byte, caps Capability, ok OK) []byte {
	dst = append(dst, 0xfe)
	if caps.Has(CapDeprecateEOF) {
		return appendOK(dst, caps, OK{Status: ok.Status, Warnings: ok.Warnings})
	}
	return append(dst, byte(ok.Warnings), byte(ok.Warnings>>8), byte(ok.Status), byte(ok.Status>>8))
}

// appendOK appends what follows the header byte.
func appendOK(dst []byte, caps Capability, ok OK) []byte {
	dst = AppendInt(AppendInt(dst, ok.Affected), ok.InsertID)
	dst = append(dst, byte(ok.Status), byte(ok.Status>>8), byte(ok.Warnings), byte(ok.Warnings>>8))
	// The documentation has the info unprefixed without SESSION_TRACK; both
	// servers send it with its length in any case.
	changed := caps.Has(CapSessionTrack) && ok.Status&StatusSessionChanged != 0
	if len(ok.Info) > 0 || changed {
		dst = AppendString(dst, ok.Info)
	}
	if changed {
		dst = AppendString(dst, ok.Changes)
	}
	return dst
}

// AppendERR appends the payload of an ERR packet.
func AppendERR(dst []byte, e *ErrPacket) []byte {
	dst = append(dst, 0xff, byte(e.Code), byte(e.Code>>8))
	if e.State != "" {
		dst = append(dst, fmt.Sprintf("#%-5.5s", e.State)...)
	}
	return append(dst, e.Message...)
}

// ParseOK parses an OK packet, or with DEPRECATE_EOF the one that ends rows.
func ParseOK(p []byte, caps Capability) (OK, error) {
	c := cursor{p: p}
	c.u8()
	ok := OK{Affected: c.int(), InsertID: c.int(), Status: c.u16(), Warnings: c.u16()}
	if c.bad {
		return OK{}, ErrMalformed
	}
	if len(c.p) > 0 {
		ok.Info = c.str()
	}
	if caps.Has(CapSessionTrack) && ok.Status&StatusSessionChanged != 0 && len(c.p) > 0 {
		ok.Changes = c.str()
	}
	if c.bad {
		return OK{}, ErrMalformed
	}
	return ok, nil
}

// okStatusOffset is where the status flags stand in an OK packet; 0 if it is
// malformed.
func okStatusOffset(p []byte) int {
	c := cursor{p: p}
	c.u8()
	c.int()
	c.int()
	if c.bad || len(c.p) < 4 {
		return 0
	}
	return len(p) - len(c.p)
}

// ParseEOF parses the packet that ends rows or column definitions.
func ParseEOF(p []byte, caps Capability) (OK, error) {
	if caps.Has(CapDeprecateEOF) && len(p) > 5 {
		return ParseOK(p, caps)
	}
	if len(p) < 5 {
		return OK{}, ErrMalformed
	}
	return OK{Warnings: binary.LittleEndian.Uint16(p[1:]), Status: binary.LittleEndian.Uint16(p[3:])}, nil
}

// ParseERR parses an ERR packet, also one without SQLSTATE as servers send
// before the handshake.
func ParseERR(p []byte) (*ErrPacket, error) {
	c := cursor{p: p}
	c.u8()
	e := &ErrPacket{Code: c.u16()}
	if len(c.p) >= 6 && c.p[0] == '#' {
		e.State = string(c.take(6)[1:])
	}
	e.Message = string(c.rest())
	if c.bad {
		return nil, ErrMalformed
	}
	return e, nil
}
