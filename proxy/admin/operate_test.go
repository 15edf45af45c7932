package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// operations note what they were asked for.
func operations(asked *[]string) *Operations {
	note := func(format string, args ...any) { *asked = append(*asked, fmt.Sprintf(format, args...)) }
	return &Operations{
		Letters: func(context.Context) ([]Letter, error) { return []Letter{{ID: 7, Lane: "main", LSN: 3}}, nil },
		Letter: func(_ context.Context, id uint64) (*LetterDetail, error) {
			if id != 7 {
				return nil, fmt.Errorf("%w: no letter", ErrNotFound)
			}
			return &LetterDetail{Letter: Letter{ID: 7}}, nil
		},
		Ask: func(_ context.Context, a Ask) (Request, error) {
			note("%s %d by %s, %d values", a.Verb, a.Letter, a.By, len(a.Set))
			return Request{ID: 1, State: "done"}, nil
		},
		Request: func(_ context.Context, id uint64) (Request, error) { return Request{ID: id, State: "open"}, nil },
		Pause: func(_ context.Context, lane string, pause bool) error {
			note("pause %q %v", lane, pause)
			return nil
		},
		Skip: func(_ context.Context, s Skip) (Request, error) {
			note("skip %q to %d by %s", s.Lane, s.To, s.By)
			return Request{ID: 2, State: "open"}, nil
		},
		Dump: func(_ context.Context, lane string, after row.LSN, most int) (*Dump, error) {
			note("dump %q after %d, %d units", lane, after, most)
			return &Dump{Lane: "main"}, errors.New("redis is away")
		},
	}
}

// post sends a body with header lines "name: value".
func post(t *testing.T, url, body string, headers ...string) (code int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
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

func TestOperations(t *testing.T) {
	var asked []string
	url, _ := start(t, func(c *Config) { c.Operations = operations(&asked) })
	for path, want := range map[string]string{
		"/api/deadletters": `200 [{"id":7,`, "/api/deadletters/7": `200 {"id":7,`, "/api/deadletters/8": "404 not found: no letter", "/api/deadletters/x": "400 ",
		"/api/requests/5": `200 {"id":5,`, "/api/wal?lane=main&after=9&limit=5000": "503 redis is away", "/api/wal?after=x": "400 ", "/api/pause": "405 ",
	} {
		if code, body := get(t, url+path, "", ""); !strings.HasPrefix(fmt.Sprint(code, " ", body), want) {
			t.Errorf("%s: %d %s, want %s", path, code, body, want)
		}
	}
	const kind = "Content-Type: application/json; charset=utf-8"
	for _, c := range []struct{ path, body, want string }{
		{"/api/deadletters/7/retry", `{"by":"me"}`, "200 "},
		{"/api/deadletters/7/edit", `{"by":"me","set":[{"column":"a","value":null}]}`, "200 "},
		{"/api/deadletters/7/burn", `{}`, "404 "},
		{"/api/deadletters/7/discard", `{"nonsense":1}`, "400 "},
		{"/api/deadletters/7/discard", ``, "400 "},
		{"/api/pause", `{"lane":"main"}`, "200 "},
		{"/api/resume", `{}`, "200 "},
		{"/api/skip", `{"lane":"main","to":6,"by":"me"}`, `200 {"id":2,`},
		{"/api/skip", `{"lane":"main"}`, "400 "},
		{"/api/skip", `{"to":6}`, "400 "},
	} {
		if code, body := post(t, url+c.path, c.body, kind); !strings.HasPrefix(fmt.Sprint(code, " ", body), c.want) {
			t.Errorf("%s %s: %d %s, want %s", c.path, c.body, code, body, c.want)
		}
	}
	if want := `dump "main" after 9, 1000 units|retry 7 by me, 0 values|edit 7 by me, 1 values|pause "main" true|pause "" false|skip "main" to 6 by me`; strings.Join(asked, "|") != want {
		t.Errorf("asked for %q, want %q", strings.Join(asked, "|"), want)
	}
}

// The page of another site, in a browser of the operator, must not get through:
// it cannot send JSON without asking, and a browser says where it comes from.
func TestOperationsRefuseOtherSites(t *testing.T) {
	var asked []string
	url, _ := start(t, func(c *Config) { c.Operations = operations(&asked) })
	const kind = "Content-Type: application/json"
	host := strings.TrimPrefix(url, "http://")
	for _, c := range []struct {
		headers []string
		want    int
	}{
		{nil, 415},
		{[]string{"Content-Type: text/plain"}, 415},
		{[]string{"Content-Type: application/x-www-form-urlencoded"}, 415},
		{[]string{kind, "Sec-Fetch-Site: cross-site"}, 403},
		{[]string{kind, "Sec-Fetch-Site: same-site"}, 403},
		{[]string{kind, "Origin: http://evil.example"}, 403},
		{[]string{kind, "Origin: null"}, 403},
		{[]string{kind, "Origin: http://" + host, "Sec-Fetch-Site: same-origin"}, 200},
	} {
		asked = nil
		if code, body := post(t, url+"/api/deadletters/7/discard", "{}", c.headers...); code != c.want || (len(asked) > 0) != (code == 200) {
			t.Errorf("%v: %d %s", c.headers, code, body)
		}
	}
	guarded, _ := start(t, func(c *Config) { c.Operations, c.Token = operations(&asked), "s3cret" })
	asked = nil
	if code, _ := post(t, guarded+"/api/pause", "{}", kind); code != 401 || len(asked) > 0 {
		t.Errorf("without the token: %d", code)
	}
	if code, _ := post(t, guarded+"/api/pause", "{}", kind, "Authorization: Bearer s3cret"); code != 200 {
		t.Errorf("with the token: %d", code)
	}
}

// Where nothing is absorbed there is nothing to operate.
func TestNoOperations(t *testing.T) {
	url, _ := start(t, func(*Config) {})
	if code, _ := get(t, url+"/api/deadletters", "", ""); code != 404 {
		t.Errorf("%d", code)
	}
}
