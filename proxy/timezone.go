package proxy

import (
	"strconv"
	"time"
)

// systemZone is the name of the server's own time zone if its clock is that of UTC,
// else "". The name alone does not say: @@system_time_zone is the abbreviation that
// was in use when the server started, which is GMT in London's winter and in
// TZ=GMT-3. Of all zones of the tz database called UTC or GMT each that was not
// always UTC since 1970 is told by one of these days.
const systemZone = "IF(CONVERT_TZ('1971-01-15', 'SYSTEM', '+00:00') = '1971-01-15' AND CONVERT_TZ('1971-07-15', 'SYSTEM', '+00:00') = '1971-07-15' " +
	"AND CONVERT_TZ('2018-07-15', 'SYSTEM', '+00:00') = '2018-07-15' AND CONVERT_TZ('2026-01-15', 'SYSTEM', '+00:00') = '2026-01-15' " +
	"AND CONVERT_TZ('2026-07-15', 'SYSTEM', '+00:00') = '2026-07-15', @@system_time_zone, '')"

// parseZone is the location of time_zone. Named zones are MySQL's tables,
// which may differ from those of this machine, so only fixed offsets and UTC
// are computed here; everything else is nil. system is what systemZone gives.
func parseZone(zone, system string) *time.Location {
	if zone == "SYSTEM" {
		zone = system
	}
	switch zone {
	case "UTC", "GMT", "Etc/UTC", "+00:00", "-00:00":
		return time.UTC
	}
	if len(zone) != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':' {
		return nil
	}
	h, herr := strconv.Atoi(zone[1:3])
	m, merr := strconv.Atoi(zone[4:])
	if herr != nil || merr != nil {
		return nil
	}
	seconds := h*3600 + m*60
	if zone[0] == '-' {
		seconds = -seconds
	}
	return time.FixedZone(zone, seconds)
}
