package proxy

import (
	"encoding/binary"
	"slices"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// override applies OverrideStatus.
func (c *Conn) override(status uint16) uint16 { return status&^c.scan.Clear | c.scan.Set }

// WriteOK answers the current command with an OK packet.
func (c *Conn) WriteOK(ok wire.OK) error {
	if ok.Status = c.override(ok.Status); ok.Changes == nil { // an empty list is told
		ok.Status &^= wire.StatusSessionChanged // of an answer of the backend's
	}
	return c.out.WritePacket(wire.AppendOK(nil, c.login.Caps, ok))
}

// WriteError answers the current command with an ERR packet.
func (c *Conn) WriteError(e *wire.ErrPacket) error {
	return c.out.WritePacket(wire.AppendERR(nil, e))
}

// WriteColumns starts a result set. Each definition is a payload, as
// wire.AppendColumnDef makes it or the backend sent it to a session with the
// same capabilities.
func (c *Conn) WriteColumns(defs [][]byte, ok wire.OK) error {
	if err := c.out.WritePacket(wire.AppendInt(nil, uint64(len(defs)))); err != nil {
		return err
	}
	for _, d := range defs {
		if err := c.out.WritePacket(d); err != nil {
			return err
		}
	}
	if c.login.Caps.Has(wire.CapDeprecateEOF) {
		return nil
	}
	return c.WriteEnd(ok)
}

// WriteRow adds a row, a payload of wire.AppendTextRow or AppendBinaryRow.
func (c *Conn) WriteRow(payload []byte) error { return c.out.WritePacket(payload) }

// WriteEnd ends the rows; only Status and Warnings of ok are sent.
func (c *Conn) WriteEnd(ok wire.OK) error {
	if ok.Status = c.override(ok.Status); len(ok.Changes) == 0 {
		ok.Status &^= wire.StatusSessionChanged // of an answer of the backend's
	}
	return c.out.WritePacket(wire.AppendEOF(nil, c.login.Caps, ok))
}

// WritePrepared answers a COM_STMT_PREPARE with the Stmt.Response of another
// session, which had the same capabilities, and registers the statement.
func (c *Conn) WritePrepared(st *Stmt, response []byte) error {
	p := slices.Clone(response)
	if len(p) < 16 || p[4] != 0 {
		return wire.ErrMalformed
	}
	st.prepared(p[4:])
	st.Response = response
	c.stmts.add(st)
	binary.LittleEndian.PutUint32(p[5:], st.ID)
	if c.scan.Set|c.scan.Clear != 0 { // the ends of parameters and columns have flags
		c.scan.Reset(wire.ComStmtPrepare, c.login.Caps)
		if n, ev, err := c.scan.Scan(p); err != nil || ev != wire.Done || n != len(p) {
			return wire.ErrMalformed
		}
	}
	return c.out.WriteRaw(p)
}
