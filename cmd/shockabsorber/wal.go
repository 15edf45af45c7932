package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/proxy/admin"
)

// walCommand is `wal dump`.
func walCommand(ctx context.Context, c *call) error {
	if verb := c.word(); verb != "dump" && (verb != "" || len(c.args) == 0) {
		return usagef("there is `wal dump`, not `wal %s`", verb)
	}
	client := adminFlags(c, defaultAdmin)
	lane := c.flags.String("lane", "", "`name` of the lane; the first one if it is not given")
	after := c.flags.Uint64("after", 0, "begin behind this `LSN`")
	limit := c.flags.Int("limit", 0, "print at most this `number` of units; 0 = all")
	raw := c.flags.Bool("json", false, "print the answers as they came")
	if err := c.parse(); err != nil {
		return err
	}
	a, err := client()
	if err != nil {
		return err
	}
	if !*raw {
		fmt.Fprintf(c.stdout, "-- Acknowledged writes that MySQL does not have yet. The proxy still owns them: if\n-- these statements are executed by hand, it will not know, and send them again.\n%s;\n", sink.TextSetup)
	}
	for printed := 0; ; {
		q := url.Values{"lane": {*lane}, "after": {row.LSN(*after).String()}}
		if *limit > 0 {
			q.Set("limit", fmt.Sprint(*limit-printed))
		}
		var page admin.Dump
		body, err := a.get(ctx, "/api/wal?"+q.Encode(), &page)
		if err != nil {
			return err
		}
		if *raw {
			_, err = c.stdout.Write(body)
		} else {
			err = printUnits(c.stdout, &page)
		}
		if err != nil {
			return err
		}
		printed += len(page.Units)
		if !page.More || *limit > 0 && printed >= *limit {
			return nil
		}
		*after = uint64(page.Next)
	}
}

// printUnits writes a page as SQL.
func printUnits(w io.Writer, page *admin.Dump) error {
	for i := range page.Units {
		u := &page.Units[i]
		if _, err := fmt.Fprintf(w, "\n-- lane %s lsn %d, acknowledged %s\n", clean(string(page.Lane)), u.LSN, u.Accepted.UTC().Format(time.RFC3339Nano)); err != nil {
			return err
		}
		if u.Error != "" {
			if _, err := fmt.Fprintf(w, "-- cannot be printed: %s\n", clean(u.Error)); err != nil {
				return err
			}
			continue
		}
		text := "BEGIN;\n"
		for _, sql := range u.SQL {
			text += sql + ";\n"
		}
		if _, err := io.WriteString(w, text+"COMMIT;\n"); err != nil {
			return err
		}
	}
	return nil
}
