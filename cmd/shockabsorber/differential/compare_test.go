package differential

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/rawclient"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// stamp is a date with a time as text.
var stamp = regexp.MustCompile(`20\d\d-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?`)

// mask replaces what looks like the time of now, in any time zone, so that two
// answers a moment apart are the same.
func mask(packets [][]byte) {
	now := time.Now().UTC()
	near := func(t time.Time) bool { return t.Sub(now).Abs() < 26*time.Hour }
	for n := range packets {
		p := packets[n]
		for _, at := range stamp.FindAllIndex(p, -1) {
			if t, err := time.Parse(time.DateTime, string(p[at[0]:at[0]+19])); err == nil && near(t) {
				for i := at[0]; i < at[1]; i++ {
					p[i] = '#'
				}
			}
		}
		for i := 0; i+7 < len(p); i++ { // length, year, month, day, hour, minute, second, microseconds
			if l := int(p[i]); l != 7 && l != 11 || i+l >= len(p) || p[i+2] != byte(now.Year()>>8) {
				continue
			}
			t := time.Date(int(p[i+1])|int(p[i+2])<<8, time.Month(p[i+3]), int(p[i+4]), int(p[i+5]), int(p[i+6]), int(p[i+7]), 0, time.UTC)
			if near(t) {
				// Of a fraction of 0 nothing is sent: as long as without one.
				p = slices.Delete(p, i+8, i+1+int(p[i]))
				p[i] = 7
				for j := i + 1; j <= i+7; j++ {
					p[j] = '#'
				}
			}
		}
		if len(p) < len(packets[n]) {
			p[0], p[1], p[2] = byte(len(p)-4), byte((len(p)-4)>>8), byte((len(p)-4)>>16)
			packets[n] = p
		}
	}
}

// TestMask: a moment of now is as long with a fraction as without one, of which
// the binary protocol sends none. Other moments stay.
func TestMask(t *testing.T) {
	now := time.Now().UTC()
	moment := func(m time.Time, micros ...byte) []byte {
		return append([]byte{byte(7 + len(micros)), byte(m.Year()), byte(m.Year() >> 8), byte(m.Month()), byte(m.Day()), byte(m.Hour()), byte(m.Minute()), byte(m.Second())}, micros...)
	}
	packet := func(moments ...[]byte) []byte {
		content := slices.Concat(append([][]byte{{0, 0}}, moments...)...)
		return append([]byte{byte(len(content) + 1), 0, 0, 1}, append(content, 'z')...)
	}
	old := moment(now.AddDate(-3, 0, 0), 1, 2, 3, 4)
	masked := func(p []byte) []byte {
		packets := [][]byte{p}
		mask(packets)
		return packets[0]
	}
	short := masked(packet(moment(now), old, moment(now)))
	long := masked(packet(moment(now, 1, 0, 0, 0), old, moment(now.Add(time.Second), 9, 9, 9, 0)))
	if !bytes.Equal(short, long) || !bytes.Contains(long, old) || int(long[0]) != len(long)-4 {
		t.Errorf("%q and %q", short, long)
	}
}

// changed is how many rows an UPDATE says that it has changed.
var changed = regexp.MustCompile(`Changed: \d+`)

// sameButChanged reports whether the answers to an UPDATE that assigns the time of
// now differ in the number of changed rows alone: a row that has the same second
// already is not changed, and a second may end between the two.
func sameButChanged(s *statement, a, b [][]byte) bool {
	text, _ := s.sql()
	if len(a) != 1 || len(b) != 1 || a[0][4] != 0 || b[0][4] != 0 || !strings.HasPrefix(text, "UPDATE") || !clock.MatchString(text) {
		return false
	}
	rest := func(p []byte) []byte { return changed.ReplaceAll(p[5+rawclient.LengthEncoded(p[5]):], nil) }
	return changed.Match(a[0]) && bytes.Equal(rest(a[0]), rest(b[0]))
}

// clock are the functions that tell the time of now.
var clock = regexp.MustCompile(`NOW\(|CURRENT_TIMESTAMP|UTC_TIMESTAMP|SYSDATE\(`)

// TestSameButChanged: only the counts of an UPDATE with the time of now are let
// pass.
func TestSameButChanged(t *testing.T) {
	answer := func(affected byte, info string) [][]byte {
		return [][]byte{append([]byte{byte(7 + len(info)), 0, 0, 1, 0, affected, 0, 2, 0, 0, 0}, info...)}
	}
	one, two := answer(1, "(Rows matched: 2  Changed: 1  Warnings: 0"), answer(2, "(Rows matched: 2  Changed: 2  Warnings: 0")
	other := answer(2, "(Rows matched: 3  Changed: 2  Warnings: 0")
	now, plain := &statement{verb: "UPDATE t SET m = NOW(6)"}, &statement{verb: "UPDATE t SET m = 5"}
	if !sameButChanged(now, one, two) || sameButChanged(plain, one, two) || sameButChanged(now, one, other) || sameButChanged(now, one, nil) {
		t.Error("what is compared of an UPDATE that assigns the time of now is not what it should be")
	}
}

