package e2e

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/proxy/admin"
)

// api asks an admin listener; what nil is a GET.
func api(t *testing.T, r *running, path string, what, into any) (code int, body string) {
	t.Helper()
	method, send := http.MethodGet, []byte(nil)
	if what != nil {
		method = http.MethodPost
		var err error
		if send, err = json.Marshal(what); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+r.Admin+path, bytes.NewReader(send))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if into != nil && res.StatusCode == http.StatusOK {
		if err := json.Unmarshal(data, into); err != nil {
			t.Fatalf("%s: %v\n%s", path, err, data)
		}
	}
	return res.StatusCode, string(data)
}

// rowsOf reads a query as text, a line each.
func rowsOf(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	rs, err := db.Query(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rs.Close()
	cols, err := rs.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for rs.Next() {
		vals, into := make([]sql.NullString, len(cols)), make([]any, len(cols))
		for i := range vals {
			into[i] = &vals[i]
		}
		if err := rs.Scan(into...); err != nil {
			t.Fatal(err)
		}
		var line []string
		for _, v := range vals {
			line = append(line, v.String)
		}
		out = append(out, strings.Join(line, "|"))
	}
	if err := rs.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, "\n")
}

// TestDeadLetters is poison seen by applications and by an operator, with two
// proxies: one drains, and what is asked of the other reaches it.
func TestDeadLetters(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			server := backend.start(t)
			database := server.Database(t)
			server.Exec(t, database, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v VARCHAR(40) COLLATE utf8mb4_bin NOT NULL, n INT NOT NULL DEFAULT 0)",
				"INSERT INTO t VALUES (1,'old',1),(2,'two',2)")
			redis := servertest.Redis(t).Addr
			var proxies [2]*running
			for i := range proxies {
				cfg := settings(t, server, redis)
				cfg.WriteBack.DrainRate = 1000
				cfg.Tables = map[string]config.Table{database + ".t": {}}
				cfg.Admin.Listen = "127.0.0.1:0"
				proxies[i] = start(t, server, cfg)
			}
			// Behind the proxies' back MySQL learns to refuse a value.
			server.Exec(t, database, "ALTER TABLE t ADD CONSTRAINT clean CHECK (v <> 'poison')")
			var owner, other *running
			until(t, "one of the two to drain", func() bool {
				for i, r := range proxies {
					var st admin.Status
					if api(t, r, "/api/status", nil, &st); st.Lanes[0].Owner != "" {
						owner, other = r, proxies[1-i]
						return true
					}
				}
				return false
			})
			poison(t, owner, other, server, database)
		})
	}
}

