package wire

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestLenenc reads back what it wrote, at every border.
func TestLenenc(t *testing.T) {
	for _, n := range []uint64{0, 1, 250, 251, 255, 1<<16 - 1, 1 << 16, 1<<24 - 1, 1 << 24, 1<<64 - 1} {
		b := AppendInt(nil, n)
		c := cursor{p: b}
		if got := c.int(); got != n || c.bad || len(c.p) != 0 {
			t.Errorf("%d: %x gives %d", n, b, got)
		}
		for i := range b {
			c := cursor{p: b[:i]}
			if c.int(); !c.bad {
				t.Errorf("%d cut to %d bytes is accepted", n, i)
			}
		}
	}
	for _, p := range []string{"\x05abcd", "\xfe\xff\xff\xff\xff\xff\xff\xff\xff", "\xfb", "\xff"} {
		c := cursor{p: []byte(p)}
		if c.str(); !c.bad {
			t.Errorf("%q is accepted", p)
		}
	}
}

// TestTextRow reads back rows with NULL, empty and long values.
func TestTextRow(t *testing.T) {
	values := [][]byte{nil, {}, []byte("x"), bytes.Repeat([]byte("y"), 70000), nil}
	got, err := ParseTextRow(nil, AppendTextRow(nil, values), len(values))
	if err != nil {
		t.Fatal(err)
	}
	for i := range values {
		if !bytes.Equal(got[i], values[i]) || (got[i] == nil) != (values[i] == nil) {
			t.Errorf("value %d: %.20q", i, got[i])
		}
	}
	for _, p := range []string{"", "\x01", "\x01ab\x00"} {
		if _, err := ParseTextRow(nil, []byte(p), 1); err == nil {
			t.Errorf("%q is accepted", p)
		}
	}
}

// TestBinaryRowRefuses what does not fit its column.
func TestBinaryRowRefuses(t *testing.T) {
	for _, c := range []struct {
		typ  byte
		text string
	}{
		{TypeLong, "x"}, {TypeLong, ""}, {TypeDouble, "1.2.3"}, {TypeDate, "2024-1-1"}, {TypeDate, "2024-01-01 00:00:00"}, {TypeDatetime, "2024-01-01T00:00:00"},
		{TypeDatetime, "2024-01-01 00:00:00.1234567"}, {TypeTime, "1:2"}, {TypeTime, "--1:00:00"}, {TypeTime, "12:00:00x"}, {TypeYear, "-1"},
	} {
		if p, err := AppendBinaryRow(nil, []ColumnDef{{Type: c.typ}}, [][]byte{[]byte(c.text)}); err == nil {
			t.Errorf("type %d accepts %q: %x", c.typ, c.text, p)
		}
	}
	if _, err := AppendBinaryRow(nil, nil, [][]byte{nil}); err == nil {
		t.Error("a value without a column is accepted")
	}
}

// TestPacketsInPieces moves packets of all sizes through a Writer and a
// Reader whose source gives a few bytes at a time.
func TestPacketsInPieces(t *testing.T) {
	sizes := []int{0, 1, 100, 2043, 2044, 2045, bufferSize - 5, bufferSize - 4, bufferSize - 3, 3 * bufferSize, MaxPayload - 1, MaxPayload, MaxPayload + 1}
	for _, frames := range []bool{false, true} {
		var stream bytes.Buffer
		w := NewWriter(&stream)
		for i, n := range sizes {
			p := append(make([]byte, 4), bytes.Repeat([]byte{byte('a' + i)}, n)...)
			var err error
			if frames {
				err = w.WriteFrame(p)
			} else {
				err = w.WritePacket(p[4:])
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		r := NewReader(&pieces{src: &stream}, 2048)
		for i, n := range sizes {
			f, err := r.ReadFrame()
			if err != nil {
				t.Fatal(n, err)
			}
			if len(f) != 4+n || strings.Trim(string(f[4:]), string(rune('a'+i))) != "" {
				t.Fatalf("packet of %d bytes: got %d", n, len(f)-4)
			}
			if i%2 == 0 {
				r.Release()
			}
		}
		if r.Seq != w.Seq {
			t.Errorf("sequence %d, want %d", r.Seq, w.Seq)
		}
	}
}

// pieces gives its source in pieces of random sizes.
type pieces struct{ src *bytes.Buffer }

// Read gives the next piece.
func (p *pieces) Read(b []byte) (int, error) {
	n := 1 + rand.IntN(40000)
	return p.src.Read(b[:min(n, len(b))])
}

// TestReaderLimits: too large, out of order, cut off.
func TestReaderLimits(t *testing.T) {
	read := func(stream string, limit int) error {
		r := NewReader(strings.NewReader(stream), 64)
		r.Limit = limit
		_, err := r.ReadFrame()
		return err
	}
	for _, c := range []struct {
		stream string
		want   string
	}{
		{"", "EOF"}, {"\x01\x00", "unexpected EOF"}, {"\x05\x00\x00\x00abc", "unexpected EOF"}, {"\x01\x00\x00\x01a", ErrSequence.Error()},
		{"\xff\xff\x00\x00", ErrTooLarge.Error()}, {"\xff\xff\xff\x00", ErrTooLarge.Error()},
	} {
		if err := read(c.stream, 1000); err == nil || err.Error() != c.want {
			t.Errorf("%q: %v, want %s", c.stream, err, c.want)
		}
	}
	if err := read("\xff\xff\xff\x00"+strings.Repeat("x", 1000), 0); err == nil || err.Error() != "unexpected EOF" {
		t.Errorf("cut off in a large packet: %v", err)
	}
}
