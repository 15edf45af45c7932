package rawclient

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// Differing shows the packets of two responses that are not the same, "" if
// all are. Which indexes a statement has used is left out: that follows from what
// the tables hold when MySQL looks, and pending rows are not among it.
func Differing(direct, proxied [][]byte) string {
	var b strings.Builder
	for i := range max(len(direct), len(proxied)) {
		var d, p []byte
		if i < len(direct) {
			d = direct[i]
		}
		if i < len(proxied) {
			p = proxied[i]
		}
		if !bytes.Equal(d, p) && !bytes.Equal(withoutIndexes(d, i == len(direct)-1), withoutIndexes(p, i == len(proxied)-1)) {
			fmt.Fprintf(&b, "\n  packet %d of %d and %d\n    direct  %q\n    proxied %q", i, len(direct), len(proxied), d, p)
		}
	}
	return b.String()
}

// withoutIndexes is an OK or EOF packet without the status flags that say which
// indexes were used; any other as it is. Rows of the binary protocol begin like an
// OK packet, but are never the last of a response.
func withoutIndexes(packet []byte, last bool) []byte {
	at := 7 // of an EOF's status
	switch {
	case len(packet) == 9 && packet[4] == 0xfe:
	case last && len(packet) > 8 && (packet[4] == 0 || packet[4] == 0xfe):
		at = 5 + LengthEncoded(packet[5])                   // behind the affected rows,
		at += LengthEncoded(packet[min(at, len(packet)-1)]) // and the insert id
	default:
		return packet
	}
	if at >= len(packet) {
		return packet
	}
	out := bytes.Clone(packet)
	out[at] &^= byte(wire.StatusNoGoodIndexUsed | wire.StatusNoIndexUsed)
	return out
}

// LengthEncoded is the size of a length-encoded integer by its first byte.
func LengthEncoded(first byte) int {
	switch first {
	case 0xfc:
		return 3
	case 0xfd:
		return 4
	case 0xfe:
		return 9
	}
	return 1
}
