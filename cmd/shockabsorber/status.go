package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/rzpsarthak13/shock-absorber/proxy/admin"
)

// status prints the state of a running proxy.
func status(ctx context.Context, c *call) error {
	client := adminFlags(c, defaultAdmin)
	raw := c.flags.Bool("json", false, "print the answer as it came")
	if err := c.parse(); err != nil {
		return err
	}
	a, err := client()
	if err != nil {
		return err
	}
	st, body, err := a.status(ctx)
	if err != nil {
		return err
	}
	if *raw {
		_, err = c.stdout.Write(body)
		return err
	}
	return printStatus(c.stdout, &st)
}

// printStatus writes st as tables for people.
func printStatus(out io.Writer, st *admin.Status) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	uptime := time.Duration(st.Uptime * float64(time.Second)).Round(time.Second)
	fmt.Fprintf(w, "version %s, mode %s, up %s, backlog %d\n", st.Version, st.Mode, uptime, st.Backlog())
	fmt.Fprint(w, "\nLANE\tSTATE\tLSN\tCHECKPOINT\tBACKLOG\tROWS/S\tETA\tDEAD\tOWNER\tEPOCH\n")
	for i := range st.Lanes {
		l := &st.Lanes[i]
		eta := "-"
		if l.ETA != nil {
			eta = time.Duration(*l.ETA * float64(time.Second)).Round(time.Second).String()
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%.1f\t%s\t%d\t%s\t%d\n",
			clean(string(l.Name)), clean(l.State), l.LSN, l.Checkpoint, l.Backlog, l.Rate, eta, l.DeadLetters, dash(l.Owner), l.Epoch)
	}
	for i := range st.Lanes {
		if e := st.Lanes[i].LastError; e != "" {
			fmt.Fprintf(w, "  last error of %s: %s\n", clean(string(st.Lanes[i].Name)), clean(e))
		}
	}
	fmt.Fprint(w, "\nTABLE\tABSORBED\tPENDING\tLANE\tGATE\tBECAUSE\n")
	for i := range st.Tables {
		t := &st.Tables[i]
		absorbed := "no"
		if t.Absorbed {
			absorbed = "yes"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", clean(t.Name), absorbed, t.Pending, dash(string(t.Lane)), dash(t.Gate), clean(t.Explain))
	}
	fmt.Fprint(w, "\nNOT ABSORBED BECAUSE\tSTATEMENTS\n")
	for _, r := range st.Reasons {
		fmt.Fprintf(w, "%s\t%d\n", clean(r.Reason), r.Count)
	}
	if len(st.Transactions) > 0 {
		fmt.Fprint(w, "\nTRANSACTIONS\tBECAUSE\tCOUNT\n")
		for _, t := range st.Transactions {
			fmt.Fprintf(w, "%s\t%s\t%d\n", clean(t.Verb), dash(t.Reason), t.Count)
		}
	}
	fmt.Fprint(w, "\nSESSION\tUSER\tFROM\tAT MYSQL\n")
	for _, c := range st.Sessions {
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\n", c.ID, clean(c.User), dash(c.Remote), c.BackendID)
	}
	return w.Flush()
}

// dash stands for an empty cell.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return clean(s)
}

// clean keeps control characters, which others may have chosen, off the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}
