package spike

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Report is what a run found.
type Report struct {
	Rows     int // that should have been sent
	Accepted int64
	Failed   int64
	Errors   map[string]int // error text -> rows
	SendTime time.Duration
	Ack      Latency // from when a statement was due until its answer

	Read     int64 // rows read back through the proxy
	ReadTime Latency
	Stale    int64 // read back, but not there or not as written
	Unread   int64 // reads that failed

	// Verified says that the rows were waited for and compared; the figures
	// below mean nothing without it.
	Verified  bool
	Stalled   error         // not nil: waiting was given up
	DrainTime time.Duration // from the first statement until MySQL had the last row
	Lost      int64         // acknowledged, not in MySQL
	Wrong     int64         // in MySQL with another content
	Extra     int64         // answered with an error, but in MySQL
	// Peak is the most rows seen to reach MySQL within one second; 0 if MySQL
	// was not asked often enough to tell.
	Peak int64

	Complaints []string // what was wrong first, in words
}

// OK reports whether every row was accepted, read back right, and found
// unchanged in MySQL (if that was looked at).
func (r *Report) OK() bool {
	return r.Accepted == int64(r.Rows) && r.Failed == 0 && r.Stale == 0 && r.Unread == 0 &&
		r.Stalled == nil && r.Lost == 0 && r.Wrong == 0
}

// fill takes the figures over from the parts of a run.
func (r *run) fill(rep *Report) {
	rep.Accepted, rep.Failed = r.send.accepted.Load(), r.send.failed.Load()
	rep.Errors = r.send.errors
	rep.Ack, rep.ReadTime = r.send.ack.latency(), r.read.latency.latency()
	rep.Read, rep.Stale, rep.Unread = r.read.read.Load(), r.read.stale.Load(), r.read.errors.Load()
	if r.cfg.Watch <= r.watch.peak.window/5 {
		rep.Peak = r.watch.peak.most
	}
	if s := r.read.first.Load(); s != nil {
		rep.Complaints = append(rep.Complaints, "through the proxy: "+*s)
	}
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) {
	line := func(label, format string, args ...any) {
		fmt.Fprintf(w, "  %-16s %s\n", label, fmt.Sprintf(format, args...))
	}
	line("accepted", "%d of %d rows in %s", r.Accepted, r.Rows, seconds(r.SendTime))
	line("failed", "%d", r.Failed)
	for _, text := range slices.Sorted(maps.Keys(r.Errors)) {
		line("", "%d x %s", r.Errors[text], text)
	}
	line("acknowledged in", "%s", r.Ack)
	line("read back", "%d rows, %d stale, %d errors, in %s", r.Read, r.Stale, r.Unread, r.ReadTime)
	if r.Verified {
		line("in MySQL after", "%s", seconds(r.DrainTime))
		if r.Peak > 0 {
			line("highest rate", "%d rows reached MySQL within one second", r.Peak)
		}
		line("lost", "%d", r.Lost)
		line("wrong", "%d", r.Wrong)
		if r.Extra > 0 {
			line("unacknowledged", "%d rows were answered with an error and are in MySQL", r.Extra)
		}
	} else {
		line("in MySQL", "not looked at")
	}
	if r.Stalled != nil {
		line("gave up", "%v", r.Stalled)
	}
	for _, c := range r.Complaints {
		line("first complaint", "%s", c)
	}
}

// String prints the distribution on one line.
func (l Latency) String() string {
	return fmt.Sprintf("p50 %s  p90 %s  p99 %s  max %s", millis(l.P50), millis(l.P90), millis(l.P99), millis(l.Max))
}

// String prints the progress on one line.
func (p Progress) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-5s %6.1f s   accepted %d", p.Phase, p.Elapsed.Seconds(), p.Accepted)
	if p.Failed > 0 {
		fmt.Fprintf(&b, "   failed %d", p.Failed)
	}
	if p.InMySQL >= 0 {
		fmt.Fprintf(&b, "   in MySQL %d", p.InMySQL)
	}
	if p.Backlog >= 0 {
		fmt.Fprintf(&b, "   backlog %d", p.Backlog)
	}
	return b.String()
}

// millis prints a latency with the digits that mean something.
func millis(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

// seconds prints a longer time.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