// poison is the test once it is known who drains.
func poison(t *testing.T, owner, other *running, server *servertest.DB, database string) {
	app, direct := other.open(t, database), server.Open(t, database)
	if code, body := api(t, other, "/api/pause", map[string]string{}, nil); code != 200 {
		t.Fatalf("pause: %d %s", code, body)
	}
	time.Sleep(200 * time.Millisecond) // until the owner has heard of it
	mustExec(t, app, "INSERT INTO t VALUES (10,'a',1)", "UPDATE t SET v='poison' WHERE id=1", "UPDATE t SET v='TWO' WHERE id=2",
		"UPDATE t SET n=n+10 WHERE id=1", "UPDATE t SET n=n+10 WHERE id=1", "INSERT INTO t VALUES (11,'b',1)")
	var dump admin.Dump
	if code, body := api(t, other, "/api/wal?lane=main&limit=4", nil, &dump); code != 200 || len(dump.Units) != 4 || !dump.More ||
		!strings.HasSuffix(dump.Units[0].SQL[0], "VALUES (10,'a',1)") {
		t.Errorf("dump: %d %s", code, body)
	}
	if got := rowsOf(t, app, "SELECT * FROM shock_absorber.pending"); strings.Count(got, "main|"+database+".t|") != 4 || !strings.Contains(got, ".t|1|") {
		t.Errorf("pending:\n%s", got)
	}
	if code, body := api(t, owner, "/api/resume", map[string]string{"lane": "main"}, nil); code != 200 {
		t.Fatalf("resume: %d %s", code, body)
	}
	until(t, "the lane to drain", func() bool { return readLane(t, app).backlog == 0 })
	if got := rowsOf(t, direct, "SELECT id, v FROM t WHERE id <> 1 ORDER BY id"); got != "2|TWO\n10|a\n11|b" {
		t.Errorf("the other rows:\n%s", got)
	}
	row1 := func(want string) {
		t.Helper()
		for name, db := range map[string]*sql.DB{"MySQL": direct, "one proxy": owner.open(t, database), "the other": app} {
			if got := rowsOf(t, db, "SELECT v, n FROM t WHERE id = 1"); got != want {
				t.Errorf("%s has %q, want %q", name, got, want)
			}
		}
	}
	// Unless the batch folded the three into one, there are three.
	listed := func(table, of string) (out []string) { // other tests may have left some of their own
		for _, line := range strings.Split(rowsOf(t, app, "SELECT * FROM shock_absorber."+table), "\n") {
			if strings.Contains(line, of) {
				out = append(out, line)
			}
		}
		return out
	}
	letters := listed("dead_letters", "|"+database+".t|")
	if len(letters) != 3 || !strings.Contains(letters[0], "clean") || !strings.Contains(letters[2], "parked behind") {
		t.Fatalf("dead letters:\n%s", strings.Join(letters, "\n"))
	}
	row1("old|1")
	first, _, _ := strings.Cut(letters[0], "|")
	if _, err := app.Exec("CALL shock_absorber.retry(" + first + ")"); err == nil || !strings.Contains(err.Error(), "clean") {
		t.Errorf("a retry that fails again: %v", err)
	}
	if _, err := app.Exec("CALL shock_absorber.discard(4711)"); err == nil || !strings.Contains(err.Error(), "no such dead letter") {
		t.Errorf("discard of nothing: %v", err)
	}
	mustExec(t, app, "UPDATE t SET n=n+100 WHERE id=1") // on MySQL's truth; it waits too
	var detail admin.LetterDetail
	if code, body := api(t, other, "/api/deadletters/"+first, nil, &detail); code != 200 || !strings.HasSuffix(detail.Images[0].SQL, "SET `v`='poison' WHERE `id`=1") ||
		len(detail.Behind) < 2 || len(detail.Chain) < 3 {
		t.Errorf("show: %d %s", code, body)
	}
	cured := "cured"
	var r admin.Request
	if code, body := api(t, other, "/api/deadletters/"+first+"/edit", admin.Ask{By: "me", Set: []admin.LetterSet{{Column: "v", Value: &cured}}}, &r); code != 200 || r.State != "done" {
		t.Fatalf("edit: %d %s", code, body)
	}
	// The table is altered through the proxy before the retry.
	mustExec(t, app, "ALTER TABLE t ADD COLUMN extra INT NOT NULL DEFAULT 7 AFTER id")
	mustExec(t, app, "CALL shock_absorber.retry("+first+")")
	row1("cured|101") // n as the last of the four saw and set it
	if got := listed("dead_letters", "|"+database+".t|"); len(got) > 0 {
		t.Errorf("left: %q", got)
	}
	if got := strings.Join(listed("requests", "|"+first+"|"), "\n"); strings.Count(got, "|done|") != 2 || strings.Count(got, "|failed|") != 1 || !strings.Contains(got, "|edit|"+first+"|me|") {
		t.Errorf("requests:\n%s", got)
	}
	mustExec(t, app, "UPDATE t SET n=n+1 WHERE id=1")
	until(t, "the lane to drain", func() bool { return readLane(t, app).backlog == 0 })
	row1("cured|102")
	if code, body := api(t, other, fmt.Sprintf("/api/deadletters/%s/retry", first), admin.Ask{}, nil); code != 404 {
		t.Errorf("a letter that is gone: %d %s", code, body)
	}
}
