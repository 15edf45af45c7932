package wire

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// Execute is a decoded COM_STMT_EXECUTE.
type Execute struct {
	// Params holds one value for each placeholder. KindString is in the
	// client's character set, KindDecimal as the client wrote it. Texts alias
	// the payload, or are freshly made.
	Params []row.Value
	// Types are the parameter types to remember for the next execution, two
	// bytes a placeholder; nil if the packet brought none.
	Types []byte
	// Flags are the cursor flags: 0 for none.
	Flags byte
}

// ParseExecute flags.
const (
	cursorMask               = 0x07
	paramCountAvailable      = 0x08
	unsignedParam            = 0x80
	executeHead              = 10 // command, id, flags, iteration count
	executeIDOffset          = 1
	newParamsBound      byte = 1
)

// ParseExecute decodes the payload of a COM_STMT_EXECUTE, command byte
// included, of a statement with numParams placeholders. prevTypes are the
// types of an earlier execution: clients send them once. longData holds what
// COM_STMT_SEND_LONG_DATA brought for a placeholder, nil for none; such a
// value is missing in the packet.
func ParseExecute(p []byte, numParams int, prevTypes []byte, longData [][]byte, caps Capability) (Execute, error) {
	c, flags, types, nulls := executeTypes(p, numParams, caps)
	if c.bad {
		return Execute{}, ErrMalformed
	}
	ex := Execute{Flags: flags & cursorMask, Types: types}
	if numParams == 0 {
		return ex, nil
	}
	if types == nil {
		types = prevTypes
	}
	if len(types) < 2*numParams {
		return Execute{}, ErrMalformed
	}
	ex.Params = make([]row.Value, numParams)
	for i := range ex.Params {
		typ, unsigned := types[2*i], types[2*i+1]&unsignedParam != 0
		switch {
		case i < len(longData) && longData[i] != nil:
			ex.Params[i] = row.Value{Kind: stringKind(typ), Text: longData[i]}
		case nulls[i/8]&(1<<(i%8)) != 0:
		default:
			ex.Params[i] = c.param(typ, unsigned)
		}
	}
	if c.bad {
		return Execute{}, ErrMalformed
	}
	return ex, nil
}

// executeTypes reads up to the values: the types (nil if none were sent; two
// bytes each, names of attributes removed) and the NULL bitmap.
func executeTypes(p []byte, numParams int, caps Capability) (c cursor, flags byte, types, nulls []byte) {
	c = cursor{p: p}
	head := c.take(executeHead)
	if c.bad {
		return
	}
	flags = head[5]
	attributes := caps.Has(CapQueryAttributes)
	n := numParams
	if attributes && (n > 0 || flags&paramCountAvailable != 0) {
		// The count includes the attributes, which follow the parameters.
		if count := c.int(); count <= uint64(len(c.p))*8 && int(count) >= numParams {
			n = int(count)
		} else {
			c.bad = true
		}
	}
	if n == 0 || c.bad {
		return
	}
	nulls = c.take((n + 7) / 8)
	if c.u8() != newParamsBound || c.bad {
		return
	}
	if !attributes {
		return c, flags, c.take(2 * n), nulls
	}
	if 3*n > len(c.p) { // a type and the length of a name each
		c.bad = true
		return
	}
	types = make([]byte, 0, 2*n)
	for range n {
		types = append(types, c.take(2)...)
		c.str()
	}
	return
}

// ExecuteTypes gives the parameter types that a COM_STMT_EXECUTE brings, two
// bytes each; nil if it brings none or is malformed.
func ExecuteTypes(p []byte, numParams int, caps Capability) []byte {
	c, _, types, _ := executeTypes(p, numParams, caps)
	if c.bad || len(types) < 2*numParams {
		return nil
	}
	return types
}

// WithTypes rebuilds a COM_STMT_EXECUTE without parameter types so that it
// carries them, for a server that has not seen the execution that did. It
// returns a frame. ok is false if the packet cannot be rebuilt.
func WithTypes(p []byte, numParams int, types []byte, caps Capability) (frame []byte, ok bool) {
	if numParams == 0 || len(types) < 2*numParams {
		return nil, false
	}
	c := cursor{p: p}
	head := c.take(executeHead)
	attributes := caps.Has(CapQueryAttributes)
	if attributes && c.int() != uint64(numParams) {
		return nil, false
	}
	nulls := c.take((numParams + 7) / 8)
	if c.u8() == newParamsBound || c.bad {
		return nil, false
	}
	frame = make([]byte, 4, 8+len(p)+3*numParams)
	frame = append(frame, head...)
	if attributes {
		frame = AppendInt(frame, uint64(numParams))
	}
	frame = append(append(frame, nulls...), newParamsBound)
	for i := range numParams {
		frame = append(frame, types[2*i], types[2*i+1])
		if attributes {
			frame = append(frame, 0) // no name
		}
	}
	return append(frame, c.p...), true
}

