package wire

import (
	"bytes"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// execution builds a COM_STMT_EXECUTE.
func execution(rest ...byte) []byte {
	return append([]byte{ComStmtExecute, 9, 0, 0, 0, 0, 1, 0, 0, 0}, rest...)
}

// params are parameters of every type: type, unsigned flag, bytes, and the
// value they mean.
var params = []struct {
	typ, unsigned byte
	wire          string
	kind          row.ValueKind
	text          string
}{
	{TypeTiny, 0, "\xff", row.KindInt, "-1"}, {TypeTiny, 0x80, "\xff", row.KindUint, "255"}, {TypeShort, 0, "\x00\x80", row.KindInt, "-32768"}, {TypeYear, 0x80, "\xe8\x07", row.KindUint, "2024"},
	{TypeLong, 0, "\xff\xff\xff\xff", row.KindInt, "-1"}, {TypeInt24, 0x80, "\xff\xff\xff\xff", row.KindUint, "4294967295"},
	{TypeLongLong, 0, "\x00\x00\x00\x00\x00\x00\x00\x80", row.KindInt, "-9223372036854775808"}, {TypeLongLong, 0x80, "\xff\xff\xff\xff\xff\xff\xff\xff", row.KindUint, "18446744073709551615"},
	{TypeFloat, 0, "\xcd\xcc\x8c\x3f", row.KindFloat, "1.1"}, {TypeDouble, 0, "\x00\x00\x00\x00\x00\x00\xf8\x3f", row.KindFloat, "1.5"},
	{TypeVarString, 0, "\x03abc", row.KindString, "abc"}, {TypeString, 0, "\x00", row.KindString, ""}, {TypeBlob, 0, "\x02\x00\xff", row.KindBytes, "\x00\xff"}, {TypeNewDecimal, 0, "\x041.50", row.KindDecimal, "1.50"},
	{TypeDate, 0, "\x04\xe8\x07\x02\x1d", row.KindDate, "2024-02-29"}, {TypeDate, 0, "\x00", row.KindDate, "0000-00-00"}, {TypeDatetime, 0, "\x04\xe8\x07\x02\x1d", row.KindDatetime, "2024-02-29 00:00:00"},
	{TypeDatetime, 0, "\x00", row.KindDatetime, "0000-00-00 00:00:00"}, {TypeTimestamp, 0, "\x07\xe8\x07\x02\x1d\x01\x02\x03", row.KindDatetime, "2024-02-29 01:02:03"},
	{TypeDatetime, 0, "\x0b\xe8\x07\x02\x1d\x01\x02\x03\x04\x00\x00\x00", row.KindDatetime, "2024-02-29 01:02:03.000004"}, {TypeTime, 0, "\x00", row.KindTime, "00:00:00"},
	{TypeTime, 0, "\x08\x01\x04\x00\x00\x00\x05\x06\x07", row.KindTime, "-101:06:07"}, {TypeTime, 0, "\x0c\x00\x00\x00\x00\x00\x05\x06\x07\x08\x00\x00\x00", row.KindTime, "05:06:07.000008"},
	{TypeNull, 0, "", row.KindNull, ""},
}

// TestParseExecute decodes each type alone, and all together, again without
// types, and with QUERY_ATTRIBUTES.
func TestParseExecute(t *testing.T) {
	var types, values, named []byte
	for _, p := range params {
		ex, err := ParseExecute(execution(append([]byte{0, 1, p.typ, p.unsigned}, p.wire...)...), 1, nil, nil, 0)
		if err != nil || ex.Params[0].Kind != p.kind || string(ex.Params[0].Text) != p.text || ex.Params[0].Float32 != (p.typ == TypeFloat) {
			t.Errorf("type %d %q: %v %q, %v", p.typ, p.wire, ex.Params, ex.Params[0].Text, err)
		}
		types, values = append(types, p.typ, p.unsigned), append(values, p.wire...)
		named = append(named, p.typ, p.unsigned, 1, 'n')
	}
	n := len(params)
	nulls := make([]byte, (n+7)/8)
	with := execution(bytes.Join([][]byte{nulls, {1}, types, values}, nil)...)
	without := execution(bytes.Join([][]byte{nulls, {0}, values}, nil)...)
	attributes := execution(bytes.Join([][]byte{{byte(n + 1)}, make([]byte, (n+8)/8), {1}, named, {TypeString, 0, 1, 'q'}, values, {0}}, nil)...)
	for name, c := range map[string]struct {
		p    []byte
		prev []byte
		caps Capability
	}{"with": {with, nil, 0}, "without": {without, types, 0}, "attributes": {attributes, nil, CapQueryAttributes}} {
		ex, err := ParseExecute(c.p, n, c.prev, nil, c.caps)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, p := range params {
			if string(ex.Params[i].Text) != p.text {
				t.Errorf("%s: parameter %d: %q", name, i, ex.Params[i].Text)
			}
		}
		if name != "without" && !bytes.Equal(ex.Types[:2*n], types) {
			t.Errorf("%s: types %x", name, ex.Types)
		}
	}
	if frame, ok := WithTypes(without, n, types, 0); !ok || !bytes.Equal(frame[4:], with) {
		t.Errorf("WithTypes: %x, want %x", frame, with)
	}
	if _, ok := WithTypes(with, n, types, 0); ok {
		t.Error("WithTypes of a packet that has types")
	}
}

// TestParseExecuteNulls: the bitmap, and long data, which takes no bytes.
func TestParseExecuteNulls(t *testing.T) {
	p := execution(2, 1, TypeTiny, 0, TypeTiny, 0, TypeBlob, 0, TypeString, 0, 5, 1, 'z')
	ex, err := ParseExecute(p, 4, nil, [][]byte{nil, nil, []byte("long")}, 0)
	if err != nil || ex.Params[1].Kind != row.KindNull || string(ex.Params[0].Text) != "5" || string(ex.Params[2].Text) != "long" || string(ex.Params[3].Text) != "z" {
		t.Errorf("%v %v", ex.Params, err)
	}
	for n := range p {
		if _, err := ParseExecute(p[:n], 4, nil, [][]byte{nil, nil, []byte("long")}, 0); err == nil {
			t.Errorf("cut to %d bytes is accepted", n)
		}
	}
	if _, err := ParseExecute(execution(0, 0, 5), 1, nil, nil, 0); err == nil {
		t.Error("accepted without ever having seen types")
	}
	if _, err := ParseExecute(execution(0, 1, TypeDouble, 0, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f), 1, nil, nil, 0); err == nil {
		t.Error("infinity is accepted")
	}
}

// TestParseQuery finds the statement behind query attributes.
func TestParseQuery(t *testing.T) {
	for _, c := range []struct {
		p, want string
		caps    Capability
	}{
		{"\x03select 1", "select 1", 0}, {"\x03", "", 0}, {"\x03\x00\x01select 1", "select 1", CapQueryAttributes},
		{"\x03\x02\x01\x02\x01\xfe\x00\x01a\x03\x00\x01b\x01xselect 1", "select 1", CapQueryAttributes},
	} {
		if got, err := ParseQuery([]byte(c.p), c.caps); err != nil || string(got) != c.want {
			t.Errorf("%q: %q %v", c.p, got, err)
		}
	}
	for _, p := range []string{"\x03", "\x03\xff\x01", "\x03\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x03\x01\x01\x00\x01\xfe\x00\x01a\x09x"} {
		if got, err := ParseQuery([]byte(p), CapQueryAttributes); err == nil {
			t.Errorf("%q: %q", p, got)
		}
	}
}

// FuzzParse gives every parser anything.
func FuzzParse(f *testing.F) {
	for _, p := range params {
		f.Add(execution(append([]byte{0, 1, p.typ, p.unsigned}, p.wire...)...), uint8(1), uint64(0))
	}
	f.Add([]byte("\x03\x02\x01\x02\x01\xfe\x00\x01a\x03\x00\x01b\x01xselect 1"), uint8(3), uint64(CapQueryAttributes))
	f.Add(AppendGreeting(nil, &Greeting{Version: "x", Salt: make([]byte, 20), Caps: Forwardable}), uint8(0), uint64(Forwardable))
	f.Add(AppendLogin(nil, &Login{Caps: Forwardable, User: "u", DB: "d", Attrs: []byte("a")}), uint8(0), uint64(Forwardable))
	f.Fuzz(func(t *testing.T, p []byte, n uint8, caps uint64) {
		c := Capability(caps)
		types := bytes.Repeat([]byte{TypeString, 0}, int(n))
		if ex, err := ParseExecute(p, int(n), types, nil, c); err == nil && len(ex.Params) != int(n) {
			t.Fatal(len(ex.Params))
		}
		ExecuteTypes(p, int(n), c)
		if frame, ok := WithTypes(p, int(n), types, c); ok {
			if _, err := ParseExecute(frame[4:], int(n), nil, nil, c); err != nil {
				if _, before := ParseExecute(p, int(n), types, nil, c); before == nil {
					t.Fatalf("rebuilt packet: %v", err)
				}
			}
		}
		ParseQuery(p, c)
		ParseLongData(p)
		ParseColumnDef(p, c)
		ParseTextRow(nil, p, int(n))
		ParseGreeting(p)
		ParseLogin(p)
		ParseChangeUser(p, c)
		ParseAuthSwitch(p)
		ParseOK(p, c)
		ParseEOF(p, c)
		ParseERR(p)
		ColumnCount(p)
	})
}

// TestExecutePromises: the number of parameters that a packet announces takes
// no memory beyond what the packet could hold of them.
func TestExecutePromises(t *testing.T) {
	const count = 1 << 23
	p := append(execution(0xfd, 0, 0, 0x80), make([]byte, count/8)...)
	p = append(p, newParamsBound, 0, 0, 0)
	n := allocated(func() {
		if _, err := ParseExecute(p, 1, nil, nil, CapQueryAttributes); err == nil {
			t.Error("accepted")
		}
	})
	if n > 1<<20 {
		t.Errorf("%d bytes of memory for a packet of %d", n, len(p))
	}
}

// TestImpossibleMoments: fields that no clock and no calendar shows have no
// text, so the backend decides.
func TestImpossibleMoments(t *testing.T) {
	for _, c := range []struct {
		typ  byte
		wire string
	}{
		{TypeDatetime, "\x0b\xe8\x07\x02\x1d\x01\x02\x03\x40\x42\x0f\x00"}, {TypeDatetime, "\x07\xe8\x07\x02\x1d\x18\x02\x03"},
		{TypeDatetime, "\x07\xe8\x07\x02\x1d\x01\x3c\x03"}, {TypeDatetime, "\x07\xe8\x07\x02\x1d\x01\x02\x3c"}, {TypeDate, "\x04\xe8\x07\x0d\x1d"},
		{TypeDate, "\x04\xe8\x07\x02\x20"}, {TypeDate, "\x04\x10\x27\x02\x01"}, {TypeTime, "\x08\x00\x00\x00\x00\x00\x18\x00\x00"},
		{TypeTime, "\x0c\x00\x00\x00\x00\x00\x01\x00\x00\x40\x42\x0f\x00"}, {TypeTime, "\x08\x00\xff\xff\xff\xff\x01\x00\x00"},
	} {
		if ex, err := ParseExecute(execution(append([]byte{0, 1, c.typ, 0}, c.wire...)...), 1, nil, nil, 0); err == nil {
			t.Errorf("type %d %q was read as %q", c.typ, c.wire, ex.Params[0].Text)
		}
	}
}
