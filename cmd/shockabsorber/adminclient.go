package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/proxy/admin"
)

// adminTimeout is how long the admin listener may take to answer.
const adminTimeout = 15 * time.Second

// maxAnswerBytes bounds the answer that is read.
const maxAnswerBytes = 256 << 20

// defaultAdmin is where the admin listener is unless the configuration says otherwise.
const defaultAdmin = "http://127.0.0.1:8080"

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
			return nil, usagef("--admin %q is not a URL such as %s", *at, defaultAdmin)
		}
		return &adminClient{
			url:   strings.TrimSuffix(u.String(), "/"),
			token: config.NewSecret(os.Getenv(*env)),
			http:  &http.Client{Timeout: adminTimeout},
		}, nil
	}
}

// get asks for a path; the answer is decoded into v, and returned as it came.
func (a *adminClient) get(ctx context.Context, path string, v any) ([]byte, error) {
	return a.do(ctx, http.MethodGet, path, nil, v)
}

// post sends what as JSON; otherwise it is get.
func (a *adminClient) post(ctx context.Context, path string, what, v any) ([]byte, error) {
	body, err := json.Marshal(what)
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	return a.do(ctx, http.MethodPost, path, body, v)
}

// do is one request.
func (a *adminClient) do(ctx context.Context, method, path string, send []byte, v any) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, a.url+path, bytes.NewReader(send))
	if err != nil {
		return nil, err
	}
	if send != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if !a.token.Empty() {
		req.Header.Set("Authorization", "Bearer "+a.token.Reveal())
	}
	res, err := a.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the admin listener (is [admin] listen set, and the proxy running?): %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s: %s", a.url, res.Status, strings.TrimSpace(string(body[:min(len(body), 500)])))
	}
	if err := json.Unmarshal(body, v); err != nil {
		return nil, fmt.Errorf("%s%s does not answer as this version expects: %w", a.url, path, err)
	}
	return body, nil
}

// status asks for /api/status; body is the answer as it came.
func (a *adminClient) status(ctx context.Context) (st admin.Status, body []byte, err error) {
	body, err = a.get(ctx, "/api/status", &st)
	return st, body, err
}

// backlog is the number of units that MySQL does not have yet.
func (a *adminClient) backlog(ctx context.Context) (int64, error) {
	st, _, err := a.status(ctx)
	return st.Backlog(), err
}

// whoAsks names the caller for the record.
func whoAsks() string {
	name := os.Getenv("USER")
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return name + "@" + host
}
