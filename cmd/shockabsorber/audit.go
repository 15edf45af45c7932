package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/audit"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/daemon"
)

// exitError ends the program with a code of its own. Without err nothing more
// is printed.
type exitError struct {
	code int
	err  error
}

// Error gives the cause.
func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

// Unwrap gives the cause.
func (e *exitError) Unwrap() error { return e.err }

// auditCommand compares checkpoint, log, queue, row cache and MySQL. Its exit
// code is 0 if they agree, 1 if not, 2 if it could not look.
func auditCommand(ctx context.Context, c *call) error {
	rate := c.flags.Float64("rate", 2000, "look at so many rows, units and records a `second`; 0 = unlimited")
	grace := c.flags.Duration("grace", audit.DefaultGrace, "`time` between the two looks at a suspect; longer than a takeover of a lane")
	raw := c.flags.Bool("json", false, "print the report as JSON")
	cfg, err := c.config()
	if err != nil {
		return err
	}
	if *rate < 0 || *grace <= 0 {
		return usagef("--rate must not be negative, and --grace must be above 0")
	}
	report, err := daemon.Audit(ctx, cfg, audit.Options{Rate: *rate, Grace: *grace})
	if err != nil {
		return &exitError{exitUsage, fmt.Errorf("could not look: %w", err)}
	}
	if *raw {
		e := json.NewEncoder(c.stdout)
		e.SetIndent("", "  ")
		err = e.Encode(report)
	} else {
		err = printAudit(c.stdout, report)
	}
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if len(report.Findings) > 0 {
		return &exitError{code: exitFailed}
	}
	return nil
}

// printAudit writes a report for people.
func printAudit(w io.Writer, r *audit.Report) error {
	var errs []error
	line := func(format string, args ...any) {
		_, err := fmt.Fprintf(w, format+"\n", args...)
		errs = append(errs, err)
	}
	for _, f := range r.Findings {
		place := "lane " + clean(string(f.Lane))
		if f.Table != "" {
			place += ", table " + clean(f.Table)
		}
		if f.Key != "" {
			place += ", " + clean(f.Key)
		}
		if f.LSN != 0 {
			place += fmt.Sprintf(", lsn %d", f.LSN)
		}
		line("%s: %s: %s", f.Kind, place, clean(f.Detail))
	}
	for _, text := range r.Remarks {
		line("note: %s", clean(text))
	}
	var looked []string
	for _, what := range slices.Sorted(maps.Keys(r.Looked)) {
		looked = append(looked, fmt.Sprintf("%d %s", r.Looked[what], what))
	}
	line("looked at %s", strings.Join(looked, ", "))
	if n := len(r.Findings) + r.More; n > 0 {
		line("%d disagreements, %d of them shown", n, len(r.Findings))
	} else {
		line("no disagreements")
	}
	return errors.Join(errs...)
}
