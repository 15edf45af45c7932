package row

import "time"

// The range of TIMESTAMP on every server version, whole seconds.
const (
	minTimestamp = 1
	maxTimestamp = 1<<31 - 1
)

// instant is the date and time of day as if they were UTC.
func instant(d date, t clock, loc *time.Location) time.Time {
	return time.Date(d.year, time.Month(d.month), d.day, t.hour, t.minute, t.second, t.micro*1000, loc)
}

// toUTC turns a date and time of day in loc into UTC, within TIMESTAMP's range.
// It is false where loc is nil, where the clock skips that time, and where it
// shows it twice: the servers choose one, with or without a warning.
func toUTC(d *date, t *clock, loc *time.Location) bool {
	if loc == nil {
		return false
	}
	wall := instant(*d, *t, time.UTC).Unix()
	at := instant(*d, *t, loc).Unix()
	if !shows(at, wall, loc) {
		return false
	}
	// A time is shown twice only if a change of offset is near.
	start, end := time.Unix(at, 0).In(loc).ZoneBounds()
	for _, edge := range [...]struct {
		when time.Time
		by   int64
	}{{start, -1}, {end, 0}} {
		if edge.when.IsZero() {
			continue
		}
		_, offset := time.Unix(edge.when.Unix()+edge.by, 0).In(loc).Zone()
		if other := wall - int64(offset); other != at && shows(other, wall, loc) {
			return false
		}
	}
	if at < minTimestamp || at > maxTimestamp {
		return false
	}
	*d, *t = split(time.Unix(at, int64(t.micro)*1000).UTC())
	return true
}

// shows reports whether a clock in loc shows the wall time, seconds as if in
// UTC, at that Unix time.
func shows(at, wall int64, loc *time.Location) bool {
	_, offset := time.Unix(at, 0).In(loc).Zone()
	return at+int64(offset) == wall
}

// split is the date and time of day of an instant in its own location.
func split(at time.Time) (date, clock) {
	y, m, d := at.Date()
	return date{y, int(m), d}, clock{hour: at.Hour(), minute: at.Minute(), second: at.Second(), micro: at.Nanosecond() / 1000}
}
