package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// units generates units that the engine could make.
func units() *rapid.Generator[*row.Unit] {
	return rapid.Custom(func(t *rapid.T) *row.Unit {
		u := &row.Unit{
			ID:   row.UnitID{Writer: rapid.String().Draw(t, "writer"), Seq: rapid.Uint64().Draw(t, "seq")},
			Lane: row.Lane(rapid.String().Draw(t, "lane")), AcceptedMs: rapid.Int64().Draw(t, "ms"),
		}
		for range rapid.IntRange(0, 5).Draw(t, "mutations") {
			m := row.Mutation{
				Table:  rapid.SampledFrom([]string{"db.a", "db.b", "d:b.{ü}"}).Draw(t, "table"),
				Key:    row.Key(rapid.SliceOf(rapid.Byte()).Draw(t, "key")),
				Op:     row.Op(rapid.IntRange(1, 3).Draw(t, "op")),
				Schema: rapid.Uint32().Draw(t, "schema"),
			}
			for c := range rapid.IntRange(0, 6).Draw(t, "columns") {
				v := rapid.SliceOf(rapid.Byte()).Draw(t, "value")
				if rapid.Bool().Draw(t, "null") {
					v = nil
				} else if v == nil {
					v = []byte{}
				}
				m.Image = append(m.Image, v)
				if rapid.Bool().Draw(t, "changed") {
					m.Changed = append(m.Changed, uint16(c))
				}
			}
			u.Mutations = append(u.Mutations, m)
		}
		return u
	})
}

func TestUnitRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := units().Draw(t, "unit")
		b, err := Encode(u)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(b)
		if err != nil || !reflect.DeepEqual(got, u) {
			t.Fatalf("%+v came back as %+v, %v", u, got, err)
		}
		i := rapid.IntRange(0, len(b)-1).Draw(t, "flip")
		b[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := Decode(b); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("a flipped bit in byte %d gave %v", i, err)
		}
	})
}

// sealed is a payload with the right head.
func sealed(payload []byte) []byte {
	b := append(make([]byte, unitHead), payload...)
	b[0] = unitFormat
	binary.BigEndian.PutUint32(b[1:], crc32.Checksum(payload, castagnoli))
	return b
}

func TestDecodeRefuses(t *testing.T) {
	mutation := func(f func(*MutationRecord)) []byte {
		m := &MutationRecord{Op: 1, Key: []byte("k"), Values: [][]byte{{}, []byte("x")}, Nulls: []uint32{0}, Changed: []uint32{0, 1}}
		f(m)
		b, err := proto.Marshal(&UnitRecord{Tables: []string{"db.t"}, Mutations: []*MutationRecord{m}})
		if err != nil {
			t.Fatal(err)
		}
		return sealed(b)
	}
	if _, err := Decode(mutation(func(*MutationRecord) {})); err != nil {
		t.Fatalf("a good unit gave %v", err)
	}
	for name, b := range map[string][]byte{
		"nothing":                {},
		"another format":         append([]byte{2}, mutation(func(*MutationRecord) {})[1:]...),
		"no protobuf":            sealed([]byte{0xff, 0xff}),
		"an unknown field":       sealed([]byte{0x7a, 1, 0}),
		"an unknown table":       mutation(func(m *MutationRecord) { m.Table = 1 }),
		"op 0":                   mutation(func(m *MutationRecord) { m.Op = 0 }),
		"op 4":                   mutation(func(m *MutationRecord) { m.Op = 4 }),
		"NULL with a value":      mutation(func(m *MutationRecord) { m.Nulls = []uint32{1} }),
		"NULL twice":             mutation(func(m *MutationRecord) { m.Nulls = []uint32{0, 0} }),
		"NULL of no column":      mutation(func(m *MutationRecord) { m.Nulls = []uint32{2} }),
		"a changed ghost":        mutation(func(m *MutationRecord) { m.Changed = []uint32{2} }),
		"changed out of order":   mutation(func(m *MutationRecord) { m.Changed = []uint32{1, 0} }),
		"an unknown inner field": mutation(func(m *MutationRecord) { m.ProtoReflect().SetUnknown([]byte{0x7a, 1, 0}) }),
	} {
		if u, err := Decode(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s gave %+v, %v", name, u, err)
		}
	}
	if _, err := Encode(&row.Unit{Lane: "\xff"}); err == nil {
		t.Error("a lane that is not UTF-8 was encoded")
	}
}

func FuzzDecode(f *testing.F) {
	for i := range 5 {
		b, err := Encode(units().Example(i))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[unitHead:])
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		u, err := Decode(sealed(payload))
		if err != nil {
			return
		}
		b, err := Encode(u)
		if err != nil {
			t.Fatalf("decoded, but not encoded again: %v", err)
		}
		again, err := Decode(b)
		if err != nil || !reflect.DeepEqual(again, u) {
			t.Fatalf("%+v came back as %+v, %v", u, again, err)
		}
	})
}

func FuzzParseRow(f *testing.F) {
	h := head(flagDirty, 7)
	f.Add(string(h[:]) + version8(42) + "image")
	h = head(flagDirty|flagTomb, 7)
	f.Add(string(h[:]) + version8(filledFrom|1))
	f.Add("")
	f.Fuzz(func(t *testing.T, v string) {
		r, err := parseRow(v)
		if err != nil {
			return
		}
		var flags byte
		if r.Dirty {
			flags |= flagDirty
		}
		if r.Tombstone {
			flags |= flagTomb
		}
		h := head(flags, r.Schema)
		if again := string(h[:]) + version8(r.Version) + string(r.Image); again != v {
			t.Errorf("%q was read as %+v, which is %q", v, r, again)
		}
		if r.Tombstone != (r.Image == nil) {
			t.Errorf("%q is a tombstone %v with image %v", v, r.Tombstone, r.Image)
		}
	})
}

func FuzzParseState(f *testing.F) {
	f.Add("0123456789abcdef:1:o")
	f.Add("::")
	f.Fuzz(func(t *testing.T, v string) {
		st, err := parseState(v)
		if err == nil && len(st.stem()) > len(v) {
			t.Errorf("%q was read as %+v", v, st)
		}
		if err == nil && !bytes.HasSuffix([]byte(v), []byte{byte(st.Gate)}) {
			t.Errorf("%q was read as %+v", v, st)
		}
	})
}
