package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/proxy/admin"
)

// adminTimeout is how long the admin listener may take to answer.
const adminTimeout = 15 * time.Second

// maxStatusBytes bounds the answer that is read.
const maxStatusBytes = 64 << 20

// adminClient asks a proxy's admin listener.
type adminClient struct {
	url   string
	token config.Secret
	http  *http.Client
}

// adminFlags adds --admin and --token-env to a command; the function gives
// the client once the flags are parsed. A token is not taken as an argument's
// value: every user of the machine could read it in the process list.
func adminFlags(c *call, address string) func() (*adminClient, error) {
	at := c.flags.String("admin", address, "`URL` of the proxy's admin listener")
	env := c.flags.String("token-env", "SHOCK_ABSORBER_ADMIN_TOKEN", "environment `variable` that holds the admin token")
	return func() (*adminClient, error) {
		raw := *at
		if raw != "" && !strings.Contains(raw, "://") {
			raw = "http://" + raw
		}
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, usagef("--admin %q is not a URL such as http://127.0.0.1:8080", *at)
		}
		return &adminClient{
			url:   strings.TrimSuffix(u.String(), "/"),
			token: config.NewSecret(os.Getenv(*env)),
			http:  &http.Client{Timeout: adminTimeout},
		}, nil
	}
}

// status asks for /api/status; body is the answer as it came.
func (a *adminClient) status(ctx context.Context) (st admin.Status, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+"/api/status", nil)
	if err != nil {
		return st, nil, err
	}
	if !a.token.Empty() {
		req.Header.Set("Authorization", "Bearer "+a.token.Reveal())
	}
	res, err := a.http.Do(req)
	if err != nil {
		return st, nil, fmt.Errorf("ask the admin listener (is [admin] listen set, and the proxy running?): %w", err)
	}
	defer res.Body.Close()
	body, err = io.ReadAll(io.LimitReader(res.Body, maxStatusBytes))
	if err != nil {
		return st, nil, fmt.Errorf("read the status: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return st, nil, fmt.Errorf("%s answers %s: %s", a.url, res.Status, strings.TrimSpace(string(body[:min(len(body), 500)])))
	}
	if err := json.Unmarshal(body, &st); err != nil {
		return st, nil, fmt.Errorf("%s/api/status does not answer with a status: %w", a.url, err)
	}
	return st, body, nil
}

// backlog is the number of units that MySQL does not have yet.
func (a *adminClient) backlog(ctx context.Context) (int64, error) {
	st, _, err := a.status(ctx)
	return st.Backlog(), err
}

// status prints the state of a running proxy.
func status(ctx context.Context, c *call) error {
	client := adminFlags(c, "http://127.0.0.1:8080")
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
