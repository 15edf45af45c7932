package wire

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// promises reads what a peer announces and does not send.
type promises struct {
	head []byte
	sent int
}

// Read gives the head, then the end.
func (p *promises) Read(b []byte) (int, error) {
	if p.sent == len(p.head) {
		return 0, io.EOF
	}
	n := copy(b, p.head[p.sent:])
	p.sent += n
	return n, nil
}

// TestPromisesCostNothing: a header that announces much takes no memory for
// it, before the login and after.
func TestPromisesCostNothing(t *testing.T) {
	login := []byte{0xff, 0xff, 0, 1}
	if n := allocated(func() {
		for range 1000 {
			if _, _, err := ReadExact(&promises{head: login}, 1<<16); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatal(err)
			}
		}
	}); n > 1000*8<<10 {
		t.Errorf("1000 logins of which nothing but the head arrived took %d bytes", n)
	}
	large := []byte{0xff, 0xff, 0xff, 0}
	if n := allocated(func() {
		if _, err := NewReader(&promises{head: large}, 2048).ReadFrame(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
	}); n > 1<<20 {
		t.Errorf("a packet of which nothing but the head arrived took %d bytes", n)
	}
	// Exactly as much as the limit, and one byte more.
	p := append([]byte{4, 0, 0, 9}, "abcd"...)
	if seq, got, err := ReadExact(bytes.NewReader(p), 4); err != nil || seq != 9 || string(got) != "abcd" {
		t.Errorf("%d %q %v", seq, got, err)
	}
	if _, _, err := ReadExact(bytes.NewReader(p), 3); !errors.Is(err, ErrTooLarge) {
		t.Errorf("above the limit: %v", err)
	}
}

// FuzzReader: what a Writer writes a Reader reads, in any pieces and behind any
// buffer; anything else ends in an error, within the limit, and for memory that
// what has arrived is worth.
func FuzzReader(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x0e\x05\x00\x00\x00\x03ping"), uint16(16), uint32(100), uint8(0))
	f.Add([]byte("\xff\xff\xff\x00\x03"), uint16(0), uint32(1<<24), uint8(1))
	f.Add(bytes.Repeat([]byte("x"), 3000), uint16(2048), uint32(0), uint8(2))
	f.Fuzz(func(t *testing.T, p []byte, keep uint16, limit uint32, pieces uint8) {
		source := func(p []byte) io.Reader {
			switch pieces % 3 {
			case 1:
				return iotest.HalfReader(bytes.NewReader(p))
			case 2:
				return iotest.DataErrReader(bytes.NewReader(p))
			}
			return bytes.NewReader(p)
		}
		rd := NewReader(source(p), int(keep))
		rd.Limit = int(limit%(1<<25)) + 1
		justified(t, "reading", len(p)+int(keep), 16, func() {
			for total := 0; ; {
				frame, err := rd.ReadFrame()
				if err != nil {
					break
				}
				if total += len(frame); len(frame)-4 > rd.Limit || total > len(p)+4 {
					t.Fatalf("a frame of %d bytes, %d so far, of %d under a limit of %d", len(frame), total, len(p), rd.Limit)
				}
				rd.Release()
			}
		})
		var stream bytes.Buffer
		w := NewWriter(&stream)
		w.WritePacket(p)
		w.WritePacket(p[:len(p)/2])
		w.Flush()
		rd = NewReader(source(stream.Bytes()), int(keep))
		for _, want := range [][]byte{p, p[:len(p)/2]} {
			frame, err := rd.ReadFrame()
			if err != nil || !bytes.Equal(frame[4:], want) {
				t.Fatalf("%d bytes came back as %d: %v", len(want), len(frame)-4, err)
			}
			rd.Release()
		}
	})
}
