package rawclient

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// Statement is a prepared statement of a Client.
type Statement struct {
	id     uint32
	params int
	typed  bool // types were sent once
}

// Param is the value of a marker as it goes over the wire.
type Param struct {
	Type     byte // wire.Type...
	Unsigned bool
	Value    []byte // in the binary protocol; nothing for NULL
}

// Prepare runs a COM_STMT_PREPARE. The id in its answer becomes zero; the
// statement is nil if the answer is an error.
func (c *Client) Prepare(sql string) ([][]byte, *Statement, error) {
	packets, err := c.Command(wire.ComStmtPrepare, []byte(sql))
	if err != nil {
		return nil, nil, err
	}
	head := packets[0][4:]
	if head[0] != 0 {
		return packets, nil, nil
	}
	st := &Statement{id: binary.LittleEndian.Uint32(head[1:]), params: int(binary.LittleEndian.Uint16(head[7:]))}
	clear(head[1:5])
	return packets, st, nil
}

// Execute runs a COM_STMT_EXECUTE. Types are sent the first time only, as PHP
// and libmysqlclient do, unless retype asks for them.
func (c *Client) Execute(st *Statement, retype bool, params ...Param) ([][]byte, error) {
	if len(params) != st.params {
		return nil, fmt.Errorf("%d parameters for %d markers", len(params), st.params)
	}
	arg := binary.LittleEndian.AppendUint32(nil, st.id)
	arg = append(arg, 0, 1, 0, 0, 0)
	if len(params) > 0 {
		arg = appendParams(arg, params, retype || !st.typed)
		st.typed = true
	}
	return c.Command(wire.ComStmtExecute, arg)
}

// appendParams appends the null bitmap, the types if typed, and the values.
func appendParams(arg []byte, params []Param, typed bool) []byte {
	nulls := make([]byte, (len(params)+7)/8)
	var types, values []byte
	for i, p := range params {
		if p.Type == wire.TypeNull {
			nulls[i/8] |= 1 << (i % 8)
		}
		sign := byte(0)
		if p.Unsigned {
			sign = 0x80
		}
		types, values = append(types, p.Type, sign), append(values, p.Value...)
	}
	arg = append(arg, nulls...)
	if typed {
		arg = append(append(arg, 1), types...)
	} else {
		arg = append(arg, 0)
	}
	return append(arg, values...)
}

// Encode gives a Go value the type that most drivers send it as.
func Encode(v any) Param {
	switch v := v.(type) {
	case nil:
		return Param{Type: wire.TypeNull}
	case int:
		return Param{Type: wire.TypeLongLong, Value: binary.LittleEndian.AppendUint64(nil, uint64(v))}
	case uint64:
		return Param{Type: wire.TypeLongLong, Unsigned: true, Value: binary.LittleEndian.AppendUint64(nil, v)}
	case float64:
		return Param{Type: wire.TypeDouble, Value: binary.LittleEndian.AppendUint64(nil, math.Float64bits(v))}
	case string:
		return Param{Type: wire.TypeVarString, Value: wire.AppendString(nil, v)}
	case []byte:
		return Param{Type: wire.TypeBlob, Value: wire.AppendString(nil, v)}
	case time.Time:
		b := []byte{11, byte(v.Year()), byte(v.Year() >> 8), byte(v.Month()), byte(v.Day()), byte(v.Hour()), byte(v.Minute()), byte(v.Second())}
		return Param{Type: wire.TypeDatetime, Value: binary.LittleEndian.AppendUint32(b, uint32(v.Nanosecond()/1000))}
	}
	panic(fmt.Sprintf("no encoding for %T", v))
}
