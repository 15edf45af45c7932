package row

import "strconv"

const (
	zeroDate     = "0000-00-00"
	zeroDatetime = "0000-00-00 00:00:00"
)

// powers are the microseconds of one unit of the last digit kept, by fsp.
var powers = [...]int{1000000, 100000, 10000, 1000, 100, 10, 1}

// date is a calendar date; month and day may be 0.
type date struct{ year, month, day int }

// clock is a time of day or a TIME; digits counts the fraction's digits in the
// text it was read from.
type clock struct {
	negative             bool
	hour, minute, second int
	micro                int
	digits               int
}

// total is the clock as signed microseconds.
func (t clock) total() int64 {
	us := (int64(t.hour*60+t.minute)*60+int64(t.second))*1e6 + int64(t.micro)
	if t.negative {
		return -us
	}
	return us
}

// twoDigits reads two decimal digits; -1 if they are none.
func twoDigits(s []byte) int {
	if s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9' {
		return -1
	}
	return int(s[0]-'0')*10 + int(s[1]-'0')
}

// parseDate reads 'YYYY-MM-DD' at the start of s, months 0-12 and days 0-31.
func parseDate(s []byte) (d date, ok bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return d, false
	}
	hi, lo := twoDigits(s), twoDigits(s[2:])
	d = date{hi*100 + lo, twoDigits(s[5:]), twoDigits(s[8:])}
	return d, hi >= 0 && lo >= 0 && d.month >= 0 && d.month <= 12 && d.day >= 0 && d.day <= 31
}

// parseClock reads 'HH:MM:SS[.fraction]' with 1 to 6 digits and nothing after.
func parseClock(s []byte) (t clock, ok bool) {
	if len(s) < 8 || s[2] != ':' || s[5] != ':' {
		return t, false
	}
	t.hour, t.minute, t.second = twoDigits(s), twoDigits(s[3:]), twoDigits(s[6:])
	if t.hour < 0 || t.hour > 23 || t.minute < 0 || t.minute > 59 || t.second < 0 || t.second > 59 {
		return t, false
	}
	return t, t.fraction(s[8:])
}

// fraction reads ” or '.' and 1 to 6 digits.
func (t *clock) fraction(s []byte) bool {
	if len(s) == 0 {
		return true
	}
	if s[0] != '.' || len(s) == 1 || len(s) > 7 || !allDigits(s[1:]) {
		return false
	}
	t.digits = len(s) - 1
	for _, c := range s[1:] {
		t.micro = t.micro*10 + int(c-'0')
	}
	t.micro *= powers[t.digits]
	return true
}

// parseTime reads '[-]HH[H]:MM:SS[.fraction]' within TIME's range.
func parseTime(s []byte) (t clock, ok bool) {
	negative := len(s) > 0 && s[0] == '-'
	if negative {
		s = s[1:]
	}
	hundreds := 0
	if len(s) > 3 && s[3] == ':' {
		if s[0] < '0' || s[0] > '8' {
			return t, false
		}
		hundreds = int(s[0]-'0') * 100
		s = s[1:]
	}
	if len(s) < 8 || s[2] != ':' || s[5] != ':' {
		return t, false
	}
	t = clock{negative: negative, hour: twoDigits(s), minute: twoDigits(s[3:]), second: twoDigits(s[6:])}
	if t.hour < 0 || t.minute < 0 || t.minute > 59 || t.second < 0 || t.second > 59 {
		return t, false
	}
	t.hour += hundreds
	return t, t.fraction(s[8:]) && t.hour <= 838
}

// daysIn is the number of days of a month, 1 to 12. To the servers the year 0
// is no leap year.
func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0 && year > 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// nextSecond adds one second to a valid date and time of day. It is false past
// the year 9999.
func nextSecond(d *date, t *clock) bool {
	t.second++
	if t.second < 60 {
		return true
	}
	t.second = 0
	if t.minute++; t.minute < 60 {
		return true
	}
	t.minute = 0
	if t.hour++; t.hour < 24 {
		return true
	}
	t.hour = 0
	if d.day++; d.day <= daysIn(d.year, d.month) {
		return true
	}
	d.day = 1
	if d.month++; d.month <= 12 {
		return true
	}
	d.month = 1
	d.year++
	return d.year <= 9999
}

// fractionSize is the length of a fraction of that many digits, with its point.
func fractionSize(fsp int) int {
	if fsp == 0 {
		return 0
	}
	return fsp + 1
}

// appendTwo appends n, 0 to 99, with two digits.
func appendTwo(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// appendTo appends 'YYYY-MM-DD'.
func (d date) appendTo(dst []byte) []byte {
	dst = appendTwo(appendTwo(dst, d.year/100), d.year%100)
	dst = appendTwo(append(dst, '-'), d.month)
	return appendTwo(append(dst, '-'), d.day)
}

// appendTo appends '[-]HH:MM:SS' and fsp digits of the fraction.
func (t clock) appendTo(dst []byte, fsp int) []byte {
	if t.negative {
		dst = append(dst, '-')
	}
	if t.hour > 99 {
		dst = strconv.AppendInt(dst, int64(t.hour), 10)
	} else {
		dst = appendTwo(dst, t.hour)
	}
	dst = appendTwo(append(dst, ':'), t.minute)
	dst = appendTwo(append(dst, ':'), t.second)
	if fsp > 0 {
		dst = append(dst, '.')
		for unit := 100000; fsp > 0; fsp-- {
			dst = append(dst, byte('0'+t.micro/unit%10))
			unit /= 10
		}
	}
	return dst
}
