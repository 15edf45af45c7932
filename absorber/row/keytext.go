package row

import (
	"bytes"
	"encoding/binary"
	"sync"
)

// Under PAD SPACE a text counts as followed by spaces without end: 'a' equals
// 'a ', comes before 'ab' and after "a\t". Plain weights without the trailing
// spaces would sort 'a' before "a\t". So each run of spaces is written as one
// space and a mark that says what comes after the run, and every text ends as
// if in a run of spaces:
const (
	runThenLess byte = 1 // a smaller weight than a space; then the run's length
	runEndless  byte = 2 // nothing but spaces: the end of the text
	runThenMore byte = 3 // a greater weight; then the complement of the length
)

// appendPadded appends PAD SPACE weights so that bytes.Compare orders them as
// the collation does; the result is no prefix of another. It is false for a run
// of more than 65535 spaces, longer than any index holds.
func (c *collator) appendPadded(dst, weights []byte) ([]byte, bool) {
	w := c.trim(weights)
	for i := 0; i < len(w); {
		unit := w[i : i+c.width]
		i += c.width
		dst = append(dst, unit...)
		if !bytes.Equal(unit, c.pad) {
			continue
		}
		run := 1
		for bytes.Equal(w[i:i+c.width], c.pad) { // ends: w does not end in pad
			run++
			i += c.width
		}
		if run > 1<<16-1 {
			return dst, false
		}
		mark, length := runThenLess, uint16(run)
		if bytes.Compare(w[i:i+c.width], c.pad) > 0 {
			mark, length = runThenMore, ^uint16(run)
		}
		dst = binary.BigEndian.AppendUint16(append(dst, mark), length)
	}
	return append(append(dst, c.pad...), runEndless), true
}

// appendText appends the key of a text value: trimmed weights for PAD SPACE,
// raw ones for NO PAD.
func (c *collator) appendText(dst, text []byte, last bool) ([]byte, bool) {
	room := borrow()
	defer giveBack(room)
	w, ok := c.weigh((*room)[:0], text)
	*room = w
	if !ok {
		return dst, false
	}
	if c.pad == nil {
		return appendRaw(dst, w, last), true
	}
	if len(w)%c.width != 0 {
		return dst, false
	}
	return c.appendPadded(dst, w)
}

// appendRaw appends bytes that compare as they are. What is not the last of its
// key has each 0x00 written as 0x00 0xff and 0x00 0x00 at its end.
func appendRaw(dst, b []byte, last bool) []byte {
	if last {
		return append(dst, b...)
	}
	for {
		i := bytes.IndexByte(b, 0)
		if i < 0 {
			return append(append(dst, b...), 0, 0)
		}
		dst = append(append(dst, b[:i+1]...), 0xff)
		b = b[i+1:]
	}
}

// rooms are buffers for weights. They cannot be on the stack, since the tables
// of weights are behind an interface.
var rooms = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

// borrow takes a buffer until giveBack.
func borrow() *[]byte { return rooms.Get().(*[]byte) }

// giveBack returns a buffer, unless a giant value has made it large.
func giveBack(b *[]byte) {
	if cap(*b) <= 1<<14 {
		rooms.Put(b)
	}
}