// stringKind is the kind of a string parameter of a type.
func stringKind(typ byte) row.ValueKind {
	switch typ {
	case TypeTinyBlob, TypeMediumBlob, TypeLongBlob, TypeBlob, TypeGeometry:
		return row.KindBytes
	case TypeDecimal, TypeNewDecimal:
		return row.KindDecimal
	}
	return row.KindString
}

// param reads one value that is not NULL.
func (c *cursor) param(typ byte, unsigned bool) row.Value {
	switch typ {
	case TypeNull:
		return row.Value{}
	case TypeTiny:
		return intParam(uint64(c.u8()), 8, unsigned)
	case TypeShort, TypeYear:
		return intParam(uint64(c.u16()), 16, unsigned)
	case TypeLong, TypeInt24:
		return intParam(uint64(c.u32()), 32, unsigned)
	case TypeLongLong:
		return intParam(c.u64(), 64, unsigned)
	case TypeFloat:
		f := math.Float32frombits(c.u32())
		return c.floatParam(float64(f), 32)
	case TypeDouble:
		return c.floatParam(math.Float64frombits(c.u64()), 64)
	case TypeDate, TypeNewDate:
		return row.Value{Kind: row.KindDate, Text: c.readDatetime(false)}
	case TypeDatetime, TypeTimestamp:
		return row.Value{Kind: row.KindDatetime, Text: c.readDatetime(true)}
	case TypeTime:
		return row.Value{Kind: row.KindTime, Text: c.readTime()}
	}
	text := c.str()
	if text == nil {
		text = []byte{}
	}
	return row.Value{Kind: stringKind(typ), Text: text}
}

// intParam makes a value of an integer of the given width.
func intParam(n uint64, bits uint, unsigned bool) row.Value {
	if unsigned {
		return row.Value{Kind: row.KindUint, Text: strconv.AppendUint(nil, n, 10)}
	}
	i := int64(n<<(64-bits)) >> (64 - bits)
	return row.Value{Kind: row.KindInt, Text: strconv.AppendInt(nil, i, 10)}
}

// floatParam makes a value of a float. Infinities and NaN have no SQL value.
func (c *cursor) floatParam(f float64, bits int) row.Value {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		c.bad = true
		return row.Value{}
	}
	return row.Value{Kind: row.KindFloat, Text: strconv.AppendFloat(nil, f, 'g', -1, bits), Float32: bits == 32}
}

// StatementID reads the id of a COM_STMT_ command's payload. ok is false if
// the packet is too short.
func StatementID(p []byte) (id uint32, ok bool) {
	if len(p) < executeIDOffset+4 {
		return 0, false
	}
	return binary.LittleEndian.Uint32(p[executeIDOffset:]), true
}

// SetStatementID writes the id of a COM_STMT_ command's payload.
func SetStatementID(p []byte, id uint32) {
	binary.LittleEndian.PutUint32(p[executeIDOffset:], id)
}

// ParseLongData splits a COM_STMT_SEND_LONG_DATA.
func ParseLongData(p []byte) (param uint16, data []byte, err error) {
	c := cursor{p: p}
	c.take(5)
	param, data = c.u16(), c.rest()
	if c.bad {
		return 0, nil, ErrMalformed
	}
	return param, data, nil
}

// ParseQuery gives the statement of a COM_QUERY, behind its query attributes
// if the session has them.
func ParseQuery(p []byte, caps Capability) ([]byte, error) {
	c := cursor{p: p}
	c.u8()
	if !caps.Has(CapQueryAttributes) {
		return c.rest(), nil
	}
	n := c.int()
	c.int() // number of parameter sets, always 1
	if n == 0 || c.bad {
		return c.sql()
	}
	if n > uint64(len(c.p)) {
		return nil, ErrMalformed
	}
	nulls := c.take((int(n) + 7) / 8)
	c.u8()
	types := make([]byte, 0, n)
	for range n {
		types = append(types, c.u8())
		c.u8()
		c.str()
	}
	for i, typ := range types {
		if !c.bad && nulls[i/8]&(1<<(i%8)) == 0 {
			c.param(typ, false)
		}
	}
	return c.sql()
}

// sql takes the rest as the statement.
func (c *cursor) sql() ([]byte, error) {
	if c.bad {
		return nil, ErrMalformed
	}
	return c.rest(), nil
}
