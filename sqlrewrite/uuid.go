package sqlrewrite

import (
	"crypto/rand"
	"encoding/hex"
	"sync/atomic"
	"time"
)

// uuidNode stands in the place of the network address: random, with the bit
// that says so.
var uuidNode = func() (n [6]byte) {
	_, _ = rand.Read(n[:]) // crypto/rand.Read never fails
	n[0] |= 1
	return n
}()

// uuidTime is the last time stamp given out, in 100 ns since 1582.
var uuidTime atomic.Uint64

// uuidEpoch is 1970 counted from 1582-10-15 in 100 ns.
const uuidEpoch = 0x01b21dd213814000

// newUUID makes a version 1 UUID as UUID() does: from the time, which it
// pushes on where two would be the same.
func newUUID(now time.Time) []byte {
	want := uint64(now.UnixNano()/100) + uuidEpoch
	for {
		last := uuidTime.Load()
		want = max(want, last+1)
		if uuidTime.CompareAndSwap(last, want) {
			break
		}
	}
	var b [16]byte
	for i, shift := range [8]int{24, 16, 8, 0, 40, 32, 56, 48} {
		b[i] = byte(want >> shift)
	}
	b[6] = b[6]&0x0f | 0x10
	b[8], b[9] = 0x80|uuidNode[0]&0x3f, uuidNode[5]
	copy(b[10:], uuidNode[:])
	out := make([]byte, 36)
	at := 0
	for i, part := range [5][]byte{b[0:4], b[4:6], b[6:8], b[8:10], b[10:16]} {
		if i > 0 {
			out[at] = '-'
			at++
		}
		at += hex.Encode(out[at:], part)
	}
	return out
}
