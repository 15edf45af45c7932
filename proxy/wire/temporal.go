package wire

import (
	"fmt"
	"strconv"
)

// clock holds the fields of a temporal value in the binary protocol.
type clock struct {
	year, month, day, hour, minute, second, micro uint32
}

// maxHours bounds the hours of a TIME that is read; the servers clip at 838.
const maxHours = 99_999_999

// outside reports whether the time of day has a field that no clock shows. As
// text it would mean something else: 2024-01-01 00:00:00.4294967295 is a
// fraction of ten digits. What a server makes of it is the server's to say.
func (k *clock) outside() bool {
	return k.hour > 23 || k.minute > 59 || k.second > 59 || k.micro > 999999
}

// number parses all of v as a decimal number of at most 9 digits.
func number(v []byte) (uint32, bool) {
	if len(v) == 0 || len(v) > 9 {
		return 0, false
	}
	var n uint32
	for _, b := range v {
		if b < '0' || b > '9' {
			return 0, false
		}
		n = n*10 + uint32(b-'0')
	}
	return n, true
}

// fields splits "12:34:56.789" and the like: numbers between single
// separators. Each target is filled in order; a fraction may follow the last.
func fields(v []byte, micro *uint32, separators string, targets ...*uint32) bool {
	for i, t := range targets {
		j := 0
		for j < len(v) && v[j] >= '0' && v[j] <= '9' {
			j++
		}
		n, ok := number(v[:j])
		if !ok {
			return false
		}
		*t = n
		v = v[j:]
		if i < len(separators) {
			if len(v) == 0 || v[0] != separators[i] {
				return false
			}
			v = v[1:]
		}
	}
	if len(v) == 0 {
		return true
	}
	if micro == nil || v[0] != '.' || len(v) > 7 {
		return false
	}
	n, ok := number(append(append([]byte(nil), v[1:]...), "000000"[:7-len(v)]...))
	*micro = n
	return ok
}

// appendBinaryDatetime appends DATE, DATETIME or TIMESTAMP text. Like the
// servers it leaves out a zero fraction, a zero time of day, and everything
// of a zero date.
func appendBinaryDatetime(dst, v []byte, date bool) ([]byte, error) {
	var c clock
	ok := false
	if len(v) == 10 {
		ok = fields(v, nil, "--", &c.year, &c.month, &c.day)
	} else if !date {
		ok = fields(v, &c.micro, "-- ::", &c.year, &c.month, &c.day, &c.hour, &c.minute, &c.second)
	}
	if !ok {
		return nil, fmt.Errorf("not a date or datetime of %d bytes", len(v))
	}
	head := []byte{byte(c.year), byte(c.year >> 8), byte(c.month), byte(c.day), byte(c.hour), byte(c.minute), byte(c.second)}
	switch {
	case c.micro != 0:
		return appendMicro(append(append(dst, 11), head...), c.micro), nil
	case c.hour|c.minute|c.second != 0:
		return append(append(dst, 7), head...), nil
	case c.year|c.month|c.day != 0:
		return append(append(dst, 4), head[:4]...), nil
	}
	return append(dst, 0), nil
}

// appendBinaryTime appends TIME text, "-101:02:03.000004".
func appendBinaryTime(dst, v []byte) ([]byte, error) {
	var c clock
	negative := byte(0)
	if len(v) > 0 && v[0] == '-' {
		negative = 1
		v = v[1:]
	}
	if !fields(v, &c.micro, "::", &c.hour, &c.minute, &c.second) {
		return nil, fmt.Errorf("not a time of %d bytes", len(v))
	}
	days := c.hour / 24
	head := []byte{negative, byte(days), byte(days >> 8), byte(days >> 16), byte(days >> 24), byte(c.hour % 24), byte(c.minute), byte(c.second)}
	switch {
	case c.micro != 0:
		return appendMicro(append(append(dst, 12), head...), c.micro), nil
	case c.hour|c.minute|c.second != 0:
		return append(append(dst, 8), head...), nil
	}
	return append(dst, 0), nil
}

// appendMicro appends microseconds.
func appendMicro(dst []byte, n uint32) []byte {
	return append(dst, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
}

// readDatetime reads a DATE (time false), DATETIME or TIMESTAMP and gives its
// text. Microseconds are printed if they were sent.
func (c *cursor) readDatetime(time bool) []byte {
	p := cursor{p: c.take(int(c.u8()))}
	n := len(p.p)
	if n != 0 && n != 4 && n != 7 && n != 11 {
		c.bad = true
		return nil
	}
	var k clock
	if n >= 4 {
		k.year, k.month, k.day = uint32(p.u16()), uint32(p.u8()), uint32(p.u8())
	}
	if n >= 7 {
		k.hour, k.minute, k.second = uint32(p.u8()), uint32(p.u8()), uint32(p.u8())
	}
	if n == 11 {
		k.micro = p.u32()
	}
	if k.year > 9999 || k.month > 12 || k.day > 31 || k.outside() {
		c.bad = true
		return nil
	}
	text := fmt.Appendf(nil, "%04d-%02d-%02d", k.year, k.month, k.day)
	if !time {
		return text
	}
	text = fmt.Appendf(text, " %02d:%02d:%02d", k.hour, k.minute, k.second)
	if n == 11 {
		text = fmt.Appendf(text, ".%06d", k.micro)
	}
	return text
}

// readTime reads a TIME and gives its text.
func (c *cursor) readTime() []byte {
	p := cursor{p: c.take(int(c.u8()))}
	n := len(p.p)
	if n != 0 && n != 8 && n != 12 {
		c.bad = true
		return nil
	}
	if n == 0 {
		return []byte("00:00:00")
	}
	negative, days := p.u8(), p.u32()
	k := clock{hour: uint32(p.u8()), minute: uint32(p.u8()), second: uint32(p.u8())}
	if n == 12 {
		k.micro = p.u32()
	}
	hours := uint64(days)*24 + uint64(k.hour)
	if k.outside() || hours > maxHours {
		c.bad = true
		return nil
	}
	var text []byte
	if negative != 0 {
		text = append(text, '-')
	}
	if hours < 10 {
		text = append(text, '0')
	}
	text = strconv.AppendUint(text, hours, 10)
	text = fmt.Appendf(text, ":%02d:%02d", k.minute, k.second)
	if n == 12 {
		text = fmt.Appendf(text, ".%06d", k.micro)
	}
	return text
}
