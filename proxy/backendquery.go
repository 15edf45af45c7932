package proxy

import (
	"context"
	"errors"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// Rows is a result of a statement that a router ran on the backend.
type Rows struct {
	Columns  [][]byte // column definitions, payloads
	Rows     [][]byte // text-protocol rows, payloads
	Early    uint16   // warnings before the first row, if an EOF tells them
	Response wire.Response
}

// errSwallow marks a local file request in a response nobody forwards.
var errSwallow = errors.New("the server asks for a local file")

// HasBackend reports whether the session has a backend connection now.
func (c *Conn) HasBackend() bool { return c.be != nil }

// BackendID is the connection id at the backend, 0 without a connection. It
// may be called from anywhere.
func (c *Conn) BackendID() uint32 { return c.backendID.Load() }

// OpenBackend opens the session's backend connection if there is none.
func (c *Conn) OpenBackend(ctx context.Context) error {
	_, err := c.ensureBackend(ctx)
	return err
}

// CloseBackend closes the session's backend connection if there is one, for a
// router that must be sure that nothing of a transaction is left on it.
func (c *Conn) CloseBackend() { c.dropBackend() }

// BackendQuery runs one statement on the session's backend connection, which
// is opened if need be. The client sees nothing of it. The server's refusal
// comes back as *wire.ErrPacket; of several results only the last is kept. If
// row is not nil it gets the rows one by one instead of Rows.Rows; what it is
// given is valid until it returns, and its error ends the session, because the
// rest of the rows is still on the way.
func (c *Conn) BackendQuery(ctx context.Context, sql string, row func(columns [][]byte, payload []byte) error) (*Rows, error) {
	frame := make([]byte, 4, 7+len(sql))
	frame = append(frame, wire.ComQuery)
	if c.login.Caps.Has(wire.CapQueryAttributes) {
		frame = append(frame, 0, 1) // no attributes, one set of them
	}
	if err := c.send(ctx, append(frame, sql...)); err != nil {
		return nil, err
	}
	r := &Rows{}
	collect := resultCollector{rows: r, row: row, caps: c.login.Caps}
	resp, err := c.swallow(wire.ComQuery, collect.see)
	if err != nil {
		return nil, err
	}
	if collect.err != nil {
		c.dropBackend()
		return nil, Fatal(collect.err)
	}
	r.Response = resp
	if resp.HasStatus {
		c.status = resp.Status
	}
	if resp.Err != nil {
		return nil, resp.Err
	}
	return r, nil
}

// swallow reads a response to the end without passing it on.
func (c *Conn) swallow(cmd byte, see tap) (wire.Response, error) {
	s := wire.Scanner{}
	s.Reset(cmd, c.login.Caps)
	be := c.be
	for {
		p, err := be.r.Peek(s.Need())
		if err != nil {
			return wire.Response{}, c.lostBackend(cmd, err)
		}
		n, ev, err := s.Scan(p)
		if err == nil && ev == wire.SendFile {
			err = errSwallow
		}
		if err != nil {
			return wire.Response{}, c.lostBackend(cmd, err)
		}
		see(p[:n])
		be.r.Discard(n)
		if ev == wire.Done {
			be.r.Release()
			return s.Response, nil
		}
	}
}

// resultCollector takes a text result apart, from bytes in any pieces.
type resultCollector struct {
	rows    *Rows
	row     func(columns [][]byte, payload []byte) error
	caps    wire.Capability
	buf     []byte // an incomplete packet
	long    []byte // the part so far of a payload split over packets
	columns int    // definitions still to come
	inRows  bool
	err     error
}

// see takes the next bytes.
func (r *resultCollector) see(p []byte) {
	r.buf = append(r.buf, p...)
	at := 0
	for len(r.buf)-at >= 4 {
		n := int(r.buf[at]) | int(r.buf[at+1])<<8 | int(r.buf[at+2])<<16
		if len(r.buf)-at < 4+n {
			break
		}
		payload := r.buf[at+4 : at+4+n]
		at += 4 + n
		if n == wire.MaxPayload || len(r.long) > 0 {
			r.long = append(r.long, payload...)
			if n == wire.MaxPayload {
				continue
			}
			payload, r.long = r.long, nil
		}
		r.packet(payload)
	}
	r.buf = append(r.buf[:0], r.buf[at:]...)
}

// packet takes one packet.
func (r *resultCollector) packet(p []byte) {
	switch {
	case r.err != nil || len(p) == 0 || p[0] == 0xff:
	case r.columns > 0:
		r.rows.Columns = append(r.rows.Columns, append([]byte(nil), p...))
		if r.columns--; r.columns == 0 {
			r.inRows = r.caps.Has(wire.CapDeprecateEOF)
		}
	case p[0] == 0xfe && (len(p) < 9 || r.inRows && r.caps.Has(wire.CapDeprecateEOF) && len(p) < wire.MaxPayload):
		// The EOF after the definitions starts the rows, the next ends them.
		if r.inRows = !r.inRows; r.inRows {
			if eof, err := wire.ParseEOF(p, r.caps); err == nil {
				r.rows.Early = eof.Warnings
			}
		}
	case r.inRows && r.row != nil:
		r.err = r.row(r.rows.Columns, p)
	case r.inRows:
		r.rows.Rows = append(r.rows.Rows, append([]byte(nil), p...))
	case p[0] == 0x00:
	default:
		*r.rows = Rows{}
		r.columns = wire.ColumnCount(p)
	}
}
