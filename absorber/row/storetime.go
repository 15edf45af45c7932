package row

import "github.com/rzpsarthak13/shock-absorber/absorber/schema"

// valid reports whether a DATE or DATETIME may hold the date under the mode
// without a word. An impossible day such as 31 April needs
// ALLOW_INVALID_DATES.
func (d date) valid(m *StoreMode) bool {
	if d == (date{}) {
		return !m.NoZeroDate
	}
	if d.month == 0 || d.day == 0 {
		return !m.NoZeroInDate
	}
	return m.AllowInvalidDates || d.day <= daysIn(d.year, d.month)
}

// real reports whether the date is in the calendar.
func (d date) real() bool {
	return d.month > 0 && d.day > 0 && d.day <= daysIn(d.year, d.month)
}

// dateAndClock reads 'YYYY-MM-DD' or 'YYYY-MM-DD HH:MM:SS[.fraction]', with a
// T for the blank too where the value came as text.
func dateAndClock(v Value) (d date, t clock, ok bool) {
	switch v.Kind {
	case KindString, KindDate, KindDatetime:
	default:
		return d, t, false
	}
	s := v.Text
	if d, ok = parseDate(s); !ok || len(s) == 10 {
		return d, t, ok
	}
	if s[10] != ' ' && (s[10] != 'T' || v.Kind != KindString) {
		return d, t, false
	}
	t, ok = parseClock(s[11:])
	return d, t, ok
}

// storeDate takes a date, or a date with the time of day at zero.
func storeDate(v Value, m *StoreMode) ([]byte, bool) {
	d, t, ok := dateAndClock(v)
	if !ok || t.total() != 0 || !d.valid(m) {
		return nil, false
	}
	return d.appendTo(make([]byte, 0, 10)), true
}

// storeDatetime takes a date with or without a time of day for DATETIME and
// TIMESTAMP columns.
func storeDatetime(c *schema.Column, v Value, m *StoreMode) ([]byte, bool) {
	d, t, ok := dateAndClock(v)
	if !ok || !d.valid(m) {
		return nil, false
	}
	if d == (date{}) && t.total() != 0 {
		return nil, false
	}
	carry, ok := t.cut(c.Fsp, m)
	if !ok || carry && (!d.real() || !nextSecond(&d, &t)) {
		return nil, false
	}
	if c.Type == schema.Timestamp {
		if d != (date{}) {
			if !d.real() {
				return nil, false
			}
			if ok = toUTC(&d, &t, m.Location); !ok {
				return nil, false
			}
		}
	}
	out := make([]byte, 0, len(zeroDatetime)+7)
	return t.appendTo(append(d.appendTo(out), ' '), c.Fsp), true
}

// cut brings the fraction to fsp digits: MySQL rounds, MariaDB truncates, modes
// turn that round. carry says that a whole second has to be added.
func (t *clock) cut(fsp int, m *StoreMode) (carry, ok bool) {
	if fsp < 0 || fsp > 6 {
		return false, false
	}
	unit := powers[fsp]
	rest := t.micro % unit
	t.micro -= rest
	rounds := m.Dialect == schema.MySQL && !m.TimeTruncateFractional ||
		m.Dialect == schema.MariaDB && m.TimeRoundFractional
	if rounds && 2*rest >= unit {
		t.micro += unit
		if t.micro == 1e6 {
			t.micro = 0
			return true, true
		}
	}
	return false, true
}

// storeTime takes '[-]HH[H]:MM:SS[.fraction]'.
func storeTime(c *schema.Column, v Value, m *StoreMode) ([]byte, bool) {
	if v.Kind != KindString && v.Kind != KindTime {
		return nil, false
	}
	t, ok := parseTime(v.Text)
	if !ok || t.hour == 838 && t.minute == 59 && t.second == 59 && t.micro != 0 {
		return nil, false
	}
	carry, ok := t.cut(c.Fsp, m)
	if !ok || t.negative && (carry || t.total() == 0) {
		return nil, false
	}
	if carry {
		if t.second++; t.second == 60 {
			t.second = 0
			t.minute++
		}
		if t.minute == 60 {
			t.minute = 0
			t.hour++
		}
		if t.hour > 838 {
			return nil, false
		}
	}
	return t.appendTo(make([]byte, 0, 17), c.Fsp), true
}
