package rawclient

import (
	"encoding/binary"
	"fmt"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// reply is a response that is being read.
type reply struct {
	c       *Client
	packets [][]byte
	err     error
}

// next reads a packet and returns its payload, which is empty after an error.
func (r *reply) next() []byte {
	if r.err != nil {
		return nil
	}
	p, err := r.c.packet()
	if err == nil && len(p) < 5 {
		err = fmt.Errorf("an empty packet")
	}
	if err != nil {
		r.err = fmt.Errorf("the response ended after %d packets: %w", len(r.packets), err)
		return nil
	}
	r.packets = append(r.packets, p)
	return p[4:]
}

// skip reads n packets.
func (r *reply) skip(n int) {
	for range n {
		r.next()
	}
}

// endOfColumns reads the EOF that older clients get after column definitions.
func (r *reply) endOfColumns() {
	if !r.c.caps.Has(wire.CapDeprecateEOF) {
		r.next()
	}
}

// rows reads rows up to their end; more says whether another result follows.
func (r *reply) rows() (more bool) {
	for r.err == nil {
		p := r.next()
		if r.err != nil || p[0] == 0xff {
			return false
		}
		if p[0] != 0xfe || len(p) > 0xffffff {
			continue
		}
		if ok, err := wire.ParseEOF(p, r.c.caps); err == nil {
			return ok.Status&wire.StatusMoreResults != 0
		}
	}
	return false
}

// response reads packets until the response to cmd is whole.
func (c *Client) response(cmd byte) ([][]byte, error) {
	r := &reply{c: c}
	for more := true; more && r.err == nil; {
		p := r.next()
		switch {
		case r.err != nil || p[0] == 0xff:
			more = false
		case p[0] == 0 && cmd == wire.ComStmtPrepare:
			r.prepared(p)
			more = false
		case p[0] == 0:
			ok, err := wire.ParseOK(p, c.caps)
			if err != nil {
				r.err = err
			}
			more = ok.Status&wire.StatusMoreResults != 0
		default:
			r.skip(wire.ColumnCount(p))
			r.endOfColumns()
			more = r.rows()
		}
	}
	return r.packets, r.err
}

// prepared reads the definitions after the answer to a COM_STMT_PREPARE.
func (r *reply) prepared(p []byte) {
	for _, n := range []uint16{binary.LittleEndian.Uint16(p[7:]), binary.LittleEndian.Uint16(p[5:])} {
		r.skip(int(n))
		if n > 0 {
			r.endOfColumns()
		}
	}
}
