package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/spike"
)

// display shows progress: one line that is rewritten on a terminal, else a
// line each second.
type display struct {
	out   io.Writer
	tty   bool
	every time.Duration
	last  spike.Progress
	shown bool
}

// newDisplay looks whether out is a terminal.
func newDisplay(out io.Writer) *display {
	d := &display{out: out, every: time.Second}
	if f, ok := out.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			d.tty, d.every = true, 250*time.Millisecond
		}
	}
	return d
}

// progress shows p with the rates since the last one.
func (d *display) progress(p spike.Progress) {
	since := (p.Elapsed - d.last.Elapsed).Seconds()
	in, drained := 0.0, 0.0
	if d.shown && since > 0 {
		in = float64(p.Accepted-d.last.Accepted) / since
		drained = float64(max(p.InMySQL, 0)-max(d.last.InMySQL, 0)) / since
	}
	line := fmt.Sprintf("%6.1f s   accepted %6d (%5.0f/s)   in MySQL %6d (%5.0f/s)   backlog %6d",
		p.Elapsed.Seconds(), p.Accepted, in, max(p.InMySQL, 0), drained, max(p.Backlog, 0))
	if p.Failed > 0 {
		line += fmt.Sprintf("   failed %d", p.Failed)
	}
	d.last, d.shown = p, true
	if d.tty {
		fmt.Fprintf(d.out, "\r\x1b[K%s", line)
		return
	}
	fmt.Fprintln(d.out, line)
}

// end leaves the line that is rewritten.
func (d *display) end() {
	if d.tty {
		fmt.Fprintln(d.out)
	}
	fmt.Fprintln(d.out)
}
