package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/proxy/admin"
)

// operated is an admin listener that notes what is posted to it.
func operated(t *testing.T, posted *[]string) string {
	t.Helper()
	value := "it's\x1b[31m"
	looks := 0
	answers := map[string]any{
		"GET /api/deadletters": []admin.Letter{{ID: 7, Lane: "main", LSN: 3, Tables: "a.b", Code: 3819, Cause: "check\x1b[0m", Rows: 1}},
		"GET /api/deadletters/7": admin.LetterDetail{Letter: admin.Letter{ID: 7, Lane: "main", LSN: 3, Cause: "check"}, Chain: []row.LSN{3, 5},
			Images: []admin.LetterRow{{Table: "a.b", Op: "update", SQL: "UPDATE ...", Columns: []admin.LetterColumn{{Name: "v", Value: &value, Changed: true}, {Name: "w"}}}}},
		"POST /api/deadletters/7/retry":   admin.Request{ID: 4, State: "open", Result: "waits"},
		"POST /api/deadletters/7/discard": admin.Request{ID: 4, State: "failed", Result: "because"},
		"POST /api/deadletters/7/edit":    admin.Request{ID: 4, State: "done", Result: "edited"},
		"POST /api/pause":                 struct{}{},
		"POST /api/resume":                struct{}{},
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method == http.MethodPost {
			if r.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s without JSON", r.URL)
			}
			*posted = append(*posted, r.URL.Path+" "+string(body))
		}
		what, ok := answers[r.Method+" "+r.URL.Path]
		switch {
		case r.URL.Path == "/api/requests/4":
			if looks++; looks > 1 {
				what, ok = admin.Request{ID: 4, State: "done", Result: "applied 2 dead letters"}, true
			} else {
				what, ok = admin.Request{ID: 4, State: "open"}, true
			}
		case r.URL.Path == "/api/wal":
			page := admin.Dump{Lane: "main", Next: 2, More: true, Units: []admin.DumpUnit{{LSN: 2, Accepted: time.Unix(0, 0), SQL: []string{"INSERT 1", "INSERT 2"}}}}
			if r.URL.Query().Get("after") == "2" {
				page = admin.Dump{Lane: "main", Next: 3, Units: []admin.DumpUnit{{LSN: 3, Error: "no table"}}}
			}
			what, ok = page, true
		}
		if !ok {
			http.Error(w, "not found", http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(what)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestOperatorsCommands(t *testing.T) {
	var posted []string
	at := operated(t, &posted)
	for _, c := range []struct {
		args string
		code int
		out  []string
		err  string
	}{
		{"deadletters list", 0, []string{"7   main  3", "3819", "check [0m"}, ""},
		{"deadletters list --json", 0, []string{`[{"id":7,`}, ""},
		{"deadletters show 7", 0, []string{"retry applies lsn 3, 5", "UPDATE ...", `"it's\x1b[31m"  (set)`, "w  NULL"}, ""},
		{"deadletters show 8", 1, nil, "404"},
		{"deadletters retry 7", 0, []string{"applied 2 dead letters"}, ""},
		{"deadletters discard 7", 1, nil, "nothing was changed: because"},
		{"deadletters edit 7 --set v=a=b --row 2 --null w", 0, []string{"edited"}, ""},
		{"deadletters edit 7", 2, nil, "--set"},
		{"deadletters retry 7 --set v=1", 2, nil, "only edit"},
		{"deadletters retry", 2, nil, "needs the id"},
		{"deadletters retry x", 2, nil, "needs the id"},
		{"deadletters", 2, nil, "there are list"},
		{"deadletters --help", 0, []string{"-set column=value"}, ""},
		{"pause", 0, []string{"paused"}, ""},
		{"resume --lane main", 0, []string{"resumed"}, ""},
		{"wal dump", 0, []string{"SET NAMES utf8mb4", "-- lane main lsn 2", "BEGIN;\nINSERT 1;\nINSERT 2;\nCOMMIT;\n", "-- cannot be printed: no table"}, ""},
		{"wal dump --limit 1", 0, []string{"lsn 2"}, ""},
		{"wal eat", 2, nil, "wal dump"},
	} {
		args := strings.Fields(c.args)
		if c.code != 2 && !strings.Contains(c.args, "--help") {
			args = append(args, "--admin", at)
		}
		code, out, stderr := shell(t, args...)
		if code != c.code || !strings.Contains(stderr, c.err) || strings.Contains(out, "\x1b") {
			t.Errorf("%s: %d %q %q", c.args, code, out, stderr)
		}
		for _, want := range c.out {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", c.args, want, out)
			}
		}
	}
	want := []string{`/api/deadletters/7/retry {"by":`, `/api/deadletters/7/discard {"by":`, `"set":[{"row":0,"column":"v","value":"a=b"},{"row":2,"column":"w","value":null}]}`,
		`/api/pause {"lane":""}`, `/api/resume {"lane":"main"}`}
	for i, w := range want {
		if i >= len(posted) || !strings.Contains(posted[i], w) {
			t.Errorf("posted %q, want %q in it", posted, w)
		}
	}
}
