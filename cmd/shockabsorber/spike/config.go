package spike

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"regexp"
	"time"
)

// Config says what to send and where to look. Zero values mean the defaults
// of Defaults.
type Config struct {
	Proxy *sql.DB // where rows are inserted and read back
	// Direct is MySQL itself; nil = not asked.
	Direct *sql.DB
	// Backlog tells how many units MySQL does not have yet; nil = unknown.
	Backlog func(context.Context) (int64, error)

	Run         string        // names this run's rows; lower-case letters and digits
	Table       string        // created if absent
	Rate        float64       // rows per second
	Duration    time.Duration // of the sending
	Connections int           // inserting at the same time
	Batch       int           // rows per INSERT
	Watch       time.Duration // how often Direct or Backlog is asked
	Stall       time.Duration // give up waiting when nothing has moved for so long
	// Progress is called once per Every, from one goroutine, and once at the end of a phase.
	Progress func(Progress)
	Every    time.Duration
}

// Progress is how far a run is.
type Progress struct {
	Phase    string // "send", "read", "drain"
	Elapsed  time.Duration
	Accepted int64 // rows acknowledged
	Failed   int64 // rows answered with an error
	InMySQL  int64 // rows seen in MySQL; -1 = not asked
	Backlog  int64 // units (or, without an admin address, rows) on their way; -1 = unknown
}

// identifier is what a table or run may be called, so that it needs no quoting.
var identifier = regexp.MustCompile(`^[A-Za-z0-9_]{1,32}$`)

// maxRows bounds a run: row states are kept in memory, one byte each.
const maxRows = 100_000_000

// Defaults fills in what is zero and refuses what cannot be sent.
func (c *Config) Defaults() error {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&c.Watch, time.Second)
	set(&c.Stall, time.Minute)
	set(&c.Every, time.Second)
	if c.Table == "" {
		c.Table = "payments"
	}
	if c.Connections == 0 {
		c.Connections = 32
	}
	if c.Batch == 0 {
		c.Batch = 1
	}
	if c.Progress == nil {
		c.Progress = func(Progress) {}
	}
	switch {
	case !(c.Rate > 0) || math.IsInf(c.Rate, 0):
		return fmt.Errorf("rate %v: rows per second must be above 0", c.Rate)
	case c.Duration <= 0:
		return fmt.Errorf("duration %v: must be above 0", c.Duration)
	case c.Rate*c.Duration.Seconds() > maxRows:
		return fmt.Errorf("%v rows per second for %v are more than %d rows", c.Rate, c.Duration, maxRows)
	case c.Connections < 1 || c.Batch < 1 || c.Batch > 1000:
		return fmt.Errorf("connections %d, batch %d: at least 1, and a batch of at most 1000 rows", c.Connections, c.Batch)
	case c.Watch < 0 || c.Stall < 0 || c.Every < 0:
		return fmt.Errorf("durations cannot be negative")
	case !identifier.MatchString(c.Table) || !identifier.MatchString(c.Run):
		return fmt.Errorf("table %q, run %q: letters, digits and _ only, at most 32", c.Table, c.Run)
	}
	return nil
}

// rows is how many rows a run sends: whole batches.
func (c *Config) rows() int {
	batches := math.Ceil(c.Rate * c.Duration.Seconds() / float64(c.Batch))
	return max(1, int(batches)) * c.Batch
}
