package row_test

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

func TestImageRoundTrip(t *testing.T) {
	for _, size := range []int{0, 1, 250, 251, 65535, 65536, 1<<24 - 1, 1 << 24} {
		im := row.Image{nil, bytes.Repeat([]byte{'x'}, size), []byte("end")}
		got, err := row.DecodeImage(im.AppendTo([]byte(nil)), 3)
		if err != nil || !got.Equal(im) {
			t.Errorf("value of %d bytes: %v", size, err)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		var im row.Image
		for _, v := range rapid.SliceOf(rapid.Ptr(rapid.SliceOfN(rapid.Byte(), 0, 300), true)).Draw(rt, "image") {
			if v == nil {
				im = append(im, nil)
			} else {
				im = append(im, append([]byte{}, *v...))
			}
		}
		b := im.AppendTo([]byte("head"))
		got, err := row.DecodeImage(b[4:], len(im))
		if err != nil || !got.Equal(im) || string(b[:4]) != "head" {
			rt.Fatalf("%q came back as %q: %v", im, got, err)
		}
		if _, err := row.DecodeImage(b[4:], len(im)+1); !errors.Is(err, row.ErrImage) {
			rt.Fatalf("read one column too many: %v", err)
		}
	})
}

func TestImageBytesAreTheRowBody(t *testing.T) {
	im := row.Image{[]byte("42"), nil, []byte(""), bytes.Repeat([]byte{'a'}, 300)}
	want := append([]byte("\x0242\xfb\x00\xfc\x2c\x01"), im[3]...)
	if got := im.AppendTo(nil); !bytes.Equal(got, want) {
		t.Errorf("row body %x, want %x", got, want)
	}
}

func TestDecodeImageRefusesDamage(t *testing.T) {
	for _, c := range []struct {
		name    string
		bytes   string
		columns int
	}{
		{"truncated value", "\x05ab", 1}, {"no bytes", "", 1}, {"left over", "\x01ab", 1}, {"truncated length", "\xfc\x01", 1},
		{"error marker", "\xff", 1}, {"long form of a short length", "\xfc\x01\x00a", 1}, {"huge length", "\xfe\xff\xff\xff\xff\xff\xff\xff\xff", 1},
		{"negative columns", "", -1}, {"columns beyond the bytes", "\xfb", 1 << 40},
	} {
		if im, err := row.DecodeImage([]byte(c.bytes), c.columns); !errors.Is(err, row.ErrImage) {
			t.Errorf("%s: %q, %v", c.name, im, err)
		}
	}
}

func TestCloneSharesNothing(t *testing.T) {
	buffer := row.Image{[]byte("abc"), nil, []byte("")}.AppendTo(nil)
	im, err := row.DecodeImage(buffer, 3)
	if err != nil {
		t.Fatal(err)
	}
	clone := im.Clone()
	if !clone.Equal(im) {
		t.Fatalf("clone %q of %q", clone, im)
	}
	for i := range buffer {
		buffer[i] = 'z'
	}
	if string(clone[0]) != "abc" || clone[1] != nil || clone[2] == nil {
		t.Errorf("clone changed with the buffer: %q", clone)
	}
	if _ = append(clone[0], "overflow"...); len(clone[2]) != 0 {
		t.Errorf("appending to one value changed another")
	}
	if clone.Equal(row.Image{[]byte("abc"), []byte{}, []byte("")}) || row.Image(nil).Clone() != nil {
		t.Errorf("NULL taken for the empty string")
	}
}

func FuzzDecodeImage(f *testing.F) {
	f.Add([]byte("\x0242\xfb\x00"), 3)
	f.Add([]byte("\xfc\xfb\x00"), 1)
	f.Fuzz(func(t *testing.T, b []byte, columns int) {
		im, err := row.DecodeImage(b, columns)
		if err != nil {
			return
		}
		if len(im) != columns || !bytes.Equal(im.AppendTo(nil), b) {
			t.Errorf("%x decodes to %q, which encodes to %x", b, im, im.AppendTo(nil))
		}
	})
}
