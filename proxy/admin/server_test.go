package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// sample is a status with every field set.
func sample() Status {
	eta := 12.5
	return Status{
		Version: "v1", Started: time.Unix(1700000000, 0).UTC(), Uptime: 3.5, Mode: "absorb",
		Lanes: []Lane{{Name: "main", LSN: 10, Relayed: 9, Checkpoint: 8, Backlog: 2, Rate: 50, ETA: &eta,
			Owner: "host/1", Epoch: 3, State: "draining", LastError: "x", DeadLetters: 1}},
		Tables:   []Table{{Name: "a.b", Absorbed: true, Explain: "absorbed", Lane: "main", Gate: "open", Pending: 2}},
		Reasons:  []ReasonCount{{Reason: "join", Count: 7}},
		Sessions: []Session{{ID: 1, User: "app", Remote: "127.0.0.1:1", BackendID: 9}},
		Settings: []Setting{{Key: "proxy.listen", Value: "127.0.0.1:3307"}},
	}
}

// start runs a server; stop ends it and returns what Run returned.
func start(t *testing.T, mutate func(*Config)) (url string, stop func() error) {
	t.Helper()
	reg := prometheus.NewRegistry()
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: "shockabsorber_test_total", Help: "x"})
	reg.MustRegister(c)
	c.Add(42)
	cfg := Config{
		Listen: "127.0.0.1:0", Gatherer: reg,
		Status: func(context.Context) (Status, error) { return sample(), nil },
		Ready:  func(context.Context) error { return nil },
		Logger: slog.New(slog.DiscardHandler),
	}
	mutate(&cfg)
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() error {
		cancel()
		if stopped {
			return nil
		}
		stopped = true
		return <-done
	}
	t.Cleanup(func() { _ = stop() })
	return "http://" + s.Addr(), stop
}

// get asks for url, with a header line if one is given.
func get(t *testing.T, url, header, value string) (code int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	switch header {
	case "":
	case "Host":
		req.Host = value
	default:
		req.Header.Set(header, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestServerAnswers(t *testing.T) {
	url, stop := start(t, func(*Config) {})
	if code, body := get(t, url+"/healthz", "", ""); code != 200 || body != "ok\n" {
		t.Errorf("/healthz: %d %q", code, body)
	}
	if code, body := get(t, url+"/readyz", "", ""); code != 200 || body != "ready\n" {
		t.Errorf("/readyz: %d %q", code, body)
	}
	if code, body := get(t, url+"/metrics", "", ""); code != 200 || !strings.Contains(body, "shockabsorber_test_total 42") {
		t.Errorf("/metrics: %d %q", code, body)
	}
	code, body := get(t, url+"/api/status", "", "")
	var got Status
	if err := json.Unmarshal([]byte(body), &got); code != 200 || err != nil || !reflect.DeepEqual(got, sample()) {
		t.Errorf("/api/status: %d %v\n%s", code, err, body)
	}
	if got.Backlog() != 2 {
		t.Errorf("backlog = %d", got.Backlog())
	}
	if code, _ := get(t, url+"/nothing", "", ""); code != 404 {
		t.Errorf("/nothing: %d", code)
	}
	res, err := http.Post(url+"/api/status", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", res.StatusCode)
	}
	if err := stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if _, err := net.DialTimeout("tcp", strings.TrimPrefix(url, "http://"), time.Second); err == nil {
		t.Error("still listening after Run has returned")
	}
}

func TestServerFailures(t *testing.T) {
	url, _ := start(t, func(c *Config) {
		c.Ready = func(context.Context) error { return errors.New("redis is away") }
		c.Status = func(context.Context) (Status, error) { return Status{}, errors.New("no lanes") }
	})
	for path, want := range map[string]string{"/readyz": "redis is away\n", "/api/status": "no lanes\n"} {
		if code, body := get(t, url+path, "", ""); code != 503 || body != want {
			t.Errorf("%s: %d %q", path, code, body)
		}
	}
	if code, _ := get(t, url+"/healthz", "", ""); code != 200 {
		t.Errorf("/healthz: %d while not ready", code)
	}
}

func TestServerToken(t *testing.T) {
	url, _ := start(t, func(c *Config) { c.Token = "s3cret" })
	for _, path := range []string{"/readyz", "/metrics", "/api/status"} {
		for _, value := range []string{"", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3cret2", "Basic s3cret", "s3cret"} {
			if code, body := get(t, url+path, "Authorization", value); code != 401 || strings.Contains(body, "s3cret") {
				t.Errorf("%s with %q: %d %q", path, value, code, body)
			}
		}
		for _, value := range []string{"Bearer s3cret", "bearer s3cret"} {
			if code, _ := get(t, url+path, "Authorization", value); code != 200 {
				t.Errorf("%s with %q: %d", path, value, code)
			}
		}
	}
	if code, _ := get(t, url+"/healthz", "", ""); code != 200 {
		t.Errorf("/healthz needs a token: %d", code)
	}
}

// A page in a browser on this machine must not read the status through a name
// that its own DNS server points here.
func TestServerRefusesForeignHosts(t *testing.T) {
	url, _ := start(t, func(*Config) {})
	for host, want := range map[string]int{
		"evil.example": 403, "evil.example:8080": 403, "127.0.0.1.evil.example": 403,
		"localhost": 200, "localhost:1": 200, "127.0.0.1": 200, "[::1]:8080": 200, "[::1]": 200,
	} {
		if code, _ := get(t, url+"/api/status", "Host", host); code != want {
			t.Errorf("host %s: %d, want %d", host, code, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for listen, want := range map[string]string{
		"0.0.0.0:0": "no token", ":0": "no token", "[::]:0": "no token", "example.com:0": "no token", "nonsense": "admin address",
	} {
		if _, err := New(Config{Listen: listen, Logger: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", listen, err)
		}
	}
	url, _ := start(t, func(*Config) {})
	if _, err := New(Config{Listen: strings.TrimPrefix(url, "http://"), Logger: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("an address in use was taken")
	}
}
