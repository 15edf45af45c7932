package rawclient

import (
	"bytes"
	"fmt"
	"strings"
)

// Differing shows the packets of two responses that are not the same, "" if
// all are.
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
		if !bytes.Equal(d, p) {
			fmt.Fprintf(&b, "\n  packet %d of %d and %d\n    direct  %q\n    proxied %q", i, len(direct), len(proxied), d, p)
		}
	}
	return b.String()
}
