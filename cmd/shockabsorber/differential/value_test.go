package differential

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/rawclient"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// value is one value of a statement.
type value struct {
	sql   string           // as text, ready for its session
	param *rawclient.Param // what is bound in its place; nil: always text
	again func() value     // another value for the same place
	cut   bool             // a string of which a number takes only a part
}

// class is the kind of type that a value is bound with, as the proxy tells them
// apart, and MySQL, which goes on with what the first string was cut to.
func (v value) class() byte {
	switch {
	case v.param == nil:
	case v.cut:
		return 'x'
	case v.param.Type >= wire.TypeVarchar && v.param.Type != wire.TypeBit && v.param.Type != wire.TypeNewDecimal:
		return 't'
	case v.param.Type == wire.TypeDate || v.param.Type == wire.TypeTime || v.param.Type == wire.TypeDatetime || v.param.Type == wire.TypeTimestamp:
		return 'd'
	case v.param.Type == wire.TypeNewDecimal || v.param.Type == wire.TypeDecimal:
		return 'm'
	case v.param.Type == wire.TypeFloat || v.param.Type == wire.TypeDouble:
		return 'f'
	case v.param.Unsigned:
		return 'u'
	}
	return 'n'
}

// quote is a string for the session's statements.
func (st *session) quote(content string) string {
	s := strings.ReplaceAll(content, "'", "''")
	if !st.noBackslash {
		s = strings.ReplaceAll(s, `\`, `\\`)
	}
	return "'" + st.encode(s) + "'"
}

// encode gives text the session's character set.
func (st *session) encode(s string) string {
	if st.charset != "latin1" {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if r > 255 {
			r = '?'
		}
		b.WriteByte(byte(r))
	}
	return b.String()
}

// binding says which wire types a value may be bound with.
type binding struct {
	family string
	same   bool // the type that suits the column best, as values that are compared with each other need
	odd    bool // also types that the column has to convert
}

// render makes a value of a type's notation.
func (g *generator) render(st *session, v string, how binding) value {
	if content, is := strings.CutPrefix(v, "'"); is {
		out := value{sql: st.quote(content), param: g.bindString(st, content, how)}
		if how.family == "int" || how.family == "dec" || how.family == "float" {
			_, err := strconv.ParseFloat(strings.TrimSpace(content), 64)
			out.cut = err != nil
		}
		if strings.HasSuffix(v, "' 'b'") || strings.HasPrefix(v, "''") {
			out = value{sql: v}
		}
		return out
	}
	return value{sql: st.encode(v), param: g.bindNumber(v, how)}
}

// bindString is a parameter for a string: as text, or as what it looks like.
func (g *generator) bindString(st *session, content string, how binding) *rawclient.Param {
	if how.same {
		return &rawclient.Param{Type: wire.TypeVarString, Value: wire.AppendString(nil, st.encode(content))}
	}
	if how.family == "time" && g.chance(30) || how.odd && g.chance(30) {
		if p := bindMoment(content); p != nil {
			return p
		}
	}
	types := []byte{wire.TypeVarString, wire.TypeVarString, wire.TypeString, wire.TypeVarchar}
	if how.odd || how.family == "bytes" {
		types = append(types, wire.TypeBlob, wire.TypeLongBlob)
	}
	return &rawclient.Param{Type: types[g.r.IntN(len(types))], Value: wire.AppendString(nil, st.encode(content))}
}

// bindMoment is a parameter for a date, a date with a time, or a time; nil for
// anything else.
func bindMoment(content string) *rawclient.Param {
	if t, err := time.Parse(time.DateOnly, content); err == nil {
		return &rawclient.Param{Type: wire.TypeDate, Value: []byte{4, byte(t.Year()), byte(t.Year() >> 8), byte(t.Month()), byte(t.Day())}}
	}
	if t, err := time.Parse("2006-01-02 15:04:05.999999", content); err == nil {
		p := rawclient.Encode(t)
		if t.Nanosecond() == 0 {
			p.Value = append([]byte{7}, p.Value[1:8]...)
		}
		return &p
	}
	if t, err := time.Parse("15:04:05.999999", content); err == nil {
		return &rawclient.Param{Type: wire.TypeTime, Value: append([]byte{8, 0, 0, 0, 0, 0}, byte(t.Hour()), byte(t.Minute()), byte(t.Second()))}
	}
	return nil
}

// bindNumber is a parameter for a number; nil for other SQL.
func (g *generator) bindNumber(v string, how binding) *rawclient.Param {
	asText := func(typ byte) *rawclient.Param { return &rawclient.Param{Type: typ, Value: wire.AppendString(nil, v)} }
	switch {
	case v == "NULL":
		return &rawclient.Param{Type: wire.TypeNull}
	case strings.Trim(v, "0123456789.+-e") != "" || v == "":
		return nil
	case strings.Contains(v, "e"):
		f, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return asText(wire.TypeVarString)
		}
		return &rawclient.Param{Type: wire.TypeDouble, Value: binary.LittleEndian.AppendUint64(nil, math.Float64bits(f))}
	case strings.Contains(v, "."):
		double := how.family == "float" && !how.same || how.odd
		if f, err := strconv.ParseFloat(v, 64); err == nil && double && g.chance(40) {
			return &rawclient.Param{Type: wire.TypeDouble, Value: binary.LittleEndian.AppendUint64(nil, math.Float64bits(f))}
		}
		if how.same {
			return asText(wire.TypeNewDecimal)
		}
		return asText([]byte{wire.TypeNewDecimal, wire.TypeVarString}[g.r.IntN(2)])
	}
	if !how.same && (how.family != "bit" || how.odd) && g.chance(20) { // BIT takes a string for bytes
		return asText(wire.TypeVarString)
	}
	if p := g.bindInteger(v); p != nil {
		return p
	}
	return asText(wire.TypeNewDecimal)
}

// bindInteger is a parameter of a random integer type that holds v.
func (g *generator) bindInteger(v string) *rawclient.Param {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		u, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			return nil
		}
		return &rawclient.Param{Type: wire.TypeLongLong, Unsigned: true, Value: binary.LittleEndian.AppendUint64(nil, u)}
	}
	b := binary.LittleEndian.AppendUint64(nil, uint64(n))
	unsigned := n >= 0 && g.chance(20)
	for _, t := range []struct {
		typ   byte
		bytes int
	}{{wire.TypeTiny, 1}, {wire.TypeShort, 2}, {wire.TypeLong, 4}} {
		if limit := int64(1) << (8*t.bytes - 1); n >= -limit && n < limit && g.chance(30) {
			return &rawclient.Param{Type: t.typ, Unsigned: unsigned, Value: b[:t.bytes]}
		}
	}
	return &rawclient.Param{Type: wire.TypeLongLong, Unsigned: unsigned, Value: b}
}

// show prints a parameter.
func show(p rawclient.Param) string {
	switch p.Type {
	case wire.TypeNull:
		return "NULL"
	case wire.TypeTiny, wire.TypeShort, wire.TypeLong, wire.TypeLongLong:
		var b [8]byte
		if n := len(p.Value); !p.Unsigned && n > 0 && p.Value[n-1]&0x80 != 0 {
			b = [8]byte{255, 255, 255, 255, 255, 255, 255, 255}
		}
		copy(b[:], p.Value)
		n := binary.LittleEndian.Uint64(b[:])
		if p.Unsigned {
			return fmt.Sprintf("uint%d %d", 8*len(p.Value), n)
		}
		return fmt.Sprintf("int%d %d", 8*len(p.Value), int64(n))
	case wire.TypeDouble:
		return fmt.Sprintf("double %v", math.Float64frombits(binary.LittleEndian.Uint64(p.Value)))
	}
	return fmt.Sprintf("type %d %.300q", p.Type, p.Value)
}
