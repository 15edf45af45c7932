package row

import (
	"strconv"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// Print turns a stored value into what the text protocol shows of it in a
// session whose time_zone is loc: FLOAT with six digits, TIMESTAMP in that
// zone, all else as it is. ok is false if that cannot be told, as with a nil
// loc for a TIMESTAMP. The result may alias stored. A session with
// PAD_CHAR_TO_FULL_LENGTH sees CHAR differently: that is for the caller.
func Print(c *schema.Column, stored []byte, loc *time.Location) (text []byte, ok bool) {
	if stored == nil {
		return nil, true
	}
	switch c.Type {
	case schema.Unknown:
		return nil, false
	case schema.Float:
		return printFloat(c, stored)
	case schema.Timestamp:
		return printTimestamp(c, stored, loc)
	}
	return stored, true
}

// printFloat shows a FLOAT: FLOAT(m,d) with d digits after the point.
func printFloat(c *schema.Column, stored []byte) ([]byte, bool) {
	f, err := strconv.ParseFloat(string(stored), 32)
	if err != nil || c.Zerofill {
		return nil, false
	}
	if c.Scale >= 0 {
		return strconv.AppendFloat(nil, f, 'f', c.Scale, 64), true
	}
	return appendShortest(nil, f, floatDigits, 64), true
}

// printTimestamp shows a TIMESTAMP in a session's zone.
func printTimestamp(c *schema.Column, stored []byte, loc *time.Location) ([]byte, bool) {
	d, okDate := parseDate(stored)
	if !okDate || loc == nil || len(stored) != len(zeroDatetime)+fractionSize(c.Fsp) || stored[10] != ' ' {
		return nil, false
	}
	if loc == time.UTC || d == (date{}) {
		return stored, true
	}
	t, okTime := parseClock(stored[11:])
	if !okTime || !d.real() {
		return nil, false
	}
	d, t = split(instant(d, t, time.UTC).In(loc))
	out := make([]byte, 0, len(stored))
	return t.appendTo(append(d.appendTo(out), ' '), c.Fsp), true
}
