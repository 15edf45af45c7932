package proxy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// probe asks a backend connection about a statement.
type probe struct {
	be     *backend
	caps   wire.Capability
	status uint16 // of the answers to the client
}

// ask is run, but for a refusal that comes with warnings: the session would have
// to show them, so a *absorber.Refused leaves the statement to its connection.
func (pr *probe) ask(sql []byte, key admissionKey) (*admission, error) {
	adm, err := pr.run(sql, key)
	var e *wire.ErrPacket
	if !errors.As(err, &e) {
		return adm, err
	}
	more, werr := pr.warned()
	if werr == nil && more {
		werr = &absorber.Refused{Reason: "refused_with_warnings"}
	}
	if werr != nil {
		return nil, werr
	}
	return nil, err
}

// run asks for what admission needs: a SELECT in the text protocol is run, as
// it reads at most a few rows by key; everything else is prepared, and a
// prepared SELECT executed with NULL for each marker, which finds no row.
func (pr *probe) run(sql []byte, key admissionKey) (*admission, error) {
	adm := &admission{at: time.Now()}
	var err error
	if !key.binary && key.plan.Columns != nil {
		adm.columns, err = pr.query(sql)
		return adm, err
	}
	if err := pr.send(append([]byte{wire.ComStmtPrepare}, sql...)); err != nil {
		return nil, err
	}
	head, err := pr.packet()
	if err != nil {
		return nil, err
	}
	if len(head) < 9 {
		return nil, wire.ErrMalformed
	}
	id := binary.LittleEndian.Uint32(head[1:])
	columns, markers := int(binary.LittleEndian.Uint16(head[5:])), int(binary.LittleEndian.Uint16(head[7:]))
	markerDefs, err := pr.definitions(markers)
	if err != nil {
		return nil, err
	}
	columnDefs, err := pr.definitions(columns)
	if err != nil {
		return nil, err
	}
	clear(head[1:5]) // the id is the client session's to give
	adm.prepared = pr.answer(head, markerDefs, columnDefs)
	if columns > 0 {
		if err := pr.send(executeNulls(id, markers)); err != nil {
			return nil, err
		}
		if adm.columns, _, err = pr.resultSet(); err != nil {
			return nil, err
		}
	}
	return adm, pr.send(binary.LittleEndian.AppendUint32([]byte{wire.ComStmtClose}, id))
}

// answer puts the packets of a PREPARE's answer together again.
func (pr *probe) answer(head []byte, lists ...[][]byte) []byte {
	var out []byte
	seq := byte(0)
	packet := func(p []byte) {
		seq++
		out = append(append(out, byte(len(p)), byte(len(p)>>8), byte(len(p)>>16), seq), p...)
	}
	packet(head)
	var warnings uint16
	if len(head) >= preparedHead {
		warnings = binary.LittleEndian.Uint16(head[preparedHead-2:])
	}
	for _, defs := range lists {
		for _, d := range defs {
			packet(d)
		}
		if len(defs) > 0 && !pr.caps.Has(wire.CapDeprecateEOF) {
			packet(wire.AppendEOF(nil, pr.caps, wire.OK{Status: pr.status, Warnings: warnings}))
		}
	}
	return out
}

// preparedHead is the length of COM_STMT_PREPARE_OK, whose end is the number of
// warnings.
const preparedHead = 12

// executeNulls is a COM_STMT_EXECUTE with NULL for each of n markers.
func executeNulls(id uint32, n int) []byte {
	p := binary.LittleEndian.AppendUint32([]byte{wire.ComStmtExecute}, id)
	p = append(p, 0, 1, 0, 0, 0)
	if n == 0 {
		return p
	}
	for range (n + 7) / 8 {
		p = append(p, 0xff)
	}
	p = append(p, 1)
	for range n {
		p = append(p, typeNull, 0)
	}
	return p
}

// typeNull is MYSQL_TYPE_NULL.
const typeNull = 6

// query runs sql and returns its column definitions, nil for an OK.
func (pr *probe) query(sql []byte) ([][]byte, error) {
	if err := pr.send(append([]byte{wire.ComQuery}, sql...)); err != nil {
		return nil, err
	}
	columns, _, err := pr.resultSet()
	return columns, err
}

// warned reports whether the statement that was refused has warnings beside its
// error.
func (pr *probe) warned() (bool, error) {
	if err := pr.send(append([]byte{wire.ComQuery}, "SHOW WARNINGS"...)); err != nil {
		return false, err
	}
	_, rows, err := pr.resultSet()
	return rows > 1, err
}

// send starts a command.
func (pr *probe) send(payload []byte) error {
	pr.be.w.Begin(0)
	if err := pr.be.w.WritePacket(payload); err != nil {
		return err
	}
	pr.be.r.Seq = pr.be.w.Seq
	return pr.be.w.Flush()
}

// packet reads a packet; an ERR packet is the error.
func (pr *probe) packet() ([]byte, error) {
	frame, err := pr.be.r.ReadFrame()
	if err != nil {
		return nil, err
	}
	p := append([]byte(nil), frame[4:]...)
	if len(p) == 0 {
		return nil, wire.ErrMalformed
	}
	if p[0] == 0xff {
		e, err := wire.ParseERR(p)
		if err != nil {
			return nil, err
		}
		return nil, e
	}
	return p, nil
}

// definitions reads n column definitions and the EOF behind them.
func (pr *probe) definitions(n int) ([][]byte, error) {
	if n == 0 {
		return nil, nil
	}
	defs := make([][]byte, n)
	for i := range defs {
		var err error
		if defs[i], err = pr.packet(); err != nil {
			return nil, err
		}
	}
	if pr.caps.Has(wire.CapDeprecateEOF) {
		return defs, nil
	}
	_, err := pr.packet()
	return defs, err
}

// resultSet reads a response of at most one result set, and counts its rows.
func (pr *probe) resultSet() (defs [][]byte, rows int, err error) {
	head, err := pr.packet()
	if err != nil || head[0] == 0 {
		return nil, 0, err
	}
	columns := int(head[0])
	switch {
	case head[0] == 0xfc && len(head) >= 3:
		columns = int(binary.LittleEndian.Uint16(head[1:]))
	case head[0] >= 0xfb:
		return nil, 0, fmt.Errorf("read column definitions: %w", wire.ErrMalformed)
	}
	if defs, err = pr.definitions(columns); err != nil {
		return nil, 0, err
	}
	for ; ; rows++ {
		p, err := pr.packet()
		if err != nil {
			return nil, 0, err
		}
		if p[0] == 0xfe && (len(p) < 9 || pr.caps.Has(wire.CapDeprecateEOF)) {
			return defs, rows, nil
		}
	}
}
