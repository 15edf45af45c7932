package wal

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// A row's value in Redis: format version (1 byte), flags (1), schema version
// (4, big endian), version (8, big endian), image.
const (
	rowFormat    = 1
	rowHead      = 6  // what the writer knows: format, flags, schema
	rowHeader    = 14 // with the version, which the script adds
	flagDirty    = 1
	flagTomb     = 2
	filledFrom   = row.LSN(1) << 63 // versions of filled rows start here
	leaseRandoms = 16               // hex digits of a lease token
)

// head is the beginning of a row's value.
func head(flags byte, schema uint32) [rowHead]byte {
	h := [rowHead]byte{rowFormat, flags}
	binary.BigEndian.PutUint32(h[2:], schema)
	return h
}

// version8 is a version as it stands in a header.
func version8(v row.LSN) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(v))
	return string(b[:])
}

// parseRow reads a row's value. The image is a copy.
func parseRow(v string) (Row, error) {
	if len(v) < rowHeader {
		return Row{}, fmt.Errorf("a cached row of %d bytes has no header", len(v))
	}
	if v[0] != rowFormat || v[1]&^(flagDirty|flagTomb) != 0 {
		return Row{}, fmt.Errorf("a cached row has format %d and flags %#x, which this version does not know", v[0], v[1])
	}
	var h [rowHeader]byte
	copy(h[:], v)
	r := Row{
		Found:     true,
		Dirty:     h[1]&flagDirty != 0,
		Tombstone: h[1]&flagTomb != 0,
		Schema:    binary.BigEndian.Uint32(h[2:]),
		Version:   row.LSN(binary.BigEndian.Uint64(h[6:])),
	}
	if r.Tombstone && len(v) > rowHeader {
		return Row{}, fmt.Errorf("a cached tombstone has an image of %d bytes", len(v)-rowHeader)
	}
	if !r.Tombstone {
		r.Image = []byte(v[rowHeader:])
	}
	return r, nil
}

// parseClaim reads a claim's value: LSN and owner.
func parseClaim(v string) (Claim, error) {
	if len(v) < 8 {
		return Claim{}, fmt.Errorf("a claim of %d bytes has no LSN", len(v))
	}
	return Claim{Held: true, Owner: row.Key(v[8:])}, nil
}

// leaseVersion is the version of a row that is filled under the lease.
func leaseVersion(token string) (row.LSN, error) {
	n, err := strconv.ParseUint(token, 16, 64)
	if err != nil || len(token) != leaseRandoms {
		return 0, fmt.Errorf("%q is no lease token", token)
	}
	return filledFrom | row.LSN(n), nil
}

// parseState reads "incarnation:generation:gate".
func parseState(v string) (TableState, error) {
	inc, rest, ok := strings.Cut(v, ":")
	num, gate, ok2 := strings.Cut(rest, ":")
	gen, err := strconv.ParseUint(num, 10, 64)
	if !ok || !ok2 || err != nil || len(gate) != 1 {
		return TableState{}, fmt.Errorf("table state %q is not incarnation:generation:gate", v)
	}
	st := TableState{Incarnation: inc, Gen: gen, Gate: GateState(gate[0])}
	if st.Gate != GateOpen && st.Gate != GateClosing && st.Gate != GateShut {
		return TableState{}, fmt.Errorf("table state %q has an unknown gate", v)
	}
	return st, nil
}

// stem is a state's text without the gate: what may not change under a reader.
func (t TableState) stem() string {
	return t.Incarnation + ":" + strconv.FormatUint(t.Gen, 10) + ":"
}

// admits compares the state in Redis (nil: none) with the one the caller
// works under. nil: the caller may use the cache.
func (t TableState) admits(v any) error {
	s, ok := v.(string)
	if !ok {
		return ErrLost
	}
	if len(s) > 0 && s[:len(s)-1] == t.stem() {
		if GateState(s[len(s)-1]) == GateShut {
			return ErrGated
		}
		return nil
	}
	now, err := parseState(s)
	if err != nil {
		return err
	}
	if now.Incarnation != t.Incarnation {
		return ErrLost
	}
	return ErrStaleTable
}
