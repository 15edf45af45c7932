package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/proxy/admin"
)

// letterVerbs are the words behind `deadletters`, with whether an id follows.
var letterVerbs = map[string]bool{"list": false, "show": true, "retry": true, "discard": true, "edit": true}

// letterCall is one invocation of `deadletters`.
type letterCall struct {
	*call
	verb string
	id   uint64
	a    *adminClient
	raw  bool
	wait time.Duration
	set  []admin.LetterSet
}

// deadletters deals with dead letters.
func deadletters(ctx context.Context, c *call) error {
	l := &letterCall{call: c, verb: c.word()}
	needsID, known := letterVerbs[l.verb]
	wordID := ""
	if known && needsID {
		wordID = c.word()
	}
	client := adminFlags(c, defaultAdmin)
	c.flags.BoolVar(&l.raw, "json", false, "print the answer as it came")
	c.flags.DurationVar(&l.wait, "wait", time.Minute, "retry, discard, edit: how long to wait for the outcome")
	at := 0
	c.flags.Func("row", "edit: the `number` of the row that the values behind it are for, from 1 (default 1)", func(s string) (err error) {
		at, err = strconv.Atoi(s)
		return err
	})
	c.flags.Func("set", "edit: `column=value`; times in UTC, bytes as 0x..", func(s string) error {
		column, value, ok := strings.Cut(s, "=")
		if !ok || column == "" {
			return errors.New("give it as column=value")
		}
		l.set = append(l.set, admin.LetterSet{Row: at, Column: column, Value: &value})
		return nil
	})
	c.flags.Func("null", "edit: set this `column` to NULL", func(s string) error {
		l.set = append(l.set, admin.LetterSet{Row: at, Column: s})
		return nil
	})
	if err := c.parse(); err != nil {
		return err
	}
	if !known {
		return usagef("there are list, show, retry, discard and edit, not %q", l.verb)
	}
	var err error
	if l.id, err = strconv.ParseUint(wordID, 10, 64); needsID && err != nil {
		return usagef("%s needs the id of a dead letter, as `deadletters list` shows it", l.verb)
	}
	if (l.verb == "edit") != (len(l.set) > 0) {
		return usagef("edit, and only edit, takes --set column=value or --null column")
	}
	if l.a, err = client(); err != nil {
		return err
	}
	switch l.verb {
	case "list":
		return l.list(ctx)
	case "show":
		return l.show(ctx)
	}
	return l.ask(ctx)
}

// list prints all dead letters.
func (l *letterCall) list(ctx context.Context) error {
	var letters []admin.Letter
	body, err := l.a.get(ctx, "/api/deadletters", &letters)
	if err != nil {
		return err
	}
	if l.raw {
		_, err = l.stdout.Write(body)
		return err
	}
	w := tabwriter.NewWriter(l.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "ID\tLANE\tLSN\tSINCE\tTABLES\tROWS\tCODE\tEDITED\tCAUSE\n")
	for i := range letters {
		d := &letters[i]
		edited := "-"
		if d.Edited {
			edited = "yes"
		}
		fmt.Fprintf(w, "%d\t%s\t%d\t%s\t%s\t%d\t%d\t%s\t%s\n", d.ID, clean(string(d.Lane)), d.LSN, d.Created.UTC().Format(time.RFC3339), clean(d.Tables), d.Rows, d.Code, edited, clean(d.Cause))
	}
	return w.Flush()
}

// show prints one dead letter with its values.
func (l *letterCall) show(ctx context.Context) error {
	var d admin.LetterDetail
	body, err := l.a.get(ctx, fmt.Sprintf("/api/deadletters/%d", l.id), &d)
	if err != nil {
		return err
	}
	if l.raw {
		_, err = l.stdout.Write(body)
		return err
	}
	return printLetter(l.stdout, &d)
}

// printLetter writes a dead letter for people.
func printLetter(out io.Writer, d *admin.LetterDetail) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "dead letter %d: lane %s lsn %d, acknowledged %s, dead since %s\n", d.ID, clean(string(d.Lane)), d.LSN,
		d.Accepted.UTC().Format(time.RFC3339Nano), d.Created.UTC().Format(time.RFC3339))
	fmt.Fprintf(w, "cause: %s\n", clean(d.Cause))
	fmt.Fprintf(w, "retry applies lsn %s\nbehind it wait lsn %s\n", joinLSNs(d.Chain), joinLSNs(d.Behind))
	for i := range d.Images {
		r := &d.Images[i]
		fmt.Fprintf(w, "\nrow %d: %s of %s\n", i+1, r.Op, clean(r.Table))
		if r.Error != "" {
			fmt.Fprintf(w, "  cannot be applied: %s\n", clean(r.Error))
		} else {
			fmt.Fprintf(w, "  %s\n", clean(r.SQL))
		}
		for _, c := range r.Columns {
			mark := ""
			if c.Changed {
				mark = "(set)"
			}
			fmt.Fprintf(w, "  %s\t%s\t%s\n", clean(c.Name), orNull(c.Value), mark)
		}
	}
	for _, e := range d.Edits {
		fmt.Fprintf(w, "\nedited %s by %s: row %d, %s from %s to %s\n", e.At.UTC().Format(time.RFC3339), clean(e.By), e.Row, clean(e.Column), orNull(e.From), orNull(e.To))
	}
	return w.Flush()
}

// joinLSNs lists LSNs.
func joinLSNs(lsns []row.LSN) string {
	if len(lsns) == 0 {
		return "-"
	}
	var out []string
	for _, n := range lsns {
		out = append(out, n.String())
	}
	return strings.Join(out, ", ")
}

// orNull prints a value; a text is quoted, so that it differs from NULL.
func orNull(v *string) string {
	if v == nil {
		return "NULL"
	}
	return strconv.Quote(*v)
}

// ask sends a request and waits for its outcome.
func (l *letterCall) ask(ctx context.Context) error {
	var r admin.Request
	body, err := l.a.post(ctx, fmt.Sprintf("/api/deadletters/%d/%s", l.id, l.verb), admin.Ask{By: whoAsks(), Set: l.set}, &r)
	if err != nil {
		return err
	}
	return l.outcome(ctx, l.a, &r, body, l.wait, l.raw)
}

// outcome waits for what comes of a request, and prints it. body is the answer
// that r was read from.
func (c *call) outcome(ctx context.Context, a *adminClient, r *admin.Request, body []byte, wait time.Duration, raw bool) (err error) {
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	look := time.NewTicker(250 * time.Millisecond)
	defer look.Stop()
	for waiting := true; waiting && !r.Over(); {
		select {
		case <-look.C:
			if body, err = a.get(ctx, fmt.Sprintf("/api/requests/%d", r.ID), r); err != nil {
				return fmt.Errorf("request %d was accepted; its outcome is not known: %w", r.ID, err)
			}
		case <-deadline.C:
			waiting = false
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if raw {
		if _, err := c.stdout.Write(body); err != nil {
			return err
		}
	} else if slices.Contains([]string{"done", "applied"}, r.State) {
		_, err = fmt.Fprintf(c.stdout, "%s\n", clean(r.Result))
		return err
	}
	switch r.State {
	case "done", "applied":
		return nil
	case "failed":
		return fmt.Errorf("nothing was changed: %s", r.Result)
	}
	return fmt.Errorf("request %d is still open and will be done when it can be: %s", r.ID, r.Result)
}
