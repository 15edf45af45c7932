package config

import "time"

// Duration is a length of time written as Go does: "100ms", "30s", "1h30m".
//
// It is a struct so that the decoder cannot take a bare number for it, which
// would be nanoseconds. The decoder knows no line for what UnmarshalText says
// of a number, so text that is no duration is kept and validate complains.
type Duration struct {
	time.Duration
	wrong string
}

// UnmarshalText reads a duration.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration{Duration: v}
	if err != nil {
		*d = Duration{wrong: string(text)}
	}
	return nil
}

// validate reports text that is no duration, and a duration below least.
func (d Duration) validate(report reporter, key string, least time.Duration) {
	switch {
	case d.wrong != "":
		report(key, "%s is not a duration: write a number and a unit in quotes, such as \"100ms\", \"30s\" or \"1h\"", d.wrong)
	case d.Duration < least:
		report(key, "%v is less than %v", d.Duration, least)
	}
}
