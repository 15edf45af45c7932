package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/proxy/admin"
)

// shell runs a command line.
func shell(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = dispatch(t.Context(), args, &out, &err)
	return code, out.String(), err.String()
}

// write puts a configuration into a file.
func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExitCodes(t *testing.T) {
	bad := write(t, "[[users]]\nname = \"app\"\npassword = \"hushhush\"\n[proxy]\nlisten = \"127.0.0.1:0\"\nnothing = 1\n")
	invalid := write(t, "[writeback]\ndrain_rate = 0\n")
	// Valid, but nothing listens there.
	dead := write(t, "[[users]]\nname = \"app\"\npassword = \"hushhush\"\n[proxy]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"\"\n"+
		"[database]\nport = 1\n[kvstore]\nendpoints = [\"127.0.0.1:1\"]\n")
	dsn := "user:hushhush@tcp(127.0.0.1:1)/db?timeout=1s"
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{nil, exitUsage, "Usage:"},
		{[]string{"help"}, exitOK, ""},
		{[]string{"--help"}, exitOK, ""},
		{[]string{"version"}, exitOK, ""},
		{[]string{"--version"}, exitOK, ""},
		{[]string{"version", "x"}, exitUsage, "unexpected argument"},
		{[]string{"fly"}, exitUsage, `no command "fly"`},
		{[]string{"--nothing"}, exitUsage, "not defined"},
		{[]string{"serve", "--help"}, exitOK, ""},
		{[]string{"--config", "/nonexistent.toml"}, exitUsage, "no such file"},
		{[]string{"--config", bad}, exitUsage, bad + ":6: proxy.nothing: there is no such key"},
		{[]string{"check", "--config", bad}, exitUsage, bad + ":6: proxy.nothing"},
		{[]string{"drain", "--config", invalid}, exitUsage, invalid + ":2: writeback.drain_rate"},
		{[]string{"serve", "--config", dead}, exitFailed, "127.0.0.1:1"},
		{[]string{"drain", "--config", dead}, exitFailed, "127.0.0.1:1"},
		{[]string{"check", "--config", dead}, exitFailed, "127.0.0.1:1"},
		{[]string{"load"}, exitUsage, "--dsn is missing"},
		{[]string{"load", "--dsn", "hushhush"}, exitUsage, "must look like"},
		{[]string{"load", "--dsn", "u:hushhush@tcp(127.0.0.1:1)/"}, exitUsage, "must look like"},
		{[]string{"load", "--dsn", dsn}, exitUsage, "rate 0"},
		{[]string{"load", "--dsn", dsn, "--rps", "10"}, exitUsage, "duration 0"},
		{[]string{"load", "--dsn", dsn, "--rps", "10", "--duration", "1s", "--table", "a b"}, exitUsage, "letters"},
		{[]string{"load", "--dsn", dsn, "--rps", "10", "--duration", "1s"}, exitFailed, "create table"},
		{[]string{"status", "--admin", "nonsense://x"}, exitUsage, "not a URL"},
		{[]string{"status", "--admin", "127.0.0.1:1"}, exitFailed, "admin listener"},
	} {
		code, stdout, stderr := shell(t, c.args...)
		if code != c.code || !strings.Contains(stderr, c.says) {
			t.Errorf("%v: code %d, want %d and %q\nstderr: %s", c.args, code, c.code, c.says, stderr)
		}
		if strings.Contains(stdout+stderr, "hushhush") {
			t.Errorf("%v shows a secret:\n%s%s", c.args, stdout, stderr)
		}
		if c.code == exitOK && (stdout == "" || stderr != "") {
			t.Errorf("%v: stdout %q, stderr %q", c.args, stdout, stderr)
		}
	}
}

// Libraries register flags on flag.CommandLine; ours must not be among them,
// nor theirs among ours.
func TestFlagsAreOurOwn(t *testing.T) {
	_, out, _ := shell(t, "serve", "--help")
	flag.CommandLine.VisitAll(func(f *flag.Flag) {
		if strings.Contains(out, "-"+f.Name+" ") {
			t.Errorf("serve offers a library's flag %q", f.Name)
		}
	})
	if !strings.Contains(out, "-config") {
		t.Errorf("serve --help:\n%s", out)
	}
}

func TestSignals(t *testing.T) {
	signals := make(chan os.Signal, 2)
	if code := untilSignal(signals, func(context.Context) int { return 7 }); code != 7 {
		t.Errorf("without a signal: %d", code)
	}
	signals <- syscall.SIGTERM
	if code := untilSignal(signals, func(ctx context.Context) int { <-ctx.Done(); return exitOK }); code != exitOK {
		t.Errorf("first signal: %d", code)
	}
	signals <- syscall.SIGINT
	signals <- syscall.SIGINT
	stuck := make(chan struct{})
	defer close(stuck)
	if code := untilSignal(signals, func(context.Context) int { <-stuck; return exitOK }); code != exitInterrupted {
		t.Errorf("second signal: %d", code)
	}
}

func TestStatus(t *testing.T) {
	eta := 90.0
	st := admin.Status{
		Version: "v1.2.3", Mode: "absorb", Uptime: 3601,
		Lanes: []admin.Lane{
			{Name: "main", LSN: 100, Checkpoint: 60, Backlog: 40, Rate: 12.5, ETA: &eta, Owner: "me", Epoch: 2, State: "draining"},
			{Name: "slow", Backlog: 2, State: "retrying", LastError: "mysql is\x1b[31m away"},
		},
		Tables:   []admin.Table{{Name: "a.b", Absorbed: true, Lane: "main", Gate: "open", Pending: 7, Explain: "absorbed: key (id)"}},
		Reasons:  []admin.ReasonCount{{Reason: "where_without_key", Count: 9}},
		Sessions: []admin.Session{{ID: 5, User: "app", Remote: "10.0.0.1:1", BackendID: 77}},
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/api/status":
			w.WriteHeader(http.StatusNotFound)
		case r.Header.Get("Authorization") != "Bearer s3cret":
			http.Error(w, "send the token", http.StatusUnauthorized)
		default:
			_ = json.NewEncoder(w).Encode(&st)
		}
	}))
	defer srv.Close()

	code, _, stderr := shell(t, "status", "--admin", srv.URL)
	if code != exitFailed || !strings.Contains(stderr, "send the token") {
		t.Errorf("without the token: %d %s", code, stderr)
	}
	t.Setenv("SHOCK_ABSORBER_ADMIN_TOKEN", "s3cret")
	code, out, _ := shell(t, "status", "--admin", strings.TrimPrefix(srv.URL, "http://"))
	for _, want := range []string{"version v1.2.3, mode absorb, up 1h0m1s, backlog 42", "main  draining  100  60", "1m30s",
		"last error of slow: mysql is [31m away", "a.b    yes", "where_without_key", "10.0.0.1:1"} {
		if code != exitOK || !strings.Contains(out, want) {
			t.Errorf("code %d, no %q in\n%s", code, want, out)
		}
	}
	code, out, _ = shell(t, "status", "--admin", srv.URL+"/", "--json")
	var got admin.Status
	if err := json.Unmarshal([]byte(out), &got); code != exitOK || err != nil || got.Backlog() != 42 {
		t.Errorf("--json: %d %v %s", code, err, out)
	}
}