// sameButNothing reports whether both answers are those to an UPDATE that found
// nothing, and only one says so in a text: MariaDB leaves it out, and warns of
// other values, when its optimizer sees that no row can match, which may depend
// on when it last counted the rows (proxy/DESIGN.md).
func sameButNothing(a, b [][]byte) bool {
	if len(a) != len(b) || len(a) == 0 {
		return false
	}
	x, y := a[len(a)-1], b[len(b)-1]
	return nothing.Match(x) && nothing.Match(y) && (len(x) == bareOK) != (len(y) == bareOK)
}

// nothing is an OK for no rows, its length and number before it.
var nothing = regexp.MustCompile(`(?s)^....\x00\x00\x00....(.Rows matched: 0  Changed: 0  Warnings: \d+)?$`)

// bareOK is how long an OK packet without a text is.
const bareOK = 11

// TestSameButNothing: only the text of an UPDATE that found nothing is let pass.
func TestSameButNothing(t *testing.T) {
	answer := func(affected, warnings byte, info string) [][]byte {
		return [][]byte{append([]byte{byte(7 + len(info)), 0, 0, 1, 0, affected, 0, 2, 0, warnings, 0}, info...)}
	}
	bare, told := answer(0, 0, ""), answer(0, 1, "(Rows matched: 0  Changed: 0  Warnings: 1")
	if !sameButNothing(bare, told) || !sameButNothing(told, bare) || sameButNothing(told, told) || sameButNothing(answer(1, 0, ""), told) ||
		sameButNothing(bare, answer(0, 1, "(Rows matched: 1  Changed: 0  Warnings: 1")) || sameButNothing(bare, nil) {
		t.Error("what is compared of an UPDATE that finds nothing is not what it should be")
	}
}

// sameButFraction reports whether both answers are the same error, but for the
// zeros behind the seconds of the value that it is about: MySQL has a prepared
// statement's string as a time or as a string, by what was bound to it before
// (proxy/DESIGN.md).
func sameButFraction(a, b [][]byte) bool {
	if len(a) != len(b) || len(a) == 0 || !bytes.Equal(zeros.ReplaceAll(a[len(a)-1][4:], nil), zeros.ReplaceAll(b[len(b)-1][4:], nil)) {
		return false
	}
	return a[len(a)-1][4] == 0xff
}

// zeros are those of a fraction, at the end of a value.
var zeros = regexp.MustCompile(`\.000000\b`)

// TestSameButFraction: only the fraction of a value in an error is let pass.
func TestSameButFraction(t *testing.T) {
	answer := func(text string) [][]byte { return [][]byte{append([]byte{byte(len(text)), 0, 0, 1}, text...)} }
	with, without := answer("\xff\x0c\x05#22007'2021-02-29 00:00:00.000000' for"), answer("\xff\x0c\x05#22007'2021-02-29 00:00:00' for")
	if !sameButFraction(with, without) || sameButFraction(with, answer("\xff\x0d\x05#22007'2021-02-29 00:00:00' for")) || sameButFraction(with, nil) ||
		sameButFraction(answer("\x00'1.000000'"), answer("\x00'1'")) {
		t.Error("what is compared of an error about a time is not what it should be")
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
			if at := 5 + rawclient.LengthEncoded(p[5]); at < len(p) {
				if at += rawclient.LengthEncoded(p[at]); at < len(p) && len(p)-at >= 4 {
					p[at] &^= indexFlags
				}
			}
		}
	}
}

// mixed is what MySQL says of collations that it cannot compare or convert.
var mixed = regexp.MustCompile(`(Illegal mix of collations \(|Conversion from collation ).*(\) for operation| into )`)

// unmixed takes the collations of strings out of an error: a prepared statement goes
// on with what its strings were converted to the first time, and the proxy may
// have answered that one.
func unmixed(packets [][]byte) {
	if n := len(packets) - 1; n >= 0 && packets[n][4] == 0xff {
		packets[n] = mixed.ReplaceAll(packets[n], []byte("$1$2"))
		packets[n][0], packets[n][1] = byte(len(packets[n])-4), byte((len(packets[n])-4)>>8)
	}
}

// unconverted reports whether one of two answers is error 3988: MySQL has it for a
// string that the column's character set lacks when a prepared statement is
// executed for the first time, and something else later (proxy/DESIGN.md).
func unconverted(a, b [][]byte) bool {
	is := func(packets [][]byte) bool {
		n := len(packets) - 1
		return n >= 0 && bytes.HasPrefix(packets[n][4:], []byte{0xff, 3988 & 0xff, 3988 >> 8})
	}
	return is(a) != is(b)
}

// sameButNumber reports whether two answers are an error about a string that is no
// number, and differ in the kind of number alone: MySQL compares a string with an
// integer as doubles when a prepared statement is executed for the first time, and
// as integers later, and the proxy may have answered the first (proxy/DESIGN.md).
func sameButNumber(a, b [][]byte) bool {
	alike := func(packets [][]byte) []byte {
		if len(packets) != 1 || packets[0][4] != 0xff {
			return nil
		}
		return bytes.Replace(packets[0][4:], []byte("incorrect INTEGER value"), []byte("incorrect DOUBLE value"), 1)
	}
	x := alike(a)
	return x != nil && bytes.Equal(x, alike(b))
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
