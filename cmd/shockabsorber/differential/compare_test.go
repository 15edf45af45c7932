package differential

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// stamp is a date with a time as text.
var stamp = regexp.MustCompile(`20\d\d-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?`)

// mask replaces what looks like the time of now, in any time zone, so that two
// answers a moment apart are the same.
func mask(packets [][]byte) {
	now := time.Now().UTC()
	near := func(t time.Time) bool { return t.Sub(now).Abs() < 26*time.Hour }
	for _, p := range packets {
		for _, at := range stamp.FindAllIndex(p, -1) {
			if t, err := time.Parse(time.DateTime, string(p[at[0]:at[0]+19])); err == nil && near(t) {
				for i := at[0]; i < at[1]; i++ {
					p[i] = '#'
				}
			}
		}
		for i := 0; i+7 < len(p); i++ { // length, year, month, day, hour, minute, second, microseconds
			if n := int(p[i]); n != 7 && n != 11 || i+n >= len(p) || p[i+2] != byte(now.Year()>>8) {
				continue
			}
			t := time.Date(int(p[i+1])|int(p[i+2])<<8, time.Month(p[i+3]), int(p[i+4]), int(p[i+5]), int(p[i+6]), int(p[i+7]), 0, time.UTC)
			if near(t) {
				for j := i + 1; j <= i+int(p[i]); j++ {
					p[j] = '#'
				}
			}
		}
	}
}

// signature says of what kind a difference is: what each side has at the first
// packet that differs.
func signature(direct, proxied [][]byte) string {
	for i := range max(len(direct), len(proxied)) {
		d, p := sort(direct, i), sort(proxied, i)
		if i >= min(len(direct), len(proxied)) || !bytes.Equal(direct[i], proxied[i]) {
			return d + ", proxied " + p
		}
	}
	return ""
}

// sort says what packet i is.
func sort(packets [][]byte, i int) string {
	switch {
	case i >= len(packets):
		return "nothing"
	case packets[i][4] == 0xff && len(packets[i]) > 6:
		return fmt.Sprintf("error %d", binary.LittleEndian.Uint16(packets[i][5:]))
	case packets[i][4] == 0 && i == len(packets)-1:
		return "OK"
	case packets[i][4] == 0xfe && i == len(packets)-1:
		return "end of rows"
	}
	return "rows"
}

// unlike takes out of answers what is known to differ (proxy/DESIGN.md): the
// status flags about indexes, which tell what the optimizer chose for the rows
// it found, and the text of an UPDATE that found none, which MariaDB leaves out
// when the optimizer saw that before it looked.
func unlike(packets [][]byte, caps wire.Capability) {
	const indexFlags = 0x10 | 0x20
	none := []byte("(Rows matched: 0  Changed: 0  Warnings: 0")
	for i, p := range packets {
		if rest, is := bytes.CutSuffix(p, none); is && p[4] == 0 {
			p, packets[i] = rest, rest
			p[0] = byte(len(p) - 4)
		}
		switch {
		case p[4] == 0xfe && len(p) == 9:
			p[7] &^= indexFlags
		case (p[4] == 0 && p[3] == 1 || p[4] == 0xfe && caps.Has(wire.CapDeprecateEOF)) && len(p) >= 11: // a binary row begins with 0, too
			if at := 5 + lenenc(p[5]); at < len(p) {
				if at += lenenc(p[at]); at < len(p) && len(p)-at >= 4 {
					p[at] &^= indexFlags
				}
			}
		}
	}
}

// failed leaves of an answer that ends with an error the error alone: whether a
// SELECT fails before or after its first rows is the optimizer's choice
// (proxy/DESIGN.md).
func failed(packets [][]byte) [][]byte {
	n := len(packets) - 1
	if n < 0 || packets[n][4] != 0xff {
		return packets
	}
	packets[n][3] = 1
	return packets[n:]
}

// rowNumber is how errors and warnings name a row.
var rowNumber = regexp.MustCompile(` at row \d+`)

// unnumber takes the row numbers out of an answer: a statement that scans a
// table meets its rows in an order that the optimizer chooses.
func unnumber(packets [][]byte) {
	for i, p := range packets {
		if q := rowNumber.ReplaceAll(p, []byte(" at row #")); len(q) != len(p) || !bytes.Equal(p, q) {
			q[0] = byte(len(q) - 4)
			packets[i] = q
		}
	}
}

// lenenc is the size of a length-encoded integer by its first byte.
func lenenc(first byte) int {
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

// script prints a chapter as SQL, up to a difference.
func (c *chapter) script(d *difference) string {
	var b strings.Builder
	for _, t := range c.tables {
		fmt.Fprintf(&b, "    %s;\n", visible(t.ddl()))
	}
	for i, st := range c.sessions {
		for _, o := range st.opening {
			fmt.Fprintf(&b, "    s%d> %s;\n", i, o)
		}
		fmt.Fprintf(&b, "    s%d has the capabilities %#x\n", i, uint64(st.caps))
	}
	for _, st := range c.steps {
		if st.event != "" {
			fmt.Fprintf(&b, "    -- %s\n", st.event)
		}
		for _, s := range st.statements {
			fmt.Fprintf(&b, "    s%d> %s;\n", st.session, s)
		}
	}
	return b.String() + "  " + strings.TrimPrefix(d.what, "\n  ")
}
